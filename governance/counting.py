"""How the ballots of a poll are counted: single, approval, ranked and weighted choice.

Powers are LAM wei and stay integers; every total is exact. Pure: no Django, no database.

- single: a ballot's power goes to the one option it names.
- approval: to each option it names, in full.
- ranked: instant run-off. A ballot counts for its first option still standing; while none has more
  than half of what counts, the weakest is struck out. Of several equally weak the one goes that was
  weaker in the latest earlier round in which they differ, else the one listed last. When all that
  stand are level, they tie.
- weighted: its power is divided in the proportion of its weights, each part rounded down, and the
  wei left over go one each to the options with the largest remainders, the first listed of equals.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

OPTIONS_MAX = 20
WEIGHT_MAX = 2**32 - 1

Choice = tuple[int, ...]


class Method(StrEnum):
    """What a ballot's choice means."""

    SINGLE = "single"
    APPROVAL = "approval"
    RANKED = "ranked"
    WEIGHTED = "weighted"


class InvalidChoice(ValueError):
    """The choice cannot be counted by the poll's method."""


@dataclass(frozen=True)
class Round:
    """A round of a run-off: wei for each option (0 for those out), and who is struck out after."""

    totals_wei: tuple[int, ...]
    exhausted_wei: int
    struck_out: int | None


@dataclass(frozen=True)
class Outcome:
    """Wei for each option (by first choices in a run-off), and the options that lead.

    Several lead when they are level, none while nothing was cast.
    """

    totals_wei: tuple[int, ...]
    power_wei: int
    winners: tuple[int, ...]
    rounds: tuple[Round, ...] = ()


def check_choice(method: Method, choice: Sequence[int], options: int) -> None:
    """Raises InvalidChoice, saying what is wrong. Options are numbered from 0."""
    if method == Method.WEIGHTED:
        _check_weights(choice, options)
        return
    if not choice:
        raise InvalidChoice("A ballot names at least one option.")
    if any(not 0 <= each < options for each in choice):
        raise InvalidChoice(f"The options are numbered from 0 to {options - 1}.")
    if len(set(choice)) != len(choice):
        raise InvalidChoice("No option may be named twice.")
    if method == Method.SINGLE and len(choice) != 1:
        raise InvalidChoice("A ballot names exactly one option.")
    if method == Method.APPROVAL and list(choice) != sorted(choice):
        raise InvalidChoice("Approved options are named in ascending order.")


def _check_weights(weights: Sequence[int], options: int) -> None:
    if len(weights) != options:
        raise InvalidChoice(f"A ballot gives each of the {options} options a weight.")
    if any(not 0 <= each <= WEIGHT_MAX for each in weights):
        raise InvalidChoice(f"A weight is a whole number from 0 to {WEIGHT_MAX}.")
    if not any(weights):
        raise InvalidChoice("At least one weight is not 0.")


def count(method: Method, options: int, ballots: Iterable[tuple[Choice, int]]) -> Outcome:
    """The outcome of valid ballots, each a choice with its power in wei."""
    if method == Method.RANKED:
        return _run_off(options, ballots)
    if method == Method.WEIGHTED:
        return _weighted(options, ballots)
    totals, power_wei = [0] * options, 0
    for choice, wei in ballots:
        power_wei += wei
        for option in choice:
            totals[option] += wei
    return Outcome(tuple(totals), power_wei, _leaders(totals, range(options)))


def _leaders(totals: Sequence[int], standing: Iterable[int]) -> tuple[int, ...]:
    most = max(totals)
    return tuple(each for each in standing if totals[each] == most and most > 0)


def _weighted(options: int, ballots: Iterable[tuple[Choice, int]]) -> Outcome:
    totals, power_wei = [0] * options, 0
    for weights, wei in ballots:
        power_wei += wei
        for option, part in enumerate(divide(wei, weights)):
            totals[option] += part
    return Outcome(tuple(totals), power_wei, _leaders(totals, range(options)))


def divide(wei: int, weights: Sequence[int]) -> list[int]:
    """Parts in the proportion of the weights that add up exactly (largest remainder)."""
    whole = sum(weights)
    parts = [wei * each // whole for each in weights]
    left = wei - sum(parts)
    if left:
        by_remainder = sorted(range(len(weights)), key=lambda n: (-(wei * weights[n] % whole), n))
        for option in by_remainder[:left]:
            parts[option] += 1
    return parts


def _run_off(options: int, ballots: Iterable[tuple[Choice, int]]) -> Outcome:
    powers: defaultdict[Choice, int] = defaultdict(int)
    for choice, wei in ballots:
        powers[choice] += wei
    power_wei = sum(powers.values())
    standing = list(range(options))
    rounds: list[Round] = []
    while True:
        totals, exhausted = _count_first(powers, set(standing), options)
        winners = _decided(totals, standing)
        struck_out = None if winners or not power_wei else _weakest(totals, standing, rounds)
        rounds.append(Round(tuple(totals), exhausted, struck_out))
        if struck_out is None:
            return Outcome(rounds[0].totals_wei, power_wei, winners, tuple(rounds))
        standing.remove(struck_out)


def _count_first(
    powers: dict[Choice, int], standing: set[int], options: int
) -> tuple[list[int], int]:
    """Each ballot for its first option that stands; and the wei of those that name none."""
    totals, exhausted = [0] * options, 0
    for choice, wei in powers.items():
        first = next((each for each in choice if each in standing), None)
        if first is None:
            exhausted += wei
        else:
            totals[first] += wei
    return totals, exhausted


def _decided(totals: Sequence[int], standing: Sequence[int]) -> tuple[int, ...]:
    """Who has more than half, or all that stand when they are level; else nobody yet."""
    leaders = _leaders(totals, standing)
    if len(leaders) == 1 and 2 * totals[leaders[0]] > sum(totals):
        return leaders
    return leaders if len(leaders) == len(standing) else ()


def _weakest(totals: Sequence[int], standing: Sequence[int], earlier: Sequence[Round]) -> int:
    def strength(option: int) -> tuple[int, ...]:
        before = [each.totals_wei[option] for each in reversed(earlier)]
        return (totals[option], *before, -option)

    return min(standing, key=strength)
