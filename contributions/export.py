"""Everything the service holds about a person, for them."""

from collections.abc import Iterator
from typing import Any

import orjson

from accounts import tokens
from accounts.models import User
from contributions import keys, sealing
from contributions.models import Verdict, Workflow

CHUNK = 100


def content(workflow: Workflow) -> Any:
    """The body of a workflow as it was sent; None once withdrawn.

    Raises MissingKey, CannotOpen.
    """
    if not workflow.ciphertext:
        return None
    key = keys.read(contributor_id=workflow.contributor_id, workflow_id=workflow.pk)
    return orjson.loads(sealing.unseal(workflow.ciphertext, key=key, workflow_id=workflow.pk))


def export(user: User) -> dict[str, Any]:
    """All of a person's data that is kept here, as JSON values. Raises MissingKey, CannotOpen."""
    return {**person(user), "workflows": list(workflows(user))}


def person(user: User) -> dict[str, Any]:
    """What is known of the person besides their work."""
    referral = getattr(user, "referral", None)
    return {
        "name": user.name,
        "joined_at": user.joined_at.isoformat(),
        "wallets": list(user.wallets.order_by("pk").values("address", "is_primary", "added_at")),
        "consents": list(
            user.consents.order_by("pk").values("scope", "version", "given_at", "withdrawn_at")
        ),
        "tokens": list(
            tokens.in_force()
            .filter(user=user)
            .order_by("pk")
            .values("label", "scopes", "created_at")
        ),
        "invites": list(user.invites.order_by("pk").values("code", "uses", "uses_allowed")),
        "referred_by": referral.referrer.name if referral else None,
        "people_brought": user.referrals_made.count(),
    }


def workflows(user: User) -> Iterator[dict[str, Any]]:
    """Each workflow with its body and verdict, oldest first; a few at a time in memory."""
    rows = (
        Workflow.objects.filter(contributor=user)
        .select_related("verdict", "withdrawal")
        .order_by("received_at", "pk")
    )
    for row in rows.iterator(chunk_size=CHUNK):
        yield _workflow(row)


def _workflow(row: Workflow) -> dict[str, Any]:
    verdict: Verdict | None = getattr(row, "verdict", None)
    withdrawal = getattr(row, "withdrawal", None)
    return {
        "id": str(row.pk),
        "state": row.state,
        "task": row.task,
        "source": row.source,
        "received_at": row.received_at.isoformat(),
        "attested": row.attested,
        "attested_by": row.attested_by,
        "body_digest": row.body_digest,
        "withdrawn_at": withdrawal.requested_at.isoformat() if withdrawal else None,
        "verdict": _verdict(verdict) if verdict else None,
        "body": content(row),
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "release_hash": verdict.release_hash,
        "accepted": verdict.accepted,
        "reasons": verdict.reasons,
        "verified_actions": verdict.verified_actions,
        "score": verdict.score,
        "goal": verdict.goal,
        "demo": verdict.demo,
        "assessed_at": verdict.assessed_at.isoformat(),
    }
