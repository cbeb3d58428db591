"""Whose signature it is: keys (ECDSA), wallets (EIP-1271), wallets not deployed yet (ERC-6492).

Pure: the node is given, Django is not needed.
"""

from collections.abc import Sequence

import sha3
from coincurve import PublicKey
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from chain.abi import AbiError, Codec, Parameter
from chain.rpc import BlockId, Reverted, Rpc, RpcError

IS_VALID_SIGNATURE = keccak(text="isValidSignature(bytes32,bytes)")[:4]
ACCEPTED = IS_VALID_SIGNATURE.ljust(32, b"\0")
HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
# What a wallet may spend on saying whether a signature is its own, and a factory on deploying it
# first: passkeys checked in Solidity take some hundred thousand.
SIGNATURE_GAS_MAX = 5_000_000
# What ends a signature of a wallet that is not deployed yet (ERC-6492).
PREDEPLOYED = bytes.fromhex("6492" * 16)

CODECOPY, RETURNDATASIZE, POP, MSTORE, GAS = b"\x39", b"\x3d", b"\x50", b"\x52", b"\x5a"
PUSH20, CALL, RETURN, STATICCALL = b"\x73", b"\xf1", b"\xf3", b"\xfa"


def _codec(*types: str) -> Codec:
    return Codec([Parameter("", each, False, ()) for each in types])


_arguments = _codec("bytes32", "bytes")
_predeployed = _codec("address", "bytes", "bytes")


def recover(digest: bytes, signature: bytes) -> str | None:
    """The address whose key made the signature; None when it is malformed or malleable."""
    raw = recover_bytes(digest, signature)
    return None if raw is None else to_checksum_address(raw)


def recover_bytes(digest: bytes, signature: bytes) -> bytes | None:
    """As `recover`, the address as 20 bytes: what many signatures are compared by."""
    if len(signature) != 65:
        return None
    v = signature[64] - 27 if signature[64] >= 27 else signature[64]
    # The other s signs as well; contracts refuse it (EIP-2), and so do we.
    if v not in (0, 1) or int.from_bytes(signature[32:64], "big") > HALF_ORDER:
        return None
    try:
        key = PublicKey.from_signature_and_message(signature[:64] + bytes([v]), digest, hasher=None)
    except Exception:
        # libsecp256k1 has its own word for each way in which no key fits.
        return None
    return bytes(sha3.keccak_256(key.format(compressed=False)[1:]).digest()[12:])


def verify(
    *, address: str, digest: bytes, signature: bytes, rpc: Rpc, block: BlockId = "latest"
) -> bool:
    """Whether `address` signed the digest, by its key or as a contract.

    A key's signature needs no node. Otherwise the contract at the address is asked, as of `block`;
    one that is not deployed yet is asked after its factory's call (ERC-6492), which changes
    nothing. Raises ChainUnavailable when the node is needed and does not answer.
    """
    address = to_checksum_address(address)
    if recover(digest, signature) == address:
        return True
    deployed = bool(rpc.code(address, block))
    if not signature.endswith(PREDEPLOYED):
        return deployed and _accepts(rpc, address, digest, signature, block)
    try:
        factory, prepare, inner = _predeployed.decode(signature[: -len(PREDEPLOYED)])
    except AbiError:
        return False
    if deployed and _accepts(rpc, address, digest, bytes.fromhex(inner[2:]), block):
        return True
    calls = [
        (factory, bytes.fromhex(prepare[2:])),
        (address, _question(digest, bytes.fromhex(inner[2:]))),
    ]
    return _last_answer(rpc, calls, block) == ACCEPTED


def wrap(*, factory: str, calldata: bytes, signature: bytes) -> bytes:
    """The ERC-6492 form of a signature whose wallet `factory` deploys when called so."""
    return _predeployed.encode([factory, calldata, signature]) + PREDEPLOYED


def _question(digest: bytes, signature: bytes) -> bytes:
    return IS_VALID_SIGNATURE + _arguments.encode([digest, signature])


def _accepts(rpc: Rpc, address: str, digest: bytes, signature: bytes, block: BlockId) -> bool:
    try:
        question = _question(digest, signature)
        answer = rpc.read(to=address, data=question, block=block, gas_max=SIGNATURE_GAS_MAX)
        return answer == ACCEPTED
    except (Reverted, RpcError):
        return False


def _last_answer(rpc: Rpc, calls: Sequence[tuple[str, bytes]], block: BlockId) -> bytes:
    """What the last of several calls in one execution returns, if it succeeds; else nothing.

    The calls are made by creation code that is executed and thrown away (eth_call without `to`),
    so no contract of ours need be on the chain. The last call may change nothing.
    """
    try:
        answer = rpc.create(_program(calls), block=block, gas_max=SIGNATURE_GAS_MAX)
    except (Reverted, RpcError):
        return b""
    succeeded, size = (int.from_bytes(answer[i : i + 32], "big") for i in (0, 32))
    return answer[64:] if succeeded == 1 and size == len(answer) - 64 else b""


def _program(calls: Sequence[tuple[str, bytes]]) -> bytes:
    """EVM code that makes the calls and returns, a word each: whether the last one succeeded, how
    many bytes it answered, and the first 32 of them."""
    # Calldata goes to memory from 0 on, what is returned behind it.
    free = max(len(data) for _, data in calls)
    ending = (
        *(_push(free), MSTORE),
        *(RETURNDATASIZE, _push(free + 32), MSTORE),
        *(_push(96), _push(free), RETURN),
    )
    # Every push is of four bytes, so the code is as long wherever the calldata lies.
    source = len(_calls(calls, 0, free)) + len(b"".join(ending))
    return _calls(calls, source, free) + b"".join(ending) + b"".join(data for _, data in calls)


def _calls(calls: Sequence[tuple[str, bytes]], source: int, free: int) -> bytes:
    """Code for the calls, whose calldata lies in the code from `source` on."""
    code = b""
    for number, (to, data) in enumerate(calls):
        address = PUSH20 + bytes.fromhex(to[2:])
        code += _push(len(data)) + _push(source) + _push(0) + CODECOPY
        if number < len(calls) - 1:
            sizes = _push(0) + _push(0) + _push(len(data)) + _push(0) + _push(0)
            code += sizes + address + GAS + CALL + POP
        else:
            sizes = _push(32) + _push(free + 64) + _push(len(data)) + _push(0)
            code += sizes + address + GAS + STATICCALL
        source += len(data)
    return code


def _push(value: int) -> bytes:
    return b"\x63" + value.to_bytes(4, "big")
