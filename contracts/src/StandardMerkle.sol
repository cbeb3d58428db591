// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Entry} from "./interfaces/IRewardsDistributor.sol";

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

    /// @notice `entries[i]`, which must exist: without the checks of a loop that counts to the length, and
    /// with the address as `leaves` hashes it.
    function entry(Entry[] calldata entries, uint256 i)
        internal
        pure
        returns (address account, uint256 cumulative)
    {
        assembly ("memory-safe") {
            let at := add(entries.offset, shl(6, i))
            account := shr(96, shl(96, calldataload(at)))
            cumulative := calldataload(add(at, 0x20))
        }
    }

    /// @notice The leaves of `entries` by ascending heap index: the heap holds them backwards.
    function leaves(Entry[] calldata entries) internal pure returns (bytes32[] memory nodes) {
        assembly ("memory-safe") {
            nodes := mload(0x40)
            let size := shl(5, entries.length)
            mstore(nodes, entries.length)
            let node := add(nodes, size)
            mstore(0x40, add(node, 0x20))
            for { let at := entries.offset } gt(node, nodes) { node := sub(node, 0x20) } {
                mstore(0x00, shr(96, shl(96, calldataload(at))))
                mstore(0x20, calldataload(add(at, 0x20)))
                mstore(0x00, keccak256(0x00, 0x40))
                mstore(node, keccak256(0x00, 0x20))
                at := add(at, 0x40)
            }
        }
    }

    /// @notice The root that `proof` leads to from `node`; siblings are hashed in ascending order.
    /// @dev Four levels a turn, so that the loop's own cost is a quarter.
    function root(bytes32 node, bytes32[] calldata proof) internal pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            hash := node
            let offset := proof.offset
            let end := add(offset, shl(5, proof.length))
            for {} mod(sub(end, offset), 0x80) { offset := add(offset, 0x20) } {
                let slot := shl(5, gt(hash, calldataload(offset)))
                mstore(slot, hash)
                mstore(xor(slot, 0x20), calldataload(offset))
                hash := keccak256(0x00, 0x40)
            }
            for {} lt(offset, end) { offset := add(offset, 0x80) } {
                let slot := shl(5, gt(hash, calldataload(offset)))
                mstore(slot, hash)
                mstore(xor(slot, 0x20), calldataload(offset))
                hash := keccak256(0x00, 0x40)
                slot := shl(5, gt(hash, calldataload(add(offset, 0x20))))
                mstore(slot, hash)
                mstore(xor(slot, 0x20), calldataload(add(offset, 0x20)))
                hash := keccak256(0x00, 0x40)
                slot := shl(5, gt(hash, calldataload(add(offset, 0x40))))
                mstore(slot, hash)
                mstore(xor(slot, 0x20), calldataload(add(offset, 0x40)))
                hash := keccak256(0x00, 0x40)
                slot := shl(5, gt(hash, calldataload(add(offset, 0x60))))
                mstore(slot, hash)
                mstore(xor(slot, 0x20), calldataload(add(offset, 0x60)))
                hash := keccak256(0x00, 0x40)
            }
        }
    }

    /// @notice The root that a run of neighbouring nodes and `proof` lead to.
    /// @param nodes Nodes of one level by ascending heap index; overwritten.
    /// @param position Heap index of `nodes[0]`: children of node i are 2i + 1 and 2i + 2.
    /// @param proof Siblings left and right of the run, level by level, the left one first.
    /// @return hash The root.
    /// @return whole Whether every node took part in the root and every sibling was used. What is whole
    /// and gives the root is in the tree, whatever the position: it only says how to fold, and is not believed.
    function rangeRoot(bytes32[] memory nodes, uint256 position, bytes32[] calldata proof)
        internal
        pure
        returns (bytes32 hash, bool whole)
    {
        assembly ("memory-safe") {
            function parent(a, b) -> value {
                let slot := shl(5, gt(a, b))
                mstore(slot, a)
                mstore(xor(slot, 0x20), b)
                value := keccak256(0x00, 0x40)
            }
            let base := add(nodes, 0x20)
            let end := add(base, shl(5, mload(nodes)))
            let sibling := proof.offset
            for {} position { position := shr(1, sub(position, 1)) } {
                let from := base
                let to := base
                // An even heap index is a right child: its left sibling comes from the proof.
                if iszero(and(position, 1)) {
                    mstore(to, parent(calldataload(sibling), mload(from)))
                    sibling := add(sibling, 0x20)
                    from := add(from, 0x20)
                    to := add(to, 0x20)
                }
                for {} lt(add(from, 0x20), end) { from := add(from, 0x40) } {
                    mstore(to, parent(mload(from), mload(add(from, 0x20))))
                    to := add(to, 0x20)
                }
                if lt(from, end) {
                    mstore(to, parent(mload(from), calldataload(sibling)))
                    sibling := add(sibling, 0x20)
                    to := add(to, 0x20)
                }
                end := to
            }
            hash := mload(base)
            whole := and(eq(end, add(base, 0x20)), eq(sibling, add(proof.offset, shl(5, proof.length))))
        }
    }
}
