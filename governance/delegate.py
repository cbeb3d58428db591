"""Delegation by signature: the typed data to sign, and its relay (ERC-5805 delegateBySig)."""

from typing import Any

from django.conf import settings
from eth_utils.address import to_checksum_address

from accounts.models import User
from chain import signatures
from chain.abi import contract
from chain.clock import clock
from chain.contracts import read, signing_domain
from chain.models import Intent
from chain.relayer import NotRelayed
from chain.rpc import Rpc
from governance.models import RelayedCall
from governance.relay import relay, require_weight
from governance.vote import DOMAIN_TYPE, exact

VALID_SECONDS = 3600
DELEGATION_TYPE = [
    {"name": "delegatee", "type": "address"},
    {"name": "nonce", "type": "uint256"},
    {"name": "expiry", "type": "uint256"},
]


def typed_data(
    *, delegator: str, delegatee: str, expiry: int | None = None, rpc: Rpc | None = None
) -> dict[str, Any]:
    """What the delegator signs (EIP-712); `expiry` in seconds since 1970, an hour from now."""
    rpc = rpc or Rpc(settings.ETH_RPC_URL)
    nonce = read(rpc, "LAMToken", "nonces", delegator)
    return _message(rpc, delegatee, nonce, expiry or clock().head + VALID_SECONDS)


def _message(rpc: Rpc, delegatee: str, nonce: int, expiry: int) -> dict[str, Any]:
    return {
        "types": {"EIP712Domain": DOMAIN_TYPE, "Delegation": DELEGATION_TYPE},
        "primaryType": "Delegation",
        "domain": signing_domain(rpc, "LAMToken"),
        "message": {
            "delegatee": to_checksum_address(delegatee),
            "nonce": str(nonce),
            "expiry": str(expiry),
        },
    }


def relay_delegation(
    *, user: User, delegator: str, delegatee: str, nonce: int, expiry: int, signature: bytes
) -> Intent:
    """Delegate for a signer through the relayer. Raises NotRelayed, ChainUnavailable.

    The token recovers the delegator from an ECDSA signature, so only accounts held by a key can;
    a signature that would recover anybody else is refused here.
    """
    rpc = Rpc(settings.ETH_RPC_URL)
    digest = signatures.typed_data_digest(exact(_message(rpc, delegatee, nonce, expiry)))
    if signatures.recover(digest, signature) != to_checksum_address(delegator):
        raise NotRelayed("The signature is not the delegator's, or signs something else.")
    require_weight(read(rpc, "LAMToken", "balanceOf", delegator), f"{delegator} has")
    if read(rpc, "LAMToken", "delegates", delegator) == to_checksum_address(delegatee):
        raise NotRelayed(f"{delegator} delegates to {delegatee} already.")
    v, r, s = signature[64], signature[:32], signature[32:64]
    calldata = contract("LAMToken").encode_call(
        "delegateBySig", delegatee, nonce, expiry, v if v >= 27 else v + 27, r, s
    )
    return relay(
        user=user,
        kind=RelayedCall.Kind.DELEGATE,
        contract="LAMToken",
        calldata=calldata,
        purpose=f"delegate {delegator} to {delegatee}",
        about="",
        signer=to_checksum_address(delegator),
        rpc=rpc,
    )


def delegate_call(delegatee: str) -> bytes:
    """The calldata with which a holder delegates from their own wallet."""
    return contract("LAMToken").encode_call("delegate", delegatee)
