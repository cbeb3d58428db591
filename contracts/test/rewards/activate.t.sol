// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IRewardsDistributor as I} from "../../src/interfaces/IRewardsDistributor.sol";
import {IRewardsVault} from "../../src/interfaces/IRewardsVault.sol";
import {Deployed} from "../support/Deployed.sol";
import {vm} from "../support/Vm.sol";

contract ActivateTest is Deployed {
    bytes32 internal constant ROOT = keccak256("root");

    function setUp() public override {
        super.setUp();
        token.mintEmission(1);
    }

    function test_RevertWhen_NoRootIsPending() external {
        vm.expectRevert(I.NoRootPending.selector);
        distributor.activate();
    }

    function testFuzz_RevertWhen_TheVetoWindowIsOpen(uint64 wait) external {
        wait = wait % VETO_SECONDS;
        _submit(1, ROOT, 1 ether);
        vm.warp(START + wait);
        vm.expectRevert(abi.encodeWithSelector(I.VetoWindowOpen.selector, START + VETO_SECONDS));
        distributor.activate();
    }

    function test_RevertWhen_ClaimsArePaused() external {
        _submit(1, ROOT, 1 ether);
        vm.prank(guardian);
        distributor.pause();
        vm.warp(START + VETO_SECONDS);
        vm.expectRevert(I.ClaimsPaused.selector);
        distributor.activate();
    }

    function test_ItPutsTheRootInForceForAnyonesCall() external {
        _submit(1, ROOT, 1 ether);
        vm.warp(START + VETO_SECONDS);
        vm.expectEmit(true, true, true, true, address(distributor));
        emit I.RootActivated(1, ROOT);
        vm.expectEmit(true, true, true, true, address(vault));
        emit IRewardsVault.Released(1 ether);
        vm.prank(stranger);
        distributor.activate();
        vm.assertEq(distributor.activeRoot(), ROOT);
        vm.assertEq(distributor.activeTotal(), 1 ether);
        vm.assertEq(distributor.activeSourceTotals()[0], 1 ether);
        vm.assertEq(distributor.activeEpoch(), 1);
        vm.assertEq(distributor.activatedRoot(1).root, ROOT);
        vm.assertEq(distributor.activatedRoot(1).activatedAt, START + VETO_SECONDS);
    }

    function testFuzz_ItMovesExactlyTheEscrow(uint64 total) external {
        _submit(1, ROOT, total);
        vm.warp(START + VETO_SECONDS);
        distributor.activate();
        vm.assertEq(token.balanceOf(address(distributor)), total);
        vm.assertEq(vault.released(), total);
        vm.assertEq(vault.escrowed(), 0);
    }
}

contract VetoTest is Deployed {
    bytes32 internal constant ROOT = keccak256("root");

    function setUp() public override {
        super.setUp();
        token.mintEmission(1);
    }

    function test_RevertWhen_TheCallerIsNotTheGuardianInForce() external {
        _submit(1, ROOT, 1 ether);
        vm.expectRevert(abi.encodeWithSelector(I.NotGuardian.selector, publisher));
        vm.prank(publisher);
        distributor.veto(1);
        vm.warp(START + 365 days + 1);
        vm.expectRevert(abi.encodeWithSelector(I.NotGuardian.selector, guardian));
        vm.prank(guardian);
        distributor.veto(1);
    }

    function test_RevertWhen_NoRootIsPending() external {
        vm.expectRevert(I.NoRootPending.selector);
        vm.prank(guardian);
        distributor.veto(1);
    }

    function test_RevertWhen_TheEpochIsAnother() external {
        _submit(1, ROOT, 1 ether);
        vm.expectRevert(abi.encodeWithSelector(I.WrongEpoch.selector, uint64(1), uint64(2)));
        vm.prank(guardian);
        distributor.veto(2);
    }

    function test_RevertWhen_TheWindowHasClosed() external {
        _submit(1, ROOT, 1 ether);
        vm.warp(START + VETO_SECONDS);
        vm.expectRevert(abi.encodeWithSelector(I.VetoWindowClosed.selector, START + VETO_SECONDS));
        vm.prank(guardian);
        distributor.veto(1);
    }

    function test_ItFreesTheEscrowAndLeavesTheActiveRoot() external {
        _submit(1, ROOT, 1 ether);
        vm.warp(START + VETO_SECONDS);
        distributor.activate();
        _submit(2, keccak256("bad"), 3 ether);
        vm.expectEmit(true, true, true, true, address(distributor));
        emit I.RootVetoed(2, keccak256("bad"), guardian);
        vm.expectEmit(true, true, true, true, address(vault));
        emit IRewardsVault.Refunded(2 ether);
        vm.prank(guardian);
        distributor.veto(2);
        vm.assertEq(vault.escrowed(), 0);
        vm.assertEq(distributor.activeRoot(), ROOT);
        vm.assertEq(distributor.activeTotal(), 1 ether);
        vm.assertEq(token.balanceOf(address(distributor)), 1 ether);
    }

    function test_ItLetsTheEpochBeSubmittedAnew() external {
        _submit(1, keccak256("bad"), 3 ether);
        vm.prank(guardian);
        distributor.veto(1);
        _submit(1, ROOT, 1 ether);
        vm.warp(START + VETO_SECONDS);
        distributor.activate();
        vm.assertEq(distributor.activeRoot(), ROOT);
        vm.assertEq(vault.released(), 1 ether);
    }
}
