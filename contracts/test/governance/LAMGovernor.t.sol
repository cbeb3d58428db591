// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {GovernorParameters, LAMGovernor} from "../../src/LAMGovernor.sol";
import {Kind} from "../../src/interfaces/IRegistry.sol";
import {Deployed} from "../support/Deployed.sol";
import {vm} from "../support/Vm.sol";

/// @notice Solidity demands an override of what two parents have, though no Governor calls it.
contract ExposedGovernor is LAMGovernor {
    constructor(LAMGovernor like)
        LAMGovernor(
            like.token(),
            TimelockController(payable(like.timelock())),
            like.HANDOVER(),
            GovernorParameters(1, 1, 0, 1, 1, 1, 1)
        )
    {}

    function useCheckedNonce(address owner, uint256 nonce) external {
        _useCheckedNonce(owner, nonce);
    }
}

contract LAMGovernorTest is Deployed {
    uint256 internal constant ALICE_KEY = 0xA11CE;
    address internal alice = vm.addr(ALICE_KEY);
    address internal bob = address(0xB0B);
    address internal carol = address(0xCA401);
    bytes internal data;

    uint256 internal id;
    uint256 internal deadline;

    function setUp() public override {
        super.setUp();
        data = abi.encodeCall(registry.adopt, (Kind.RewardPolicy, keccak256("next"), "uri", 2));
        token.mintEmission(1);
        _empower(alice, 200_000 ether);
        _empower(bob, 250_000 ether);
        _empower(carol, 100_000 ether);
        id = _propose(alice, address(registry), data);
        deadline = governor.proposalDeadline(id);
    }

    /// @dev Alice's quorum stands, bob against: failing, until carol turns it.
    function _turn(uint256 at) private {
        _vote(alice, id, 1);
        _vote(bob, id, 0);
        vm.warp(at);
        _vote(carol, id, 1);
    }

    function _pass() private {
        _vote(alice, id, 1);
        vm.warp(deadline + 1);
        vm.assertTrue(_state(id) == IGovernor.ProposalState.Succeeded);
    }

    function test_ALateTurnOpensAnObjectionPeriodAfterTheEnd() external {
        _vote(alice, id, 1);
        _vote(bob, id, 0);
        vm.warp(deadline - 1);
        vm.expectEmit(true, true, true, true, address(governor));
        emit IGovernor.VoteCast(carol, id, 1, 100_000 ether, "");
        vm.expectEmit(true, true, true, true, address(governor));
        emit LAMGovernor.ObjectionPeriodOpened(id, uint48(deadline), uint48(deadline) + OBJECTIONS);
        _vote(carol, id, 1);
        vm.assertEq(governor.proposalDeadline(id), deadline + OBJECTIONS);
        vm.assertEq(governor.objectionStart(id), deadline);
        vm.warp(deadline + 1);
        vm.assertTrue(_state(id) == IGovernor.ProposalState.Active);
    }

    function testFuzz_AnEarlyTurnOpensNothing(uint32 before) external {
        uint256 early = OBJECTIONS + (before % (VOTING_PERIOD - 1 - OBJECTIONS));
        _turn(deadline - early);
        vm.assertEq(governor.proposalDeadline(id), deadline);
        vm.assertEq(governor.objectionStart(id), 0);
    }

    function test_ATurnInTheLastSecondThatIsEarlyOpensNothing() external {
        _turn(deadline - OBJECTIONS);
        vm.assertEq(governor.objectionStart(id), 0);
    }

    function test_ATurnASecondLaterOpensAnObjectionPeriod() external {
        _turn(deadline - OBJECTIONS + 1);
        vm.assertEq(governor.objectionStart(id), deadline);
    }

    function test_ALateVoteForWhatPassesAlreadyOpensNothing() external {
        _vote(alice, id, 1);
        vm.warp(deadline - 1);
        _vote(carol, id, 1);
        vm.assertEq(governor.objectionStart(id), 0);
        vm.assertEq(governor.proposalDeadline(id), deadline);
    }

    function test_ALateVoteThatLeavesItFailingOpensNothing() external {
        _vote(alice, id, 1);
        _vote(bob, id, 0);
        vm.warp(deadline - 1);
        _vote(carol, id, 0);
        vm.assertEq(governor.objectionStart(id), 0);
        vm.assertEq(governor.proposalDeadline(id), deadline);
    }

    function test_ALateMajorityBelowTheQuorumOpensNothing() external {
        address late = address(0x1A7E);
        id = _withLateVoter(late, 1 ether);
        vm.warp(deadline - 1);
        _vote(late, id, 1);
        vm.assertEq(governor.objectionStart(id), 0);
        vm.assertEq(governor.proposalDeadline(id), deadline);
    }

    function test_UntilTheVoteWouldHaveEndedAllVotesCount() external {
        address late = address(0x1A7E);
        id = _withLateVoter(late, 90_000 ether);
        _turn(deadline - 1);
        vm.warp(deadline);
        _vote(late, id, 1);
        (, uint256 inFavour,) = governor.proposalVotes(id);
        vm.assertEq(inFavour, 390_000 ether);
    }

    function test_OnlyVotesWhollyAgainstCountInTheObjectionPeriod() external {
        address late = address(0x1A7E);
        id = _withLateVoter(late, 90_000 ether);
        _turn(deadline - 1);
        vm.warp(deadline + 1);
        bytes memory error = abi.encodeWithSelector(LAMGovernor.ObjectionsOnly.selector, id);
        for (uint8 support = 1; support <= 2; ++support) {
            vm.expectRevert(error);
            _vote(late, id, support);
        }
        _refuseFractional(late, abi.encodePacked(uint128(1), uint128(1), uint128(0)), error);
        _refuseFractional(late, abi.encodePacked(uint128(1), uint128(0), uint128(1)), error);
        _refuseFractional(late, "", error);
        vm.prank(late);
        governor.castVoteWithReasonAndParams(
            id, 255, "", abi.encodePacked(uint128(5), uint128(0), uint128(0))
        );
        (uint256 against,,) = governor.proposalVotes(id);
        vm.assertEq(against, 250_000 ether + 5);
    }

    function _refuseFractional(address who, bytes memory params, bytes memory error) private {
        vm.expectRevert(error);
        vm.prank(who);
        governor.castVoteWithReasonAndParams(id, 255, "", params);
    }

    /// @dev A new proposal in whose vote `late` has power too.
    function _withLateVoter(address late, uint256 power) private returns (uint256 fresh) {
        _empower(late, power);
        vm.prank(guardian);
        (address[] memory t, uint256[] memory v, bytes[] memory c) = _action(address(registry), data);
        governor.cancel(t, v, c, keccak256("# Title"));
        vm.prank(alice);
        fresh = governor.propose(t, v, c, "# Another");
        vm.warp(block.timestamp + VOTING_DELAY + 1);
        deadline = governor.proposalDeadline(fresh);
    }

    function test_VotesAgainstCanStillDefeatTheProposalAndNothingRevivesIt() external {
        address late = address(0x1A7E);
        id = _withLateVoter(late, 90_000 ether);
        _turn(deadline - 1);
        vm.warp(deadline + OBJECTIONS);
        _vote(late, id, 0);
        vm.assertEq(governor.proposalDeadline(id), deadline + OBJECTIONS);
        vm.warp(deadline + OBJECTIONS + 1);
        vm.assertTrue(_state(id) == IGovernor.ProposalState.Defeated);
    }

    function test_AQuorumReachedLateExtendsTheVoteForEverybody() external {
        vm.warp(deadline);
        _vote(alice, id, 1);
        vm.assertEq(governor.proposalDeadline(id), deadline + LATE_QUORUM);
        vm.assertEq(governor.objectionStart(id), 0);
        vm.warp(deadline + 1);
        _vote(carol, id, 1);
    }

    function test_ATurnLateInTheExtensionOpensObjectionsAfterIt() external {
        _vote(bob, id, 0);
        vm.warp(deadline);
        _vote(alice, id, 1); // the quorum, but failing
        uint256 extended = deadline + LATE_QUORUM;
        vm.warp(extended);
        _vote(carol, id, 1);
        vm.assertEq(governor.objectionStart(id), extended);
        vm.assertEq(governor.proposalDeadline(id), extended + OBJECTIONS);
    }

    function test_APassedProposalNobodyQueuedExpires() external {
        _pass();
        vm.warp(deadline + GRACE);
        vm.assertTrue(_state(id) == IGovernor.ProposalState.Succeeded);
        vm.warp(deadline + GRACE + 1);
        vm.assertTrue(_state(id) == IGovernor.ProposalState.Expired);
        vm.expectRevert();
        _queue(address(registry), data);
    }

    function test_AQueuedProposalNobodyExecutedExpires() external {
        _pass();
        _queue(address(registry), data);
        uint256 eta = governor.proposalEta(id);
        vm.warp(eta + GRACE + 1);
        vm.assertTrue(_state(id) == IGovernor.ProposalState.Expired);
        vm.expectRevert();
        _execute(address(registry), data);
        vm.assertFalse(registry.isAdopted(Kind.RewardPolicy, keccak256("next")));
        vm.warp(eta + GRACE);
        _execute(address(registry), data);
        vm.assertTrue(registry.isAdopted(Kind.RewardPolicy, keccak256("next")));
    }

    function _cancel(address who, bool refused) private {
        (address[] memory t, uint256[] memory v, bytes[] memory c) = _action(address(registry), data);
        if (refused) {
            vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorUnableToCancel.selector, id, who));
        }
        vm.prank(who);
        governor.cancel(t, v, c, keccak256("# Title"));
    }

    function test_TheGuardianInForceCancelsQueuedProposalsToo() external {
        _pass();
        _queue(address(registry), data);
        _cancel(guardian, false);
        vm.assertTrue(_state(id) == IGovernor.ProposalState.Canceled);
        vm.warp(block.timestamp + TIMELOCK_DELAY);
        vm.expectRevert();
        _execute(address(registry), data);
    }

    function test_ItsProposerCancelsBeforeTheVote() external {
        (address[] memory t, uint256[] memory v, bytes[] memory c) = _action(address(registry), data);
        vm.startPrank(alice);
        uint256 fresh = governor.propose(t, v, c, "# Withdrawn");
        governor.cancel(t, v, c, keccak256("# Withdrawn"));
        vm.stopPrank();
        vm.assertTrue(_state(fresh) == IGovernor.ProposalState.Canceled);
    }

    function test_RevertWhen_TheGuardiansTermIsOverOrAStrangerCancels() external {
        _cancel(stranger, true);
        _cancel(alice, true); // its proposer, once the vote runs
        vm.warp(START + 365 days + 1);
        _cancel(guardian, true);
    }

    function test_ItTakesTheSequentialAndTheKeyedNonce() external {
        uint256 keyed = governor.nonces(alice, uint192(id));
        vm.assertEq(uint64(keyed), 0);
        governor.castVoteBySig(id, 1, alice, _ballot(keyed));
        vm.assertEq(governor.nonces(alice), 0);
        bytes memory used = _ballot(keyed);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorInvalidSignature.selector, alice));
        governor.castVoteBySig(id, 1, alice, used);
    }

    function test_ItTakesTheSequentialNonce() external {
        governor.castVoteBySig(id, 1, alice, _ballot(governor.nonces(alice)));
        vm.assertEq(governor.nonces(alice), 1);
        vm.assertEq(governor.usedVotes(id, alice), 200_000 ether);
    }

    function test_ItTakesFractionalVotesBySignature() external {
        bytes memory params = abi.encodePacked(uint128(1 ether), uint128(2 ether), uint128(3 ether));
        bytes32 hash = keccak256(
            abi.encode(
                governor.EXTENDED_BALLOT_TYPEHASH(),
                id,
                uint8(255),
                alice,
                governor.nonces(alice),
                keccak256("why"),
                keccak256(params)
            )
        );
        bytes memory signature = _sign(hash);
        governor.castVoteWithReasonAndParamsBySig(id, 255, alice, "why", params, signature);
        (uint256 against, uint256 inFavour, uint256 abstained) = governor.proposalVotes(id);
        vm.assertEq(against, 1 ether);
        vm.assertEq(inFavour, 2 ether);
        vm.assertEq(abstained, 3 ether);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorInvalidSignature.selector, alice));
        governor.castVoteWithReasonAndParamsBySig(id, 255, alice, "why", params, signature);
    }

    function test_ItsOwnSettingsChangeByVoteAlone() external {
        bytes memory change = abi.encodeCall(governor.setVotingDelay, (3 days));
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorOnlyExecutor.selector, guardian));
        vm.prank(guardian);
        governor.setVotingDelay(3 days);
        id = _propose(alice, address(governor), change);
        vm.assertTrue(governor.proposalNeedsQueuing(id));
        vm.assertEq(governor.proposalThreshold(), 100 ether);
        _vote(alice, id, 1);
        vm.warp(governor.proposalDeadline(id) + 1);
        _queue(address(governor), change);
        vm.warp(governor.proposalEta(id));
        _execute(address(governor), change);
        vm.assertEq(governor.votingDelay(), 3 days);
    }

    /// @dev As in the distributor: keys apart, each in its order.
    function test_CheckedNoncesAreKeyed() external {
        ExposedGovernor exposed = new ExposedGovernor(governor);
        uint256 keyed = exposed.nonces(alice, 7);
        exposed.useCheckedNonce(alice, keyed);
        vm.assertEq(exposed.nonces(alice, 7), keyed + 1);
        vm.assertEq(exposed.nonces(alice), 0);
        vm.expectRevert(abi.encodeWithSelector(Nonces.InvalidAccountNonce.selector, alice, keyed + 1));
        exposed.useCheckedNonce(alice, keyed);
    }

    function _ballot(uint256 nonce) private view returns (bytes memory) {
        return _sign(keccak256(abi.encode(governor.BALLOT_TYPEHASH(), id, uint8(1), alice, nonce)));
    }

    function _sign(bytes32 hash) private view returns (bytes memory) {
        bytes32 kind =
            keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
        bytes32 domain = keccak256(
            abi.encode(kind, keccak256("LAM Governor"), keccak256("1"), block.chainid, address(governor))
        );
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(ALICE_KEY, keccak256(abi.encodePacked("\x19\x01", domain, hash)));
        return abi.encodePacked(r, s, v);
    }
}
