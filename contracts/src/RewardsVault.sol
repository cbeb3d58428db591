// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IHandover, Capability} from "./interfaces/IHandover.sol";
import {ILAMToken} from "./interfaces/ILAMToken.sol";
import {IRewardsVault, Source} from "./interfaces/IRewardsVault.sol";

/// @title Vault of the LAM that rewards are paid from.
/// @notice Emission is minted here; marketplace and bounty money is paid in. Only the distributor takes
/// out, in two steps: a submitted root sets its sum aside, and the sum moves when the root activates.
contract RewardsVault is IRewardsVault {
    using SafeERC20 for IERC20;

    /// @notice LAM.
    address public immutable TOKEN;
    /// @notice The only contract that rewards leave to.
    address public immutable DISTRIBUTOR;
    /// @notice Names the treasury vault.
    IHandover public immutable HANDOVER;

    /// @notice LAM wei set aside for the root under veto.
    uint256 public escrowed;
    /// @notice LAM wei ever moved to the distributor.
    uint256 public released;
    mapping(Source => uint256) private _paidIn;

    constructor(address token, address distributor, IHandover handover) {
        TOKEN = token;
        DISTRIBUTOR = distributor;
        HANDOVER = handover;
    }

    modifier onlyDistributor() {
        if (msg.sender != DISTRIBUTOR) revert NotDistributor(msg.sender);
        _;
    }

    /// @inheritdoc IRewardsVault
    function fund(Source source, uint256 amount) external {
        if (source == Source.Emission) revert NotFundable(source);
        _paidIn[source] += amount;
        emit Funded(source, msg.sender, amount);
        IERC20(TOKEN).safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @inheritdoc IRewardsVault
    function escrow(uint256 amount) external onlyDistributor {
        uint256 available = totalFunded() - released - escrowed;
        if (amount > available) revert Underfunded(amount, available);
        escrowed += amount;
        emit Escrowed(amount);
    }

    /// @inheritdoc IRewardsVault
    function release() external onlyDistributor {
        uint256 amount = escrowed;
        escrowed = 0;
        released += amount;
        emit Released(amount);
        IERC20(TOKEN).safeTransfer(DISTRIBUTOR, amount);
    }

    /// @inheritdoc IRewardsVault
    function refund() external onlyDistributor {
        emit Refunded(escrowed);
        escrowed = 0;
    }

    /// @inheritdoc IRewardsVault
    function skim() external returns (uint256 amount) {
        amount = IERC20(TOKEN).balanceOf(address(this)) - (totalFunded() - released);
        address treasury = HANDOVER.holder(Capability.TreasuryVault);
        emit Skimmed(treasury, amount);
        IERC20(TOKEN).safeTransfer(treasury, amount);
    }

    /// @inheritdoc IRewardsVault
    function funded(Source source) public view returns (uint256) {
        return source == Source.Emission ? ILAMToken(TOKEN).totalEmission() : _paidIn[source];
    }

    /// @notice Cumulative LAM wei funded over all sources.
    function totalFunded() public view returns (uint256) {
        return funded(Source.Emission) + _paidIn[Source.Marketplace] + _paidIn[Source.Bounties];
    }
}
