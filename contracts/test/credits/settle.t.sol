// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IActionCredits as I, SettlementHeader} from "../../src/interfaces/IActionCredits.sol";
import {Source} from "../../src/interfaces/IRewardsVault.sol";
import {vm} from "../support/Vm.sol";
import {Credits} from "./Credits.sol";

abstract contract Settling is Credits {
    function setUp() public override {
        super.setUp();
        _deposit(ann, 60 ether);
        _deposit(bob, 40 ether);
    }

    function _refused(SettlementHeader memory header, bytes memory error) internal {
        vm.expectRevert(error);
        _submitSettlement(header);
    }

    function _first() internal returns (SettlementHeader memory) {
        return _settlement(1, _spent(30 ether, 20 ether), 50 ether);
    }
}

contract SubmitSettlementTest is Settling {
    function test_RevertWhen_TheCallerIsNotThePublisherInForce() external {
        SettlementHeader memory header = _first();
        vm.expectRevert(abi.encodeWithSelector(I.NotPublisher.selector, stranger));
        vm.prank(stranger);
        credits.submitSettlement(header);
        vm.warp(START + 730 days + 1);
        _refused(_first(), abi.encodeWithSelector(I.NotPublisher.selector, publisher));
    }

    function test_RevertWhen_ASettlementIsPending() external {
        _submitSettlement(_first());
        _refused(_first(), abi.encodeWithSelector(I.SettlementPending.selector, uint64(1)));
    }

    function testFuzz_RevertWhen_TheEpochIsNotTheNext(uint64 epoch) external {
        vm.assume(epoch != 1);
        SettlementHeader memory header = _first();
        header.epoch = epoch;
        _refused(header, abi.encodeWithSelector(I.WrongEpoch.selector, uint64(1), epoch));
    }

    function test_RevertWhen_TheRootIsEmpty() external {
        SettlementHeader memory header = _first();
        header.root = 0;
        _refused(header, abi.encodeWithSelector(I.EmptyRoot.selector));
    }

    function test_RevertWhen_ItCoversNoMoreThanTheLastOne() external {
        _settle(1, 1 ether, 0);
        SettlementHeader memory header = _settlement(2, keccak256("next"), 1 ether);
        header.coveredUntil = START;
        _refused(header, abi.encodeWithSelector(I.InvalidCoverage.selector, START));
        header.coveredUntil = START + 1;
        _submitSettlement(header);
    }

    function test_RevertWhen_ItCoversTimeThatHasNotPassed() external {
        SettlementHeader memory header = _first();
        header.coveredUntil = START + 1;
        _refused(header, abi.encodeWithSelector(I.InvalidCoverage.selector, START + 1));
    }

    function testFuzz_RevertWhen_ThePolicyWasNeverAdopted(bytes32 policyHash) external {
        vm.assume(policyHash != POLICY);
        SettlementHeader memory header = _first();
        header.policyHash = policyHash;
        _refused(header, abi.encodeWithSelector(I.PolicyNotAdopted.selector, policyHash));
    }

    function test_RevertWhen_AShareFalls() external {
        _settle(1, 30 ether, 20 ether);
        vm.warp(block.timestamp + 1);
        for (uint256 i = 0; i < 3; ++i) {
            SettlementHeader memory header = _settlement(2, keccak256("next"), 50 ether);
            if (i == 0) (header.creators, header.burned) = (header.creators - 1, header.burned + 1);
            if (i == 1) (header.burned, header.ecosystem) = (header.burned - 1, header.ecosystem + 1);
            if (i == 2) (header.ecosystem, header.creators) = (header.ecosystem - 1, header.creators + 1);
            _refused(header, abi.encodeWithSelector(I.InconsistentTotals.selector));
        }
    }

    function testFuzz_RevertWhen_TheSharesDoNotAddUp(uint256 ecosystem) external {
        SettlementHeader memory header = _first();
        vm.assume(ecosystem != header.ecosystem && ecosystem < 1 << 200);
        header.ecosystem = ecosystem;
        _refused(header, abi.encodeWithSelector(I.InconsistentTotals.selector));
    }

    function test_RevertWhen_MoreWasSpentThanIsThere() external {
        SettlementHeader memory header = _settlement(1, keccak256("more"), 100 ether + 1);
        _refused(header, abi.encodeWithSelector(I.Underfunded.selector, 100 ether + 1, 100 ether));
    }

    function test_WhatWasTakenBackCannotBeSpent() external {
        _request(bob);
        vm.warp(START + EXIT_SECONDS);
        _withdrawWithoutLeaf(bob, 0);
        SettlementHeader memory header = _settlement(1, keccak256("more"), 60 ether + 1);
        _refused(header, abi.encodeWithSelector(I.Underfunded.selector, 60 ether + 1, 60 ether));
    }

    function test_ItKeepsTheSettlementUntilTheVetoWindowCloses() external {
        SettlementHeader memory header = _first();
        vm.expectEmit(true, true, true, true, address(credits));
        emit I.SettlementSubmitted(
            1,
            header.root,
            START,
            50 ether,
            header.creators,
            header.burned,
            header.ecosystem,
            POLICY,
            header.bundleHash,
            START + VETO_SECONDS
        );
        _submitSettlement(header);
        _assertEq(credits.pendingSettlement(), header, START + VETO_SECONDS);
        vm.assertEq(credits.activeSettlement().root, 0);
    }

    function test_ItAllowsAllThatIsThereToBeSpent() external {
        _settle(1, 60 ether, 40 ether);
        vm.assertEq(token.balanceOf(address(credits)), 0);
    }
}

contract ActivateSettlementTest is Settling {
    function test_RevertWhen_NoSettlementIsPending() external {
        vm.expectRevert(I.NoSettlementPending.selector);
        credits.activate();
    }

    function testFuzz_RevertWhen_TheVetoWindowIsOpen(uint64 wait) external {
        _submitSettlement(_first());
        vm.warp(START + (wait % VETO_SECONDS));
        vm.expectRevert(abi.encodeWithSelector(I.VetoWindowOpen.selector, START + VETO_SECONDS));
        credits.activate();
    }

    function test_ItPaysTheSharesForAnyonesCall() external {
        SettlementHeader memory header = _first();
        _submitSettlement(header);
        vm.warp(START + VETO_SECONDS);
        uint256 supply = token.totalSupply();
        vm.expectEmit(true, true, true, true, address(credits));
        emit I.SettlementActivated(1, header.root, 16.5 ether, 17 ether, 16.5 ether);
        vm.prank(stranger);
        credits.activate();
        vm.assertEq(vault.funded(Source.Marketplace), 16.5 ether);
        vm.assertEq(supply - token.totalSupply(), 17 ether);
        vm.assertEq(token.balanceOf(address(timelock)), 16.5 ether);
        vm.assertEq(token.balanceOf(address(credits)), 50 ether);
        vm.assertEq(token.allowance(address(credits), address(vault)), 0);
        _assertEq(credits.activeSettlement(), header, START + VETO_SECONDS);
        vm.assertEq(credits.pendingSettlement().root, 0);
    }

    function test_ItPaysALaterSettlementsDifferences() external {
        _settle(1, 30 ether, 20 ether);
        SettlementHeader memory header = _settlement(2, keccak256("next"), 60 ether);
        // Rates of creators vary: this time they get all of it.
        (header.creators, header.burned, header.ecosystem) = (26.5 ether, 17 ether, 16.5 ether);
        _submitSettlement(header);
        vm.warp(block.timestamp + VETO_SECONDS);
        credits.activate();
        vm.assertEq(vault.funded(Source.Marketplace), 26.5 ether);
        vm.assertEq(token.balanceOf(address(timelock)), 16.5 ether);
        vm.assertEq(token.balanceOf(address(credits)), 40 ether);
    }
}

contract VetoSettlementTest is Settling {
    function test_RevertWhen_TheCallerIsNotTheGuardianInForce() external {
        _submitSettlement(_first());
        vm.expectRevert(abi.encodeWithSelector(I.NotGuardian.selector, publisher));
        vm.prank(publisher);
        credits.veto(1);
    }

    function test_RevertWhen_NothingIsPending() external {
        vm.expectRevert(I.NoSettlementPending.selector);
        vm.prank(guardian);
        credits.veto(1);
    }

    function test_RevertWhen_TheEpochIsAnotherOne() external {
        _submitSettlement(_first());
        vm.expectRevert(abi.encodeWithSelector(I.WrongEpoch.selector, uint64(1), uint64(2)));
        vm.prank(guardian);
        credits.veto(2);
    }

    function test_RevertWhen_TheWindowHasClosed() external {
        _submitSettlement(_first());
        vm.warp(START + VETO_SECONDS);
        vm.expectRevert(abi.encodeWithSelector(I.VetoWindowClosed.selector, START + VETO_SECONDS));
        vm.prank(guardian);
        credits.veto(1);
    }

    function test_ItDropsTheSettlementAndLetsTheEpochBeSubmittedAnew() external {
        _submitSettlement(_settlement(1, keccak256("bad"), 70 ether));
        vm.warp(START + VETO_SECONDS - 1);
        vm.expectEmit(true, true, true, true, address(credits));
        emit I.SettlementVetoed(1, keccak256("bad"), guardian);
        vm.prank(guardian);
        credits.veto(1);
        vm.assertEq(credits.pendingSettlement().spent, 0);
        vm.assertEq(token.balanceOf(address(credits)), 100 ether);
        _settle(1, 30 ether, 20 ether);
        vm.assertEq(credits.activeSettlement().epoch, 1);
    }
}
