"""Having the service's relayer make a call for somebody, and pay its gas.

Only calls of this module's callers are relayed, only when they would succeed right now, within a
bound of gas, and only so many a day for each account: a stranger cannot spend the relayer's coin on
reverts, and one user not all of it.
"""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from eth_utils.crypto import keccak

from accounts.models import User
from chain import keys, outbox
from chain.abi import revert_reason
from chain.deployment import deployment
from chain.models import Intent
from chain.rpc import Reverted, Rpc
from governance.models import RelayedCall

RELAYER = "relayer"
WINDOW = timedelta(days=1)


class NotRelayed(Exception):
    """The relayer does not make this call; the message says why, for people."""


class LimitReached(NotRelayed):
    """The account has used up its calls of the day."""


def relay(
    *,
    user: User,
    kind: RelayedCall.Kind,
    contract: str,
    calldata: bytes,
    purpose: str,
    rpc: Rpc | None = None,
) -> Intent:
    """Have the relayer call one of our contracts for the user; the same call is made once.

    Raises NotRelayed when it would fail or cost too much, LimitReached, ChainUnavailable.
    """
    to = deployment().address(contract)
    key = f"relay:{keccak(bytes.fromhex(to[2:]) + calldata).hex()}"
    standing = _standing(key)
    if standing is None:
        _require_success(rpc or Rpc(settings.ETH_RPC_URL), to, calldata)
    with transaction.atomic():
        # The user's row is locked, so that parallel requests are counted one after the other.
        User.objects.select_for_update().get(pk=user.pk)
        if standing is None:
            _require_below_limit(user)
            attempt = Intent.objects.filter(key__startswith=key).count()
            intent = outbox.intend(
                sender=RELAYER,
                to=to,
                data=calldata,
                key=f"{key}:{attempt}",
                purpose=purpose,
            )
        else:
            intent = standing
        RelayedCall.objects.get_or_create(user=user, intent=intent, defaults={"kind": kind})
    return intent


def _standing(key: str) -> Intent | None:
    """The call's last attempt, unless it failed."""
    latest = Intent.objects.filter(key__startswith=key).order_by("-id").first()
    return None if latest is None or latest.state == Intent.State.FAILED else latest


def _require_success(rpc: Rpc, to: str, calldata: bytes) -> None:
    try:
        gas = rpc.estimate_gas(sender=keys.address(RELAYER), to=to, data=calldata)
    except Reverted as error:
        reason = revert_reason(error.data) if error.data else error.message
        raise NotRelayed(f"The call would fail: {reason}.") from error
    if gas > settings.RELAY_GAS_MAX:
        raise NotRelayed(f"The call needs {gas} gas; at most {settings.RELAY_GAS_MAX} is relayed.")


def _require_below_limit(user: User) -> None:
    used = RelayedCall.objects.filter(user=user, asked_at__gt=timezone.now() - WINDOW).count()
    if used >= settings.RELAY_CALLS_PER_DAY:
        raise LimitReached(
            f"{settings.RELAY_CALLS_PER_DAY} calls a day are relayed for one account; "
            "send this one from your own wallet."
        )
