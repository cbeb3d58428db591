"""The token's emission schedule, as contracts/src/LAMToken.sol has it. Pure integers.

Half of the community's share of the cap is minted in the first 104 epochs, half of the rest in the
next 104, and so on.
"""

COMMUNITY_ALLOCATION_WEI = 1_000_000_000 * 10**18 * 35 // 100
HALVING_EPOCHS = 104
FIRST_EMISSION_WEI = COMMUNITY_ALLOCATION_WEI // (2 * HALVING_EPOCHS)


def scheduled_emission(epoch: int) -> int:
    """What LAMToken mints for an epoch at most, in wei, unless a vote lowered it."""
    return FIRST_EMISSION_WEI >> ((epoch - 1) // HALVING_EPOCHS)
