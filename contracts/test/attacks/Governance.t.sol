// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {Capability} from "../../src/interfaces/IHandover.sol";
import {Kind} from "../../src/interfaces/IRegistry.sol";
import {Deployed} from "../support/Deployed.sol";
import {vm} from "../support/Vm.sol";

/// @notice What a proposal calls, and which wants to be executed again meanwhile.
contract Reentering {
    bytes internal again;
    bool public refused;

    function arm(bytes calldata execution) external {
        again = execution;
    }

    function run(address governor) external {
        (bool done,) = governor.call(again);
        refused = !done;
    }
}

contract GovernanceAttacksTest is Deployed {
    address internal alice = address(0xA11);
    address internal thief = address(0x7417F);
    bytes internal data;

    function setUp() public override {
        super.setUp();
        data = abi.encodeCall(registry.adopt, (Kind.RewardPolicy, keccak256("next"), "uri", 2));
        token.mintEmission(1);
        _empower(alice, 200_000 ether);
    }

    /// @dev Borrow, delegate, act and give back in one block.
    function test_BorrowedTokensNeitherProposeNorVote() external {
        uint256 id = _propose(alice, address(registry), data);
        vm.prank(address(vault));
        token.transfer(thief, 1_000_000 ether);
        vm.startPrank(thief);
        token.delegate(thief);
        // No power at the snapshot is a vote of nothing, which counting refuses in these words.
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorAlreadyCastVote.selector, thief));
        governor.castVote(id, 0);
        (address[] memory t, uint256[] memory v, bytes[] memory c) = _action(address(registry), data);
        vm.expectRevert(
            abi.encodeWithSelector(IGovernor.GovernorInsufficientProposerVotes.selector, thief, 0, 100 ether)
        );
        governor.propose(t, v, c, "# Stolen");
        token.transfer(address(vault), 1_000_000 ether);
        vm.stopPrank();
        (uint256 against,,) = governor.proposalVotes(id);
        vm.assertEq(against, 0);
    }

    function test_NobodyElseProposesWhatNamesItsProposer() external {
        _empower(thief, 1000 ether);
        string memory description = string.concat("# Title\n\nBody\n\n#proposer=", _hex(alice));
        (address[] memory t, uint256[] memory v, bytes[] memory c) = _action(address(registry), data);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorRestrictedProposer.selector, thief));
        vm.prank(thief);
        governor.propose(t, v, c, description);
        vm.prank(alice);
        governor.propose(t, v, c, description);
    }

    /// @dev One vote in the last second turns a failing proposal: everybody has OBJECTION_PERIOD to defeat it.
    function test_ALastSecondSwingCanBeAnswered() external {
        address bob = address(0xB0B);
        _empower(bob, 350_000 ether);
        _empower(thief, 100_000 ether);
        uint256 id = _propose(alice, address(registry), data);
        uint256 end = governor.proposalDeadline(id);
        _vote(alice, id, 1);
        vm.prank(bob);
        governor.castVoteWithReasonAndParams(
            id, 255, "", abi.encodePacked(uint128(225_000 ether), uint256(0))
        );
        vm.warp(end);
        _vote(thief, id, 1);
        vm.warp(end + 1);
        vm.assertTrue(_state(id) == IGovernor.ProposalState.Active);
        vm.warp(end + OBJECTIONS);
        vm.prank(bob);
        governor.castVoteWithReasonAndParams(
            id, 255, "", abi.encodePacked(uint128(125_000 ether), uint256(0))
        );
        vm.warp(end + OBJECTIONS + 1);
        vm.assertTrue(_state(id) == IGovernor.ProposalState.Defeated);
    }

    function test_AnExecutionCannotBeReentered() external {
        Reentering target = new Reentering();
        bytes memory call = abi.encodeCall(target.run, (address(governor)));
        uint256 id = _propose(alice, address(target), call);
        _vote(alice, id, 1);
        vm.warp(governor.proposalDeadline(id) + 1);
        _queue(address(target), call);
        vm.warp(governor.proposalEta(id));
        (address[] memory t, uint256[] memory v, bytes[] memory c) = _action(address(target), call);
        target.arm(abi.encodeCall(governor.execute, (t, v, c, keccak256("# Title"))));
        _execute(address(target), call);
        vm.assertTrue(target.refused());
    }

    function test_ABallotOfAnotherChainIsWorthNothing() external {
        uint256 key = 0xB0B;
        address bob = vm.addr(key);
        _empower(bob, 1 ether);
        uint256 id = _propose(alice, address(registry), data);
        bytes32 kind =
            keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
        bytes32 domain = keccak256(
            abi.encode(kind, keccak256("LAM Governor"), keccak256("1"), block.chainid, address(governor))
        );
        bytes32 hash = keccak256(abi.encode(governor.BALLOT_TYPEHASH(), id, uint8(1), bob, 0));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, keccak256(abi.encodePacked("\x19\x01", domain, hash)));
        vm.chainId(block.chainid + 1);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorInvalidSignature.selector, bob));
        governor.castVoteBySig(id, 1, bob, abi.encodePacked(r, s, v));
        vm.chainId(block.chainid - 1);
        governor.castVoteBySig(id, 1, bob, abi.encodePacked(r, s, v));
    }

    /// @dev With an open executor anybody could run a queued operation past the Governor's expiry.
    function test_NobodyExecutesThroughTheTimelockDirectly() external {
        uint256 id = _propose(alice, address(registry), data);
        _vote(alice, id, 1);
        vm.warp(governor.proposalDeadline(id) + 1);
        _queue(address(registry), data);
        vm.warp(governor.proposalEta(id) + GRACE + 1);
        (address[] memory t, uint256[] memory v, bytes[] memory c) = _action(address(registry), data);
        bytes32 salt = bytes20(address(governor)) ^ keccak256("# Title");
        vm.assertTrue(timelock.isOperationReady(timelock.hashOperationBatch(t, v, c, 0, salt)));
        _refusedRole(timelock.EXECUTOR_ROLE());
        timelock.executeBatch(t, v, c, 0, salt);
    }

    function test_NobodySchedulesOrCancelsInTheTimelockDirectly() external {
        bytes32 role = timelock.PROPOSER_ROLE();
        _refusedRole(role);
        timelock.schedule(address(registry), 0, data, 0, 0, TIMELOCK_DELAY);
        role = timelock.CANCELLER_ROLE();
        _refusedRole(role);
        timelock.cancel(0);
    }

    function _refusedRole(bytes32 role) private {
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, thief, role)
        );
        vm.prank(thief);
    }

    function testFuzz_NobodyGrantsARole(address who) external {
        vm.assume(who != address(timelock));
        bytes32 admin = timelock.DEFAULT_ADMIN_ROLE();
        bytes32 role = timelock.PROPOSER_ROLE();
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, who, admin)
        );
        vm.prank(who);
        timelock.grantRole(role, who);
    }

    function testFuzz_OnlyTheGovernorHasARole(address who) external view {
        vm.assume(who != address(governor));
        vm.assertFalse(timelock.hasRole(timelock.PROPOSER_ROLE(), who));
        vm.assertFalse(timelock.hasRole(timelock.EXECUTOR_ROLE(), who));
        vm.assertFalse(timelock.hasRole(timelock.CANCELLER_ROLE(), who));
        vm.assertFalse(timelock.hasRole(timelock.DEFAULT_ADMIN_ROLE(), who) && who != address(timelock));
    }

    /// @dev The guardian can cancel, but not for ever: its term ends although it cancels every vote about it.
    function test_AGuardianThatCancelsEverythingStillEnds() external {
        bytes memory end = abi.encodeCall(handover.advance, (Capability.Guardian));
        _propose(alice, address(handover), end);
        (address[] memory t, uint256[] memory v, bytes[] memory c) = _action(address(handover), end);
        vm.prank(guardian);
        governor.cancel(t, v, c, keccak256("# Title"));
        vm.warp(START + 365 days + 1);
        vm.assertEq(handover.holder(Capability.Guardian), address(timelock));
    }

    function test_AVoteCannotBeCastTwiceByMovingTokens() external {
        uint256 id = _propose(alice, address(registry), data);
        _vote(alice, id, 1);
        vm.prank(alice);
        token.transfer(thief, 200_000 ether);
        vm.prank(thief);
        token.delegate(thief);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorAlreadyCastVote.selector, thief));
        _vote(thief, id, 1);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorAlreadyCastVote.selector, alice));
        _vote(alice, id, 1);
    }

    function _hex(address account) private pure returns (string memory text) {
        bytes memory digits = "0123456789abcdef";
        bytes memory out = new bytes(42);
        (out[0], out[1]) = ("0", "x");
        for (uint256 i = 0; i < 40; ++i) {
            out[41 - i] = digits[(uint160(account) >> (4 * i)) & 15];
        }
        text = string(out);
    }
}
