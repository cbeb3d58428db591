"""Is recorded work real? `assess` answers with a verdict and named reasons.

The answer depends on the workflow, the traces accepted before, an operator's attestation and a
verifier release, on nothing else: whoever has them comes to the same verdict. Nothing the client
says about success is believed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from statistics import fmean, median_low, pstdev
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from lam_core.meaning import meaningful_steps
from lam_core.progress import advancing_steps, newly_invalid
from lam_core.release import (
    EvidenceRules,
    GoalRules,
    Release,
    ReleaseError,
    ReplayRules,
    RhythmRules,
    ShortRules,
    StructureRules,
    TimingRules,
    VariationRules,
    load_release,
)
from lam_core.schema import Source, Workflow
from lam_core.steps import AnyStep, Click, Drag, Navigate, Scroll, Tab, Type
from lam_core.trace import Trace, TraceError, gaps, shape_key, trace

__all__ = [
    "Attestation",
    "Goal",
    "History",
    "Reason",
    "Release",
    "ReleaseError",
    "Trace",
    "TraceError",
    "Verdict",
    "assess",
    "load_release",
    "shape_key",
    "trace",
]

FULL_SCORE = 10_000


class Reason(StrEnum):
    """Why work is refused. The values are stable; `text` says the same to people."""

    SOURCE = "source-not-accepted"
    NO_ACTION = "no-meaningful-action"
    UNTRUSTED = "untrusted-events"
    OFF_TARGET = "presses-off-target"
    TOO_FAST = "too-fast"
    KEYS_TOO_FAST = "keys-too-fast"
    CONSTANT_RHYTHM = "constant-rhythm"
    CONSTANT_PAUSES = "constant-pauses"
    CENTRED = "presses-all-centred"
    REPLAYED = "replayed"
    SAME_POSITIONS = "replayed-positions"
    GOAL_FAILED = "goal-failed"
    GOAL_UNKNOWN = "goal-unknown"
    NO_EFFECT = "no-lasting-effect"
    UNFINISHED = "unfinished"

    @property
    def group(self) -> str:
        """structure, timing, variation, replay or goal."""
        return _TEXTS[self][0]

    @property
    def text(self) -> str:
        """One sentence for the person whose work it is."""
        return _TEXTS[self][1]


_TEXTS = {
    Reason.SOURCE: ("structure", "Recordings from this source are not accepted here."),
    Reason.NO_ACTION: ("structure", "No action in the recording had a target or an effect."),
    Reason.UNTRUSTED: ("structure", "Some events were made by a script, not by a person."),
    Reason.OFF_TARGET: ("structure", "The pointer was not on the elements it is said to have hit."),
    Reason.TOO_FAST: ("timing", "The actions followed each other faster than people act."),
    Reason.KEYS_TOO_FAST: ("timing", "The keys followed each other faster than people type."),
    Reason.CONSTANT_RHYTHM: ("variation", "All events are equally far apart."),
    Reason.CONSTANT_PAUSES: ("variation", "All pauses between actions are equally long."),
    Reason.CENTRED: ("variation", "Every press is in the exact middle of its target."),
    Reason.REPLAYED: ("replay", "The rhythm is that of a recording accepted before."),
    Reason.SAME_POSITIONS: ("replay", "Every press is where an accepted recording pressed."),
    Reason.GOAL_FAILED: ("goal", "The task was not done."),
    Reason.GOAL_UNKNOWN: ("goal", "Nothing trustworthy says that the task was done."),
    Reason.NO_EFFECT: ("goal", "At the end the page was as if nothing had been done."),
    Reason.UNFINISHED: ("goal", "What was typed at the end was not sent or confirmed."),
}


class Goal(StrEnum):
    """What is known about the goal: `sample` is the attested goal of the project's own samples."""

    ATTESTED = "attested"
    SAMPLE = "sample"
    EVIDENCE = "evidence"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Attestation:
    """An operator's word that the task was done or not; never taken from the client's document."""

    success: bool
    operator: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """What was known before: traces of accepted workflows of the same shape, an attestation."""

    traces: Sequence[Trace] = ()
    attestation: Attestation | None = None


class Verdict(BaseModel):
    """The outcome. `score` (0 to 10000) is the margin to the nearest limit, 0 when refused.

    `verified_actions` is the number of meaningful actions, 0 when refused; where the goal is
    evidence, of those whose effect lasted. `demo` verdicts come
    from a release that accepts the project's own samples; they are worth nothing elsewhere.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    accepted: bool
    reasons: tuple[Reason, ...]
    verified_actions: Annotated[int, Field(ge=0)]
    goal: Goal
    score: Annotated[int, Field(ge=0, le=FULL_SCORE)]
    release_hash: Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$")]
    demo: bool = False

    def to_json(self) -> bytes:
        """JSON that `from_json` reads back as an equal verdict."""
        return self.model_dump_json().encode()

    @classmethod
    def from_json(cls, data: bytes | str) -> "Verdict":
        """Read a verdict; raises pydantic's ValidationError naming wrong fields."""
        return cls.model_validate_json(data)


@dataclass(frozen=True, slots=True)
class _Finding:
    """A measurement that must not fall below its limit."""

    reason: Reason
    measured: float
    limit: float

    @property
    def margin(self) -> float:
        """0 at the limit, 1 at twice the limit and beyond."""
        return min(1.0, self.measured / self.limit - 1) if self.limit else 1.0


def assess(workflow: Workflow, history: History, release: Release) -> Verdict:
    """Judge a workflow under a release.

    `history.traces` are the candidates for a replay: accepted traces with the same `shape_key`.
    """
    rules = release.rules
    steps = meaningful_steps(workflow)
    made = trace(workflow)
    advancing = advancing_steps(workflow) if rules.goal.evidence else []
    goal, goal_reasons = _goal(workflow, history.attestation, rules.goal, advancing)
    findings = [
        *_structure(workflow, steps, rules.structure),
        *_timing(workflow, steps, rules.timing),
        *_variation(workflow, steps, rules.variation),
        *_replay(made, history.traces, rules.replay),
    ]
    reasons = [finding.reason for finding in findings if finding.measured < finding.limit]
    reasons += goal_reasons
    accepted = not reasons
    margin = min((finding.margin for finding in findings), default=1.0)
    return Verdict(
        accepted=accepted,
        reasons=tuple(dict.fromkeys(reasons)),
        verified_actions=len(advancing if goal is Goal.EVIDENCE else steps) if accepted else 0,
        goal=goal,
        score=round(FULL_SCORE * margin) if accepted else 0,
        release_hash=release.hash,
        demo=rules.demo,
    )


def _goal(
    workflow: Workflow,
    attestation: Attestation | None,
    rules: GoalRules,
    advancing: Sequence[AnyStep],
) -> tuple[Goal, list[Reason]]:
    if attestation is None:
        return _evidence(workflow, rules.evidence, advancing)
    if not attestation.success:
        return Goal.FAILED, [Reason.GOAL_FAILED]
    goal = Goal.SAMPLE if workflow.source is Source.SAMPLE else Goal.ATTESTED
    return goal, [] if Goal.ATTESTED in rules.accepted else [Reason.GOAL_UNKNOWN]


def _evidence(
    workflow: Workflow, rules: EvidenceRules | None, advancing: Sequence[AnyStep]
) -> tuple[Goal, list[Reason]]:
    """What the recording itself shows: how the page changed for good, never what anybody claims."""
    if rules is None or workflow.outcome is None:
        return Goal.UNKNOWN, [Reason.GOAL_UNKNOWN]
    if newly_invalid(workflow):
        return Goal.FAILED, [Reason.GOAL_FAILED]
    # Looking at another tab neither finishes anything nor leaves anything unfinished.
    within_tabs = [step for step in advancing if not isinstance(step, Tab)]
    if not within_tabs or len(advancing) < rules.min_advancing_actions:
        return Goal.UNKNOWN, [Reason.NO_EFFECT]
    if within_tabs[-1].action not in rules.finishing_actions:
        return Goal.UNKNOWN, [Reason.UNFINISHED]
    return Goal.EVIDENCE, []


def _structure(
    workflow: Workflow, steps: Sequence[AnyStep], rules: StructureRules
) -> Iterator[_Finding]:
    if workflow.source not in rules.sources:
        yield _Finding(Reason.SOURCE, 0, 1)
    if len(steps) < rules.min_actions:
        yield _Finding(Reason.NO_ACTION, len(steps), rules.min_actions)
    required = workflow.source in rules.trusted_events_required
    if any(step.trusted is False or (required and _unsaid(step)) for step in workflow.steps):
        yield _Finding(Reason.UNTRUSTED, 0, 1)
    hits = [_hits(workflow, step, rules.press_tolerance_pixels) for step in _pressed(steps)]
    share = 1000 * fmean(hits) if hits else 1000
    if share < rules.min_presses_on_target_per_mille:
        yield _Finding(Reason.OFF_TARGET, share, rules.min_presses_on_target_per_mille)


def _timing(workflow: Workflow, steps: Sequence[AnyStep], rules: TimingRules) -> Iterator[_Finding]:
    if steps:
        taken = max(step.until for step in steps) / len(steps)
        yield _Finding(Reason.TOO_FAST, taken, rules.min_time_per_action_ms)
    for step in steps:
        if isinstance(step, Type) and len(step.keys) >= rules.min_keys_for_pace:
            downs = [key.down for key in step.keys]
            taken = (downs[-1] - downs[0]) / (len(downs) - 1)
            yield _Finding(Reason.KEYS_TOO_FAST, taken, rules.min_time_per_key_ms)


def _variation(
    workflow: Workflow, steps: Sequence[AnyStep], rules: VariationRules
) -> Iterator[_Finding]:
    # What did nothing, too, has to be as irregular as people are; what happens at once is one.
    rhythm = [gap for gap in gaps(workflow.steps) if gap]
    if len(rhythm) >= rules.min_gaps:
        limit = rules.min_rhythm_variation_per_mille
        yield _Finding(Reason.CONSTANT_RHYTHM, _variation_per_mille(rhythm), limit)
    if len(rhythm) >= rules.min_gaps_for_typical:
        untypical = _untypical_per_mille(rhythm, rules.typical_tolerance_per_mille)
        yield _Finding(Reason.CONSTANT_RHYTHM, untypical, rules.min_untypical_per_mille)
    pauses = [after.at - before.at for before, after in pairwise(steps)]
    if len(pauses) >= rules.min_pauses:
        limit = rules.min_pause_variation_per_mille
        yield _Finding(Reason.CONSTANT_PAUSES, _variation_per_mille(pauses), limit)
    pressed = _pressed(steps)
    if len(pressed) >= rules.min_centred_presses and all(_centred(workflow, s) for s in pressed):
        yield _Finding(Reason.CENTRED, 0, 1)


def _replay(made: Trace, candidates: Sequence[Trace], rules: ReplayRules) -> Iterator[_Finding]:
    same: list[Trace] = []
    other: list[Trace] = []
    for candidate in candidates:
        equal = sum(a == b for a, b in zip(made.pages, candidate.pages, strict=False))
        on_same = 1000 * equal >= rules.same_page_share_per_mille * max(1, len(made.pages))
        (same if on_same else other).append(candidate)
        if made.offsets == candidate.offsets and _no_coincidence(made, on_same, rules):
            yield _Finding(Reason.SAME_POSITIONS, 0, 1)
    if rules.short and len(made.rhythm) < rules.short.below_gaps:
        same = [each for each in same if _pressed_alike(made, each, rules.short)]
    for group, rhythm in ((same, rules.same_page), (other, rules.other_page)):
        yield from _nearest(made.rhythm, [trace.rhythm for trace in group], rhythm)
        yield from _nearest(made.pace, [trace.pace for trace in group], rhythm)


def _pressed_alike(made: Trace, other: Trace, rules: ShortRules) -> bool:
    """Whether every press was about where the other's was; so, too, when nothing was pressed."""
    return len(made.offsets) == len(other.offsets) and all(
        abs(x - u) <= rules.offset_pixels and abs(y - v) <= rules.offset_pixels
        for (x, y), (u, v) in zip(made.offsets, other.offsets, strict=True)
    )


def _no_coincidence(made: Trace, on_same: bool, rules: ReplayRules) -> bool:
    """Whether pressing the very same pixels of the targets can be no coincidence."""
    if not on_same:
        return len(set(made.offsets)) >= rules.min_equal_offsets
    without_rhythm = len(made.rhythm) < rules.min_gaps_for_rhythm
    return len(set(made.offsets)) >= (1 if without_rhythm else rules.min_equal_offsets_same_page)


def _nearest(
    made: tuple[int, ...], others: Sequence[tuple[int, ...]], rules: RhythmRules
) -> Iterator[_Finding]:
    """How far the most similar rhythm is, when there are enough gaps to tell."""
    limits = [limit for limit in rules.limits if limit.gaps <= len(made)]
    comparable = [other for other in others if len(other) == len(made)]
    if not limits or not comparable:
        return
    limit = max(limits, key=lambda limit: limit.gaps).max_distance_per_mille
    ratios = np.log(np.add(comparable, rules.floor_ms)) - np.log(np.add(made, rules.floor_ms))
    distance = float(np.sqrt(np.square(ratios).mean(axis=1)).min())
    yield _Finding(Reason.REPLAYED, 1000 * distance, limit)


def _variation_per_mille(values: Sequence[int]) -> float:
    mean = fmean(values)
    return 1000 * pstdev(values) / mean if mean else 0.0


def _unsaid(step: AnyStep) -> bool:
    """Whether a step made by input events does not say that they were trusted."""
    return step.trusted is None and not isinstance(step, Scroll | Navigate | Tab)


def _untypical_per_mille(values: Sequence[int], tolerance_per_mille: int) -> float:
    """Thousandths of the values that are not within the tolerance of the median."""
    typical = median_low(values)
    reach = typical * tolerance_per_mille
    return 1000 * fmean(1000 * abs(value - typical) > reach for value in values)


def _pressed(steps: Sequence[AnyStep]) -> list[Click | Drag]:
    return [s for s in steps if isinstance(s, Click | Drag) and s.target is not None]


def _hits(workflow: Workflow, step: Click | Drag, tolerance: int) -> bool:
    left, top, width, height = _target_box(workflow, step)
    inside_x = left - tolerance <= step.point[0] <= left + width + tolerance
    return inside_x and top - tolerance <= step.point[1] <= top + height + tolerance


def _centred(workflow: Workflow, step: Click | Drag) -> bool:
    left, top, width, height = _target_box(workflow, step)
    return (
        abs(2 * (step.point[0] - left) - width) <= 1
        and abs(2 * (step.point[1] - top) - height) <= 1
    )


def _target_box(workflow: Workflow, step: Click | Drag) -> tuple[int, int, int, int]:
    return workflow.observations[step.observation].elements[step.target or 0].box
