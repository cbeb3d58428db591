"""An epoch's points become LAM, for a million people at once: sums, shares and allocations in SQL.

Called by the close, which holds the epoch's lock alone: `prepare` says who gets how much, `post`
and `allocate` write it down. Only the division itself and the digests of the entries are computed
here; everything per person is a set of PostgreSQL's. A conversion entry covers up to a thousand
people in the order of their addresses.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, OperationalError, connection, transaction

from accounts.models import Wallet
from points import ledger
from points.allocation import apportion
from points.ledger import Amount, Draft
from points.models import (
    FIRST_PERSONAL_ACCOUNT,
    AccountKind,
    Category,
    EntryKind,
    Epoch,
    SystemAccount,
    Unit,
)

logger = logging.getLogger(__name__)

ZERO_ADDRESS = "0x" + "0" * 40
PEOPLE_PER_ENTRY = 1_000
WORK_MEM = "256MB"
PAYABLE = f"millipoints > 0 AND address NOT IN ('', '{ZERO_ADDRESS}')"
PREPARED = """(
    SELECT p.ordinal, p.epoch_id, p.leaf_id, p.address, p.lam_account, p.points_account_id,
           p.categories, p.millipoints, s.wei, s.position,
           p.before_wei + s.wei AS cumulative_wei
    FROM epoch_payments p JOIN epoch_shares s USING (ordinal)
)"""
"""What an epoch gives, as a query over temporary tables, in columns that an allocation has."""

# Numbered in the order of addresses, which is that of entries, lines and new leaves; who can't be
# paid comes last.
SUMS = f"""
CREATE TEMP TABLE epoch_points ON COMMIT DROP AS
SELECT -1 + row_number() OVER (ORDER BY CASE WHEN {PAYABLE} THEN lower(address COLLATE "C") END)
       AS ordinal, *
FROM (
    SELECT s.account, a.user_id AS person, coalesce(w.address, '') AS address,
           s.millipoints, s.categories
    FROM (SELECT account_id AS account, sum(amount)::bigint AS millipoints,
                 jsonb_object_agg(c.name, amount) AS categories
          FROM (SELECT account_id, category, sum(amount::bigint) AS amount
                FROM points_line
                WHERE epoch_number = %(epoch)s AND account_id >= {FIRST_PERSONAL_ACCOUNT}
                    AND unit = {Unit.MILLIPOINTS:d} AND category <> {Category.CONVERTED:d}
                GROUP BY account_id, category) moved
          JOIN unnest(%(numbers)s::int[], %(names)s::text[]) AS c (category, name) USING (category)
          GROUP BY account_id) s
    JOIN points_account a ON a.id = s.account AND a.kind = 'points'
    LEFT JOIN {Wallet._meta.db_table} w ON w.user_id = a.user_id AND w.is_primary
) summed
"""  # noqa: S608 - built from constants

UNEQUAL = """
SELECT b.account_id, b.amount, coalesce(p.millipoints, 0)
FROM points_balance b JOIN points_account a ON a.id = b.account_id AND a.kind = 'points'
LEFT JOIN epoch_points p ON p.account = b.account_id
WHERE b.amount <> coalesce(p.millipoints, 0) ORDER BY b.account_id LIMIT 1
"""
UNPAID = f"""
SELECT account, millipoints FROM epoch_points
WHERE millipoints > 0 AND NOT ({PAYABLE}) ORDER BY account
"""  # noqa: S608
# A thousand people a row: a million rows would take longer to receive than to select.
PAID = f"""
COPY (SELECT string_agg(concat_ws(' ', person, address, millipoints), ' ' ORDER BY ordinal)
      FROM epoch_points WHERE {PAYABLE} GROUP BY ordinal / 1000 ORDER BY ordinal / 1000) TO STDOUT
"""  # noqa: S608
SHARES = """
CREATE TEMP TABLE epoch_shares (
    ordinal int NOT NULL, wei numeric NOT NULL, position int NOT NULL
) ON COMMIT DROP
"""
# Of everybody who may be paid; the order is that in which the index of addresses is written. Nobody
# else makes any, and to be ready for conflicts would take half as long again.
LAM_ACCOUNTS_AHEAD = f"""
INSERT INTO points_account (kind, unit, name, address)
SELECT 'lam', {Unit.LAM_WEI:d}, '', w.address
FROM points_balance b JOIN points_account p ON p.id = b.account_id AND p.kind = 'points'
JOIN {Wallet._meta.db_table} w ON w.user_id = p.user_id AND w.is_primary
WHERE b.amount > 0 AND w.address <> '{ZERO_ADDRESS}'
    AND NOT EXISTS (SELECT FROM points_account a WHERE a.address = w.address AND a.address <> '')
ORDER BY w.address
"""  # noqa: S608
LAM_ACCOUNTS = f"""
INSERT INTO points_account (kind, unit, name, address)
SELECT 'lam', {Unit.LAM_WEI:d}, '', p.address FROM epoch_points p
WHERE {PAYABLE} AND NOT EXISTS (SELECT FROM points_account a
                                WHERE a.address = p.address AND a.address <> '')
ORDER BY ordinal
"""  # noqa: S608
# New addresses follow the known ones, in the order of addresses.
PAYMENTS = f"""
CREATE TEMP TABLE epoch_payments ON COMMIT DROP AS
SELECT p.ordinal::int, %(epoch)s::bigint AS epoch_id, a.id AS lam_account, p.address,
       p.account AS points_account_id, p.categories, p.millipoints, f.index IS NULL AS is_new,
       coalesce(f.index, (SELECT count(*) FROM points_leaf) - 1 + count(*)
                FILTER (WHERE f.index IS NULL) OVER (ORDER BY p.ordinal))::int AS leaf_id,
       coalesce(before.cumulative_wei, 0) AS before_wei
FROM (SELECT * FROM epoch_points WHERE {PAYABLE}) p
JOIN points_account a ON a.address = p.address AND a.address <> ''
LEFT JOIN points_leaf f ON f.account_id = a.id
LEFT JOIN LATERAL (SELECT cumulative_wei FROM points_allocation o WHERE o.leaf_id = f.index
                   ORDER BY o.epoch_id DESC LIMIT 1) before ON true
"""  # noqa: S608
LEAVES = """
INSERT INTO points_leaf (index, account_id, first_epoch_id)
SELECT leaf_id, lam_account, epoch_id FROM epoch_payments WHERE is_new ORDER BY leaf_id
"""
# Of an entry: everybody's points, their sum, the LAM for them, and everybody's LAM; who gets less
# than a wei has no line for it. By account, as the largest index of lines is: it is written from
# one end to the other.
LINES = f"""
WITH paid AS MATERIALIZED (
    SELECT 1 + ordinal / {{people}} AS n, mod(ordinal, {{people}}) AS part, position,
           points_account_id, lam_account, millipoints, wei
    FROM {PREPARED} prepared
), whole AS MATERIALIZED (
    SELECT n, count(*) AS people, sum(millipoints) AS millipoints, sum(wei) AS wei
    FROM paid GROUP BY n
)
SELECT n, position, account, unit, category, amount
FROM (
    SELECT n, part AS position, points_account_id AS account,
           {Unit.MILLIPOINTS:d} AS unit, {Category.CONVERTED:d} AS category,
           -millipoints::numeric AS amount
    FROM paid
    UNION ALL
    SELECT n, people, {SystemAccount.CONVERTED:d},
           {Unit.MILLIPOINTS:d}, {Category.CONVERTED:d}, millipoints
    FROM whole
    UNION ALL
    SELECT n, people + 1, {SystemAccount.EMISSION:d},
           {Unit.LAM_WEI:d}, {Category.ALLOCATED:d}, -wei
    FROM whole
    UNION ALL
    SELECT n, position, lam_account, {Unit.LAM_WEI:d}, {Category.ALLOCATED:d}, wei FROM paid
) moved
WHERE amount <> 0 ORDER BY account, n
"""  # noqa: S608
ALLOCATIONS = f"""
INSERT INTO points_allocation
    (epoch_id, leaf_id, points_account_id, entry_id, categories, millipoints, wei, cumulative_wei)
SELECT epoch_id, leaf_id, points_account_id, (%(entries)s::bigint[])[1 + ordinal / %(people)s],
       categories, millipoints, wei, cumulative_wei
FROM {PREPARED} prepared ORDER BY ordinal
"""  # noqa: S608


class LedgerInconsistent(RuntimeError):
    """Balances and lines disagree: nothing is paid out until that is understood."""


@dataclass(frozen=True, slots=True)
class Shares:
    """The people who are paid, in the order of their addresses; one list a column."""

    people: list[str]
    addresses: list[str]
    millipoints: list[int]
    wei: list[int]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What an epoch gives, divided and in PostgreSQL; not yet in the ledger."""

    shares: Shares
    heads: list[ledger.Head]


def prepare(epoch: Epoch, emission_wei: int) -> Prepared:
    """Divide `emission_wei` among the epoch's points; who can't be paid is carried over.

    Accounts and leaves are there afterwards, and the tables of PREPARED. Raises LedgerInconsistent
    when balances are not what the epoch's lines add up to.
    """
    # Nobody else posts: the trigger need not lock balances before it changes them.
    _execute("SET LOCAL points.alone = 'on'")
    # Sums and joins of millions stay in memory instead of in files.
    _execute(f"SET LOCAL work_mem = '{WORK_MEM}'")
    with ThreadPoolExecutor(2) as beside:
        making = beside.submit(_make_accounts_ahead)
        _sum_points(epoch)
        _carry_out(epoch)
        # While PostgreSQL makes accounts and leaves, shares are divided and entries hashed.
        dividing = beside.submit(_divide, epoch, emission_wei, _paid())
        making.result()
        _make_leaves(epoch)
        prepared = dividing.result()
    _store_shares(prepared.shares)
    return prepared


def post(epoch: Epoch, prepared: Prepared) -> list[int]:
    """Entries and lines of what is prepared; the ids of the entries."""
    lines = LINES.format(people=PEOPLE_PER_ENTRY)
    entries = (
        ledger.post_selected(prepared.heads, epoch=epoch.number, lines=lines)
        if prepared.heads
        else []
    )
    _execute("SET LOCAL points.alone = 'off'")
    return entries


def allocate(entries: Sequence[int]) -> None:
    """What the lines of `entries` gave to whom; the temporary tables go."""
    if entries:
        _execute(ALLOCATIONS, {"entries": entries, "people": PEOPLE_PER_ENTRY})
    _execute("DROP TABLE epoch_points, epoch_payments, epoch_shares")


def _make_accounts_ahead() -> None:
    """Make the accounts of addresses that may be paid, over a connection of this thread's own.

    They are half of what a close adds per person, and give nobody anything. Whatever is not made
    here, because somebody else's transaction holds it or made one of them, `prepare` makes. Not
    before the close: who withdraws all work until then leaves no account of their address.
    """
    try:
        with transaction.atomic():
            _execute(f"SET LOCAL work_mem = '{WORK_MEM}'")
            # The close waits for this: it must not wait for what the close itself holds.
            _execute("SET LOCAL lock_timeout = '1s'")
            _execute(LAM_ACCOUNTS_AHEAD)
    except (OperationalError, IntegrityError) as error:
        logger.warning("accounts were not made ahead of the close: %s", error)
    finally:
        connection.close()


def _execute(statement: str, parameters: Any = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


@contextmanager
def _whole_tables() -> Iterator[None]:
    """Join whole tables instead of row by row: half the time, and plans that were made when a table
    was empty would compare everybody with everybody. Not for triggers that single postings fire,
    whose plans are kept."""
    _execute("SET LOCAL enable_nestloop = off")
    yield
    _execute("SET LOCAL enable_nestloop = on")


def _sum_points(epoch: Epoch) -> None:
    """Millipoints of everybody by category, and that every balance is what they add up to."""
    named = {
        "epoch": epoch.number,
        "numbers": [int(each) for each in Category],
        "names": [each.name.lower() for each in Category],
    }
    with _whole_tables(), connection.cursor() as cursor:
        # The other core makes accounts. Workers would each sum for nearly everybody, as a person's
        # lines lie far apart, and it takes longer to add up their sums than the lines.
        _execute("SET LOCAL max_parallel_workers_per_gather = 0")
        _execute(SUMS, named)
        _execute("ANALYZE epoch_points (ordinal, account, address, millipoints)")
        cursor.execute(UNEQUAL)
        if wrong := cursor.fetchone():
            raise LedgerInconsistent(
                f"Account {wrong[0]} holds {wrong[1]} millipoints, its lines add up to {wrong[2]}."
            )
        _execute("SET LOCAL max_parallel_workers_per_gather TO DEFAULT")


def _carry_out(epoch: Epoch) -> None:
    """Points of those without an address that can be paid go to the next epoch."""
    with connection.cursor() as cursor:
        cursor.execute(UNPAID)
        unpaid = cursor.fetchall()
    ledger.post_many(
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
            salt=ledger.salt_of(bytes(epoch.salt), f"carry-out:{epoch.number}:{account}"),
        )
        for account, amount in unpaid
    )


def _paid() -> bytes:
    """Rows of PAID."""
    with connection.cursor() as cursor, cursor.copy(PAID) as copy:
        return b"".join(map(bytes, copy))


def _divide(epoch: Epoch, emission_wei: int, paid: bytes) -> Prepared:
    values = paid.decode().split()
    people, addresses, millipoints = (values[column::3] for column in range(3))
    shares = Shares(people, addresses, list(map(int, millipoints)), [])
    # In the order of addresses, to the first of which ties go (as `allocation.allocate` has it).
    if shares.millipoints:
        shares.wei.extend(apportion(emission_wei, shares.millipoints))
    return Prepared(shares, list(_heads(epoch, shares)))


def _make_leaves(epoch: Epoch) -> None:
    """Accounts and leaves of new addresses, and who is paid by which."""
    with _whole_tables():
        _execute(LAM_ACCOUNTS)
        _execute(PAYMENTS, {"epoch": epoch.number})
        _execute(LEAVES)
        _execute("ANALYZE epoch_payments (ordinal, leaf_id)")


def _store_shares(shares: Shares) -> None:
    _execute(SHARES)
    with connection.cursor() as cursor, cursor.copy("COPY epoch_shares FROM STDIN") as copy:
        for part in _chunks(_share_rows(shares.wei)):
            copy.write("".join(part))
    _execute("ANALYZE epoch_shares (ordinal)")


def _share_rows(wei: Sequence[int]) -> Iterator[str]:
    """Each share with its line's position in its entry, after the points and the two sums."""
    for start in range(0, len(wei), PEOPLE_PER_ENTRY):
        part = wei[start : start + PEOPLE_PER_ENTRY]
        position = len(part) + 2
        for ordinal, amount in enumerate(part, start):
            yield f"{ordinal}\t{amount}\t{position}\n"
            position += amount != 0


def _chunks(rows: Iterable[str], size: int = 5_000) -> Iterator[list[str]]:
    part: list[str] = []
    for row in rows:
        part.append(row)
        if len(part) == size:
            yield part
            part = []
    yield part


def _heads(epoch: Epoch, shares: Shares) -> Iterator[ledger.Head]:
    posted_at = ledger.timestamp(epoch.closing_at)
    for number, start in enumerate(range(0, len(shares.people), PEOPLE_PER_ENTRY)):
        part = slice(start, start + PEOPLE_PER_ENTRY)
        points, wei = shares.millipoints[part], shares.wei[part]
        key = f"convert:{epoch.number}:{number}"
        draft = Draft(
            kind=EntryKind.CONVERSION,
            key=key,
            epoch=epoch.number,
            lines=(),
            request={"epoch": epoch.number, "part": number},
            inputs={"accounts": len(points), "millipoints": sum(points), "wei": str(sum(wei))},
            salt=ledger.salt_of(bytes(epoch.salt), key),
        )
        yield ledger.head(draft, _texts(shares, part), posted_at=posted_at)


def _texts(shares: Shares, part: slice) -> list[str]:
    """Of the lines that LINES selects for an entry, in their order."""
    points, wei = shares.millipoints[part], shares.wei[part]
    unit, category = Unit.MILLIPOINTS, Category.CONVERTED
    lines = [
        (f"{AccountKind.POINTS}:{person}", unit, category, -amount)
        for person, amount in zip(shares.people[part], points, strict=True)
    ]
    lines.append((ledger.SYSTEM_CODES[SystemAccount.CONVERTED], unit, category, sum(points)))
    unit, category = Unit.LAM_WEI, Category.ALLOCATED
    lines.append((ledger.SYSTEM_CODES[SystemAccount.EMISSION], unit, category, -sum(wei)))
    lines += [
        (f"{AccountKind.LAM}:{address}", unit, category, amount)
        for address, amount in zip(shares.addresses[part], wei, strict=True)
    ]
    return ledger.line_texts(line for line in lines if line[3])
