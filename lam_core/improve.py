"""Self-training: learn on from one's own attempts that the page rewarded.

The same number of rewarded attempts per task joins the demonstrations. Beside the candidate a
control is trained for as many steps on demonstrations alone, so that more training is not taken
for better data. Tasks on which the candidate does worse than the release it came from lose their
attempts, and the candidate is trained anew without them. Attempts, training and episodes are kept
in the folder, so that a round that was stopped goes on where it was.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from lam_core.act_types import Done
from lam_core.browser import open_browser
from lam_core.browser_page import PageGone
from lam_core.card import write_card
from lam_core.dataset import (
    Dataset,
    build_examples,
    concatenate,
    load_dataset,
    write_atomically,
)
from lam_core.evaluate import Evaluation, evaluate, run_episode
from lam_core.examples import Example
from lam_core.features import Kind, featurise, read
from lam_core.miniwob_env import Episodes
from lam_core.model import ActionModel
from lam_core.model_release import load_release, write_release
from lam_core.policy import ModelPolicy, past_of
from lam_core.training import Config, Trainer, config_of
from lam_core.words import Token, tokens_of

Tell = Callable[[str], None]
GATE, RESULT = "gate.jsonl", "result.json"
OWN = "self"
"""The contributor of the model's own attempts."""


@dataclass(frozen=True, slots=True)
class Rounds:
    """How much is tried: attempts per task, further steps, episodes per task to judge by."""

    episodes: int = 20
    steps: int = 1200
    gate_episodes: int = 6
    kept_per_task: int = 10
    rate_millionths: int = 500
    temperature: float = 0.7
    seed: str = "improve"


@dataclass(slots=True)
class Improved:
    """What came of it, in percent of episodes done."""

    attempts: int
    rewarded: int
    before: float
    control: float
    after: float
    rolled_back: list[str] = field(default_factory=list)
    accepted: bool = False
    hash: str = ""

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def improve(
    data: Dataset,
    *,
    trained: Path,
    out: Path,
    tasks: Sequence[str],
    rounds: Rounds,
    tell: Tell = lambda text: None,
) -> Improved:
    """Write a better release to `out`, or none when it is not better than its control.

    Raises BrowserError, ReleaseError, NoPage.
    """
    base = load_release(trained)
    own, counts = _attempts(base.model, tasks, rounds, out, tell)
    config = _further(config_of(base.manifest["made_of"]["config"]), base, rounds)
    tell("training the control and the candidate")
    mixed = concatenate([data, own])
    models = {
        "before": base.model,
        "control": _trained(data, config, out / "control", base.model).model,
    }
    candidate = _trained(mixed, config, out / "candidate", base.model)
    judged = _judge({**models, "after": candidate.model}, tasks, rounds, out)
    worse = worse_tasks(judged, tasks)
    arm = "after"
    if worse:
        tell(f"worse and left out: {', '.join(worse)}")
        kept = [task for task in own.tasks if task not in worse]
        mixed = concatenate([data, own.of_tasks(kept)]) if kept else data
        candidate = _trained(mixed, config, out / "second", base.model)
        arm = "after rollback"
        judged = _judge({**models, arm: candidate.model}, tasks, rounds, out)
    result = Improved(
        attempts=counts["attempts"],
        rewarded=counts["rewarded"],
        before=judged.mean("before"),
        control=judged.mean("control"),
        after=judged.mean(arm),
        rolled_back=worse,
    )
    result.accepted = result.after > max(result.before, result.control)
    if result.accepted:
        name = f"{base.name}-improved"
        metrics = {"reward_trained": True}
        made = write_release(candidate, mixed, out, name=name, metrics=metrics)
        write_card(out)
        result.hash = made["hash"]
    write_atomically(out / RESULT, json.dumps(result.document()).encode())
    return result


def _attempts(
    model: ActionModel, tasks: Sequence[str], rounds: Rounds, out: Path, tell: Tell
) -> tuple[Dataset, dict[str, int]]:
    """The rewarded attempts, and how many were made and rewarded; made once and then kept."""
    made, counted = out / "attempts.npz", out / "attempts.json"
    if made.exists():
        return load_dataset(made), json.loads(counted.read_bytes())
    own, attempts, rewarded = attempt(model, tasks, rounds, tell)
    counts = {"attempts": attempts, "rewarded": rewarded}
    write_atomically(counted, json.dumps(counts).encode())
    own.save(made)
    return own, counts


def attempt(
    model: ActionModel, tasks: Sequence[str], rounds: Rounds, tell: Tell
) -> tuple[Dataset, int, int]:
    """Examples of rewarded attempts, how many were made, and how many rewarded."""
    made: list[tuple[str, str, int, list[Example]]] = []
    attempts = rewarded = 0
    for task in tasks:
        kept = 0
        with open_browser() as browser:
            pages = Episodes(browser)
            for number in range(rounds.episodes):
                if kept >= rounds.kept_per_task:
                    break
                attempts += 1
                examples = _attempt(pages, model, task, rounds, number)
                if examples:
                    kept += 1
                    rewarded += 1
                    made.append((OWN, task, len(made), examples))
        tell(f"{task}: {kept} rewarded")
    return build_examples(made), attempts, rewarded


def _attempt(
    pages: Episodes, model: ActionModel, task: str, rounds: Rounds, number: int
) -> list[Example]:
    random = torch.Generator().manual_seed(number)
    policy = ModelPolicy(model, finishes=False, sampled=random, temperature=rounds.temperature)
    seed = f"{rounds.seed}/{task}/{number}"
    try:
        made, history = run_episode(pages, policy, arm="attempt", task=task, seed=seed)
    except PageGone:
        return []
    return examples_of_attempt(made.goal, history) if made.done else []


def examples_of_attempt(instruction: str, history: Sequence[Done]) -> list[Example]:
    """What the steps of an attempt teach; those without effect teach nothing."""
    examples = []
    for position, done in enumerate(history):
        past = past_of(history[: position + 1])
        if not done.changed or done.action.target is None or not past:
            continue
        page = read(instruction, done.observation)
        node = page.node_at(done.action.target)
        kind = past[-1].kind
        span = _span(tokens_of(instruction), instruction, done.action.text)
        if node < 0 or (kind in (Kind.TYPE, Kind.SELECT) and span is None):
            continue
        features = featurise(instruction, page, past[:-1])
        examples.append(Example(features, [(node, kind)], span))
    return examples


def _span(tokens: Sequence[Token], instruction: str, text: str) -> tuple[int, int] | None:
    if not text:
        return None
    for first in range(len(tokens)):
        for last in range(first, len(tokens)):
            if instruction[tokens[first].start : tokens[last].end] == text:
                return first, last
    return None


def _further(config: Config, base: Any, rounds: Rounds) -> Config:
    return Config(
        shape=config.shape,
        seed=config.seed,
        steps=rounds.steps,
        batch=config.batch,
        rate_millionths=rounds.rate_millionths,
        base=base.manifest["made_of"]["weights"],
    )


def _trained(data: Dataset, config: Config, folder: Path, start: ActionModel) -> Trainer:
    trainer = Trainer(data, config, folder, start=start.state_dict())
    trainer.run()
    trainer.model.eval()
    return trainer


def _judge(
    models: dict[str, ActionModel], tasks: Sequence[str], rounds: Rounds, out: Path
) -> Evaluation:
    policies = {arm: ModelPolicy(model, finishes=False) for arm, model in models.items()}
    return evaluate(
        {arm: lambda task, policy=policy: policy for arm, policy in policies.items()},  # type: ignore[misc]
        tasks=tasks,
        episodes=rounds.gate_episodes,
        seed=f"{rounds.seed}-gate",
        log=out / GATE,
    )


def worse_tasks(judged: Evaluation, tasks: Sequence[str]) -> list[str]:
    """Tasks done less often than before, by more than one episode."""

    def count(arm: str, task: str) -> int:
        return sum(episode.done for episode in judged.of(arm, task))

    return [task for task in tasks if count("after", task) < count("before", task) - 1]
