"""The commands around the model: prepare, train, evaluate, unlearn, improve."""

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn, track
from rich.progress import Progress as Bar
from rich.table import Table

from lam_core.act import Run, allow, decline
from lam_core.act_types import Goal
from lam_core.attempts import Attempting
from lam_core.browser import BrowserError, open_browser, open_context
from lam_core.browser_page import LivePage, PageGone
from lam_core.card import write_card
from lam_core.dataset import DataError, Dataset, build, load_dataset
from lam_core.evaluate import TASKS, Episode, Evaluation, PolicyFor, evaluate
from lam_core.evaluation_report import write_report
from lam_core.improve import Plan, improve
from lam_core.miniwob_env import NoPage
from lam_core.model_release import (
    ReleaseError,
    default_release,
    load_release,
    train_release,
)
from lam_core.policy import ModelPolicy
from lam_core.recordings import Reading, sources, workflows
from lam_core.replay_policy import ReplayPolicy
from lam_core.schema import Workflow
from lam_core.show import SHOWN, show
from lam_core.training import Config, Progress, TrainingError, start_distributed
from lam_core.unlearn import affected, unlearn

console = Console(stderr=True)
EXPECTED = (
    BrowserError,
    DataError,
    FileNotFoundError,
    NoPage,
    PageGone,
    ReleaseError,
    TrainingError,
)
"""What can be wrong with what a person asks for; told in one line, without a traceback."""

Command = Callable[[argparse.Namespace], dict[str, Any]]


def add_commands(commands: Any) -> None:
    """Add the model's commands to the parser of `python -m lam_core`."""
    for name, run, options in (
        ("prepare", prepare, _prepare_options),
        ("train", train, _train_options),
        ("evaluate", evaluate_release, _evaluate_options),
        ("unlearn", unlearn_contributor, _unlearn_options),
        ("improve", improve_release, _improve_options),
        ("act", act, _act_options),
        ("show", show_tasks, _show_options),
    ):
        parser = commands.add_parser(name, help=(run.__doc__ or "").splitlines()[0])
        options(parser)
        parser.add_argument("--json", action="store_true", help="print the result as JSON")
        parser.set_defaults(run=_told(run))


def _told(run: Command) -> Callable[[argparse.Namespace], int]:
    def status(arguments: argparse.Namespace) -> int:
        try:
            result = run(arguments)
        except EXPECTED as error:
            console.print(f"[red]{error}[/red]", highlight=False)
            return 2
        if arguments.json:
            print(json.dumps(result))
        return int(not result.get("finished", True))

    return status


def read_data(path: Path) -> Dataset:
    """Prepared data, or a folder of recordings. Raises DataError, FileNotFoundError."""
    if path.is_file():
        if path.suffix != ".npz":
            raise DataError(f"{path} is neither prepared data (.npz) nor a folder of recordings")
        return load_dataset(path)
    found = sources(path)
    reading = Reading()
    read = workflows(found, reading)
    progress = track(read, "Reading recordings", total=len(found), console=console)
    data = build(progress)
    for reason, count in reading.failed.items():
        console.print(f"{count} recordings left out: {reason}", highlight=False)
    return data


def prepare(arguments: argparse.Namespace) -> dict[str, Any]:
    """Turn recordings into a file of examples, so that later commands start at once."""
    data = read_data(arguments.recordings)
    data.save(arguments.out)
    result = {"examples": len(data), "tasks": len(data.tasks), "digest": data.digest()}
    console.print(f"{len(data)} examples of {len(data.tasks)} tasks in {arguments.out}")
    return result


def train(arguments: argparse.Namespace) -> dict[str, Any]:
    """Train a model on recordings and write a release; run it again to go on where it was."""
    torch.set_num_threads(arguments.threads)
    start_distributed()
    data = read_data(arguments.recordings)
    if arguments.tasks:
        data = data.of_tasks(arguments.tasks)
    if arguments.per_task:
        data = data.at_most(arguments.per_task)
    config = Config(seed=arguments.seed, steps=arguments.steps, stages=_stages(arguments.stages))
    manifest = _trained_with_bar(data, config, arguments)
    if manifest is None:
        finished = bool(int(os.environ.get("RANK", "0")))
        if not finished:
            console.print("stopped; run it again to go on")
        return {"finished": finished}
    write_card(arguments.out)
    console.print(f"release {manifest['name']} with hash {manifest['hash']} in {arguments.out}")
    return {"finished": True, "hash": manifest["hash"], "parameters": manifest["parameters"]}


def _trained_with_bar(
    data: Dataset, config: Config, arguments: argparse.Namespace
) -> dict[str, Any] | None:
    with _bar("loss {task.fields[loss]:.3f}  right {task.fields[right]:.3f}") as bar:
        task = bar.add_task("Training", total=config.steps, loss=0.0, right=0.0)

        def report(progress: Progress) -> None:
            bar.update(task, completed=progress.step, loss=progress.loss, right=progress.accuracy)

        return train_release(
            data,
            config,
            arguments.out,
            name=arguments.name or arguments.out.name,
            report=report,
            seconds=60 * arguments.minutes if arguments.minutes else None,
        )


def _bar(more: str) -> Bar:
    return Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(more),
        TimeRemainingColumn(),
        console=console,
    )


def evaluate_release(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run a release on MiniWoB++ tasks in Chromium, with literal replay beside it."""
    torch.set_num_threads(1)
    release = load_release(arguments.release or default_release())
    policy = ModelPolicy(release.model, finishes=False)
    arms: dict[str, PolicyFor] = {"model": lambda task: policy}
    tasks = list(arguments.tasks or TASKS)
    if arguments.replay:
        arms["replay"] = replay_arms(arguments.replay, tasks, arguments.seed)
    found = _evaluated(arms, tasks, arguments)
    summary = {"release": release.name, "hash": release.hash, **found.summary()}
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
        (arguments.out / "evaluation.json").write_text(json.dumps(summary, indent=1) + "\n")
        write_report(found, arguments.out / "report.html", title=f"{release.name} on MiniWoB++")
        console.print(f"report: {arguments.out / 'report.html'}")
    if not arguments.json:
        _show(found)
    return summary


def _evaluated(
    arms: dict[str, PolicyFor], tasks: list[str], arguments: argparse.Namespace
) -> Evaluation:
    with _bar("{task.fields[last]}") as bar:
        total = len(tasks) * len(arms) * arguments.episodes
        task = bar.add_task("Episodes", total=total, last="")

        def told(episode: Episode) -> None:
            mark = "done" if episode.done else "not done"
            bar.update(task, advance=1, last=f"{episode.task} by {episode.arm}: {mark}")

        log = arguments.out / "episodes.jsonl" if arguments.out else None
        return evaluate(
            arms,
            tasks=tasks,
            episodes=arguments.episodes,
            seed=arguments.seed,
            log=log,
            told=told,
        )


def replay_arms(folder: Path, tasks: list[str], seed: str) -> PolicyFor:
    """Literal replay of one recording per task, chosen by the seed. Raises DataError."""
    chosen: dict[str, Workflow] = {}
    by_task = {task: [s for s in sources(folder) if s.task == task] for task in tasks}
    for task, found in by_task.items():
        offset = sum(seed.encode()) % max(1, len(found))
        for _, workflow in workflows([*found[offset:], *found[:offset]], Reading()):
            chosen[task] = workflow
            break
        else:
            raise DataError(f"no recording of {task} below {folder}")
    return lambda task: ReplayPolicy(chosen[task])


def unlearn_contributor(arguments: argparse.Namespace) -> dict[str, Any]:
    """Make the release that training without a contributor would have made."""
    torch.set_num_threads(1)
    data = read_data(arguments.recordings)
    if arguments.releases:
        for name, hit in affected(arguments.contributor, arguments.releases).items():
            console.print(f"{name}: {'affected' if hit else 'not affected'}")
    result = unlearn(
        data,
        contributor=arguments.contributor,
        trained=arguments.trained,
        out=arguments.out,
    )
    console.print(
        f"{result.steps_done} of {result.steps_total} steps done again; hash {result.hash}"
    )
    return {
        "hash": result.hash,
        "steps_done": result.steps_done,
        "steps_total": result.steps_total,
    }


def improve_release(arguments: argparse.Namespace) -> dict[str, Any]:
    """Train a release further on its own rewarded attempts, with a control arm and rollback."""
    torch.set_num_threads(1)
    data = read_data(arguments.recordings)
    tasks = list(arguments.tasks or TASKS)
    with _bar("{task.fields[last]}") as bar:
        training = bar.add_task("Training", total=arguments.steps, last="")
        judged = len(arguments.gate_tasks or tasks)
        gate = bar.add_task("Judging", total=3 * judged * arguments.gate, last="")

        def report(progress: Progress) -> None:
            told = f"loss {progress.loss:.3f}  right {progress.accuracy:.3f}"
            bar.update(training, completed=progress.step, last=told)

        result = improve(
            data,
            trained=arguments.trained,
            out=arguments.out,
            tasks=tasks,
            plan=_plan(arguments),
            tell=lambda text: console.print(text, highlight=False),
            report=report,
            told=lambda episode: bar.update(gate, advance=1, last=episode.task),
        )
    console.print(
        f"before {result.before:.1f} %, control {result.control:.1f} %, after "
        f"{result.after:.1f} %: "
        + (f"release in {arguments.out}" if result.accepted else "not better, no release")
    )
    return result.document()


def _plan(arguments: argparse.Namespace) -> Plan:
    attempting = Attempting(
        attempts=arguments.attempts,
        enough=arguments.enough,
        hopeless=arguments.hopeless,
        tries=arguments.tries,
        temperature=arguments.temperature,
        seed=arguments.seed,
    )
    return Plan(
        rounds=arguments.rounds,
        attempting=attempting,
        weight=arguments.weight,
        steps=arguments.steps,
        gate_episodes=arguments.gate,
        gate_tasks=tuple(arguments.gate_tasks or ()),
    )


def act(arguments: argparse.Namespace) -> dict[str, Any]:
    """Do a task on a page from an instruction; steps that can't be taken back need --yes."""
    torch.set_num_threads(1)
    release = load_release(arguments.release or default_release())
    goal = Goal(arguments.instruction, dict(pair.partition("=")[::2] for pair in arguments.slot))
    with open_browser(headless=not arguments.show) as browser, open_context(browser) as context:
        live = LivePage(context.new_page(), instruction=goal.instruction)
        live.open(arguments.url)
        confirm = allow if arguments.yes else decline
        outcome = Run(goal, ModelPolicy(release.model), live, confirm=confirm).act()
    console.print(f"{outcome.reason} {outcome.detail} after {len(outcome.steps)} steps")
    return {
        "finished": outcome.finished,
        "reason": str(outcome.reason),
        "detail": outcome.detail,
        "steps": [done.action.kind for done in outcome.steps],
    }


def show_tasks(arguments: argparse.Namespace) -> dict[str, Any]:
    """Do fresh instances of a few tasks in Chromium and write a page with pictures of each step."""
    torch.set_num_threads(1)
    release = load_release(arguments.release or default_release())
    page, shown = show(release, arguments.out, tasks=arguments.tasks, seed=arguments.seed)
    for each in shown:
        console.print(f"{'done' if each.done else 'not done'}: {each.goal}", highlight=False)
    console.print(f"pictures of every step: {page}", highlight=False)
    done = sum(each.done for each in shown)
    return {"release": release.name, "done": done, "tried": len(shown), "page": str(page)}


def _show_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help="folder for pictures, made anew")
    parser.add_argument("--tasks", nargs="+", default=list(SHOWN), help="MiniWoB++ tasks")
    parser.add_argument("--seed", help="of the instances (another one each time)")
    parser.add_argument("--release", type=Path, help="folder (the one that comes along)")


def _act_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", required=True, help="the page to begin with")
    parser.add_argument("--instruction", required=True, help="what is to be done")
    parser.add_argument("--slot", action="append", default=[], help="NAME=VALUE, repeatable")
    parser.add_argument("--release", type=Path, help="folder (the one that comes along)")
    parser.add_argument("--yes", action="store_true", help="send, pay and delete without asking")
    parser.add_argument("--show", action="store_true", help="show the browser window")


def _show(found: Evaluation) -> None:
    out = Console()
    table = Table("task", *found.arms(), title="Episodes done, in percent (95 % interval)")
    summary = found.summary()
    for task in found.tasks():
        cells = []
        for arm in found.arms():
            of = summary[arm]["tasks"].get(task)
            interval = f"({of['low_percent']:.0f}–{of['high_percent']:.0f})" if of else ""
            cells.append(f"{of['percent']:.0f} {interval}" if of else "")
        table.add_row(task, *cells)
    means = [f"{summary[arm]['mean_percent']:.1f}" for arm in found.arms()]
    table.add_row("mean", *means, style="bold")
    out.print(table)


def _stages(text: str) -> tuple[tuple[int, int], ...]:
    try:
        pairs = [tuple(int(n) for n in part.split(":")) for part in text.split(",")]
        return tuple((people, steps) for people, steps in pairs)
    except ValueError as error:
        raise TrainingError(f"stages must look like 20:70,80:30, not {text!r}") from error


def _prepare_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recordings", type=Path, help="folder of recordings")
    parser.add_argument("--out", type=Path, required=True, help="file to write, .npz")


def _train_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recordings", type=Path, help="folder of recordings, or prepared data")
    parser.add_argument("--out", type=Path, required=True, help="folder for the release")
    parser.add_argument("--name", help="name of the release (that of the folder)")
    parser.add_argument("--tasks", nargs="+", help="train on these tasks alone")
    parser.add_argument("--per-task", type=int, default=0, help="recordings of a task (all)")
    parser.add_argument("--seed", type=int, default=1, help="seed of everything random (1)")
    parser.add_argument("--steps", type=int, default=Config().steps, help="training steps")
    parser.add_argument("--minutes", type=float, default=0, help="stop, resumably, after these")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (1 is fastest)")
    parser.add_argument(
        "--stages",
        default="100:100",
        help="percent of contributors : percent of steps for each stage, such as 20:70,80:30",
    )


def _evaluate_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("release", type=Path, nargs="?", help="folder (the one that comes along)")
    parser.add_argument("--tasks", nargs="+", help="tasks (the 56 standard ones)")
    parser.add_argument("--episodes", type=int, default=10, help="episodes of each task (10)")
    parser.add_argument("--seed", default="evaluate", help="seed of the episodes (evaluate)")
    parser.add_argument("--replay", type=Path, help="recordings for the baseline, literal replay")
    parser.add_argument("--out", type=Path, help="folder for the report; resumes what is there")


def _unlearn_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recordings", type=Path, help="what the release was trained on")
    parser.add_argument("trained", type=Path, help="folder of the training run")
    parser.add_argument("--contributor", required=True, help="who is to be forgotten")
    parser.add_argument("--out", type=Path, required=True, help="folder for the new release")
    parser.add_argument("--releases", type=Path, help="folder of releases to look through")


def _improve_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recordings", type=Path, help="what the release was trained on")
    parser.add_argument("trained", type=Path, help="folder of the training run")
    parser.add_argument("--out", type=Path, required=True, help="folder for the new release")
    plan = Plan()
    how = plan.attempting
    for name, default, meaning in (
        ("--rounds", plan.rounds, "rounds of attempts, each by the model of the last"),
        ("--attempts", how.attempts, "most attempts at a task and round"),
        ("--enough", how.enough, "rewarded attempts after which a task has enough"),
        ("--hopeless", how.hopeless, "attempts at a task after which none rewarded is given up"),
        ("--tries", how.tries, "attempts at one episode until it is rewarded"),
        ("--weight", plan.weight, "recordings that the attempts at a task count as"),
        ("--steps", plan.steps, "further training steps"),
        ("--gate", plan.gate_episodes, "episodes of each task to judge by"),
    ):
        parser.add_argument(name, type=int, default=default, help=f"{meaning} ({default})")
    parser.add_argument(
        "--temperature",
        type=float,
        default=how.temperature,
        help=f"of the first try; the second is twice as hot, and so on ({how.temperature})",
    )
    parser.add_argument("--tasks", nargs="+", help="tasks to improve (the 56 standard ones)")
    parser.add_argument("--gate-tasks", nargs="+", help="tasks to judge by (those to improve)")
    parser.add_argument("--seed", default=how.seed, help=f"seed of the attempts ({how.seed})")
