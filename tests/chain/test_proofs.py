"""Merkle-Patricia proofs: what the node proves is read back, and nothing else can be proven."""

import random

import pytest
import rlp
from eth_account import Account
from eth_utils.crypto import keccak

from chain.proofs import (
    EMPTY_TRIE,
    InvalidProof,
    Trie,
    decode_header,
    encode_header,
    unique_nodes,
)


def slot(number: int) -> bytes:
    return number.to_bytes(32, "big")


@pytest.fixture(scope="module")
def values() -> dict[int, int]:
    """Words of all sizes in slots far apart and close by."""
    dice = random.Random(5)
    return {
        dice.getrandbits(dice.choice([3, 30, 256])): dice.getrandbits(8 * n) | 1
        for n in range(1, 33)
        for _ in range(3)
    }


@pytest.fixture
def proof(emitter, values):
    """The state root, the account's address and proof nodes of all slots, some empty."""
    address = Account.create().address
    emitter.rpc("anvil_setCode", address, "0x00")
    for key, value in values.items():
        emitter.rpc("anvil_setStorageAt", address, "0x" + slot(key).hex(), "0x" + slot(value).hex())
    emitter.mine(1)
    header = emitter.rpc("eth_getBlockByNumber", "latest", False)
    keys = ["0x" + slot(key).hex() for key in (*values, *range(100, 110))]
    answer = emitter.rpc("eth_getProof", address, keys, header["number"])
    parts = [answer["accountProof"], *(each["proof"] for each in answer["storageProof"])]
    nodes = [bytes.fromhex(node[2:]) for node in unique_nodes(parts)]
    return decode_header(encode_header(header)), address, nodes


def test_a_header_is_what_its_hash_says(emitter) -> None:
    value = emitter.rpc("eth_getBlockByNumber", "latest", False)
    header = decode_header(encode_header(value))
    assert (header.hash, header.number) == (value["hash"], int(value["number"], 16))
    assert header.timestamp == int(value["timestamp"], 16)
    assert header.state_root.hex() == value["stateRoot"][2:]
    for name in ("stateRoot", "timestamp", "number", "parentHash"):
        length = len(value[name]) - 2
        changed = {**value, name: f"0x{int(value[name], 16) ^ 1:0{length}x}"}
        with pytest.raises(InvalidProof, match="hash"):
            encode_header(changed)
    with pytest.raises(InvalidProof, match="malformed"):
        encode_header({**value, "timestamp": "soon"})


@pytest.mark.parametrize("encoded", [b"", b"\x80", rlp.encode([b""] * 5), rlp.encode([b""] * 15)])
def test_what_is_no_header_is_refused(encoded: bytes) -> None:
    with pytest.raises(InvalidProof):
        decode_header(encoded)


def test_every_word_is_read_back_and_empty_slots_are_proven_empty(proof, values) -> None:
    header, address, nodes = proof
    trie = Trie(nodes)
    _, storage = trie.account(header.state_root, address)
    assert {key: trie.storage(storage, slot(key)) for key in values} == values
    absent = [key for key in range(100, 110) if key not in values]
    assert [trie.storage(storage, slot(key)) for key in absent] == [0] * len(absent)


def test_a_node_that_is_missing_or_altered_proves_nothing_wrong(proof, values) -> None:
    header, address, nodes = proof
    refused = 0
    for position, node in enumerate(nodes):
        for others in ([], [node[:-1] + bytes([node[-1] ^ 1])], [node + b"\0"]):
            trie = Trie([*nodes[:position], *others, *nodes[position + 1 :]])
            try:
                _, storage = trie.account(header.state_root, address)
                assert storage == Trie(nodes).account(header.state_root, address)[1]
            except InvalidProof:
                refused += 1
                continue
            for key, value in values.items():
                try:
                    assert trie.storage(storage, slot(key)) == value
                except InvalidProof:
                    refused += 1
    assert refused >= 3 * len(nodes)


def test_an_account_that_is_not_there_has_no_storage(emitter, proof) -> None:
    header, _, nodes = proof
    stranger = Account.create().address
    answer = emitter.rpc("eth_getProof", stranger, [], "latest")
    more = [bytes.fromhex(node[2:]) for node in answer["accountProof"]]
    trie = Trie([*nodes, *more])
    assert trie.account(header.state_root, stranger) == (0, EMPTY_TRIE)
    assert trie.storage(EMPTY_TRIE, slot(1)) == 0


@pytest.mark.parametrize(
    "node",
    [
        [b"\x20", b"\x05"],
        [b"\x40", b"\x05"],
        [b"", b"\x05"],
        [b"\x20", [b"\x20"]],
        [b"\x05"],
        b"\x05",
        [[b"\x20"], b"\x05"],
        [b""] * 16 + [[b""]],
        [[b"\x01", b"\x02", b"\x03"]] * 17,
    ],
)
def test_malformed_nodes_are_refused_or_hold_nothing(node) -> None:
    encoded = rlp.encode(node)
    trie = Trie([encoded])
    try:
        assert trie.storage(keccak(encoded), slot(1)) == 0
    except InvalidProof:
        return
