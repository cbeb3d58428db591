// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {StandardMerkle} from "../src/StandardMerkle.sol";

/// @title The least that a cumulative claim can cost.
/// @notice The caller proves its sum under a root that nobody can change, pause or veto, and is paid the
/// difference to what it claimed before. No event, no claim for others: a measure, not a product.
contract Floor {
    address internal immutable TOKEN;
    bytes32 internal root;
    mapping(address account => uint256) internal claimed;

    constructor(address token, bytes32 root_) {
        TOKEN = token;
        root = root_;
    }

    function setRoot(bytes32 root_) external {
        root = root_;
    }

    function claim(uint256 cumulative, bytes32[] calldata proof) external {
        require(StandardMerkle.root(StandardMerkle.leaf(msg.sender, cumulative), proof) == root);
        uint256 before = claimed[msg.sender];
        require(cumulative > before);
        claimed[msg.sender] = cumulative;
        require(IERC20(TOKEN).transfer(msg.sender, cumulative - before));
    }
}
