"""Verdicts on recorded work.

Locks: the workflows' rows first, in the order of their ids (with whatever the caller takes after
them), then an advisory lock per shape, so that of two alike recordings verified at once the second
sees the first. Both are held until the caller's transaction ends.
"""

import hashlib
from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db import connection, transaction

from contributions import keys, sealing
from contributions.models import State, Verdict, Workflow
from lam_core import schema
from lam_core import verify as verifier

# How many earlier accepted workflows of the same shape a new one is compared with, newest first.
HISTORY_LIMIT = 300
# The class of our advisory locks; the object is the shape.
SHAPE_LOCK = 0x5348


class AlreadyWithdrawn(Exception):
    """The workflow was withdrawn: there is nothing left to verify."""


def assess(workflow: Workflow, *, release: verifier.Release) -> Verdict:
    """The verdict on a workflow under a verifier release, made once, in the caller's transaction.

    Reads the encrypted body and the evidence of earlier accepted work of the same shape, stores
    verdict and, when accepted, evidence; sets the workflow's state. A verdict that exists is
    returned as it is. Raises AlreadyWithdrawn, MissingKey, CannotOpen.
    """
    return assess_many([workflow], release=release)[workflow.pk]


def assess_many(workflows: Sequence[Workflow], *, release: verifier.Release) -> dict[UUID, Verdict]:
    """As `assess` for several workflows, each compared with those before it; verdicts by id."""
    with transaction.atomic():
        rows = _locked(workflows)
        verdicts = Verdict.objects.in_bulk([row.pk for row in rows])
        waiting = [row for row in rows if row.pk not in verdicts]
        _lock_shapes({row.shape_key for row in waiting})
        found = keys.read_many((row.contributor_id, row.pk) for row in waiting)
        histories: dict[str, list[verifier.Trace]] = {}
        for row in waiting:
            if row.pk not in found:
                raise keys.MissingKey(row.pk)
            if row.shape_key not in histories:
                histories[row.shape_key] = _history(row.shape_key)
            history = histories[row.shape_key]
            verdicts[row.pk] = _judge(row, found[row.pk], history, release)
        Verdict.objects.bulk_create(verdicts[row.pk] for row in waiting)
        if waiting:
            Workflow.objects.bulk_update(waiting, ["state", "evidence"])
    states = {row.pk: row.state for row in rows}
    for workflow in workflows:
        workflow.state = states[workflow.pk]
    return verdicts


def _locked(workflows: Sequence[Workflow]) -> list[Workflow]:
    """The rows with their content, in the order of their arrival. Raises AlreadyWithdrawn."""
    wanted = [workflow.pk for workflow in workflows]
    rows = list(Workflow.objects.select_for_update().filter(pk__in=wanted).order_by("pk"))
    for row in rows:
        if row.state == State.WITHDRAWN:
            raise AlreadyWithdrawn(f"Workflow {row.pk} was withdrawn.")
    return sorted(rows, key=lambda row: (row.received_at, row.pk))


def _lock_shapes(shapes: Iterable[str]) -> None:
    digests = {hashlib.sha256(shape.encode()).digest()[:4] for shape in shapes}
    with connection.cursor() as cursor:
        for number in sorted(int.from_bytes(each, "big", signed=True) for each in digests):
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [SHAPE_LOCK, number])


def _judge(
    row: Workflow, key: bytes, history: list[verifier.Trace], release: verifier.Release
) -> Verdict:
    """The verdict, not stored yet; the row gets its state and evidence, the history its trace."""
    body = _body(row, key)
    judged = verifier.assess(body, verifier.History(history, _attestation(row)), release)
    if judged.accepted:
        trace = verifier.trace(body)
        row.state = State.ACCEPTED
        row.evidence = sealing.seal(
            trace.to_bytes(), key=key, workflow_id=row.pk, part=sealing.EVIDENCE
        )
        history[:] = [trace, *history[: HISTORY_LIMIT - 1]]
    else:
        row.state = State.REJECTED
        row.evidence = b""
    return _verdict(row, judged)


def _attestation(row: Workflow) -> verifier.Attestation | None:
    return None if row.attested is None else verifier.Attestation(row.attested, row.attested_by)


def _body(row: Workflow, key: bytes) -> schema.Workflow:
    return schema.parse_workflow(sealing.unseal(row.ciphertext, key=key, workflow_id=row.pk))


def _history(shape: str) -> list[verifier.Trace]:
    """Traces of the newest accepted work of a shape, newest first."""
    earlier = list(
        Workflow.objects.filter(shape_key=shape, state=State.ACCEPTED)
        .order_by("-received_at", "-pk")
        .values_list("pk", "contributor_id", "evidence")[:HISTORY_LIMIT]
    )
    return _traces(earlier)


def _traces(
    earlier: Iterable[tuple[UUID, int, bytes | memoryview]],
) -> list[verifier.Trace]:
    """Traces of earlier work; one whose key is being destroyed right now no longer counts."""
    found = keys.read_many((contributor, pk) for pk, contributor, _ in earlier)
    return [
        verifier.Trace.from_bytes(
            sealing.unseal(evidence, key=found[pk], workflow_id=pk, part=sealing.EVIDENCE)
        )
        for pk, _, evidence in earlier
        if pk in found
    ]


def _verdict(row: Workflow, judged: verifier.Verdict) -> Verdict:
    return Verdict(
        workflow=row,
        release_hash=judged.release_hash,
        accepted=judged.accepted,
        reasons=[
            {"code": str(reason), "group": reason.group, "text": reason.text}
            for reason in judged.reasons
        ],
        verified_actions=judged.verified_actions,
        score=judged.score,
        goal=judged.goal,
        demo=judged.demo,
    )
