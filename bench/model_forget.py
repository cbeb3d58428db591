"""What forgetting costs against what it takes away: the same model trained in stages.

Whoever joined late is forgotten from the checkpoint before, with the few steps after it done
again. The fewer steps most people take part in, the cheaper, and the less is learned from them.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bench.report import Figure, figure
from lam_core.evaluate import Evaluation
from lam_core.training import Config
from lam_core.unlearn import expected_share

STAGES = {
    "stages-2": ((20, 70), (80, 30)),
    "stages-5": ((5, 85), (95, 15)),
}
"""Percent of contributors and of steps of each stage; the names say about how much cheaper."""


def forgetting_arms(config: Config) -> dict[str, Config]:
    """The runs of the curve by name; training at once, the first point, is another part's."""
    return {name: replace(config, stages=stages) for name, stages in STAGES.items()}


def forgetting_figures(state: Path, seed: int, found: Callable[[str], Evaluation]) -> list[Figure]:
    """How much cheaper than training anew on average, and the points lost, for each run judged."""
    once = found(f"seed-{seed}")
    made = []
    for name, config in forgetting_arms(Config(seed=seed)).items():
        judged = found(name)
        if not judged.episodes or not once.episodes:
            continue
        made_in_both = {(e.task, e.seed) for e in judged.episodes}
        same = Evaluation([e for e in once.episodes if (e.task, e.seed) in made_in_both])
        cheaper = 1 / expected_share(config)
        told = f"{name} ({len(judged.episodes)} episodes)"
        made.append(figure(f"{told}: forgetting cheaper than training anew", cheaper, "×"))
        made.append(figure(f"{told}: lost", same.mean("model") - judged.mean("model"), "points"))
    return made
