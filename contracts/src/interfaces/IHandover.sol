// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice What can be held by founders for a limited time and by the voters for good.
enum Capability {
    RootPublisher,
    Guardian,
    ExtensionRelease,
    VerifierRelease,
    ModelRelease,
    RewardPolicy,
    TreasuryVault
}

/// @notice `holder` holds `capability` up to and including the Unix time `notAfter`.
struct Term {
    Capability capability;
    address holder;
    uint64 notAfter;
}

/// @title Who holds which capability now.
interface IHandover {
    /// @notice A founder's term was fixed at deployment; there will never be another.
    event TermFixed(
        Capability indexed capability, uint256 indexed stage, address indexed holder, uint64 notAfter
    );
    /// @notice A capability moved up to `stage`; it never moves down.
    event Advanced(Capability indexed capability, uint256 indexed stage, address indexed holder, address by);
    /// @notice A vote gave a capability to `holder` until `notAfter`; zero-length terms take it back.
    event Elected(Capability indexed capability, address indexed holder, uint64 notAfter);

    /// @notice The term at `index` of the arguments has no holder, is out of order or too long.
    error InvalidTerm(uint256 index);
    /// @notice The capability is with the timelock already.
    error NoFurtherStage(Capability capability);
    /// @notice Before `notAfter` only a vote ends the term.
    error TermNotOver(Capability capability, uint64 notAfter);
    /// @notice Holders are elected only for what the founders no longer hold.
    error FounderTermRunning(Capability capability);
    /// @notice Only a passed vote, through the timelock.
    error NotTimelock(address caller);

    /// @notice Where every capability ends; fixed.
    function TIMELOCK() external view returns (address);

    /// @notice The holder in force at the time of the block, whether or not anyone called `advance`.
    function holder(Capability capability) external view returns (address);

    /// @notice The stage in force: the number of founders' terms that are over.
    function stage(Capability capability) external view returns (uint256);

    /// @notice The founders' terms of a capability, as fixed at deployment.
    function stages(Capability capability) external view returns (Term[] memory);

    /// @notice The last term given by a vote, over or not.
    function electedTerm(Capability capability) external view returns (Term memory);

    /// @notice Record that a term is over (anyone), or end the running one (a vote).
    /// @return reached The stage that is now in force.
    function advance(Capability capability) external returns (uint256 reached);

    /// @notice Give a capability that has reached the timelock to `elected` until `notAfter` (a vote).
    /// A `notAfter` in the past takes it back to the timelock.
    function elect(Capability capability, address elected, uint64 notAfter) external;
}
