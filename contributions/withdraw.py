"""Taking work back: the key goes, the content goes, the apps above are told by a request row.

Row locks are taken in one order everywhere: the workflow's row first (here and in
`verify.assess`), then whatever an app above locks for it.
"""

from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import User
from contributions import keys
from contributions.models import State, Withdrawal, WithdrawalAcknowledgement, Workflow


class NotYours(Exception):
    """The contributor has no such workflow; whether someone else has is not told."""


def withdraw(*, contributor: User, workflow_id: UUID) -> Withdrawal:
    """Destroy a workflow's key and content, verified or not; again is harmless.

    Points are reversed by the app that gave them, when it consumes `pending`. Raises NotYours.
    """
    with transaction.atomic():
        row = (
            Workflow.objects.select_for_update()
            .defer("ciphertext", "evidence")
            .filter(pk=workflow_id, contributor=contributor)
            .first()
        )
        if row is None:
            raise NotYours(f"There is no workflow {workflow_id} of yours.")
        if row.state != State.WITHDRAWN:
            _empty(row)
        withdrawal, _ = Withdrawal.objects.get_or_create(workflow=row)
        # Last, so that little can fail after it. Should the commit fail, the workflow is already
        # unreadable, which its contributor asked for, and asking again completes it.
        keys.destroy(contributor_id=contributor.pk, workflow_id=row.pk)
    return withdrawal


def _empty(row: Workflow) -> None:
    row.state = State.WITHDRAWN
    row.task = row.site = row.shape_key = row.body_digest = ""
    row.ciphertext = row.evidence = b""
    row.save(
        update_fields=[
            "state",
            "task",
            "site",
            "shape_key",
            "body_digest",
            "ciphertext",
            "evidence",
        ]
    )


def pending(app: str) -> QuerySet[Withdrawal]:
    """Withdrawals that an app has not acknowledged, oldest first."""
    acknowledged = WithdrawalAcknowledgement.objects.filter(app=app).values("withdrawal_id")
    return Withdrawal.objects.exclude(pk__in=acknowledged).order_by("requested_at", "pk")


def acknowledge(withdrawal: Withdrawal, app: str) -> None:
    """An app has done its part; call it in the transaction that did. Again is harmless."""
    WithdrawalAcknowledgement.objects.get_or_create(withdrawal=withdrawal, app=app)
