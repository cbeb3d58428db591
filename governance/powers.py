"""Votes at a past time, read from the token's storage and proven under a block's hash.

The token keeps the votes of each delegate as checkpoints (OpenZeppelin's ERC20Votes): an array of
words, each the second from which it holds (48 bits) and the votes from then on (208 bits), in
ascending order. The votes at a time are those of the last checkpoint not after it; that it is the
last is shown by its successor, or by the array's length. Pure: no Django.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from eth_utils.address import to_checksum_address

from chain.proofs import (
    InvalidProof,
    ProvenHeader,
    Trie,
    array_slot,
    decode_header,
    encode_header,
    mapping_slot,
    unique_nodes,
)
from chain.rpc import ChainUnavailable, Rpc

# Where LAMToken's compiler put them; the tests read them back from a deployed token.
DELEGATEE_SLOT, CHECKPOINTS_SLOT = 8, 9
KEY_BITS = 48
KEY_MASK = 2**KEY_BITS - 1
# A node walks a trie anew for each call, and geth takes 1,024 slots in one.
PROOF_SLOTS_MAX = 1000

ReadSlot = Callable[[bytes], int]


@dataclass(frozen=True, slots=True)
class VotingPower:
    """A voter's votes in wei at the poll's time, the checkpoint (none: before the first) that says
    so, and whom the voter's own tokens count for at the block of the proof (empty: nobody)."""

    voter: str
    power_wei: int
    checkpoint: int | None
    delegate: str


@dataclass(frozen=True)
class Capture:
    """Powers with what proves them: a header and the nodes of its state."""

    header: bytes
    nodes: list[str]
    powers: list[VotingPower]

    @property
    def block(self) -> ProvenHeader:
        """The block."""
        return decode_header(self.header)


def _length_slot(voter: str) -> bytes:
    return mapping_slot(bytes.fromhex(voter[2:]), CHECKPOINTS_SLOT)


def _delegate_slot(voter: str) -> bytes:
    return mapping_slot(bytes.fromhex(voter[2:]), DELEGATEE_SLOT)


def power_in(read: ReadSlot, voter: str, checkpoint: int | None, at: int) -> VotingPower:
    """The power that the storage behind `read` gives, if `checkpoint` is the one in force at `at`.

    Raises InvalidProof when it is not.
    """
    position = _length_slot(voter)
    length = read(position)
    following = 0 if checkpoint is None else checkpoint + 1
    if following > length:
        raise InvalidProof(f"{voter} has {length} checkpoints, not {following}")
    if following < length and read(array_slot(position, following)) & KEY_MASK <= at:
        raise InvalidProof(f"{voter} has a later checkpoint that is not after {at}")
    word = 0 if checkpoint is None else read(array_slot(position, checkpoint))
    if word & KEY_MASK > at:
        raise InvalidProof(f"checkpoint {checkpoint} of {voter} is after {at}")
    return VotingPower(voter, word >> KEY_BITS, checkpoint, _address(read(_delegate_slot(voter))))


def _address(word: int) -> str:
    """The address in a word; empty for the zero address."""
    if word >> 160:
        raise InvalidProof("a delegate is no address")
    return to_checksum_address(word.to_bytes(20, "big")) if word else ""


class Storage:
    """The token's storage at a block, by proof."""

    def __init__(self, block: ProvenHeader, nodes: Sequence[str], token: str) -> None:
        self._trie = Trie(bytes.fromhex(node[2:]) for node in nodes)
        _, self._root = self._trie.account(block.state_root, token)

    def read(self, slot: bytes) -> int:
        """The word in a slot. Raises InvalidProof."""
        return self._trie.storage(self._root, slot)


def capture(rpc: Rpc, *, token: str, voters: Sequence[str], at: int, block_number: int) -> Capture:
    """The voters' powers at `at`, with account and storage proofs of a block after it (EIP-1186).

    What the node answers is checked as a stranger would. Raises ChainUnavailable.
    """
    value = rpc.call("eth_getBlockByNumber", hex(block_number), False)
    if not value:
        raise ChainUnavailable(f"the node at {rpc.url} has no block {block_number}")
    try:
        header = encode_header(value)
        block = decode_header(header)
        if block.timestamp <= at:
            raise InvalidProof(f"block {block_number} is not after {at}")
        found = _checkpoints(rpc, token, voters, at, block_number)
        nodes = _nodes(rpc, token, found, block_number)
        storage = Storage(block, nodes, token)
        powers = [power_in(storage.read, voter, found[voter], at) for voter in sorted(found)]
    except InvalidProof as error:
        raise ChainUnavailable(
            f"the node at {rpc.url} cannot prove the powers at block {block_number}: {error}"
        ) from error
    return Capture(header, nodes, powers)


def _checkpoints(
    rpc: Rpc, token: str, voters: Sequence[str], at: int, block_number: int
) -> dict[str, int | None]:
    """The checkpoint of each voter in force at `at`, by bisection of all their arrays at once."""
    lengths = _words(rpc, token, [_length_slot(voter) for voter in voters], block_number)
    # Below `low` checkpoints are not after `at`, from `high` on they are.
    bounds = {voter: (0, length) for voter, length in zip(voters, lengths, strict=True)}
    while open_ := [voter for voter, (low, high) in bounds.items() if low < high]:
        middles = [sum(bounds[voter]) // 2 for voter in open_]
        slots = [array_slot(_length_slot(v), n) for v, n in zip(open_, middles, strict=True)]
        words = _words(rpc, token, slots, block_number)
        for voter, middle, word in zip(open_, middles, words, strict=True):
            low, high = bounds[voter]
            bounds[voter] = (middle + 1, high) if word & KEY_MASK <= at else (low, middle)
    return {voter: low - 1 if low else None for voter, (low, _) in bounds.items()}


def _words(rpc: Rpc, token: str, slots: Sequence[bytes], block_number: int) -> list[int]:
    block = hex(block_number)
    calls = [("eth_getStorageAt", (token, "0x" + slot.hex(), block)) for slot in slots]
    return [int(word, 16) for word in rpc.batch(calls)]


def _nodes(rpc: Rpc, token: str, found: dict[str, int | None], block_number: int) -> list[str]:
    """Every trie node between the state's root and the slots that `power_in` reads."""
    slots = [slot for voter, checkpoint in found.items() for slot in _slots(voter, checkpoint)]
    nodes: set[str] = set()
    # The account's proof is wanted without any voter, too.
    for start in range(0, len(slots) or 1, PROOF_SLOTS_MAX):
        some = slots[start : start + PROOF_SLOTS_MAX]
        answer = rpc.call("eth_getProof", token, some, hex(block_number))
        parts = [answer["accountProof"], *(each["proof"] for each in answer["storageProof"])]
        nodes.update(unique_nodes(parts))
    return sorted(nodes)


def _slots(voter: str, checkpoint: int | None) -> list[str]:
    """Length, delegate, the checkpoint, and its successor, which is empty behind the last."""
    position = _length_slot(voter)
    following = 0 if checkpoint is None else checkpoint + 1
    slots = [position, _delegate_slot(voter), array_slot(position, following)]
    if checkpoint is not None:
        slots.append(array_slot(position, checkpoint))
    return ["0x" + slot.hex() for slot in slots]
