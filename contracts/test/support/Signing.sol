// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Delegation} from "../../src/interfaces/IRewardsDistributor.sol";
import {Deployed} from "./Deployed.sol";
import {vm} from "./Vm.sol";

/// @notice What account holders sign.
abstract contract Signing is Deployed {
    struct ClaimMessage {
        address account;
        address recipient;
        uint256 cumulative;
        uint256 nonce;
        uint256 deadline;
    }

    bytes32 internal constant DELEGATION_TYPEHASH =
        keccak256("Delegation(address delegatee,uint256 nonce,uint256 expiry)");

    function _key(uint256 i) internal pure returns (uint256) {
        return 0xA11CE + i;
    }

    function _signClaim(uint256 key, ClaimMessage memory message) internal view returns (bytes memory) {
        return _signClaimFor(key, message, distributor.DOMAIN_SEPARATOR());
    }

    function _signClaimFor(uint256 key, ClaimMessage memory message, bytes32 domain)
        internal
        view
        returns (bytes memory)
    {
        bytes32 hash = keccak256(abi.encode(distributor.CLAIM_TYPEHASH(), message));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, keccak256(abi.encodePacked("\x19\x01", domain, hash)));
        return abi.encodePacked(r, s, v);
    }

    function _signDelegation(uint256 key, address delegatee)
        internal
        view
        returns (Delegation memory signed)
    {
        uint256 nonce = token.nonces(vm.addr(key));
        uint256 expiry = block.timestamp + 1 hours;
        bytes32 hash = keccak256(abi.encode(DELEGATION_TYPEHASH, delegatee, nonce, expiry));
        bytes32 digest = keccak256(abi.encodePacked("\x19\x01", token.DOMAIN_SEPARATOR(), hash));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return Delegation(delegatee, nonce, expiry, v, r, s);
    }
}
