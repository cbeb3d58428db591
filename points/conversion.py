"""An epoch's points become LAM, for a million people at once: sums, shares and allocations in SQL.

Called by the close, which holds the epoch's lock alone. Only the division itself and the digests of
the entries are computed here; everything per person is a set that never leaves PostgreSQL twice.
A conversion entry covers up to a thousand people in the order of their addresses.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from django.db import connection

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

ZERO_ADDRESS = "0x" + "0" * 40
PEOPLE_PER_ENTRY = 1_000
WORK_MEM = "256MB"

SUMS = f"""
CREATE TEMP TABLE epoch_points ON COMMIT DROP AS
SELECT s.account_id AS account, a.user_id AS person, coalesce(w.address, '') AS address,
       sum(s.amount)::bigint AS millipoints, jsonb_object_agg(c.name, s.amount) AS categories
FROM (SELECT account_id, category, sum(amount) AS amount FROM points_line
      WHERE epoch_number = %(epoch)s AND account_id >= {FIRST_PERSONAL_ACCOUNT}
          AND unit = {Unit.MILLIPOINTS:d} AND category <> {Category.CONVERTED:d}
      GROUP BY account_id, category) s
JOIN unnest(%(numbers)s::int[], %(names)s::text[]) AS c (category, name) USING (category)
JOIN points_account a ON a.id = s.account_id AND a.kind = 'points'
LEFT JOIN {Wallet._meta.db_table} w ON w.user_id = a.user_id AND w.is_primary
GROUP BY s.account_id, a.user_id, w.address
"""  # noqa: S608 - built from constants

UNEQUAL = """
SELECT b.account_id, b.amount, coalesce(p.millipoints, 0)
FROM points_balance b JOIN points_account a ON a.id = b.account_id AND a.kind = 'points'
LEFT JOIN epoch_points p ON p.account = b.account_id
WHERE b.amount <> coalesce(p.millipoints, 0) ORDER BY b.account_id LIMIT 1
"""
PAYABLE = f"millipoints > 0 AND address NOT IN ('', '{ZERO_ADDRESS}')"
UNPAID = f"""
SELECT account, millipoints FROM epoch_points
WHERE millipoints > 0 AND NOT ({PAYABLE}) ORDER BY account
"""  # noqa: S608
PAID = f"""
COPY (SELECT account, person, address, millipoints FROM epoch_points WHERE {PAYABLE}
      ORDER BY lower(address) COLLATE "C") TO STDOUT
"""  # noqa: S608

SHARES = """
CREATE TEMP TABLE epoch_shares (
    ordinal int NOT NULL, account bigint NOT NULL, wei numeric NOT NULL
) ON COMMIT DROP
"""
LAM_ACCOUNTS = f"""
INSERT INTO points_account (kind, unit, name, address)
SELECT 'lam', {Unit.LAM_WEI:d}, '', p.address
FROM epoch_shares s JOIN epoch_points p ON p.account = s.account
WHERE NOT EXISTS (SELECT FROM points_account a WHERE a.address = p.address AND a.address <> '')
ORDER BY s.ordinal
"""  # noqa: S608
PAYMENTS = """
CREATE TEMP TABLE epoch_payments ON COMMIT DROP AS
SELECT s.ordinal, s.account, a.id AS lam_account, p.millipoints, p.categories, s.wei
FROM epoch_shares s JOIN epoch_points p ON p.account = s.account
JOIN points_account a ON a.address = p.address AND a.address <> ''
"""
# New addresses follow the known ones, in the order of addresses.
LEAVES = """
INSERT INTO points_leaf (index, account_id, first_epoch_id)
SELECT (SELECT count(*) FROM points_leaf) + row_number() OVER (ORDER BY s.ordinal) - 1,
       s.lam_account, %s
FROM epoch_payments s
WHERE NOT EXISTS (SELECT FROM points_leaf f WHERE f.account_id = s.lam_account)
"""
# By account, as the largest index of lines is: it is written from one end to the other.
LINES = f"""
SELECT n, row_number() OVER (PARTITION BY n ORDER BY side, ordinal) - 1,
       account, unit, category, amount
FROM (
    SELECT 1 + ordinal / {{people}} AS n, 1 AS side, ordinal, account,
           {Unit.MILLIPOINTS:d} AS unit, {Category.CONVERTED:d} AS category,
           -millipoints::numeric AS amount
    FROM epoch_payments
    UNION ALL
    SELECT 1 + ordinal / {{people}}, 2, 0, {SystemAccount.CONVERTED:d},
           {Unit.MILLIPOINTS:d}, {Category.CONVERTED:d}, sum(millipoints)
    FROM epoch_payments GROUP BY 1
    UNION ALL
    SELECT 1 + ordinal / {{people}}, 3, 0, {SystemAccount.EMISSION:d},
           {Unit.LAM_WEI:d}, {Category.ALLOCATED:d}, -sum(wei)
    FROM epoch_payments GROUP BY 1
    UNION ALL
    SELECT 1 + ordinal / {{people}}, 4, ordinal, lam_account,
           {Unit.LAM_WEI:d}, {Category.ALLOCATED:d}, wei
    FROM epoch_payments
) moved
WHERE amount <> 0 ORDER BY account, n
"""  # noqa: S608
ALLOCATIONS = """
INSERT INTO points_allocation
    (epoch_id, leaf_id, points_account_id, entry_id, categories, millipoints, wei, cumulative_wei)
SELECT %(epoch)s, f.index, s.account, (%(entries)s::bigint[])[1 + s.ordinal / %(people)s],
       s.categories, s.millipoints, s.wei, s.wei + coalesce(before.cumulative_wei, 0)
FROM epoch_payments s
JOIN points_leaf f ON f.account_id = s.lam_account
LEFT JOIN LATERAL (SELECT cumulative_wei FROM points_allocation o WHERE o.leaf_id = f.index
                   ORDER BY o.epoch_id DESC LIMIT 1) before ON true
ORDER BY s.ordinal
"""


class LedgerInconsistent(RuntimeError):
    """Balances and lines disagree: nothing is paid out until that is understood."""


@dataclass(frozen=True, slots=True)
class Paid:
    """What an epoch gave."""

    accounts: int
    millipoints: int
    wei: int


@dataclass(frozen=True, slots=True)
class _Shares:
    """The people who are paid, in the order of their addresses; one list a column."""

    accounts: list[int]
    people: list[str]
    addresses: list[str]
    millipoints: list[int]
    wei: list[int]


def convert(epoch: Epoch, emission_wei: int) -> Paid:
    """Divide `emission_wei` among the epoch's points; who can't be paid is carried over.

    Raises LedgerInconsistent when balances are not what the epoch's lines add up to.
    """
    with connection.cursor() as cursor:
        # Nobody else posts: the trigger need not lock balances before it changes them.
        cursor.execute("SET LOCAL points.alone = 'on'")
        # Sums and joins of millions stay in memory instead of in files.
        cursor.execute(f"SET LOCAL work_mem = '{WORK_MEM}'")
    _sum_points(epoch)
    _carry_out(epoch)
    shares = _divide(emission_wei)
    # While PostgreSQL makes accounts and leaves, the entries are hashed.
    with ThreadPoolExecutor(1) as hashing:
        heads = hashing.submit(list, _heads(epoch, shares))
        _store_shares(shares, epoch)
        if shares.accounts:
            _post(epoch, heads.result())
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL points.alone = 'off'")
        cursor.execute("DROP TABLE epoch_points, epoch_shares, epoch_payments")
    return Paid(len(shares.accounts), sum(shares.millipoints), sum(shares.wei))


def _execute(statement: str, parameters: Any = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def _rows(statement: str) -> Iterator[bytes]:
    """Rows of COPY … TO STDOUT, as text without the line's end."""
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in copy:
            yield bytes(row)[:-1]


def _sum_points(epoch: Epoch) -> None:
    """Millipoints of everybody by category, and that every balance is what they add up to."""
    named = {
        "epoch": epoch.number,
        "numbers": [int(each) for each in Category],
        "names": [each.name.lower() for each in Category],
    }
    _execute(SUMS, named)
    # Without an index, a plan made before the table was full compares everybody with everybody.
    _execute("CREATE UNIQUE INDEX ON epoch_points (account)")
    _execute("ANALYZE epoch_points")
    with connection.cursor() as cursor:
        cursor.execute(UNEQUAL)
        if wrong := cursor.fetchone():
            raise LedgerInconsistent(
                f"Account {wrong[0]} holds {wrong[1]} millipoints, its lines add up to {wrong[2]}."
            )


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


def _divide(emission_wei: int) -> _Shares:
    shares = _Shares([], [], [], [], [])
    for row in _rows(PAID):
        account, person, address, millipoints = row.decode().split("\t")
        shares.accounts.append(int(account))
        shares.people.append(person)
        shares.addresses.append(address)
        shares.millipoints.append(int(millipoints))
    # In the order of addresses, to the first of which ties go (as `allocation.allocate` has it).
    if shares.millipoints:
        shares.wei.extend(apportion(emission_wei, shares.millipoints))
    return shares


def _store_shares(shares: _Shares, epoch: Epoch) -> None:
    """Into temporary tables; accounts and leaves of new addresses are made."""
    _execute(SHARES)
    columns = zip(shares.accounts, shares.wei, strict=True)
    with connection.cursor() as cursor, cursor.copy("COPY epoch_shares FROM STDIN") as copy:
        for part in _chunks(
            f"{ordinal}\t{account}\t{wei}\n" for ordinal, (account, wei) in enumerate(columns)
        ):
            copy.write("".join(part))
    _execute("ANALYZE epoch_shares")
    _execute(LAM_ACCOUNTS)
    _execute(PAYMENTS)
    _execute("ANALYZE epoch_payments")
    _execute(LEAVES, [epoch.number])


def _chunks(rows: Iterable[str], size: int = 5_000) -> Iterator[list[str]]:
    part: list[str] = []
    for row in rows:
        part.append(row)
        if len(part) == size:
            yield part
            part = []
    yield part


def _post(epoch: Epoch, heads: list[ledger.Head]) -> None:
    people = {"people": PEOPLE_PER_ENTRY}
    entries = ledger.post_selected(heads, epoch=epoch.number, lines=LINES.format(**people))
    _execute(ALLOCATIONS, {"epoch": epoch.number, "entries": entries, **people})


def _heads(epoch: Epoch, shares: _Shares) -> Iterator[ledger.Head]:
    posted_at = ledger.timestamp(epoch.closing_at)
    for number, start in enumerate(range(0, len(shares.accounts), PEOPLE_PER_ENTRY)):
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


def _texts(shares: _Shares, part: slice) -> list[str]:
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
