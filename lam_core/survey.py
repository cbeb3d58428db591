"""Measures verification on a folder of recordings: who is refused, people and bots.

Recordings are taken in one after the other, each judged against the traces accepted before it,
as the service does. Then bots made of accepted recordings try to get through.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from lam_core import bots
from lam_core.miniwob import Recording, RecordingError, convert, success
from lam_core.schema import Workflow
from lam_core.verify import Attestation, History, Release, Trace, assess, shape_key, trace

BOTS_OF_A_KIND = 50
SUCCEEDED = Attestation(success=True)

BotMaker = Callable[[Workflow, int], Workflow]

BOTS: dict[str, BotMaker] = {
    "instant": bots.instant,
    "constant-interval": bots.constant_interval,
    "replay-jitter-15-percent": bots.replay_with_jitter,
}
"""The three kinds that must never be paid."""

MORE_BOTS: dict[str, BotMaker] = {
    "replay-gaussian-20-ms": lambda w, s: bots.replay_with_jitter(
        w, s, relative=0.0, gaussian_ms=20
    ),
    "replay-jitter-15-percent-3-pixels": lambda w, s: bots.replay_with_jitter(w, s, pixels=3),
    "replay-jitter-30-percent-5-pixels": lambda w, s: bots.replay_with_jitter(
        w, s, relative=0.3, pixels=5
    ),
    "replay-30-percent-faster": lambda w, s: bots.replay_with_jitter(w, s, speed=1.3),
}
"""Harder ones, reported beside them."""


@dataclass(slots=True)
class BotResult:
    """How many bots of a kind were made and refused, and why."""

    made: int = 0
    refused: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Survey:
    """What came of a folder of recordings; seconds are CPU time of this process."""

    recordings: int = 0
    converted: int = 0
    not_converted: Counter[str] = field(default_factory=Counter)
    rewarded_not_converted: int = 0
    sittings: set[str] = field(default_factory=set)
    accepted: int = 0
    rejected_by_reason: Counter[str] = field(default_factory=Counter)
    rewarded: int = 0
    rewarded_refused: int = 0
    rewarded_refused_by_reason: Counter[str] = field(default_factory=Counter)
    verified_actions: int = 0
    workflow_bytes: int = 0
    import_seconds: float = 0.0
    assess_seconds: float = 0.0
    bots: dict[str, BotResult] = field(default_factory=dict)
    traces: dict[str, list[Trace]] = field(default_factory=lambda: defaultdict(list))
    accepted_workflows: list[bytes] = field(default_factory=list)

    @property
    def rewarded_refused_percent(self) -> float:
        """Share of the successful recordings with actions that verification refused."""
        return 100 * self.rewarded_refused / self.rewarded if self.rewarded else 0.0

    def summary(self) -> dict[str, Any]:
        """The figures as JSON values."""
        return {
            "recordings": self.recordings,
            "sittings": len(self.sittings),
            "converted": self.converted,
            "not_converted": dict(self.not_converted),
            "rewarded_not_converted": self.rewarded_not_converted,
            "accepted": self.accepted,
            "rejected_by_reason": dict(self.rejected_by_reason),
            "rewarded": self.rewarded,
            "rewarded_refused": self.rewarded_refused,
            "rewarded_refused_percent": round(self.rewarded_refused_percent, 3),
            "rewarded_refused_by_reason": dict(self.rewarded_refused_by_reason),
            "verified_actions": self.verified_actions,
            "workflow_bytes": self.workflow_bytes,
            "import_cpu_ms_per_recording": _milliseconds(self.import_seconds, self.recordings),
            "assess_cpu_ms_per_workflow": _milliseconds(self.assess_seconds, self.converted),
            "bots": {
                kind: {"made": r.made, "refused": r.refused, "reasons": dict(r.reasons)}
                for kind, r in self.bots.items()
            },
        }


def survey(recordings: Iterable[Recording], release: Release) -> Survey:
    """Take in recordings in order, judging each against those accepted before."""
    result = Survey()
    for recording in recordings:
        result.recordings += 1
        result.sittings.add(recording.sitting)
        _take_in(result, recording, release)
    return result


def try_bots(
    result: Survey,
    release: Release,
    kinds: dict[str, BotMaker],
    *,
    seed: int = 1,
    of_a_kind: int = BOTS_OF_A_KIND,
) -> None:
    """Let bots made of accepted recordings try to get through; adds to `result.bots`."""
    for kind, make in kinds.items():
        outcome = result.bots.setdefault(kind, BotResult())
        random = Random(f"{kind}/{seed}")  # noqa: S311 - reproducible, not secret
        for number in range(of_a_kind if result.accepted_workflows else 0):
            body = random.choice(result.accepted_workflows)
            bot = make(Workflow.model_validate_json(body), number)
            verdict = assess(bot, History(result.traces[shape_key(bot)], SUCCEEDED), release)
            outcome.made += 1
            outcome.refused += not verdict.accepted
            outcome.reasons.update(verdict.reasons)


def _take_in(result: Survey, recording: Recording, release: Release) -> None:
    started = time.process_time()
    rewarded = False
    try:
        content = recording.read()
        rewarded = success(content)
        workflow = convert(content, task=recording.task, name=recording.name)
    except RecordingError as error:
        result.not_converted[error.reason] += 1
        result.rewarded_not_converted += rewarded
        return
    finally:
        result.import_seconds += time.process_time() - started
    result.converted += 1
    _judge(result, workflow, rewarded, release)


def _judge(result: Survey, workflow: Workflow, rewarded: bool, release: Release) -> None:
    known = result.traces[shape_key(workflow)]
    started = time.process_time()
    verdict = assess(workflow, History(known, Attestation(rewarded)), release)
    result.assess_seconds += time.process_time() - started
    result.rewarded += rewarded
    result.rejected_by_reason.update(verdict.reasons)
    if verdict.accepted:
        body = workflow.to_json()
        result.accepted += 1
        result.verified_actions += verdict.verified_actions
        result.workflow_bytes += len(body)
        result.accepted_workflows.append(body)
        known.append(trace(workflow))
    elif rewarded:
        result.rewarded_refused += 1
        result.rewarded_refused_by_reason.update(verdict.reasons)


def _milliseconds(seconds: float, count: int) -> float:
    return round(1000 * seconds / count, 3) if count else 0.0
