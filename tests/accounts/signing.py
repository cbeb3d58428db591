"""A wallet's side of sign-in, for tests."""

from datetime import timedelta
from typing import Any

from django.utils import timezone
from eth_account.messages import encode_defunct
from eth_account.signers.local import LocalAccount

from accounts import siwe
from accounts.sign_in import Challenge, issue_nonce


def message_for(account: LocalAccount, challenge: Challenge | None = None, **changes: Any) -> str:
    """The sign-in message of a wallet; `changes` overrides single fields."""
    challenge = challenge or issue_nonce()
    fields = {
        "domain": challenge.domain,
        "address": account.address,
        "statement": challenge.statement,
        "uri": challenge.uri,
        "chain_id": challenge.chain_id,
        "nonce": challenge.nonce,
        "issued_at": timezone.now(),
        "expiration_time": timezone.now() + timedelta(minutes=5),
    }
    return siwe.compose(**{**fields, **changes})


def sign(account: LocalAccount, message: str) -> str:
    """The wallet's EIP-191 signature."""
    return "0x" + account.sign_message(encode_defunct(text=message)).signature.hex()
