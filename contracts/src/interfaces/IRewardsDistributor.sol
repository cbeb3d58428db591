// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice What a published epoch says. Totals are cumulative LAM wei since the first epoch;
/// `sourceTotals` are those of emission, marketplace and bounties and add up to `total`.
struct RootHeader {
    uint64 epoch;
    bytes32 root;
    uint256 total;
    uint256[3] sourceTotals;
    bytes32 policyHash;
    bytes32 ledgerRoot;
    bytes32 bundleHash;
}

/// @notice A submitted root under veto.
struct PendingRoot {
    uint64 epoch;
    uint64 activatableAt;
    bytes32 root;
    uint256 total;
    uint256[3] sourceTotals;
}

/// @notice A leaf: all LAM wei that `account` has earned since the first epoch.
struct Entry {
    address account;
    uint256 cumulative;
}

/// @notice A root that was put in force, and when.
struct ActivatedRoot {
    bytes32 root;
    uint64 activatedAt;
}

/// @notice An ERC-5805 delegation signed by the account for `delegateBySig` of the token.
struct Delegation {
    address delegatee;
    uint256 nonce;
    uint256 expiry;
    uint8 v;
    bytes32 r;
    bytes32 s;
}

/// @title Cumulative rewards under one Merkle root.
/// @notice Leaves are OpenZeppelin's StandardMerkleTree ["address", "uint256"]: an account and all LAM wei
/// that it has earned since the first epoch. What was claimed before is subtracted.
interface IRewardsDistributor {
    /// @notice A root can be activated from `activatableAt` on, unless it is vetoed before.
    event RootSubmitted(
        uint64 indexed epoch,
        bytes32 indexed root,
        uint256 total,
        uint256[3] sourceTotals,
        bytes32 policyHash,
        bytes32 ledgerRoot,
        bytes32 bundleHash,
        uint64 activatableAt
    );
    /// @notice Claims are paid under `root` from now on.
    event RootActivated(uint64 indexed epoch, bytes32 indexed root);
    /// @notice The root will never pay; the epoch can be submitted anew.
    event RootVetoed(uint64 indexed epoch, bytes32 indexed root, address by);
    /// @notice `account` was paid `amount`; it has now claimed `cumulative` in all.
    event Claimed(address indexed account, uint256 amount, uint256 cumulative);
    /// @notice `recipient` was paid `amount` by the signature of `account`, which has now claimed
    /// `cumulative` in all.
    event ClaimedTo(address indexed account, address indexed recipient, uint256 amount, uint256 cumulative);
    /// @notice Whether others may claim for `account`, to that account.
    event ThirdPartyClaimsSet(address indexed account, bool allowed);
    /// @notice No claim is paid until somebody resumes, which anyone may from `resumableAt` on.
    event Paused(address indexed by, uint64 resumableAt);
    /// @notice Claims are paid again.
    event Resumed(address indexed by);
    /// @notice A vote lets what was earned up to `epoch` and never claimed go to the treasury vault.
    event ExpiryAuthorized(uint64 indexed epoch, bytes32 indexed root);
    /// @notice `amount` that `account` never claimed went to `treasury`; `cumulative` counts as claimed.
    event Expired(address indexed account, address indexed treasury, uint256 amount, uint256 cumulative);

    /// @notice A window of no seconds would let a root be activated as it is submitted.
    error InvalidVetoWindow();
    /// @notice Only the holder in force of the root publisher's capability.
    error NotPublisher(address caller);
    /// @notice Only the holder in force of the guardian's capability.
    error NotGuardian(address caller);
    /// @notice Roots follow each other without a gap.
    error WrongEpoch(uint64 expected, uint64 given);
    /// @notice One root at a time waits for its activation.
    error RootPending(uint64 epoch);
    /// @notice No root waits.
    error NoRootPending();
    /// @notice The empty root pays nobody and cannot be submitted.
    error EmptyRoot();
    /// @notice A total is below the last one, or the sources do not add up to it.
    error InconsistentTotals();
    /// @notice More would be allocated from a source than it was ever funded with.
    error SourceUnderfunded(uint256 source, uint256 totalWei, uint256 fundedWei);
    /// @notice The policy was never adopted in the Registry.
    error PolicyNotAdopted(bytes32 policyHash);
    /// @notice The veto window is open until `activatableAt`.
    error VetoWindowOpen(uint64 activatableAt);
    /// @notice The veto window has closed.
    error VetoWindowClosed(uint64 activatableAt);
    /// @notice The root in force is another (none while paused).
    error RootMismatch(bytes32 activeRoot);
    /// @notice The proof does not lead from the account and its sum to the root.
    error InvalidProof();
    /// @notice Everything under this leaf was claimed before.
    error NothingToClaim(address account);
    /// @notice The account lets nobody else claim for it.
    error ThirdPartyClaimsForbidden(address account);
    /// @notice The signature ended at `deadline`.
    error SignatureExpired(uint256 deadline);
    /// @notice Not the account's signature of this claim.
    error InvalidSignature(address account);
    /// @notice The account does not delegate to the delegatee, signature or not.
    error DelegationFailed(address account, address delegatee);
    /// @notice Claims are paused.
    error ClaimsPaused();
    /// @notice Claims are not paused.
    error NotPaused();
    /// @notice Only a passed vote, through the timelock.
    error NotTimelock(address caller);
    /// @notice No root of this epoch was put in force, or expiry has gone further already.
    error NotExpirable(uint64 epoch);
    /// @notice Not before `timestamp`.
    error TooEarly(uint256 timestamp);

    /// @notice Publish the next epoch; sets exactly `total` − `activeTotal` aside in the vault (publisher).
    function submitRoot(RootHeader calldata header) external;

    /// @notice Put the waiting root in force and fund it, after the veto window (anyone).
    function activate() external;

    /// @notice Refuse the waiting root of `epoch` inside the veto window (guardian).
    function veto(uint64 epoch) external;

    /// @notice Pay the caller what it has earned and not claimed.
    /// @param cumulative LAM wei of the caller's leaf, everything since the first epoch.
    /// @param expectedRoot The root that the proof was made for.
    /// @return amount LAM wei paid.
    function claimOwn(uint256 cumulative, bytes32 expectedRoot, bytes32[] calldata proof)
        external
        returns (uint256 amount);

    /// @notice Pay `account` what it has earned and not claimed: anyone, unless the account forbids it.
    /// @param cumulative LAM wei of the account's leaf, everything since the first epoch.
    /// @param expectedRoot The root that the proof was made for.
    /// @return amount LAM wei paid.
    function claim(address account, uint256 cumulative, bytes32 expectedRoot, bytes32[] calldata proof)
        external
        returns (uint256 amount);

    /// @notice Pay `recipient` what `account` has earned, by the account's EIP-712 signature of
    /// `Claim(address account,address recipient,uint256 cumulative,uint256 nonce,uint256 deadline)`
    /// in the domain ("LAM Rewards", "1"); EOA or EIP-1271.
    /// @param deadline Last Unix time at which the signature is good.
    /// @param nonce `nonces(account, key)`: key in the upper 192 bits, counter in the lower 64.
    function claimTo(
        address account,
        uint256 cumulative,
        bytes32 expectedRoot,
        bytes32[] calldata proof,
        address recipient,
        uint256 deadline,
        uint256 nonce,
        bytes calldata signature
    ) external returns (uint256 amount);

    /// @notice `claim`, then the account's signed delegation. Nothing left to claim and a signature that
    /// somebody used already are no errors, as long as the account then delegates as it signed.
    function claimAndDelegate(
        address account,
        uint256 cumulative,
        bytes32 expectedRoot,
        bytes32[] calldata proof,
        Delegation calldata delegation
    ) external returns (uint256 amount);

    /// @notice Pay the caller what it has earned and not claimed, and delegate its votes to `delegatee`.
    /// Nothing left to claim is no error.
    function claimAndDelegateTo(
        uint256 cumulative,
        bytes32 expectedRoot,
        bytes32[] calldata proof,
        address delegatee
    ) external returns (uint256 amount);

    /// @notice Pay neighbouring leaves of the tree by one proof (anyone). Leaves with nothing left and
    /// accounts that let nobody else claim for them are passed over; a wrong leaf refuses the batch.
    /// @param entries Leaves in the order of the tree's values, all on one level of the heap.
    /// @param position Heap index of the last entry (`treeIndex` in OpenZeppelin's dump).
    /// @param proof Siblings of the run, level by level from the leaves, the left one first.
    /// @return total LAM wei paid.
    function claimMany(
        Entry[] calldata entries,
        uint256 position,
        bytes32 expectedRoot,
        bytes32[] calldata proof
    ) external returns (uint256 total);

    /// @notice Let what the root of `epoch` gave and nobody claimed go to the treasury vault, once the root
    /// has been in force for `EXPIRY_SECONDS` (a vote).
    function expireThrough(uint64 epoch) external;

    /// @notice Move what these leaves of the authorised root never claimed to the treasury vault (anyone);
    /// the parameters are those of `claimMany`.
    function expireMany(Entry[] calldata entries, uint256 position, bytes32[] calldata proof)
        external
        returns (uint256 total);

    /// @notice Let others claim for the caller (the default), or not.
    function setThirdPartyClaims(bool allowed) external;

    /// @notice Stop all claims for `PAUSE_SECONDS` at most (guardian).
    function pause() external;

    /// @notice Pay claims again: the guardian at any time, anyone once the pause has lasted long enough.
    function resume() external;
}
