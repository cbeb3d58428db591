// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Entry, IRewardsDistributor as I} from "../../src/interfaces/IRewardsDistributor.sol";
import {Deployed} from "../support/Deployed.sol";
import {Tree} from "../support/Tree.sol";
import {vm} from "../support/Vm.sol";

contract ClaimTest is Deployed {
    bytes32 internal root;

    function setUp() public override {
        super.setUp();
        _fill(5, 1);
        root = _publishEntries(1);
    }

    function test_RevertWhen_NoRootIsActive() external {
        vm.prank(guardian);
        distributor.pause();
        bytes32[] memory proof = Tree.proof(entries, 0);
        vm.expectRevert(abi.encodeWithSelector(I.RootMismatch.selector, bytes32(0)));
        distributor.claim(entries[0].account, entries[0].cumulative, 0, proof);
    }

    function testFuzz_RevertWhen_TheExpectedRootIsNotTheActiveOne(bytes32 expected) external {
        vm.assume(expected != root);
        bytes32[] memory proof = Tree.proof(entries, 0);
        vm.expectRevert(abi.encodeWithSelector(I.RootMismatch.selector, root));
        distributor.claim(entries[0].account, entries[0].cumulative, expected, proof);
    }

    function testFuzz_RevertWhen_TheSumIsAnother(uint256 cumulative) external {
        vm.assume(cumulative != entries[0].cumulative);
        bytes32[] memory proof = Tree.proof(entries, 0);
        vm.expectRevert(I.InvalidProof.selector);
        distributor.claim(entries[0].account, cumulative, root, proof);
    }

    function testFuzz_RevertWhen_TheProofIsOfAnotherAccount(address thief) external {
        vm.assume(thief != entries[0].account);
        bytes32[] memory proof = Tree.proof(entries, 0);
        vm.expectRevert(I.InvalidProof.selector);
        vm.prank(thief);
        distributor.claim(thief, entries[0].cumulative, root, proof);
    }

    function test_RevertWhen_EverythingWasClaimed() external {
        _claim(0);
        bytes32[] memory proof = Tree.proof(entries, 0);
        vm.expectRevert(abi.encodeWithSelector(I.NothingToClaim.selector, entries[0].account));
        distributor.claim(entries[0].account, entries[0].cumulative, root, proof);
    }

    function testFuzz_ItPaysTheDifferenceToWhatWasClaimedBefore(uint8 which) external {
        uint256 i = which % entries.length;
        _claim(i);
        vm.assertEq(token.balanceOf(entries[i].account), (i + 1) * 1 ether);
        _fill(5, 3);
        _publishEntries(2);
        vm.expectEmit(true, true, true, true, address(distributor));
        emit I.Claimed(entries[i].account, (i + 1) * 2 ether, (i + 1) * 3 ether);
        vm.prank(entries[i].account);
        vm.assertEq(_claimAs(i), (i + 1) * 2 ether);
        vm.assertEq(token.balanceOf(entries[i].account), entries[i].cumulative);
        vm.assertEq(distributor.claimed(entries[i].account), entries[i].cumulative);
    }

    function test_RevertWhen_TheAccountForbidsThirdParties() external {
        vm.prank(entries[1].account);
        distributor.setThirdPartyClaims(false);
        vm.assertTrue(distributor.thirdPartyClaimsForbidden(entries[1].account));
        bytes32[] memory proof = Tree.proof(entries, 1);
        vm.expectRevert(abi.encodeWithSelector(I.ThirdPartyClaimsForbidden.selector, entries[1].account));
        vm.prank(stranger);
        distributor.claim(entries[1].account, entries[1].cumulative, root, proof);
    }

    function test_AnAccountThatForbidsThirdPartiesClaimsForItself() external {
        vm.prank(entries[1].account);
        distributor.setThirdPartyClaims(false);
        bytes32[] memory proof = Tree.proof(entries, 1);
        vm.prank(entries[1].account);
        distributor.claim(entries[1].account, entries[1].cumulative, root, proof);
        vm.assertEq(distributor.claimed(entries[1].account), entries[1].cumulative);
        vm.assertTrue(distributor.thirdPartyClaimsForbidden(entries[1].account));
    }

    function test_ForbiddingAndAllowingAgainKeepsWhatWasClaimed() external {
        _claim(1);
        vm.startPrank(entries[1].account);
        vm.expectEmit(true, true, true, true, address(distributor));
        emit I.ThirdPartyClaimsSet(entries[1].account, false);
        distributor.setThirdPartyClaims(false);
        distributor.setThirdPartyClaims(false);
        vm.assertEq(distributor.claimed(entries[1].account), entries[1].cumulative);
        distributor.setThirdPartyClaims(true);
        vm.assertFalse(distributor.thirdPartyClaimsForbidden(entries[1].account));
        vm.assertEq(distributor.claimed(entries[1].account), entries[1].cumulative);
        vm.stopPrank();
    }

    function test_ItPaysTheAccountWhoeverCalls() external {
        vm.prank(stranger);
        _claimAs(2);
        vm.assertEq(token.balanceOf(entries[2].account), entries[2].cumulative);
        vm.assertEq(token.balanceOf(stranger), 0);
    }

    /// @dev One external call, so that a prank reaches it.
    function _claimAs(uint256 i) private returns (uint256) {
        bytes32[] memory proof = Tree.proof(entries, i);
        return distributor.claim(entries[i].account, entries[i].cumulative, Tree.root(entries), proof);
    }
}

contract ClaimOwnTest is Deployed {
    bytes32 internal root;

    function setUp() public override {
        super.setUp();
        _fill(5, 1);
        root = _publishEntries(1);
    }

    function _own(uint256 i, bytes32 expected) private returns (uint256) {
        bytes32[] memory proof = Tree.proof(entries, i);
        vm.prank(entries[i].account);
        return distributor.claimOwn(entries[i].cumulative, expected, proof);
    }

    function test_RevertWhen_NoRootIsActive() external {
        vm.prank(guardian);
        distributor.pause();
        bytes32[] memory proof = Tree.proof(entries, 0);
        uint256 cumulative = entries[0].cumulative;
        vm.expectRevert(abi.encodeWithSelector(I.RootMismatch.selector, bytes32(0)));
        vm.prank(entries[0].account);
        distributor.claimOwn(cumulative, 0, proof);
    }

    function testFuzz_RevertWhen_TheExpectedRootIsNotTheActiveOne(bytes32 expected) external {
        vm.assume(expected != root);
        bytes32[] memory proof = Tree.proof(entries, 0);
        uint256 cumulative = entries[0].cumulative;
        vm.expectRevert(abi.encodeWithSelector(I.RootMismatch.selector, root));
        vm.prank(entries[0].account);
        distributor.claimOwn(cumulative, expected, proof);
    }

    function testFuzz_RevertWhen_TheProofIsOfAnotherAccount(address thief) external {
        vm.assume(thief != entries[0].account);
        bytes32[] memory proof = Tree.proof(entries, 0);
        uint256 cumulative = entries[0].cumulative;
        vm.expectRevert(I.InvalidProof.selector);
        vm.prank(thief);
        distributor.claimOwn(cumulative, root, proof);
    }

    function test_RevertWhen_EverythingWasClaimed() external {
        _own(0, root);
        bytes32[] memory proof = Tree.proof(entries, 0);
        uint256 cumulative = entries[0].cumulative;
        vm.expectRevert(abi.encodeWithSelector(I.NothingToClaim.selector, entries[0].account));
        vm.prank(entries[0].account);
        distributor.claimOwn(cumulative, root, proof);
    }

    function testFuzz_ItPaysTheDifferenceToWhatWasClaimedBefore(uint8 which) external {
        uint256 i = which % entries.length;
        vm.assertEq(_own(i, root), (i + 1) * 1 ether);
        _fill(5, 3);
        bytes32 next = _publishEntries(2);
        bytes32[] memory proof = Tree.proof(entries, i);
        uint256 cumulative = entries[i].cumulative;
        vm.expectEmit(true, true, true, true, address(distributor));
        emit I.Claimed(entries[i].account, (i + 1) * 2 ether, (i + 1) * 3 ether);
        vm.prank(entries[i].account);
        vm.assertEq(distributor.claimOwn(cumulative, next, proof), (i + 1) * 2 ether);
        vm.assertEq(token.balanceOf(entries[i].account), cumulative);
        vm.assertEq(distributor.claimed(entries[i].account), cumulative);
    }

    function test_AnAccountThatForbidsThirdPartiesClaimsForItself() external {
        vm.prank(entries[1].account);
        distributor.setThirdPartyClaims(false);
        vm.assertEq(_own(1, root), entries[1].cumulative);
        vm.assertTrue(distributor.thirdPartyClaimsForbidden(entries[1].account));
        vm.assertEq(distributor.claimed(entries[1].account), entries[1].cumulative);
    }
}
