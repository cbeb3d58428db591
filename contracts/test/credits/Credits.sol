// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Settlement, SettlementHeader} from "../../src/interfaces/IActionCredits.sol";
import {Entry} from "../../src/interfaces/IRewardsDistributor.sol";
import {Deployed} from "../support/Deployed.sol";
import {Tree} from "../support/Tree.sol";
import {vm} from "../support/Vm.sol";

/// @notice Two people with LAM who put it in and use it.
abstract contract Credits is Deployed {
    address internal ann = address(0xA22);
    address internal bob = address(0xB0B);

    function setUp() public virtual override {
        super.setUp();
        token.mintEmission(1);
        _give(ann, 1000 ether);
        _give(bob, 1000 ether);
    }

    function _give(address who, uint256 amount) internal {
        vm.prank(address(vault));
        token.transfer(who, amount);
        vm.prank(who);
        token.approve(address(credits), type(uint256).max);
    }

    function _deposit(address who, uint256 amount) internal {
        vm.prank(who);
        credits.deposit(who, amount);
    }

    function _request(address who) internal {
        vm.prank(who);
        credits.requestWithdrawal();
    }

    /// @dev The leaves of what both have spent.
    function _spent(uint256 byAnn, uint256 byBob) internal returns (bytes32) {
        delete entries;
        entries.push(Entry(ann, byAnn));
        entries.push(Entry(bob, byBob));
        return Tree.root(entries);
    }

    /// @dev Creators 33%, burned 34%, the rest for the ecosystem.
    function _settlement(uint64 epoch, bytes32 root, uint256 spent)
        internal
        view
        returns (SettlementHeader memory header)
    {
        header.epoch = epoch;
        header.coveredUntil = uint64(block.timestamp);
        header.root = root;
        header.spent = spent;
        header.creators = (spent * 33) / 100;
        header.burned = (spent * 34) / 100;
        header.ecosystem = spent - header.creators - header.burned;
        header.policyHash = POLICY;
        header.bundleHash = keccak256("bundle");
    }

    function _submitSettlement(SettlementHeader memory header) internal {
        vm.prank(publisher);
        credits.submitSettlement(header);
    }

    /// @dev Submits what both have spent so far and puts it in force.
    function _settle(uint64 epoch, uint256 byAnn, uint256 byBob) internal returns (bytes32 root) {
        root = _spent(byAnn, byBob);
        _submitSettlement(_settlement(epoch, root, byAnn + byBob));
        vm.warp(block.timestamp + VETO_SECONDS);
        credits.activate();
    }

    /// @dev By the proof of the last leaves.
    function _withdraw(address who) internal returns (uint256) {
        uint256 i = who == ann ? 0 : 1;
        bytes32[] memory proof = Tree.proof(entries, i);
        bytes32 root = Tree.root(entries);
        vm.prank(who);
        return credits.withdraw(entries[i].cumulative, root, proof);
    }

    function _withdrawWithoutLeaf(address who, bytes32 root) internal returns (uint256) {
        vm.prank(who);
        return credits.withdraw(0, root, new bytes32[](0));
    }

    function _assertEq(Settlement memory found, SettlementHeader memory header, uint64 activatableAt)
        internal
        pure
    {
        vm.assertEq(found.epoch, header.epoch);
        vm.assertEq(found.coveredUntil, header.coveredUntil);
        vm.assertEq(found.activatableAt, activatableAt);
        vm.assertEq(found.root, header.root);
        vm.assertEq(found.spent, header.spent);
        vm.assertEq(found.creators, header.creators);
        vm.assertEq(found.burned, header.burned);
        vm.assertEq(found.ecosystem, header.ecosystem);
    }
}
