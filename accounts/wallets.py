"""Wallets of people."""

from accounts.models import User, Wallet


class NoWallet(Exception):
    """The user has no wallet: an admin, who can't be paid."""


def primary(user: User) -> str:
    """The checksummed address rewards go to. Raises NoWallet."""
    address = Wallet.objects.filter(user=user, is_primary=True).values_list("address", flat=True)
    if found := address.first():
        return found
    raise NoWallet(f"User {user.pk} has no wallet.")


def primaries(user_ids: list[int]) -> dict[int, str]:
    """Addresses of many users by user id, in one query."""
    rows = Wallet.objects.filter(user_id__in=user_ids, is_primary=True)
    return dict(rows.values_list("user_id", "address"))
