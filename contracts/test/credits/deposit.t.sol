// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {ActionCredits} from "../../src/ActionCredits.sol";
import {IActionCredits as I, CreditAccount} from "../../src/interfaces/IActionCredits.sol";
import {vm} from "../support/Vm.sol";
import {Credits} from "./Credits.sol";

contract CreditsConstructorTest is Credits {
    function _make(uint64 veto, uint64 settlement, uint64 withdrawal, uint64 exit) private returns (address) {
        bytes memory arguments =
            abi.encode(token, vault, registry, handover, veto, settlement, withdrawal, exit);
        return _create("ActionCredits", arguments);
    }

    function make(uint64 veto, uint64 settlement, uint64 withdrawal, uint64 exit) external returns (address) {
        return _make(veto, settlement, withdrawal, exit);
    }

    function test_RevertWhen_ADelayIsZero() external {
        vm.expectRevert(I.InvalidDelays.selector);
        this.make(0, 1, 10, 20);
        vm.expectRevert(I.InvalidDelays.selector);
        this.make(1, 0, 10, 20);
    }

    function test_RevertWhen_AWithdrawalCouldOvertakeASettlement() external {
        vm.expectRevert(I.InvalidDelays.selector);
        this.make(3, 4, 7, 20);
    }

    function test_RevertWhen_AnExitIsNotLaterThanAWithdrawal() external {
        vm.expectRevert(I.InvalidDelays.selector);
        this.make(3, 4, 8, 8);
    }

    function test_ItKeepsDelaysThatFollowEachOther() external {
        ActionCredits made = ActionCredits(_make(3, 4, 8, 9));
        vm.assertEq(made.VETO_SECONDS(), 3);
        vm.assertEq(made.SETTLEMENT_SECONDS(), 4);
        vm.assertEq(made.WITHDRAWAL_SECONDS(), 8);
        vm.assertEq(made.EXIT_SECONDS(), 9);
        vm.assertEq(made.TOKEN(), address(token));
        vm.assertEq(address(made.VAULT()), address(vault));
        vm.assertEq(address(made.REGISTRY()), address(registry));
        vm.assertEq(address(made.HANDOVER()), address(handover));
    }
}

contract DepositTest is Credits {
    bytes32 internal constant PERMIT_TYPEHASH =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
    uint256 internal constant KEY = 0xC0DE;

    function test_RevertWhen_TheAmountIsZero() external {
        vm.expectRevert(I.EmptyDeposit.selector);
        _deposit(ann, 0);
    }

    function test_RevertWhen_TheAllowanceIsTooSmall() external {
        vm.prank(ann);
        token.approve(address(credits), 1 ether - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientAllowance.selector, address(credits), 1 ether - 1, 1 ether
            )
        );
        _deposit(ann, 1 ether);
    }

    function test_RevertWhen_TheAmountDoesNotFit() external {
        uint256 amount = uint256(type(uint128).max) + 2;
        vm.expectRevert(
            abi.encodeWithSelector(SafeCast.SafeCastOverflowedUintDowncast.selector, uint8(128), amount)
        );
        _deposit(ann, amount);
    }

    function testFuzz_ItCreditsTheAccountWhoeverPays(uint64 amount, bool own) external {
        vm.assume(amount > 0);
        address account = own ? ann : bob;
        vm.expectEmit(true, true, true, true, address(credits));
        emit I.Deposited(account, ann, amount);
        vm.prank(ann);
        credits.deposit(account, amount);
        CreditAccount memory credit = credits.creditOf(account);
        vm.assertEq(credit.deposited, amount);
        vm.assertEq(credit.withdrawn, 0);
        vm.assertEq(credit.spent, 0);
        vm.assertEq(credit.requestedAt, 0);
        vm.assertEq(credits.totalDeposited(), amount);
        vm.assertEq(token.balanceOf(address(credits)), amount);
        vm.assertEq(token.balanceOf(ann), 1000 ether - amount);
    }

    function test_ItKeepsTheTimeOfTheFirstDeposit() external {
        _deposit(ann, 1 ether);
        vm.warp(START + 1 days);
        _deposit(ann, 2 ether);
        vm.assertEq(credits.creditOf(ann).firstDepositAt, START);
        vm.assertEq(credits.creditOf(ann).deposited, 3 ether);
        vm.assertEq(credits.totalDeposited(), 3 ether);
    }

    function _permit(uint256 amount) private returns (address owner, uint8 v, bytes32 r, bytes32 s) {
        owner = vm.addr(KEY);
        vm.prank(address(vault));
        token.transfer(owner, 10 ether);
        bytes32 hash = keccak256(
            abi.encode(PERMIT_TYPEHASH, owner, address(credits), amount, token.nonces(owner), START + 1)
        );
        (v, r, s) = vm.sign(KEY, keccak256(abi.encodePacked("\x19\x01", token.DOMAIN_SEPARATOR(), hash)));
    }

    function test_ItTakesTheLamByAPermit() external {
        (address owner, uint8 v, bytes32 r, bytes32 s) = _permit(4 ether);
        vm.prank(owner);
        credits.depositWithPermit(bob, 4 ether, START + 1, v, r, s);
        vm.assertEq(credits.creditOf(bob).deposited, 4 ether);
        vm.assertEq(token.balanceOf(owner), 6 ether);
    }

    function test_APermitThatSomebodyUsedAlreadyIsNoObstacle() external {
        (address owner, uint8 v, bytes32 r, bytes32 s) = _permit(4 ether);
        vm.prank(stranger);
        token.permit(owner, address(credits), 4 ether, START + 1, v, r, s);
        vm.prank(owner);
        credits.depositWithPermit(owner, 4 ether, START + 1, v, r, s);
        vm.assertEq(credits.creditOf(owner).deposited, 4 ether);
    }

    function test_RevertWhen_ThePermitIsBad() external {
        (address owner, uint8 v, bytes32 r, bytes32 s) = _permit(4 ether);
        vm.expectRevert(
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientAllowance.selector, address(credits), 0, 5 ether
            )
        );
        vm.prank(owner);
        credits.depositWithPermit(owner, 5 ether, START + 1, v, r, s);
    }

    function test_SkimmingSendsWhatNobodyDepositedToTheTreasury() external {
        _deposit(ann, 10 ether);
        _deposit(bob, 5 ether);
        _settle(1, 4 ether, 0);
        _request(bob);
        vm.warp(block.timestamp + EXIT_SECONDS);
        _withdraw(bob);
        vm.prank(ann);
        token.transfer(address(credits), 7 ether);
        uint256 before = token.balanceOf(address(timelock));
        vm.expectEmit(true, true, true, true, address(credits));
        emit I.Skimmed(address(timelock), 7 ether);
        vm.prank(stranger);
        vm.assertEq(credits.skim(), 7 ether);
        vm.assertEq(token.balanceOf(address(timelock)) - before, 7 ether);
        vm.assertEq(token.balanceOf(address(credits)), 6 ether);
        vm.assertEq(credits.skim(), 0);
    }
}
