"""Evaluation: policies on MiniWoB++ tasks in a real Chromium, each episode told by its seed.

A task is done when the page itself gives the full reward within its own time limit. Results are
kept line by line as they come, so an evaluation that was stopped goes on where it was.
"""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from math import sqrt
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from lam_core.act_types import Decision, Done, Policy
from lam_core.browser import open_browser
from lam_core.browser_page import ActionError, PageGone
from lam_core.miniwob_env import Episodes
from lam_core.observation import Observation

MAX_STEPS = 60
Z95 = 1.959964

TASKS = tuple(
    json.loads(Path(__file__).with_name("evaluated_tasks.json").read_text(encoding="utf-8"))
)
"""The 56 tasks that people recorded; of two that differ in a delay alone, one."""


@dataclass(frozen=True, slots=True)
class Episode:
    """One attempt: `reward` is the page's raw reward, `reason` why it ended.

    Times are milliseconds, of the CPU for deciding and by the clock for the whole.
    """

    arm: str
    task: str
    seed: str
    reward: float
    steps: int
    reason: str
    decide_ms: float
    whole_ms: float
    goal: str = ""

    @property
    def done(self) -> bool:
        """Whether the page gave the full reward."""
        return self.reward == 1


@dataclass(slots=True)
class Evaluation:
    """All episodes of some arms (a policy's name), in the order they were made."""

    episodes: list[Episode] = field(default_factory=list)

    def arms(self) -> list[str]:
        """The names of the arms."""
        return list(dict.fromkeys(episode.arm for episode in self.episodes))

    def of(self, arm: str, task: str | None = None) -> list[Episode]:
        """The episodes of an arm, of one task or of all."""
        return [e for e in self.episodes if e.arm == arm and task in (None, e.task)]

    def tasks(self) -> list[str]:
        """The tasks, in alphabetical order."""
        return sorted({episode.task for episode in self.episodes})

    def mean(self, arm: str) -> float:
        """Mean over tasks of the share of episodes done, in percent."""
        shares = [_share(self.of(arm, task)) for task in self.tasks() if self.of(arm, task)]
        return 100 * sum(shares) / len(shares) if shares else 0.0

    def summary(self) -> dict[str, Any]:
        """Figures per arm and task, as JSON values."""
        return {arm: self._summary(arm) for arm in self.arms()}

    def _summary(self, arm: str) -> dict[str, Any]:
        episodes = self.of(arm)
        steps = sum(e.steps for e in episodes)
        by_task = {task: self.of(arm, task) for task in self.tasks()}
        done = {task: sum(e.done for e in made) for task, made in by_task.items()}
        low, high = mean_interval([(done[t], len(made)) for t, made in by_task.items() if made])
        return {
            "mean_percent": round(self.mean(arm), 2),
            "low_percent": round(100 * low, 2),
            "high_percent": round(100 * high, 2),
            "episodes": len(episodes),
            "decide_ms": round(sum(e.decide_ms for e in episodes) / max(1, steps), 2),
            "step_ms": round(sum(e.whole_ms for e in episodes) / max(1, steps), 1),
            "tasks": {
                task: {
                    "episodes": len(made),
                    "done": done[task],
                    "percent": round(100 * _share(made), 1),
                    "low_percent": round(100 * wilson(done[task], len(made))[0], 1),
                    "high_percent": round(100 * wilson(done[task], len(made))[1], 1),
                }
                for task, made in by_task.items()
                if made
            },
        }


def wilson(done: int, tried: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson, 1927); 0 to 1 without any attempt."""
    if not tried:
        return 0.0, 1.0
    share = done / tried
    spread = Z95 * sqrt(share * (1 - share) / tried + Z95**2 / (4 * tried**2))
    middle, scale = share + Z95**2 / (2 * tried), 1 + Z95**2 / tried
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def mean_interval(counts: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """The 95 % interval of a mean of shares over fixed tasks, from their binomial variances.

    Shares are drawn half an attempt towards the middle, so that 0 of 5 is not taken for certain.
    """
    if not counts:
        return 0.0, 1.0
    mean = sum(done / tried for done, tried in counts) / len(counts)
    smooth = [((done + 0.5) / (tried + 1), tried) for done, tried in counts]
    error = sqrt(sum(p * (1 - p) / tried for p, tried in smooth)) / len(counts)
    return max(0.0, mean - Z95 * error), min(1.0, mean + Z95 * error)


def difference(found: Evaluation, arm: str, other: str) -> tuple[float, float, float]:
    """How much better an arm is than another on the episodes both made: the mean over tasks in
    points, and its 95 % interval from how often the two differ on a task, half an episode more.
    """
    made = {(e.task, e.seed): e.done for e in found.of(other)}
    by_task: dict[str, list[int]] = {}
    for e in found.of(arm):
        if (e.task, e.seed) in made:
            by_task.setdefault(e.task, []).append(e.done - made[e.task, e.seed])
    if not by_task:
        return 0.0, -100.0, 100.0
    means = [sum(each) / len(each) for each in by_task.values()]
    differ = [(sum(map(abs, each)) + 0.5) / (len(each) + 1) for each in by_task.values()]
    counts = [len(each) for each in by_task.values()]
    variance = sum(
        max(0.0, share - mean**2) / count
        for share, mean, count in zip(differ, means, counts, strict=True)
    )
    mean, error = sum(means) / len(means), Z95 * sqrt(variance) / len(means)
    return 100 * mean, 100 * (mean - error), 100 * (mean + error)


PolicyFor = Callable[[str], Policy]
"""Makes the policy for a task: the model's is the same for all, replay has one per task."""

Told = Callable[[Episode], None]


Watch = Callable[[Decision, Observation], None]
"""Told of each decision before it is carried out."""


def run_episode(
    episodes: Episodes,
    policy: Policy,
    *,
    arm: str,
    task: str,
    seed: str,
    watch: Watch = lambda decision, observation: None,
) -> tuple[Episode, list[Done]]:
    """One attempt. Raises NoPage, and PageGone when the browser or the page died."""
    started = time.perf_counter()
    goal = episodes.start(task, seed)
    history: list[Done] = []
    deciding = 0.0
    reason = "too many steps"
    observation = episodes.observe()
    for _ in range(MAX_STEPS):
        # CPU time: on a busy machine the rest is other people's.
        before = time.thread_time()
        decision = policy.decide(goal, observation, history)
        deciding += time.thread_time() - before
        watch(decision, observation)
        action = decision.action
        if action.kind in ("finish", "stop"):
            reason = action.reason or action.kind
            break
        goes_on, failure = _perform(episodes, action)
        target = observation.elements[action.target] if action.target is not None else None
        if not goes_on:
            history.append(Done(action, target, True, observation))
            reason = episodes.reason() or "done"
            break
        following = episodes.observe()
        changed = not failure and following != observation
        history.append(Done(action, target, changed, observation))
        observation = following
    whole = time.perf_counter() - started
    reward = episodes.reward() if episodes.done() else 0.0
    made = Episode(
        arm,
        task,
        seed,
        reward,
        len(history),
        reason,
        1000 * deciding,
        1000 * whole,
        goal.instruction,
    )
    return made, history


def _perform(episodes: Episodes, action: Any) -> tuple[bool, str]:
    try:
        return episodes.perform(action), ""
    except PageGone:
        raise
    except ActionError as error:
        return True, str(error)


def evaluate(
    arms: dict[str, PolicyFor],
    *,
    tasks: Iterable[str],
    episodes: int,
    seed: str,
    log: Path | None = None,
    told: Told | None = None,
) -> Evaluation:
    """Every arm on the same episodes of every task.

    With `log`, episodes are appended to that file and those already in it are not made again.
    Raises BrowserError without a browser, NoPage for a task without a page. A browser that dies
    is started again and the episode repeated; one that dies on it twice ends it without reward.
    """
    result = read_log(log)
    known = {(e.arm, e.task, e.seed) for e in result.episodes}
    wanted = [
        (arm, task, f"{seed}/{task}/{number}")
        for task in tasks
        for arm in arms
        for number in range(episodes)
    ]
    waiting = [key for key in wanted if key not in known]
    attempts: dict[tuple[str, str, str], int] = {}
    while waiting:
        with open_browser() as browser:
            waiting = _run_all(browser, arms, waiting, attempts, result, log, told)
    return Evaluation([e for e in result.episodes if (e.arm, e.task, e.seed) in set(wanted)])


def _run_all(
    browser: Browser,
    arms: dict[str, PolicyFor],
    waiting: list[tuple[str, str, str]],
    attempts: dict[tuple[str, str, str], int],
    result: Evaluation,
    log: Path | None,
    told: Told | None,
) -> list[tuple[str, str, str]]:
    """Run episodes until the end or until the browser dies; returns what is left."""
    pages = Episodes(browser)
    for position, key in enumerate(waiting):
        arm, task, seed = key
        attempts[key] = attempts.get(key, 0) + 1
        try:
            made, _ = run_episode(pages, arms[arm](task), arm=arm, task=task, seed=seed)
        except PageGone as error:
            if attempts[key] < 2:
                return waiting[position:]
            made = Episode(arm, task, seed, 0.0, 0, f"page gone: {error}", 0.0, 0.0)
            _keep(made, result, log, told)
            return waiting[position + 1 :]
        _keep(made, result, log, told)
    return []


def _keep(made: Episode, result: Evaluation, log: Path | None, told: Told | None) -> None:
    result.episodes.append(made)
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a") as file:
            file.write(json.dumps(asdict(made)) + "\n")
    if told is not None:
        told(made)


def read_log(log: Path | None) -> Evaluation:
    """The episodes in a log; a last line that was cut off is left out."""
    if log is None or not log.exists():
        return Evaluation()
    found = []
    for line in log.read_text().splitlines():
        try:
            found.append(Episode(**json.loads(line)))
        except (ValueError, TypeError):
            continue
    return Evaluation(found)


def _share(episodes: Sequence[Episode]) -> float:
    return sum(e.done for e in episodes) / len(episodes) if episodes else 0.0
