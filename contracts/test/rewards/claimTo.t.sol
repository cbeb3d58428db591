// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {Entry, IRewardsDistributor as I} from "../../src/interfaces/IRewardsDistributor.sol";
import {Signing} from "../support/Signing.sol";
import {Tree} from "../support/Tree.sol";
import {Wallet} from "../support/Wallet.sol";
import {vm} from "../support/Vm.sol";

contract ClaimToTest is Signing {
    address internal constant RECIPIENT = address(0xBEEF);
    Wallet internal wallet;

    function setUp() public override {
        super.setUp();
        wallet = new Wallet(vm.addr(_key(0)));
        _fill(4, 1);
        entries.push(Entry(address(wallet), 7 ether));
        _publishEntries(1);
    }

    function _message(uint256 i) private view returns (ClaimMessage memory) {
        Entry memory entry = entries[i];
        uint256 nonce = distributor.nonces(entry.account);
        return ClaimMessage(entry.account, RECIPIENT, entry.cumulative, nonce, block.timestamp + 1 hours);
    }

    function _send(uint256 i, ClaimMessage memory m, bytes memory signature, bytes memory error) private {
        bytes32[] memory proof = Tree.proof(entries, i);
        bytes32 root = Tree.root(entries);
        if (error.length > 0) vm.expectRevert(error);
        vm.prank(stranger);
        distributor.claimTo(m.account, m.cumulative, root, proof, m.recipient, m.deadline, m.nonce, signature);
    }

    function test_RevertWhen_TheDeadlineHasPassed() external {
        ClaimMessage memory m = _message(0);
        bytes memory signature = _signClaim(_key(0), m);
        vm.warp(m.deadline + 1);
        _send(0, m, signature, abi.encodeWithSelector(I.SignatureExpired.selector, m.deadline));
    }

    function testFuzz_RevertWhen_TheNonceIsNotTheNext(uint64 nonce) external {
        vm.assume(nonce != 0);
        ClaimMessage memory m = _message(0);
        m.nonce = nonce;
        bytes memory error = abi.encodeWithSelector(
            Nonces.InvalidAccountNonce.selector, m.account, distributor.nonces(m.account)
        );
        _send(0, m, _signClaim(_key(0), m), error);
    }

    function testFuzz_RevertWhen_AnotherSigned(uint128 key) external {
        vm.assume(key > 0 && key != _key(0));
        ClaimMessage memory m = _message(0);
        _send(0, m, _signClaim(key, m), abi.encodeWithSelector(I.InvalidSignature.selector, m.account));
    }

    function testFuzz_RevertWhen_TheRecipientWasChanged(address thief) external {
        vm.assume(thief != RECIPIENT);
        ClaimMessage memory m = _message(0);
        bytes memory signature = _signClaim(_key(0), m);
        m.recipient = thief;
        _send(0, m, signature, abi.encodeWithSelector(I.InvalidSignature.selector, m.account));
    }

    function testFuzz_RevertWhen_TheSumThatWasSignedIsNotTheLeafs(uint128 cumulative) external {
        vm.assume(cumulative != entries[0].cumulative);
        ClaimMessage memory m = _message(0);
        m.cumulative = cumulative;
        _send(0, m, _signClaim(_key(0), m), abi.encodeWithSelector(I.InvalidProof.selector));
        vm.assertEq(token.balanceOf(RECIPIENT), 0);
    }

    function test_RevertWhen_TheExpectedRootIsNotTheActiveOne() external {
        bytes32 root = Tree.root(entries);
        entries[0].cumulative += 1;
        ClaimMessage memory m = _message(0);
        _send(0, m, _signClaim(_key(0), m), abi.encodeWithSelector(I.RootMismatch.selector, root));
    }

    function test_RevertWhen_TheSignatureIsCut() external {
        ClaimMessage memory m = _message(0);
        _send(0, m, hex"1234", abi.encodeWithSelector(I.InvalidSignature.selector, m.account));
    }

    function test_RevertWhen_TheSignatureWasUsed() external {
        ClaimMessage memory m = _message(0);
        bytes memory signature = _signClaim(_key(0), m);
        _send(0, m, signature, "");
        bytes memory error = abi.encodeWithSelector(
            Nonces.InvalidAccountNonce.selector, m.account, distributor.nonces(m.account)
        );
        _send(0, m, signature, error);
    }

    function test_RevertWhen_NothingIsLeftToClaim() external {
        ClaimMessage memory m = _message(0);
        _send(0, m, _signClaim(_key(0), m), "");
        m.nonce = distributor.nonces(m.account);
        bytes memory error = abi.encodeWithSelector(I.NothingToClaim.selector, m.account);
        _send(0, m, _signClaim(_key(0), m), error);
        vm.assertEq(distributor.nonces(m.account), m.nonce);
    }

    function test_ItPaysTheRecipient() external {
        ClaimMessage memory m = _message(1);
        bytes memory signature = _signClaim(_key(1), m);
        vm.expectEmit(true, true, true, true, address(distributor));
        emit I.ClaimedTo(m.account, RECIPIENT, m.cumulative, m.cumulative);
        _send(1, m, signature, "");
        vm.assertEq(token.balanceOf(RECIPIENT), m.cumulative);
        vm.assertEq(token.balanceOf(m.account), 0);
        vm.assertEq(distributor.claimed(m.account), m.cumulative);
    }

    function test_ItPaysAlthoughThirdPartyClaimsAreForbidden() external {
        vm.prank(entries[0].account);
        distributor.setThirdPartyClaims(false);
        ClaimMessage memory m = _message(0);
        _send(0, m, _signClaim(_key(0), m), "");
        vm.assertEq(token.balanceOf(RECIPIENT), m.cumulative);
        vm.assertTrue(distributor.thirdPartyClaimsForbidden(m.account));
    }

    function testFuzz_ItTakesNoncesOfDifferentKeysInAnyOrder(uint192 key) external {
        vm.assume(key > 0);
        ClaimMessage memory m = _message(0);
        m.nonce = distributor.nonces(m.account, key);
        _send(0, m, _signClaim(_key(0), m), "");
        vm.assertEq(distributor.nonces(m.account), 0);
        vm.assertEq(distributor.nonces(m.account, key), (uint256(key) << 64) + 1);
    }

    function test_ItTakesAContractWalletsSignature() external {
        ClaimMessage memory m = _message(4);
        _send(4, m, _signClaim(_key(0), m), "");
        vm.assertEq(token.balanceOf(RECIPIENT), 7 ether);
    }

    function test_RevertWhen_AContractWalletRefusesTheSignature() external {
        ClaimMessage memory m = _message(4);
        _send(4, m, _signClaim(_key(1), m), abi.encodeWithSelector(I.InvalidSignature.selector, m.account));
    }
}
