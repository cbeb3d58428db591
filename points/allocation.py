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


def divide(amount: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Split `amount` in proportion to positive weights so that the parts add up to it exactly.

    Largest remainder: each gets its share rounded down, what is left goes one by one to the largest
    remainders, ties to the smaller key. Without weights nothing is given.
    """
    total = sum(weights.values())
    if total == 0:
        return {}
    if amount < 0 or min(weights.values()) < 0:
        raise ValueError("amounts and weights are not negative")
    shares, remainders = {}, []
    for key, weight in weights.items():
        shares[key], remainder = divmod(amount * weight, total)
        remainders.append((-remainder, key))
    left = amount - sum(shares.values())
    for _, key in sorted(remainders)[:left]:
        shares[key] += 1
    return shares


def allocate(amount_wei: int, millipoints: Mapping[str, int]) -> dict[str, int]:
    """LAM of each address for its points; ties go by the address's value, not its spelling."""
    spelling = {address.lower(): address for address in millipoints}
    shares = divide(amount_wei, {a.lower(): points for a, points in millipoints.items()})
    return {spelling[address]: share for address, share in shares.items()}


def split(amount: int, shares_bp: Sequence[int]) -> list[int]:
    """Parts of an amount by basis points (sum 10,000); largest remainder, ties to the first."""
    if sum(shares_bp) != 10_000:
        raise ValueError("shares must add up to 10,000 basis points")
    parts = divide(amount, {f"{n:06}": share for n, share in enumerate(shares_bp)})
    return [parts[f"{n:06}"] for n in range(len(shares_bp))]
