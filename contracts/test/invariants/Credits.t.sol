// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ActionCredits} from "../../src/ActionCredits.sol";
import {LAMToken} from "../../src/LAMToken.sol";
import {CreditAccount, Settlement, SettlementHeader} from "../../src/interfaces/IActionCredits.sol";
import {Capability, Term} from "../../src/interfaces/IHandover.sol";
import {Entry} from "../../src/interfaces/IRewardsDistributor.sol";
import {Source} from "../../src/interfaces/IRewardsVault.sol";
import {Deployed} from "../support/Deployed.sol";
import {Tree} from "../support/Tree.sol";
import {vm} from "../support/Vm.sol";

/// @notice People who put LAM in, use it and want it back, and a service that keeps to its side: it reserves
/// before it works, nothing after a request, and settles what was used. Nothing they do reverts.
contract CreditsHandler {
    uint256 internal constant PEOPLE = 4;
    bytes32 internal constant POLICY = keccak256("policy");
    /// @dev The founders' terms end here; so do the sequences.
    uint256 internal constant END = 1_800_000_000 + 4 * 365 days;

    LAMToken internal immutable TOKEN;
    ActionCredits internal immutable CREDITS;
    address internal immutable PUBLISHER;
    address internal immutable GUARDIAN;

    uint64 internal epoch = 1;
    mapping(uint64 => uint256[PEOPLE]) internal leaves;
    mapping(uint256 => uint256) internal reserved;
    mapping(uint256 => uint256) public used;
    uint256 public deposited;
    uint256 public withdrawn;
    uint256 public donated;
    uint256 public skimmed;

    constructor(ActionCredits credits, address publisher, address guardian) {
        TOKEN = LAMToken(credits.TOKEN());
        CREDITS = credits;
        (PUBLISHER, GUARDIAN) = (publisher, guardian);
    }

    function person(uint256 i) public pure returns (address) {
        return address(uint160(0x3000 + (i % PEOPLE)));
    }

    function people() external pure returns (uint256) {
        return PEOPLE;
    }

    function wait(uint32 time) external {
        _wait(time % 15 days);
    }

    function deposit(uint8 from, uint8 to, uint64 amount) external {
        uint256 part = amount % (TOKEN.balanceOf(person(from)) + 1);
        if (part == 0) return;
        vm.startPrank(person(from));
        TOKEN.approve(address(CREDITS), part);
        CREDITS.deposit(person(to), part);
        vm.stopPrank();
        deposited += part;
    }

    function donate(uint8 from, uint32 amount) external {
        uint256 part = amount % (TOKEN.balanceOf(person(from)) + 1);
        vm.prank(person(from));
        TOKEN.transfer(address(CREDITS), part);
        donated += part;
    }

    function skim() external {
        skimmed += CREDITS.skim();
    }

    /// @dev The service sets LAM aside for work, out of what is left and asked back by nobody.
    function reserve(uint8 who, uint64 amount) external {
        uint256 i = who % PEOPLE;
        CreditAccount memory credit = CREDITS.creditOf(person(i));
        if (credit.requestedAt != 0) return;
        reserved[i] += amount % (credit.deposited - credit.withdrawn - used[i] - reserved[i] + 1);
    }

    /// @dev The work is done: in time after a request, or it is dropped.
    function capture(uint8 who) external {
        uint256 i = who % PEOPLE;
        uint64 requestedAt = CREDITS.creditOf(person(i)).requestedAt;
        if (requestedAt == 0 || block.timestamp < requestedAt + CREDITS.SETTLEMENT_SECONDS()) {
            used[i] += reserved[i];
        }
        reserved[i] = 0;
    }

    function request(uint8 who) external {
        if (CREDITS.creditOf(person(who)).requestedAt != 0) return;
        vm.prank(person(who));
        CREDITS.requestWithdrawal();
    }

    function cancel(uint8 who) external {
        if (CREDITS.creditOf(person(who)).requestedAt == 0) return;
        vm.prank(person(who));
        CREDITS.cancelWithdrawal();
    }

    /// @dev The whole way at once, so that most sequences get to paying.
    function settle(uint256 seed) external {
        submit(seed);
        _wait(CREDITS.VETO_SECONDS());
        activate();
    }

    function submit(uint256 seed) public {
        Settlement memory last = CREDITS.activeSettlement();
        if (CREDITS.pendingSettlement().root != 0 || block.timestamp <= last.coveredUntil) return;
        SettlementHeader memory header;
        for (uint256 i = 0; i < PEOPLE; ++i) {
            leaves[epoch][i] = used[i];
            header.spent += used[i];
        }
        uint256 rest = header.spent - last.spent;
        uint256 creators = seed % (rest + 1);
        uint256 burned = (seed >> 128) % (rest - creators + 1);
        header.epoch = epoch;
        header.coveredUntil = uint64(block.timestamp);
        header.root = Tree.root(_entries(epoch));
        header.creators = last.creators + creators;
        header.burned = last.burned + burned;
        header.ecosystem = last.ecosystem + rest - creators - burned;
        header.policyHash = POLICY;
        vm.prank(PUBLISHER);
        CREDITS.submitSettlement(header);
    }

    function activate() public {
        Settlement memory waiting = CREDITS.pendingSettlement();
        if (waiting.root == 0 || block.timestamp < waiting.activatableAt) return;
        CREDITS.activate();
        ++epoch;
    }

    function veto() external {
        Settlement memory waiting = CREDITS.pendingSettlement();
        if (waiting.root == 0 || block.timestamp >= waiting.activatableAt) return;
        vm.prank(GUARDIAN);
        CREDITS.veto(waiting.epoch);
    }

    /// @dev As soon as the rules allow it. What was used and never settled is lost to the service, and only
    /// where it did not settle for `EXIT_SECONDS`.
    function withdraw(uint8 who) external {
        uint256 i = who % PEOPLE;
        CreditAccount memory credit = CREDITS.creditOf(person(i));
        Settlement memory last = CREDITS.activeSettlement();
        bool covered = last.coveredUntil >= credit.requestedAt + CREDITS.SETTLEMENT_SECONDS();
        if (!_mayWithdraw(credit.requestedAt, covered)) return;
        reserved[i] = 0;
        bool young = credit.firstDepositAt > last.coveredUntil;
        uint256 spent = young ? 0 : leaves[last.epoch][i];
        uint256 counted = spent < credit.spent ? credit.spent : spent;
        if (counted >= credit.deposited - credit.withdrawn) return;
        bytes32[] memory proof = young ? new bytes32[](0) : Tree.proof(_entries(last.epoch), i);
        vm.prank(person(i));
        withdrawn += CREDITS.withdraw(spent, last.root, proof);
        if (covered) vm.assertEq(used[i], counted);
        used[i] = counted;
    }

    function _mayWithdraw(uint64 requestedAt, bool covered) private view returns (bool) {
        if (requestedAt == 0) return false;
        if (covered) return block.timestamp >= requestedAt + CREDITS.WITHDRAWAL_SECONDS();
        if (block.timestamp < requestedAt + CREDITS.EXIT_SECONDS()) return false;
        return CREDITS.pendingSettlement().root == 0;
    }

    function _wait(uint256 time) private {
        uint256 to = block.timestamp + time;
        vm.warp(to < END ? to : END);
    }

    function _entries(uint64 number) private view returns (Entry[] memory entries) {
        entries = new Entry[](PEOPLE);
        for (uint256 i = 0; i < PEOPLE; ++i) {
            entries[i] = Entry(person(i), leaves[number][i]);
        }
    }
}

contract CreditsInvariantsTest is Deployed {
    CreditsHandler internal handler;

    function setUp() public override {
        super.setUp();
        handler = new CreditsHandler(credits, publisher, guardian);
        token.mintEmission(1);
        vm.startPrank(address(vault));
        for (uint256 i = 0; i < handler.people(); ++i) {
            token.transfer(handler.person(i), 30 ether);
        }
        vm.stopPrank();
    }

    function _terms() internal view override returns (Term[] memory terms) {
        terms = new Term[](2);
        terms[0] = Term(Capability.RootPublisher, publisher, START + 4 * 365 days);
        terms[1] = Term(Capability.Guardian, guardian, START + 4 * 365 days);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @dev One campaign for all, as each costs a run of its own.
    function invariant_CreditsAreThere() external view {
        _whatIsThereIsWhatWasPutInAndNotTakenOrSpent();
        _theSharesAreWhatWasSpent();
        _whatWaitsIsThere();
        _nobodyTakesBackWhatItUsed();
    }

    /// @dev deposits − withdrawn − settled = balance, besides donations.
    function _whatIsThereIsWhatWasPutInAndNotTakenOrSpent() private view {
        vm.assertEq(credits.totalDeposited(), handler.deposited());
        vm.assertEq(credits.totalWithdrawn(), handler.withdrawn());
        uint256 owed = handler.deposited() - handler.withdrawn() - credits.activeSettlement().spent;
        vm.assertEq(token.balanceOf(address(credits)), owed + handler.donated() - handler.skimmed());
    }

    /// @dev creators + burned + ecosystem = spent, and each went where it belongs.
    function _theSharesAreWhatWasSpent() private view {
        Settlement memory last = credits.activeSettlement();
        vm.assertEq(last.creators + last.burned + last.ecosystem, last.spent);
        vm.assertEq(vault.funded(Source.Marketplace), last.creators);
        vm.assertEq(token.totalMinted() - token.totalSupply(), last.burned);
        vm.assertEq(token.balanceOf(address(timelock)), last.ecosystem + handler.skimmed());
    }

    function _whatWaitsIsThere() private view {
        uint256 left = credits.totalDeposited() - credits.totalWithdrawn();
        vm.assertLe(credits.pendingSettlement().spent, left);
        vm.assertLe(credits.activeSettlement().spent, left);
    }

    /// @dev However request, use, settlement and withdrawal fall.
    function _nobodyTakesBackWhatItUsed() private view {
        for (uint256 i = 0; i < handler.people(); ++i) {
            CreditAccount memory credit = credits.creditOf(handler.person(i));
            vm.assertLe(credit.withdrawn + handler.used(i), credit.deposited);
            vm.assertLe(credit.spent, handler.used(i));
        }
    }
}
