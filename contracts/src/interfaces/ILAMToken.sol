// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice `limitWei` is the most that an epoch from `fromEpoch` on may mint.
struct EmissionLimit {
    uint64 fromEpoch;
    uint192 limitWei;
}

/// @notice LAM minted to `recipient` at deployment.
struct Allocation {
    address recipient;
    uint256 amountWei;
}

/// @title The parts of LAM that are not ERC-20, ERC-2612, ERC-5805 or ERC-6372.
interface ILAMToken {
    /// @notice The emission of an epoch was minted to the rewards vault.
    event EmissionMinted(uint64 indexed epoch, uint256 amount);
    /// @notice A vote lowered what epochs from `fromEpoch` on may mint.
    event EmissionLimited(uint64 indexed fromEpoch, uint256 limitWei);

    /// @notice Epochs count from 1.
    error InvalidEpoch(uint64 epoch);
    /// @notice The epoch begins at `startsAt`.
    error EpochNotStarted(uint64 epoch, uint256 startsAt);
    /// @notice An epoch is minted once.
    error EmissionAlreadyMinted(uint64 epoch);
    /// @notice More than `CAP` would have been minted, ever.
    error CapExceeded(uint256 mintedWei);
    /// @notice Only the holder in force of the reward policy.
    error NotPolicyHolder(address caller);
    /// @notice Only the rewards distributor.
    error NotDistributor(address caller);
    /// @notice A limit only falls, and only for epochs that have not begun.
    error InvalidEmissionLimit(uint64 fromEpoch, uint256 limitWei);

    /// @notice Mint the emission of `epoch` to the rewards vault: anyone, once, not before the epoch begins.
    /// @return amount LAM wei.
    function mintEmission(uint64 epoch) external returns (uint256 amount);

    /// @notice LAM wei that the schedule gives to `epoch`, minted or not.
    function emission(uint64 epoch) external view returns (uint256);

    /// @notice LAM wei minted by the schedule so far; burning does not lower it.
    function totalEmission() external view returns (uint256);

    /// @notice Lower the emission of every epoch from `fromEpoch` on (holder of the reward policy).
    function limitEmission(uint64 fromEpoch, uint192 limitWei) external;

    /// @notice Delegate the votes of `account` to `delegatee` (the rewards distributor, for an account that
    /// calls it itself): a claim and a delegation in one transaction need no second signature.
    function delegateFor(address account, address delegatee) external;
}
