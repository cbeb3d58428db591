"""Reward trees in the format of OpenZeppelin's StandardMerkleTree, leaves not sorted.

A tree is one array of 2n - 1 nodes of 32 bytes laid out as a heap: `nodes[2n - 2 - i]` is the leaf
of value i and `nodes[i]` the hash of its two children in ascending order. Leaves keep the order of
the values, so that an account's position never moves from epoch to epoch. Pure: no Django, no I/O.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from points.keccak import Bytes, hash_parents, keccak_rows

LEAF_ENCODING = ("address", "uint256")
UINT256_MAX = 2**256 - 1
EMPTY_ROOT = "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
"""The root of a tree without leaves: Keccak-256 of nothing. Nobody can prove anything under it."""
PART = 50_000
_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)


class Value(NamedTuple):
    """One leaf: who may claim (checksummed address) and how much in all epochs together (wei)."""

    account: str
    cumulative_wei: int


@dataclass(frozen=True, slots=True)
class RangeProof:
    """What proves a run of neighbouring leaves: `claimMany` takes both as they are.

    `position` is the heap index of the last leaf of the run; `siblings` are hashes left and right
    of the run, level by level from the leaves up, the left one first.
    """

    position: int
    siblings: list[str]


class MerkleTree:
    """A heap of nodes with its proofs; `MerkleTree.of` hashes the values."""

    def __init__(self, nodes: Bytes) -> None:
        if nodes.ndim != 2 or nodes.shape[1] != 32 or nodes.shape[0] % 2 == 0:
            raise ValueError(f"a tree is an odd number of 32-byte nodes, not {nodes.shape}")
        self.nodes = nodes

    @classmethod
    def of(cls, values: Sequence[Value]) -> "MerkleTree":
        return cls.of_leaves(leaf_hashes(values))

    @classmethod
    def of_leaves(cls, leaves: Bytes) -> "MerkleTree":
        """The tree over ready leaf hashes, n rows of 32 bytes; n must be at least 1."""
        count = len(leaves)
        if count == 0:
            raise ValueError("a Merkle tree needs at least one leaf")
        nodes = np.empty((2 * count - 1, 32), np.uint8)
        nodes[count - 1 :] = leaves[::-1]
        hash_parents(nodes, nodes.view(np.uint64), count - 1)
        return cls(nodes)

    def __len__(self) -> int:
        return (len(self.nodes) + 1) // 2

    @property
    def root(self) -> str:
        return "0x" + self.nodes[0].tobytes().hex()

    def tree_index(self, leaf_index: int) -> int:
        if not 0 <= leaf_index < len(self):
            raise IndexError(f"no leaf {leaf_index} in a tree of {len(self)}")
        return len(self.nodes) - 1 - leaf_index

    def leaf(self, leaf_index: int) -> str:
        return self._hex(self.tree_index(leaf_index))

    def _hex(self, node: int) -> str:
        return "0x" + self.nodes[node].tobytes().hex()

    def proof(self, leaf_index: int) -> list[str]:
        """Sibling hashes from the leaf to the root, as the contract expects them."""
        node, path = self.tree_index(leaf_index), []
        while node > 0:
            sibling = node + 1 if node % 2 else node - 1
            path.append(self._hex(sibling))
            node = (node - 1) // 2
        return path

    def runs(self, first: int, count: int) -> list[tuple[int, int]]:
        """Leaves `first` to `first + count - 1` as (first, count) of runs on one level each.

        Leaves are on two levels of the heap unless their number is a power of two: the first ones
        are on the lower level. Raises ValueError for no leaves, IndexError for some not there.
        """
        if count < 1:
            raise ValueError(f"a run has at least one leaf, not {count}")
        for end in (first, first + count - 1):
            self.tree_index(end)
        lower = len(self.nodes) + 1 - 2 ** (len(self.nodes).bit_length() - 1)
        below = max(0, min(first + count, lower) - first)
        parts = [(first, below), (first + below, count - below)]
        return [part for part in parts if part[1]]

    def range_proof(self, first: int, count: int) -> RangeProof:
        """One proof of `count` neighbouring leaves from `first` on, in that order.

        Raises ValueError when they are on two levels of the heap (see `runs`), IndexError.
        """
        if len(self.runs(first, count)) > 1:
            raise ValueError(f"leaves {first} to {first + count - 1} are on two levels of the heap")
        high = self.tree_index(first)
        low = position = high - count + 1
        siblings = []
        while low > 0:
            siblings += [] if low % 2 else [self._hex(low - 1)]
            siblings += [self._hex(high + 1)] if high % 2 else []
            low, high = (low - 1) // 2, (high - 1) // 2
        return RangeProof(position, siblings)

    def dump(self, values: Sequence[Value]) -> bytes:
        """`JSON.stringify(tree.dump())` of @openzeppelin/merkle-tree, byte for byte."""
        return b"".join(self.dump_parts([dumped(value) for value in values]))

    def dump_parts(self, values: Sequence[str]) -> Iterator[bytes]:
        """The dump in parts, of values as `dumped` gives them: it may be hundreds of megabytes."""
        if len(values) != len(self):
            raise ValueError(f"{len(values)} values for a tree of {len(self)} leaves")
        encoding = ",".join(f'"{name}"' for name in LEAF_ENCODING)
        yield f'{{"format":"standard-v1","leafEncoding":[{encoding}],"tree":['.encode()
        for start in range(0, len(self.nodes), PART):
            yield (b"," if start else b"") + _quoted_hex(self.nodes[start : start + PART])
        yield b'],"values":['
        last = len(self.nodes) - 1
        for start in range(0, len(values), PART):
            rows = ",".join(
                f'{{"value":[{value}],"treeIndex":{last - index}}}'
                for index, value in enumerate(values[start : start + PART], start)
            )
            yield ("," if start else "").encode() + rows.encode()
        yield b"]}"


def dumped(value: Value) -> str:
    """A value between the brackets of a dump."""
    account, cumulative_wei = value
    return f'"{account}","{cumulative_wei}"'


def leaf_hashes(values: Sequence[Value]) -> Bytes:
    """keccak(keccak(abi.encode(address, uint256))) of each value; twice, so no node is a leaf."""
    return keccak_rows(keccak_rows(_encode(values)))


def verify_proof(*, root: str, leaf: str, proof: Sequence[str]) -> bool:
    """Whether `leaf` (0x hash) is under `root`; never raises on well-formed hex."""
    node = np.frombuffer(bytes.fromhex(leaf[2:]), np.uint8)
    for item in proof:
        sibling = np.frombuffer(bytes.fromhex(item[2:]), np.uint8)
        pair = sorted((node.tobytes(), sibling.tobytes()))
        node = keccak_rows(np.frombuffer(b"".join(pair), np.uint8).reshape(1, 64))[0]
    return node.tobytes().hex() == root[2:].lower()


def checksum_addresses(addresses: Bytes) -> list[str]:
    """EIP-55 spelling of n rows of 20 bytes."""
    nibbles = np.empty((len(addresses), 40), np.uint8)
    nibbles[:, 0::2] = addresses >> 4
    nibbles[:, 1::2] = addresses & 15
    text = _HEX[nibbles]
    digest = keccak_rows(text)[:, :20]
    high = np.empty_like(nibbles)
    high[:, 0::2] = digest >> 4
    high[:, 1::2] = digest & 15
    upper = (nibbles >= 10) & (high >= 8)
    text = np.where(upper, text - np.uint8(32), text).astype(np.uint8)
    joined = text.tobytes().decode()
    return ["0x" + joined[start : start + 40] for start in range(0, len(joined), 40)]


def _encode(values: Sequence[Value]) -> Bytes:
    accounts, amounts = zip(*values, strict=True) if values else ((), ())
    for account, wei in values:
        if not 0 <= wei <= UINT256_MAX:
            raise ValueError(f"{account}: {wei} is not a uint256")
    packed = bytes.fromhex("".join([account[2:] for account in accounts]))
    if len(packed) != 20 * len(values):
        raise ValueError("an account is an address of 20 bytes in hex")
    rows = np.zeros((len(values), 64), np.uint8)
    rows[:, 12:32] = np.frombuffer(packed, np.uint8).reshape(-1, 20)
    words = b"".join([wei.to_bytes(32, "big") for wei in amounts])
    rows[:, 32:] = np.frombuffer(words, np.uint8).reshape(-1, 32)
    return rows


def _quoted_hex(nodes: Bytes) -> bytes:
    """`"0x…","0x…"` without a Python string per node, of which there may be millions."""
    text = np.empty((len(nodes), 69), np.uint8)
    text[:, :3] = np.frombuffer(b'"0x', np.uint8)
    text[:, 3:67:2] = _HEX[nodes >> 4]
    text[:, 4:67:2] = _HEX[nodes & 15]
    text[:, 67:] = np.frombuffer(b'",', np.uint8)
    return text.tobytes()[:-1]
