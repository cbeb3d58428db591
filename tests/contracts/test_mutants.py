"""The faults that `make bench-mutation` puts into the contracts."""

from contextlib import closing

from bench.mutants import Mutant, mutants
from bench.mutation import Compiler

SOURCE = b"""pragma solidity 0.8.37;
contract Counter {
    uint256 public sum;
    modifier positive(uint256 by) { require(by > 0); _; }
    function add(uint256 by) external positive(by) {
        if (by >= 10 || sum == 7) revert();
        sum += by;
        assembly { sstore(0, add(sload(0), 1)) }
    }
}
"""


def found() -> list[Mutant]:
    settings = {"stopAfter": "parsing", "outputSelection": {"*": {"": ["ast"]}}}
    sources = {"Counter.sol": {"content": SOURCE.decode()}}
    given = {"language": "Solidity", "sources": sources, "settings": settings}
    with closing(Compiler()) as compiler:
        tree = compiler.ask(given)["sources"]["Counter.sol"]["ast"]
    return mutants("Counter.sol", SOURCE, tree)


def test_every_fault_is_one_change_at_its_place():
    edits = {(each.line, each.operator, each.before, each.after) for each in found()}
    assert edits == {
        (4, "operator", ">", ">="),
        (4, "constant", "0", "1"),
        (4, "delete", "require(by > 0);", "{}"),
        (5, "modifier", "positive(by)", ""),
        (6, "condition", "by >= 10 || sum == 7", "false"),
        (6, "condition", "by >= 10 || sum == 7", "true"),
        (6, "operand", "by >= 10 || sum == 7", "by >= 10"),
        (6, "operand", "by >= 10 || sum == 7", "sum == 7"),
        (6, "operator", ">=", ">"),
        (6, "operator", "==", "!="),
        (6, "constant", "10", "11"),
        (6, "constant", "7", "8"),
        (6, "delete", "revert();", "{}"),
        (7, "delete", "sum += by;", "{}"),
        (7, "assignment", " += ", " = "),
        (8, "delete", "sstore(0, add(sload(0), 1))", "{}"),
        (8, "operator", "add", "sub"),
        (8, "constant", "0", "1"),
        (8, "constant", "1", "2"),
    }


def test_a_fault_leaves_the_rest_as_it_was_and_has_a_key_of_its_own():
    every = found()
    for each in every:
        left, right = SOURCE[: each.start], SOURCE[each.start + len(each.before) :]
        assert each.apply(SOURCE) == left + each.after.encode() + right
    assert len({each.key(SOURCE) for each in every}) == len(every)
