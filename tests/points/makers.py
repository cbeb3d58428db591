"""Makers of ledger rows for tests."""

import secrets

from django.utils import timezone

from points import ledger
from points.models import AccountKind, Category, Entry, EntryKind, Epoch, SystemAccount, Unit
from tests.factories import make_user

HASH = "0x" + "a1" * 32


def make_epoch(number: int = 1, **fields) -> Epoch:
    """An open epoch with made-up pins."""
    defaults = {
        "policy_hash": HASH,
        "release_hash": HASH,
        "salt": secrets.token_bytes(32),
        "opened_at": timezone.now(),
    }
    return Epoch.objects.create(number=number, **{**defaults, **fields})


def earn(account: int, amount: int, *, epoch: int = 1, key: str = "") -> Entry:
    """Points out of issuance, as a settlement posts them."""
    return ledger.post(
        kind=EntryKind.SETTLEMENT,
        key=key or f"test:{secrets.token_hex(8)}",
        epoch=epoch,
        lines=[
            ledger.Amount(SystemAccount.ISSUANCE, -amount, Category.WORK),
            ledger.Amount(account, amount, Category.WORK),
        ],
        request={"account": account, "amount": amount},
    )


def make_account() -> int:
    """A new person's points account."""
    return ledger.points_account(make_user().pk)


__all__ = ["AccountKind", "Unit", "earn", "make_account", "make_epoch"]
