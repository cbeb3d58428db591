"""Bots made from recordings by seeded transformation: what verification has to refuse.

Each takes the recording of a person and keeps pages, targets and actions; the times are those of
a machine. The same seed gives the same bot.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from random import Random
from typing import Any
from uuid import UUID

from lam_core.schema import Workflow, parse_workflow

Document = dict[str, Any]

INTERVALS_MS = (40, 1_000)
HOLD_MS = (40, 140)


def instant(workflow: Workflow, seed: int) -> Workflow:
    """Everything happens at once: events at most one millisecond apart."""
    random = _random("instant", workflow, seed)
    return _rebuilt(workflow, random, lambda gaps: [random.randint(0, 1) for _ in gaps])


def constant_interval(workflow: Workflow, seed: int) -> Workflow:
    """Every event follows the one before by the same interval of 40 ms to 1 s."""
    random = _random("constant-interval", workflow, seed)
    interval = random.randint(*INTERVALS_MS)
    return _rebuilt(workflow, random, lambda gaps: [interval for _ in gaps])


def replay_with_jitter(
    workflow: Workflow,
    seed: int,
    *,
    relative: float = 0.15,
    gaussian_ms: float = 0.0,
    speed: float = 1.0,
    pixels: int = 0,
) -> Workflow:
    """The recording once more, with noise.

    Each gap is multiplied by a factor from 1 - `relative` to 1 + `relative` and by 1 / `speed`,
    then moved by a normal error of `gaussian_ms`; presses move by up to `pixels` each way.
    """
    random = _random("replay", workflow, seed)

    def jittered(gaps: list[int]) -> list[int]:
        return [
            max(
                0,
                round(
                    gap / speed * random.uniform(1 - relative, 1 + relative)
                    + random.gauss(0, gaussian_ms)
                ),
            )
            for gap in gaps
        ]

    return _rebuilt(workflow, random, jittered, pixels)


def _random(kind: str, workflow: Workflow, seed: int) -> Random:
    return Random(f"{kind}/{workflow.id}/{seed}")  # noqa: S311 - reproducible, not secret


def _rebuilt(
    workflow: Workflow,
    random: Random,
    retime: Callable[[list[int]], list[int]],
    pixels: int = 0,
) -> Workflow:
    document = workflow.document()
    document["id"] = str(UUID(int=random.getrandbits(128)))
    moments = sorted({0, *_moments(document["steps"])})
    moved = [0]
    for gap in retime([after - before for before, after in pairwise(moments)]):
        moved.append(moved[-1] + gap)
    times = dict(zip(moments, moved, strict=True))
    for step in document["steps"]:
        _retime(step, times)
        if pixels and "point" in step:
            step["point"] = [p + random.randint(-pixels, pixels) for p in step["point"]]
    return parse_workflow(document)


def _moments(steps: list[Document]) -> Iterator[int]:
    for step in steps:
        yield step["at"]
        yield step["until"]
        for event in [*step.get("presses", ()), *step.get("keys", ())]:
            yield event["down"]
            if event.get("up") is not None:
                yield event["up"]
        for edit in step.get("edits", ()):
            yield edit["at"]
        for sample in step.get("pointer", ()):
            yield sample[0]


def _retime(step: Document, times: dict[int, int]) -> None:
    step["at"], step["until"] = times[step["at"]], times[step["until"]]
    for event in [*step.get("presses", ()), *step.get("keys", ())]:
        event["down"] = times[event["down"]]
        if event.get("up") is not None:
            event["up"] = times[event["up"]]
    for edit in step.get("edits", ()):
        edit["at"] = times[edit["at"]]
    if "pointer" in step:
        step["pointer"] = [[times[t], x, y] for t, x, y in step["pointer"]]
