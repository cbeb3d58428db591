"""How an epoch's LAM is divided among points. Pure integers: no Django, no floats."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from contributions import emission


@dataclass(frozen=True, slots=True)
class Limit:
    """A vote's lowering of the schedule from an epoch on."""

    from_epoch: int
    limit_wei: int


def scheduled_emission(epoch: int, limits: Iterable[Limit] = ()) -> int:
    """What LAMToken mints for an epoch at most, in wei."""
    scheduled = emission.scheduled_emission(epoch)
    in_force = [each for each in limits if each.from_epoch <= epoch]
    if not in_force:
        return scheduled
    return min(scheduled, max(in_force, key=lambda each: each.from_epoch).limit_wei)


def apportion(amount: int, weights: Sequence[int]) -> list[int]:
    """Split `amount` in proportion to weights so that the parts add up to it exactly.

    Largest remainder: each gets its share rounded down, what is left goes one by one to the largest
    remainders, ties to whoever comes first. Raises ValueError: negative amounts, weights of 0 only.
    """
    total = sum(weights)
    if amount < 0 or total == 0 or min(weights) < 0:
        raise ValueError("amounts and weights are not negative, and not all weights are 0")
    shares, remainders = [], []
    for weight in weights:
        share, remainder = divmod(amount * weight, total)
        shares.append(share)
        remainders.append(remainder)
    left = amount - sum(shares)
    # Sorting is stable, also in reverse.
    order = sorted(range(len(weights)), key=remainders.__getitem__, reverse=True)
    for position in order[:left]:
        shares[position] += 1
    return shares


def divide(amount: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Shares as `apportion` gives them, ties to the smaller key; nothing without weights."""
    keys = sorted(weights)
    if not any(weights.values()):
        return {}
    return dict(zip(keys, apportion(amount, [weights[key] for key in keys]), strict=True))


def allocate(amount_wei: int, millipoints: Mapping[str, int]) -> dict[str, int]:
    """LAM of each address for its points; ties go by the address's value, not its spelling."""
    spelling = {address.lower(): address for address in millipoints}
    shares = divide(amount_wei, {a.lower(): points for a, points in millipoints.items()})
    return {spelling[address]: share for address, share in shares.items()}


def split(amount: int, shares_bp: Sequence[int]) -> list[int]:
    """Parts of an amount by basis points (sum 10,000); largest remainder, ties to the first."""
    if sum(shares_bp) != 10_000:
        raise ValueError("shares must add up to 10,000 basis points")
    return apportion(amount, shares_bp)
