// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice Where rewards come from.
enum Source {
    Emission,
    Marketplace,
    Bounties
}

/// @title What funds the rewards.
interface IRewardsVault {
    /// @notice `from` paid `amount` LAM wei in for rewards of `source`.
    event Funded(Source indexed source, address indexed from, uint256 amount);
    /// @notice `amount` was set aside for a submitted root.
    event Escrowed(uint256 amount);
    /// @notice The escrow moved to the distributor, which pays from it.
    event Released(uint256 amount);
    /// @notice The root was vetoed; the escrow is free again.
    event Refunded(uint256 amount);
    /// @notice LAM sent here without `fund` went to the treasury vault.
    event Skimmed(address indexed treasury, uint256 amount);

    /// @notice Only the rewards distributor.
    error NotDistributor(address caller);
    /// @notice Emission is funded by minting alone.
    error NotFundable(Source source);
    /// @notice More would be set aside than was ever funded.
    error Underfunded(uint256 wantedWei, uint256 availableWei);

    /// @notice Pay `amount` LAM wei in for rewards of `source`; needs an allowance (anyone).
    function fund(Source source, uint256 amount) external;

    /// @notice Set `amount` aside for a root under veto (distributor).
    function escrow(uint256 amount) external;

    /// @notice Move the escrow to the distributor (distributor).
    function release() external;

    /// @notice Give the escrow up (distributor).
    function refund() external;

    /// @notice Send what was donated without `fund` to the treasury vault (anyone).
    function skim() external returns (uint256 amount);

    /// @notice Cumulative LAM wei funded for a source.
    function funded(Source source) external view returns (uint256);
}
