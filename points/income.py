"""Paying people, who first pay back what they owe of withdrawn work."""

from collections.abc import Iterable, Sequence

from django.db import connection

from points import ledger
from points.ledger import Amount
from points.models import Account, AccountKind, Category, SystemAccount

OWED_LOCK = 7413

Credit = tuple[int, int, Category]
"""Whom (user id), how many millipoints, and why."""


class Income:
    """Accounts of people to be paid, and what they owe, locked until the transaction ends.

    Remembers across `lines` how much of a debt was netted already.
    """

    def __init__(self, user_ids: Iterable[int]) -> None:
        users = sorted(set(user_ids))
        self._accounts = ledger.personal_accounts(users)
        self._owed = lock_owed(users)

    def lines(self, credits_: Sequence[Credit]) -> list[Amount]:
        """Lines that give people their credits, and take what they owe of them.

        They add up to the credits; the caller adds where the points come from.
        """
        lines = []
        for user, amount, category in credits_:
            lines.append(Amount(self._accounts[user], amount, category))
            owed_account, debt = self._owed.get(user, (0, 0))
            if net := min(amount, debt):
                self._owed[user] = (owed_account, debt - net)
                lines += [
                    Amount(self._accounts[user], -net, Category.NETTED),
                    Amount(SystemAccount.ISSUANCE, net, Category.NETTED),
                    Amount(owed_account, -net, Category.NETTED),
                    Amount(SystemAccount.RECEIVABLE, net, Category.NETTED),
                ]
        return lines


def income_lines(credits_: Sequence[Credit]) -> list[Amount]:
    """The lines of one entry's income, as `Income.lines`; nobody's without credits."""
    return Income(user for user, _, _ in credits_).lines(credits_) if credits_ else []


def lock_owed(user_ids: Sequence[int], *, always: bool = False) -> dict[int, tuple[int, int]]:
    """(account, millipoints owed) of those who owe; it stays until the transaction ends.

    Those who owe nothing are locked only when asked for (`always`): when they may come to owe.
    """
    owing = _owing(user_ids)
    for user in sorted(user_ids if always else owing):
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
