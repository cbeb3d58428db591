"""The fingerprint of how a workflow was done: its rhythm, where it pressed, on which pages.

A trace is what later workflows are compared with to find replays. It is personal, and kept
under the same key as the workflow. A shape is not: it names the task and the kinds of actions.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise

import orjson

from lam_core.meaning import meaningful_steps, presses_and_keys
from lam_core.schema import Workflow
from lam_core.steps import AnyStep, Click, Drag

MAX_SHAPE = 120
_VERSION = 1
_HEADER = struct.Struct("<BHHHH")
_DIGEST_BYTES = 4

Offset = tuple[int, int]


class TraceError(ValueError):
    """Bytes that are no trace of a known version."""


@dataclass(frozen=True, slots=True)
class Trace:
    """How the meaningful steps were done. Times are milliseconds, offsets CSS pixels.

    `rhythm` are the gaps between all presses and keys, from the start of the recording; `pace`
    the pauses before and durations of the steps; `offsets` the presses relative to the corner of
    what they hit; `pages` a digest of instruction and page before each step.
    """

    rhythm: tuple[int, ...]
    pace: tuple[int, ...]
    offsets: tuple[Offset, ...]
    pages: tuple[bytes, ...]

    def to_bytes(self) -> bytes:
        """A compact form; `from_bytes` reads it back."""
        counts = (len(self.rhythm), len(self.pace), len(self.offsets), len(self.pages))
        offsets = [part for offset in self.offsets for part in offset]
        return b"".join(
            (
                _HEADER.pack(_VERSION, *counts),
                struct.pack(f"<{len(self.rhythm) + len(self.pace)}I", *self.rhythm, *self.pace),
                struct.pack(f"<{len(offsets)}i", *offsets),
                *self.pages,
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "Trace":
        """Read a trace. Raises TraceError for anything else."""
        try:
            version, rhythm, pace, offsets, pages = _HEADER.unpack_from(data)
            body = struct.Struct(f"<{rhythm + pace}I{2 * offsets}i{pages * _DIGEST_BYTES}s")
            if version != _VERSION or len(data) != _HEADER.size + body.size:
                raise TraceError(f"no trace of version {_VERSION}")
            *numbers, digests = body.unpack_from(data, _HEADER.size)
        except struct.error as error:
            raise TraceError(str(error)) from error
        points = numbers[rhythm + pace :]
        return cls(
            rhythm=tuple(numbers[:rhythm]),
            pace=tuple(numbers[rhythm : rhythm + pace]),
            offsets=tuple(zip(points[::2], points[1::2], strict=True)),
            pages=tuple(
                digests[i : i + _DIGEST_BYTES] for i in range(0, len(digests), _DIGEST_BYTES)
            ),
        )


def trace(workflow: Workflow) -> Trace:
    """The trace of a workflow."""
    steps = meaningful_steps(workflow)
    return Trace(
        rhythm=gaps(steps),
        pace=tuple(_pace(steps)),
        offsets=tuple(_offsets(workflow, steps)),
        pages=_pages(workflow, steps),
    )


def shape_key(workflow: Workflow) -> str:
    """Task and kinds of meaningful actions, such as `enter-text:click,type,click`.

    Equal for everybody who did the task the same way; long ones end in a digest.
    """
    kinds = ",".join(step.action for step in meaningful_steps(workflow))
    key = f"{workflow.task.name}:{kinds}"
    if len(key) <= MAX_SHAPE:
        return key
    return f"{workflow.task.name}:{blake2b(kinds.encode(), digest_size=8).hexdigest()}"


def gaps(steps: Sequence[AnyStep]) -> tuple[int, ...]:
    """The gaps between all presses and keys of some steps, in milliseconds, the first from 0."""
    times = sorted(_events(steps))
    return tuple(time - before for before, time in pairwise((0, *times)))


def _events(steps: Sequence[AnyStep]) -> list[int]:
    times: list[int] = []
    for step in steps:
        before = len(times)
        for down, up in presses_and_keys(step):
            times.append(down)
            if up is not None:
                times.append(up)
        if len(times) == before:
            times += (step.at,) if step.until == step.at else (step.at, step.until)
    return times


def _pace(steps: Sequence[AnyStep]) -> list[int]:
    pace, before = [], 0
    for step in steps:
        # A key may come up after the next action began.
        pace += [max(0, step.at - before), step.until - step.at]
        before = step.until
    return pace


def _offsets(workflow: Workflow, steps: Sequence[AnyStep]) -> list[Offset]:
    offsets = []
    for step in steps:
        if isinstance(step, Click | Drag) and step.target is not None:
            box = workflow.observations[step.observation].elements[step.target].box
            offsets.append((step.point[0] - box[0], step.point[1] - box[1]))
    return offsets


def _pages(workflow: Workflow, steps: Sequence[AnyStep]) -> tuple[bytes, ...]:
    digests: dict[int, bytes] = {}
    instruction = workflow.task.instruction.encode()
    for step in steps:
        if step.observation not in digests:
            elements = workflow.observations[step.observation].elements
            shown = [(e.tag, e.text, e.name, e.classes, e.box, e.background) for e in elements]
            digest = blake2b(orjson.dumps(shown), digest_size=_DIGEST_BYTES, key=instruction[:64])
            digests[step.observation] = digest.digest()
    return tuple(digests[step.observation] for step in steps)
