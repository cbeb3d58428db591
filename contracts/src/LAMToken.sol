// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {Time} from "@openzeppelin/contracts/utils/types/Time.sol";
import {IHandover, Capability} from "./interfaces/IHandover.sol";
import {ILAMToken, EmissionLimit, Allocation} from "./interfaces/ILAMToken.sol";

/// @title LAM, the token of Action Model.
/// @notice ERC-20 with votes (ERC-5805, timestamp clock), permit (ERC-2612) and burn. After deployment the
/// emission schedule is the only way to mint: epoch e gives `FIRST_EMISSION >> ((e - 1) / 104)`, which
/// over all epochs adds up to just under 35% of the cap. Anyone mints an epoch once it has begun. The
/// holder of the reward policy may lower the emission of future epochs and can never raise it.
/// @dev `CAP` bounds what was ever minted: burning makes no room for more.
contract LAMToken is ILAMToken, ERC20, ERC20Permit, ERC20Votes, ERC20Burnable {
    /// @notice LAM wei that can ever be minted.
    uint256 public constant CAP = 1_000_000_000 ether;
    /// @notice LAM wei that the emission schedule stays under: the contributors' 35%.
    uint256 public constant COMMUNITY_ALLOCATION = (CAP * 35) / 100;
    /// @notice Epochs after which the emission halves; two years of weeks.
    uint64 public constant HALVING_EPOCHS = 104;
    /// @notice LAM wei of each of the first `HALVING_EPOCHS` epochs, about 1.68 million LAM: halving for
    /// ever, the sum is twice `HALVING_EPOCHS` times this.
    uint256 public constant FIRST_EMISSION = COMMUNITY_ALLOCATION / (2 * HALVING_EPOCHS);

    /// @notice Receives every emission.
    address public immutable REWARDS_VAULT;
    /// @notice The rewards distributor, which delegates for whoever claims and asks for it.
    address public immutable DISTRIBUTOR;
    /// @notice Says who may lower the emission.
    IHandover public immutable HANDOVER;
    /// @notice Unix time at which epoch 1 of the schedule begins.
    uint64 public immutable EMISSION_START;
    /// @notice Seconds from the beginning of one epoch of the schedule to the next.
    uint64 public immutable EPOCH_SECONDS;

    /// @notice LAM wei ever minted.
    uint256 public totalMinted;
    /// @inheritdoc ILAMToken
    uint256 public totalEmission;
    /// @notice Whether the emission of an epoch was minted.
    mapping(uint64 epoch => bool) public emissionMinted;
    EmissionLimit[] private _limits;

    /// @param allocations Minted here and now, besides the schedule; none by default.
    constructor(
        address rewardsVault,
        address distributor,
        IHandover handover,
        uint64 emissionStart,
        uint64 epochSeconds,
        Allocation[] memory allocations
    ) ERC20("Action Model", "LAM") ERC20Permit("Action Model") {
        if (epochSeconds == 0) revert InvalidEpoch(0);
        REWARDS_VAULT = rewardsVault;
        DISTRIBUTOR = distributor;
        HANDOVER = handover;
        EMISSION_START = emissionStart;
        EPOCH_SECONDS = epochSeconds;
        for (uint256 i = 0; i < allocations.length; ++i) {
            _mintCapped(allocations[i].recipient, allocations[i].amountWei);
        }
        // What is handed out at deployment must leave room for the whole schedule.
        if (totalMinted + COMMUNITY_ALLOCATION > CAP) revert CapExceeded(totalMinted);
    }

    /// @inheritdoc ILAMToken
    function mintEmission(uint64 epoch) external returns (uint256 amount) {
        amount = emission(epoch);
        if (block.timestamp < startOf(epoch)) revert EpochNotStarted(epoch, startOf(epoch));
        if (emissionMinted[epoch]) revert EmissionAlreadyMinted(epoch);
        emissionMinted[epoch] = true;
        totalEmission += amount;
        _mintCapped(REWARDS_VAULT, amount);
        emit EmissionMinted(epoch, amount);
    }

    /// @inheritdoc ILAMToken
    function limitEmission(uint64 fromEpoch, uint192 limitWei) external {
        if (msg.sender != HANDOVER.holder(Capability.RewardPolicy)) revert NotPolicyHolder(msg.sender);
        if (block.timestamp >= startOf(fromEpoch)) revert InvalidEmissionLimit(fromEpoch, limitWei);
        uint256 count = _limits.length;
        if (count > 0 && fromEpoch <= _limits[count - 1].fromEpoch) {
            revert InvalidEmissionLimit(fromEpoch, limitWei);
        }
        if (limitWei >= emission(fromEpoch)) revert InvalidEmissionLimit(fromEpoch, limitWei);
        _limits.push(EmissionLimit(fromEpoch, limitWei));
        emit EmissionLimited(fromEpoch, limitWei);
    }

    /// @inheritdoc ILAMToken
    function delegateFor(address account, address delegatee) external {
        if (msg.sender != DISTRIBUTOR) revert NotDistributor(msg.sender);
        _delegate(account, delegatee);
    }

    /// @inheritdoc ILAMToken
    function emission(uint64 epoch) public view returns (uint256) {
        if (epoch == 0) revert InvalidEpoch(epoch);
        uint256 scheduled = FIRST_EMISSION >> ((epoch - 1) / HALVING_EPOCHS);
        uint256 i = _limits.length;
        while (i > 0 && _limits[i - 1].fromEpoch > epoch) --i;
        if (i == 0) return scheduled;
        uint256 limit = _limits[i - 1].limitWei;
        return limit < scheduled ? limit : scheduled;
    }

    /// @notice Unix time at which `epoch` of the schedule begins.
    function startOf(uint64 epoch) public view returns (uint256) {
        if (epoch == 0) revert InvalidEpoch(epoch);
        return EMISSION_START + uint256(epoch - 1) * EPOCH_SECONDS;
    }

    /// @notice The limits set by votes, oldest first.
    function emissionLimits() external view returns (EmissionLimit[] memory) {
        return _limits;
    }

    /// @notice ERC-6372: votes are counted by Unix time.
    function clock() public view override returns (uint48) {
        return Time.timestamp();
    }

    /// @notice ERC-6372.
    function CLOCK_MODE() public pure override returns (string memory) {
        return "mode=timestamp";
    }

    /// @inheritdoc ERC20Permit
    function nonces(address owner) public view override(ERC20Permit, Nonces) returns (uint256) {
        return super.nonces(owner);
    }

    function _mintCapped(address recipient, uint256 amount) private {
        totalMinted += amount;
        if (totalMinted > CAP) revert CapExceeded(totalMinted);
        _mint(recipient, amount);
    }

    function _update(address from, address to, uint256 value) internal override(ERC20, ERC20Votes) {
        super._update(from, to, value);
    }
}
