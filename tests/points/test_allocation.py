"""Dividing an amount: exactly all of it, nobody more than one unit off their share."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contributions.emission import COMMUNITY_ALLOCATION_WEI, FIRST_EMISSION_WEI
from points.allocation import (
    Limit,
    allocate,
    divide,
    scheduled_emission,
    split,
)

weights = st.dictionaries(st.text(min_size=1, max_size=8), st.integers(1, 2**63), min_size=1)


@given(st.integers(0, 2**120), weights)
def test_the_parts_add_up_and_are_within_one_of_the_exact_share(amount, by_key):
    total = sum(by_key.values())
    parts = divide(amount, by_key)
    assert sum(parts.values()) == amount
    for key, weight in by_key.items():
        assert amount * weight // total <= parts[key] <= amount * weight // total + 1


@given(st.integers(0, 2**120), weights)
def test_who_has_more_never_gets_less(amount, by_key):
    parts = divide(amount, by_key)
    ordered = sorted(by_key, key=lambda key: by_key[key])
    for less, more in pairwise(ordered):
        if by_key[less] < by_key[more]:
            assert parts[less] <= parts[more]


@given(st.integers(0, 2**120), weights, st.randoms())
def test_the_order_of_the_weights_is_of_no_account(amount, by_key, random):
    shuffled = list(by_key.items())
    random.shuffle(shuffled)
    assert divide(amount, dict(shuffled)) == divide(amount, by_key)


def test_ties_go_to_the_smaller_address_whatever_its_spelling():
    low, high = "0x" + "aB" * 20, "0x" + "C0" * 20
    assert allocate(3, {high: 5, low: 5}) == {low: 2, high: 1}


def test_without_points_nothing_is_given():
    assert divide(10**18, {}) == {}
    assert allocate(10**18, {}) == {}


@pytest.mark.parametrize(("amount", "by_key"), [(-1, {"a": 1}), (5, {"a": 3, "b": -1})])
def test_negative_numbers_are_refused(amount, by_key):
    with pytest.raises(ValueError, match="negative"):
        divide(amount, by_key)


@given(st.integers(0, 10**12), st.integers(0, 10_000))
def test_a_split_by_basis_points_loses_nothing(amount, first):
    assert sum(split(amount, [first, 10_000 - first, 0])) == amount


def test_shares_that_do_not_sum_are_refused():
    with pytest.raises(ValueError, match="10,000"):
        split(100, [5_000, 4_999])


def test_the_schedule_stays_under_the_community_share():
    total = sum(104 * scheduled_emission(1 + 104 * period) for period in range(100))
    assert total <= COMMUNITY_ALLOCATION_WEI
    assert scheduled_emission(104) == FIRST_EMISSION_WEI
    assert scheduled_emission(105) == FIRST_EMISSION_WEI // 2


def test_a_vote_lowers_the_schedule_from_its_epoch_on():
    limits = [Limit(5, 1000), Limit(9, 10)]
    assert [scheduled_emission(n, limits) for n in (4, 5, 8, 9)] == [
        FIRST_EMISSION_WEI,
        1000,
        1000,
        10,
    ]
