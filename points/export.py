"""What a person's points of a closed epoch were computed from, for them alone, with its proofs.

`python -m points.verify BUNDLE --mine EXPORT` computes the points again from it. Of an entry that
others share it opens the parts that are one's own: see `points.leaf`.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from accounts.models import User
from contributions.models import State, Workflow
from points import leaf, ledger, seal
from points.models import (
    Account,
    AccountKind,
    Allocation,
    Category,
    Entry,
    EntryKind,
    Epoch,
    IdempotencyKey,
    Line,
)
from points.own_export import VERSION

# Conversions are in the bundle person by person, and claims on chain.
KINDS = (EntryKind.SETTLEMENT, EntryKind.REVERSAL, EntryKind.USE, EntryKind.CARRY)


class NotClosed(ValueError):
    """The epoch is not closed: its entries have no root yet."""


def epoch_export(user: User, epoch: Epoch) -> dict[str, Any]:
    """Everything that one's points of an epoch follow from, as JSON values. Raises NotClosed."""
    if epoch.closed_at is None:
        raise NotClosed(f"Epoch {epoch.number} is not closed.")
    allocated = Allocation.objects.filter(epoch=epoch, points_account__user=user)
    own = _own(user, epoch)
    return {
        "version": VERSION,
        "epoch": epoch.number,
        "bundle_hash": epoch.bundle_hash,
        "ledger_root": epoch.ledger_root,
        "account": f"{AccountKind.POINTS}:{user.pk}",
        "owed_account": f"{AccountKind.OWED}:{user.pk}",
        "address": allocated.values_list("leaf__account__address", flat=True).first(),
        "earlier_millipoints": _earlier(user, epoch) if own.work_entries else [],
        "withdrew": _judged(user, epoch).filter(state=State.WITHDRAWN).exists(),
        "works": list(_works(user, epoch)),
        "entries": list(_entries(own, epoch)),
    }


@dataclass(frozen=True)
class _Own:
    """A person's entries of an epoch as they were posted, each with all of its lines.

    `workflows` are those that entries paid for and that were not withdrawn, by entry.
    """

    accounts: frozenset[int]
    entries: Sequence[Entry]
    lines: dict[int, list[Line]]
    workflows: dict[int, str]

    def categories(self, entry: int | None) -> set[int]:
        """Why an entry moved points of theirs."""
        lines = self.lines.get(entry, []) if entry else []
        return {line.category for line in lines if line.account_id in self.accounts}

    @property
    def work_entries(self) -> list[int]:
        """Entries that paid for their own work."""
        return [each.pk for each in self.entries if Category.WORK in self.categories(each.pk)]

    def sees_inputs(self, entry: Entry) -> bool:
        """Whether an entry's inputs are theirs: a referrer is not told how somebody worked."""
        if entry.kind == EntryKind.REVERSAL:
            return Category.WORK in self.categories(entry.reverses_id)
        return entry.kind != EntryKind.SETTLEMENT or Category.WORK in self.categories(entry.pk)


def _own(user: User, epoch: Epoch) -> _Own:
    accounts = frozenset(Account.objects.filter(user=user).values_list("pk", flat=True))
    named = Line.objects.filter(account__in=accounts, epoch_number=epoch.number)
    ids = set(named.values_list("entry_id", flat=True))
    entries = list(Entry.objects.filter(pk__in=ids, kind__in=KINDS).order_by("pk"))
    lines: dict[int, list[Line]] = defaultdict(list)
    for line in Line.objects.filter(entry__in=entries).order_by("entry_id", "position"):
        lines[line.entry_id].append(line)
    paid = IdempotencyKey.objects.filter(entry__in=entries, workflow__contributor=user)
    kept = paid.exclude(workflow__state=State.WITHDRAWN)
    rows = kept.values_list("entry_id", "workflow_id")
    return _Own(accounts, entries, dict(lines), {entry: str(work) for entry, work in rows})


def _earlier(user: User, epoch: Epoch) -> list[int]:
    """What each earlier epoch converted of the person's points, from epoch 1 on."""
    rows = Allocation.objects.filter(points_account__user=user, epoch__lt=epoch.number)
    found = dict(rows.values_list("epoch_id", "millipoints"))
    return [found.get(number, 0) for number in range(1, epoch.number)]


def _judged(user: User, epoch: Epoch) -> QuerySet[Workflow]:
    """The person's work that was judged for an epoch: after the one before closed."""
    rows = Workflow.objects.filter(
        contributor=user,
        received_at__lt=epoch.closing_at,
        verdict__assessed_at__lte=epoch.closed_at,
    )
    before = _before(epoch)
    return rows.filter(verdict__assessed_at__gt=before.closed_at) if before else rows


def _before(epoch: Epoch) -> Epoch | None:
    return Epoch.objects.filter(pk=epoch.number - 1).first()


def _works(user: User, epoch: Epoch) -> Iterator[dict[str, Any]]:
    """Accepted work in the order of its verdicts; what came late counts for no other."""
    before = _before(epoch)
    rows = _judged(user, epoch).filter(state=State.ACCEPTED)
    ordered = rows.order_by("verdict__assessed_at", "received_at", "pk")
    for pk, shape, task, received in ordered.values_list("pk", "shape_key", "task", "received_at"):
        late = bool(before and before.closing_at and received < before.closing_at)
        yield {"workflow": str(pk), "shape": shape, "task": task, "late": late}


def _entries(own: _Own, epoch: Epoch) -> Iterator[dict[str, Any]]:
    if not own.entries:
        return
    tree = seal.open_tree(epoch)
    places = seal.places(epoch.number, [entry.pk for entry in own.entries])
    codes = ledger.account_codes(line.account_id for rows in own.lines.values() for line in rows)
    for entry in own.entries:
        parts = ledger.entry_parts(
            entry.inputs,
            [
                (codes[each.account_id], each.unit, each.category, each.amount)
                for each in own.lines[entry.pk]
            ],
        )
        salts = leaf.part_salts(bytes(entry.salt), len(parts))
        opened = own.sees_inputs(entry)
        yield {
            "kind": entry.kind,
            "posted_at": ledger.timestamp(entry.posted_at),
            "workflow": own.workflows.get(entry.pk),
            "inputs": entry.inputs if opened else None,
            "inputs_salt": salts[0].hex() if opened else None,
            "lines": [
                _line(line, codes[line.account_id], salts[line.position + 1])
                for line in own.lines[entry.pk]
                if line.account_id in own.accounts
            ],
            "commitments": leaf.commitments(parts, bytes(entry.salt)),
            "proof": tree.proof(places[entry.pk]),
        }


def _line(line: Line, account: str, salt: bytes) -> dict[str, Any]:
    return {
        "position": line.position,
        "account": account,
        "unit": ledger.UNIT_NAMES[line.unit],
        "category": ledger.CATEGORY_NAMES[line.category],
        "amount": str(line.amount),
        "salt": salt.hex(),
    }
