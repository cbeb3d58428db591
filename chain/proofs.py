"""Merkle-Patricia proofs of accounts and storage (EIP-1186), under the hash of a block.

A proof is a walk from the state root of a header down a trie whose nodes are named by their
hashes. Many walks share their upper nodes, so nodes come as one set. Pure: no node, no Django.
Tries are those of the Ethereum yellow paper, appendix D.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import rlp
import sha3
from rlp.exceptions import RLPException

Item = bytes | Sequence["Item"]

WORD_BYTES = 32


def keccak(data: bytes) -> bytes:
    """The hash in C: eth_utils' takes ten times as long, and every header and log is hashed."""
    return bytes(sha3.keccak_256(data).digest())


EMPTY_TRIE = keccak(b"\x80")
# The order of a header's fields, and whether each is a number. Later forks append.
HEADER_FIELDS = (
    ("parentHash", False),
    ("sha3Uncles", False),
    ("miner", False),
    ("stateRoot", False),
    ("transactionsRoot", False),
    ("receiptsRoot", False),
    ("logsBloom", False),
    ("difficulty", True),
    ("number", True),
    ("gasLimit", True),
    ("gasUsed", True),
    ("timestamp", True),
    ("extraData", False),
    ("mixHash", False),
    ("nonce", False),
    ("baseFeePerGas", True),
    ("withdrawalsRoot", False),
    ("blobGasUsed", True),
    ("excessBlobGas", True),
    ("parentBeaconBlockRoot", False),
    ("requestsHash", False),
)
STATE_ROOT, NUMBER, TIMESTAMP = 3, 8, 11


class InvalidProof(ValueError):
    """The nodes do not prove what they are said to, or a header does not have its hash."""


@dataclass(frozen=True)
class ProvenHeader:
    """What a header says, once its bytes have the hash; the timestamp in seconds since 1970."""

    hash: str
    number: int
    timestamp: int
    state_root: bytes


def encode_header(value: dict[str, Any]) -> bytes:
    """The RLP of a header as eth_getBlockByNumber gives it. Raises InvalidProof.

    A field that this list lacks, of a later fork, gives another hash, which is refused.
    """
    try:
        fields = [
            quantity(value[name]) if number else bytes.fromhex(value[name][2:])
            for name, number in HEADER_FIELDS
            if value.get(name) is not None
        ]
    except (TypeError, ValueError) as error:
        raise InvalidProof(f"the header is malformed: {error}") from error
    encoded = encode_rlp(fields)
    if "0x" + keccak(encoded).hex() != value.get("hash"):
        raise InvalidProof("the header's fields do not give its hash")
    return encoded


def decode_header(encoded: bytes) -> ProvenHeader:
    """The header that these bytes are. Raises InvalidProof."""
    fields = _decode(encoded)
    if not isinstance(fields, list) or not 15 <= len(fields) <= len(HEADER_FIELDS):
        raise InvalidProof("the header is no list of fields")
    root = fields[STATE_ROOT]
    if not all(isinstance(each, bytes) for each in fields) or len(root) != WORD_BYTES:
        raise InvalidProof("the header's fields are malformed")
    return ProvenHeader(
        hash="0x" + keccak(encoded).hex(),
        number=int.from_bytes(fields[NUMBER], "big"),
        timestamp=int.from_bytes(fields[TIMESTAMP], "big"),
        state_root=root,
    )


def encode_rlp(item: Item) -> bytes:
    """RLP of bytes and lists (yellow paper, appendix B): a tenth of the time of the library's."""
    if isinstance(item, bytes):
        if len(item) == 1 and item[0] < 0x80:
            return item
        return _rlp_prefix(len(item), 0x80) + item
    body = b"".join([encode_rlp(each) for each in item])
    return _rlp_prefix(len(body), 0xC0) + body


def _rlp_prefix(length: int, offset: int) -> bytes:
    if length < 56:
        return bytes([offset + length])
    size = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes([offset + 55 + len(size)]) + size


def quantity(value: str) -> bytes:
    """A number of JSON-RPC as RLP takes it: without leading zeros."""
    number = int(value, 16)
    return number.to_bytes((number.bit_length() + 7) // 8)


def _decode(encoded: bytes) -> Any:
    try:
        return rlp.decode(encoded)
    except RLPException as error:
        raise InvalidProof(f"malformed RLP: {error}") from error


class Trie:
    """Proof nodes by their hashes; each is decoded once however many walks pass it."""

    def __init__(self, nodes: Iterable[bytes]) -> None:
        self._encoded = {keccak(node): node for node in nodes}
        self._decoded: dict[bytes, Any] = {}

    def get(self, root: bytes, key: bytes) -> bytes:
        """The value under `key`, empty where the trie provably has none. Raises InvalidProof.

        Keys are hashed, as in the secure tries of accounts and storage.
        """
        if root == EMPTY_TRIE:
            return b""
        path = nibbles(keccak(key))
        node = self._node(root)
        while True:
            if node == b"":
                return b""
            if len(node) == 17:
                if not path:
                    return _value(node[16])
                step, path = node[path[0]], path[1:]
            else:
                part, leaf = _compact(node[0])
                if path[: len(part)] != part:
                    return b""
                step, path = node[1], path[len(part) :]
                if leaf:
                    if path:
                        return b""
                    return _value(step)
            # A node shorter than a hash stands in its parent itself.
            node = self._node(step) if isinstance(step, bytes) and step else _checked(step)

    def _node(self, digest: bytes) -> Any:
        if digest not in self._decoded:
            encoded = self._encoded.get(digest)
            if encoded is None:
                raise InvalidProof(f"a node of the proof is missing: 0x{digest.hex()}")
            self._decoded[digest] = _checked(_decode(encoded))
        return self._decoded[digest]

    def account(self, state_root: bytes, address: str) -> tuple[int, bytes]:
        """An account's nonce and the root of its storage; 0 and the empty trie where none is."""
        encoded = self.get(state_root, bytes.fromhex(address[2:]))
        if not encoded:
            return 0, EMPTY_TRIE
        account = _decode(encoded)
        if not isinstance(account, list) or len(account) != 4 or len(account[2]) != WORD_BYTES:
            raise InvalidProof("the account is malformed")
        return int.from_bytes(_value(account[0]), "big"), bytes(account[2])

    def storage(self, storage_root: bytes, slot: bytes) -> int:
        """The word in a slot (32 bytes); 0 where it is provably empty."""
        encoded = self.get(storage_root, slot)
        if not encoded:
            return 0
        word = _decode(encoded)
        if not isinstance(word, bytes) or not 0 < len(word) <= WORD_BYTES or word[0] == 0:
            raise InvalidProof("the word is malformed")
        return int.from_bytes(word, "big")


def _checked(node: Any) -> Any:
    """A node or nothing."""
    if node != b"" and (not isinstance(node, list) or len(node) not in (2, 17)):
        raise InvalidProof("a node is neither branch, extension nor leaf")
    return node


def _value(value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise InvalidProof("a value is malformed")
    return value


def nibbles(data: bytes) -> list[int]:
    """The halves of each byte, the steps of a path."""
    return [half for byte in data for half in (byte >> 4, byte & 15)]


def _compact(prefix: Any) -> tuple[list[int], bool]:
    """The part of the path in an extension or leaf, and whether it is a leaf."""
    if not isinstance(prefix, bytes) or not prefix or prefix[0] >> 4 > 3:
        raise InvalidProof("a node's path is malformed")
    halves = nibbles(prefix)
    odd, leaf = halves[0] & 1, halves[0] >= 2
    return halves[1 if odd else 2 :], leaf


def mapping_slot(key: bytes, position: int | bytes) -> bytes:
    """The slot of a mapping's value; `position` is the mapping's own slot."""
    where = position if isinstance(position, bytes) else position.to_bytes(WORD_BYTES, "big")
    return keccak(key.rjust(WORD_BYTES, b"\0") + where)


def array_slot(position: bytes, index: int) -> bytes:
    """The slot of an element, one word each, of a dynamic array whose length is at `position`."""
    first = int.from_bytes(keccak(position), "big")
    return ((first + index) % 2**256).to_bytes(WORD_BYTES, "big")


def unique_nodes(proofs: Iterable[Sequence[str]]) -> list[str]:
    """The nodes of many eth_getProof answers, each once, in an order that is always the same."""
    return sorted({node.lower() for proof in proofs for node in proof})
