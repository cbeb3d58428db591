"""The trees these tests build are OpenZeppelin's StandardMerkleTree, by its own package."""

import json
import subprocess

import pytest
from eth_account import Account

from chain.abi import ABI_DIR
from tests.contracts import tree

SCRIPT = """
import { StandardMerkleTree } from "@openzeppelin/merkle-tree";
const values = JSON.parse(process.argv[1]);
const tree = StandardMerkleTree.of(values, ["address", "uint256"], { sortLeaves: false });
const dump = tree.dump();
const proofs = values.map((_, i) => tree.getProof(i));
const indices = dump.values.map((value) => value.treeIndex);
console.log(JSON.stringify({ tree: dump.tree, indices, proofs }));
"""


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 33])
def test_heap_proofs_and_positions_are_openzeppelins(size: int):
    values = [(Account.create().address, 10**18 * i) for i in range(size)]
    argument = json.dumps([[account, str(amount)] for account, amount in values])
    command = ["node", "--input-type=module", "-e", SCRIPT, argument]
    run = subprocess.run(
        command, cwd=ABI_DIR.parent.parent, capture_output=True, text=True, check=True, timeout=60
    )
    theirs = json.loads(run.stdout)
    assert ["0x" + node.hex() for node in tree.heap(values)] == theirs["tree"]
    for i in range(size):
        assert ["0x" + node.hex() for node in tree.proof(values, i)] == theirs["proofs"][i]
        assert theirs["indices"][i] == 2 * size - 2 - i
