// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {NoncesKeyed} from "@openzeppelin/contracts/utils/NoncesKeyed.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IHandover, Capability} from "./interfaces/IHandover.sol";
import {IRegistry, Kind} from "./interfaces/IRegistry.sol";
import {IRewardsVault, Source} from "./interfaces/IRewardsVault.sol";
import {IRewardsDistributor, RootHeader, PendingRoot, Delegation} from "./interfaces/IRewardsDistributor.sol";
import {StandardMerkle} from "./StandardMerkle.sol";

/// @title Distributor of LAM rewards.
/// @notice Pays what the active root says, minus what was paid before, out of its own balance, which is
/// what activated roots moved here from the vault: a root that promises more than it escrowed cannot take
/// what the vault keeps. Not upgradeable; nobody can take LAM out but by a proof.
/// @dev Per-account sums that fall from one root to the next are not seen here. Anyone can check that with
/// the published bundle inside the veto window.
contract RewardsDistributor is IRewardsDistributor, EIP712, NoncesKeyed {
    using SafeERC20 for IERC20;

    /// @notice EIP-712 type of `claimTo`.
    bytes32 public constant CLAIM_TYPEHASH =
        keccak256("Claim(address account,address recipient,uint256 cumulative,uint256 nonce,uint256 deadline)");
    /// @notice Longest pause in seconds, and the least time between two.
    uint64 public constant PAUSE_SECONDS = 7 days;

    /// @notice LAM.
    address public immutable TOKEN;
    /// @notice Where submitted roots set their sums aside.
    IRewardsVault public immutable VAULT;
    /// @notice Knows the adopted policies.
    IRegistry public immutable REGISTRY;
    /// @notice Says who publishes and who guards.
    IHandover public immutable HANDOVER;
    /// @notice Seconds in which a submitted root can be vetoed.
    uint64 public immutable VETO_SECONDS;

    /// @notice The root that claims are paid under; zero before the first and while paused.
    bytes32 public activeRoot;
    /// @notice Cumulative LAM wei allocated by all activated roots.
    uint256 public activeTotal;
    /// @notice Epoch of the last activated root.
    uint64 public activeEpoch;
    /// @notice Unix time from which anyone may resume, while paused.
    uint64 public resumableAt;
    /// @notice Unix time before which the guardian cannot pause again.
    uint64 public pausableAt;
    /// @notice The root to come back to, while paused.
    bytes32 public pausedRoot;
    uint256[3] private _activeSourceTotals;
    PendingRoot private _pending;

    /// @notice LAM wei that an account has claimed in all; never falls.
    mapping(address account => uint256) public claimed;
    /// @notice Whether an account lets nobody else claim for it.
    mapping(address account => bool) public thirdPartyClaimsForbidden;

    constructor(address token, IRewardsVault vault, IRegistry registry, IHandover handover, uint64 vetoSeconds)
        EIP712("LAM Rewards", "1")
    {
        TOKEN = token;
        VAULT = vault;
        REGISTRY = registry;
        HANDOVER = handover;
        VETO_SECONDS = vetoSeconds;
    }

    modifier onlyGuardian() {
        if (msg.sender != HANDOVER.holder(Capability.Guardian)) revert NotGuardian(msg.sender);
        _;
    }

    // ------------------------------------------------------------------ roots

    /// @inheritdoc IRewardsDistributor
    function submitRoot(RootHeader calldata header) external {
        if (msg.sender != HANDOVER.holder(Capability.RootPublisher)) revert NotPublisher(msg.sender);
        if (_pending.root != 0) revert RootPending(_pending.epoch);
        if (header.epoch != activeEpoch + 1) revert WrongEpoch(activeEpoch + 1, header.epoch);
        if (header.root == 0) revert EmptyRoot();
        if (!REGISTRY.isAdopted(Kind.RewardPolicy, header.policyHash)) revert PolicyNotAdopted(header.policyHash);
        _checkTotals(header.total, header.sourceTotals);
        uint64 activatableAt = uint64(block.timestamp) + VETO_SECONDS;
        _pending = PendingRoot(header.epoch, activatableAt, header.root, header.total, header.sourceTotals);
        emit RootSubmitted(
            header.epoch,
            header.root,
            header.total,
            header.sourceTotals,
            header.policyHash,
            header.ledgerRoot,
            header.bundleHash,
            activatableAt
        );
        VAULT.escrow(header.total - activeTotal);
    }

    /// @inheritdoc IRewardsDistributor
    function activate() external {
        PendingRoot memory next = _pending;
        if (next.root == 0) revert NoRootPending();
        if (block.timestamp < next.activatableAt) revert VetoWindowOpen(next.activatableAt);
        if (resumableAt != 0) revert ClaimsPaused();
        delete _pending;
        activeRoot = next.root;
        activeEpoch = next.epoch;
        activeTotal = next.total;
        _activeSourceTotals = next.sourceTotals;
        emit RootActivated(next.epoch, next.root);
        VAULT.release();
    }

    /// @inheritdoc IRewardsDistributor
    function veto(uint64 epoch) external onlyGuardian {
        bytes32 root = _pending.root;
        uint64 activatableAt = _pending.activatableAt;
        if (root == 0) revert NoRootPending();
        if (epoch != _pending.epoch) revert WrongEpoch(_pending.epoch, epoch);
        if (block.timestamp >= activatableAt) revert VetoWindowClosed(activatableAt);
        delete _pending;
        emit RootVetoed(epoch, root, msg.sender);
        VAULT.refund();
    }

    // ------------------------------------------------------------------ claims

    /// @inheritdoc IRewardsDistributor
    function claim(address account, uint256 cumulative, bytes32 expectedRoot, bytes32[] calldata proof)
        external
        returns (uint256)
    {
        _checkClaimant(account);
        return _pay(account, account, cumulative, expectedRoot, proof);
    }

    /// @inheritdoc IRewardsDistributor
    function claimTo(
        address account,
        uint256 cumulative,
        bytes32 expectedRoot,
        bytes32[] calldata proof,
        address recipient,
        uint256 deadline,
        uint256 nonce,
        bytes calldata signature
    ) external returns (uint256) {
        if (block.timestamp > deadline) revert SignatureExpired(deadline);
        _useCheckedNonce(account, nonce);
        bytes32 digest = _hashTypedDataV4(
            keccak256(abi.encode(CLAIM_TYPEHASH, account, recipient, cumulative, nonce, deadline))
        );
        if (!SignatureChecker.isValidSignatureNowCalldata(account, digest, signature)) {
            revert InvalidSignature(account);
        }
        return _pay(account, recipient, cumulative, expectedRoot, proof);
    }

    /// @inheritdoc IRewardsDistributor
    function claimAndDelegate(
        address account,
        uint256 cumulative,
        bytes32 expectedRoot,
        bytes32[] calldata proof,
        Delegation calldata delegation
    ) external returns (uint256 amount) {
        _checkClaimant(account);
        if (cumulative > claimed[account]) amount = _pay(account, account, cumulative, expectedRoot, proof);
        _delegate(account, delegation);
    }

    /// @inheritdoc IRewardsDistributor
    function setThirdPartyClaims(bool allowed) external {
        thirdPartyClaimsForbidden[msg.sender] = !allowed;
        emit ThirdPartyClaimsSet(msg.sender, allowed);
    }

    // ------------------------------------------------------------------ pause

    /// @inheritdoc IRewardsDistributor
    function pause() external onlyGuardian {
        if (resumableAt != 0) revert ClaimsPaused();
        if (block.timestamp < pausableAt) revert TooEarly(pausableAt);
        resumableAt = uint64(block.timestamp) + PAUSE_SECONDS;
        pausedRoot = activeRoot;
        activeRoot = 0;
        emit Paused(msg.sender, resumableAt);
    }

    /// @inheritdoc IRewardsDistributor
    function resume() external {
        if (resumableAt == 0) revert NotPaused();
        if (block.timestamp < resumableAt && msg.sender != HANDOVER.holder(Capability.Guardian)) {
            revert TooEarly(resumableAt);
        }
        activeRoot = pausedRoot;
        pausedRoot = 0;
        resumableAt = 0;
        pausableAt = uint64(block.timestamp) + PAUSE_SECONDS;
        emit Resumed(msg.sender);
    }

    // ------------------------------------------------------------------ views

    /// @notice The root under veto or waiting for its activation; all zero if there is none.
    function pendingRoot() external view returns (PendingRoot memory) {
        return _pending;
    }

    /// @notice Cumulative LAM wei allocated by source: emission, marketplace, bounties.
    function activeSourceTotals() external view returns (uint256[3] memory) {
        return _activeSourceTotals;
    }

    /// @notice EIP-712 domain separator of `claimTo`.
    function DOMAIN_SEPARATOR() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    // ------------------------------------------------------------------ inside

    function _checkTotals(uint256 total, uint256[3] calldata sourceTotals) private view {
        uint256 sum;
        for (uint256 i = 0; i < 3; ++i) {
            uint256 fundedWei = VAULT.funded(Source(i));
            if (sourceTotals[i] > fundedWei) revert SourceUnderfunded(i, sourceTotals[i], fundedWei);
            if (sourceTotals[i] < _activeSourceTotals[i]) revert InconsistentTotals();
            sum += sourceTotals[i];
        }
        if (sum != total) revert InconsistentTotals();
    }

    function _checkClaimant(address account) private view {
        if (msg.sender != account && thirdPartyClaimsForbidden[account]) revert ThirdPartyClaimsForbidden(account);
    }

    function _pay(
        address account,
        address recipient,
        uint256 cumulative,
        bytes32 expectedRoot,
        bytes32[] calldata proof
    ) private returns (uint256 amount) {
        bytes32 root = activeRoot;
        if (root != expectedRoot || root == 0) revert RootMismatch(root);
        if (StandardMerkle.root(StandardMerkle.leaf(account, cumulative), proof) != root) revert InvalidProof();
        uint256 before = claimed[account];
        if (cumulative <= before) revert NothingToClaim(account);
        unchecked {
            amount = cumulative - before;
        }
        claimed[account] = cumulative;
        emit Claimed(account, recipient, amount, cumulative);
        IERC20(TOKEN).safeTransfer(recipient, amount);
    }

    function _delegate(address account, Delegation calldata signed) private {
        // A signature that somebody else sent first must not block the claim; the check below says whether
        // the account delegates as it wanted.
        try IVotes(TOKEN).delegateBySig(
            signed.delegatee, signed.nonce, signed.expiry, signed.v, signed.r, signed.s
        ) {} catch {}
        if (IVotes(TOKEN).delegates(account) != signed.delegatee) {
            revert DelegationFailed(account, signed.delegatee);
        }
    }
}
