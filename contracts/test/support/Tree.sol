// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Entry} from "../../src/interfaces/IRewardsDistributor.sol";

/// @notice OpenZeppelin's StandardMerkleTree with `sortLeaves: false`, written for clarity: what the
/// contracts' assembly is compared with.
library Tree {
    function leaf(Entry memory entry) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(entry.account, entry.cumulative))));
    }

    function parent(bytes32 a, bytes32 b) internal pure returns (bytes32) {
        return a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
    }

    /// @dev Root first; leaf i is at 2n - 2 - i.
    function heap(Entry[] memory entries) internal pure returns (bytes32[] memory nodes) {
        uint256 n = entries.length;
        nodes = new bytes32[](2 * n - 1);
        for (uint256 i = 0; i < n; ++i) {
            nodes[2 * n - 2 - i] = leaf(entries[i]);
        }
        for (uint256 i = n - 1; i > 0; --i) {
            nodes[i - 1] = parent(nodes[2 * i - 1], nodes[2 * i]);
        }
    }

    function root(Entry[] memory entries) internal pure returns (bytes32) {
        return heap(entries)[0];
    }

    function proof(Entry[] memory entries, uint256 index) internal pure returns (bytes32[] memory siblings) {
        bytes32[] memory nodes = heap(entries);
        uint256 at = nodes.length - 1 - index;
        siblings = new bytes32[](depth(at));
        for (uint256 i = 0; at > 0; ++i) {
            siblings[i] = nodes[at % 2 == 0 ? at - 1 : at + 1];
            at = (at - 1) / 2;
        }
    }

    function depth(uint256 at) internal pure returns (uint256 levels) {
        for (; at > 0; at = (at - 1) / 2) {
            ++levels;
        }
    }

    /// @notice The run of `count` leaves from `first`: its position and proof for `claimMany`.
    /// @dev Both ends must be on one level of the heap.
    function range(Entry[] memory entries, uint256 first, uint256 count)
        internal
        pure
        returns (Entry[] memory run, uint256 position, bytes32[] memory siblings)
    {
        bytes32[] memory nodes = heap(entries);
        uint256 high = nodes.length - 1 - first;
        uint256 low = position = high - (count - 1);
        bytes32[] memory found = new bytes32[](2 * depth(low));
        uint256 used;
        for (; low > 0; (low, high) = ((low - 1) / 2, (high - 1) / 2)) {
            if (low % 2 == 0) found[used++] = nodes[low - 1];
            if (high % 2 == 1) found[used++] = nodes[high + 1];
        }
        siblings = new bytes32[](used);
        for (uint256 i = 0; i < used; ++i) {
            siblings[i] = found[i];
        }
        run = new Entry[](count);
        for (uint256 i = 0; i < count; ++i) {
            run[i] = entries[first + i];
        }
    }
}
