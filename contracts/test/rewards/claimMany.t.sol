// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Entry, IRewardsDistributor as I} from "../../src/interfaces/IRewardsDistributor.sol";
import {Deployed} from "../support/Deployed.sol";
import {Tree} from "../support/Tree.sol";
import {vm} from "../support/Vm.sol";

contract ClaimManyTest is Deployed {
    bytes32 internal root;

    function setUp() public override {
        super.setUp();
        _fill(11, 1);
        root = _publishEntries(1);
    }

    function _send(uint256 first, uint256 count) private returns (uint256) {
        (Entry[] memory run, uint256 position, bytes32[] memory proof) = Tree.range(entries, first, count);
        vm.prank(stranger);
        return distributor.claimMany(run, position, Tree.root(entries), proof);
    }

    function _refuse(Entry[] memory run, uint256 position, bytes32[] memory proof) private {
        vm.expectRevert(I.InvalidProof.selector);
        distributor.claimMany(run, position, root, proof);
    }

    function test_RevertWhen_TheBatchIsEmpty() external {
        _refuse(new Entry[](0), 0, new bytes32[](0));
        bytes32[] memory itself = new bytes32[](1);
        itself[0] = root;
        _refuse(new Entry[](0), 2, itself);
    }

    function test_RevertWhen_TheExpectedRootIsNotTheActiveOne() external {
        (Entry[] memory run, uint256 position, bytes32[] memory proof) = Tree.range(entries, 0, 2);
        vm.expectRevert(abi.encodeWithSelector(I.RootMismatch.selector, root));
        distributor.claimMany(run, position, keccak256("old"), proof);
        vm.prank(guardian);
        distributor.pause();
        vm.expectRevert(abi.encodeWithSelector(I.RootMismatch.selector, bytes32(0)));
        distributor.claimMany(run, position, 0, proof);
    }

    function testFuzz_RevertWhen_OneLeafIsWrong(uint8 which, uint256 cumulative) external {
        (Entry[] memory run, uint256 position, bytes32[] memory proof) = Tree.range(entries, 0, 4);
        uint256 i = which % 4;
        vm.assume(cumulative != run[i].cumulative);
        run[i].cumulative = cumulative;
        _refuse(run, position, proof);
        for (i = 0; i < 4; ++i) {
            vm.assertEq(distributor.claimed(run[i].account), 0);
        }
    }

    function test_RevertWhen_TheProofIsLongerThanThePath() external {
        (Entry[] memory run, uint256 position, bytes32[] memory proof) = Tree.range(entries, 0, 2);
        bytes32[] memory longer = new bytes32[](proof.length + 1);
        for (uint256 i = 0; i < proof.length; ++i) {
            longer[i] = proof[i];
        }
        _refuse(run, position, longer);
    }

    function test_RevertWhen_TheLeavesAreNotNeighbours() external {
        (Entry[] memory run, uint256 position, bytes32[] memory proof) = Tree.range(entries, 0, 2);
        run[1] = entries[2];
        _refuse(run, position, proof);
    }

    function test_RevertWhen_ALeafIsAnInnerNode() external {
        // Two children of an inner node, taken for an account and a sum.
        bytes32[] memory nodes = Tree.heap(entries);
        bytes32[] memory proof = new bytes32[](1);
        proof[0] = nodes[2];
        (bytes32 a, bytes32 b) = nodes[3] < nodes[4] ? (nodes[3], nodes[4]) : (nodes[4], nodes[3]);
        bytes memory call_ = abi.encodeWithSelector(I.claim.selector, a, b, root, proof);
        (bool ok,) = address(distributor).call(call_);
        vm.assertFalse(ok);
        Entry[] memory run = new Entry[](1);
        run[0] = Entry(address(uint160(uint256(a))), uint256(b));
        _refuse(run, 1, proof);
    }

    function test_ItPassesOverWhatWasPaidBefore() external {
        _claim(1);
        uint256 rest = entries[0].cumulative + entries[2].cumulative + entries[3].cumulative;
        vm.assertEq(_send(0, 4), rest);
        vm.recordLogs();
        vm.assertEq(_send(0, 4), 0);
        vm.assertEq(vm.getRecordedLogs().length, 0);
        for (uint256 i = 0; i < 4; ++i) {
            vm.assertEq(token.balanceOf(entries[i].account), entries[i].cumulative);
        }
    }

    function test_ItPaysALeafThatTheTreeHoldsTwiceOnce() external {
        _fill(11, 2);
        entries[1] = entries[0];
        _publishEntries(2);
        vm.assertEq(_send(0, 2), entries[0].cumulative);
        vm.assertEq(token.balanceOf(entries[0].account), entries[0].cumulative);
    }

    function test_ItPassesOverWhoForbidsThirdPartyClaims() external {
        vm.prank(entries[2].account);
        distributor.setThirdPartyClaims(false);
        vm.assertEq(_send(0, 3), entries[0].cumulative + entries[1].cumulative);
        vm.assertEq(distributor.claimed(entries[2].account), 0);
        (Entry[] memory run, uint256 position, bytes32[] memory proof) = Tree.range(entries, 0, 3);
        vm.prank(entries[2].account);
        vm.assertEq(distributor.claimMany(run, position, root, proof), entries[2].cumulative);
        vm.assertTrue(distributor.thirdPartyClaimsForbidden(entries[2].account));
    }

    function testFuzz_ItPaysEachWhatItHasNotClaimed(uint8 from, uint8 length, uint8 before) external {
        uint256 first = from % entries.length;
        uint256 count = 1 + (length % (entries.length - first));
        uint256 high = 2 * entries.length - 2 - first;
        vm.assume(Tree.depth(high) == Tree.depth(high - (count - 1)));
        _claim(before % entries.length);
        _fill(11, 2);
        _publishEntries(2);
        _send(first, count);
        for (uint256 i = first; i < first + count; ++i) {
            vm.assertEq(token.balanceOf(entries[i].account), entries[i].cumulative);
            vm.assertEq(distributor.claimed(entries[i].account), entries[i].cumulative);
        }
    }
}
