"""Verdicts on recorded work.

Locks: the workflow's row first (with whatever the caller takes after it), then an advisory lock per
shape, so that of two alike recordings verified at once the second sees the first. Both are held
until the caller's transaction ends.
"""

import hashlib
from collections.abc import Iterable
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
    with transaction.atomic():
        row = Workflow.objects.select_for_update().get(pk=workflow.pk)
        if row.state == State.WITHDRAWN:
            raise AlreadyWithdrawn(f"Workflow {row.pk} was withdrawn.")
        if known := Verdict.objects.filter(workflow=row).first():
            return known
        _lock_shape(row.shape_key)
        key = keys.read(contributor_id=row.contributor_id, workflow_id=row.pk)
        body = _body(row, key)
        judged = verifier.assess(body, _history(row), release)
        verdict = _store(row, judged)
        evidence = verifier.trace(body).to_bytes() if judged.accepted else b""
        _settle_state(row, judged, key, evidence)
    workflow.state = row.state
    return verdict


def _lock_shape(shape: str) -> None:
    number = int.from_bytes(hashlib.sha256(shape.encode()).digest()[:4], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [SHAPE_LOCK, number])


def _body(row: Workflow, key: bytes) -> schema.Workflow:
    return schema.parse_workflow(sealing.unseal(row.ciphertext, key=key, workflow_id=row.pk))


def _history(row: Workflow) -> verifier.History:
    earlier = list(
        Workflow.objects.filter(shape_key=row.shape_key, state=State.ACCEPTED)
        .order_by("-received_at", "-pk")
        .values_list("pk", "contributor_id", "evidence")[:HISTORY_LIMIT]
    )
    attestation = (
        None if row.attested is None else verifier.Attestation(row.attested, row.attested_by)
    )
    return verifier.History(traces=_traces(earlier), attestation=attestation)


def _traces(
    earlier: Iterable[tuple[UUID, int, bytes | memoryview]],
) -> tuple[verifier.Trace, ...]:
    """Traces of earlier work; one whose key is being destroyed right now no longer counts."""
    found = keys.read_many((contributor, pk) for pk, contributor, _ in earlier)
    return tuple(
        verifier.Trace.from_bytes(
            sealing.unseal(evidence, key=found[pk], workflow_id=pk, part=sealing.EVIDENCE)
        )
        for pk, _, evidence in earlier
        if pk in found
    )


def _store(row: Workflow, judged: verifier.Verdict) -> Verdict:
    return Verdict.objects.create(
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


def _settle_state(row: Workflow, judged: verifier.Verdict, key: bytes, evidence: bytes) -> None:
    row.state = State.ACCEPTED if judged.accepted else State.REJECTED
    row.evidence = (
        sealing.seal(evidence, key=key, workflow_id=row.pk, part=sealing.EVIDENCE)
        if judged.accepted
        else b""
    )
    row.save(update_fields=["state", "evidence"])
