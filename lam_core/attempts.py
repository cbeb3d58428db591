"""A model's own attempts at tasks, of which those that the page rewarded teach.

What is easy is learned already: an episode that was not done is tried again, each time less
greedily, until it is rewarded or given up. The attempts of a task are kept in one file, so that
a run that was stopped goes on with the next task.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from lam_core.act_types import Done
from lam_core.browser import open_browser
from lam_core.browser_page import PageGone
from lam_core.dataset import Dataset, build_examples, load_dataset, write_atomically
from lam_core.evaluate import run_episode
from lam_core.examples import Example
from lam_core.features import Kind, featurise, read
from lam_core.miniwob_env import Episodes
from lam_core.model import ActionModel
from lam_core.policy import ModelPolicy, past_of
from lam_core.words import Token, tokens_of

Tell = Callable[[str], None]
OWN = "self"
"""The contributor that stands for the model's own attempts."""

SELDOM, ALMOST_ALWAYS = 0.1, 0.95
"""Shares of attempts rewarded between which there is something to learn. Below, a reward is luck as
often as skill, and a few pages stand for the task; above, the model can do it."""

LIMIT_MS = 60_000
"""Time for an attempt. What is right is to be learned here, on however busy a machine."""


@dataclass(frozen=True, slots=True)
class Attempting:
    """How much is tried of each task.

    At most `attempts`, until `enough` were rewarded, or none of the first `hopeless`. An episode
    is tried `tries` times; the first time at `temperature`, the second at twice that, and so on.
    """

    attempts: int = 90
    enough: int = 50
    hopeless: int = 40
    tries: int = 3
    temperature: float = 0.25
    seed: str = "improve"


@dataclass(frozen=True, slots=True)
class Tally:
    """What came of the attempts at a task."""

    attempts: int = 0
    rewarded: int = 0

    @property
    def teaches(self) -> bool:
        """Whether the rewarded attempts show what the model can do and does not always do."""
        return SELDOM <= self.rewarded / max(1, self.attempts) <= ALMOST_ALWAYS

    def __add__(self, other: "Tally") -> "Tally":
        """Both together."""
        return Tally(self.attempts + other.attempts, self.rewarded + other.rewarded)


@dataclass(slots=True)
class Attempt:
    """One attempt at an episode: the examples it gives, None where it was not rewarded."""

    episode: int
    tried: int
    examples: list[Example] | None


def attempt_tasks(
    model: ActionModel,
    tasks: Sequence[str],
    how: Attempting,
    folder: Path,
    tell: Tell = lambda text: None,
) -> None:
    """Make the attempts at the tasks that `folder` does not hold yet. Raises BrowserError, NoPage.

    Each task has `TASK.json`, a Tally, and `TASK.npz` with the examples, where any was rewarded.
    """
    for task in tasks:
        tallied = folder / f"{task}.json"
        if tallied.exists():
            continue
        made = _attempts(model, task, how)
        rewarded = [attempt.examples for attempt in made if attempt.examples]
        if rewarded:
            numbered = enumerate(rewarded)
            own = build_examples((OWN, task, number, examples) for number, examples in numbered)
            own.save(folder / f"{task}.npz")
        tally = Tally(len(made), len(rewarded))
        write_atomically(tallied, json.dumps(asdict(tally)).encode())
        tell(f"{task}: {tally.rewarded} of {tally.attempts} attempts rewarded")


def tally_of(folder: Path) -> dict[str, Tally]:
    """By task, what `attempt_tasks` has made in a folder."""
    return {path.stem: Tally(**json.loads(path.read_bytes())) for path in _sorted(folder, "json")}


def rewarded_of(folder: Path) -> list[Dataset]:
    """The examples of rewarded attempts in a folder, a dataset for each task they teach."""
    tallies = tally_of(folder)
    return [load_dataset(path) for path in _sorted(folder, "npz") if tallies[path.stem].teaches]


def _sorted(folder: Path, ending: str) -> list[Path]:
    return sorted(path for path in folder.glob(f"*.{ending}") if not path.name.startswith("."))


def next_attempt(made: Sequence[Attempt], how: Attempting) -> tuple[int, int] | None:
    """The episode to try next and how often it was tried before; None when it is enough."""
    rewarded = sum(attempt.examples is not None for attempt in made)
    hopeless = len(made) >= how.hopeless and not rewarded
    if len(made) >= how.attempts or rewarded >= how.enough or hopeless:
        return None
    if not made:
        return 0, 0
    last = made[-1]
    if last.examples is None and last.tried + 1 < how.tries:
        return last.episode, last.tried + 1
    return last.episode + 1, 0


def _attempts(model: ActionModel, task: str, how: Attempting) -> list[Attempt]:
    """All attempts at a task. A browser that died is started again for the next one."""
    made: list[Attempt] = []
    following = next_attempt(made, how)
    while following:
        with open_browser() as browser:
            pages = Episodes(browser, limit_ms=LIMIT_MS)
            while following and browser.is_connected():
                examples = _attempt(pages, model, task, how, *following)
                made.append(Attempt(*following, examples))
                following = next_attempt(made, how)
    return made


def _attempt(
    pages: Episodes, model: ActionModel, task: str, how: Attempting, episode: int, tried: int
) -> list[Example] | None:
    policy = ModelPolicy(
        model,
        finishes=False,
        sampled=torch.Generator().manual_seed(1000 * episode + tried),
        temperature=how.temperature * (1 + tried),
    )
    seed = f"{how.seed}/{task}/{episode}"
    try:
        made, history = run_episode(pages, policy, arm="attempt", task=task, seed=seed)
    except PageGone:
        return None
    return examples_of_attempt(made.goal, history) if made.done else None


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
