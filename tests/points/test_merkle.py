"""Merkle trees equal OpenZeppelin's package byte for byte; an independent Keccak agrees."""

import json
import random
import subprocess

import numpy as np
import pytest
import sha3
from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from config.environment import BASE_DIR
from points.keccak import keccak_rows
from points.merkle import MerkleTree, Value, checksum_addresses, leaf_hashes, verify_proof

PEER = """
import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import { readFileSync } from 'node:fs';
const cases = JSON.parse(readFileSync(0, 'utf8'));
const answers = cases.map((values) => {
  const tree = StandardMerkleTree.of(values, ['address', 'uint256'], { sortLeaves: false });
  return { root: tree.root, dump: JSON.stringify(tree.dump()),
           proofs: values.map((_, i) => tree.getProof(i)) };
});
console.log(JSON.stringify(answers));
"""


def values_of(count: int, seed: int = 7) -> list[Value]:
    random_ = random.Random(seed)
    rows = np.frombuffer(random_.randbytes(20 * count), np.uint8).reshape(-1, 20)
    amounts = [random_.choice([0, 1, 10**18, 2**255 + n, 2**256 - 1]) for n in range(count)]
    return [Value(a, w) for a, w in zip(checksum_addresses(rows), amounts, strict=True)]


def peer(cases: list[list[Value]]) -> list[dict]:
    """The same trees by the npm package."""
    values = [[[v.account, str(v.cumulative_wei)] for v in case] for case in cases]
    result = subprocess.run(
        ["node", "--input-type=module", "-e", PEER],
        input=json.dumps(values),
        capture_output=True,
        text=True,
        cwd=BASE_DIR,
        check=True,
    )
    return json.loads(result.stdout)


def test_trees_of_many_sizes_equal_the_npm_package_byte_for_byte():
    cases = [values_of(count, seed=count) for count in (1, 2, 3, 4, 5, 7, 8, 9, 33, 100, 257)]
    for values, theirs in zip(cases, peer(cases), strict=True):
        tree = MerkleTree.of(values)
        assert tree.root == theirs["root"]
        assert tree.dump(values).decode() == theirs["dump"]
        assert [tree.proof(i) for i in range(len(values))] == theirs["proofs"]


def test_leaves_keep_their_order_and_place_when_more_follow():
    values = values_of(40)
    small, large = MerkleTree.of(values[:25]), MerkleTree.of(values)
    assert [small.leaf(i) for i in range(25)] == [large.leaf(i) for i in range(25)]


def test_leaf_hashes_are_keccak_twice_over_the_abi_encoding():
    for value in values_of(20):
        encoded = encode(["address", "uint256"], [value.account, value.cumulative_wei])
        twice = sha3.keccak_256(sha3.keccak_256(encoded).digest()).digest()
        assert leaf_hashes([value])[0].tobytes() == twice


@given(st.integers(1, 15), st.binary(min_size=8, max_size=120))
def test_keccak_equals_an_independent_implementation(rows, data):
    width = len(data) // 8 * 8
    messages = np.frombuffer(data[:width] * rows, np.uint8).reshape(rows, width)
    digest = sha3.keccak_256(data[:width]).digest()
    assert keccak_rows(messages).tobytes() == digest * rows


@pytest.mark.parametrize("width", [7, 12, 136])
def test_messages_that_do_not_fit_one_block_are_refused(width):
    with pytest.raises(ValueError, match="whole words"):
        keccak_rows(np.zeros((2, width), np.uint8))


@given(st.lists(st.binary(min_size=20, max_size=20), min_size=1, max_size=20))
def test_checksums_follow_eip_55(addresses):
    rows = np.frombuffer(b"".join(addresses), np.uint8).reshape(-1, 20)
    assert checksum_addresses(rows) == [to_checksum_address(each) for each in addresses]


@given(st.integers(1, 70), st.data())
def test_every_leaf_is_proven_and_no_other_is(count, data):
    values = values_of(count)
    tree = MerkleTree.of(values)
    index = data.draw(st.integers(0, count - 1))
    proof = tree.proof(index)
    assert verify_proof(root=tree.root, leaf=tree.leaf(index), proof=proof)
    forged = Value(values[index].account, values[index].cumulative_wei ^ 1)
    leaf = "0x" + leaf_hashes([forged])[0].tobytes().hex()
    assert not verify_proof(root=tree.root, leaf=leaf, proof=proof)


VECTORS = BASE_DIR / "tests" / "vectors" / "range_proofs.json"
RUNS = [(1, 0, 1), (2, 0, 2), (3, 0, 2), (3, 2, 1), (7, 1, 4), (8, 0, 8), (11, 0, 6), (11, 7, 3)]


def range_vectors() -> list[dict]:
    """Runs of neighbouring leaves; the forge tests fold the same ones."""
    vectors = []
    for leaves, first, count in RUNS:
        values = [Value(f"0x{i + 1:040x}", (i + 1) * 10**18) for i in range(leaves)]
        tree = MerkleTree.of(values)
        proof = tree.range_proof(first, count)
        run = values[first : first + count]
        vectors.append(
            {
                "leaves": leaves,
                "first": first,
                "root": tree.root,
                "accounts": [each.account for each in run],
                "cumulatives": [str(each.cumulative_wei) for each in run],
                "position": str(proof.position),
                "siblings": proof.siblings,
            }
        )
    return vectors


def test_the_vectors_shared_with_the_contracts_tests_are_what_the_tree_gives():
    assert json.loads(VECTORS.read_text()) == range_vectors()


def folded(leaves: list[str], position: int, siblings: list[str]) -> str | None:
    """Where a range proof leads, level by level in plain Python; None when it does not fit."""
    nodes, rest = [bytes.fromhex(each[2:]) for each in reversed(leaves)], list(siblings)
    while position:
        if position % 2 == 0 and rest:
            nodes.insert(0, bytes.fromhex(rest.pop(0)[2:]))
        if len(nodes) % 2 and rest:
            nodes.append(bytes.fromhex(rest.pop(0)[2:]))
        if len(nodes) % 2:
            return None
        pairs = [sorted(nodes[at : at + 2]) for at in range(0, len(nodes), 2)]
        nodes = [sha3.keccak_256(b"".join(pair)).digest() for pair in pairs]
        position = (position - 1) // 2
    return "0x" + nodes[0].hex() if len(nodes) == 1 and not rest else None


@given(st.integers(1, 90), st.data())
def test_any_run_of_neighbours_is_proven_and_no_other_is(count, data):
    tree = MerkleTree.of(values_of(count))
    first = data.draw(st.integers(0, count - 1))
    runs = tree.runs(first, data.draw(st.integers(1, count - first)))
    assert len(runs) <= 2
    for start, length in runs:
        proof = tree.range_proof(start, length)
        leaves = [tree.leaf(start + i) for i in range(length)]
        assert folded(leaves, proof.position, proof.siblings) == tree.root
        everything = [*leaves, *proof.siblings]
        at = data.draw(st.integers(0, len(everything) - 1))
        byte = data.draw(st.integers(1, 32))
        flipped = int(everything[at], 16) ^ (1 << (8 * byte - 1))
        everything[at] = f"0x{flipped:064x}"
        altered = everything[:length], everything[length:]
        assert folded(altered[0], proof.position, altered[1]) != tree.root
        assert folded(leaves, proof.position, proof.siblings[1:]) != tree.root or not proof.siblings
        if length > 1:
            assert folded(leaves[1:], proof.position, proof.siblings) != tree.root


@given(st.integers(1, 90))
def test_a_run_is_cut_only_where_the_heap_changes_its_level(count):
    tree = MerkleTree.of(values_of(count))
    runs = tree.runs(0, count)
    assert [first for first, _ in runs] == [0, *(length for _, length in runs[:-1])]
    assert sum(length for _, length in runs) == count
    assert len(runs) == (1 if count & (count - 1) == 0 else 2)
    levels = [{(tree.tree_index(i) + 1).bit_length() for i in range(f, f + n)} for f, n in runs]
    assert all(len(each) == 1 for each in levels)
    if len(runs) > 1:
        with pytest.raises(ValueError, match="two levels"):
            tree.range_proof(0, count)


@pytest.mark.parametrize(("first", "count", "error"), [(0, 0, ValueError), (2, 2, IndexError)])
def test_a_run_that_is_not_there_has_no_proof(first, count, error):
    with pytest.raises(error):
        MerkleTree.of(values_of(3)).range_proof(first, count)


def test_a_tree_without_leaves_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        MerkleTree.of_leaves(np.empty((0, 32), np.uint8))


def test_a_leaf_beyond_the_last_has_no_proof():
    tree = MerkleTree.of(values_of(3))
    for index in (-1, 3):
        with pytest.raises(IndexError):
            tree.proof(index)


@pytest.mark.parametrize("amount", [-1, 2**256])
def test_amounts_that_are_no_uint256_are_refused(amount):
    with pytest.raises(ValueError, match="uint256"):
        MerkleTree.of([Value("0x" + "1" * 40, amount)])


def test_a_dump_of_other_values_is_refused():
    with pytest.raises(ValueError, match="values for a tree"):
        MerkleTree.of(values_of(3)).dump(values_of(2))
