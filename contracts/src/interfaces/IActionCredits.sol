// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice What a published settlement says. Sums are cumulative LAM wei since the first settlement;
/// `creators`, `burned` and `ecosystem` add up to `spent`. The root's leaves are accounts and what each has
/// spent since its first deposit, one for every account that had deposited by `coveredUntil`, zero or not.
struct SettlementHeader {
    uint64 epoch;
    uint64 coveredUntil;
    bytes32 root;
    uint256 spent;
    uint256 creators;
    uint256 burned;
    uint256 ecosystem;
    bytes32 policyHash;
    bytes32 bundleHash;
}

/// @notice A settlement under veto or in force; `activatableAt` is the end of its veto window. The sums are
/// those of the header.
struct Settlement {
    uint64 epoch;
    uint64 coveredUntil;
    uint64 activatableAt;
    bytes32 root;
    uint256 spent;
    uint256 creators;
    uint256 burned;
    uint256 ecosystem;
}

/// @notice LAM wei that an account ever put in, ever took back and is known to have spent; Unix times of its
/// first deposit and of its open request to withdraw, zero if there is none.
struct CreditAccount {
    uint128 deposited;
    uint128 withdrawn;
    uint128 spent;
    uint64 firstDepositAt;
    uint64 requestedAt;
}

/// @title LAM put in to pay for the actions of automations.
/// @notice Uses are counted by the service, which reserves no more than an account has, and settled once an
/// epoch under a Merkle root. What is not spent can be taken back: ask, wait, prove what was spent.
interface IActionCredits {
    /// @notice `from` put `amount` in for the uses of `account`.
    event Deposited(address indexed account, address indexed from, uint256 amount);
    /// @notice From now on nothing is reserved for `account`.
    event WithdrawalRequested(address indexed account, uint64 withdrawableAt);
    /// @notice Uses of `account` may be reserved again.
    event WithdrawalCancelled(address indexed account);
    /// @notice `account` took back all but what it spent.
    event Withdrawn(address indexed account, uint256 amount, uint256 spent);
    /// @notice A settlement can be activated from `activatableAt` on, unless it is vetoed before.
    event SettlementSubmitted(
        uint64 indexed epoch,
        bytes32 indexed root,
        uint64 coveredUntil,
        uint256 spent,
        uint256 creators,
        uint256 burned,
        uint256 ecosystem,
        bytes32 policyHash,
        bytes32 bundleHash,
        uint64 activatableAt
    );
    /// @notice A settlement is in force: these amounts went to the creators' rewards, to nobody, and to the
    /// treasury vault.
    event SettlementActivated(
        uint64 indexed epoch, bytes32 indexed root, uint256 creators, uint256 burned, uint256 ecosystem
    );
    /// @notice The settlement will never count; the epoch can be submitted anew.
    event SettlementVetoed(uint64 indexed epoch, bytes32 indexed root, address by);
    /// @notice LAM sent here without a deposit went to the treasury vault.
    event Skimmed(address indexed treasury, uint256 amount);

    /// @notice A delay is zero, or a withdrawal could overtake the settlement that it has to wait for.
    error InvalidDelays();
    /// @notice A deposit of nothing.
    error EmptyDeposit();
    /// @notice The account has asked already.
    error AlreadyRequested(uint64 requestedAt);
    /// @notice The account has not asked.
    error NotRequested(address account);
    /// @notice Not before `timestamp`.
    error TooEarly(uint256 timestamp);
    /// @notice The settlement in force does not cover what was used until `needed`, and it is not yet so
    /// late that the account may leave without.
    error NotSettled(uint64 coveredUntil, uint256 needed);
    /// @notice The root in force is another.
    error RootMismatch(bytes32 activeRoot);
    /// @notice The proof does not lead from the account and what it spent to the root.
    error InvalidProof();
    /// @notice The account has spent all that it put in.
    error NothingToWithdraw(address account);
    /// @notice What is owed to the creators and others would be taken.
    error Underfunded(uint256 wantedWei, uint256 availableWei);
    /// @notice Only the holder in force of the root publisher's capability.
    error NotPublisher(address caller);
    /// @notice Only the holder in force of the guardian's capability.
    error NotGuardian(address caller);
    /// @notice Settlements follow each other without a gap.
    error WrongEpoch(uint64 expected, uint64 given);
    /// @notice One settlement at a time waits for its activation.
    error SettlementPending(uint64 epoch);
    /// @notice No settlement waits.
    error NoSettlementPending();
    /// @notice The empty root cannot be submitted.
    error EmptyRoot();
    /// @notice A settlement covers more time than the last one, and none that has not passed.
    error InvalidCoverage(uint64 coveredUntil);
    /// @notice A sum is below the last one, or the shares do not add up to what was spent.
    error InconsistentTotals();
    /// @notice The policy was never adopted in the Registry.
    error PolicyNotAdopted(bytes32 policyHash);
    /// @notice The veto window is open until `activatableAt`.
    error VetoWindowOpen(uint64 activatableAt);
    /// @notice The veto window has closed.
    error VetoWindowClosed(uint64 activatableAt);

    /// @notice Put `amount` LAM wei in for the uses of `account`; needs an allowance (anyone).
    function deposit(address account, uint256 amount) external;

    /// @notice `deposit` with the caller's ERC-2612 permit; one that somebody used already is no error, as
    /// long as the allowance is there.
    function depositWithPermit(
        address account,
        uint256 amount,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external;

    /// @notice Ask for what the caller has not spent. From the event on the service reserves nothing for it;
    /// what is reserved is captured or dropped within `SETTLEMENT_SECONDS`.
    function requestWithdrawal() external;

    /// @notice Take the request back, so that uses can be reserved again.
    function cancelWithdrawal() external;

    /// @notice Take back what the caller put in and has not spent: `WITHDRAWAL_SECONDS` after the request,
    /// under a settlement that covers all the time in which it could spend. If none came for `EXIT_SECONDS`,
    /// under the last one, unless one waits that covers it or that anybody can activate.
    /// @param spent LAM wei of the caller's leaf. An account that first deposited after the time that the
    /// settlement in force covers has no leaf: zero, and no proof.
    /// @param expectedRoot The root that the proof was made for.
    /// @return amount LAM wei paid.
    function withdraw(uint256 spent, bytes32 expectedRoot, bytes32[] calldata proof)
        external
        returns (uint256 amount);

    /// @notice Publish the next settlement; what it says was spent must be here (publisher).
    function submitSettlement(SettlementHeader calldata header) external;

    /// @notice Put the waiting settlement in force after the veto window and pay its shares (anyone).
    function activate() external;

    /// @notice Refuse the waiting settlement of `epoch` inside the veto window (guardian).
    function veto(uint64 epoch) external;

    /// @notice Send what was sent here without a deposit to the treasury vault (anyone).
    function skim() external returns (uint256 amount);
}
