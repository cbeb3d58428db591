// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IRewardsDistributor as I} from "../../src/interfaces/IRewardsDistributor.sol";
import {Deployed} from "../support/Deployed.sol";
import {Tree} from "../support/Tree.sol";
import {vm} from "../support/Vm.sol";

contract PauseTest is Deployed {
    bytes32 internal root;
    uint64 internal pauseSeconds;

    function setUp() public override {
        super.setUp();
        pauseSeconds = distributor.PAUSE_SECONDS();
        vm.assertEq(pauseSeconds, 7 days);
        _fill(3, 1);
        root = _publishEntries(1);
    }

    function _pause() private {
        vm.prank(guardian);
        distributor.pause();
    }

    function test_RevertWhen_TheCallerIsNotTheGuardianInForce() external {
        vm.expectRevert(abi.encodeWithSelector(I.NotGuardian.selector, stranger));
        vm.prank(stranger);
        distributor.pause();
        vm.warp(START + 365 days + 1);
        vm.expectRevert(abi.encodeWithSelector(I.NotGuardian.selector, guardian));
        _pause();
    }

    function test_RevertWhen_ClaimsArePaused() external {
        _pause();
        vm.expectRevert(I.ClaimsPaused.selector);
        _pause();
    }

    function test_RevertWhen_TheLastPauseEndedLately() external {
        _pause();
        vm.prank(guardian);
        distributor.resume();
        uint256 earliest = block.timestamp + pauseSeconds;
        vm.warp(earliest - 1);
        vm.expectRevert(abi.encodeWithSelector(I.TooEarly.selector, earliest));
        _pause();
        vm.warp(earliest);
        _pause();
    }

    function test_ItStopsEveryClaim() external {
        vm.expectEmit(true, true, true, true, address(distributor));
        emit I.Paused(guardian, uint64(block.timestamp) + pauseSeconds);
        _pause();
        bytes32[] memory proof = Tree.proof(entries, 0);
        vm.expectRevert(abi.encodeWithSelector(I.RootMismatch.selector, bytes32(0)));
        distributor.claim(entries[0].account, entries[0].cumulative, root, proof);
    }

    function test_RevertWhen_ClaimsAreNotPaused() external {
        vm.expectRevert(I.NotPaused.selector);
        vm.prank(guardian);
        distributor.resume();
    }

    function test_RevertWhen_ThePauseIsYoungAndTheCallerIsNotTheGuardian() external {
        _pause();
        vm.warp(block.timestamp + pauseSeconds - 1);
        vm.expectRevert(abi.encodeWithSelector(I.TooEarly.selector, block.timestamp + 1));
        vm.prank(stranger);
        distributor.resume();
    }

    function test_ItPaysAgainForTheGuardiansCall() external {
        _pause();
        vm.prank(guardian);
        distributor.resume();
        vm.assertEq(distributor.activeRoot(), root);
        vm.assertEq(distributor.pausedRoot(), bytes32(0));
        _claim(0);
    }

    function test_ItPaysAgainForAnyonesCallAfterTheFixedTime() external {
        _pause();
        vm.warp(block.timestamp + pauseSeconds);
        vm.expectEmit(true, true, true, true, address(distributor));
        emit I.Resumed(stranger);
        vm.prank(stranger);
        distributor.resume();
        _claim(0);
    }

    function test_ARootVetoedDuringAPauseIsGone() external {
        vm.warp(token.startOf(2));
        token.mintEmission(2);
        _submit(2, keccak256("bad"), _total() + 1);
        _pause();
        vm.prank(guardian);
        distributor.veto(2);
        vm.prank(guardian);
        distributor.resume();
        vm.assertEq(distributor.activeRoot(), root);
    }
}
