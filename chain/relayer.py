"""What the relayer, which makes signed calls for people and pays their gas, lets itself in for.

Whoever asks can want its coin gone. So nothing is sent that would fail now; every call has a bound
of gas that its transaction cannot exceed, whatever the called contracts do by then; and the bounds
of all calls of a day add up to no more than a budget.
"""

from datetime import timedelta

from django.conf import settings
from django.db.models import Sum
from django.utils import timezone

from chain import keys, locks
from chain.abi import revert_reason
from chain.models import Intent
from chain.rpc import Reverted, Rpc, RpcError

RELAYER = "relayer"
WINDOW = timedelta(days=1)
# A checkpoint may have to be added that could be overwritten when the call was tried.
MARGIN_PERCENT = 200


class NotRelayed(Exception):
    """The relayer does not make this call; the message says why, for people."""


class LimitReached(NotRelayed):
    """So much was relayed lately that this has to wait."""


def gas_bound(*, to: str, data: bytes, rpc: Rpc) -> int:
    """Try the call and say how much gas to set aside for it.

    Raises NotRelayed when it would fail or needs more than RELAY_GAS_MAX, ChainUnavailable.
    """
    try:
        gas = rpc.estimate_gas(
            sender=keys.address(RELAYER), to=to, data=data, gas_max=settings.RELAY_GAS_MAX
        )
    except Reverted as error:
        reason = revert_reason(error.data) if error.data else error.message
        raise NotRelayed(f"The call would fail: {reason}.") from error
    except RpcError as error:
        raise NotRelayed(
            f"The call cannot be made with the {settings.RELAY_GAS_MAX} gas that is paid at most: "
            f"{error.message}."
        ) from error
    return min(gas * MARGIN_PERCENT // 100, settings.RELAY_GAS_MAX)


def lock() -> None:
    """Within a transaction: decide about one call at a time, so that limits hold in parallel."""
    locks.wait("chain.relayer")


def require_budget(gas: int) -> None:
    """Raises LimitReached when the day's budget of all accounts has no room. Call after `lock`."""
    since = timezone.now() - WINDOW
    lately = Intent.objects.filter(sender=RELAYER, created_at__gt=since)
    # What failed before it was sent cost nothing.
    lately = lately.exclude(state=Intent.State.FAILED, nonce__isnull=True)
    spent = lately.aggregate(gas=Sum("gas_max"))["gas"] or 0
    if spent + gas > settings.RELAY_GAS_PER_DAY:
        raise LimitReached(
            "The relayer's gas for today is used up; send this from your own wallet, or tomorrow."
        )
