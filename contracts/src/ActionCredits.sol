// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IActionCredits, SettlementHeader, Settlement, CreditAccount} from "./interfaces/IActionCredits.sol";
import {IHandover, Capability} from "./interfaces/IHandover.sol";
import {IRegistry, Kind} from "./interfaces/IRegistry.sol";
import {IRewardsVault, Source} from "./interfaces/IRewardsVault.sol";
import {StandardMerkle} from "./StandardMerkle.sol";

/// @title Credits in LAM for the actions of automations.
/// @notice Holds deposits. A settlement says once an epoch what each account has spent since its first
/// deposit; the creators' share funds the rewards of the marketplace, a share is burned, the rest goes to
/// the treasury vault. Withdrawals wait for a settlement that covers everything the account could use.
/// @dev Not upgradeable. `deposited − withdrawn ≥ spent` holds in sum at all times, for the settlement under
/// veto too, so that activating one never fails for want of LAM.
contract ActionCredits is IActionCredits {
    using SafeERC20 for IERC20;
    using SafeCast for uint256;

    /// @notice LAM.
    address public immutable TOKEN;
    /// @notice Where the creators' share goes, as funding of the marketplace.
    IRewardsVault public immutable VAULT;
    /// @notice Knows the adopted policies, which say how shares are made.
    IRegistry public immutable REGISTRY;
    /// @notice Says who publishes and who guards, and where the treasury vault is.
    IHandover public immutable HANDOVER;
    /// @notice Seconds in which a submitted settlement can be vetoed.
    uint64 public immutable VETO_SECONDS;
    /// @notice Seconds after a request within which what was reserved before is captured or dropped.
    uint64 public immutable SETTLEMENT_SECONDS;
    /// @notice Seconds from a request to the withdrawal.
    uint64 public immutable WITHDRAWAL_SECONDS;
    /// @notice Seconds from a request after which no settlement is waited for any longer.
    uint64 public immutable EXIT_SECONDS;

    /// @notice LAM wei ever put in.
    uint256 public totalDeposited;
    /// @notice LAM wei ever taken back.
    uint256 public totalWithdrawn;
    Settlement private _active;
    Settlement private _pending;
    mapping(address account => CreditAccount) private _accounts;

    constructor(
        address token,
        IRewardsVault vault,
        IRegistry registry,
        IHandover handover,
        uint64 vetoSeconds,
        uint64 settlementSeconds,
        uint64 withdrawalSeconds,
        uint64 exitSeconds
    ) {
        if (vetoSeconds == 0 || settlementSeconds == 0) revert InvalidDelays();
        if (withdrawalSeconds <= settlementSeconds + vetoSeconds) revert InvalidDelays();
        if (exitSeconds <= withdrawalSeconds) revert InvalidDelays();
        TOKEN = token;
        VAULT = vault;
        REGISTRY = registry;
        HANDOVER = handover;
        VETO_SECONDS = vetoSeconds;
        SETTLEMENT_SECONDS = settlementSeconds;
        WITHDRAWAL_SECONDS = withdrawalSeconds;
        EXIT_SECONDS = exitSeconds;
    }

    // ------------------------------------------------------------------ accounts

    /// @inheritdoc IActionCredits
    function deposit(address account, uint256 amount) external {
        _deposit(account, amount);
    }

    /// @inheritdoc IActionCredits
    function depositWithPermit(
        address account,
        uint256 amount,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external {
        // A permit that somebody else sent first must not block the deposit; the transfer says whether the
        // allowance is there.
        try IERC20Permit(TOKEN).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        _deposit(account, amount);
    }

    /// @inheritdoc IActionCredits
    function requestWithdrawal() external {
        CreditAccount storage own = _accounts[msg.sender];
        if (own.requestedAt != 0) revert AlreadyRequested(own.requestedAt);
        own.requestedAt = uint64(block.timestamp);
        emit WithdrawalRequested(msg.sender, uint64(block.timestamp) + WITHDRAWAL_SECONDS);
    }

    /// @inheritdoc IActionCredits
    function cancelWithdrawal() external {
        CreditAccount storage own = _accounts[msg.sender];
        if (own.requestedAt == 0) revert NotRequested(msg.sender);
        own.requestedAt = 0;
        emit WithdrawalCancelled(msg.sender);
    }

    /// @inheritdoc IActionCredits
    function withdraw(uint256 spent, bytes32 expectedRoot, bytes32[] calldata proof)
        external
        returns (uint256 amount)
    {
        CreditAccount memory own = _accounts[msg.sender];
        _checkWithdrawable(own.requestedAt);
        _checkSpent(own.firstDepositAt, spent, expectedRoot, proof);
        // What was proven once stays spent, whatever a later root says.
        if (spent < own.spent) spent = own.spent;
        uint256 left = own.deposited - own.withdrawn;
        if (spent >= left) revert NothingToWithdraw(msg.sender);
        amount = left - spent;
        uint256 free = totalDeposited - totalWithdrawn - _committed();
        if (amount > free) revert Underfunded(amount, free);
        own.withdrawn += amount.toUint128();
        own.spent = spent.toUint128();
        own.requestedAt = 0;
        _accounts[msg.sender] = own;
        totalWithdrawn += amount;
        emit Withdrawn(msg.sender, amount, spent);
        IERC20(TOKEN).safeTransfer(msg.sender, amount);
    }

    // ------------------------------------------------------------------ settlements

    /// @inheritdoc IActionCredits
    function submitSettlement(SettlementHeader calldata header) external {
        if (msg.sender != HANDOVER.holder(Capability.RootPublisher)) revert NotPublisher(msg.sender);
        if (_pending.root != 0) revert SettlementPending(_pending.epoch);
        if (header.epoch != _active.epoch + 1) revert WrongEpoch(_active.epoch + 1, header.epoch);
        if (header.root == 0) revert EmptyRoot();
        if (header.coveredUntil <= _active.coveredUntil || header.coveredUntil > block.timestamp) {
            revert InvalidCoverage(header.coveredUntil);
        }
        if (!REGISTRY.isAdopted(Kind.RewardPolicy, header.policyHash)) {
            revert PolicyNotAdopted(header.policyHash);
        }
        _checkTotals(header);
        uint64 activatableAt = uint64(block.timestamp) + VETO_SECONDS;
        _pending = Settlement(
            header.epoch,
            header.coveredUntil,
            activatableAt,
            header.root,
            header.spent,
            header.creators,
            header.burned,
            header.ecosystem
        );
        _emitSubmitted(header, activatableAt);
    }

    /// @inheritdoc IActionCredits
    function activate() external {
        Settlement memory next = _pending;
        if (next.root == 0) revert NoSettlementPending();
        if (block.timestamp < next.activatableAt) revert VetoWindowOpen(next.activatableAt);
        uint256 creators = next.creators - _active.creators;
        uint256 burned = next.burned - _active.burned;
        uint256 ecosystem = next.ecosystem - _active.ecosystem;
        delete _pending;
        _active = next;
        emit SettlementActivated(next.epoch, next.root, creators, burned, ecosystem);
        IERC20(TOKEN).forceApprove(address(VAULT), creators);
        VAULT.fund(Source.Marketplace, creators);
        ERC20Burnable(TOKEN).burn(burned);
        IERC20(TOKEN).safeTransfer(HANDOVER.holder(Capability.TreasuryVault), ecosystem);
    }

    /// @inheritdoc IActionCredits
    function veto(uint64 epoch) external {
        if (msg.sender != HANDOVER.holder(Capability.Guardian)) revert NotGuardian(msg.sender);
        Settlement memory waiting = _pending;
        if (waiting.root == 0) revert NoSettlementPending();
        if (epoch != waiting.epoch) revert WrongEpoch(waiting.epoch, epoch);
        if (block.timestamp >= waiting.activatableAt) revert VetoWindowClosed(waiting.activatableAt);
        delete _pending;
        emit SettlementVetoed(epoch, waiting.root, msg.sender);
    }

    /// @inheritdoc IActionCredits
    function skim() external returns (uint256 amount) {
        amount = IERC20(TOKEN).balanceOf(address(this)) - (totalDeposited - totalWithdrawn - _active.spent);
        address treasury = HANDOVER.holder(Capability.TreasuryVault);
        emit Skimmed(treasury, amount);
        IERC20(TOKEN).safeTransfer(treasury, amount);
    }

    // ------------------------------------------------------------------ views

    /// @notice What an account put in, took back and is known to have spent, and its open request.
    function creditOf(address account) external view returns (CreditAccount memory) {
        return _accounts[account];
    }

    /// @notice The settlement in force; all zero before the first.
    function activeSettlement() external view returns (Settlement memory) {
        return _active;
    }

    /// @notice The settlement under veto or waiting for its activation; all zero if there is none.
    function pendingSettlement() external view returns (Settlement memory) {
        return _pending;
    }

    // ------------------------------------------------------------------ inside

    function _deposit(address account, uint256 amount) private {
        if (amount == 0) revert EmptyDeposit();
        CreditAccount storage credit = _accounts[account];
        if (credit.firstDepositAt == 0) credit.firstDepositAt = uint64(block.timestamp);
        credit.deposited += amount.toUint128();
        totalDeposited += amount;
        emit Deposited(account, msg.sender, amount);
        IERC20(TOKEN).safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @dev Whoever could still be using when the settlement was made would be paid what it used.
    function _checkWithdrawable(uint64 requestedAt) private view {
        if (requestedAt == 0) revert NotRequested(msg.sender);
        if (block.timestamp < requestedAt + WITHDRAWAL_SECONDS) {
            revert TooEarly(requestedAt + WITHDRAWAL_SECONDS);
        }
        uint64 needed = requestedAt + SETTLEMENT_SECONDS;
        if (_active.coveredUntil >= needed) return;
        if (block.timestamp < requestedAt + EXIT_SECONDS || _mayCount(needed)) {
            revert NotSettled(_active.coveredUntil, needed);
        }
    }

    /// @dev Whether the waiting settlement covers the time until `needed`, or is only waiting for anybody's
    /// call: what it counts as spent must not leave under the settlement before.
    function _mayCount(uint64 needed) private view returns (bool) {
        if (_pending.root == 0) return false;
        return _pending.coveredUntil >= needed || block.timestamp >= _pending.activatableAt;
    }

    function _checkSpent(uint64 firstDepositAt, uint256 spent, bytes32 expectedRoot, bytes32[] calldata proof)
        private
        view
    {
        bytes32 root = _active.root;
        if (root != expectedRoot) revert RootMismatch(root);
        // Who came later has no leaf and has spent nothing that this settlement knows of.
        if (firstDepositAt > _active.coveredUntil) {
            if (spent != 0) revert InvalidProof();
        } else if (StandardMerkle.root(StandardMerkle.leaf(msg.sender, spent), proof) != root) {
            revert InvalidProof();
        }
    }

    function _checkTotals(SettlementHeader calldata header) private view {
        if (
            header.creators < _active.creators || header.burned < _active.burned
                || header.ecosystem < _active.ecosystem
                || header.creators + header.burned + header.ecosystem != header.spent
        ) revert InconsistentTotals();
        uint256 left = totalDeposited - totalWithdrawn;
        if (header.spent > left) revert Underfunded(header.spent, left);
    }

    /// @dev What is spent, the settlement under veto included: sums never fall from one to the next.
    function _committed() private view returns (uint256) {
        return _pending.root == 0 ? _active.spent : _pending.spent;
    }

    function _emitSubmitted(SettlementHeader calldata header, uint64 activatableAt) private {
        emit SettlementSubmitted(
            header.epoch,
            header.root,
            header.coveredUntil,
            header.spent,
            header.creators,
            header.burned,
            header.ecosystem,
            header.policyHash,
            header.bundleHash,
            activatableAt
        );
    }
}
