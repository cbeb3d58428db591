"""Who signed: EIP-712 and EIP-191 digests, and signatures of keys and contract wallets."""

from typing import Any

from django.conf import settings
from eth_account.messages import SignableMessage, encode_defunct, encode_typed_data
from eth_utils.crypto import keccak

from chain import recovery
from chain.recovery import recover
from chain.rpc import Rpc

__all__ = ["recover", "text_digest", "typed_data_digest", "verify"]


def _digest(message: SignableMessage) -> bytes:
    return keccak(b"\x19" + message.version + message.header + message.body)


def typed_data_digest(message: dict[str, Any]) -> bytes:
    """The EIP-712 digest of {types, primaryType, domain, message}. Raises ValueError."""
    return _digest(encode_typed_data(full_message=message))


def text_digest(text: str) -> bytes:
    """The EIP-191 digest of a personal message, as wallets sign it."""
    return _digest(encode_defunct(text=text))


def verify(*, address: str, digest: bytes, signature: bytes, rpc: Rpc | None = None) -> bool:
    """Whether `address` signed the digest: by its key, as a contract (EIP-1271), or as one that is
    not deployed yet (ERC-6492); the node of the settings is asked unless another is given.

    Raises ChainUnavailable when a node is needed and does not answer.
    """
    asked = rpc or Rpc(settings.ETH_RPC_URL)
    return recovery.verify(address=address, digest=digest, signature=signature, rpc=asked)
