// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title OpenZeppelin's ERC20 and nothing else, with what the vault asks of LAM.
/// @notice What claims cost without votes: the settings under which other distributors are measured.
contract PlainToken is ERC20 {
    uint256 public totalEmission;

    constructor() ERC20("Plain", "PLAIN") {}

    function mint(address to, uint256 amount) external {
        totalEmission += amount;
        _mint(to, amount);
    }
}
