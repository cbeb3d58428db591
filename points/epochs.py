"""Epochs: open, close into allocations of LAM, publish on chain.

open → closing → closed → published → active → final. The first three are columns; the others follow
from finalized logs: published when the root was submitted, active while claims are paid under it,
final once a later root is active. A root vetoed by the guardian is "vetoed" until another follows.
Every step can be run again after a crash at any point.
"""

import logging
import secrets
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max, Sum
from django.utils import timezone

from accounts import wallets
from chain.deployment import NotDeployed, deployment
from contributions import policy as adopted
from contributions.policy_document import Policy
from points import bundle, ledger, rewards, seal
from points.allocation import Limit, allocate, scheduled_emission
from points.ledger import Amount, Draft
from points.models import (
    FIRST_PERSONAL_ACCOUNT,
    Account,
    AccountKind,
    Allocation,
    Balance,
    Category,
    EmissionLimit,
    EntryKind,
    Epoch,
    Leaf,
    Line,
    RootActivation,
    RootSubmission,
    RootVeto,
    SystemAccount,
    Unit,
)

ZERO_ADDRESS = "0x" + "0" * 40

logger = logging.getLogger(__name__)


class EpochError(ValueError):
    """The epoch is not in the state that the step needs."""


class AlreadyClosed(EpochError):
    """The epoch was closed before; what it gave stands."""


class LedgerInconsistent(RuntimeError):
    """Balances and lines disagree: nothing is paid out until that is understood."""


def open_next() -> Epoch:
    """Open the next epoch under the policy and verifier release now in force.

    Raises EpochError while one is open, and contributions.policy.NotAdopted.
    """
    with transaction.atomic():
        number = ledger.current_epoch_number()
        if Epoch.objects.filter(pk=number).exists():
            raise EpochError(f"Epoch {number} is open; close it first.")
        epoch = Epoch.objects.create(
            number=number,
            policy_hash=adopted.current(number).hash,
            release_hash=adopted.current_release(number).hash,
            salt=secrets.token_bytes(32),
            opened_at=timezone.now(),
        )
        _carry_in(epoch)
    return epoch


def close(number: int) -> Epoch:
    """Freeze an epoch, convert its points to LAM and write its bundle.

    First settles the work that waits; what can't be settled is carried to the next epoch. Raises
    AlreadyClosed, EpochError. Whatever interrupts it, calling it again ends with the same bundle.
    """
    _begin_closing(number)
    rewards.settle_pending()
    rewards.reverse_withdrawn()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [ledger.EPOCH_LOCK, number])
        epoch = Epoch.objects.select_for_update().get(pk=number)
        if epoch.closed_at:
            raise AlreadyClosed(f"Epoch {number} is closed already.")
        _allocate(epoch)
    logger.info("epoch %d closed: %s wei to %d", number, epoch.emission_wei, epoch.accounts)
    return epoch


def _begin_closing(number: int) -> None:
    with transaction.atomic():
        epoch = Epoch.objects.select_for_update().filter(pk=number).first()
        if epoch is None:
            raise EpochError(f"There is no epoch {number}.")
        if epoch.closed_at:
            raise AlreadyClosed(f"Epoch {number} is closed already.")
        if epoch.closing_at is None:
            epoch.closing_at = max(timezone.now(), epoch.opened_at)
            epoch.chain_id, epoch.distributor = _destination()
            epoch.save(update_fields=["closing_at", "chain_id", "distributor"])


def _destination() -> tuple[int, str]:
    try:
        ours = deployment()
    except NotDeployed:
        return 0, ""
    return ours.chain_id, ours.address("RewardsDistributor")


@dataclass(frozen=True, slots=True)
class _Share:
    """One account's part in an epoch."""

    account: int
    address: str
    millipoints: int
    wei: int
    lam_account: int


def _allocate(epoch: Epoch) -> None:
    """Convert, seal, write the bundle and close; writers of the epoch are shut out."""
    policy = rewards.policy_of(epoch.policy_hash)
    assert epoch.closing_at is not None
    points, addresses = _convertible(epoch)
    epoch.emission_limit_wei = scheduled_emission(epoch.number, emission_limits())
    emission = min(policy.emission(epoch.number), epoch.emission_limit_wei)
    wei = allocate(emission, {addresses[account]: amount for account, amount in points.items()})
    lam = ledger.lam_accounts(wei)
    shares = [
        _Share(
            account, addresses[account], amount, wei[addresses[account]], lam[addresses[account]]
        )
        for account, amount in sorted(points.items(), key=lambda each: addresses[each[0]].lower())
    ]
    entries = ledger.post_many([_conversion(epoch, share) for share in shares])
    _store_allocations(epoch, shares, entries)
    seal.seal_pending(epoch=epoch.number)
    epoch.ledger_root = seal.ledger_root(epoch.number)
    epoch.emission_wei = sum(share.wei for share in shares)
    epoch.millipoints = sum(share.millipoints for share in shares)
    epoch.accounts = len(shares)
    epoch.total_wei = epoch.emission_wei + _total_before(epoch.number)
    written = write_bundle(epoch, policy)
    epoch.root, epoch.bundle_hash = written.root, written.hash
    epoch.closed_at = timezone.now()
    epoch.save()


def _convertible(epoch: Epoch) -> tuple[dict[int, int], dict[int, str]]:
    """Points and addresses by account, of those who can be paid; the others' points are carried."""
    balances = _balances()
    _check_lines(epoch.number, balances)
    users = dict(Account.objects.filter(pk__in=balances).values_list("pk", "user_id"))
    primary = wallets.primaries([user for user in users.values() if user is not None])
    addresses = {
        account: primary[user]
        for account, user in users.items()
        if user in primary and primary[user] != ZERO_ADDRESS
    }
    _carry_out(epoch, {a: amount for a, amount in balances.items() if a not in addresses})
    return {a: amount for a, amount in balances.items() if a in addresses}, addresses


def _balances() -> dict[int, int]:
    rows = Balance.objects.filter(account__kind=AccountKind.POINTS, amount__gt=0)
    return {account: int(amount) for account, amount in rows.values_list("account_id", "amount")}


def _categories(number: int) -> dict[int, dict[str, int]]:
    """Millipoints by account and category name of an epoch, conversions left out."""
    rows = (
        Line.objects.filter(epoch_number=number, account_id__gte=FIRST_PERSONAL_ACCOUNT)
        .filter(unit=Unit.MILLIPOINTS)
        .exclude(category=Category.CONVERTED)
        .order_by()
        .values_list("account_id", "category")
        .annotate(sum=Sum("amount"))
    )
    sums: dict[int, dict[str, int]] = defaultdict(dict)
    for account, category, amount in rows:
        sums[account][Category(category).name.lower()] = int(amount)
    return sums


def _check_lines(number: int, balances: Mapping[int, int]) -> None:
    """Every balance is what the epoch's own lines add up to: nothing is left from before."""
    sums = _categories(number)
    for account, amount in balances.items():
        if (found := sum(sums[account].values())) != amount:
            raise LedgerInconsistent(
                f"Account {account} holds {amount} millipoints, its lines add up to {found}."
            )


def _conversion(epoch: Epoch, share: _Share) -> Draft:
    return Draft(
        kind=EntryKind.CONVERSION,
        key=f"convert:{epoch.number}:{share.account}",
        epoch=epoch.number,
        lines=[
            Amount(share.account, -share.millipoints, Category.CONVERTED),
            Amount(SystemAccount.CONVERTED, share.millipoints, Category.CONVERTED),
            Amount(SystemAccount.EMISSION, -share.wei, Category.ALLOCATED, Unit.LAM_WEI),
            Amount(share.lam_account, share.wei, Category.ALLOCATED, Unit.LAM_WEI),
        ],
        request={"epoch": epoch.number, "account": share.account},
        inputs={"millipoints": share.millipoints, "wei": str(share.wei)},
        posted_at=epoch.closing_at,
    )


def _carry_out(epoch: Epoch, unpaid: Mapping[int, int]) -> None:
    ledger.post_many(
        [
            Draft(
                kind=EntryKind.CARRY,
                key=f"carry-out:{epoch.number}:{account}",
                epoch=epoch.number,
                lines=[
                    Amount(account, -amount, Category.CARRIED),
                    Amount(SystemAccount.CARRIED, amount, Category.CARRIED),
                ],
                request={"epoch": epoch.number, "account": account},
                posted_at=epoch.closing_at,
            )
            for account, amount in sorted(unpaid.items())
        ]
    )


def _carry_in(epoch: Epoch) -> None:
    """Give back what the epoch before could not pay out."""
    carried = Line.objects.filter(
        epoch_number=epoch.number - 1,
        category=Category.CARRIED,
        amount__lt=0,
        account_id__gte=FIRST_PERSONAL_ACCOUNT,
    )
    ledger.post_many(
        [
            Draft(
                kind=EntryKind.CARRY,
                key=f"carry-in:{epoch.number}:{account}",
                epoch=epoch.number,
                lines=[
                    Amount(SystemAccount.CARRIED, int(amount), Category.CARRIED),
                    Amount(account, -int(amount), Category.CARRIED),
                ],
                request={"epoch": epoch.number, "account": account},
            )
            for account, amount in carried.order_by("account_id").values_list(
                "account_id", "amount"
            )
        ]
    )


def _store_allocations(epoch: Epoch, shares: list[_Share], entries: list[int]) -> None:
    leaves = _leaves(epoch, shares)
    categories = _categories(epoch.number)
    before = _cumulative_before(epoch.number)
    Allocation.objects.bulk_create(
        [
            Allocation(
                epoch=epoch,
                leaf_id=leaves[share.lam_account],
                points_account_id=share.account,
                entry_id=entry,
                categories=categories[share.account],
                millipoints=share.millipoints,
                wei=share.wei,
                cumulative_wei=before.get(leaves[share.lam_account], 0) + share.wei,
            )
            for share, entry in zip(shares, entries, strict=True)
        ],
        batch_size=5_000,
    )


def _leaves(epoch: Epoch, shares: list[_Share]) -> dict[int, int]:
    """Leaf index by LAM account; new addresses follow the known ones, in the order of shares."""
    known = dict(Leaf.objects.values_list("account_id", "index"))
    new = [share.lam_account for share in shares if share.lam_account not in known]
    added = {account: len(known) + n for n, account in enumerate(new)}
    Leaf.objects.bulk_create(
        [
            Leaf(index=index, account_id=account, first_epoch=epoch)
            for account, index in added.items()
        ],
        batch_size=10_000,
    )
    return known | added


def _cumulative_before(number: int) -> dict[int, int]:
    """Wei allocated to each leaf by the epochs before."""
    rows = Allocation.objects.filter(epoch__lt=number).order_by().values_list("leaf_id")
    return {leaf: int(wei) for leaf, wei in rows.annotate(wei=Sum("wei"))}


def _total_before(number: int) -> int:
    before = Epoch.objects.filter(pk=number - 1).values_list("total_wei", flat=True).first()
    return int(before or 0)


def emission_limits() -> list[Limit]:
    """What votes lowered the token's schedule to."""
    rows = EmissionLimit.objects.values_list("from_epoch", "limit_wei")
    return [Limit(from_epoch, int(limit)) for from_epoch, limit in rows]


def write_bundle(epoch: Epoch, policy: Policy | None = None) -> bundle.Bundle:
    """Write (again) the bundle of an epoch from the ledger; the same bytes every time."""
    policy = policy or rewards.policy_of(epoch.policy_hash)
    assert epoch.closing_at is not None
    previous = Epoch.objects.filter(pk=epoch.number - 1).first()
    header = bundle.Header(
        epoch=epoch.number,
        policy_hash=epoch.policy_hash,
        release_hash=epoch.release_hash,
        ledger_root=epoch.ledger_root,
        closing_at=timestamp(epoch.closing_at),
        emission_limit_wei=epoch.emission_limit_wei,
        total_wei=epoch.total_wei,
        source_totals_wei=source_totals(epoch),
        chain_id=epoch.chain_id,
        distributor=epoch.distributor,
        previous_bundle_hash=previous.bundle_hash if previous else "",
    )
    return bundle.write(
        settings.BUNDLES_DIR, header=header, policy=policy.document, rows=bundle_rows(epoch.number)
    )


def source_totals(epoch: Epoch) -> tuple[int, int, int]:
    """Cumulative LAM by source: emission, marketplace, bounties. So far emission gives all."""
    return (epoch.total_wei, 0, 0)


def bundle_rows(number: int) -> list[bundle.Row]:
    """A row per leaf known at the end of an epoch, in the order of leaves."""
    cumulative = _cumulative_before(number + 1)
    now = {
        row.leaf_id: row
        for row in Allocation.objects.filter(epoch=number).only(
            "leaf_id", "categories", "millipoints", "wei"
        )
    }
    leaves = Leaf.objects.filter(first_epoch__lte=number).order_by("index")
    rows = []
    for index, address in leaves.values_list("index", "account__address"):
        row = now.get(index)
        rows.append(
            bundle.Row(
                address=address,
                leaf=index,
                categories=row.categories if row else {},
                millipoints=row.millipoints if row else 0,
                wei=row.wei if row else 0,
                cumulative_wei=cumulative.get(index, 0),
            )
        )
    return rows


def timestamp(moment: datetime | None) -> str:
    """A moment as bundles write it."""
    assert moment is not None
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def state(epoch: Epoch) -> str:
    """Where an epoch is on its way, from its row and the finalized logs."""
    return states([epoch])[epoch.number]


def states(epochs: list[Epoch]) -> dict[int, str]:
    """States of many epochs in a constant number of queries."""
    numbers = [epoch.number for epoch in epochs]
    last_active = RootActivation.objects.aggregate(last=Max("epoch_number"))["last"] or 0
    submitted = _latest_blocks(RootSubmission, numbers)
    vetoed = _latest_blocks(RootVeto, numbers)
    return {epoch.number: _state(epoch, last_active, submitted, vetoed) for epoch in epochs}


def _state(
    epoch: Epoch,
    last_active: int,
    submitted: Mapping[int, tuple[int, int]],
    vetoed: Mapping[int, tuple[int, int]],
) -> str:
    number = epoch.number
    if number <= last_active:
        return "active" if number == last_active else "final"
    if number in submitted:
        return "vetoed" if vetoed.get(number, (-1, -1)) > submitted[number] else "published"
    if epoch.closed_at:
        return "closed"
    return "closing" if epoch.closing_at else "open"


def _latest_blocks(
    model: type[RootSubmission] | type[RootVeto], numbers: list[int]
) -> dict[int, tuple[int, int]]:
    rows = model.objects.filter(epoch_number__in=numbers).order_by("block_number", "log_index")
    return {
        number: (block, index)
        for number, block, index in rows.values_list("epoch_number", "block_number", "log_index")
    }
