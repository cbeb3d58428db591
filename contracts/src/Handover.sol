// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IHandover, Capability, Term} from "./interfaces/IHandover.sol";

/// @title Handover of the founders' capabilities to the holders of LAM.
/// @notice Each capability passes through terms fixed in the constructor and ends with the timelock,
/// which acts on public votes only. A term ends by itself at its `notAfter`, and earlier when a vote says
/// so; it never comes back. Once a capability has reached the timelock, a vote may elect a holder for a
/// limited time.
/// @dev Holds no role anywhere: other contracts ask it for the holder in force and decide themselves.
contract Handover is IHandover {
    /// @notice Longest term in seconds that a founder or an elected holder can be given.
    uint64 public constant MAX_TERM_SECONDS = 4 * 365 days;

    /// @inheritdoc IHandover
    address public immutable TIMELOCK;

    mapping(Capability => Term[]) private _terms;
    mapping(Capability => uint256) private _advanced;
    mapping(Capability => Term) private _elected;

    /// @param timelock Where every capability ends.
    /// @param terms The founders' terms, in the order of their stages; a capability without one is the
    /// timelock's from the first day.
    constructor(address timelock, Term[] memory terms) {
        if (timelock == address(0)) revert InvalidTerm(0);
        TIMELOCK = timelock;
        for (uint256 i = 0; i < terms.length; ++i) {
            _append(terms[i], i);
        }
    }

    /// @inheritdoc IHandover
    function holder(Capability capability) external view returns (address) {
        uint256 current = stage(capability);
        if (current < _terms[capability].length) return _terms[capability][current].holder;
        Term storage elected = _elected[capability];
        return block.timestamp <= elected.notAfter ? elected.holder : TIMELOCK;
    }

    /// @inheritdoc IHandover
    function stage(Capability capability) public view returns (uint256 current) {
        current = _advanced[capability];
        Term[] storage terms = _terms[capability];
        while (current < terms.length && block.timestamp > terms[current].notAfter) ++current;
    }

    /// @inheritdoc IHandover
    function stages(Capability capability) external view returns (Term[] memory) {
        return _terms[capability];
    }

    /// @inheritdoc IHandover
    function electedTerm(Capability capability) external view returns (Term memory) {
        return _elected[capability];
    }

    /// @inheritdoc IHandover
    function advance(Capability capability) external returns (uint256 reached) {
        uint256 recorded = _advanced[capability];
        uint256 last = _terms[capability].length;
        if (recorded == last) revert NoFurtherStage(capability);
        reached = stage(capability);
        if (reached == recorded) {
            if (msg.sender != TIMELOCK) {
                revert TermNotOver(capability, _terms[capability][recorded].notAfter);
            }
            reached = recorded + 1;
        }
        _advanced[capability] = reached;
        address next = reached < last ? _terms[capability][reached].holder : TIMELOCK;
        emit Advanced(capability, reached, next, msg.sender);
    }

    /// @inheritdoc IHandover
    function elect(Capability capability, address elected, uint64 notAfter) external {
        if (msg.sender != TIMELOCK) revert NotTimelock(msg.sender);
        if (stage(capability) < _terms[capability].length) revert FounderTermRunning(capability);
        if (elected == address(0)) revert InvalidTerm(0);
        if (notAfter > block.timestamp + MAX_TERM_SECONDS) revert InvalidTerm(0);
        _elected[capability] = Term(capability, elected, notAfter);
        emit Elected(capability, elected, notAfter);
    }

    function _append(Term memory term, uint256 index) private {
        Term[] storage terms = _terms[term.capability];
        uint256 earliest = terms.length == 0 ? block.timestamp : terms[terms.length - 1].notAfter;
        if (term.holder == address(0) || term.notAfter <= earliest) revert InvalidTerm(index);
        if (term.notAfter > block.timestamp + MAX_TERM_SECONDS) revert InvalidTerm(index);
        terms.push(term);
        emit TermFixed(term.capability, terms.length - 1, term.holder, term.notAfter);
    }
}
