// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IActionCredits as I, CreditAccount, SettlementHeader} from "../../src/interfaces/IActionCredits.sol";
import {Tree} from "../support/Tree.sol";
import {vm} from "../support/Vm.sol";
import {Credits} from "./Credits.sol";

contract RequestTest is Credits {
    function test_ItKeepsTheTimeOfTheRequest() external {
        vm.expectEmit(true, true, true, true, address(credits));
        emit I.WithdrawalRequested(ann, START + WITHDRAWAL_SECONDS);
        _request(ann);
        vm.assertEq(credits.creditOf(ann).requestedAt, START);
        vm.assertEq(credits.creditOf(bob).requestedAt, 0);
    }

    function test_RevertWhen_TheCallerHasAskedAlready() external {
        _request(ann);
        vm.warp(START + 5);
        vm.expectRevert(abi.encodeWithSelector(I.AlreadyRequested.selector, START));
        _request(ann);
    }

    function test_CancellingForgetsTheRequest() external {
        _request(ann);
        vm.expectEmit(true, true, true, true, address(credits));
        emit I.WithdrawalCancelled(ann);
        vm.prank(ann);
        credits.cancelWithdrawal();
        vm.assertEq(credits.creditOf(ann).requestedAt, 0);
        vm.warp(START + 5);
        _request(ann);
        vm.assertEq(credits.creditOf(ann).requestedAt, START + 5);
    }

    function test_RevertWhen_ThereIsNothingToCancel() external {
        vm.expectRevert(abi.encodeWithSelector(I.NotRequested.selector, ann));
        vm.prank(ann);
        credits.cancelWithdrawal();
    }
}

contract WithdrawTest is Credits {
    function setUp() public override {
        super.setUp();
        _deposit(ann, 10 ether);
        _deposit(bob, 5 ether);
    }

    /// @dev Ann asks, and a settlement covers what she could use until then.
    function _ready(uint256 byAnn, uint256 byBob) private returns (bytes32 root) {
        _request(ann);
        vm.warp(START + SETTLEMENT_SECONDS);
        root = _settle(1, byAnn, byBob);
        vm.warp(START + WITHDRAWAL_SECONDS);
    }

    function test_RevertWhen_TheCallerHasNotAsked() external {
        _ready(4 ether, 1 ether);
        vm.expectRevert(abi.encodeWithSelector(I.NotRequested.selector, bob));
        _withdraw(bob);
    }

    function test_RevertWhen_TheDelayIsNotOver() external {
        _ready(4 ether, 1 ether);
        vm.warp(START + WITHDRAWAL_SECONDS - 1);
        vm.expectRevert(abi.encodeWithSelector(I.TooEarly.selector, START + WITHDRAWAL_SECONDS));
        _withdraw(ann);
    }

    function test_RevertWhen_TheSettlementEndsBeforeReservationsDo() external {
        _request(ann);
        vm.warp(START + SETTLEMENT_SECONDS - 1);
        _settle(1, 4 ether, 1 ether);
        vm.warp(START + EXIT_SECONDS - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                I.NotSettled.selector, START + SETTLEMENT_SECONDS - 1, START + SETTLEMENT_SECONDS
            )
        );
        _withdraw(ann);
    }

    function test_RevertWhen_ASettlementThatCoversWaitsAtTheTimeToExit() external {
        _request(ann);
        vm.warp(START + EXIT_SECONDS);
        _submitSettlement(_settlement(1, _spent(4 ether, 0), 4 ether));
        bytes memory error =
            abi.encodeWithSelector(I.NotSettled.selector, uint64(0), START + SETTLEMENT_SECONDS);
        vm.expectRevert(error);
        _withdrawWithoutLeaf(ann, 0);
        vm.prank(guardian);
        credits.veto(1);
        vm.assertEq(_withdrawWithoutLeaf(ann, 0), 10 ether);
    }

    function test_RevertWhen_ASettlementThatJustCoversWaitsAtTheTimeToExit() external {
        _request(ann);
        vm.warp(START + EXIT_SECONDS);
        SettlementHeader memory header = _settlement(1, _spent(1 ether, 0), 1 ether);
        header.coveredUntil = START + SETTLEMENT_SECONDS;
        _submitSettlement(header);
        vm.expectRevert(abi.encodeWithSelector(I.NotSettled.selector, uint64(0), START + SETTLEMENT_SECONDS));
        _withdrawWithoutLeaf(ann, 0);
    }

    function test_ASettlementThatDoesNotCoverDoesNotKeepFromExit() external {
        _request(ann);
        vm.warp(START + EXIT_SECONDS);
        SettlementHeader memory header = _settlement(1, _spent(1 ether, 0), 1 ether);
        header.coveredUntil = START + SETTLEMENT_SECONDS - 1;
        _submitSettlement(header);
        vm.assertEq(_withdrawWithoutLeaf(ann, 0), 10 ether);
    }

    /// @dev What it counts as spent would leave, and be missing for others.
    function test_RevertWhen_ASettlementThatDoesNotCoverCouldBeActivatedAtTheTimeToExit() external {
        _request(ann);
        vm.warp(START + EXIT_SECONDS);
        SettlementHeader memory header = _settlement(1, _spent(10 ether, 0), 10 ether);
        header.coveredUntil = START + SETTLEMENT_SECONDS - 1;
        _submitSettlement(header);
        vm.warp(START + EXIT_SECONDS + VETO_SECONDS);
        bytes memory error =
            abi.encodeWithSelector(I.NotSettled.selector, uint64(0), START + SETTLEMENT_SECONDS);
        vm.expectRevert(error);
        _withdrawWithoutLeaf(ann, 0);
        credits.activate();
        vm.expectRevert(abi.encodeWithSelector(I.NothingToWithdraw.selector, ann));
        _withdraw(ann);
    }

    function test_ItPaysUnderTheLastOneWhenNoneComes() external {
        bytes32 root = _settle(1, 4 ether, 1 ether);
        _request(ann);
        uint256 at = block.timestamp;
        vm.warp(at + EXIT_SECONDS - 1);
        vm.expectRevert(abi.encodeWithSelector(I.NotSettled.selector, START, uint64(at) + SETTLEMENT_SECONDS));
        _withdraw(ann);
        vm.warp(at + EXIT_SECONDS);
        vm.assertEq(_withdraw(ann), 6 ether);
        vm.assertEq(credits.activeSettlement().root, root);
    }

    function test_ItPaysAllIfThereNeverWasOne() external {
        _request(ann);
        vm.warp(START + EXIT_SECONDS);
        vm.assertEq(_withdrawWithoutLeaf(ann, 0), 10 ether);
        vm.assertEq(token.balanceOf(ann), 1000 ether);
    }

    function testFuzz_RevertWhen_TheExpectedRootIsAnother(bytes32 expected) external {
        bytes32 root = _ready(4 ether, 1 ether);
        vm.assume(expected != root);
        bytes32[] memory proof = Tree.proof(entries, 0);
        vm.expectRevert(abi.encodeWithSelector(I.RootMismatch.selector, root));
        vm.prank(ann);
        credits.withdraw(4 ether, expected, proof);
    }

    function testFuzz_RevertWhen_TheLeafIsAnother(uint256 spent) external {
        vm.assume(spent != 4 ether);
        bytes32 root = _ready(4 ether, 1 ether);
        bytes32[] memory proof = Tree.proof(entries, 0);
        vm.expectRevert(I.InvalidProof.selector);
        vm.prank(ann);
        credits.withdraw(spent, root, proof);
    }

    /// @dev Bob's leaf says less than Ann's.
    function test_RevertWhen_TheLeafIsOfAnotherAccount() external {
        bytes32 root = _ready(4 ether, 1 ether);
        bytes32[] memory proof = Tree.proof(entries, 1);
        vm.expectRevert(I.InvalidProof.selector);
        vm.prank(ann);
        credits.withdraw(1 ether, root, proof);
    }

    function test_RevertWhen_AnOldAccountShowsNoLeaf() external {
        bytes32 root = _ready(4 ether, 1 ether);
        vm.expectRevert(I.InvalidProof.selector);
        _withdrawWithoutLeaf(ann, root);
    }

    /// @dev The second of the deposit is covered: the account has a leaf.
    function test_RevertWhen_AnAccountOfTheCoveredSecondShowsNoLeaf() external {
        _request(ann);
        vm.warp(START + SETTLEMENT_SECONDS);
        address carl = address(0xCA21);
        _give(carl, 3 ether);
        _deposit(carl, 3 ether);
        bytes32 root = _settle(1, 4 ether, 0);
        _request(carl);
        vm.warp(block.timestamp + EXIT_SECONDS);
        vm.expectRevert(I.InvalidProof.selector);
        _withdrawWithoutLeaf(carl, root);
    }

    function test_AnAccountYoungerThanTheSettlementHasSpentNothing() external {
        bytes32 root = _settle(1, 4 ether, 1 ether);
        address carl = address(0xCA21);
        _give(carl, 3 ether);
        vm.warp(START + VETO_SECONDS + 1);
        _deposit(carl, 3 ether);
        _request(carl);
        vm.warp(block.timestamp + EXIT_SECONDS);
        vm.expectRevert(I.InvalidProof.selector);
        vm.prank(carl);
        credits.withdraw(1, root, new bytes32[](0));
        vm.assertEq(_withdrawWithoutLeaf(carl, root), 3 ether);
        vm.assertEq(token.balanceOf(carl), 3 ether);
    }

    function test_RevertWhen_EverythingWasSpent() external {
        _ready(10 ether, 0);
        vm.expectRevert(abi.encodeWithSelector(I.NothingToWithdraw.selector, ann));
        _withdraw(ann);
    }

    /// @dev A settlement under veto that counts more of others than they have left.
    function test_RevertWhen_ASettlementUnderVetoNeedsTheLam() external {
        bytes32 root = _ready(4 ether, 1 ether);
        bytes32[] memory proof = Tree.proof(entries, 0);
        _submitSettlement(_settlement(2, keccak256("more"), 12 ether));
        vm.expectRevert(abi.encodeWithSelector(I.Underfunded.selector, 6 ether, 3 ether));
        vm.prank(ann);
        credits.withdraw(4 ether, root, proof);
        vm.prank(guardian);
        credits.veto(2);
        vm.prank(ann);
        vm.assertEq(credits.withdraw(4 ether, root, proof), 6 ether);
    }

    /// @dev What was taken back before is not there any more.
    function test_RevertWhen_TheLamWasTakenBackByOthers() external {
        _ready(4 ether, 1 ether);
        _withdraw(ann);
        _request(bob);
        vm.warp(block.timestamp + SETTLEMENT_SECONDS);
        bytes32 root = _settle(2, 4 ether, 1 ether);
        vm.warp(block.timestamp + WITHDRAWAL_SECONDS);
        bytes32[] memory proof = Tree.proof(entries, 1);
        _submitSettlement(_settlement(3, keccak256("more"), 9 ether));
        vm.expectRevert(abi.encodeWithSelector(I.Underfunded.selector, 4 ether, 0));
        vm.prank(bob);
        credits.withdraw(1 ether, root, proof);
    }

    /// @dev Its total counts more as spent than its leaves do.
    function test_RevertWhen_TheSettlementInForceNeedsTheLam() external {
        _request(ann);
        vm.warp(START + SETTLEMENT_SECONDS);
        _submitSettlement(_settlement(1, _spent(4 ether, 1 ether), 12 ether));
        vm.warp(block.timestamp + VETO_SECONDS);
        credits.activate();
        vm.warp(START + WITHDRAWAL_SECONDS);
        vm.expectRevert(abi.encodeWithSelector(I.Underfunded.selector, 6 ether, 3 ether));
        _withdraw(ann);
    }

    /// @dev All that is free may go: the settlement under veto counts what Bob spent and no more.
    function test_ASettlementUnderVetoThatLeavesEnoughIsNoObstacle() external {
        bytes32 root = _ready(4 ether, 1 ether);
        bytes32[] memory proof = Tree.proof(entries, 0);
        _submitSettlement(_settlement(2, _spent(4 ether, 5 ether), 9 ether));
        vm.prank(ann);
        vm.assertEq(credits.withdraw(4 ether, root, proof), 6 ether);
        vm.warp(block.timestamp + VETO_SECONDS);
        credits.activate();
        vm.assertEq(token.balanceOf(address(credits)), 0);
    }

    function testFuzz_ItPaysWhatWasNotSpent(uint64 spent) external {
        _ready(spent % 10 ether, 1 ether);
        spent = uint64(spent % 10 ether);
        uint256 left = 10 ether - spent;
        vm.expectEmit(true, true, true, true, address(credits));
        emit I.Withdrawn(ann, left, spent);
        vm.assertEq(_withdraw(ann), left);
        vm.assertEq(token.balanceOf(ann), 990 ether + left);
        vm.assertEq(credits.totalWithdrawn(), left);
        CreditAccount memory credit = credits.creditOf(ann);
        vm.assertEq(credit.deposited, 10 ether);
        vm.assertEq(credit.withdrawn, left);
        vm.assertEq(credit.spent, spent);
        vm.assertEq(credit.requestedAt, 0);
        vm.assertEq(credit.firstDepositAt, START);
    }

    function test_ItCountsWhatWasTakenBackBefore() external {
        _ready(4 ether, 1 ether);
        _withdraw(ann);
        _deposit(ann, 3 ether);
        _request(ann);
        vm.warp(block.timestamp + SETTLEMENT_SECONDS);
        _settle(2, 5 ether, 1 ether);
        vm.warp(block.timestamp + WITHDRAWAL_SECONDS);
        vm.assertEq(_withdraw(ann), 2 ether);
        vm.assertEq(credits.creditOf(ann).withdrawn, 8 ether);
        vm.assertEq(credits.creditOf(ann).spent, 5 ether);
        vm.assertEq(credits.totalWithdrawn(), 8 ether);
    }

    /// @dev A later root that forgets what an account spent gives it nothing back.
    function test_ItNeverCountsLessAsSpentThanBefore() external {
        _ready(4 ether, 1 ether);
        _withdraw(ann);
        _request(ann);
        vm.warp(block.timestamp + SETTLEMENT_SECONDS);
        _settle(2, 0, 5 ether);
        vm.warp(block.timestamp + WITHDRAWAL_SECONDS);
        vm.expectRevert(abi.encodeWithSelector(I.NothingToWithdraw.selector, ann));
        _withdraw(ann);
    }
}
