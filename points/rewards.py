"""Points for verified work, and their reversal when work is withdrawn.

Locks are taken in one order: the workflow's row, the epoch's lock, used-up caps by user, what
people owe by user, and last the balances by account inside the entry's own statement.
"""

import functools
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet

from accounts import referrals
from contributions import policy as adopted
from contributions import verify, withdraw
from contributions.models import State, Verdict, Withdrawal, Workflow
from contributions.policy_document import BP, Policy
from lam_core.verify import Release
from points import ledger
from points.ledger import Amount, Draft
from points.models import (
    Account,
    AccountKind,
    CapUsage,
    Category,
    Entry,
    EntryKind,
    Epoch,
    IdempotencyKey,
    Line,
    SystemAccount,
)

APP = "points"
OWED_LOCK = 7413
EPOCH_DAY = date(1970, 1, 1)
ERASED_REQUEST = "0x" + "0" * 64
# A balance may be spent between reading it and taking points back from it.
REVERSAL_ATTEMPTS = 20

logger = logging.getLogger(__name__)


@functools.lru_cache(maxsize=64)
def policy_of(policy_hash: str) -> Policy:
    """A pinned policy; a hash stands for one document for good, so it is read once."""
    return adopted.policy(policy_hash)


@functools.lru_cache(maxsize=64)
def release_of(release_hash: str) -> Release:
    """A pinned verifier release, read once."""
    return adopted.release(release_hash)


@dataclass(frozen=True, slots=True)
class Settlement:
    """What came of a workflow; `entry_id` is None when it earned nothing."""

    verdict: Verdict
    entry_id: int | None

    @property
    def entry(self) -> Entry | None:
        """The entry that paid for it."""
        return None if self.entry_id is None else Entry.objects.get(pk=self.entry_id)


def settle(workflow_id: UUID) -> Settlement | None:
    """Judge a workflow and pay for it, in one transaction; again gives the same.

    None when there is nothing to settle yet or any more: it is withdrawn, or belongs to an epoch
    that has not opened.
    """
    with transaction.atomic():
        workflow = (
            Workflow.objects.select_for_update(of=("self",))
            .defer("ciphertext", "evidence")
            .filter(pk=workflow_id)
            .first()
        )
        if workflow is None or workflow.state == State.WITHDRAWN:
            return None
        if workflow.state != State.SUBMITTED:
            return Settlement(workflow.verdict, _settlement_of(workflow.pk))
        epoch = _epoch_for(workflow)
        if epoch is None:
            return None
        verdict = verify.assess(workflow, release=release_of(epoch.release_hash))
        entry = _pay(workflow, verdict, epoch) if verdict.accepted else None
        return Settlement(verdict, entry)


def pending(epoch: Epoch) -> QuerySet[Workflow]:
    """Workflows that wait for a verdict and belong to the epoch, oldest first."""
    waiting = Workflow.objects.filter(state=State.SUBMITTED)
    if epoch.closing_at:
        waiting = waiting.filter(received_at__lt=epoch.closing_at)
    return waiting.order_by("received_at", "pk")


def settle_pending() -> int:
    """Settle everything that belongs to the epoch in progress; returns how many were.

    A workflow whose settlement fails is logged and left for the next run.
    """
    epoch = Epoch.objects.filter(closed_at__isnull=True).first()
    if epoch is None:
        return 0
    settled = 0
    for workflow_id in list(pending(epoch).values_list("pk", flat=True)):
        try:
            settled += settle(workflow_id) is not None
        except Exception:
            logger.exception("workflow %s could not be settled", workflow_id)
    return settled


def _epoch_for(workflow: Workflow) -> Epoch | None:
    """The epoch in progress, kept from closing; None when the work belongs to a later one."""
    _, epoch = ledger.lock_epoch()
    if epoch is None or (epoch.closing_at and workflow.received_at >= epoch.closing_at):
        return None
    return epoch


def _settlement_of(workflow_id: UUID) -> int | None:
    known = IdempotencyKey.objects.filter(workflow=workflow_id, entry__kind=EntryKind.SETTLEMENT)
    return known.values_list("entry_id", flat=True).first()


def _pay(workflow: Workflow, verdict: Verdict, epoch: Epoch) -> int | None:
    policy = policy_of(epoch.policy_hash)
    earned = policy.earned_millipoints(
        verified_actions=verdict.verified_actions, platform=workflow.source, epoch=epoch.number
    )
    day = (workflow.received_at.date() - EPOCH_DAY).days
    used, paid = _take_cap(
        CapUsage.Kind.DAY, workflow.contributor_id, day, earned, policy.daily_cap_millipoints
    )
    if paid == 0:
        return None
    layers = _referral_layers(workflow.contributor_id, paid, policy, epoch.number)
    credits_ = [(workflow.contributor_id, paid, Category.WORK)]
    credits_ += [(user, amount, Category.REFERRAL) for user, amount, _ in layers if amount]
    draft = Draft(
        kind=EntryKind.SETTLEMENT,
        key=f"settle:{workflow.pk}",
        epoch=epoch.number,
        lines=[
            Amount(SystemAccount.ISSUANCE, -sum(each[1] for each in credits_), Category.WORK),
            *income_lines(credits_),
        ],
        request={"workflow": str(workflow.pk)},
        inputs={
            **_work_inputs(workflow, verdict, policy, epoch.number),
            "earned_millipoints": earned,
            "day_used_millipoints": used,
            "paid_millipoints": paid,
            "referrals": [inputs for _, _, inputs in layers],
        },
        workflow=workflow.pk,
    )
    return ledger.post_many([draft])[0]


def _work_inputs(
    workflow: Workflow, verdict: Verdict, policy: Policy, epoch: int
) -> dict[str, Any]:
    """What the contributor needs to compute the points again under the policy."""
    return {
        "policy_hash": policy.hash,
        "release_hash": verdict.release_hash,
        "platform": workflow.source,
        "verified_actions": verdict.verified_actions,
        "score_bp": verdict.score,
        "goal": str(verdict.goal),
        "platform_multiplier_bp": policy.platform_multiplier_bp(workflow.source),
        "epoch_multiplier_bp": policy.epoch_multiplier_bp(epoch),
        "founding_multiplier_bp": policy.founding_multiplier_bp(epoch),
    }


def _referral_layers(
    user_id: int, paid: int, policy: Policy, epoch: int
) -> list[tuple[int, int, dict[str, Any]]]:
    """(referrer, millipoints, inputs) of each layer, nearest first, each under its own cap."""
    shares = policy.referral.layers_bp
    if not shares:
        return []
    chain = referrals.chain_of([user_id], layers=len(shares))[user_id]
    # A circle of referrals pays nobody twice, and nobody for their own work.
    layers = [
        (layer, referrer)
        for layer, referrer in enumerate(chain)
        if referrer != user_id and referrer not in chain[:layer]
    ]
    cap = policy.referral.cap_millipoints_per_epoch
    taken = {
        referrer: _take_cap(
            CapUsage.Kind.REFERRAL, referrer, epoch, paid * shares[layer] // BP, cap
        )
        for layer, referrer in sorted(layers, key=lambda each: each[1])
    }
    return [
        (
            referrer,
            taken[referrer][1],
            {
                "layer": layer + 1,
                "share_bp": shares[layer],
                "epoch_used_millipoints": taken[referrer][0],
                "paid_millipoints": taken[referrer][1],
            },
        )
        for layer, referrer in layers
    ]


def _take_cap(
    kind: CapUsage.Kind, user_id: int, period: int, wanted: int, cap: int
) -> tuple[int, int]:
    """(used before, granted now) under a cap; the row stays locked to the transaction's end."""
    usage = {"kind": kind, "user_id": user_id, "period": period}
    row = CapUsage.objects.select_for_update().filter(**usage).first()
    if row is None:
        CapUsage.objects.bulk_create([CapUsage(**usage)], ignore_conflicts=True)
        row = CapUsage.objects.select_for_update().get(**usage)
    used = row.millipoints
    granted = max(0, min(wanted, cap - used))
    if granted:
        row.millipoints = used + granted
        row.save(update_fields=["millipoints"])
    return used, granted


def income_lines(credits_: Sequence[tuple[int, int, Category]]) -> list[Amount]:
    """Lines that give people (user, millipoints, why); each first pays what they owe of it.

    They add up to the credits; the caller adds where the points come from. Locks what is owed.
    """
    users = [user for user, _, _ in credits_]
    accounts = ledger.personal_accounts(users)
    owed = _owed(users)
    lines = []
    for user, amount, category in credits_:
        lines.append(Amount(accounts[user], amount, category))
        owed_account, debt = owed.get(user, (0, 0))
        net = min(amount, debt)
        owed[user] = (owed_account, debt - net)
        if net:
            lines += [
                Amount(accounts[user], -net, Category.NETTED),
                Amount(SystemAccount.ISSUANCE, net, Category.NETTED),
                Amount(owed_account, -net, Category.NETTED),
                Amount(SystemAccount.RECEIVABLE, net, Category.NETTED),
            ]
    return lines


def _owed(user_ids: Sequence[int], *, always_lock: bool = False) -> dict[int, tuple[int, int]]:
    """(account, millipoints owed) of those who owe; it stays until the transaction ends."""
    owing = _owing(user_ids)
    for user in sorted(user_ids if always_lock else owing):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, hashint8(%s))", [OWED_LOCK, user])
    return _owing(user_ids) if owing else {}


def _owing(user_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    rows = Account.objects.filter(
        user_id__in=user_ids, kind=AccountKind.OWED, balance__amount__gt=0
    )
    return {
        user: (account, amount)
        for user, account, amount in rows.values_list("user_id", "pk", "balance__amount")
    }


def reverse_withdrawn() -> int:
    """Take back the points of withdrawn work of the epoch in progress; returns how many were seen.

    Points of closed epochs are kept. Either way the link from the ledger to the workflow goes.
    """
    seen = 0
    for withdrawal in list(withdraw.pending(APP)):
        for attempt in range(REVERSAL_ATTEMPTS):
            try:
                _reverse_one(withdrawal)
            except ledger.InsufficientBalance:
                if attempt == REVERSAL_ATTEMPTS - 1:
                    raise
            else:
                break
        seen += 1
    return seen


def _reverse_one(withdrawal: Withdrawal) -> None:
    with transaction.atomic():
        # The same lock order as settling, so that the two wait for each other.
        Workflow.objects.select_for_update().only("pk").get(pk=withdrawal.workflow_id)
        number, _ = ledger.lock_epoch()
        entry_id = _settlement_of(withdrawal.workflow_id)
        entry = None if entry_id is None else Entry.objects.get(pk=entry_id)
        if entry and entry.epoch_id == number:
            _reverse(entry)
        _forget(withdrawal.workflow_id)
        withdraw.acknowledge(withdrawal, APP)


def _reverse(entry: Entry) -> None:
    """Take back what an entry paid; what is spent is owed and netted against later points."""
    paid = _paid_by_user(entry)
    _owed(list(paid), always_lock=True)
    accounts = ledger.personal_accounts(paid)
    owed_accounts = ledger.personal_accounts(paid, AccountKind.OWED)
    lines, returned = [], 0
    for user, amount in sorted(paid.items()):
        taken = min(amount, ledger.balance(accounts[user]))
        returned += taken
        lines += [
            Amount(accounts[user], -taken, Category.REVERSED),
            Amount(owed_accounts[user], amount - taken, Category.REVERSED),
            Amount(SystemAccount.RECEIVABLE, taken - amount, Category.REVERSED),
        ]
    ledger.post(
        kind=EntryKind.REVERSAL,
        key=f"reverse:{entry.pk}",
        epoch=entry.epoch_id,
        lines=[Amount(SystemAccount.ISSUANCE, returned, Category.REVERSED), *lines],
        request={"entry": entry.pk},
        inputs={
            "paid_millipoints": [paid[user] for user in sorted(paid)],
            "reverses": "0x" + bytes(entry.digest).hex(),
        },
        reverses=entry.pk,
    )


def _paid_by_user(entry: Entry) -> dict[int, int]:
    paid: dict[int, int] = {}
    lines = Line.objects.filter(entry=entry, category__in=[Category.WORK, Category.REFERRAL])
    rows = lines.filter(account__kind=AccountKind.POINTS)
    for user, amount in rows.values_list("account__user_id", "amount"):
        assert user is not None
        paid[user] = paid.get(user, 0) + int(amount)
    return paid


def _forget(workflow_id: UUID) -> None:
    """Cut the link from the ledger to a workflow: nothing of it can be found from an entry."""
    for known in IdempotencyKey.objects.filter(workflow=workflow_id):
        known.workflow = None
        known.key = f"erased:{known.entry_id}"
        known.request_hash = ERASED_REQUEST
        known.save(update_fields=["workflow", "key", "request_hash"])
