"""Calls that must be made exactly once: the business writes an intent, the sender does the rest."""

from django.db import transaction
from eth_utils.address import to_checksum_address

from chain.deployment import deployment
from chain.models import Intent


class IntentConflict(ValueError):
    """The key already stands for another call."""


def intend(
    *, sender: str, to: str, data: bytes, key: str, purpose: str, value_wei: int = 0
) -> Intent:
    """Write down a call to be made, inside the caller's transaction.

    `sender` names a key (see chain.keys), `key` the business event: the same key with the same
    call gives the intent there is, with another call raises IntentConflict.
    """
    call = {
        "sender": sender,
        "to": to_checksum_address(to),
        "data": data,
        "value_wei": value_wei,
        "chain_id": deployment().chain_id,
    }
    with transaction.atomic():
        intent, created = Intent.objects.get_or_create(
            key=key, defaults=call | {"purpose": purpose}
        )
    if not created and any(_value(intent, name) != value for name, value in call.items()):
        raise IntentConflict(f"{key} already stands for another call")
    return intent


def _value(intent: Intent, name: str) -> object:
    value = getattr(intent, name)
    return bytes(value) if name == "data" else value
