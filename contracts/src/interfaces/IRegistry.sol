// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice What the service obeys and holders decide on.
enum Kind {
    RewardPolicy,
    VerifierRelease,
    ModelRelease,
    ExtensionRelease
}

/// @notice A document by the SHA-256 of its canonical JSON, where it can be found, and the first epoch
/// that it may rule.
struct Adoption {
    bytes32 contentHash;
    string uri;
    uint64 effectiveEpoch;
}

/// @title Adopted reward policies and releases.
interface IRegistry {
    /// @notice `contentHash` rules its kind from the first epoch to open that is not before `effectiveEpoch`.
    event Adopted(
        Kind indexed kind, bytes32 indexed contentHash, string uri, uint64 effectiveEpoch, address indexed by
    );

    /// @notice The caller does not hold the capability of this kind now.
    error NotHolder(Kind kind, address caller);
    /// @notice A document needs a hash and a place where it can be read.
    error EmptyAdoption();

    /// @notice Adopt a document (the holder in force of the kind's capability).
    function adopt(Kind kind, bytes32 contentHash, string calldata uri, uint64 effectiveEpoch) external;

    /// @notice Whether a document was ever adopted; a superseded one stays adopted, so that the work of
    /// its epochs can still be paid.
    function isAdopted(Kind kind, bytes32 contentHash) external view returns (bool);

    /// @notice The last adoption of a kind; all zero if there was none.
    function current(Kind kind) external view returns (Adoption memory);
}
