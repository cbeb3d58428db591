// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Entry, IRewardsDistributor as I} from "../../src/interfaces/IRewardsDistributor.sol";
import {Deployed} from "../support/Deployed.sol";
import {Tree} from "../support/Tree.sol";
import {Vm, vm} from "../support/Vm.sol";

contract ExpireTest is Deployed {
    Entry[] internal old;
    uint64 internal activatedAt;

    function setUp() public override {
        super.setUp();
        _fill(4, 1);
        _publishEntries(1);
        activatedAt = uint64(block.timestamp);
        old = entries;
        _fill(4, 3);
        _publishEntries(2);
    }

    function _authorise(uint64 epoch) private {
        vm.prank(address(timelock));
        distributor.expireThrough(epoch);
    }

    function _expire() private returns (uint256) {
        (Entry[] memory run, uint256 position, bytes32[] memory proof) = Tree.range(old, 0, 4);
        vm.prank(stranger);
        return distributor.expireMany(run, position, proof);
    }

    function test_RevertWhen_TheCallerIsNotTheTimelock() external {
        vm.warp(activatedAt + EXPIRY_SECONDS);
        vm.expectRevert(abi.encodeWithSelector(I.NotTimelock.selector, publisher));
        vm.prank(publisher);
        distributor.expireThrough(1);
    }

    function testFuzz_RevertWhen_NoRootOfTheEpochWasInForce(uint64 epoch) external {
        vm.assume(epoch == 0 || epoch > 2);
        vm.warp(activatedAt + 2 * EXPIRY_SECONDS);
        vm.expectRevert(abi.encodeWithSelector(I.NotExpirable.selector, epoch));
        _authorise(epoch);
    }

    function test_RevertWhen_TheRootIsYoung() external {
        vm.warp(activatedAt + EXPIRY_SECONDS - 1);
        vm.expectRevert(abi.encodeWithSelector(I.TooEarly.selector, activatedAt + EXPIRY_SECONDS));
        _authorise(1);
    }

    function test_RevertWhen_ExpiryHasGoneFurther() external {
        vm.warp(activatedAt + 2 * EXPIRY_SECONDS);
        _authorise(2);
        for (uint64 epoch = 1; epoch <= 2; ++epoch) {
            vm.expectRevert(abi.encodeWithSelector(I.NotExpirable.selector, epoch));
            _authorise(epoch);
        }
    }

    function test_RevertWhen_NothingMayExpire() external {
        (Entry[] memory run, uint256 position, bytes32[] memory proof) = Tree.range(old, 0, 4);
        vm.expectRevert(abi.encodeWithSelector(I.NotExpirable.selector, uint64(0)));
        distributor.expireMany(run, position, proof);
    }

    function test_RevertWhen_ALeafIsNotOfTheAuthorisedRoot() external {
        vm.warp(activatedAt + EXPIRY_SECONDS);
        _authorise(1);
        (Entry[] memory run, uint256 position, bytes32[] memory proof) = Tree.range(entries, 0, 4);
        vm.expectRevert(I.InvalidProof.selector);
        distributor.expireMany(run, position, proof);
    }

    function test_ItMovesWhatWasNeverClaimedToTheTreasuryOnce() external {
        _claim(0); // everything up to epoch 2
        vm.warp(activatedAt + EXPIRY_SECONDS);
        _authorise(1);
        uint256 unclaimed = old[1].cumulative + old[2].cumulative + old[3].cumulative;
        vm.expectEmit(true, true, true, true, address(distributor));
        emit I.Expired(old[1].account, address(timelock), old[1].cumulative, old[1].cumulative);
        vm.assertEq(_expire(), unclaimed);
        vm.assertEq(token.balanceOf(address(timelock)), unclaimed);
        vm.recordLogs();
        vm.assertEq(_expire(), 0);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            vm.assertEq(logs[i].emitter, address(token));
        }
    }

    function test_ItTellsOfASingleWei() external {
        address dust = address(0xD057);
        entries.push(Entry(dust, 1));
        _publishEntries(3);
        vm.warp(block.timestamp + EXPIRY_SECONDS);
        _authorise(3);
        (Entry[] memory run, uint256 position, bytes32[] memory proof) = Tree.range(entries, 4, 1);
        vm.expectEmit(true, true, true, true, address(distributor));
        emit I.Expired(dust, address(timelock), 1, 1);
        vm.assertEq(distributor.expireMany(run, position, proof), 1);
    }

    function test_ItLeavesWhatWasEarnedLater() external {
        vm.warp(activatedAt + EXPIRY_SECONDS);
        vm.expectEmit(true, true, true, true, address(distributor));
        emit I.ExpiryAuthorized(1, Tree.root(old));
        _authorise(1);
        vm.assertEq(distributor.expiryEpoch(), 1);
        _expire();
        for (uint256 i = 0; i < 4; ++i) {
            vm.assertEq(_claim(i), entries[i].cumulative - old[i].cumulative);
        }
        vm.assertEq(token.balanceOf(address(distributor)), 0);
    }
}
