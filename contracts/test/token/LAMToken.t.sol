// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ILAMToken, Allocation} from "../../src/interfaces/ILAMToken.sol";
import {LAMToken} from "../../src/LAMToken.sol";
import {Deployed} from "../support/Deployed.sol";
import {vm} from "../support/Vm.sol";

contract LAMTokenTest is Deployed {
    function test_RevertWhen_TheEpochHasNotBegun() external {
        uint256 start = token.startOf(2);
        vm.assertEq(start, START + EPOCH_SECONDS);
        vm.warp(start - 1);
        vm.expectRevert(abi.encodeWithSelector(ILAMToken.EpochNotStarted.selector, uint64(2), start));
        token.mintEmission(2);
        vm.warp(start);
        token.mintEmission(2);
    }

    function test_RevertWhen_TheEpochWasMinted() external {
        token.mintEmission(1);
        vm.expectRevert(abi.encodeWithSelector(ILAMToken.EmissionAlreadyMinted.selector, uint64(1)));
        token.mintEmission(1);
    }

    function test_RevertWhen_TheEpochIsZero() external {
        vm.expectRevert(abi.encodeWithSelector(ILAMToken.InvalidEpoch.selector, uint64(0)));
        token.mintEmission(0);
        vm.expectRevert(abi.encodeWithSelector(ILAMToken.InvalidEpoch.selector, uint64(0)));
        token.startOf(0);
    }

    function test_ItMintsTheSchedulesAmountForAnyonesCall() external {
        uint256 amount = token.emission(1);
        vm.expectEmit(true, true, true, true, address(token));
        emit ILAMToken.EmissionMinted(1, amount);
        vm.prank(stranger);
        token.mintEmission(1);
        vm.assertEq(token.balanceOf(address(vault)), amount);
        vm.assertEq(token.totalSupply(), amount);
        vm.assertEq(token.totalEmission(), amount);
        vm.assertTrue(token.emissionMinted(1));
    }

    function test_EmissionsAddUp() external {
        token.mintEmission(1);
        vm.warp(token.startOf(2));
        token.mintEmission(2);
        vm.assertEq(token.totalEmission(), token.emission(1) + token.emission(2));
        vm.assertEq(token.totalMinted(), token.totalEmission());
    }

    function testFuzz_ItHalvesEvery104Epochs(uint16 epoch) external view {
        vm.assume(epoch > 0);
        vm.assertEq(token.emission(uint64(epoch) + 104), token.emission(epoch) / 2);
    }

    function test_FirstEmissionIsAboutOnePointSevenMillion() external view {
        vm.assertEq(token.CAP(), 1_000_000_000 ether);
        vm.assertEq(token.COMMUNITY_ALLOCATION(), 350_000_000 ether);
        vm.assertEq(token.emission(1) / 1 ether, 1_682_692);
        vm.assertEq(token.emission(104), token.emission(1));
    }

    function test_ItNeverAddsUpToMoreThanTheCommunityAllocation() external view {
        uint256 sum;
        for (uint64 period = 0; period < 82; ++period) {
            sum += token.emission(period * 104 + 1) * 104;
        }
        vm.assertEq(token.emission(82 * 104 + 1), 0);
        vm.assertLe(sum, token.COMMUNITY_ALLOCATION());
        vm.assertGt(sum, token.COMMUNITY_ALLOCATION() - 1 ether);
    }

    function test_AVeryLateEpochGivesNothing() external view {
        vm.assertEq(token.emission(type(uint64).max), 0);
    }

    function test_RevertWhen_TheCallerDoesNotHoldTheRewardPolicy() external {
        vm.expectRevert(abi.encodeWithSelector(ILAMToken.NotPolicyHolder.selector, publisher));
        vm.prank(publisher);
        token.limitEmission(2, 1);
    }

    function _limit(uint64 epoch, uint192 limitWei, bool refused) private {
        bytes memory error =
            abi.encodeWithSelector(ILAMToken.InvalidEmissionLimit.selector, epoch, uint256(limitWei));
        if (refused) vm.expectRevert(error);
        vm.prank(address(timelock));
        token.limitEmission(epoch, limitWei);
    }

    function test_RevertWhen_TheEpochHasBegun() external {
        _limit(1, 1, true);
        vm.warp(START + EPOCH_SECONDS);
        _limit(2, 1, true);
        _limit(3, 1, false);
    }

    function testFuzz_RevertWhen_ItWouldRaiseTheEmission(uint192 limitWei) external {
        vm.assume(limitWei >= 7 ether);
        _limit(2, 7 ether, false);
        _limit(3, limitWei, true);
    }

    function test_RevertWhen_ItIsBeforeAnEarlierLimit() external {
        _limit(5, 7 ether, false);
        _limit(5, 6 ether, true);
        _limit(4, 6 ether, true);
    }

    function test_ItBoundsEpochsToComeAndNoOther() external {
        uint256 scheduled = token.emission(1);
        vm.expectEmit(true, true, true, true, address(token));
        emit ILAMToken.EmissionLimited(3, 7 ether);
        _limit(3, 7 ether, false);
        _limit(4, 7 ether, true);
        _limit(5, 2 ether, false);
        vm.assertEq(token.emission(2), scheduled);
        vm.assertEq(token.emission(3), 7 ether);
        vm.assertEq(token.emission(4), 7 ether);
        vm.assertEq(token.emission(5), 2 ether);
        vm.assertEq(token.emission(104 * 70), token.FIRST_EMISSION() >> 69);
        vm.assertEq(token.emissionLimits().length, 2);
    }

    function testFuzz_BurningMakesNoRoomUnderTheCap(uint64 amount) external {
        token.mintEmission(1);
        uint256 minted = token.totalMinted();
        vm.prank(address(vault));
        token.burn(amount);
        vm.assertEq(token.totalSupply(), minted - amount);
        vm.assertEq(token.totalMinted(), minted);
        vm.assertEq(token.totalEmission(), minted);
    }

    function testFuzz_RevertWhen_AllocationsLeaveNoRoomForTheSchedule(uint96 excess) external {
        uint256 room = token.CAP() - token.COMMUNITY_ALLOCATION();
        Allocation[] memory allocations = new Allocation[](2);
        allocations[0] = Allocation(stranger, room - 1);
        allocations[1] = Allocation(publisher, 1);
        LAMToken full = LAMToken(this.make(EPOCH_SECONDS, allocations));
        vm.assertEq(full.balanceOf(stranger), room - 1);
        vm.assertEq(full.balanceOf(publisher), 1);
        allocations[1].amountWei = 2 + uint256(excess);
        vm.expectRevert(abi.encodeWithSelector(ILAMToken.CapExceeded.selector, room + 1 + excess));
        this.make(EPOCH_SECONDS, allocations);
    }

    function make(uint64 epochSeconds, Allocation[] memory allocations) external returns (address) {
        return _create("LAMToken", abi.encode(vault, distributor, handover, START, epochSeconds, allocations));
    }

    function test_RevertWhen_EpochsHaveNoLength() external {
        vm.expectRevert(abi.encodeWithSelector(ILAMToken.InvalidEpoch.selector, uint64(0)));
        this.make(0, new Allocation[](0));
    }

    function test_VotesAreCountedByUnixTime() external view {
        vm.assertEq(token.CLOCK_MODE(), "mode=timestamp");
        vm.assertEq(token.clock(), START);
        vm.assertEq(governor.CLOCK_MODE(), token.CLOCK_MODE());
        vm.assertEq(governor.clock(), START);
    }

    function testFuzz_RevertWhen_AnybodyElseDelegatesForAnAccount(address caller) external {
        vm.assume(caller != address(distributor));
        vm.expectRevert(abi.encodeWithSelector(ILAMToken.NotDistributor.selector, caller));
        vm.prank(caller);
        token.delegateFor(stranger, caller);
    }

    function test_TheDistributorDelegatesForAnAccount() external {
        vm.assertEq(token.DISTRIBUTOR(), address(distributor));
        vm.prank(address(distributor));
        token.delegateFor(stranger, publisher);
        vm.assertEq(token.delegates(stranger), publisher);
    }
}
