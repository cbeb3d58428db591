"""Having the service's relayer make a call for somebody, and pay its gas.

Only calls of this module's callers are relayed, and each only once. What one account asks for, and
what is done for one signer whoever asks, is bounded in calls and in gas; who had calls paid that
failed on chain, as a contract wallet can make them, has to wait. See chain.relayer for the rest.
"""

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q, QuerySet, Sum
from django.utils import timezone

from accounts.models import User
from chain import outbox, relayer
from chain.deployment import deployment
from chain.models import Intent
from chain.relayer import RELAYER, WINDOW, LimitReached, NotRelayed
from chain.rpc import Rpc
from governance.call_words import lam
from governance.models import RelayedCall

UNFINISHED = (Intent.State.PENDING, Intent.State.ASSIGNED)


def relay(
    *,
    user: User,
    kind: RelayedCall.Kind,
    contract: str,
    calldata: bytes,
    purpose: str,
    about: str,
    signer: str = "",
    rpc: Rpc | None = None,
) -> Intent:
    """Have the relayer call one of our contracts for the user; the same call is made once.

    `about` and `signer` say what can be done only once at a time, so that of two calls of which the
    chain would take one, only one is paid. Raises NotRelayed, LimitReached, ChainUnavailable.
    """
    to = deployment().address(contract)
    key = f"relay:{deployment().chain_id}:{kind}:{about}:{signer}:"
    intent = _made(_latest(key), to, calldata)
    gas = 0
    if intent is None:
        gas = relayer.gas_bound(to=to, data=calldata, rpc=rpc or Rpc(settings.ETH_RPC_URL))
    with transaction.atomic():
        relayer.lock()
        latest = _latest(key)
        intent = intent or _made(latest, to, calldata)
        if intent is None:
            _require_none_under_way(latest)
            _require_room(Q(relayed__user=user), gas)
            if signer:
                _require_room(Q(relayed__signer=signer), gas)
            relayer.require_budget(gas)
            attempt = Intent.objects.filter(key__startswith=key).count()
            intent = outbox.intend(
                sender=RELAYER,
                to=to,
                data=calldata,
                key=f"{key}{attempt}",
                purpose=purpose,
                gas_max=gas,
            )
        RelayedCall.objects.get_or_create(
            user=user, intent=intent, defaults={"kind": kind, "signer": signer}
        )
    return intent


def require_weight(wei: int, whose: str) -> None:
    """Raises NotRelayed when there is too little LAM behind a call to pay gas for it."""
    if wei < settings.RELAY_POWER_WEI:
        raise NotRelayed(
            f"{whose} {lam(wei)}; the relayer pays from {lam(settings.RELAY_POWER_WEI)} on. "
            "Your own wallet can send it with less."
        )


def _latest(key: str) -> Intent | None:
    return Intent.objects.filter(key__startswith=key).order_by("-id").first()


def _made(latest: Intent | None, to: str, calldata: bytes) -> Intent | None:
    """The last attempt, when it is this very call and did not fail."""
    if latest is None or latest.state == Intent.State.FAILED:
        return None
    return latest if (latest.to, bytes(latest.data)) == (to, calldata) else None


def _require_none_under_way(latest: Intent | None) -> None:
    if latest is not None and latest.state in UNFINISHED:
        raise NotRelayed("Another such call is under way; wait until it is final.")


def _require_room(whose: Q, gas: int) -> None:
    """Of a user's or a signer's calls of the last day. Raises LimitReached."""
    used = _lately(whose).aggregate(
        calls=Count("pk"),
        gas=Sum("gas_max", default=0),
        failed=Count("pk", filter=Q(state=Intent.State.FAILED, nonce__isnull=False)),
    )
    if used["calls"] >= settings.RELAY_CALLS_PER_DAY:
        reason = f"{settings.RELAY_CALLS_PER_DAY} calls a day are relayed for one account"
    elif used["gas"] + gas > settings.RELAY_GAS_PER_ACCOUNT:
        reason = f"{settings.RELAY_GAS_PER_ACCOUNT} gas a day is paid for one account"
    elif used["failed"] >= settings.RELAY_FAILURES_MAX:
        reason = f"{used['failed']} relayed calls of this account failed on the chain today"
    else:
        return
    raise LimitReached(f"{reason}; send this one from your own wallet.")


def _lately(whose: Q) -> QuerySet[Intent]:
    since = timezone.now() - WINDOW
    return Intent.objects.filter(whose, sender=RELAYER, created_at__gt=since).distinct()
