"""A small second implementation of OpenZeppelin's StandardMerkleTree, to check the real ones by."""

from collections.abc import Sequence

from eth_abi.abi import encode
from eth_utils.crypto import keccak

Value = tuple[str, int]


def leaf(account: str, cumulative: int) -> bytes:
    return keccak(keccak(encode(["address", "uint256"], [account, cumulative])))


def parent(a: bytes, b: bytes) -> bytes:
    return keccak(min(a, b) + max(a, b))


def heap(values: Sequence[Value]) -> list[bytes]:
    """The tree as an array, root first; leaf i is at 2n - 2 - i."""
    nodes = [b""] * (len(values) - 1) + [leaf(*value) for value in reversed(values)]
    for i in reversed(range(len(values) - 1)):
        nodes[i] = parent(nodes[2 * i + 1], nodes[2 * i + 2])
    return nodes


def root(values: Sequence[Value]) -> bytes:
    return heap(values)[0]


def proof(values: Sequence[Value], index: int) -> list[bytes]:
    nodes, at, siblings = heap(values), 2 * len(values) - 2 - index, []
    while at > 0:
        siblings.append(nodes[at - 1 if at % 2 == 0 else at + 1])
        at = (at - 1) // 2
    return siblings
