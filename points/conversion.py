"""An epoch's points become LAM, for a million people at once: sums, shares and allocations in SQL.

Called by the close, which holds the epoch's lock alone. Only the division itself and the digests of
the entries are computed here; everything per person is a set that never leaves PostgreSQL twice.
A conversion entry covers up to a thousand people in the order of their addresses.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    ordinal int PRIMARY KEY, account bigint NOT NULL, address text NOT NULL, wei numeric NOT NULL
) ON COMMIT DROP
"""
LAM_ACCOUNTS = f"""
INSERT INTO points_account (kind, unit, name, address)
SELECT 'lam', {Unit.LAM_WEI:d}, '', s.address FROM epoch_shares s
WHERE NOT EXISTS (SELECT FROM points_account a WHERE a.address = s.address AND a.address <> '')
ORDER BY s.ordinal
"""  # noqa: S608
# New addresses follow the known ones, in the order of addresses.
LEAVES = """
INSERT INTO points_leaf (index, account_id, first_epoch_id)
SELECT (SELECT count(*) FROM points_leaf) + row_number() OVER (ORDER BY s.ordinal) - 1, a.id, %s
FROM epoch_shares s JOIN points_account a ON a.address = s.address AND a.address <> ''
WHERE NOT EXISTS (SELECT FROM points_leaf f WHERE f.account_id = a.id)
"""
LAM_ACCOUNT_IDS = """
COPY (SELECT a.id FROM epoch_shares s
      JOIN points_account a ON a.address = s.address AND a.address <> ''
      ORDER BY s.ordinal) TO STDOUT
"""
ALLOCATIONS = f"""
INSERT INTO points_allocation
    (epoch_id, leaf_id, points_account_id, entry_id, categories, millipoints, wei, cumulative_wei)
SELECT %(epoch)s, f.index, s.account,
       (%(entries)s::bigint[])[1 + s.ordinal / {PEOPLE_PER_ENTRY}],
       p.categories, p.millipoints, s.wei, s.wei + coalesce(before.cumulative_wei, 0)
FROM epoch_shares s
JOIN epoch_points p ON p.account = s.account
JOIN points_account a ON a.address = s.address AND a.address <> ''
JOIN points_leaf f ON f.account_id = a.id
LEFT JOIN LATERAL (SELECT cumulative_wei FROM points_allocation o WHERE o.leaf_id = f.index
                   ORDER BY o.epoch_id DESC LIMIT 1) before ON true
ORDER BY s.ordinal
"""  # noqa: S608


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
    _store_shares(shares, epoch)
    if shares.accounts:
        lam = _lam_accounts()
        entries = ledger.post_many(_drafts(epoch, shares, lam), codes=_codes(shares, lam))
        _execute(ALLOCATIONS, {"epoch": epoch.number, "entries": entries})
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL points.alone = 'off'")
        cursor.execute("DROP TABLE epoch_points, epoch_shares")
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
    """Into a temporary table; accounts and leaves of new addresses are made."""
    _execute(SHARES)
    columns = zip(shares.accounts, shares.addresses, shares.wei, strict=True)
    with connection.cursor() as cursor, cursor.copy("COPY epoch_shares FROM STDIN") as copy:
        for part in _chunks(
            f"{ordinal}\t{account}\t{address}\t{wei}\n"
            for ordinal, (account, address, wei) in enumerate(columns)
        ):
            copy.write("".join(part))
    _execute("ANALYZE epoch_shares")
    _execute(LAM_ACCOUNTS)
    _execute(LEAVES, [epoch.number])


def _chunks(rows: Iterable[str], size: int = 5_000) -> Iterator[list[str]]:
    part: list[str] = []
    for row in rows:
        part.append(row)
        if len(part) == size:
            yield part
            part = []
    yield part


def _lam_accounts() -> list[int]:
    """Account ids of the addresses that are paid, in their order."""
    return [int(row) for row in _rows(LAM_ACCOUNT_IDS)]


def _codes(shares: _Shares, lam: Sequence[int]) -> Mapping[int, str]:
    codes = {
        account: f"{AccountKind.POINTS}:{person}"
        for account, person in zip(shares.accounts, shares.people, strict=True)
    }
    codes.update(
        (account, f"{AccountKind.LAM}:{address}")
        for account, address in zip(lam, shares.addresses, strict=True)
    )
    return codes


def _drafts(epoch: Epoch, shares: _Shares, lam: Sequence[int]) -> Iterator[Draft]:
    for number, start in enumerate(range(0, len(lam), PEOPLE_PER_ENTRY)):
        part = slice(start, start + PEOPLE_PER_ENTRY)
        points, wei = shares.millipoints[part], shares.wei[part]
        yield Draft(
            kind=EntryKind.CONVERSION,
            key=f"convert:{epoch.number}:{number}",
            epoch=epoch.number,
            lines=[
                *(
                    Amount(account, -amount, Category.CONVERTED)
                    for account, amount in zip(shares.accounts[part], points, strict=True)
                ),
                Amount(SystemAccount.CONVERTED, sum(points), Category.CONVERTED),
                Amount(SystemAccount.EMISSION, -sum(wei), Category.ALLOCATED, Unit.LAM_WEI),
                *(
                    Amount(account, amount, Category.ALLOCATED, Unit.LAM_WEI)
                    for account, amount in zip(lam[part], wei, strict=True)
                ),
            ],
            request={"epoch": epoch.number, "part": number},
            inputs={"accounts": len(points), "millipoints": sum(points), "wei": str(sum(wei))},
            posted_at=epoch.closing_at,
            salt=ledger.salt_of(bytes(epoch.salt), f"convert:{epoch.number}:{number}"),
        )
