"""What stands on a person's accounts and what moved there, read by one statement.

It is asked for all the time, and four queries made by the ORM cost more than PostgreSQL's answers.
"""

from collections import defaultdict
from dataclasses import dataclass

from django.db import connection

from accounts.models import Wallet
from points.models import AccountKind, Category

# Line by line of each account's own: joined at once, a plan may read those of everybody.
STATEMENT = f"""
WITH current AS MATERIALIZED (
    SELECT number, closing_at IS NOT NULL AS closing FROM points_epoch WHERE closed_at IS NULL
), own AS MATERIALIZED (
    SELECT id, kind FROM points_account WHERE user_id = %(user)s
    UNION ALL
    SELECT a.id, a.kind FROM {Wallet._meta.db_table} w
    JOIN points_account a ON a.address = w.address AND a.address <> '' WHERE w.user_id = %(user)s
)
SELECT CASE WHEN closing THEN 'closing' ELSE 'open' END, 0, number::numeric FROM current
UNION ALL
SELECT own.kind, 0, sum(b.amount) FROM own JOIN points_balance b ON b.account_id = own.id GROUP BY 1
UNION ALL
SELECT 'moved', moved.category, sum(moved.amount)
FROM own CROSS JOIN LATERAL (
    SELECT l.category, l.amount FROM points_line l
    WHERE l.account_id = own.id
        AND CASE own.kind WHEN 'points' THEN l.epoch_number = (SELECT number FROM current)
                          WHEN 'lam' THEN l.amount < 0 ELSE false END
) moved GROUP BY 2
"""  # noqa: S608 - built from constants
GONE = (Category.CLAIMED, Category.EXPIRED)


@dataclass(frozen=True, slots=True)
class Standing:
    """A person's balances. `by_category` are points of the open epoch, by the category's name."""

    epoch: int | None
    epoch_state: str | None
    millipoints: int
    owed_millipoints: int
    by_category: dict[str, int]
    unclaimed_wei: int
    claimed_wei: int
    expired_wei: int


def of(user_id: int) -> Standing:
    """The balances of a person now."""
    found: dict[str, dict[int, int]] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(STATEMENT, {"user": user_id})
        for what, category, amount in cursor.fetchall():
            found[what][category] = int(amount)
    moved = found["moved"]
    state = next((each for each in ("open", "closing") if each in found), None)
    return Standing(
        epoch=found[state][0] if state else None,
        epoch_state=state,
        millipoints=found[AccountKind.POINTS].get(0, 0),
        owed_millipoints=found[AccountKind.OWED].get(0, 0),
        by_category={
            Category(each).name.lower(): amount
            for each, amount in moved.items()
            if each not in GONE
        },
        unclaimed_wei=found[AccountKind.LAM].get(0, 0),
        claimed_wei=-moved.get(Category.CLAIMED, 0),
        expired_wei=-moved.get(Category.EXPIRED, 0),
    )
