// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Proofs of OpenZeppelin's StandardMerkleTree over ["address", "uint256"].
/// @dev Written in assembly because a claim's gas is mostly this loop; equal to OpenZeppelin's MerkleProof
/// by fuzzing (test/StandardMerkle.t.sol). Leaves are hashed twice, so that no inner node is a leaf.
library StandardMerkle {
    /// @notice keccak256(bytes.concat(keccak256(abi.encode(account, cumulative)))).
    function leaf(address account, uint256 cumulative) internal pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            mstore(0x00, shr(96, shl(96, account)))
            mstore(0x20, cumulative)
            mstore(0x00, keccak256(0x00, 0x40))
            hash := keccak256(0x00, 0x20)
        }
    }

    /// @notice The root that `proof` leads to from `node`; siblings are hashed in ascending order.
    function root(bytes32 node, bytes32[] calldata proof) internal pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            hash := node
            let end := add(proof.offset, shl(5, proof.length))
            for { let offset := proof.offset } lt(offset, end) { offset := add(offset, 0x20) } {
                let sibling := calldataload(offset)
                let slot := shl(5, gt(hash, sibling))
                mstore(slot, hash)
                mstore(xor(slot, 0x20), sibling)
                hash := keccak256(0x00, 0x40)
            }
        }
    }
}
