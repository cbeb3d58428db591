// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IActionCredits as I, SettlementHeader} from "../../src/interfaces/IActionCredits.sol";
import {Tree} from "../support/Tree.sol";
import {vm} from "../support/Vm.sol";
import {Credits} from "../credits/Credits.sol";

/// @notice Ways to use an automation and have the money back, and to take what others put in.
contract CreditsAttacksTest is Credits {
    function setUp() public override {
        super.setUp();
        _deposit(ann, 10 ether);
        _deposit(bob, 5 ether);
    }

    /// @dev Use, ask, and withdraw under the settlement of the time before: the refund race.
    function test_ARefundCannotOvertakeTheSettlementOfWhatWasUsed() external {
        bytes32 before = _settle(1, 0, 0);
        bytes32[] memory proof = Tree.proof(entries, 0);
        uint64 at = uint64(block.timestamp);
        _request(ann); // having used 10 LAM a moment ago
        vm.warp(at + WITHDRAWAL_SECONDS);
        vm.expectRevert(abi.encodeWithSelector(I.NotSettled.selector, START, at + SETTLEMENT_SECONDS));
        vm.prank(ann);
        credits.withdraw(0, before, proof);
        _settle(2, 10 ether, 0);
        vm.expectRevert(abi.encodeWithSelector(I.RootMismatch.selector, Tree.root(entries)));
        vm.prank(ann);
        credits.withdraw(0, before, proof);
        vm.expectRevert(abi.encodeWithSelector(I.NothingToWithdraw.selector, ann));
        _withdraw(ann);
    }

    /// @dev The same while the settlement of what was used waits for anybody's call, as late as one may leave.
    function test_ALateRefundCannotOvertakeASettlementThatWaitsForACall() external {
        _request(ann);
        vm.warp(START + SETTLEMENT_SECONDS - 1);
        _submitSettlement(_settlement(1, _spent(10 ether, 0), 10 ether));
        vm.warp(START + EXIT_SECONDS);
        vm.expectRevert(abi.encodeWithSelector(I.NotSettled.selector, uint64(0), START + SETTLEMENT_SECONDS));
        _withdrawWithoutLeaf(ann, 0);
    }

    /// @dev A request that was covered long ago must not serve for what is used after it was taken back.
    function test_AnOldRequestCannotBeKeptForLater() external {
        _request(ann);
        vm.warp(START + SETTLEMENT_SECONDS);
        bytes32 root = _settle(1, 0, 0);
        bytes32[] memory proof = Tree.proof(entries, 0);
        vm.warp(START + WITHDRAWAL_SECONDS);
        vm.startPrank(ann);
        credits.cancelWithdrawal();
        credits.requestWithdrawal(); // having used again in between
        vm.expectRevert(abi.encodeWithSelector(I.TooEarly.selector, START + 2 * uint256(WITHDRAWAL_SECONDS)));
        credits.withdraw(0, root, proof);
        vm.stopPrank();
    }

    /// @dev Nobody can make another's account look older or younger, or end its request, by a deposit.
    function test_ADepositOfDustChangesNoRequest() external {
        _request(ann);
        vm.warp(START + 5);
        vm.prank(bob);
        credits.deposit(ann, 1);
        vm.assertEq(credits.creditOf(ann).requestedAt, START);
        vm.assertEq(credits.creditOf(ann).firstDepositAt, START);
    }

    function test_NobodyIsPaidTwiceForOneDeposit() external {
        _request(ann);
        vm.warp(START + SETTLEMENT_SECONDS);
        _settle(1, 4 ether, 0);
        vm.warp(START + WITHDRAWAL_SECONDS);
        _withdraw(ann);
        vm.expectRevert(abi.encodeWithSelector(I.NotRequested.selector, ann));
        _withdraw(ann);
        _request(ann);
        vm.warp(block.timestamp + EXIT_SECONDS);
        vm.expectRevert(abi.encodeWithSelector(I.NothingToWithdraw.selector, ann));
        _withdraw(ann);
    }

    /// @dev A settlement that waits is paid although everybody leaves who can.
    function test_WhoLeavesTakesNothingFromASettlementUnderVeto() external {
        _request(bob);
        vm.warp(START + SETTLEMENT_SECONDS);
        _settle(1, 4 ether, 0);
        vm.warp(START + WITHDRAWAL_SECONDS);
        _submitSettlement(_settlement(2, keccak256("all of Ann's"), 10 ether));
        vm.assertEq(_withdraw(bob), 5 ether);
        vm.warp(block.timestamp + VETO_SECONDS);
        credits.activate();
        vm.assertEq(token.balanceOf(address(credits)), 0);
    }

    /// @dev A publisher who settles small steps of the past does not keep anybody in.
    function test_SettlementsThatNeverCatchUpKeepNobodyIn() external {
        _request(ann);
        vm.warp(START + 20);
        for (uint64 i = 1; i < 14; ++i) {
            SettlementHeader memory header = _settlement(i, _spent(1 ether, 0), 1 ether);
            header.coveredUntil = START + i;
            _submitSettlement(header);
            vm.warp(block.timestamp + VETO_SECONDS);
            credits.activate();
        }
        vm.warp(START + EXIT_SECONDS);
        vm.assertEq(_withdraw(ann), 9 ether);
    }

    /// @dev An inner node shown as a leaf: leaves are hashed twice.
    function test_AnInnerNodeIsNoLeaf() external {
        _request(ann);
        vm.warp(START + SETTLEMENT_SECONDS);
        bytes32 root = _settle(1, 4 ether, 1 ether);
        vm.warp(START + WITHDRAWAL_SECONDS);
        bytes32[] memory none = new bytes32[](0);
        vm.expectRevert(I.InvalidProof.selector);
        vm.prank(ann);
        credits.withdraw(0, root, none);
    }
}
