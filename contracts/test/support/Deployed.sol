// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {ActionCredits} from "../../src/ActionCredits.sol";
import {Handover} from "../../src/Handover.sol";
import {LAMGovernor, GovernorParameters} from "../../src/LAMGovernor.sol";
import {LAMToken} from "../../src/LAMToken.sol";
import {Registry} from "../../src/Registry.sol";
import {RewardsDistributor} from "../../src/RewardsDistributor.sol";
import {RewardsVault} from "../../src/RewardsVault.sol";
import {Capability, Term} from "../../src/interfaces/IHandover.sol";
import {Allocation} from "../../src/interfaces/ILAMToken.sol";
import {Adoption} from "../../src/interfaces/IRegistry.sol";
import {Entry, RootHeader} from "../../src/interfaces/IRewardsDistributor.sol";
import {Tree} from "./Tree.sol";
import {vm} from "./Vm.sol";

/// @notice All contracts as `chain/deploy.py` deploys them, and short words to act on them.
abstract contract Deployed {
    // Read by forge: this is a test contract.
    bool public constant IS_TEST = true;

    bytes32 internal constant POLICY = keccak256("policy");
    bytes32 internal constant VERIFIER = keccak256("verifier");
    uint64 internal constant START = 1_800_000_000;
    uint64 internal constant EPOCH_SECONDS = 7 days;
    uint64 internal constant VETO_SECONDS = 2 days;
    uint64 internal constant EXPIRY_SECONDS = 730 days;
    uint48 internal constant VOTING_DELAY = 1 days;
    uint32 internal constant VOTING_PERIOD = 7 days;
    uint48 internal constant LATE_QUORUM = 2 days;
    uint48 internal constant OBJECTIONS = 1 days;
    uint48 internal constant GRACE = 14 days;
    uint256 internal constant TIMELOCK_DELAY = 2 days;
    uint64 internal constant SETTLEMENT_SECONDS = 1 days;
    uint64 internal constant WITHDRAWAL_SECONDS = 10 days;
    uint64 internal constant EXIT_SECONDS = 30 days;

    address internal publisher = address(0x9B);
    address internal guardian = address(0x6A);
    address internal stranger = address(0x57);

    TimelockController internal timelock;
    Handover internal handover;
    Registry internal registry;
    LAMToken internal token;
    LAMGovernor internal governor;
    RewardsVault internal vault;
    RewardsDistributor internal distributor;
    ActionCredits internal credits;

    Entry[] internal entries;

    function setUp() public virtual {
        vm.warp(START);
        uint256 nonce = vm.getNonce(address(this));
        address governorAt = vm.computeCreateAddress(address(this), nonce + 4);
        address vaultAt = vm.computeCreateAddress(address(this), nonce + 5);
        address distributorAt = vm.computeCreateAddress(address(this), nonce + 6);
        address[] memory only = new address[](1);
        only[0] = governorAt;
        timelock = TimelockController(
            payable(_create("TimelockController", abi.encode(TIMELOCK_DELAY, only, only, address(0))))
        );
        handover = Handover(_create("Handover", abi.encode(timelock, _terms())));
        Adoption memory policy = Adoption(POLICY, "policy", 0);
        Adoption memory verifier = Adoption(VERIFIER, "verifier", 0);
        registry = Registry(_create("Registry", abi.encode(handover, policy, verifier)));
        Allocation[] memory none = new Allocation[](0);
        bytes memory arguments = abi.encode(vaultAt, distributorAt, handover, START, EPOCH_SECONDS, none);
        token = LAMToken(_create("LAMToken", arguments));
        arguments = abi.encode(token, timelock, handover, _governorParameters());
        governor = LAMGovernor(payable(_create("LAMGovernor", arguments)));
        vault = RewardsVault(_create("RewardsVault", abi.encode(token, distributorAt, handover)));
        arguments = abi.encode(token, vault, registry, handover, VETO_SECONDS, _expirySeconds());
        distributor = RewardsDistributor(_create("RewardsDistributor", arguments));
        arguments = abi.encode(
            token,
            vault,
            registry,
            handover,
            VETO_SECONDS,
            SETTLEMENT_SECONDS,
            WITHDRAWAL_SECONDS,
            EXIT_SECONDS
        );
        credits = ActionCredits(_create("ActionCredits", arguments));
    }

    /// @dev By artifact and not by `new`, which would copy every contract's code into every test.
    function _create(string memory name, bytes memory arguments) internal returns (address created) {
        bytes memory code = bytes.concat(vm.getCode(string.concat(name, ".sol:", name)), arguments);
        assembly ("memory-safe") {
            created := create(0, add(code, 0x20), mload(code))
            if iszero(created) {
                returndatacopy(0x00, 0, returndatasize())
                revert(0x00, returndatasize())
            }
        }
    }

    function _terms() internal view virtual returns (Term[] memory terms) {
        terms = new Term[](2);
        terms[0] = Term(Capability.RootPublisher, publisher, START + 730 days);
        terms[1] = Term(Capability.Guardian, guardian, START + 365 days);
    }

    function _expirySeconds() internal pure virtual returns (uint64) {
        return EXPIRY_SECONDS;
    }

    function _governorParameters() internal pure virtual returns (GovernorParameters memory) {
        return GovernorParameters({
            votingDelay: VOTING_DELAY,
            votingPeriod: VOTING_PERIOD,
            proposalThreshold: 100 ether,
            quorumPercent: 4,
            lateQuorumExtension: LATE_QUORUM,
            objectionPeriod: OBJECTIONS,
            gracePeriod: GRACE
        });
    }

    // ------------------------------------------------------------------ rewards

    function _header(uint64 epoch, bytes32 root, uint256 total) internal pure returns (RootHeader memory) {
        return RootHeader({
            epoch: epoch,
            root: root,
            total: total,
            sourceTotals: [total, 0, 0],
            policyHash: POLICY,
            ledgerRoot: keccak256("ledger"),
            bundleHash: keccak256("bundle")
        });
    }

    function _submit(uint64 epoch, bytes32 root, uint256 total) internal {
        vm.prank(publisher);
        distributor.submitRoot(_header(epoch, root, total));
    }

    /// @dev Mints, submits, waits for the veto window and activates.
    function _publish(uint64 epoch, bytes32 root, uint256 total) internal {
        if (block.timestamp < token.startOf(epoch)) vm.warp(token.startOf(epoch));
        token.mintEmission(epoch);
        _submit(epoch, root, total);
        vm.warp(block.timestamp + VETO_SECONDS);
        distributor.activate();
    }

    /// @dev `count` accounts, account i with (i + 1) LAM a round.
    function _fill(uint256 count, uint256 rounds) internal {
        delete entries;
        for (uint256 i = 0; i < count; ++i) {
            entries.push(Entry(_person(i), (i + 1) * rounds * 1 ether));
        }
    }

    function _person(uint256 i) internal pure returns (address) {
        return vm.addr(0xA11CE + i);
    }

    function _total() internal view returns (uint256 sum) {
        for (uint256 i = 0; i < entries.length; ++i) {
            sum += entries[i].cumulative;
        }
    }

    function _publishEntries(uint64 epoch) internal returns (bytes32 root) {
        root = Tree.root(entries);
        _publish(epoch, root, _total());
    }

    function _claim(uint256 i) internal returns (uint256) {
        return distributor.claim(
            entries[i].account, entries[i].cumulative, distributor.activeRoot(), Tree.proof(entries, i)
        );
    }

    // ------------------------------------------------------------------ votes

    /// @dev Gives `who` LAM that the schedule minted, by a root of its own, and lets it vote for itself.
    function _empower(address who, uint256 amountWei) internal {
        vm.prank(address(vault));
        token.transfer(who, amountWei);
        vm.prank(who);
        token.delegate(who);
        vm.warp(block.timestamp + 1);
    }

    function _action(address target, bytes memory data)
        internal
        pure
        returns (address[] memory targets, uint256[] memory values, bytes[] memory calldatas)
    {
        (targets, values, calldatas) = (new address[](1), new uint256[](1), new bytes[](1));
        (targets[0], calldatas[0]) = (target, data);
    }

    function _propose(address who, address target, bytes memory data) internal returns (uint256 id) {
        (address[] memory targets, uint256[] memory values, bytes[] memory calldatas) = _action(target, data);
        vm.prank(who);
        id = governor.propose(targets, values, calldatas, "# Title");
        vm.warp(block.timestamp + VOTING_DELAY + 1);
    }

    function _queue(address target, bytes memory data) internal {
        (address[] memory targets, uint256[] memory values, bytes[] memory calldatas) = _action(target, data);
        governor.queue(targets, values, calldatas, keccak256("# Title"));
    }

    function _execute(address target, bytes memory data) internal {
        (address[] memory targets, uint256[] memory values, bytes[] memory calldatas) = _action(target, data);
        governor.execute(targets, values, calldatas, keccak256("# Title"));
    }

    function _vote(address who, uint256 id, uint8 support) internal {
        vm.prank(who);
        governor.castVote(id, support);
    }

    function _state(uint256 id) internal view returns (IGovernor.ProposalState) {
        return governor.state(id);
    }
}
