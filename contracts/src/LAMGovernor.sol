// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {
    GovernorCountingFractional
} from "@openzeppelin/contracts/governance/extensions/GovernorCountingFractional.sol";
import {GovernorNoncesKeyed} from "@openzeppelin/contracts/governance/extensions/GovernorNoncesKeyed.sol";
import {
    GovernorPreventLateQuorum
} from "@openzeppelin/contracts/governance/extensions/GovernorPreventLateQuorum.sol";
import {GovernorSettings} from "@openzeppelin/contracts/governance/extensions/GovernorSettings.sol";
import {
    GovernorTimelockControl
} from "@openzeppelin/contracts/governance/extensions/GovernorTimelockControl.sol";
import {GovernorVotes} from "@openzeppelin/contracts/governance/extensions/GovernorVotes.sol";
import {
    GovernorVotesQuorumFraction
} from "@openzeppelin/contracts/governance/extensions/GovernorVotesQuorumFraction.sol";
import {Time} from "@openzeppelin/contracts/utils/types/Time.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {IHandover, Capability} from "./interfaces/IHandover.sol";

/// @notice Times in seconds; the threshold in LAM wei; the quorum in percent of the supply.
struct GovernorParameters {
    uint48 votingDelay;
    uint32 votingPeriod;
    uint256 proposalThreshold;
    uint256 quorumPercent;
    uint48 lateQuorumExtension;
    uint48 objectionPeriod;
    uint48 gracePeriod;
}

/// @title Governor of LAM holders.
/// @notice OpenZeppelin Governor with its interface, events and ids unchanged, fractional counting, quorum
/// fraction, late-quorum protection, keyed nonces and a timelock, and with three things it lacks:
/// a proposal that turns from failing to passing near its end is open to objections for a while longer;
/// a passed proposal that nobody queues or executes in time expires; the guardian in force (a founder's
/// term that ends, then whom voters elect) can cancel what has not been executed.
/// @dev Expiry holds because the timelock takes executions from this contract alone.
contract LAMGovernor is
    Governor,
    GovernorSettings,
    GovernorCountingFractional,
    GovernorVotes,
    GovernorVotesQuorumFraction,
    GovernorPreventLateQuorum,
    GovernorNoncesKeyed,
    GovernorTimelockControl
{
    /// @notice Says who may cancel as the guardian.
    IHandover public immutable HANDOVER;
    /// @notice Seconds before the end in which a turn to passing opens an objection period, and its length.
    uint48 public immutable OBJECTION_PERIOD;
    /// @notice Seconds in which a passed proposal must be queued, and then, once ready, executed.
    uint48 public immutable GRACE_PERIOD;

    mapping(uint256 proposalId => uint48) private _objectionStart;

    /// @notice From `start` to `deadline` only votes against count.
    event ObjectionPeriodOpened(uint256 indexed proposalId, uint48 start, uint48 deadline);

    /// @notice A vote in the objection period that was not wholly against.
    error ObjectionsOnly(uint256 proposalId);

    constructor(
        IVotes token,
        TimelockController timelock_,
        IHandover handover,
        GovernorParameters memory parameters
    )
        Governor("LAM Governor")
        GovernorSettings(parameters.votingDelay, parameters.votingPeriod, parameters.proposalThreshold)
        GovernorVotes(token)
        GovernorVotesQuorumFraction(parameters.quorumPercent)
        GovernorPreventLateQuorum(parameters.lateQuorumExtension)
        GovernorTimelockControl(timelock_)
    {
        HANDOVER = handover;
        OBJECTION_PERIOD = parameters.objectionPeriod;
        GRACE_PERIOD = parameters.gracePeriod;
    }

    /// @notice When the objection period of a proposal opens; zero if it never did.
    function objectionStart(uint256 proposalId) external view returns (uint256) {
        return _objectionStart[proposalId];
    }

    /// @inheritdoc Governor
    function proposalDeadline(uint256 proposalId)
        public
        view
        override(Governor, GovernorPreventLateQuorum)
        returns (uint256 deadline)
    {
        deadline = super.proposalDeadline(proposalId);
        if (_beforeObjections(deadline)) return deadline;
        uint256 start = _objectionStart[proposalId];
        if (start != 0) deadline = start + OBJECTION_PERIOD;
    }

    /// @inheritdoc Governor
    function state(uint256 proposalId)
        public
        view
        override(Governor, GovernorTimelockControl)
        returns (ProposalState current)
    {
        current = super.state(proposalId);
        if (current == ProposalState.Succeeded) {
            if (clock() > proposalDeadline(proposalId) + GRACE_PERIOD) return ProposalState.Expired;
        } else if (current == ProposalState.Queued) {
            if (clock() > proposalEta(proposalId) + GRACE_PERIOD) return ProposalState.Expired;
        }
    }

    /// @notice ERC-6372: Unix time, as LAM counts votes; asking the token each time would only cost gas.
    function clock() public view override(Governor, GovernorVotes) returns (uint48) {
        return Time.timestamp();
    }

    /// @notice ERC-6372.
    function CLOCK_MODE() public pure override(Governor, GovernorVotes) returns (string memory) {
        return "mode=timestamp";
    }

    /// @inheritdoc Governor
    function proposalThreshold() public view override(Governor, GovernorSettings) returns (uint256) {
        return super.proposalThreshold();
    }

    /// @inheritdoc Governor
    function proposalNeedsQueuing(uint256 proposalId)
        public
        view
        override(Governor, GovernorTimelockControl)
        returns (bool)
    {
        return super.proposalNeedsQueuing(proposalId);
    }

    function _castVote(
        uint256 proposalId,
        address account,
        uint8 support,
        string memory reason,
        bytes memory params
    ) internal override returns (uint256 weight) {
        if (_beforeObjections(super.proposalDeadline(proposalId))) {
            return super._castVote(proposalId, account, support, reason, params);
        }
        uint256 start = _objectionStart[proposalId];
        if (start != 0 && clock() > start && !_onlyAgainst(support, params)) {
            revert ObjectionsOnly(proposalId);
        }
        bool passing = start != 0 || _passing(proposalId);
        weight = super._castVote(proposalId, account, support, reason, params);
        if (!passing && _passing(proposalId)) _openObjections(proposalId);
    }

    /// @dev The period follows the deadline that late-quorum protection has left, and opens once.
    function _openObjections(uint256 proposalId) private {
        uint256 deadline = super.proposalDeadline(proposalId);
        if (_beforeObjections(deadline)) return;
        uint48 start = uint48(deadline);
        _objectionStart[proposalId] = start;
        emit ObjectionPeriodOpened(proposalId, start, start + OBJECTION_PERIOD);
    }

    /// @dev Too early for a period to open, so that none has: most votes need not read whether one did.
    function _beforeObjections(uint256 deadline) private view returns (bool) {
        return clock() + OBJECTION_PERIOD <= deadline;
    }

    function _passing(uint256 proposalId) private view returns (bool) {
        return _quorumReached(proposalId) && _voteSucceeded(proposalId);
    }

    /// @dev Fractional parameters are three packed uint128: against, for, abstain.
    function _onlyAgainst(uint8 support, bytes memory params) private pure returns (bool) {
        if (support != VOTE_TYPE_FRACTIONAL) return support == 0;
        if (params.length != 0x30) return false;
        uint256 forAndAbstain;
        assembly ("memory-safe") {
            forAndAbstain := mload(add(params, 0x30))
        }
        return forAndAbstain == 0;
    }

    function _validateCancel(uint256 proposalId, address caller) internal view override returns (bool) {
        return caller == HANDOVER.holder(Capability.Guardian) || super._validateCancel(proposalId, caller);
    }

    function _tallyUpdated(uint256 proposalId) internal override(Governor, GovernorPreventLateQuorum) {
        super._tallyUpdated(proposalId);
    }

    function _validateVoteSig(uint256 proposalId, uint8 support, address voter, bytes memory signature)
        internal
        override(Governor, GovernorNoncesKeyed)
        returns (bool)
    {
        return super._validateVoteSig(proposalId, support, voter, signature);
    }

    function _validateExtendedVoteSig(
        uint256 proposalId,
        uint8 support,
        address voter,
        string memory reason,
        bytes memory params,
        bytes memory signature
    ) internal override(Governor, GovernorNoncesKeyed) returns (bool) {
        return super._validateExtendedVoteSig(proposalId, support, voter, reason, params, signature);
    }

    function _useCheckedNonce(address owner, uint256 nonce) internal override(Nonces, GovernorNoncesKeyed) {
        super._useCheckedNonce(owner, nonce);
    }

    function _queueOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) returns (uint48) {
        return super._queueOperations(proposalId, targets, values, calldatas, descriptionHash);
    }

    function _executeOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) {
        super._executeOperations(proposalId, targets, values, calldatas, descriptionHash);
    }

    function _cancel(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) returns (uint256) {
        return super._cancel(targets, values, calldatas, descriptionHash);
    }

    function _executor() internal view override(Governor, GovernorTimelockControl) returns (address) {
        return super._executor();
    }
}
