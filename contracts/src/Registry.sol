// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IHandover, Capability} from "./interfaces/IHandover.sol";
import {IRegistry, Kind, Adoption} from "./interfaces/IRegistry.sol";

/// @title Registry of reward policies and of verifier, model and extension releases.
/// @notice The service follows the finalized `Adopted` events of this contract and nothing else; only the
/// holder in force of a kind's capability can emit one.
/// @dev Whether a document makes sense is not known here: the service refuses to adopt one that it cannot
/// read, and says so.
contract Registry is IRegistry {
    /// @notice Says who may adopt what.
    IHandover public immutable HANDOVER;

    mapping(Kind => mapping(bytes32 contentHash => bool)) private _adopted;
    mapping(Kind => Adoption) private _current;

    /// @param policy The reward policy of the first epoch.
    /// @param verifier The verifier release of the first epoch.
    constructor(IHandover handover, Adoption memory policy, Adoption memory verifier) {
        HANDOVER = handover;
        _adopt(Kind.RewardPolicy, policy);
        _adopt(Kind.VerifierRelease, verifier);
    }

    /// @inheritdoc IRegistry
    function adopt(Kind kind, bytes32 contentHash, string calldata uri, uint64 effectiveEpoch) external {
        if (msg.sender != HANDOVER.holder(capabilityOf(kind))) revert NotHolder(kind, msg.sender);
        _adopt(kind, Adoption(contentHash, uri, effectiveEpoch));
    }

    /// @inheritdoc IRegistry
    function isAdopted(Kind kind, bytes32 contentHash) external view returns (bool) {
        return _adopted[kind][contentHash];
    }

    /// @inheritdoc IRegistry
    function current(Kind kind) external view returns (Adoption memory) {
        return _current[kind];
    }

    /// @notice The capability whose holder adopts documents of `kind`.
    function capabilityOf(Kind kind) public pure returns (Capability) {
        if (kind == Kind.RewardPolicy) return Capability.RewardPolicy;
        if (kind == Kind.VerifierRelease) return Capability.VerifierRelease;
        if (kind == Kind.ModelRelease) return Capability.ModelRelease;
        return Capability.ExtensionRelease;
    }

    function _adopt(Kind kind, Adoption memory adoption) private {
        if (adoption.contentHash == 0 || bytes(adoption.uri).length == 0) revert EmptyAdoption();
        _adopted[kind][adoption.contentHash] = true;
        _current[kind] = adoption;
        emit Adopted(kind, adoption.contentHash, adoption.uri, adoption.effectiveEpoch, msg.sender);
    }
}
