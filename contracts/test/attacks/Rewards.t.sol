// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {RewardsDistributor} from "../../src/RewardsDistributor.sol";
import {Delegation, Entry, IRewardsDistributor as I} from "../../src/interfaces/IRewardsDistributor.sol";
import {Signing} from "../support/Signing.sol";
import {Tree} from "../support/Tree.sol";
import {vm} from "../support/Vm.sol";

/// @notice A wallet that tries to claim again while it is asked about its signature.
contract ReenteringWallet {
    RewardsDistributor internal immutable DISTRIBUTOR;
    uint256 internal immutable CUMULATIVE;
    bytes32[] internal proof;
    bool public reentered;

    constructor(RewardsDistributor distributor, uint256 cumulative) {
        DISTRIBUTOR = distributor;
        CUMULATIVE = cumulative;
    }

    function arm(bytes32[] calldata proof_) external {
        proof = proof_;
    }

    function isValidSignature(bytes32, bytes calldata) external view returns (bytes4) {
        bytes memory again =
            abi.encodeCall(DISTRIBUTOR.claim, (address(this), CUMULATIVE, DISTRIBUTOR.activeRoot(), proof));
        (bool ok,) = address(DISTRIBUTOR).staticcall(again);
        return ok ? bytes4(0) : this.isValidSignature.selector;
    }
}

/// @notice Attacks that emptied other distributors, and some that could be tried on this one.
contract RewardsAttacksTest is Signing {
    address internal constant THIEF = address(0x7417F);
    address internal constant RECIPIENT = address(0xBEEF);

    function setUp() public override {
        super.setUp();
        _fill(4, 1);
    }

    function _message() private view returns (ClaimMessage memory) {
        Entry memory entry = entries[0];
        uint256 nonce = distributor.nonces(entry.account);
        return ClaimMessage(entry.account, RECIPIENT, entry.cumulative, nonce, block.timestamp + 1 hours);
    }

    function _relay(RewardsDistributor at, ClaimMessage memory m, bytes memory signature) private {
        bytes32[] memory proof = Tree.proof(entries, 0);
        bytes32 root = Tree.root(entries);
        vm.prank(THIEF);
        at.claimTo(m.account, m.cumulative, root, proof, m.recipient, m.deadline, m.nonce, signature);
    }

    function test_BeforeTheFirstRootNobodyIsPaid() external {
        bytes32[] memory none = new bytes32[](0);
        bytes32 own = Tree.leaf(Entry(THIEF, 1 ether));
        vm.expectRevert(abi.encodeWithSelector(I.RootMismatch.selector, bytes32(0)));
        distributor.claim(THIEF, 1 ether, own, none);
        vm.expectRevert(abi.encodeWithSelector(I.RootMismatch.selector, bytes32(0)));
        distributor.claim(THIEF, 1 ether, 0, none);
    }

    function test_AFrontRunnerOfARelayedClaimPaysTheSignedRecipient() external {
        _publishEntries(1);
        ClaimMessage memory m = _message();
        _relay(distributor, m, _signClaim(_key(0), m));
        vm.assertEq(token.balanceOf(RECIPIENT), m.cumulative);
        vm.assertEq(token.balanceOf(THIEF), 0);
    }

    function test_AClaimOnBehalfCannotDivertASignedOneOnceForbidden() external {
        _publishEntries(1);
        vm.prank(entries[0].account);
        distributor.setThirdPartyClaims(false);
        bytes32[] memory proof = Tree.proof(entries, 0);
        vm.expectRevert(abi.encodeWithSelector(I.ThirdPartyClaimsForbidden.selector, entries[0].account));
        distributor.claim(entries[0].account, entries[0].cumulative, Tree.root(entries), proof);
        ClaimMessage memory m = _message();
        _relay(distributor, m, _signClaim(_key(0), m));
        vm.assertEq(token.balanceOf(RECIPIENT), m.cumulative);
    }

    function test_ASignatureOfAnotherChainIsWorthNothing() external {
        _publishEntries(1);
        ClaimMessage memory m = _message();
        bytes memory signature = _signClaim(_key(0), m);
        vm.chainId(block.chainid + 1);
        vm.expectRevert(abi.encodeWithSelector(I.InvalidSignature.selector, m.account));
        _relay(distributor, m, signature);
    }

    function test_ASignatureForAnotherDistributorIsWorthNothing() external {
        _publishEntries(1);
        bytes memory arguments = abi.encode(token, vault, registry, handover, VETO_SECONDS, EXPIRY_SECONDS);
        RewardsDistributor other = RewardsDistributor(_create("RewardsDistributor", arguments));
        ClaimMessage memory m = _message();
        bytes memory signature = _signClaimFor(_key(0), m, other.DOMAIN_SEPARATOR());
        vm.expectRevert(abi.encodeWithSelector(I.InvalidSignature.selector, m.account));
        _relay(distributor, m, signature);
    }

    /// @dev The delegation is signed for LAM on this chain.
    function test_ADelegationOfAnotherChainMovesNoVotes() external {
        _publishEntries(1);
        address account = entries[0].account;
        Delegation memory signed = _signDelegation(_key(0), THIEF);
        vm.chainId(block.chainid + 1);
        bytes32[] memory proof = Tree.proof(entries, 0);
        vm.expectRevert(abi.encodeWithSelector(I.DelegationFailed.selector, account, THIEF));
        distributor.claimAndDelegate(account, entries[0].cumulative, Tree.root(entries), proof, signed);
        vm.assertEq(token.delegates(account), address(0));
    }

    function test_AnOldSignatureDoesNotSpendTheNextEpoch() external {
        _publishEntries(1);
        ClaimMessage memory m = _message();
        bytes memory signature = _signClaim(_key(0), m);
        _relay(distributor, m, signature);
        _fill(4, 2);
        _publishEntries(2);
        m.deadline = block.timestamp + 1 hours;
        bytes memory error = abi.encodeWithSelector(
            Nonces.InvalidAccountNonce.selector, m.account, distributor.nonces(m.account)
        );
        vm.expectRevert(error);
        _relay(distributor, m, signature);
    }

    function test_AMalleatedSignatureIsRefused() external {
        _publishEntries(1);
        ClaimMessage memory m = _message();
        bytes memory signature = _signClaim(_key(0), m);
        uint256 order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
        bytes32 r;
        uint256 s;
        assembly ("memory-safe") {
            r := mload(add(signature, 0x20))
            s := mload(add(signature, 0x40))
        }
        uint8 v = uint8(signature[64]) == 27 ? 28 : 27;
        vm.expectRevert(abi.encodeWithSelector(I.InvalidSignature.selector, m.account));
        _relay(distributor, m, abi.encodePacked(r, order - s, v));
    }

    function test_AWalletCannotReenterWhileItsSignatureIsChecked() external {
        ReenteringWallet wallet = new ReenteringWallet(distributor, 9 ether);
        entries.push(Entry(address(wallet), 9 ether));
        bytes32 root = _publishEntries(1);
        bytes32[] memory proof = Tree.proof(entries, 4);
        wallet.arm(proof);
        distributor.claimTo(address(wallet), 9 ether, root, proof, RECIPIENT, block.timestamp, 0, "");
        vm.assertEq(token.balanceOf(RECIPIENT), 9 ether);
        vm.assertEq(token.balanceOf(address(wallet)), 0);
    }

    /// @dev A publisher who lies about the sum: leaves promise more than the total that was escrowed.
    function test_ARootThatPromisesMoreThanItEscrowedCannotTouchTheVault() external {
        token.mintEmission(1);
        uint256 escrow = 3 ether;
        _submit(1, Tree.root(entries), escrow); // the leaves promise 10 LAM
        vm.warp(block.timestamp + VETO_SECONDS);
        distributor.activate();
        uint256 kept = token.balanceOf(address(vault));
        _claim(0);
        _claim(1);
        bytes32[] memory proof = Tree.proof(entries, 2);
        vm.expectRevert(
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientBalance.selector, address(distributor), 0, entries[2].cumulative
            )
        );
        distributor.claim(entries[2].account, entries[2].cumulative, Tree.root(entries), proof);
        vm.assertEq(token.balanceOf(address(vault)), kept);
    }

    function test_ARootThatTakesBackWhatWasPaidTakesNothing() external {
        _publishEntries(1);
        _claim(3);
        uint256 before = entries[3].cumulative;
        _fill(4, 1);
        entries[3].cumulative = 1;
        entries[0].cumulative = 100 ether;
        bytes32 root = _publishEntries(2);
        bytes32[] memory proof = Tree.proof(entries, 3);
        vm.expectRevert(abi.encodeWithSelector(I.NothingToClaim.selector, entries[3].account));
        distributor.claim(entries[3].account, 1, root, proof);
        vm.assertEq(distributor.claimed(entries[3].account), before);
    }

    /// @dev Whoever can publish cannot block: a waiting root is activated or vetoed by somebody else.
    function test_AWaitingRootCannotBlockWithoutEnd() external {
        token.mintEmission(1);
        _submit(1, keccak256("grief"), 0);
        vm.prank(guardian);
        distributor.veto(1);
        _submit(1, keccak256("grief"), 0);
        vm.warp(block.timestamp + VETO_SECONDS);
        vm.prank(stranger);
        distributor.activate();
        vm.assertEq(token.balanceOf(address(distributor)), 0);
        vm.warp(token.startOf(2));
        token.mintEmission(2);
        _submit(2, Tree.root(entries), _total());
    }

    function test_AnInnerNodeIsNoLeaf() external {
        bytes32 root = _publishEntries(1);
        bytes32 left = Tree.parent(Tree.leaf(entries[2]), Tree.leaf(entries[3]));
        bytes32 right = Tree.parent(Tree.leaf(entries[0]), Tree.leaf(entries[1]));
        vm.assertEq(Tree.parent(left, right), root);
        (bytes32 low, bytes32 high) = left < right ? (left, right) : (right, left);
        bytes32[] memory none = new bytes32[](0);
        vm.expectRevert(I.InvalidProof.selector);
        distributor.claim(address(uint160(uint256(low))), uint256(high), root, none);
    }

    function test_ADuplicateLeafPaysOnceAloneAndInABatch() external {
        entries[1] = entries[0];
        bytes32 root = _publishEntries(1);
        (Entry[] memory run, uint256 position, bytes32[] memory proof) = Tree.range(entries, 0, 2);
        vm.assertEq(distributor.claimMany(run, position, root, proof), entries[0].cumulative);
        proof = Tree.proof(entries, 1);
        vm.expectRevert(abi.encodeWithSelector(I.NothingToClaim.selector, entries[0].account));
        distributor.claim(entries[0].account, entries[0].cumulative, root, proof);
        vm.assertEq(token.balanceOf(entries[0].account), entries[0].cumulative);
    }

    function testFuzz_DustLeavesCostNobodyAnything(uint8 dust) external {
        vm.assume(dust > 0);
        entries[2] = Entry(entries[2].account, dust);
        _publishEntries(1);
        vm.assertEq(_claim(2), dust);
        for (uint256 i = 0; i < 4; ++i) {
            if (i != 2) _claim(i);
        }
        vm.assertEq(token.balanceOf(address(distributor)), 0);
    }

    function test_ASumThatReachesTheFlagBitIsRefused() external {
        entries[1] = Entry(THIEF, uint256(1) << 255);
        token.mintEmission(1);
        _submit(1, Tree.root(entries), 1 ether);
        vm.warp(block.timestamp + VETO_SECONDS);
        distributor.activate();
        bytes32[] memory proof = Tree.proof(entries, 1);
        vm.expectRevert(I.InvalidProof.selector);
        distributor.claim(THIEF, uint256(1) << 255, Tree.root(entries), proof);
    }
}
