"""What the Registry adopted, and how each adoption stands: in force, next, pending, past, ignored.

An epoch keeps the policy and release it opened with; an adoption takes effect with the next epoch
to open. One whose document is unknown or invalid is not followed; the one before stays in force.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.db.models import Max

from contributions.models import Adoption, Kind
from governance.models import Proposal
from points.models import Epoch


class Standing(StrEnum):
    """How an adoption stands now."""

    IN_FORCE = "in_force"
    NEXT = "next"
    PENDING = "pending"
    PAST = "past"
    NOT_FOLLOWED = "not_followed"


@dataclass(frozen=True)
class Adopted:
    """An adoption, how it stands, and the proposal whose execution made it (None at genesis)."""

    adoption: Adoption
    standing: Standing
    proposal: Proposal | None


def adopted(kind: Kind) -> list[Adopted]:
    """Every adoption of a kind, newest first."""
    rows = list(Adoption.objects.filter(kind=kind).order_by("-block_number", "-log_index"))
    following = (Epoch.objects.aggregate(last=Max("number"))["last"] or 0) + 1
    running = Epoch.objects.filter(closed_at__isnull=True).first()
    upcoming = _latest(rows, following)
    current = _pinned(rows, kind, running) if running else upcoming
    executed = [row.transaction_hash for row in rows]
    makers = {
        each.execution_transaction_hash: each
        for each in Proposal.objects.filter(execution_transaction_hash__in=executed)
    }
    return [
        Adopted(
            row,
            _standing(row, rows, current, upcoming, following),
            makers.get(row.transaction_hash),
        )
        for row in rows
    ]


def _latest(rows: Sequence[Adoption], epoch: int) -> Adoption | None:
    """What an epoch would open with; `rows` are newest first (contributions.policy.in_force)."""
    return next((row for row in rows if row.adoptable and row.effective_epoch <= epoch), None)


def _pinned(rows: Sequence[Adoption], kind: Kind, running: Epoch) -> Adoption | None:
    """What the open epoch pinned; releases that no epoch pins follow its number."""
    pinned = {Kind.REWARD_POLICY: running.policy_hash, Kind.VERIFIER_RELEASE: running.release_hash}
    if kind not in pinned:
        return _latest(rows, running.number)
    return next((row for row in rows if row.adoptable and row.hash == pinned[kind]), None)


def _standing(
    row: Adoption,
    rows: Sequence[Adoption],
    current: Adoption | None,
    upcoming: Adoption | None,
    following: int,
) -> Standing:
    if not row.adoptable:
        return Standing.NOT_FOLLOWED
    if row == current:
        return Standing.IN_FORCE
    if row == upcoming:
        return Standing.NEXT
    # A later adoption that is effective as early will have replaced it by then.
    if row.effective_epoch > following and _latest(rows, row.effective_epoch) == row:
        return Standing.PENDING
    return Standing.PAST
