"""The logs of a block, proven by its header: receipts, and the trie whose root the header names.

A header commits to every receipt of its block, in order, and a receipt to its logs. What it does
not commit to is the transaction's hash, which is taken as the node gives it. Pure: no node, no
Django. Formats: yellow paper 4.4.1 and appendix D, EIP-658, EIP-2718.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from chain.proofs import (
    EMPTY_TRIE,
    WORD_BYTES,
    InvalidProof,
    Item,
    encode_rlp,
    keccak,
    nibbles,
    quantity,
)
from chain.rpc import Header, RawLog, checksum

Path = tuple[int, ...]


def logs(answer: Any, header: Header) -> list[RawLog]:
    """All logs of the block, in order, from an eth_getBlockReceipts answer. Raises InvalidProof."""
    try:
        root = ordered_root([encode_receipt(each) for each in answer])
        found = list(_placed(answer, header))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidProof(f"the receipts are malformed: {error!r}") from error
    if "0x" + root.hex() != header.receipts_root:
        raise InvalidProof("the receipts do not give the root of its header")
    return found


def _placed(receipts: Sequence[dict[str, Any]], header: Header) -> Iterator[RawLog]:
    """The logs, each where its place in the receipts puts it, whatever the node says of that."""
    index = 0
    for position, receipt in enumerate(receipts):
        transaction_hash = _hash(receipt["transactionHash"])
        for log in receipt["logs"]:
            yield RawLog(
                address=checksum(log["address"]),
                topics=tuple(topic.lower() for topic in log["topics"]),
                data=bytes.fromhex(log["data"][2:]),
                block_number=header.number,
                block_hash=header.hash,
                transaction_hash=transaction_hash,
                transaction_index=position,
                log_index=index,
            )
            index += 1


def _hash(value: str) -> str:
    digest = bytes.fromhex(value[2:])
    if len(digest) != WORD_BYTES:
        raise ValueError(f"{value} is no hash")
    return "0x" + digest.hex()


def encode_receipt(receipt: dict[str, Any]) -> bytes:
    """A receipt as it stands in the trie."""
    body = encode_rlp(
        [
            quantity(receipt["status"]),
            quantity(receipt["cumulativeGasUsed"]),
            bytes.fromhex(receipt["logsBloom"][2:]),
            [_log(each) for each in receipt["logs"]],
        ]
    )
    return quantity(receipt.get("type", "0x0")) + body


def _log(log: dict[str, Any]) -> Item:
    topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
    return [bytes.fromhex(log["address"][2:]), topics, bytes.fromhex(log["data"][2:])]


def ordered_root(values: Sequence[bytes]) -> bytes:
    """The root of the trie that holds each value under the RLP of its position."""
    if not values:
        return EMPTY_TRIE
    pairs = sorted(
        (tuple(nibbles(encode_rlp(quantity(hex(position))))), value)
        for position, value in enumerate(values)
    )
    return keccak(encode_rlp(_node(pairs, 0)))


def _node(pairs: Sequence[tuple[Path, bytes]], depth: int) -> Item:
    """The node above sorted paths that share their first `depth` steps; none begins another."""
    first, last = pairs[0][0], pairs[-1][0]
    if len(pairs) == 1:
        return [_compact(first[depth:], leaf=True), pairs[0][1]]
    shared = depth
    while first[shared] == last[shared]:
        shared += 1
    if shared > depth:
        return [_compact(first[depth:shared], leaf=False), _reference(_node(pairs, shared))]
    children: list[Item] = [b""] * 17
    for nibble in range(16):
        under = [pair for pair in pairs if pair[0][depth] == nibble]
        if under:
            children[nibble] = _reference(_node(under, depth + 1))
    return children


def _reference(node: Item) -> Item:
    """A node shorter than a hash stands in its parent itself."""
    encoded = encode_rlp(node)
    return node if len(encoded) < WORD_BYTES else keccak(encoded)


def _compact(path: Path, *, leaf: bool) -> bytes:
    """Part of a path as extensions and leaves hold it (hex-prefix encoding)."""
    flag = 2 * leaf + len(path) % 2
    halves = (flag, *path) if len(path) % 2 else (flag, 0, *path)
    return bytes(16 * high + low for high, low in zip(halves[::2], halves[1::2], strict=True))
