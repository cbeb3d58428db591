"""Unlearning: the weights that training without a contributor would have made, for less.

Contributors are let into training by stages that depend on nobody else (lam_core/training.py).
Until the stage of a contributor began, training never saw them: it goes on from the checkpoint
of that moment with everybody but them, and comes out bit for bit as if they had never been there.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from lam_core.dataset import Dataset
from lam_core.model_release import (
    contributor_digest,
    read_manifest,
    write_release,
)
from lam_core.training import (
    CHECKPOINT,
    CURVE,
    Config,
    Report,
    Trainer,
    TrainingError,
    config_of,
    stage_checkpoint,
    stage_of,
)


@dataclass(frozen=True, slots=True)
class Unlearned:
    """What came of it: the new release's hash, and how many of the steps had to be done again."""

    hash: str
    steps_done: int
    steps_total: int

    @property
    def times_cheaper(self) -> float:
        """How many times cheaper than training anew."""
        return self.steps_total / max(1, self.steps_done)


def unlearn(
    data: Dataset, *, contributor: str, trained: Path, out: Path, report: Report | None = None
) -> Unlearned:
    """Write to `out` the release without a contributor. `trained` is the folder of the run.

    Raises DataError for somebody who contributed nothing, TrainingError when the run's
    checkpoints are missing or of other data, or when it began with another release's weights.
    """
    manifest = read_manifest(trained)
    config = config_of(manifest["made_of"]["config"])
    if config.base:
        # The attempts are those of a model that everybody's recordings made.
        raise TrainingError(
            f"{manifest['name']} learned from attempts of the release it came from: forget in that "
            "one, then improve it again; no attempt made before may be used"
        )
    if manifest["made_of"]["data"] != data.digest():
        raise TrainingError(f"{trained} was not trained on this data")
    rest = data.without(contributor)
    stage = stage_of(contributor, config)
    _start_before(stage, trained, out)
    trainer = Trainer(rest, config, out)
    first = trainer.step
    trainer.run(report)
    name = f"{manifest['name']}-without-{contributor_digest(contributor)[:6]}"
    made = write_release(trainer, rest, out, name=name, metrics={})
    return Unlearned(made["hash"], trainer.step - first, config.steps)


def affected(contributor: str, releases: Path) -> dict[str, bool]:
    """For each release below a folder, by name, whether the contributor's work is in it."""
    digest = contributor_digest(contributor)
    manifests = [read_manifest(path.parent) for path in sorted(releases.glob("**/manifest.json"))]
    return {m["name"]: digest in m.get("contributors", ()) for m in manifests}


def expected_share(config: Config) -> float:
    """The share of the steps that forgetting one contributor costs on average."""
    total = sum(people for people, _ in config.stages)
    cost = 0.0
    for (people, _), first in zip(config.stages, config.first_steps(), strict=True):
        cost += people / total * (config.steps - first) / config.steps
    return cost


def _start_before(stage: int, trained: Path, out: Path) -> None:
    """Lay out a run in `out` as it was before a stage began."""
    if out.exists() and any(out.iterdir()):
        raise TrainingError(f"{out} is not empty")
    out.mkdir(parents=True, exist_ok=True)
    if stage == 0:
        return
    state = stage_checkpoint(trained, stage)
    if not state.exists():
        raise TrainingError(f"{state} is missing: the run can only be trained anew")
    shutil.copyfile(state, out / CHECKPOINT)
    for earlier in range(1, stage):
        kept = stage_checkpoint(out, earlier)
        kept.parent.mkdir(exist_ok=True)
        shutil.copyfile(stage_checkpoint(trained, earlier), kept)
    if (trained / CURVE).exists():
        shutil.copyfile(trained / CURVE, out / CURVE)
