"""Epochs: open, close into allocations of LAM, publish on chain.

open → closing → closed → published → active → final. The first three are columns; the others follow
from finalized logs: published when the root was submitted, active while claims are paid under it,
final once a later root is active. A root vetoed by the guardian is "vetoed" until another follows.
Every step can be run again after a crash at any point.
"""

import logging
import secrets
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import orjson
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from chain.deployment import NotDeployed, deployment
from contributions import policy as adopted
from points import bundle, conversion, ledger, rewards, seal
from points.allocation import Limit, scheduled_emission
from points.chain_models import EmissionLimit, RootActivation, RootSubmission, RootVeto
from points.ledger import Amount, Draft
from points.models import (
    FIRST_PERSONAL_ACCOUNT,
    Allocation,
    Category,
    EntryKind,
    Epoch,
    Line,
    SystemAccount,
)

logger = logging.getLogger(__name__)

Place = tuple[int, int]
"""A log's block number and index."""


class EpochError(ValueError):
    """The epoch is not in the state that the step needs."""


class AlreadyClosed(EpochError):
    """The epoch was closed before; what it gave stands."""


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


def _allocate(epoch: Epoch) -> None:
    """Convert, seal, write the bundle and close; writers of the epoch are shut out."""
    policy = rewards.policy_of(epoch.policy_hash)
    epoch.emission_limit_wei = scheduled_emission(epoch.number, emission_limits())
    prepared = conversion.prepare(
        epoch, min(policy.emission(epoch.number), epoch.emission_limit_wei)
    )
    shares = prepared.shares
    epoch.emission_wei = sum(shares.wei)
    epoch.millipoints = sum(shares.millipoints)
    epoch.accounts = len(shares.people)
    epoch.total_wei = epoch.emission_wei + _total_before(epoch.number)
    with bundle.Draft(settings.BUNDLES_DIR, epoch.number) as draft, ThreadPoolExecutor(2) as beside:
        # While PostgreSQL posts what each is given, the files that say so are written.
        rows = list(_copied_rows(epoch.number, conversion.PREPARED))
        writing = beside.submit(draft.add, _rows(rows))
        # So are the digests read that were sealed before.
        reading = beside.submit(seal.digests_beside, epoch.number)
        entries = conversion.post(epoch, prepared)
        seal.seal_pending(epoch=epoch.number)
        digests = seal.epoch_digests(epoch.number, known=reading.result())
        growing = beside.submit(seal.store_tree, epoch.number, digests)
        conversion.allocate(entries)
        epoch.ledger_root = growing.result()
        writing.result()
        written = draft.complete(header=_header(epoch), policy=policy.document)
    epoch.root, epoch.bundle_hash = written.root, written.hash
    epoch.closed_at = timezone.now()
    epoch.save()


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


def _total_before(number: int) -> int:
    before = Epoch.objects.filter(pk=number - 1).values_list("total_wei", flat=True).first()
    return int(before or 0)


def emission_limits() -> list[Limit]:
    """What votes lowered the token's schedule to."""
    rows = EmissionLimit.objects.values_list("from_epoch", "limit_wei")
    return [Limit(from_epoch, int(limit)) for from_epoch, limit in rows]


def write_bundle(epoch: Epoch) -> bundle.Bundle:
    """Write (again) the bundle of a closed epoch from the ledger; the same bytes every time."""
    return bundle.write(
        settings.BUNDLES_DIR,
        header=_header(epoch),
        policy=rewards.policy_of(epoch.policy_hash).document,
        rows=bundle_rows(epoch.number),
    )


def _header(epoch: Epoch) -> bundle.Header:
    previous = Epoch.objects.filter(pk=epoch.number - 1).first()
    return bundle.Header(
        epoch=epoch.number,
        policy_hash=epoch.policy_hash,
        release_hash=epoch.release_hash,
        ledger_root=epoch.ledger_root,
        closing_at=ledger.timestamp(epoch.closing_at),
        emission_limit_wei=epoch.emission_limit_wei,
        total_wei=epoch.total_wei,
        source_totals_wei=source_totals(epoch),
        chain_id=epoch.chain_id,
        distributor=epoch.distributor,
        previous_bundle_hash=previous.bundle_hash if previous else "",
    )


def source_totals(epoch: Epoch) -> tuple[int, int, int]:
    """Cumulative LAM by source: emission, marketplace, bounties. So far emission gives all."""
    return (epoch.total_wei, 0, 0)


# The last sum of a leaf that this epoch gave nothing is that of the last epoch that did. A thousand
# rows come as one: a million would take longer to receive than to select.
ROWS = """
COPY (
    SELECT string_agg(row, ';' ORDER BY leaf)
    FROM (
        SELECT n.leaf_id AS leaf, concat(n.leaf_id, '|', n.address, '|', n.categories, '|',
                                         n.millipoints, '|', n.wei, '|', n.cumulative_wei) AS row
        FROM {allocations} n WHERE n.epoch_id = {number}
        UNION ALL
        SELECT f.index, concat(f.index, '|', a.address, '||||', before.cumulative_wei)
        FROM points_leaf f JOIN points_account a ON a.id = f.account_id
        LEFT JOIN LATERAL (SELECT cumulative_wei FROM points_allocation o
                           WHERE o.leaf_id = f.index AND o.epoch_id < {number}
                           ORDER BY o.epoch_id DESC LIMIT 1) before ON true
        WHERE f.first_epoch_id <= {number} AND NOT EXISTS (
            SELECT FROM {allocations} n WHERE n.leaf_id = f.index AND n.epoch_id = {number})
    ) rows
    GROUP BY leaf / 1000 ORDER BY leaf / 1000
) TO STDOUT
"""
ALLOCATED = f"""(
    SELECT o.*, a.address FROM {Allocation._meta.db_table} o
    JOIN points_leaf f ON f.index = o.leaf_id JOIN points_account a ON a.id = f.account_id
)"""  # noqa: S608 - built from names of tables


def bundle_rows(number: int) -> Iterator[bundle.Row]:
    """A row per leaf known at the end of an epoch, in the order of leaves; read as it is used."""
    return _rows(_copied_rows(number, ALLOCATED))


def _copied_rows(number: int, allocations: str) -> Iterator[bytes]:
    """What the query `allocations` gives each leaf, as ROWS puts many together."""
    statement = ROWS.format(number=int(number), allocations=allocations)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for each in copy:
            yield bytes(each)


def _rows(copied: Iterable[bytes]) -> Iterator[bundle.Row]:
    return (_row(each) for part in copied for each in part[:-1].split(b";"))


def _row(copied: bytes) -> bundle.Row:
    leaf, address, categories, millipoints, wei, cumulative = copied.split(b"|")
    return bundle.Row(
        address.decode(),
        int(leaf),
        orjson.loads(categories) if categories else {},
        int(millipoints or 0),
        int(wei or 0),
        int(cumulative or 0),
    )


# Where each epoch's submissions and vetoes are on the chain, and the last epoch that is active.
PLACES = f"""
SELECT 'active', max(epoch_number), 0::bigint, 0 FROM {RootActivation._meta.db_table}
HAVING max(epoch_number) IS NOT NULL
UNION ALL
SELECT 'submitted', epoch_number, block_number, log_index FROM {RootSubmission._meta.db_table}
WHERE epoch_number = ANY (%(numbers)s)
UNION ALL
SELECT 'vetoed', epoch_number, block_number, log_index FROM {RootVeto._meta.db_table}
WHERE epoch_number = ANY (%(numbers)s)
"""  # noqa: S608 - built from names of tables


def state(epoch: Epoch) -> str:
    """Where an epoch is on its way, from its row and the finalized logs."""
    return states([epoch])[epoch.number]


def states(epochs: list[Epoch]) -> dict[int, str]:
    """States of many epochs by one query."""
    latest: dict[str, dict[int, Place]] = {"active": {}, "submitted": {}, "vetoed": {}}
    with connection.cursor() as cursor:
        cursor.execute(PLACES, {"numbers": [each.number for each in epochs]})
        for what, number, *place in cursor.fetchall():
            latest[what][number] = max(tuple(place), latest[what].get(number, (-1, -1)))
    last_active = max(latest["active"], default=0)
    return {
        epoch.number: _state(epoch, last_active, latest["submitted"], latest["vetoed"])
        for epoch in epochs
    }


def _state(
    epoch: Epoch,
    last_active: int,
    submitted: Mapping[int, Place],
    vetoed: Mapping[int, Place],
) -> str:
    number = epoch.number
    if number <= last_active:
        return "active" if number == last_active else "final"
    if number in submitted:
        return "vetoed" if vetoed.get(number, (-1, -1)) > submitted[number] else "published"
    if epoch.closed_at:
        return "closed"
    return "closing" if epoch.closing_at else "open"
