"""Who would have got what in an epoch under another policy. Pure: no Django, no I/O, no floats.

The same people did the same verified work and ran the same automations; only the numbers of the
policy differ. What other policies could have changed in what people do is not guessed.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contributions.policy_document import BP, PaidWork, Policy
from points.allocation import allocate, split

LIMIT = 10
PERCENTILES = (10, 25, 50, 75, 90, 99)


@dataclass(frozen=True, slots=True)
class Work:
    """A paid workflow: what its entry says of it, whose it is and the day it was received on.

    Withdrawn work used up its part of the day's cap, and earned nothing; its task is not known any
    more, so that no bounty applies to it.
    """

    person: int
    day: int
    inputs: Mapping[str, Any]
    withdrawn: bool = False
    task: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """A paid run of an automation."""

    user: int
    creator: int
    actions: int


@dataclass(frozen=True, slots=True)
class Person:
    """Someone with points. `fixed_millipoints` were carried from or are owed to other epochs."""

    address: str
    referrers: tuple[int, ...] = ()
    fixed_millipoints: int = 0


@dataclass(frozen=True)
class EpochRecord:
    """What happened in an epoch, in the order in which it was settled; people by their ids.

    `emission_limit_wei` is what the token's schedule and votes allowed.
    """

    epoch: int
    policy: Policy
    emission_limit_wei: int
    people: Mapping[int, Person]
    work: Sequence[Work]
    runs: Sequence[Run] = field(default=())


@dataclass(frozen=True, slots=True)
class Outcome:
    """Millipoints and LAM of every address under one policy."""

    policy: Policy
    millipoints: Mapping[str, int]
    wei: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Row:
    """One address under both policies."""

    address: str
    baseline_millipoints: int
    proposed_millipoints: int
    baseline_wei: int
    proposed_wei: int

    @property
    def change_wei(self) -> int:
        """More LAM (positive) or less under the proposed policy."""
        return self.proposed_wei - self.baseline_wei

    def document(self) -> dict[str, Any]:
        """As JSON: wei in decimal strings."""
        return {
            "address": self.address,
            "baseline_millipoints": self.baseline_millipoints,
            "proposed_millipoints": self.proposed_millipoints,
            "baseline_wei": str(self.baseline_wei),
            "proposed_wei": str(self.proposed_wei),
            "change_wei": str(self.change_wei),
        }


@dataclass(frozen=True)
class Simulation:
    """An epoch under the policy it had and under a proposed one."""

    epoch: int
    baseline: Outcome
    proposed: Outcome
    not_known: Sequence[str] = ()
    """What the ledger of the epoch can't tell of the proposed policy."""

    @property
    def rows(self) -> list[Row]:
        """Every address, in the order of addresses."""
        addresses = {*self.baseline.millipoints, *self.proposed.millipoints}
        return [
            Row(
                address,
                self.baseline.millipoints.get(address, 0),
                self.proposed.millipoints.get(address, 0),
                self.baseline.wei.get(address, 0),
                self.proposed.wei.get(address, 0),
            )
            for address in sorted(addresses, key=str.lower)
        ]

    def document(self, *, limit: int = LIMIT) -> dict[str, Any]:
        """The result as JSON: totals, distribution, and the `limit` biggest winners and losers."""
        rows = self.rows
        gaining = sorted((row for row in rows if row.change_wei > 0), key=lambda r: -r.change_wei)
        losing = sorted((row for row in rows if row.change_wei < 0), key=lambda r: r.change_wei)
        return {
            "epoch": self.epoch,
            "baseline": _totals(self.baseline, self.epoch),
            "proposed": _totals(self.proposed, self.epoch),
            "accounts": len(rows),
            "gaining": len(gaining),
            "losing": len(losing),
            "distribution": _distribution(rows),
            "winners": [row.document() for row in gaining[:limit]],
            "losers": [row.document() for row in losing[:limit]],
            "not_known": list(self.not_known),
        }


def simulate(policy: Policy, record: EpochRecord) -> Simulation:
    """An epoch again, under the policy it had and under another one."""
    return Simulation(
        record.epoch,
        _outcome(record.policy, record),
        _outcome(policy, record),
        list(_not_known(policy, record.policy)),
    )


def _not_known(proposed: Policy, before: Policy) -> Iterator[str]:
    """Where the proposed policy asks for more than the epoch's own policy had written down."""
    if proposed.novelty.workflows > before.novelty.workflows:
        yield (
            f"The epoch counted no further than {before.novelty.workflows} workflows of a shape: "
            "all after them are taken for just as new."
        )
    if proposed.duplicates.counted > before.duplicates.counted:
        yield (
            f"The epoch counted no further than {before.duplicates.counted} repeats by a person: "
            "all after them are taken for that one."
        )
    if proposed.verifier.min_score_bp < before.verifier.min_score_bp:
        yield "Work below the verifier's score of then has no entry: it stays unpaid here."
    if proposed.daily_cap_millipoints > before.daily_cap_millipoints:
        yield "Work of a day whose cap was used up has no entry: it stays unpaid here."


def _outcome(policy: Policy, record: EpochRecord) -> Outcome:
    points = _points(policy, record)
    by_address: dict[str, int] = defaultdict(int)
    for person, amount in points.items():
        address = record.people[person].address
        if address and amount > 0:
            by_address[address] += amount
    emission = min(policy.emission(record.epoch), record.emission_limit_wei)
    return Outcome(policy, by_address, allocate(emission, by_address))


def _points(policy: Policy, record: EpochRecord) -> dict[int, int]:
    """Millipoints by person."""
    points = {person: each.fixed_millipoints for person, each in record.people.items()}
    used: dict[tuple[int, int], int] = defaultdict(int)
    referred: dict[int, int] = defaultdict(int)
    for work in record.work:
        earned = _earned(policy, work, record.epoch)
        day = (work.person, work.day)
        paid = max(0, min(earned, policy.daily_cap_millipoints - used[day]))
        used[day] += paid
        for referrer, amount in _referrals(policy, record.people[work.person], work.person, paid):
            granted = min(amount, policy.referral.cap_millipoints_per_epoch - referred[referrer])
            referred[referrer] += granted
            points[referrer] = points.get(referrer, 0) + (0 if work.withdrawn else granted)
        points[work.person] += 0 if work.withdrawn else paid
    for run in record.runs:
        total = run.actions * policy.marketplace.price_millipoints_per_action
        points[run.user] -= total
        points[run.creator] += split(total, policy.marketplace.shares_bp)[0]
    return points


def _earned(policy: Policy, work: Work, epoch: int) -> int:
    return policy.earned_millipoints(PaidWork.of(work.inputs, epoch=epoch, task=work.task))


def _referrals(policy: Policy, person: Person, earner: int, paid: int) -> list[tuple[int, int]]:
    """(referrer, millipoints) before the referrer's cap; a circle pays nobody twice."""
    found, seen = [], {earner}
    for share, referrer in zip(policy.referral.layers_bp, person.referrers, strict=False):
        if referrer not in seen:
            found.append((referrer, paid * share // BP))
        seen.add(referrer)
    return found


def _totals(outcome: Outcome, epoch: int) -> dict[str, Any]:
    amounts = sorted(outcome.wei.values())
    return {
        "policy_hash": outcome.policy.hash,
        "policy_name": outcome.policy.name,
        "millipoints": sum(outcome.millipoints.values()),
        "wei": str(sum(amounts)),
        "accounts": len(amounts),
        "percentiles_wei": {
            f"p{each}": str(amounts[(len(amounts) - 1) * each // 100]) if amounts else "0"
            for each in PERCENTILES
        },
        "gini_bp": _gini_bp(amounts),
    }


def _gini_bp(amounts: Sequence[int]) -> int:
    """Inequality of ascending amounts: 0 when all are equal, 10,000 when one has everything."""
    total, count = sum(amounts), len(amounts)
    if total == 0:
        return 0
    weighted = sum((2 * rank - count - 1) * amount for rank, amount in enumerate(amounts, 1))
    return weighted * BP // (count * total)


def _distribution(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Addresses by the LAM they got, in steps of 1, 2, 5, 10, … that cover both policies."""
    highest = max((max(row.baseline_wei, row.proposed_wei) for row in rows), default=0)
    edges = [0, *_steps(highest)]
    counts = [[0, 0] for _ in edges]
    for row in rows:
        counts[bisect_right(edges, row.baseline_wei) - 1][0] += 1
        counts[bisect_right(edges, row.proposed_wei) - 1][1] += 1
    return [
        {
            "from_wei": str(low),
            "below_wei": str(high),
            "baseline": before,
            "proposed": after,
        }
        for low, high, (before, after) in zip(
            edges, [*edges[1:], _after(edges[-1])], counts, strict=True
        )
    ]


def _steps(highest: int) -> list[int]:
    """1, 2 and 5 times powers of ten of LAM, from 1 LAM to the last that is at most `highest`."""
    found, decade = [], 10**18
    while decade <= highest:
        found += [decade * digit for digit in (1, 2, 5) if decade * digit <= highest]
        decade *= 10
    return found


def _after(edge: int) -> int:
    """The step that follows an edge of the distribution."""
    if edge == 0:
        return 10**18
    leading = int(str(edge)[0])
    return edge * 5 // 2 if leading == 2 else edge * 2
