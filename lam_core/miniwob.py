"""Public MiniWoB++ demonstrations: find them, read them, make workflows of them.

A data set is a folder `BATCH/TASK/NAME.json.gz`; the part of a name between the task and `_dN`
is one sitting, which stands for one contributor. `rawReward == 1` says that the task was done.
"""

import gc
import gzip
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID, uuid5

import orjson

from lam_core.miniwob_dom import PAGE_HEIGHT, PAGE_WIDTH, TooLarge
from lam_core.miniwob_events import Reader
from lam_core.references import pattern_of
from lam_core.schema import SCHEMA_VERSION, SchemaError, Source, Workflow, parse_workflow

RECORDER = "miniwob-import/1"
MAX_RECORDING_BYTES = 64 * 1024 * 1024
MAX_STATES = 20_000
SUFFIX = ".json.gz"

_NAMESPACE = UUID("6f1c1b0e-5d7b-5c0e-9a55-6d696e69776f")
_NAME = re.compile(r"(?P<task>[a-z0-9-]+)_(?P<sitting>[A-Za-z0-9]+)(_d\d+)?")

TASKS: frozenset[str] = frozenset(
    json.loads(Path(__file__).with_name("miniwob_tasks.json").read_text())
)
"""Every task that has a page."""


class RecordingProblem(StrEnum):
    """Why a recording did not become a workflow."""

    UNREADABLE = "unreadable"
    MALFORMED = "malformed"
    UNKNOWN_TASK = "unknown-task"
    NO_ACTION = "no-action"
    CLOCK = "clock-runs-backwards"
    TOO_LARGE = "too-large"


class RecordingError(ValueError):
    """A recording that cannot be imported: `reason` is a RecordingProblem, `detail` explains."""

    def __init__(self, reason: RecordingProblem, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording on disk, not read yet."""

    path: Path
    batch: str
    task: str
    name: str

    @property
    def sitting(self) -> str:
        """The assignment the recording was made in."""
        return sitting(self.path.name)

    def read(self) -> dict[str, Any]:
        """The recording as JSON values. Raises RecordingError."""
        return read_recording(self.path)


def iter_recordings(folder: Path) -> Iterator[Recording]:
    """All recordings below a folder, in the order of batches, then tasks, then names.

    Raises FileNotFoundError when the folder is not there.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder of recordings at {folder}")
    for path in sorted(folder.glob(f"**/*{SUFFIX}")):
        task = path.parent.name
        name = path.name.removesuffix(SUFFIX)
        yield Recording(path, path.parent.parent.name, task, name)


def read_recording(path: Path) -> dict[str, Any]:
    """A gzipped recording as JSON values. Raises RecordingError."""
    try:
        with gzip.open(path) as file:
            data = file.read(MAX_RECORDING_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise RecordingError(RecordingProblem.UNREADABLE, str(error)) from error
    if len(data) > MAX_RECORDING_BYTES:
        raise RecordingError(RecordingProblem.TOO_LARGE, f"over {MAX_RECORDING_BYTES} bytes")
    try:
        recording = _loads(data)
    except orjson.JSONDecodeError as error:
        raise RecordingError(RecordingProblem.MALFORMED, f"no JSON: {error}") from error
    if not isinstance(recording, dict):
        _malformed("not an object")
    return recording


def sitting(filename: str) -> str:
    """The sitting in a file name such as `click-tab_3YMU66OBI_d3.json.gz`."""
    name = filename.removesuffix(SUFFIX)
    match = _NAME.fullmatch(name)
    if not match:
        _malformed(f"no sitting in the name {filename!r}")
    return match["sitting"]


def success(recording: dict[str, Any]) -> bool:
    """Whether the page itself rewarded the recording in full (`rawReward`, not `reward`)."""
    return bool(recording.get("rawReward") == 1)


def workflow_id(name: str, source: Source) -> UUID:
    """The id of a recording's workflow: always the same, so importing twice is harmless."""
    return uuid5(_NAMESPACE, f"{source}/{name}")


def convert(
    recording: dict[str, Any], *, task: str, name: str, source: Source | str = Source.MINIWOB
) -> Workflow:
    """Make a workflow of a recording of `task` called `name` (unique in its data set).

    A recording marked `scripted` is a sample, whatever `source` says. Raises RecordingError,
    whose reason says why not.
    """
    if task not in TASKS:
        raise RecordingError(RecordingProblem.UNKNOWN_TASK, f"{task!r} has no page")
    states, instruction = _checked(recording)
    reader = Reader(states, instruction)
    try:
        reader.read()
    except TooLarge as error:
        raise RecordingError(RecordingProblem.TOO_LARGE, str(error)) from error
    except (AttributeError, LookupError, TypeError, ValueError, ArithmeticError) as error:
        _malformed(f"{type(error).__name__} {error}")
    if not reader.steps:
        raise RecordingError(RecordingProblem.NO_ACTION, "nothing was done")
    made_by = Source.SAMPLE if recording.get("scripted") else Source(source)
    return _workflow(reader, task, name, made_by)


def _loads(data: bytes) -> Any:
    # Ten thousands of new dicts make the collector look for cycles that a tree cannot have;
    # that is a quarter of the time.
    collecting = gc.isenabled()
    gc.disable()
    try:
        return orjson.loads(data)
    finally:
        if collecting:
            gc.enable()


def _checked(recording: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
    states, instruction = recording.get("states"), recording.get("utterance")
    if not isinstance(instruction, str):
        _malformed("utterance is not a string")
    if not isinstance(states, list):
        _malformed("states is not a list")
    if len(states) > MAX_STATES:
        raise RecordingError(RecordingProblem.TOO_LARGE, f"{len(states)} states")
    before = 0
    for number, state in enumerate(states):
        time = state.get("time") if isinstance(state, dict) else None
        if type(time) is not int or "action" not in state or not isinstance(state.get("dom"), dict):
            _malformed(f"states[{number}] lacks time, action or dom")
        if time < before:
            detail = f"states[{number}].time is {time} after {before}"
            raise RecordingError(RecordingProblem.CLOCK, detail)
        before = time
    return states, instruction


def _workflow(reader: Reader, task: str, name: str, source: Source) -> Workflow:
    size = {"width": PAGE_WIDTH, "height": PAGE_HEIGHT}
    patterns = {value: pattern_of(value) for value in reader.parameters}
    document = {
        "schema_version": SCHEMA_VERSION,
        "id": str(workflow_id(name, source)),
        "source": source,
        "recorder": RECORDER,
        "pointer": "mouse",
        "task": {
            "name": task,
            "instruction": reader.instruction,
            "parameters": [
                {"name": parameter, "pattern": patterns[value].model_dump(mode="json")}
                for value, parameter in reader.parameters.items()
            ],
        },
        "observations": [{**size, "elements": o.elements} for o in reader.observations],
        "steps": reader.steps,
        "outcome": reader.outcome,
    }
    try:
        return parse_workflow(document)
    except SchemaError as error:
        raise RecordingError(RecordingProblem.MALFORMED, str(error)) from error


def _malformed(detail: str) -> NoReturn:
    raise RecordingError(RecordingProblem.MALFORMED, detail)
