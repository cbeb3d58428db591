"""Measures the model on MiniWoB++ in Chromium: `python -m bench.model RECORDINGS`; `make
bench-model`.

All of it takes hours on two cores. Releases and episodes are kept below --state, each run goes on
where the last one was, in rounds over all arms: figures say how many episodes they stand on.
Writes bench/results/model.json, where parts that were not asked for stay as they were.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from rich.console import Console

from bench import report
from bench.model_forget import forgetting_arms, forgetting_figures
from bench.model_once import once_figures, repeat_tasks
from bench.report import Figure, figure
from lam_core.attempts import Attempting
from lam_core.card import write_card
from lam_core.dataset import Dataset
from lam_core.evaluate import TASKS, Evaluation, difference, evaluate, read_log
from lam_core.improve import CANDIDATE, CONTROL, GATE, RESULT, Plan, improve
from lam_core.model_commands import read_data, replay_arms
from lam_core.model_release import (
    MANIFEST,
    ModelRelease,
    default_release,
    load_release,
    train_release,
)
from lam_core.policy import ModelPolicy
from lam_core.training import Config

STATE = Path(".bench/model")
EPISODE_SEED = "bench"
"""Of all episodes that are reported. One decision was made on seeing them: how long the driver
waits after typing (docs/LOG.md)."""

IMPROVED = "improved"
IMPROVED_SEED = "reward-trained-3"
"""Of the episodes by which self-training is judged: seen by nobody before it was done."""

ROUNDS = (3, 10, 25, 50, 100, 200)
LOG = "episodes.jsonl"
FAMILIES = {
    "checkboxes": "click-checkboxes",
    "collapsible": "click-collapsible",
    "dates": "choose-date",
    "email": "email-inbox",
    "login": "login-user",
    "tabs": "click-tab",
    "text": "enter-text",
}
"""Families held out as a whole, by what their tasks' names begin with."""

WEAK = (
    "book-flight-nodelay",
    "choose-list",
    "click-checkboxes-soft",
    "click-menu",
    "click-pie",
    "click-scroll-list",
    "click-widget",
    "count-shape",
    "email-inbox",
    "email-inbox-forward-nl-turk",
    "email-inbox-nl-turk",
    "enter-password",
    "enter-time",
    "login-user",
    "login-user-popup",
    "multi-layouts",
    "search-engine",
    "tic-tac-toe",
    "use-autocomplete",
)
"""Tasks done in less than 95 of 100 episodes by releases of demonstrations alone: what
self-training tries to improve."""

PARTS = ("demonstrations", "few", "replay", "families", "improved", "once", "forgetting")
console = Console(stderr=True)


@dataclass(frozen=True)
class Arm:
    """A training run that is evaluated: what it sees, how, and on which tasks it is judged."""

    name: str
    config: Config
    per_task: int = 0
    family: str = ""

    def tasks(self, tasks: Sequence[str]) -> list[str]:
        """Those of the tasks it is judged on."""
        return [task for task in tasks if task.startswith(FAMILIES.get(self.family, ""))]


@dataclass(frozen=True)
class Bench:
    """One sitting: what is measured with what."""

    recordings: Path
    state: Path
    tasks: tuple[str, ...]
    episodes: int

    @cached_property
    def data(self) -> Dataset:
        """The prepared recordings, kept for the next sitting."""
        path = self.state / "data.npz"
        if not path.exists():
            read_data(self.recordings).save(path)
        return read_data(path)

    def release(self, arm: Arm) -> ModelRelease:
        """The trained release of an arm, trained now where it isn't there yet."""
        folder = self.state / arm.name
        if not (folder / MANIFEST).exists():
            console.print(f"training {arm.name}")
            train_release(self._seen(arm), arm.config, folder, name=arm.name)
            write_card(folder)
        return load_release(folder)

    def _seen(self, arm: Arm) -> Dataset:
        data = self.data
        if arm.family:
            held_out = arm.tasks(data.tasks)
            data = data.of_tasks(task for task in data.tasks if task not in held_out)
        return data.at_most(arm.per_task) if arm.per_task else data

    def judge(self, arm: Arm, episodes: int) -> None:
        """Make an arm's episodes up to a number of each task."""
        policy = ModelPolicy(self.release(arm).model, finishes=False)
        console.print(f"{arm.name}: {episodes} episodes of each task")
        evaluate(
            {"model": lambda task: policy},
            tasks=arm.tasks(self.tasks),
            episodes=episodes,
            seed=EPISODE_SEED,
            log=self.state / arm.name / LOG,
        )

    def judge_replay(self, episodes: int) -> None:
        """The baseline's episodes: one recording of each task, repeated literally."""
        console.print(f"literal replay: {episodes} episodes of each task")
        evaluate(
            {"replay": replay_arms(self.recordings, list(self.tasks), EPISODE_SEED)},
            tasks=self.tasks,
            episodes=episodes,
            seed=EPISODE_SEED,
            log=self.state / "replay" / LOG,
        )

    def judge_improved(self, first: Arm, plan: Plan, episodes: int) -> None:
        """The reward-trained candidate, what it came from and the control, side by side.

        Self-training is done now where it was not. Whether its gate took it does not matter here.
        """
        folder = self.state / IMPROVED
        if not (folder / RESULT).exists():
            self.release(first)
            improve(
                self.data,
                trained=self.state / first.name,
                out=folder,
                tasks=WEAK,
                plan=plan,
                tell=console.print,
            )
        folders = {
            "before": self.state / first.name,
            "control": folder / CONTROL,
            "after": folder / CANDIDATE,
        }
        policies = {
            arm: ModelPolicy(load_release(path).model, finishes=False)
            for arm, path in folders.items()
        }
        console.print(f"{IMPROVED}: {episodes} episodes of each task")
        evaluate(
            {arm: lambda task, policy=policy: policy for arm, policy in policies.items()},  # type: ignore[misc]
            tasks=self.tasks,
            episodes=episodes,
            seed=IMPROVED_SEED,
            log=folder / LOG,
        )

    def found(self, name: str) -> Evaluation:
        """The episodes kept of an arm, of the tasks of this sitting."""
        kept = read_log(self.state / name / LOG).episodes
        return Evaluation([episode for episode in kept if episode.task in self.tasks])


def arms_of(part: str, options: argparse.Namespace) -> list[Arm]:
    """The arms of a part of the bench."""
    first = Config(seed=options.seeds[0])
    if part == "demonstrations":
        return [Arm(f"seed-{seed}", replace(first, seed=seed)) for seed in options.seeds]
    if part == "few":
        return [Arm("ten", first, per_task=10)]
    if part == "families":
        shorter = replace(first, steps=options.family_steps)
        return [Arm(f"without-{name}", shorter, family=name) for name in options.families]
    if part == "forgetting":
        return [Arm(name, config) for name, config in forgetting_arms(first).items()]
    return []


def plan_of(options: argparse.Namespace) -> Plan:
    """How self-training is done: half of the attempts are enough, a third are without hope."""
    tried = options.attempts
    return Plan(
        attempting=Attempting(attempts=tried, enough=tried // 2, hopeless=tried // 3),
        steps=options.further_steps,
        gate_episodes=options.gate,
        gate_tasks=TASKS,
    )


def run(bench: Bench, options: argparse.Namespace) -> None:
    """Train and judge, round by round, until all arms have their episodes."""
    arms = [arm for part in options.parts for arm in arms_of(part, options)]
    for episodes in [*(count for count in ROUNDS if count < bench.episodes), bench.episodes]:
        for arm in arms:
            bench.judge(arm, episodes)
        if "replay" in options.parts:
            bench.judge_replay(min(episodes, options.replay_episodes))
        if "improved" in options.parts:
            first = arms_of("demonstrations", options)[0]
            bench.judge_improved(first, plan_of(options), episodes)
    if "once" in options.parts:
        repeat_tasks(bench.recordings, bench.state / "once.jsonl", _fallback(arms, bench))


def _fallback(arms: Sequence[Arm], bench: Bench) -> ModelRelease:
    """The release that takes over where anchors fail: the first arm's, else the shipped one."""
    trained = [arm for arm in arms if (bench.state / arm.name / MANIFEST).exists()]
    return bench.release(trained[0]) if trained else load_release(default_release())


def figures(bench: Bench, options: argparse.Namespace) -> dict[str, list[Figure]]:
    """What has been measured so far of each part asked for; no part without any figure."""
    parts: dict[str, Callable[[], list[Figure]]] = {
        "demonstrations": lambda: _demonstrations(bench, options),
        "few": lambda: _few(bench),
        "replay": lambda: _means(bench, "replay", "literal replay of one recording"),
        "families": lambda: _families(bench, options),
        "improved": lambda: _improved(bench),
        "once": lambda: once_figures(bench.state / "once.jsonl"),
        "forgetting": lambda: forgetting_figures(bench.state, options.seeds[0], bench.found),
    }
    found = {part: parts[part]() for part in options.parts}
    return {part: measured for part, measured in found.items() if measured}


def _means(bench: Bench, name: str, told: str, at_least: float | None = None) -> list[Figure]:
    found = bench.found(name)
    return _mean(found, found.arms()[0], told, at_least) if found.episodes else []


def _mean(found: Evaluation, arm: str, told: str, at_least: float | None = None) -> list[Figure]:
    of = found.summary()[arm]
    interval = f"{of['low_percent']}–{of['high_percent']}"
    counts = f"{len(of['tasks'])} tasks, {of['episodes']} episodes, 95 % {interval}"
    return [figure(f"{told} ({counts})", of["mean_percent"], "%", at_least=at_least)]


def _demonstrations(bench: Bench, options: argparse.Namespace) -> list[Figure]:
    names = [f"seed-{seed}" for seed in options.seeds]
    judged = [name for name in names if bench.found(name).episodes]
    if not judged:
        return []
    made: list[Figure] = []
    for name in judged:
        made += _means(bench, name, f"demonstrations only, {name}")
    means = [bench.found(name).mean("model") for name in judged]
    summaries = [bench.found(name).summary()["model"] for name in judged]
    episodes = sum(summary["episodes"] for summary in summaries)
    manifests = [load_release(bench.state / name).manifest for name in judged]
    minutes = [
        sum(m["metrics"].get(f"{part}_cpu_seconds", 0) for part in ("training", "doubt")) / 60
        for m in manifests
    ]
    return [
        figure(
            f"demonstrations only, {len(judged)} training seeds ({episodes} episodes)",
            sum(means) / len(means),
            "%",
            at_least=78,
        ),
        *made,
        figure("parameters", manifests[0]["parameters"], "parameters", at_most=1_000_000),
        figure("training, longest run", max(minutes), "CPU min", at_most=60),
        figure("decision with featurising", summaries[-1]["decide_ms"], "CPU ms", at_most=10),
        figure("step in the browser", summaries[-1]["step_ms"], "ms"),
    ]


def _few(bench: Bench) -> list[Figure]:
    return _means(bench, "ten", "10 demonstrations a task", at_least=65)


def _families(bench: Bench, options: argparse.Namespace) -> list[Figure]:
    made = []
    for arm in arms_of("families", options):
        found = bench.found(arm.name)
        if not found.episodes:
            continue
        seen = bench.found(f"seed-{options.seeds[0]}")
        tasks = found.tasks()
        with_them = Evaluation([e for e in seen.episodes if e.task in tasks])
        made.append(
            figure(
                f"family {arm.family} never seen ({len(tasks)} tasks, {arm.config.steps} steps, "
                f"{len(found.episodes)} episodes)",
                found.mean("model"),
                "%",
                peer="seen",
                peer_value=with_them.mean("model") or None,
            )
        )
    return made


def _improved(bench: Bench) -> list[Figure]:
    told = {
        "before": "before self-training",
        "control": "control, as many steps more on demonstrations",
        "after": "after self-training",
        "after rollback": "after self-training and rollback",
    }
    gate, judged = read_log(bench.state / IMPROVED / GATE), bench.found(IMPROVED)
    made = [
        figure(
            f"{told[arm]} ({len(gate.tasks())} tasks of the gate, {len(gate.of(arm))} episodes)",
            gate.mean(arm),
            "%",
        )
        for arm in gate.arms()
    ]
    for arm in judged.arms():
        at_least = 85 if arm == "after" else None
        made += _mean(judged, arm, f"reward-trained apart: {told[arm]}", at_least)
    for arm in ("before", "control"):
        if judged.episodes:
            mean, low, high = difference(judged, "after", arm)
            name = f"gained by rewards over {told[arm]} (95 % {low:.1f}–{high:.1f})"
            made.append(figure(name, mean, "points"))
    return made


def options_of(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.model", description=__doc__)
    parser.add_argument("recordings", type=Path, help="a folder BATCH/TASK/NAME.json.gz")
    parser.add_argument("--state", type=Path, default=STATE, help="where runs are kept")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="of training")
    parser.add_argument("--episodes", type=int, default=50, help="of each task and arm (50)")
    parser.add_argument("--replay-episodes", type=int, default=10, help="of the baseline (10)")
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), help="tasks (the 56)")
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS)
    parser.add_argument("--families", nargs="+", default=list(FAMILIES), choices=FAMILIES)
    parser.add_argument("--family-steps", type=int, default=Config().steps, help="of training")
    parser.add_argument("--attempts", type=int, default=90, help="at a task in self-training (90)")
    parser.add_argument("--further-steps", type=int, default=700, help="of self-training (700)")
    parser.add_argument("--gate", type=int, default=5, help="episodes of a task in its gate (5)")
    parser.add_argument("--report", action="store_true", help="run nothing, tell what is there")
    return parser.parse_args(arguments)


def command_of(options: argparse.Namespace) -> str:
    """The command that measures the same, without the folders of this machine."""
    defaults, given = vars(options_of([str(options.recordings)])), vars(options)
    words = []
    for name, value in given.items():
        if value == defaults[name] or name in {"state", "report"}:
            continue
        values = value if isinstance(value, list) else [value]
        words += [f"--{name.replace('_', '-')}", *map(str, values)]
    more = f' BENCH_ARGS="{" ".join(words)}"' if words else ""
    return f"make bench-model RECORDINGS=PATH{more}"


def main() -> None:
    """Run, print, write."""
    options = options_of()
    torch.set_num_threads(1)
    made_on = report.environment(("torch", "playwright", "miniwob"))
    bench = Bench(options.recordings, options.state, tuple(options.tasks), options.episodes)
    if not options.report:
        run(bench, options)
    report.write_parts(
        "model",
        command=command_of(options),
        made_on=made_on,
        parts=figures(bench, options),
        order=PARTS,
    )


if __name__ == "__main__":
    main()
