"""Points for verified work, and their reversal when work is withdrawn.

Locks are taken in one order: the workflows' rows by id, the epoch's lock, shapes, used-up caps by
kind and user, what people owe by user, and last the balances by account inside the entries' own
statement.
"""

import functools
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts import referrals
from contributions import policy as adopted
from contributions import verify, withdraw
from contributions.models import State, Verdict, Withdrawal, Workflow
from contributions.policy_document import BP, PaidWork, Policy
from lam_core.verify import Release
from points import ledger
from points.caps import Caps
from points.income import Income, lock_owed
from points.ledger import Amount, Draft
from points.models import (
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
from points.usefulness import paid_work

Item = TypeVar("Item")
APP = "points"
EPOCH_DAY = date(1970, 1, 1)
ERASED_REQUEST = "0x" + "0" * 64
# How many workflows of one contributor are settled in one transaction.
SETTLED_TOGETHER = 50
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
    return settle_many([workflow_id]).get(workflow_id)


def settle_many(workflow_ids: Sequence[UUID]) -> dict[UUID, Settlement]:
    """As `settle` for several workflows, all or none; what there is to settle, by id.

    Each has an entry of its own, as if they had been settled one after the other.
    """
    with transaction.atomic():
        rows = list(
            Workflow.objects.select_for_update(of=("self",))
            .defer("ciphertext", "evidence")
            .filter(pk__in=workflow_ids)
            .exclude(state=State.WITHDRAWN)
            .order_by("pk")
        )
        settled = {row.pk: _settled(row) for row in rows if row.state != State.SUBMITTED}
        epoch, waiting = _due([row for row in rows if row.state == State.SUBMITTED])
        if epoch is None or not waiting:
            return settled
        verdicts = verify.assess_many(waiting, release=release_of(epoch.release_hash))
        accepted = [row for row in waiting if verdicts[row.pk].accepted]
        entries = _pay(accepted, verdicts, epoch)
        return settled | {
            row.pk: Settlement(verdicts[row.pk], entries.get(row.pk)) for row in waiting
        }


def settle_each(workflow_ids: Sequence[UUID]) -> int:
    """Settle several workflows together, or one by one when that fails; returns how many were.

    One whose settlement fails is logged and left for the next run.
    """
    try:
        return len(settle_many(workflow_ids))
    except Exception:
        if len(workflow_ids) == 1:
            logger.exception("workflow %s could not be settled", workflow_ids[0])
            return 0
        logger.warning("%d workflows could not be settled together", len(workflow_ids))
    return sum(settle_each([each]) for each in workflow_ids)


def pending(epoch: Epoch) -> QuerySet[Workflow]:
    """Workflows that wait for a verdict and belong to the epoch, oldest first."""
    waiting = Workflow.objects.filter(state=State.SUBMITTED)
    if epoch.closing_at:
        waiting = waiting.filter(received_at__lt=epoch.closing_at)
    return waiting.order_by("received_at", "pk")


def settle_pending(*, min_age: timedelta = timedelta(0)) -> int:
    """Settle everything that belongs to the epoch in progress; returns how many were.

    With `min_age`, only what has waited so long: the younger has a task of its own under way. A
    workflow whose settlement fails is logged and left for the next run.
    """
    epoch = Epoch.objects.filter(closed_at__isnull=True).first()
    if epoch is None:
        return 0
    waiting = pending(epoch)
    if min_age:
        waiting = waiting.filter(received_at__lte=timezone.now() - min_age)
    by_contributor: dict[int, list[UUID]] = {}
    for workflow_id, contributor in waiting.values_list("pk", "contributor_id"):
        by_contributor.setdefault(contributor, []).append(workflow_id)
    return sum(
        settle_each(part)
        for ids in by_contributor.values()
        for part in batched(ids, SETTLED_TOGETHER)
    )


def batched(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """Parts of at most `size`, in order."""
    return (items[start : start + size] for start in range(0, len(items), size))


def _settled(workflow: Workflow) -> Settlement:
    return Settlement(workflow.verdict, _settlement_of(workflow.pk))


def _due(waiting: list[Workflow]) -> tuple[Epoch | None, list[Workflow]]:
    """The epoch in progress, kept from closing, and which work belongs to it, oldest first."""
    if not waiting:
        return None, []
    _, epoch = ledger.lock_epoch()
    if epoch is None:
        return None, []
    due = [row for row in waiting if not epoch.closing_at or row.received_at < epoch.closing_at]
    return epoch, sorted(due, key=lambda row: (row.received_at, row.pk))


def _settlement_of(workflow_id: UUID) -> int | None:
    known = IdempotencyKey.objects.filter(workflow=workflow_id, entry__kind=EntryKind.SETTLEMENT)
    return known.values_list("entry_id", flat=True).first()


def _pay(
    accepted: Sequence[Workflow], verdicts: Mapping[UUID, Verdict], epoch: Epoch
) -> dict[UUID, int]:
    """Post an entry for each workflow that earns something; entry ids by workflow."""
    if not accepted:
        return {}
    policy = policy_of(epoch.policy_hash)
    chains = _referrers({row.contributor_id for row in accepted}, policy)
    caps = Caps(
        [_day(row) for row in accepted]
        + [_referral(user, epoch.number) for chain in chains.values() for _, user in chain]
    )
    income = Income([*chains, *(user for chain in chains.values() for _, user in chain)])
    works = paid_work(accepted, verdicts, policy, epoch)
    drafts = []
    for row in accepted:
        rules = _Rules(policy, works[row.pk], caps, chains[row.contributor_id])
        if draft := _draft(row, verdicts[row.pk], rules, income):
            drafts.append(draft)
    caps.save()
    entries = ledger.post_many(drafts)
    return {
        draft.workflow: entry
        for draft, entry in zip(drafts, entries, strict=True)
        if draft.workflow is not None
    }


@dataclass(frozen=True, slots=True)
class _Rules:
    """Under what one workflow is paid; `referrers` are (layer from 0, user id), nearest first."""

    policy: Policy
    work: PaidWork
    caps: Caps
    referrers: Sequence[tuple[int, int]]


def _draft(workflow: Workflow, verdict: Verdict, rules: _Rules, income: Income) -> Draft | None:
    """The entry that pays for a workflow; None when nothing is left to earn under the cap."""
    policy = rules.policy
    earned = policy.earned_millipoints(rules.work)
    used, paid = rules.caps.take(_day(workflow), wanted=earned, cap=policy.daily_cap_millipoints)
    if paid == 0:
        return None
    layers = _referral_layers(paid, rules)
    credits_ = [(workflow.contributor_id, paid, Category.WORK)]
    credits_ += [(user, amount, Category.REFERRAL) for user, amount, _ in layers if amount]
    return Draft(
        kind=EntryKind.SETTLEMENT,
        key=f"settle:{workflow.pk}",
        epoch=rules.work.epoch,
        lines=[
            Amount(SystemAccount.ISSUANCE, -sum(each[1] for each in credits_), Category.WORK),
            *income.lines(credits_),
        ],
        request={"workflow": str(workflow.pk)},
        inputs={
            **_work_inputs(verdict, policy, rules.work),
            "day": _day(workflow)[2],
            "earned_millipoints": earned,
            "day_used_millipoints": used,
            "paid_millipoints": paid,
            "referrals": [inputs for _, _, inputs in layers],
        },
        workflow=workflow.pk,
    )


def _day(workflow: Workflow) -> tuple[CapUsage.Kind, int, int]:
    day = (workflow.received_at.date() - EPOCH_DAY).days
    return CapUsage.Kind.DAY, workflow.contributor_id, day


def _work_inputs(verdict: Verdict, policy: Policy, work: PaidWork) -> dict[str, Any]:
    """What the contributor needs to compute the points again under the policy.

    Not the task, nor anything else that would tell of the work once it is withdrawn.
    """
    multipliers = policy.multipliers_bp(work)
    return {
        "policy_hash": policy.hash,
        "release_hash": verdict.release_hash,
        "goal": str(verdict.goal),
        **work.inputs,
        **{f"{name}_multiplier_bp": value for name, value in multipliers.items()},
    }


def _referrers(user_ids: Iterable[int], policy: Policy) -> dict[int, list[tuple[int, int]]]:
    """(layer from 0, referrer) of each user, nearest first, as far as the policy pays.

    A circle of referrals pays nobody twice, and nobody for their own work.
    """
    wanted = sorted(user_ids)
    layers = len(policy.referral.layers_bp)
    chains = referrals.chain_of(wanted, layers=layers) if layers else {user: [] for user in wanted}
    return {
        user: [
            (layer, referrer)
            for layer, referrer in enumerate(chain)
            if referrer != user and referrer not in chain[:layer]
        ]
        for user, chain in chains.items()
    }


def _referral(user_id: int, epoch: int) -> tuple[CapUsage.Kind, int, int]:
    return CapUsage.Kind.REFERRAL, user_id, epoch


def _referral_layers(paid: int, rules: _Rules) -> list[tuple[int, int, dict[str, Any]]]:
    """(referrer, millipoints, inputs) of each layer, nearest first, each under its own cap."""
    shares = rules.policy.referral.layers_bp
    cap = rules.policy.referral.cap_millipoints_per_epoch
    found = []
    for layer, referrer in rules.referrers:
        used, amount = rules.caps.take(
            _referral(referrer, rules.work.epoch), wanted=paid * shares[layer] // BP, cap=cap
        )
        inputs = {
            "layer": layer + 1,
            "share_bp": shares[layer],
            "epoch_used_millipoints": used,
            "paid_millipoints": amount,
        }
        found.append((referrer, amount, inputs))
    return found


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
    lock_owed(list(paid), always=True)
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
