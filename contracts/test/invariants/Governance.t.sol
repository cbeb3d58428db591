// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Handover} from "../../src/Handover.sol";
import {LAMToken} from "../../src/LAMToken.sol";
import {Capability} from "../../src/interfaces/IHandover.sol";
import {Deployed} from "../support/Deployed.sol";
import {vm} from "../support/Vm.sol";

/// @notice People who move and delegate LAM while terms pass, end and are given by votes.
contract GovernanceHandler {
    uint256 internal constant PEOPLE = 6;
    uint256 internal constant CAPABILITIES = 7;

    LAMToken internal immutable TOKEN;
    Handover internal immutable HANDOVER;
    address internal immutable TIMELOCK;

    mapping(Capability => uint256) internal reached;

    constructor(LAMToken token, Handover handover) {
        (TOKEN, HANDOVER, TIMELOCK) = (token, handover, handover.TIMELOCK());
    }

    function person(uint256 i) public pure returns (address) {
        return address(uint160(0x2000 + (i % PEOPLE)));
    }

    function people() external pure returns (uint256) {
        return PEOPLE;
    }

    function move(uint8 from, uint8 to, uint128 amount) external {
        uint256 part = amount % (TOKEN.balanceOf(person(from)) + 1);
        vm.prank(person(from));
        TOKEN.transfer(person(to), part);
    }

    function burn(uint8 from, uint64 amount) external {
        uint256 part = amount % (TOKEN.balanceOf(person(from)) + 1);
        vm.prank(person(from));
        TOKEN.burn(part);
    }

    /// @dev To a person, or to nobody.
    function delegate(uint8 from, uint8 to) external {
        vm.prank(person(from));
        TOKEN.delegate(to % 7 == 6 ? address(0) : person(to));
    }

    function wait(uint32 time) external {
        vm.warp(block.timestamp + (time % 90 days));
        _see();
    }

    function advance(uint8 which, bool byVote) external {
        Capability capability = Capability(which % CAPABILITIES);
        vm.prank(byVote ? TIMELOCK : person(which));
        try HANDOVER.advance(capability) returns (uint256 stage) {
            vm.assertGe(stage, reached[capability]);
        } catch {}
        _see();
    }

    function elect(uint8 which, uint8 who, uint32 term) external {
        Capability capability = Capability(which % CAPABILITIES);
        if (HANDOVER.stage(capability) < HANDOVER.stages(capability).length) return;
        vm.prank(TIMELOCK);
        HANDOVER.elect(capability, person(who), uint64(block.timestamp + (term % (4 * 365 days))));
        _see();
    }

    /// @dev Stages only go up.
    function _see() private {
        for (uint256 i = 0; i < CAPABILITIES; ++i) {
            uint256 stage = HANDOVER.stage(Capability(i));
            vm.assertGe(stage, reached[Capability(i)]);
            reached[Capability(i)] = stage;
        }
    }
}

contract GovernanceInvariantsTest is Deployed {
    GovernanceHandler internal handler;

    function setUp() public override {
        super.setUp();
        handler = new GovernanceHandler(token, handover);
        token.mintEmission(1);
        vm.startPrank(address(vault));
        for (uint256 i = 0; i < handler.people(); ++i) {
            token.transfer(handler.person(i), (i + 1) * 1000 ether);
        }
        vm.stopPrank();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function invariant_VotesAreConservedAndFoundersNeverComeBack() external view {
        _votesAreThoseOfDelegatedBalances();
        _foundersHoldNothingOnceTheirStageIsOver();
    }

    function _votesAreThoseOfDelegatedBalances() private view {
        uint256 votes;
        uint256 delegated;
        for (uint256 i = 0; i < handler.people(); ++i) {
            address person = handler.person(i);
            votes += token.getVotes(person);
            if (token.delegates(person) != address(0)) delegated += token.balanceOf(person);
        }
        vm.assertEq(votes, delegated);
        vm.assertLe(votes, token.totalSupply());
    }

    function _foundersHoldNothingOnceTheirStageIsOver() private view {
        for (uint256 i = 0; i < 7; ++i) {
            Capability capability = Capability(i);
            if (handover.stage(capability) < handover.stages(capability).length) continue;
            vm.assertTrue(handover.holder(capability) != publisher);
            vm.assertTrue(handover.holder(capability) != guardian);
        }
    }
}
