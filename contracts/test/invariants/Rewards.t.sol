// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LAMToken} from "../../src/LAMToken.sol";
import {RewardsDistributor} from "../../src/RewardsDistributor.sol";
import {RewardsVault} from "../../src/RewardsVault.sol";
import {Entry, RootHeader} from "../../src/interfaces/IRewardsDistributor.sol";
import {Capability, Term} from "../../src/interfaces/IHandover.sol";
import {Source} from "../../src/interfaces/IRewardsVault.sol";
import {Deployed} from "../support/Deployed.sol";
import {Tree} from "../support/Tree.sol";
import {vm} from "../support/Vm.sol";

/// @notice People who publish, veto, pause, claim and expire in any order; nothing they do reverts.
contract RewardsHandler {
    uint256 internal constant PEOPLE = 9;
    bytes32 internal constant POLICY = keccak256("policy");
    /// @dev The founders' terms end here; so do the sequences.
    uint256 internal constant END = 1_800_000_000 + 4 * 365 days;

    LAMToken internal immutable TOKEN;
    RewardsVault internal immutable VAULT;
    RewardsDistributor internal immutable DISTRIBUTOR;
    address internal immutable PUBLISHER;
    address internal immutable GUARDIAN;
    address internal immutable TIMELOCK;

    uint64 internal epoch = 1;
    mapping(uint64 => uint256[PEOPLE]) internal sums;
    uint64 public activeEpoch;
    uint256 public paid;
    uint256 public expired;
    uint256 public donated;
    mapping(uint256 => uint256) public received;
    mapping(uint256 => uint256) public highest;

    constructor(RewardsDistributor distributor, address publisher, address guardian, address timelock) {
        TOKEN = LAMToken(distributor.TOKEN());
        VAULT = RewardsVault(address(distributor.VAULT()));
        DISTRIBUTOR = distributor;
        (PUBLISHER, GUARDIAN, TIMELOCK) = (publisher, guardian, timelock);
    }

    function person(uint256 i) public pure returns (address) {
        return address(uint160(0x1000 + i));
    }

    function people() external pure returns (uint256) {
        return PEOPLE;
    }

    function entriesOf(uint64 number) public view returns (Entry[] memory entries) {
        entries = new Entry[](PEOPLE);
        for (uint256 i = 0; i < PEOPLE; ++i) {
            entries[i] = Entry(person(i), sums[number][i]);
        }
    }

    function wait(uint32 time) external {
        uint256 to = block.timestamp + (time % 300 days);
        vm.warp(to < END ? to : END);
    }

    /// @dev The whole way at once, so that most sequences get to paying.
    function publish(uint256 seed) external {
        mint();
        submit(seed);
        if (block.timestamp + DISTRIBUTOR.VETO_SECONDS() > END) return;
        vm.warp(block.timestamp + DISTRIBUTOR.VETO_SECONDS());
        activate();
    }

    function mint() public {
        uint64 next = 1;
        while (TOKEN.emissionMinted(next)) ++next;
        if (block.timestamp >= TOKEN.startOf(next)) TOKEN.mintEmission(next);
    }

    function donate(uint64 amount, bool toDistributor, uint8 from) external {
        address giver = person(from % PEOPLE);
        amount = uint64(amount % (TOKEN.balanceOf(giver) + 1));
        vm.prank(giver);
        TOKEN.transfer(toDistributor ? address(DISTRIBUTOR) : address(VAULT), amount);
        if (toDistributor) donated += amount;
    }

    function fund(uint64 amount, uint8 from, bool bounty) external {
        address giver = person(from % PEOPLE);
        amount = uint64(amount % (TOKEN.balanceOf(giver) + 1));
        vm.startPrank(giver);
        TOKEN.approve(address(VAULT), amount);
        VAULT.fund(bounty ? Source.Bounties : Source.Marketplace, amount);
        vm.stopPrank();
    }

    function skim() external {
        VAULT.skim();
    }

    /// @dev Each person earns something or nothing, out of what is funded and not allocated.
    function submit(uint256 seed) public {
        if (DISTRIBUTOR.pendingRoot().root != 0) return;
        RootHeader memory header;
        header.epoch = epoch;
        header.policyHash = POLICY;
        uint256[3] memory last = DISTRIBUTOR.activeSourceTotals();
        for (uint256 i = 0; i < 3; ++i) {
            uint256 room = VAULT.funded(Source(i)) - last[i];
            header.sourceTotals[i] = last[i] + room / (1 + (uint256(keccak256(abi.encode(seed, i))) % 7));
            header.total += header.sourceTotals[i];
        }
        uint256 rest = header.total - DISTRIBUTOR.activeTotal();
        for (uint256 i = 0; i < PEOPLE; ++i) {
            uint256 part = i == PEOPLE - 1 ? rest : rest / (1 + (uint256(keccak256(abi.encode(i, seed))) % 9));
            sums[epoch][i] = (activeEpoch == 0 ? 0 : sums[activeEpoch][i]) + part;
            rest -= part;
        }
        header.root = Tree.root(entriesOf(epoch));
        vm.prank(PUBLISHER);
        DISTRIBUTOR.submitRoot(header);
    }

    function veto() external {
        if (DISTRIBUTOR.pendingRoot().root == 0) return;
        if (block.timestamp >= DISTRIBUTOR.pendingRoot().activatableAt) return;
        uint64 waiting = DISTRIBUTOR.pendingRoot().epoch;
        vm.prank(GUARDIAN);
        DISTRIBUTOR.veto(waiting);
    }

    function activate() public {
        if (DISTRIBUTOR.pendingRoot().root == 0 || DISTRIBUTOR.resumableAt() != 0) return;
        if (block.timestamp < DISTRIBUTOR.pendingRoot().activatableAt) return;
        DISTRIBUTOR.activate();
        activeEpoch = epoch++;
    }

    function pause() external {
        if (DISTRIBUTOR.resumableAt() != 0 || block.timestamp < DISTRIBUTOR.pausableAt()) return;
        vm.prank(GUARDIAN);
        DISTRIBUTOR.pause();
    }

    function resume() external {
        if (DISTRIBUTOR.resumableAt() == 0) return;
        vm.prank(GUARDIAN);
        DISTRIBUTOR.resume();
    }

    function forbid(uint8 who, bool allowed) external {
        vm.prank(person(who % PEOPLE));
        DISTRIBUTOR.setThirdPartyClaims(allowed);
    }

    function claim(uint8 who) external {
        uint256 i = who % PEOPLE;
        bytes32 root = DISTRIBUTOR.activeRoot();
        if (root == 0 || sums[activeEpoch][i] <= DISTRIBUTOR.claimed(person(i))) return;
        bytes32[] memory proof = Tree.proof(entriesOf(activeEpoch), i);
        vm.prank(person(i));
        uint256 amount = DISTRIBUTOR.claim(person(i), sums[activeEpoch][i], root, proof);
        _count(i, amount);
    }

    function claimMany(uint8 from, uint8 length) external {
        bytes32 root = DISTRIBUTOR.activeRoot();
        if (root == 0) return;
        (Entry[] memory run, uint256 position, bytes32[] memory proof, uint256 first) =
            _run(activeEpoch, from, length);
        uint256[PEOPLE] memory before = _claimed();
        uint256 total = DISTRIBUTOR.claimMany(run, position, root, proof);
        uint256 seen;
        for (uint256 i = first; i < first + run.length; ++i) {
            uint256 amount = DISTRIBUTOR.claimed(person(i)) - before[i];
            seen += amount;
            _count(i, amount);
        }
        vm.assertEq(seen, total);
    }

    function authoriseExpiry() external {
        uint64 next = DISTRIBUTOR.expiryEpoch() + 1;
        uint64 activatedAt = DISTRIBUTOR.activatedRoot(next).activatedAt;
        if (activatedAt == 0 || block.timestamp < activatedAt + DISTRIBUTOR.EXPIRY_SECONDS()) return;
        vm.prank(TIMELOCK);
        DISTRIBUTOR.expireThrough(next);
    }

    function expire(uint8 from, uint8 length) external {
        uint64 number = DISTRIBUTOR.expiryEpoch();
        if (number == 0) return;
        (Entry[] memory run, uint256 position, bytes32[] memory proof,) = _run(number, from, length);
        expired += DISTRIBUTOR.expireMany(run, position, proof);
        for (uint256 i = 0; i < PEOPLE; ++i) {
            _see(i);
        }
    }

    function _run(uint64 number, uint8 from, uint8 length)
        private
        view
        returns (Entry[] memory run, uint256 position, bytes32[] memory proof, uint256 first)
    {
        Entry[] memory entries = entriesOf(number);
        first = from % PEOPLE;
        uint256 count = 1 + (length % (PEOPLE - first));
        uint256 high = 2 * PEOPLE - 2 - first;
        while (Tree.depth(high) != Tree.depth(high - (count - 1))) --count;
        (run, position, proof) = Tree.range(entries, first, count);
    }

    function _claimed() private view returns (uint256[PEOPLE] memory claimed) {
        for (uint256 i = 0; i < PEOPLE; ++i) {
            claimed[i] = DISTRIBUTOR.claimed(person(i));
        }
    }

    function _count(uint256 i, uint256 amount) private {
        paid += amount;
        received[i] += amount;
        _see(i);
    }

    /// @dev `claimed` never falls.
    function _see(uint256 i) private {
        uint256 now_ = DISTRIBUTOR.claimed(person(i));
        vm.assertGe(now_, highest[i]);
        highest[i] = now_;
    }
}

contract RewardsInvariantsTest is Deployed {
    RewardsHandler internal handler;

    function setUp() public override {
        super.setUp();
        handler = new RewardsHandler(distributor, publisher, guardian, address(timelock));
    }

    /// @dev Long enough for rewards to expire while founders still act.
    function _terms() internal view override returns (Term[] memory terms) {
        terms = new Term[](2);
        terms[0] = Term(Capability.RootPublisher, publisher, START + 4 * 365 days);
        terms[1] = Term(Capability.Guardian, guardian, START + 4 * 365 days);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @dev Short, so that sequences get to it.
    function _expirySeconds() internal pure override returns (uint64) {
        return 30 days;
    }

    /// @dev One campaign for all, as each costs a run of its own.
    function invariant_RewardsAreSolvent() external view {
        _paidAndExpiredAreAllocatedAndFunded();
        _theDistributorHoldsWhatItOwes();
        _theVaultHoldsWhatIsFundedAndNotReleased();
        _nobodyIsPaidTwice();
        _nothingIsMintedBeyondTheSchedule();
    }

    /// @dev paid + expired ≤ allocated ≤ funded.
    function _paidAndExpiredAreAllocatedAndFunded() private view {
        vm.assertLe(handler.paid() + handler.expired(), distributor.activeTotal());
        vm.assertLe(distributor.activeTotal(), vault.totalFunded());
        vm.assertEq(vault.released(), distributor.activeTotal());
    }

    /// @dev Exactly what was allocated and not paid is there, besides donations.
    function _theDistributorHoldsWhatItOwes() private view {
        uint256 owed = distributor.activeTotal() - handler.paid() - handler.expired();
        vm.assertEq(token.balanceOf(address(distributor)), owed + handler.donated());
    }

    function _theVaultHoldsWhatIsFundedAndNotReleased() private view {
        vm.assertGe(token.balanceOf(address(vault)), vault.totalFunded() - vault.released());
        vm.assertLe(vault.escrowed(), vault.totalFunded() - vault.released());
    }

    /// @dev Nobody gets more than the active root says, however often it is asked.
    function _nobodyIsPaidTwice() private view {
        Entry[] memory entries = handler.entriesOf(handler.activeEpoch());
        for (uint256 i = 0; i < handler.people(); ++i) {
            vm.assertLe(handler.received(i), entries[i].cumulative);
            vm.assertLe(distributor.claimed(entries[i].account), entries[i].cumulative);
        }
    }

    function _nothingIsMintedBeyondTheSchedule() private view {
        vm.assertLe(token.totalMinted(), token.COMMUNITY_ALLOCATION());
        vm.assertEq(token.totalSupply(), token.totalMinted());
    }
}
