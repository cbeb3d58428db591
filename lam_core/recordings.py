"""Folders of recorded work: public MiniWoB++ demonstrations and workflows, read one by one.

`BATCH/TASK/NAME.json.gz` is a demonstration, `CONTRIBUTOR/NAME.json` a workflow as the service
exports it. What can't be read is counted by reason and left out; nothing else is lost by it.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lam_core.miniwob import (
    SUFFIX,
    RecordingError,
    convert,
    iter_recordings,
    read_recording,
    sitting,
    success,
)
from lam_core.schema import SchemaError, Workflow, parse_workflow


@dataclass(slots=True)
class Reading:
    """What came of a folder: how many were read and why others were not."""

    read: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    not_done: int = 0


@dataclass(frozen=True, slots=True)
class Source:
    """A recording on disk and who made it."""

    path: Path
    contributor: str
    task: str
    demonstration: bool


def sources(folder: Path) -> list[Source]:
    """All recordings below a folder, in a fixed order. Raises FileNotFoundError without any."""
    found = [
        Source(recording.path, _sitting(recording.path.name), recording.task, True)
        for recording in iter_recordings(folder)
    ]
    found += [
        Source(path, path.parent.name, "", False) for path in sorted(folder.glob("**/*.json"))
    ]
    if not found:
        raise FileNotFoundError(f"no recordings below {folder}")
    return found


def workflows(found: list[Source], reading: Reading) -> Iterator[tuple[str, Workflow]]:
    """Contributor and workflow of every recording of a task done right.

    The pages attest demonstrations; other workflows are taken as chosen by whoever exported them.
    """
    for source in found:
        try:
            workflow = _read(source)
        except RecordingError as error:
            reading.failed[str(error.reason)] += 1
        except SchemaError:
            reading.failed["not a workflow"] += 1
        else:
            if workflow is None:
                reading.not_done += 1
            else:
                reading.read += 1
                yield source.contributor, workflow


def _read(source: Source) -> Workflow | None:
    if not source.demonstration:
        return parse_workflow(source.path.read_bytes())
    recording = read_recording(source.path)
    if not success(recording):
        return None
    name = source.path.name.removesuffix(SUFFIX)
    return convert(recording, task=source.task, name=name)


def _sitting(name: str) -> str:
    try:
        return sitting(name)
    except RecordingError:
        return name.removesuffix(SUFFIX)
