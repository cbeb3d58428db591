// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {NoncesKeyed} from "@openzeppelin/contracts/utils/NoncesKeyed.sol";
import {IHandover, Capability} from "./interfaces/IHandover.sol";
import {ILAMToken} from "./interfaces/ILAMToken.sol";
import {IRegistry, Kind} from "./interfaces/IRegistry.sol";
import {IRewardsVault, Source} from "./interfaces/IRewardsVault.sol";
import {
    IRewardsDistributor,
    RootHeader,
    PendingRoot,
    ActivatedRoot,
    Entry,
    Delegation
} from "./interfaces/IRewardsDistributor.sol";
import {StandardMerkle} from "./StandardMerkle.sol";

/// @title Distributor of LAM rewards.
/// @notice Pays what the active root says, minus what was paid before, out of its own balance, which is
/// what activated roots moved here from the vault: a root that promises more than it escrowed cannot take
/// what the vault keeps. Not upgradeable; nobody can take LAM out but by a proof.
/// @dev Per-account sums that fall from one root to the next are not seen here. Anyone can check that with
/// the published bundle inside the veto window.
contract RewardsDistributor is IRewardsDistributor, EIP712, NoncesKeyed {
    /// @notice EIP-712 type of `claimTo`.
    bytes32 public constant CLAIM_TYPEHASH = keccak256(
        "Claim(address account,address recipient,uint256 cumulative,uint256 nonce,uint256 deadline)"
    );
    /// @notice Longest pause in seconds, and the least time between two.
    uint64 public constant PAUSE_SECONDS = 7 days;

    uint256 private constant _FORBIDDEN = 1 << 255;

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
    /// @notice Seconds that a root must have been in force before what nobody claimed can expire.
    uint64 public immutable EXPIRY_SECONDS;

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
    /// @notice The last epoch whose unclaimed rewards may go to the treasury vault; zero if none.
    uint64 public expiryEpoch;
    uint256[3] private _activeSourceTotals;
    PendingRoot private _pending;
    mapping(uint64 epoch => ActivatedRoot) private _activated;

    /// @dev LAM wei that an account has claimed in all, and in the top bit whether it lets nobody else claim
    /// for it: one slot, so that claiming for many reads one slot each.
    struct Account {
        uint256 word;
    }

    mapping(address account => Account) private _accounts;

    constructor(
        address token,
        IRewardsVault vault,
        IRegistry registry,
        IHandover handover,
        uint64 vetoSeconds,
        uint64 expirySeconds
    ) EIP712("LAM Rewards", "1") {
        if (vetoSeconds == 0) revert InvalidVetoWindow();
        TOKEN = token;
        VAULT = vault;
        REGISTRY = registry;
        HANDOVER = handover;
        VETO_SECONDS = vetoSeconds;
        EXPIRY_SECONDS = expirySeconds;
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
        if (!REGISTRY.isAdopted(Kind.RewardPolicy, header.policyHash)) {
            revert PolicyNotAdopted(header.policyHash);
        }
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
        _activated[next.epoch] = ActivatedRoot(next.root, uint64(block.timestamp));
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
    function claimOwn(uint256 cumulative, bytes32 expectedRoot, bytes32[] calldata proof)
        external
        returns (uint256 amount)
    {
        _checkProof(msg.sender, cumulative, expectedRoot, proof);
        Account storage own = _accounts[msg.sender];
        amount = _count(own, own.word, cumulative);
        if (amount == 0) revert NothingToClaim(msg.sender);
        _emitClaimed(msg.sender, amount, cumulative);
        _transfer(msg.sender, amount);
        assembly ("memory-safe") {
            mstore(0x00, amount)
            return(0x00, 0x20)
        }
    }

    /// @inheritdoc IRewardsDistributor
    function claim(address account, uint256 cumulative, bytes32 expectedRoot, bytes32[] calldata proof)
        external
        returns (uint256)
    {
        return _pay(account, cumulative, expectedRoot, proof);
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
    ) external returns (uint256 amount) {
        if (block.timestamp > deadline) revert SignatureExpired(deadline);
        _useCheckedNonce(account, nonce);
        bytes32 digest = _hashTypedDataV4(
            keccak256(abi.encode(CLAIM_TYPEHASH, account, recipient, cumulative, nonce, deadline))
        );
        if (!SignatureChecker.isValidSignatureNowCalldata(account, digest, signature)) {
            revert InvalidSignature(account);
        }
        _checkProof(account, cumulative, expectedRoot, proof);
        Account storage own = _accounts[account];
        amount = _count(own, own.word, cumulative);
        if (amount == 0) revert NothingToClaim(account);
        emit ClaimedTo(account, recipient, amount, cumulative);
        _transfer(recipient, amount);
    }

    /// @inheritdoc IRewardsDistributor
    function claimAndDelegate(
        address account,
        uint256 cumulative,
        bytes32 expectedRoot,
        bytes32[] calldata proof,
        Delegation calldata delegation
    ) external returns (uint256 amount) {
        if (cumulative > claimed(account)) {
            amount = _pay(account, cumulative, expectedRoot, proof);
        }
        _delegate(account, delegation);
    }

    /// @inheritdoc IRewardsDistributor
    function claimAndDelegateTo(
        uint256 cumulative,
        bytes32 expectedRoot,
        bytes32[] calldata proof,
        address delegatee
    ) external returns (uint256 amount) {
        Account storage own = _accounts[msg.sender];
        uint256 word = own.word;
        if (cumulative > word & ~_FORBIDDEN) {
            _checkProof(msg.sender, cumulative, expectedRoot, proof);
            amount = _count(own, word, cumulative);
            _emitClaimed(msg.sender, amount, cumulative);
            _transfer(msg.sender, amount);
        }
        ILAMToken(TOKEN).delegateFor(msg.sender, delegatee);
        assembly ("memory-safe") {
            mstore(0x00, amount)
            return(0x00, 0x20)
        }
    }

    /// @inheritdoc IRewardsDistributor
    function claimMany(
        Entry[] calldata entries,
        uint256 position,
        bytes32 expectedRoot,
        bytes32[] calldata proof
    ) external returns (uint256 total) {
        bytes32 root = activeRoot;
        if (root != expectedRoot || root == 0) revert RootMismatch(root);
        _checkRange(entries, position, root, proof);
        unchecked {
            for (uint256 i = 0; i < entries.length; ++i) {
                (address account, uint256 cumulative) = StandardMerkle.entry(entries, i);
                // Each amount was transferred: the sum is no more than the supply.
                total += _payEntry(account, cumulative);
            }
        }
    }

    /// @inheritdoc IRewardsDistributor
    function setThirdPartyClaims(bool allowed) external {
        uint256 before = claimed(msg.sender);
        _accounts[msg.sender].word = allowed ? before : before | _FORBIDDEN;
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

    // ------------------------------------------------------------------ expiry

    /// @inheritdoc IRewardsDistributor
    function expireThrough(uint64 epoch) external {
        if (msg.sender != HANDOVER.TIMELOCK()) revert NotTimelock(msg.sender);
        ActivatedRoot memory old = _activated[epoch];
        if (old.activatedAt == 0 || epoch <= expiryEpoch) revert NotExpirable(epoch);
        if (block.timestamp < old.activatedAt + EXPIRY_SECONDS) {
            revert TooEarly(old.activatedAt + EXPIRY_SECONDS);
        }
        expiryEpoch = epoch;
        emit ExpiryAuthorized(epoch, old.root);
    }

    /// @inheritdoc IRewardsDistributor
    function expireMany(Entry[] calldata entries, uint256 position, bytes32[] calldata proof)
        external
        returns (uint256 total)
    {
        bytes32 root = _activated[expiryEpoch].root;
        if (root == 0) revert NotExpirable(expiryEpoch);
        _checkRange(entries, position, root, proof);
        address treasury = HANDOVER.holder(Capability.TreasuryVault);
        for (uint256 i = 0; i < entries.length; ++i) {
            (address account, uint256 cumulative) = StandardMerkle.entry(entries, i);
            total += _expire(account, cumulative, treasury);
        }
        _transfer(treasury, total);
    }

    // ------------------------------------------------------------------ views

    /// @notice LAM wei that an account has claimed in all, expired ones included; never falls.
    function claimed(address account) public view returns (uint256) {
        return _accounts[account].word & ~_FORBIDDEN;
    }

    /// @notice Whether an account lets nobody else claim for it.
    function thirdPartyClaimsForbidden(address account) external view returns (bool) {
        return _accounts[account].word >= _FORBIDDEN;
    }

    /// @notice The root that was put in force for `epoch`; all zero if none was.
    function activatedRoot(uint64 epoch) external view returns (ActivatedRoot memory) {
        return _activated[epoch];
    }

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

    /// @dev Pays the account, whoever calls.
    function _pay(address account, uint256 cumulative, bytes32 expectedRoot, bytes32[] calldata proof)
        private
        returns (uint256 amount)
    {
        _checkProof(account, cumulative, expectedRoot, proof);
        amount = _payEntry(account, cumulative);
        if (amount == 0) {
            if (cumulative > claimed(account)) revert ThirdPartyClaimsForbidden(account);
            revert NothingToClaim(account);
        }
    }

    function _payEntry(address account, uint256 cumulative) private returns (uint256 amount) {
        Account storage own = _accounts[account];
        uint256 word = own.word;
        if (word >= _FORBIDDEN && msg.sender != account) return 0;
        amount = _count(own, word, cumulative);
        if (amount == 0) return 0;
        _emitClaimed(account, amount, cumulative);
        _transfer(account, amount);
    }

    /// @dev `emit Claimed`, which takes memory that two words of scratch space save.
    function _emitClaimed(address account, uint256 amount, uint256 cumulative) private {
        bytes32 topic = Claimed.selector;
        assembly ("memory-safe") {
            mstore(0x00, amount)
            mstore(0x20, cumulative)
            log2(0x00, 0x40, topic, account)
        }
    }

    function _expire(address account, uint256 cumulative, address treasury) private returns (uint256 amount) {
        Account storage own = _accounts[account];
        amount = _count(own, own.word, cumulative);
        if (amount > 0) emit Expired(account, treasury, amount, cumulative);
    }

    /// @dev The one place where `claimed` changes: up to `cumulative`, and never down.
    function _count(Account storage own, uint256 word, uint256 cumulative) private returns (uint256 amount) {
        uint256 before = word & ~_FORBIDDEN;
        if (cumulative <= before) return 0;
        if (cumulative >= _FORBIDDEN) revert InvalidProof();
        unchecked {
            amount = cumulative - before;
            own.word = word + amount;
        }
    }

    function _checkProof(address account, uint256 cumulative, bytes32 expectedRoot, bytes32[] calldata proof)
        private
        view
    {
        bytes32 root = activeRoot;
        if (root != expectedRoot || root == 0) revert RootMismatch(root);
        if (StandardMerkle.root(StandardMerkle.leaf(account, cumulative), proof) != root) {
            revert InvalidProof();
        }
    }

    function _checkRange(Entry[] calldata entries, uint256 position, bytes32 root, bytes32[] calldata proof)
        private
        pure
    {
        if (entries.length == 0) revert InvalidProof();
        (bytes32 found, bool whole) =
            StandardMerkle.rangeRoot(StandardMerkle.leaves(entries), position, proof);
        if (!whole || found != root) revert InvalidProof();
    }

    /// @dev `transfer` of the token, which either succeeds or reverts; its error is passed on. In assembly
    /// because this and the proof are most of what a claim costs beyond storage.
    function _transfer(address recipient, uint256 amount) private {
        address token = TOKEN;
        bytes4 selector = IERC20.transfer.selector;
        assembly ("memory-safe") {
            let call_ := mload(0x40)
            mstore(call_, selector)
            mstore(add(call_, 0x04), shr(96, shl(96, recipient)))
            mstore(add(call_, 0x24), amount)
            if iszero(call(gas(), token, 0, call_, 0x44, 0x00, 0x20)) {
                returndatacopy(call_, 0, returndatasize())
                revert(call_, returndatasize())
            }
        }
    }

    function _delegate(address account, Delegation calldata signed) private {
        // A signature that somebody else sent first must not block the claim; the check below says whether
        // the account delegates as it wanted.
        try IVotes(TOKEN)
            .delegateBySig(signed.delegatee, signed.nonce, signed.expiry, signed.v, signed.r, signed.s) {}
            catch {}
        if (IVotes(TOKEN).delegates(account) != signed.delegatee) {
            revert DelegationFailed(account, signed.delegatee);
        }
    }
}
