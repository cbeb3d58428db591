"""Who signed: EIP-712 and EIP-191 digests, keys (ECDSA) and contract wallets (EIP-1271)."""

from typing import Any

from django.conf import settings
from eth_account.messages import SignableMessage, encode_defunct, encode_typed_data
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature, ValidationError
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from chain.abi import Codec, Parameter
from chain.rpc import Reverted, Rpc, RpcError

IS_VALID_SIGNATURE = keccak(text="isValidSignature(bytes32,bytes)")[:4]
HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_arguments = Codec(
    [Parameter("hash", "bytes32", False, ()), Parameter("signature", "bytes", False, ())]
)


def _digest(message: SignableMessage) -> bytes:
    return keccak(b"\x19" + message.version + message.header + message.body)


def typed_data_digest(message: dict[str, Any]) -> bytes:
    """The EIP-712 digest of {types, primaryType, domain, message}. Raises ValueError."""
    return _digest(encode_typed_data(full_message=message))


def text_digest(text: str) -> bytes:
    """The EIP-191 digest of a personal message, as wallets sign it."""
    return _digest(encode_defunct(text=text))


def recover(digest: bytes, signature: bytes) -> str | None:
    """The address whose key made the signature; None when it is malformed or malleable."""
    if len(signature) != 65:
        return None
    v = signature[64] - 27 if signature[64] >= 27 else signature[64]
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
    # The other s signs as well; contracts refuse it (EIP-2), and so do we.
    if v not in (0, 1) or s > HALF_ORDER:
        return None
    try:
        public_key = Signature(vrs=(v, r, s)).recover_public_key_from_msg_hash(digest)
    except (BadSignature, ValidationError, ValueError):
        return None
    return public_key.to_checksum_address()


def verify(*, address: str, digest: bytes, signature: bytes, rpc: Rpc | None = None) -> bool:
    """Whether `address` signed the digest, by its key or as a contract (EIP-1271).

    A key's signature needs no node. Otherwise the contract at the address is asked, at the latest
    block. Raises ChainUnavailable when the node is needed and does not answer.
    """
    address = to_checksum_address(address)
    if recover(digest, signature) == address:
        return True
    rpc = rpc or Rpc(settings.ETH_RPC_URL)
    return bool(rpc.code(address)) and _contract_accepts(rpc, address, digest, signature)


def _contract_accepts(rpc: Rpc, address: str, digest: bytes, signature: bytes) -> bool:
    call = IS_VALID_SIGNATURE + _arguments.encode([digest, signature])
    try:
        answer = rpc.read(to=address, data=call)
    except (Reverted, RpcError):
        return False
    return answer == IS_VALID_SIGNATURE.ljust(32, b"\0")
