"""Amounts in templates: exact integers in, text that never promises more than there is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.templatetags import amounts


@pytest.mark.parametrize(
    ("millipoints", "text"),
    [(0, "0"), (1, "0.001"), (12_500, "12.5"), (1_234_567_000, "1,234,567"), (-40_000, "−40")],
)
def test_points(millipoints, text):
    assert amounts.points(millipoints) == text


@pytest.mark.parametrize(
    ("wei", "text"),
    [
        (0, "0"),
        (10**18, "1"),
        (15 * 10**17, "1.5"),
        (10**18 - 1, "0.9999"),
        (1, "0"),
        (12_345_678 * 10**18, "12,345,678"),
    ],
)
def test_lam_is_cut_not_rounded(wei, text):
    assert amounts.lam(wei) == text


@given(st.integers(min_value=0, max_value=2**256 - 1))
def test_the_exact_amount_can_be_read_back(wei):
    whole, _, part = amounts.lam_exact(wei).replace(",", "").partition(".")
    assert int(whole) * 10**18 + int(part.ljust(18, "0")) == wei


def test_points_that_were_earned_have_a_plus():
    assert [amounts.signed_points(value) for value in (1000, 0, -1000)] == ["+1", "0", "−1"]


def test_basis_points_as_per_cent():
    assert amounts.percent(8_250) == "82.5\u202f%"


def test_identifiers_are_shortened_in_the_middle():
    assert amounts.short("0x92904F280b35C3a65fD71c9EdDFfa0724c4660f7") == "0x92904F…4660f7"
    assert amounts.short("rules-1") == "rules-1"
