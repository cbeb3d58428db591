// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IHandover, Capability, Term} from "../../src/interfaces/IHandover.sol";
import {Deployed} from "../support/Deployed.sol";
import {vm} from "../support/Vm.sol";

contract HandoverTest is Deployed {
    address internal constant SECOND = address(0x2ED);
    address internal constant ELECTED = address(0xE1);

    function _terms() internal view override returns (Term[] memory terms) {
        terms = new Term[](3);
        terms[0] = Term(Capability.Guardian, guardian, START + 100);
        terms[1] = Term(Capability.RootPublisher, publisher, START + 500);
        terms[2] = Term(Capability.Guardian, SECOND, START + 200);
    }

    function _refused(Term memory term, uint256 index) private {
        Term[] memory terms = new Term[](2);
        terms[0] = Term(Capability.Guardian, guardian, START + 100);
        terms[1] = term;
        vm.expectRevert(abi.encodeWithSelector(IHandover.InvalidTerm.selector, index));
        this.make(address(timelock), terms);
    }

    function make(address at, Term[] memory terms) external returns (address) {
        return _create("Handover", abi.encode(at, terms));
    }

    function test_RevertWhen_ATermIsNoTerm() external {
        uint64 longest = START + handover.MAX_TERM_SECONDS();
        _refused(Term(Capability.Guardian, address(0), START + 200), 1);
        _refused(Term(Capability.Guardian, SECOND, START + 100), 1);
        _refused(Term(Capability.RootPublisher, publisher, START), 1);
        _refused(Term(Capability.Guardian, SECOND, longest + 1), 1);
        vm.expectRevert(abi.encodeWithSelector(IHandover.InvalidTerm.selector, uint256(0)));
        this.make(address(0), new Term[](0));
    }

    function test_ItSaysWhichTermsAreFixed() external {
        address next = vm.computeCreateAddress(address(this), vm.getNonce(address(this)));
        vm.expectEmit(true, true, true, true, next);
        emit IHandover.TermFixed(Capability.Guardian, 0, guardian, START + 100);
        vm.expectEmit(true, true, true, true, next);
        emit IHandover.TermFixed(Capability.RootPublisher, 0, publisher, START + 500);
        vm.expectEmit(true, true, true, true, next);
        emit IHandover.TermFixed(Capability.Guardian, 1, SECOND, START + 200);
        this.make(address(timelock), _terms());
    }

    function test_TheLongestTermIsFourYears() external {
        vm.assertEq(handover.MAX_TERM_SECONDS(), 4 * 365 days);
        Term[] memory terms = new Term[](1);
        terms[0] = Term(Capability.Guardian, guardian, START + 4 * 365 days);
        this.make(address(timelock), terms);
        vm.warp(START + 201);
        _elect(ELECTED, START + 201 + 4 * 365 days, "");
        vm.assertEq(handover.holder(Capability.Guardian), ELECTED);
    }

    function test_ATermLastsThroughItsLastSecond() external {
        vm.warp(START + 100);
        vm.assertEq(handover.holder(Capability.Guardian), guardian);
        vm.warp(START + 101);
        vm.assertEq(handover.holder(Capability.Guardian), SECOND);
        vm.warp(START + 201);
        _elect(ELECTED, START + 1000, "");
        vm.warp(START + 1000);
        vm.assertEq(handover.holder(Capability.Guardian), ELECTED);
        vm.warp(START + 1001);
        vm.assertEq(handover.holder(Capability.Guardian), address(timelock));
    }

    function test_ACapabilityWithoutATermIsTheTimelocks() external view {
        vm.assertEq(handover.holder(Capability.RewardPolicy), address(timelock));
        vm.assertEq(handover.stage(Capability.RewardPolicy), 0);
        vm.assertEq(handover.stages(Capability.Guardian).length, 2);
    }

    function testFuzz_TheHolderFollowsTheClockAlone(uint16 wait) external {
        vm.warp(START + wait);
        address expected = wait <= 100 ? guardian : wait <= 200 ? SECOND : address(timelock);
        vm.assertEq(handover.holder(Capability.Guardian), expected);
        vm.assertEq(handover.stage(Capability.Guardian), wait <= 100 ? 0 : wait <= 200 ? 1 : 2);
    }

    function test_RevertWhen_TheCapabilityIsWithTheTimelock() external {
        bytes memory error =
            abi.encodeWithSelector(IHandover.NoFurtherStage.selector, Capability.RewardPolicy);
        vm.expectRevert(error);
        vm.prank(address(timelock));
        handover.advance(Capability.RewardPolicy);
    }

    function testFuzz_RevertWhen_TheTermIsNotOverAndNobodyVoted(uint8 wait) external {
        vm.assume(wait <= 100);
        vm.warp(START + wait);
        bytes memory error =
            abi.encodeWithSelector(IHandover.TermNotOver.selector, Capability.Guardian, START + 100);
        vm.expectRevert(error);
        vm.prank(guardian);
        handover.advance(Capability.Guardian);
    }

    function test_AVoteEndsTheRunningTermForGood() external {
        vm.expectEmit(true, true, true, true, address(handover));
        emit IHandover.Advanced(Capability.Guardian, 1, SECOND, address(timelock));
        vm.prank(address(timelock));
        vm.assertEq(handover.advance(Capability.Guardian), 1);
        vm.assertEq(handover.holder(Capability.Guardian), SECOND);
        vm.prank(address(timelock));
        handover.advance(Capability.Guardian);
        vm.assertEq(handover.holder(Capability.Guardian), address(timelock));
        vm.assertEq(handover.holder(Capability.RootPublisher), publisher);
    }

    function test_AnyoneRecordsThatTermsAreOver() external {
        vm.warp(START + 201);
        vm.expectEmit(true, true, true, true, address(handover));
        emit IHandover.Advanced(Capability.Guardian, 2, address(timelock), stranger);
        vm.prank(stranger);
        vm.assertEq(handover.advance(Capability.Guardian), 2);
        vm.expectRevert(abi.encodeWithSelector(IHandover.NoFurtherStage.selector, Capability.Guardian));
        vm.prank(address(timelock));
        handover.advance(Capability.Guardian);
    }

    function test_RecordingAnEndedTermDoesNotEndTheNext() external {
        vm.warp(START + 101);
        vm.prank(address(timelock));
        vm.assertEq(handover.advance(Capability.Guardian), 1);
        vm.assertEq(handover.holder(Capability.Guardian), SECOND);
    }

    function _elect(address who, uint64 notAfter, bytes memory error) private {
        if (error.length > 0) vm.expectRevert(error);
        vm.prank(address(timelock));
        handover.elect(Capability.Guardian, who, notAfter);
    }

    function test_RevertWhen_TheCallerIsNotTheTimelock() external {
        vm.expectRevert(abi.encodeWithSelector(IHandover.NotTimelock.selector, guardian));
        vm.prank(guardian);
        handover.elect(Capability.RewardPolicy, guardian, START + 10);
    }

    function test_RevertWhen_AFoundersTermRuns() external {
        bytes memory error =
            abi.encodeWithSelector(IHandover.FounderTermRunning.selector, Capability.Guardian);
        _elect(ELECTED, START + 1000, error);
        vm.warp(START + 150);
        _elect(ELECTED, START + 1000, error);
    }

    function test_RevertWhen_TheElectionIsEmptyOrTooLong() external {
        vm.warp(START + 201);
        bytes memory error = abi.encodeWithSelector(IHandover.InvalidTerm.selector, uint256(0));
        _elect(address(0), START + 1000, error);
        _elect(ELECTED, START + 201 + handover.MAX_TERM_SECONDS() + 1, error);
    }

    function testFuzz_TheElectedHoldsItUntilTheTermEnds(uint16 wait) external {
        vm.warp(START + 201);
        vm.expectEmit(true, true, true, true, address(handover));
        emit IHandover.Elected(Capability.Guardian, ELECTED, START + 1000);
        _elect(ELECTED, START + 1000, "");
        vm.warp(START + 201 + uint256(wait));
        vm.assertEq(handover.holder(Capability.Guardian), wait <= 799 ? ELECTED : address(timelock));
        vm.assertEq(handover.electedTerm(Capability.Guardian).notAfter, START + 1000);
    }

    function test_AVoteTakesAnElectionBack() external {
        vm.warp(START + 201);
        _elect(ELECTED, START + 1000, "");
        _elect(ELECTED, START, "");
        vm.assertEq(handover.holder(Capability.Guardian), address(timelock));
    }
}
