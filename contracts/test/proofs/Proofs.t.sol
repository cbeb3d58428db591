// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {Handover} from "../../src/Handover.sol";
import {LAMToken} from "../../src/LAMToken.sol";
import {RewardsDistributor} from "../../src/RewardsDistributor.sol";
import {RewardsVault} from "../../src/RewardsVault.sol";
import {Capability, IHandover, Term} from "../../src/interfaces/IHandover.sol";
import {Allocation} from "../../src/interfaces/ILAMToken.sol";
import {IRegistry, Kind} from "../../src/interfaces/IRegistry.sol";
import {IRewardsVault, Source} from "../../src/interfaces/IRewardsVault.sol";
import {Entry, RootHeader} from "../../src/interfaces/IRewardsDistributor.sol";
import {vm} from "../support/Vm.sol";

/// @notice Balances and an emission, as the vault reads them of LAM.
contract PlainLAM is ERC20 {
    uint256 public totalEmission;

    constructor() ERC20("LAM", "LAM") {}

    function emission(address to, uint256 amount) external {
        totalEmission += amount;
        _mint(to, amount);
    }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}

/// @notice Whoever deployed it may do all, every policy is adopted, and every sum is funded.
contract Permissive {
    address internal immutable OWNER = msg.sender;
    PlainLAM internal immutable TOKEN;
    uint256 internal escrowed;

    constructor(PlainLAM token) {
        TOKEN = token;
    }

    function holder(Capability) external view returns (address) {
        return OWNER;
    }

    function TIMELOCK() external view returns (address) {
        return OWNER;
    }

    function isAdopted(Kind, bytes32) external pure returns (bool) {
        return true;
    }

    function funded(Source) external pure returns (uint256) {
        return type(uint128).max;
    }

    function escrow(uint256 amount) external {
        escrowed = amount;
    }

    function release() external {
        TOKEN.mint(msg.sender, escrowed);
    }
}

/// @notice For all values and not for some: proven by halmos, which `make audit-contracts` runs.
contract Proofs {
    address internal constant ALICE = address(0xA11CE);
    address internal constant BOB = address(0xB0B);
    uint256 internal constant ALLOCATED = 100_000_000 ether;

    PlainLAM internal token = new PlainLAM();
    Permissive internal all = new Permissive(token);
    RewardsVault internal vault = new RewardsVault(address(token), address(this), IHandover(address(all)));
    RewardsDistributor internal distributor = new RewardsDistributor(
        address(token),
        IRewardsVault(address(all)),
        IRegistry(address(all)),
        IHandover(address(all)),
        1 days,
        365 days
    );

    /// @dev A tree of one leaf, which is its root.
    function _publish(uint64 epoch, address account, uint256 cumulative, uint256 total) private {
        RootHeader memory header;
        header.epoch = epoch;
        header.root = keccak256(bytes.concat(keccak256(abi.encode(account, cumulative))));
        header.total = total;
        header.sourceTotals[0] = total;
        distributor.submitRoot(header);
        vm.warp(block.timestamp + 1 days);
        distributor.activate();
    }

    function _claim(address account, uint256 cumulative) private returns (bool paid) {
        bytes32 root = distributor.activeRoot();
        bytes memory call = abi.encodeCall(distributor.claim, (account, cumulative, root, new bytes32[](0)));
        (paid,) = address(distributor).call(call);
    }

    /// @dev Two roots, and a claim under each as often as one likes.
    function check_NobodyIsPaidTwice(address account, uint128 first, uint128 second) external {
        vm.assume(account != address(distributor) && account != address(0) && second >= first);
        _publish(1, account, first, first);
        bool paid = _claim(account, first);
        assert(paid == (first > 0));
        assert(!_claim(account, first));
        assert(token.balanceOf(account) == first && distributor.claimed(account) == first);
        _publish(2, account, second, second);
        _claim(account, second);
        assert(!_claim(account, second));
        assert(token.balanceOf(account) == second && distributor.claimed(account) == second);
        assert(token.balanceOf(address(distributor)) == 0);
    }

    /// @dev A root that promises anything pays no more than it escrowed.
    function check_PaidIsAtMostAllocated(address account, uint256 promised, uint128 total) external {
        vm.assume(account != address(distributor) && account != address(0));
        _publish(1, account, promised, total);
        bool paid = _claim(account, promised);
        assert(!paid || promised <= total);
        assert(token.balanceOf(account) <= total);
        assert(token.balanceOf(account) + token.balanceOf(address(distributor)) == total);
    }

    /// @dev However a later root lowers a sum.
    function check_ClaimedNeverFalls(address account, uint128 first, uint128 second, uint128 total) external {
        vm.assume(account != address(distributor) && account != address(0) && total >= first);
        _publish(1, account, first, first);
        _claim(account, first);
        uint256 before = distributor.claimed(account);
        _publish(2, account, second, total);
        _claim(account, second);
        assert(distributor.claimed(account) >= before);
    }

    /// @dev Expiry takes what an old root left unclaimed, once, and nothing of what came after it.
    function check_ExpiryTakesOnlyWhatWasLeft(address account, uint128 first, uint128 second, bool claims)
        external
    {
        vm.assume(account != address(distributor) && account != address(this) && account != address(0));
        vm.assume(second >= first);
        _publish(1, account, first, first);
        if (claims) _claim(account, first);
        _publish(2, account, second, second);
        vm.warp(block.timestamp + distributor.EXPIRY_SECONDS());
        distributor.expireThrough(1);
        Entry[] memory entries = new Entry[](1);
        entries[0] = Entry(account, first);
        uint256 expired = distributor.expireMany(entries, 0, new bytes32[](0));
        assert(expired == (claims ? 0 : first));
        assert(distributor.expireMany(entries, 0, new bytes32[](0)) == 0);
        assert(token.balanceOf(address(this)) == expired);
        _claim(account, second);
        assert(token.balanceOf(account) == second - expired);
        assert(token.balanceOf(address(distributor)) == 0);
    }

    /// @dev Whatever two people hold, whomever they delegate to, whatever moves, and however they change.
    function check_VotesAreThoseOfDelegatedBalances(
        uint88 given,
        uint88 moved,
        uint32 time,
        uint8 ofAlice,
        uint8 ofBob,
        uint8 later
    ) external {
        LAMToken lam = _lam();
        vm.assume(given <= ALLOCATED && moved <= given);
        _delegate(lam, ALICE, ofAlice);
        _delegate(lam, BOB, ofBob);
        vm.prank(ALICE);
        lam.transfer(BOB, given);
        _assertVotes(lam);
        vm.warp(block.timestamp + time);
        vm.prank(BOB);
        lam.transfer(ALICE, moved);
        _assertVotes(lam);
        _delegate(lam, ALICE, later);
        _assertVotes(lam);
    }

    function _lam() private returns (LAMToken) {
        Allocation[] memory allocations = new Allocation[](1);
        allocations[0] = Allocation(ALICE, ALLOCATED);
        return
            new LAMToken(
                address(vault), address(distributor), IHandover(address(all)), 1, 7 days, allocations
            );
    }

    /// @dev To Alice, to Bob or to nobody.
    function _delegate(LAMToken lam, address from, uint8 choice) private {
        vm.prank(from);
        lam.delegate(choice == 0 ? address(0) : choice == 1 ? ALICE : BOB);
    }

    function _assertVotes(LAMToken lam) private view {
        uint256 delegated = _delegatedOf(lam, ALICE) + _delegatedOf(lam, BOB);
        assert(lam.getVotes(ALICE) + lam.getVotes(BOB) == delegated);
        assert(lam.balanceOf(ALICE) + lam.balanceOf(BOB) == ALLOCATED);
    }

    function _delegatedOf(LAMToken lam, address person) private view returns (uint256) {
        return lam.delegates(person) == address(0) ? 0 : lam.balanceOf(person);
    }

    /// @dev What leaves the vault was funded, and what was funded and has not left is there.
    function check_AllocatedIsAtMostFunded(uint128 emitted, uint128 paidIn, uint256 first, uint256 second)
        external
    {
        token.emission(address(vault), emitted);
        token.mint(address(this), paidIn);
        token.approve(address(vault), paidIn);
        vault.fund(Source.Bounties, paidIn);
        _escrow(first);
        vault.release();
        _escrow(second);
        vault.refund();
        _escrow(second);
        assert(vault.released() + vault.escrowed() <= vault.totalFunded());
        assert(token.balanceOf(address(vault)) == vault.totalFunded() - vault.released());
    }

    function _escrow(uint256 amount) private {
        (bool done,) = address(vault).call(abi.encodeCall(vault.escrow, (amount)));
        done;
    }

    /// @dev Whoever calls, whenever: stages only go up, and the last is the timelock's.
    function check_StagesOnlyGoUp(address caller, uint32 first, uint32 second, uint8 which) external {
        Capability capability = which % 2 == 0 ? Capability.Guardian : Capability.RewardPolicy;
        Term[] memory terms = new Term[](2);
        terms[0] = Term(Capability.Guardian, address(1), uint64(block.timestamp + 100));
        terms[1] = Term(Capability.Guardian, address(2), uint64(block.timestamp + 200));
        Handover handover = new Handover(address(3), terms);
        vm.warp(block.timestamp + first);
        uint256 before = handover.stage(capability);
        vm.prank(caller);
        (bool advanced,) = address(handover).call(abi.encodeCall(handover.advance, (capability)));
        uint256 reached = handover.stage(capability);
        assert(reached >= before);
        assert(reached == before || (advanced && caller == address(3)));
        vm.warp(block.timestamp + second);
        assert(handover.stage(capability) >= reached);
        uint256 last = handover.stages(capability).length;
        assert(handover.stage(capability) < last || handover.holder(capability) == address(3));
    }
}
