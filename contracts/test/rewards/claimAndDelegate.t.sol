// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Delegation, Entry, IRewardsDistributor as I} from "../../src/interfaces/IRewardsDistributor.sol";
import {Signing} from "../support/Signing.sol";
import {Tree} from "../support/Tree.sol";
import {vm} from "../support/Vm.sol";

contract ClaimAndDelegateTest is Signing {
    address internal constant DELEGATE = address(0xDE1E);

    function setUp() public override {
        super.setUp();
        _fill(4, 1);
        _publishEntries(1);
    }

    function _send(Delegation memory signed, bytes memory error) private returns (uint256) {
        Entry memory entry = entries[0];
        bytes32[] memory proof = Tree.proof(entries, 0);
        bytes32 root = Tree.root(entries);
        if (error.length > 0) vm.expectRevert(error);
        vm.prank(stranger);
        return distributor.claimAndDelegate(entry.account, entry.cumulative, root, proof, signed);
    }

    function _use(Delegation memory d) private {
        token.delegateBySig(d.delegatee, d.nonce, d.expiry, d.v, d.r, d.s);
    }

    function test_RevertWhen_TheAccountForbidsThirdParties() external {
        Delegation memory signed = _signDelegation(_key(0), DELEGATE);
        vm.prank(entries[0].account);
        distributor.setThirdPartyClaims(false);
        _send(signed, abi.encodeWithSelector(I.ThirdPartyClaimsForbidden.selector, entries[0].account));
    }

    function test_RevertWhen_TheDelegationWasSignedByAnother() external {
        Delegation memory signed = _signDelegation(_key(1), DELEGATE);
        _send(signed, abi.encodeWithSelector(I.DelegationFailed.selector, entries[0].account, DELEGATE));
        vm.assertEq(distributor.claimed(entries[0].account), 0);
        vm.assertEq(token.delegates(entries[1].account), address(0));
    }

    function test_ItPaysWhenTheSignatureWasUsedForTheSameDelegate() external {
        Delegation memory signed = _signDelegation(_key(0), DELEGATE);
        _use(signed);
        vm.assertEq(_send(signed, ""), entries[0].cumulative);
        vm.assertEq(token.getVotes(DELEGATE), entries[0].cumulative);
    }

    function test_RevertWhen_TheAccountDelegatesToAnotherSince() external {
        Delegation memory signed = _signDelegation(_key(0), DELEGATE);
        _use(signed);
        vm.prank(entries[0].account);
        token.delegate(stranger);
        _send(signed, abi.encodeWithSelector(I.DelegationFailed.selector, entries[0].account, DELEGATE));
    }

    function test_ItDelegatesWhenEverythingWasClaimed() external {
        _claim(0);
        Delegation memory signed = _signDelegation(_key(0), DELEGATE);
        vm.assertEq(_send(signed, ""), 0);
        vm.assertEq(token.getVotes(DELEGATE), entries[0].cumulative);
    }

    function test_ItAsksForNoProofWhenEverythingWasClaimed() external {
        _claim(0);
        Delegation memory signed = _signDelegation(_key(0), DELEGATE);
        bytes32[] memory none = new bytes32[](0);
        distributor.claimAndDelegate(entries[0].account, entries[0].cumulative, 0, none, signed);
        vm.assertEq(token.delegates(entries[0].account), DELEGATE);
    }

    function test_ItPaysAndDelegates() external {
        Delegation memory signed = _signDelegation(_key(0), DELEGATE);
        vm.assertEq(_send(signed, ""), entries[0].cumulative);
        vm.assertEq(token.nonces(entries[0].account), 1);
        vm.assertEq(token.balanceOf(entries[0].account), entries[0].cumulative);
        vm.assertEq(token.delegates(entries[0].account), DELEGATE);
        vm.assertEq(token.getVotes(DELEGATE), entries[0].cumulative);
    }
}

contract ClaimAndDelegateToTest is Signing {
    address internal constant DELEGATE = address(0xDE1E);

    function setUp() public override {
        super.setUp();
        _fill(4, 1);
        _publishEntries(1);
    }

    function _send(address who, uint256 i, bytes memory error) private returns (uint256) {
        uint256 cumulative = entries[i].cumulative;
        bytes32[] memory proof = Tree.proof(entries, i);
        bytes32 root = Tree.root(entries);
        if (error.length > 0) vm.expectRevert(error);
        vm.prank(who);
        return distributor.claimAndDelegateTo(cumulative, root, proof, DELEGATE);
    }

    function test_RevertWhen_TheLeafIsNotTheCallers() external {
        _send(stranger, 0, abi.encodeWithSelector(I.InvalidProof.selector));
        vm.assertEq(token.delegates(stranger), address(0));
        vm.assertEq(token.delegates(entries[0].account), address(0));
    }

    function test_ItDelegatesWhenEverythingWasClaimed() external {
        _claim(0);
        vm.assertEq(_send(entries[0].account, 0, ""), 0);
        vm.assertEq(token.getVotes(DELEGATE), entries[0].cumulative);
    }

    function test_ItAsksForNoProofWhenEverythingWasClaimed() external {
        _claim(0);
        vm.prank(entries[0].account);
        distributor.claimAndDelegateTo(entries[0].cumulative, 0, new bytes32[](0), DELEGATE);
        vm.assertEq(token.delegates(entries[0].account), DELEGATE);
    }

    function test_ItPaysAndDelegates() external {
        vm.prank(entries[1].account);
        distributor.setThirdPartyClaims(false);
        vm.expectEmit(true, true, true, true, address(distributor));
        emit I.Claimed(entries[1].account, entries[1].cumulative, entries[1].cumulative);
        vm.assertEq(_send(entries[1].account, 1, ""), entries[1].cumulative);
        vm.assertEq(token.balanceOf(entries[1].account), entries[1].cumulative);
        vm.assertEq(token.delegates(entries[1].account), DELEGATE);
        vm.assertEq(token.getVotes(DELEGATE), entries[1].cumulative);
    }
}
