"""The commands that work in a browser: `act` and `record-once`."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.prompt import Confirm as Prompt

from lam_core.act import Confirm, Question, allow, decline
from lam_core.act_trace import as_document
from lam_core.act_types import Goal
from lam_core.browser import BrowserError, open_browser, open_context
from lam_core.browser_page import LivePage, PageGone
from lam_core.miniwob import SUFFIX, RecordingError, convert, read_recording
from lam_core.model_release import ReleaseError, default_release, load_release
from lam_core.policy import ModelPolicy
from lam_core.record_once import (
    Automation,
    AutomationError,
    PageSurface,
    Repeated,
    StepReport,
    make,
    repeat,
    used,
)
from lam_core.schema import SchemaError, Workflow, parse_workflow

console = Console(stderr=True)
FAILED, WRONG_INPUT = 1, 2
WRONG = (
    AutomationError,
    BrowserError,
    OSError,
    PageGone,
    RecordingError,
    ReleaseError,
    SchemaError,
)


def record_once(arguments: argparse.Namespace) -> int:
    """Make an automation of one recording and run it on a page, with other values."""
    try:
        workflow = read_workflow(arguments.recording)
        slots = slots_of(arguments.slot)
        # Given some values and not others, those of the recording are not meant.
        recorded = "" if slots else workflow.task.instruction
        goal = Goal(arguments.instruction or recorded, slots)
        with open_browser(headless=not arguments.show) as browser, open_context(browser) as context:
            live = LivePage(context.new_page())
            automation = make(workflow, live)
            if not arguments.url:
                return _describe(automation, arguments.json)
            repeated = _repeat(automation, goal, live, arguments)
    except WRONG as error:
        console.print(f"[red]{error}", highlight=False)
        return WRONG_INPUT
    _tell(repeated, arguments.json)
    return 0 if repeated.finished else FAILED


def _repeat(
    automation: Automation, goal: Goal, live: LivePage, arguments: argparse.Namespace
) -> Repeated:
    live.open(arguments.url)
    policy = None
    if not arguments.no_model:
        policy = ModelPolicy(load_release(arguments.release or default_release()).model)
    return repeat(
        automation,
        goal,
        PageSurface(live),
        policy=policy,
        confirm=confirmation(arguments.yes),
        watch=_watch,
    )


def read_workflow(path: Path) -> Workflow:
    """A workflow as JSON, or a public MiniWoB++ demonstration `TASK/NAME.json.gz`.

    Raises OSError, SchemaError, RecordingError.
    """
    if path.name.endswith(SUFFIX):
        name = path.name.removesuffix(SUFFIX)
        return convert(read_recording(path), task=path.parent.name, name=name)
    return parse_workflow(path.read_bytes())


def slots_of(pairs: Sequence[str]) -> dict[str, str]:
    """Values by name from `name=value`. Raises AutomationError."""
    slots = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise AutomationError(f"{pair!r} is not of the form name=value")
        slots[name] = value
    return slots


def confirmation(yes: bool) -> Confirm:
    """Who is asked before what can't be taken back: nobody with --yes or without a terminal."""
    if yes:
        return allow
    return _ask if sys.stdin.isatty() else decline


def _ask(question: Question) -> bool:
    return Prompt.ask(
        f"{question.risk}: {question.label!r}. Go on?", console=console, default=False
    )


def _watch(step: StepReport) -> None:
    target = f" {step.label!r}" if step.label else ""
    console.print(f"{step.action.kind}{target} [dim]found by {step.by}", highlight=False)


def _describe(automation: Automation, as_json: bool) -> int:
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(automation.document, option=orjson.OPT_INDENT_2))
        return 0
    for parameter in automation.document["parameters"]:
        print(f"--slot {parameter['name']}=…  recorded: {parameter['example'] or 'not kept'}")
    print(f"{len(automation.steps)} steps")
    return 0


def _tell(repeated: Repeated, as_json: bool) -> None:
    if as_json:
        print(orjson.dumps(_document(repeated)).decode())
        return
    print(f"{repeated.reason}{': ' if repeated.detail else ''}{repeated.detail}")
    if repeated.recorded is not None:
        print(f"stopped at step {repeated.recorded} of the recording")
    print(f"found by: {used(repeated.steps) or 'nothing was done'}")


def _document(repeated: Repeated) -> dict[str, Any]:
    document = asdict(repeated)
    document["steps"] = [
        {**asdict(step), "action": as_document(step.action)} for step in repeated.steps
    ]
    return document


def add_commands(commands: Any) -> None:
    """Add the commands to the parser of `python -m lam_core`."""
    once = commands.add_parser("record-once", help=record_once.__doc__)
    once.add_argument("recording", type=Path, help="a workflow (.json) or demonstration (.json.gz)")
    once.add_argument("--url", help="the page to run it on; without, its parameters are listed")
    once.add_argument("--instruction", help="an instruction of the recorded form, for the values")
    once.add_argument("--release", type=Path, help="model for steps without anchors (the newest)")
    once.add_argument("--no-model", action="store_true", help="stop where the anchors fail")
    _add_common(once)
    once.set_defaults(run=record_once)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--slot", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--yes", action="store_true", help="do not ask before pay, delete, send")
    parser.add_argument("--show", action="store_true", help="with a window")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
