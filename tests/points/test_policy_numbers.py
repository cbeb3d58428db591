"""Every number of the reward policy decides something: none is there for show."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from contributions.policy_document import (
    BP,
    PaidWork,
    Policy,
    PolicyError,
    load_policy,
    parse_policy,
)
from points.allocation import split
from points.simulate import EpochRecord, Person, Run, Work, simulate

TASK = "book-flight"
EPOCHS = (1, 2, 4, 5, 8, 9, 12)
# With each kind of rule in it, and each number where one more or less makes a difference.
DOCUMENT = {
    **load_policy().document,
    "max_paid_actions_per_workflow": 30,
    "daily_cap_millipoints": 10_000_000,
    "epoch_multipliers_bp": {"default": 10_000, "epochs": {"2": 20_000}},
    "platform_multipliers_bp": {"miniwob": 9_000, "sample": 8_000, "extension": 11_000},
    "bounties": [{"task": TASK, "multiplier_bp": 15_000, "from_epoch": 2, "through_epoch": 8}],
    "duplicates": {"multipliers_bp": [10_000, 9_000, 7_000]},
    "verifier": {"min_score_bp": 5_000},
    "referral": {"layers_bp": [1_000, 300, 100], "cap_millipoints_per_epoch": 1_000_000},
    "emission_wei": {"default": "1500000000000000000000000", "epochs": {"9": "700"}},
}
# What reads those that no payment depends on: each has a test of its own.
CONSUMERS = {
    ("k_anonymity",): "contributions.training: test_export_training.py",
    ("epoch_seconds",): "points.tasks.advance_epochs: test_tasks.py",
}
# Takes one value: another is another kind of document.
DECLARED = {("version",)}


def numbers(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of all integers and decimal strings."""
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from numbers(item, (*path, key))
    elif isinstance(value, int) or (isinstance(value, str) and value.isdigit()):
        yield path


def changed(path: tuple[Any, ...], by: int) -> dict[str, Any]:
    """The document with one number changed; of the shares of a run another gives what one gets."""
    document = copy.deepcopy(DOCUMENT)
    inner: Any = document
    for key in path[:-1]:
        inner = inner[key]
    old = inner[path[-1]]
    inner[path[-1]] = str(int(old) + by) if isinstance(old, str) else old + by
    if path[0] == "marketplace" and path[-1] != "price_millipoints_per_action":
        other = "burn_bp" if path[-1] == "creator_bp" else "creator_bp"
        inner[other] -= by
    return document


def happened(epoch: int) -> EpochRecord:
    """An epoch with work at every threshold: of a day, of badges, of shapes, of the verifier."""

    def work(person: int = 0, day: int = 1, task: str = "", **given: Any) -> Work:
        facts = {"platform": "miniwob", "verified_actions": 3, "seen_before": 99, **given}
        return Work(person, day, PaidWork(epoch=epoch, **facts).inputs, task=task)

    badges = [badge["from_millipoints"] for badge in DOCUMENT["badges"]]
    works = [
        *(work(person=n, day=2, platform=name) for n, name in enumerate(("sample", "extension"))),
        *(work(person=2, day=n, lifetime_millipoints=each) for n, each in enumerate(badges)),
        *(work(person=3, day=n, seen_before=n) for n in range(5)),
        *(work(person=4, day=n, own_before=n) for n in range(4)),
        work(person=5, score_bp=5_000),
        work(person=6, task=TASK),
        work(person=7, day=2, verified_actions=31),
        *(work(person=7, verified_actions=31) for _ in range(60)),
    ]
    people = {n: Person(f"0x{n:040x}") for n in range(11)}
    people[0] = Person(people[0].address, (8, 9, 10))
    people[7] = Person(people[7].address, (8,))
    runs = [Run(user=6, creator=5, actions=3)]
    return EpochRecord(epoch, parse_policy(DOCUMENT), 10**25, people, works, runs)


def outcome(policy: Policy) -> list[Any]:
    """Who gets how much in some epochs, and who gets what of a run."""
    simulated = [simulate(policy, happened(epoch)).proposed for epoch in EPOCHS]
    market = policy.marketplace
    run = split(10 * BP * market.price_millipoints_per_action, market.shares_bp)
    return [*((dict(each.millipoints), dict(each.wei)) for each in simulated), run]


@pytest.fixture(scope="module")
def before() -> list[Any]:
    return outcome(parse_policy(DOCUMENT))


@pytest.mark.parametrize(
    "path", sorted(numbers(DOCUMENT), key=str), ids=lambda p: ".".join(map(str, p))
)
def test_every_number_changes_who_gets_what(path, before):
    if path in CONSUMERS or path in DECLARED:
        return
    valid = []
    for by in (1, -1, 100, -100):
        try:
            valid.append(parse_policy(changed(path, by)))
        except PolicyError:
            continue
    assert valid, "no other number is accepted"
    assert any(outcome(each) != before for each in valid)


@pytest.mark.parametrize("path", sorted(DECLARED))
def test_another_version_is_refused_by_its_path(path):
    with pytest.raises(PolicyError, match="version"):
        parse_policy(changed(path, 1))


def test_what_is_excepted_is_in_the_document():
    assert {*CONSUMERS, *DECLARED} <= set(numbers(DOCUMENT))
