"""Who holds LAM: the condition for taking part in the discussion."""

from django.conf import settings

from accounts import wallets
from accounts.models import User
from chain.contracts import read
from chain.rpc import Rpc
from governance.models import Power


class NotAHolder(PermissionError):
    """The account has no LAM and nobody's votes; the message says so, for people."""


def require_holder(user: User) -> str:
    """The user's primary address, which holds LAM or votes. Raises NotAHolder, ChainError."""
    try:
        address = wallets.primary(user)
    except wallets.NoWallet:
        raise NotAHolder("Your account has no wallet.") from None
    if not is_holder(address):
        raise NotAHolder("Only who holds LAM, or votes for who does, can take part here.")
    return address


def is_holder(address: str) -> bool:
    """Has votes by finalized logs, or LAM on chain right now. Raises ChainError."""
    if Power.objects.filter(delegate=address, is_current=True, votes_wei__gt=0).exists():
        return True
    return int(read(Rpc(settings.ETH_RPC_URL), "LAMToken", "balanceOf", address)) > 0
