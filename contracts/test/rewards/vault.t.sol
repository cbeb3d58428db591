// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IRewardsVault, Source} from "../../src/interfaces/IRewardsVault.sol";
import {RootHeader} from "../../src/interfaces/IRewardsDistributor.sol";
import {Deployed} from "../support/Deployed.sol";
import {vm} from "../support/Vm.sol";

contract VaultTest is Deployed {
    function setUp() public override {
        super.setUp();
        token.mintEmission(1);
        _fill(1, 1000);
        _submit(1, keccak256("root"), 1000 ether);
        vm.warp(block.timestamp + VETO_SECONDS);
        distributor.activate();
        vm.prank(address(distributor));
        token.transfer(stranger, 1000 ether);
        vm.prank(stranger);
        token.approve(address(vault), type(uint256).max);
    }

    function test_RevertWhen_TheSourceIsTheEmission() external {
        vm.expectRevert(abi.encodeWithSelector(IRewardsVault.NotFundable.selector, Source.Emission));
        vm.prank(stranger);
        vault.fund(Source.Emission, 1);
    }

    function testFuzz_ItTakesTheLamAndCountsItForTheSource(uint64 a, uint64 b) external {
        vm.startPrank(stranger);
        vault.fund(Source.Marketplace, a);
        vm.expectEmit(true, true, true, true, address(vault));
        emit IRewardsVault.Funded(Source.Bounties, stranger, b);
        vault.fund(Source.Bounties, b);
        vm.stopPrank();
        vm.assertEq(vault.funded(Source.Marketplace), a);
        vm.assertEq(vault.funded(Source.Bounties), b);
        vm.assertEq(vault.funded(Source.Emission), token.totalEmission());
        vm.assertEq(vault.totalFunded(), token.totalEmission() + a + b);
    }

    function test_MarketplaceMoneyIsPaidOut() external {
        vm.prank(stranger);
        vault.fund(Source.Marketplace, 5 ether);
        RootHeader memory header = _header(2, keccak256("next"), 1005 ether);
        header.sourceTotals = [uint256(1000 ether), 5 ether, 0];
        vm.prank(publisher);
        distributor.submitRoot(header);
        vm.assertEq(vault.escrowed(), 5 ether);
    }

    function test_RevertWhen_TheCallerIsNotTheDistributor() external {
        bytes memory error = abi.encodeWithSelector(IRewardsVault.NotDistributor.selector, publisher);
        vm.startPrank(publisher);
        vm.expectRevert(error);
        vault.escrow(1);
        vm.expectRevert(error);
        vault.release();
        vm.expectRevert(error);
        vault.refund();
        vm.stopPrank();
    }

    function testFuzz_RevertWhen_MoreIsWantedThanWasFunded(uint96 excess) external {
        vm.assume(excess > 0);
        uint256 available = token.totalEmission() - 1000 ether;
        vm.startPrank(address(distributor));
        vm.expectEmit(true, true, true, true, address(vault));
        emit IRewardsVault.Escrowed(available);
        vault.escrow(available);
        vm.expectRevert(abi.encodeWithSelector(IRewardsVault.Underfunded.selector, uint256(excess), 0));
        vault.escrow(excess);
        vm.stopPrank();
    }

    function test_WhatIsSetAsideAddsUp() external {
        vm.startPrank(address(distributor));
        vault.escrow(1 ether);
        vault.escrow(2 ether);
        vm.stopPrank();
        vm.assertEq(vault.escrowed(), 3 ether);
    }

    function testFuzz_ItSkimsDonationsAndLeavesWhatWasFunded(uint64 donation) external {
        vm.startPrank(stranger);
        vault.fund(Source.Bounties, 3 ether);
        token.transfer(address(vault), donation);
        vm.stopPrank();
        vm.prank(address(distributor));
        vault.escrow(1 ether);
        vm.expectEmit(true, true, true, true, address(vault));
        emit IRewardsVault.Skimmed(address(timelock), donation);
        vm.assertEq(vault.skim(), donation);
        vm.assertEq(token.balanceOf(address(timelock)), donation);
        vm.assertEq(vault.skim(), 0);
        vm.assertEq(token.balanceOf(address(vault)), vault.totalFunded() - vault.released());
    }
}
