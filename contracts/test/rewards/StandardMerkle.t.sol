// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {StandardMerkle} from "../../src/StandardMerkle.sol";
import {Entry} from "../../src/interfaces/IRewardsDistributor.sol";
import {Tree} from "../support/Tree.sol";
import {vm} from "../support/Vm.sol";

/// @notice The library's internal functions with calldata arguments.
contract Exposed {
    function leaf(address account, uint256 cumulative) external pure returns (bytes32) {
        return StandardMerkle.leaf(account, cumulative);
    }

    function root(bytes32 node, bytes32[] calldata proof) external pure returns (bytes32) {
        return StandardMerkle.root(node, proof);
    }

    function rangeRoot(Entry[] calldata entries, uint256 position, bytes32[] calldata proof)
        external
        pure
        returns (bytes32, bool)
    {
        return StandardMerkle.rangeRoot(StandardMerkle.leaves(entries), position, proof);
    }

    /// @dev With something in memory before.
    function leavesBeside(Entry[] calldata entries, bytes32 kept)
        external
        pure
        returns (bytes32[] memory beside, bytes32[] memory nodes)
    {
        beside = new bytes32[](1);
        beside[0] = kept;
        nodes = StandardMerkle.leaves(entries);
    }

    function openZeppelinRoot(bytes32 node, bytes32[] calldata proof) external pure returns (bytes32) {
        return MerkleProof.processProofCalldata(proof, node);
    }
}

/// @notice The assembly equals the plain implementation and OpenZeppelin's.
contract StandardMerkleTest {
    Exposed internal exposed = new Exposed();

    function testFuzz_LeavesKeepWhatIsInMemory(Entry memory entry, bytes32 kept) external view {
        Entry[] memory entries = new Entry[](2);
        entries[1] = entry;
        (bytes32[] memory beside, bytes32[] memory nodes) = exposed.leavesBeside(entries, kept);
        vm.assertEq(beside.length, 1);
        vm.assertEq(beside[0], kept);
        vm.assertEq(nodes.length, 2);
        vm.assertEq(nodes[0], Tree.leaf(entry));
        vm.assertEq(nodes[1], Tree.leaf(entries[0]));
    }

    function testFuzz_LeafIsHashedTwice(address account, uint256 cumulative) external view {
        bytes32 expected = keccak256(bytes.concat(keccak256(abi.encode(account, cumulative))));
        vm.assertEq(exposed.leaf(account, cumulative), expected);
    }

    function testFuzz_RootEqualsOpenZeppelins(bytes32 node, bytes32[] calldata proof) external view {
        vm.assertEq(exposed.root(node, proof), exposed.openZeppelinRoot(node, proof));
    }

    function testFuzz_EveryLeafProvesItself(uint256 seed, uint8 size, uint8 index) external view {
        Entry[] memory entries = _entries(seed, 1 + (size % 70));
        uint256 i = index % entries.length;
        vm.assertEq(exposed.root(Tree.leaf(entries[i]), Tree.proof(entries, i)), Tree.root(entries));
    }

    /// @dev The service's own proofs: tests/points/test_merkle.py holds the file to what it makes.
    function test_TheServicesProofsOfRunsLeadToItsRoots() external view {
        string memory json = vm.readFile("tests/vectors/range_proofs.json");
        uint256 cases;
        for (; vm.keyExistsJson(json, _key(cases, "")); ++cases) {
            address[] memory accounts = vm.parseJsonAddressArray(json, _key(cases, ".accounts"));
            uint256[] memory cumulatives = vm.parseJsonUintArray(json, _key(cases, ".cumulatives"));
            Entry[] memory run = new Entry[](accounts.length);
            for (uint256 i = 0; i < run.length; ++i) {
                run[i] = Entry(accounts[i], cumulatives[i]);
            }
            (bytes32 found, bool whole) = exposed.rangeRoot(
                run,
                vm.parseJsonUint(json, _key(cases, ".position")),
                vm.parseJsonBytes32Array(json, _key(cases, ".siblings"))
            );
            vm.assertTrue(whole);
            vm.assertEq(found, vm.parseJsonBytes32(json, _key(cases, ".root")));
        }
        vm.assertEq(cases, 8);
    }

    function _key(uint256 index, string memory field) private pure returns (string memory) {
        return string.concat("$[", vm.toString(index), "]", field);
    }

    function testFuzz_ARunOfLeavesProvesItself(uint256 seed, uint8 size, uint8 from, uint8 length)
        external
        view
    {
        Entry[] memory entries = _entries(seed, 1 + (size % 70));
        uint256 first = from % entries.length;
        uint256 count = 1 + (length % (entries.length - first));
        // A run across two levels of the heap is two batches.
        uint256 high = 2 * entries.length - 2 - first;
        vm.assume(Tree.depth(high) == Tree.depth(high - (count - 1)));
        (Entry[] memory run, uint256 position, bytes32[] memory proof) = Tree.range(entries, first, count);
        (bytes32 found, bool whole) = exposed.rangeRoot(run, position, proof);
        vm.assertTrue(whole);
        vm.assertEq(found, Tree.root(entries));
    }

    function testFuzz_NoPositionProvesAWrongLeaf(uint256 seed, uint8 size, uint256 position, uint96 sum)
        external
        view
    {
        Entry[] memory entries = _entries(seed, 2 + (size % 70));
        (Entry[] memory run, uint256 right, bytes32[] memory proof) = Tree.range(entries, 0, 2);
        vm.assume(sum != run[1].cumulative);
        bytes32 root = Tree.root(entries);
        run[1] = Entry(run[1].account, sum);
        for (uint256 i = 0; i < 2; ++i) {
            (bytes32 found, bool whole) = exposed.rangeRoot(run, i == 0 ? position : right, proof);
            vm.assertFalse(whole && found == root);
        }
    }

    function test_NodesLeftOverAtTheRootAreNotWhole() external view {
        Entry[] memory entries = _entries(1, 2);
        // Position 0 is the root: the first node alone would be taken, the second never looked at.
        entries[1].cumulative = type(uint128).max;
        (, bool whole) = exposed.rangeRoot(entries, 0, new bytes32[](0));
        vm.assertFalse(whole);
    }

    function test_SiblingsLeftOverAreNotWhole() external view {
        Entry[] memory entries = _entries(1, 4);
        (Entry[] memory run, uint256 position, bytes32[] memory proof) = Tree.range(entries, 0, 4);
        vm.assertEq(proof.length, 0);
        (, bool whole) = exposed.rangeRoot(run, position, new bytes32[](1));
        vm.assertFalse(whole);
    }

    function _entries(uint256 seed, uint256 count) private pure returns (Entry[] memory entries) {
        entries = new Entry[](count);
        for (uint256 i = 0; i < count; ++i) {
            bytes32 word = keccak256(abi.encode(seed, i));
            entries[i] = Entry(address(bytes20(word)), uint96(uint256(word)));
        }
    }
}
