// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IRewardsDistributor as I, RootHeader} from "../../src/interfaces/IRewardsDistributor.sol";
import {Source} from "../../src/interfaces/IRewardsVault.sol";
import {Deployed} from "../support/Deployed.sol";
import {vm} from "../support/Vm.sol";

contract SubmitRootTest is Deployed {
    bytes32 internal constant ROOT = keccak256("root");

    function setUp() public override {
        super.setUp();
        token.mintEmission(1);
    }

    function test_RevertWhen_TheCallerIsNotThePublisherInForce() external {
        RootHeader memory header = _header(1, ROOT, 1 ether);
        vm.expectRevert(abi.encodeWithSelector(I.NotPublisher.selector, stranger));
        vm.prank(stranger);
        distributor.submitRoot(header);
        // The founders' publisher ends by itself, whether or not anybody recorded it.
        vm.warp(START + 730 days + 1);
        vm.expectRevert(abi.encodeWithSelector(I.NotPublisher.selector, publisher));
        vm.prank(publisher);
        distributor.submitRoot(header);
    }

    function test_RevertWhen_ARootIsPending() external {
        _submit(1, ROOT, 1 ether);
        vm.expectRevert(abi.encodeWithSelector(I.RootPending.selector, uint64(1)));
        _submit(1, ROOT, 1 ether);
    }

    function testFuzz_RevertWhen_TheEpochIsNotTheNextOne(uint64 epoch) external {
        vm.assume(epoch != 1);
        vm.expectRevert(abi.encodeWithSelector(I.WrongEpoch.selector, uint64(1), epoch));
        _submit(epoch, ROOT, 1 ether);
    }

    function test_RevertWhen_TheRootIsEmpty() external {
        vm.expectRevert(I.EmptyRoot.selector);
        _submit(1, 0, 1 ether);
    }

    function test_RevertWhen_ThePolicyWasNeverAdopted() external {
        RootHeader memory header = _header(1, ROOT, 1 ether);
        header.policyHash = VERIFIER; // adopted, but as another kind
        vm.expectRevert(abi.encodeWithSelector(I.PolicyNotAdopted.selector, VERIFIER));
        vm.prank(publisher);
        distributor.submitRoot(header);
    }

    function testFuzz_RevertWhen_ASourceHasLessFundsThanItsTotal(uint128 excess) external {
        vm.assume(excess > 0);
        uint256 minted = token.totalEmission();
        bytes memory error =
            abi.encodeWithSelector(I.SourceUnderfunded.selector, uint256(0), minted + excess, minted);
        vm.expectRevert(error);
        _submit(1, ROOT, minted + excess);
    }

    function test_RevertWhen_AnUnfundedSourceBorrowsFromAnother() external {
        RootHeader memory header = _header(1, ROOT, 2);
        header.sourceTotals = [uint256(1), 1, 0];
        bytes memory error =
            abi.encodeWithSelector(I.SourceUnderfunded.selector, uint256(1), uint256(1), uint256(0));
        vm.expectRevert(error);
        vm.prank(publisher);
        distributor.submitRoot(header);
    }

    function test_RevertWhen_ASourcesTotalFallsBelowTheLastOne() external {
        _publish2();
        RootHeader memory header = _header(3, ROOT, 10 ether);
        header.sourceTotals = [uint256(10 ether - 1), 1, 0];
        _fund(Source.Marketplace, 1);
        vm.expectRevert(I.InconsistentTotals.selector);
        vm.prank(publisher);
        distributor.submitRoot(header);
    }

    function testFuzz_RevertWhen_TheSourcesDoNotAddUpToTheTotal(uint96 total) external {
        vm.assume(total != 1 ether);
        RootHeader memory header = _header(1, ROOT, total);
        header.sourceTotals = [uint256(1 ether), 0, 0];
        vm.expectRevert(I.InconsistentTotals.selector);
        vm.prank(publisher);
        distributor.submitRoot(header);
    }

    function testFuzz_ItSetsExactlyTheDifferenceAside(uint64 first, uint64 second) external {
        _submit(1, ROOT, first);
        vm.assertEq(vault.escrowed(), first);
        vm.warp(block.timestamp + VETO_SECONDS);
        distributor.activate();
        _submit(2, ROOT, uint256(first) + second);
        vm.assertEq(vault.escrowed(), second);
    }

    function test_ItChangesNothingAboutWhatIsPaid() external {
        _submit(1, ROOT, 1 ether);
        vm.assertEq(distributor.activeRoot(), bytes32(0));
        vm.assertEq(distributor.activeTotal(), 0);
        vm.assertEq(token.balanceOf(address(distributor)), 0);
    }

    function test_ItSaysWhenTheRootCanBeActivated() external {
        RootHeader memory h = _header(1, ROOT, 1 ether);
        vm.expectEmit(true, true, true, true, address(distributor));
        emit I.RootSubmitted(
            1, ROOT, h.total, h.sourceTotals, h.policyHash, h.ledgerRoot, h.bundleHash, START + VETO_SECONDS
        );
        _submit(1, ROOT, 1 ether);
        vm.assertEq(distributor.pendingRoot().activatableAt, START + VETO_SECONDS);
    }

    function _publish2() private {
        _submit(1, ROOT, 1 ether);
        vm.warp(block.timestamp + VETO_SECONDS);
        distributor.activate();
        _publish(2, ROOT, 10 ether);
    }

    function _fund(Source source, uint256 amount) private {
        vm.prank(address(vault));
        token.transfer(stranger, amount);
        vm.startPrank(stranger);
        token.approve(address(vault), amount);
        vault.fund(source, amount);
        vm.stopPrank();
    }

    function make(uint64 vetoSeconds) external returns (address) {
        return _create(
            "RewardsDistributor", abi.encode(token, vault, registry, handover, vetoSeconds, EXPIRY_SECONDS)
        );
    }

    function test_RevertWhen_TheVetoWindowHasNoSeconds() external {
        vm.expectRevert(I.InvalidVetoWindow.selector);
        this.make(0);
        this.make(1);
    }
}
