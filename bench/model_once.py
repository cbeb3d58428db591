"""One recording of each of ten tasks, run on instances that nobody recorded.

By anchors alone, by anchors with the model where they fail, and replayed literally: at the same
coordinates, at the same place of the page's tree, and by the same text.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.report import Figure, figure
from lam_core.act import allow
from lam_core.act_types import Goal, Policy
from lam_core.browser import open_browser
from lam_core.literal_replay import WAYS, Way, replay
from lam_core.miniwob_env import Episodes
from lam_core.model_release import ModelRelease
from lam_core.policy import ModelPolicy
from lam_core.record_once import Automation, AutomationError, make, repeat, used
from lam_core.recordings import Reading, sources, workflows
from lam_core.schema import Workflow

TASKS = (
    "choose-date-easy",
    "choose-list",
    "click-checkboxes",
    "click-link",
    "click-tab-2",
    "email-inbox",
    "enter-password",
    "login-user",
    "multi-layouts",
    "use-autocomplete",
)
INSTANCES = 20
SEED = "once"
PATIENCE_MS = 300
ANCHORS, WITH_MODEL = "anchors", "anchors and model"
LITERAL = tuple(f"literal replay by {way}" for way in WAYS)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run: whether the page gave the full reward, what found the targets, why it ended."""

    way: str
    task: str
    number: int
    done: bool
    used: str
    reason: str


def repeat_tasks(recordings: Path, log: Path, release: ModelRelease) -> None:
    """Make the attempts that the log does not hold yet."""
    known = {(a.way, a.task, a.number) for a in attempts(log)}
    policy = ModelPolicy(release.model, finishes=False)
    log.parent.mkdir(parents=True, exist_ok=True)
    with open_browser() as browser:
        episodes = Episodes(browser)
        for task in TASKS:
            workflow = first_recording(recordings, task)
            episodes.start(task, SEED)
            automation = make(workflow, episodes.live)
            for way, run in _ways(workflow, automation, policy).items():
                for number in range(INSTANCES):
                    if (way, task, number) in known:
                        continue
                    goal = episodes.start(task, f"{SEED}/{task}/{number}")
                    told = run(episodes, goal)
                    made = Attempt(way, task, number, episodes.reward() == 1, *told)
                    with log.open("a") as file:
                        file.write(json.dumps(asdict(made)) + "\n")


Run = Callable[[Episodes, Goal], tuple[str, str]]


def _ways(workflow: Workflow, automation: Automation, policy: Policy) -> dict[str, Run]:
    ways = {ANCHORS: _by_anchors(automation, None), WITH_MODEL: _by_anchors(automation, policy)}
    return ways | {name: _literally(workflow, way) for name, way in zip(LITERAL, WAYS, strict=True)}


def _by_anchors(automation: Automation, policy: Policy | None) -> Run:
    def run(episodes: Episodes, goal: Goal) -> tuple[str, str]:
        try:
            made = repeat(
                automation, goal, episodes, policy=policy, confirm=allow, patience_ms=PATIENCE_MS
            )
        except AutomationError as error:
            return "", str(error)
        return used(made.steps), f"{made.reason} {made.detail}".strip()

    return run


def _literally(workflow: Workflow, way: Way) -> Run:
    def run(episodes: Episodes, goal: Goal) -> tuple[str, str]:
        replay(workflow, way, episodes)
        return "", ""

    return run


def first_recording(recordings: Path, task: str) -> Workflow:
    """The first recording of a task that was done right."""
    found = [source for source in sources(recordings) if source.task == task]
    return next(workflow for _, workflow in workflows(found, Reading()))


def attempts(log: Path) -> Iterator[Attempt]:
    """The attempts in a log."""
    for line in log.read_text().splitlines() if log.exists() else ():
        yield Attempt(**json.loads(line))


def once_figures(log: Path) -> list[Figure]:
    """The share done in each way, and how often the model was needed."""
    made = list(attempts(log))
    found = []
    for way in (WITH_MODEL, ANCHORS, *LITERAL):
        of = [attempt for attempt in made if attempt.way == way]
        if of:
            share = 100 * sum(attempt.done for attempt in of) / len(of)
            target = 70 if way == WITH_MODEL else None
            told = f"one recording, {way} ({len(of)} runs)"
            found.append(figure(told, share, "%", at_least=target))
    took_over = [a for a in made if a.way == WITH_MODEL and "model" in a.used]
    if took_over:
        found.append(figure("one recording: runs the model took part in", len(took_over), "runs"))
    return found
