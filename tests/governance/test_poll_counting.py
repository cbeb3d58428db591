"""Counting is exact, fair to the order of ballots, and decided by stated rules when level."""

import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.counting import InvalidChoice, Method, check_choice, count, divide

SINGLE, APPROVAL, RANKED, WEIGHTED = Method
OPTIONS = st.integers(2, 6)
POWERS = st.integers(1, 2**208 - 1)


@st.composite
def elections(draw, method: Method):
    """A number of options and valid ballots with their powers."""
    options = draw(OPTIONS)
    each = st.integers(0, options - 1)
    choices = {
        SINGLE: st.tuples(each),
        APPROVAL: st.sets(each, min_size=1).map(lambda found: tuple(sorted(found))),
        RANKED: st.lists(each, min_size=1, unique=True).map(tuple),
        WEIGHTED: st.tuples(*[st.integers(0, 2**32 - 1)] * options).filter(any),
    }[method]
    return options, draw(st.lists(st.tuples(choices, POWERS), max_size=12))


@pytest.mark.parametrize("method", list(Method))
def test_every_valid_ballot_can_be_counted_in_any_order(method) -> None:
    @given(elections(method), st.randoms())
    def check(election, dice: random.Random) -> None:
        options, ballots = election
        for choice, _ in ballots:
            check_choice(method, choice, options)
        outcome = count(method, options, ballots)
        dice.shuffle(ballots)
        assert count(method, options, ballots) == outcome
        assert outcome.power_wei == sum(wei for _, wei in ballots)
        assert bool(outcome.winners) == bool(ballots)

    check()


@given(elections(SINGLE))
def test_single_totals_are_the_sums_and_the_greatest_win(election) -> None:
    options, ballots = election
    outcome = count(SINGLE, options, ballots)
    for option in range(options):
        assert outcome.totals_wei[option] == sum(w for c, w in ballots if c == (option,))
    assert sum(outcome.totals_wei) == outcome.power_wei
    most = max(outcome.totals_wei)
    if ballots:
        assert outcome.winners == tuple(n for n in range(options) if outcome.totals_wei[n] == most)


@given(elections(APPROVAL))
def test_an_approval_counts_in_full_for_each_option_named(election) -> None:
    options, ballots = election
    outcome = count(APPROVAL, options, ballots)
    for option in range(options):
        assert outcome.totals_wei[option] == sum(w for c, w in ballots if option in c)


@given(elections(WEIGHTED))
def test_weighted_parts_lose_nothing_and_are_off_by_less_than_a_wei_a_ballot(election) -> None:
    options, ballots = election
    outcome = count(WEIGHTED, options, ballots)
    assert sum(outcome.totals_wei) == outcome.power_wei
    for option in range(options):
        exact = sum((Fraction(w * c[option], sum(c)) for c, w in ballots), Fraction(0))
        assert abs(outcome.totals_wei[option] - exact) < max(1, len(ballots))


@pytest.mark.parametrize(
    ("wei", "weights", "parts"),
    [
        (10, (1, 1, 1), [4, 3, 3]),
        (11, (1, 1, 1), [4, 4, 3]),
        (1, (0, 0, 5), [0, 0, 1]),
        (7, (2, 1), [5, 2]),
        (100, (1, 2, 3), [17, 33, 50]),
    ],
)
def test_wei_left_over_go_to_the_largest_remainders(wei, weights, parts) -> None:
    assert divide(wei, weights) == parts


@given(elections(RANKED))
def test_a_run_off_keeps_every_wei_in_every_round_and_ends(election) -> None:
    options, ballots = election
    outcome = count(RANKED, options, ballots)
    assert len(outcome.rounds) <= options
    gone: set[int] = set()
    for each in outcome.rounds:
        assert sum(each.totals_wei) + each.exhausted_wei == outcome.power_wei
        assert all(each.totals_wei[option] == 0 for option in gone)
        if each.struck_out is not None:
            standing = [n for n in range(options) if n not in gone]
            assert each.totals_wei[each.struck_out] == min(each.totals_wei[n] for n in standing)
            gone.add(each.struck_out)
    assert not set(outcome.winners) & gone
    if len(outcome.winners) == 1 and ballots:
        last = outcome.rounds[-1].totals_wei
        assert 2 * last[outcome.winners[0]] > sum(last) or len(gone) == options - 1


@given(elections(RANKED))
def test_who_beats_everybody_by_first_choices_wins_at_once(election) -> None:
    options, ballots = election
    firsts = count(SINGLE, options, [(choice[:1], wei) for choice, wei in ballots])
    outcome = count(RANKED, options, ballots)
    assert outcome.totals_wei == firsts.totals_wei
    for option, total in enumerate(firsts.totals_wei):
        if 2 * total > firsts.power_wei:
            assert (outcome.winners, len(outcome.rounds)) == ((option,), 1)


def test_second_choices_of_the_weakest_decide() -> None:
    ballots = [((0,), 8), ((1, 2), 7), ((2, 1), 6)]
    outcome = count(RANKED, 3, ballots)
    assert [each.struck_out for each in outcome.rounds] == [2, None]
    assert outcome.winners == (1,)
    assert outcome.rounds[1].totals_wei == (8, 13, 0)


def test_of_equally_weak_options_the_one_weaker_before_goes_then_the_last_listed() -> None:
    # After option 3 is out, 1 and 2 are level with 5; 2 had more in the first round.
    ballots = [((0,), 9), ((1,), 4), ((2,), 5), ((3, 1), 1)]
    assert [e.struck_out for e in count(RANKED, 4, ballots).rounds] == [3, 1, None]
    level = [((0,), 3), ((1,), 1), ((2,), 1)]
    assert [e.struck_out for e in count(RANKED, 3, level).rounds] == [None]
    level = [((0,), 3), ((1,), 2), ((2,), 2)]
    assert [e.struck_out for e in count(RANKED, 3, level).rounds] == [2, None]


def test_of_several_earlier_rounds_the_latest_in_which_they_differ_counts() -> None:
    # Round 1: 0 is ahead of 1; round 2: 1 is ahead of 0; round 3: both are level and weakest.
    ballots = [((0,), 6), ((1,), 5), ((2,), 10)]
    ballots += [((3, 0), 1), ((3, 2), 3), ((4, 1), 2), ((4, 2), 1)]
    rounds = count(RANKED, 5, ballots).rounds
    assert [each.totals_wei[:3] for each in rounds[:3]] == [(6, 5, 10), (6, 7, 11), (7, 7, 14)]
    assert [each.struck_out for each in rounds[:3]] == [4, 3, 0]


def test_just_half_is_not_more_than_half() -> None:
    outcome = count(RANKED, 3, [((0,), 50), ((1,), 30), ((2, 1), 20)])
    assert (outcome.rounds[0].struck_out, outcome.winners) == (2, (0, 1))


def test_all_that_stand_level_tie() -> None:
    assert count(RANKED, 3, [((0,), 5), ((1,), 5)]).winners == (0, 1)
    assert count(RANKED, 2, [((0,), 5), ((1,), 5)]).winners == (0, 1)
    assert count(SINGLE, 3, [((0,), 5), ((2,), 5)]).winners == (0, 2)


def test_nothing_cast_has_no_winner() -> None:
    for method in Method:
        outcome = count(method, 3, [])
        assert (outcome.winners, outcome.power_wei) == ((), 0)


@pytest.mark.parametrize(
    ("method", "choice"),
    [
        (SINGLE, ()),
        (SINGLE, (3,)),
        (SINGLE, (-1,)),
        (SINGLE, (0, 1)),
        (APPROVAL, ()),
        (APPROVAL, (1, 0)),
        (APPROVAL, (1, 1)),
        (RANKED, ()),
        (RANKED, (0, 0)),
        (RANKED, (0, 3)),
        (WEIGHTED, (1, 1)),
        (WEIGHTED, (0, 0, 0)),
        (WEIGHTED, (1, 1, -1)),
        (WEIGHTED, (1, 1, 2**32)),
        (WEIGHTED, (1, 1, 1, 1)),
    ],
)
def test_a_choice_that_cannot_be_counted_is_refused(method, choice) -> None:
    with pytest.raises(InvalidChoice):
        check_choice(method, choice, 3)


def test_a_million_powers_are_summed_exactly() -> None:
    dice = random.Random(3)
    powers = [dice.getrandbits(200) for _ in range(1_000_000)]
    outcome = count(SINGLE, 2, (((n & 1,), wei) for n, wei in enumerate(powers)))
    assert outcome.totals_wei == (sum(powers[::2]), sum(powers[1::2]))
