import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lam_core.canonical import MAX_INTEGER, NotCanonical, canonical_json, content_hash

text = st.text(st.characters(exclude_categories=["Cs"]))
scalars = st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | text
documents = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(text, inner), max_leaves=20
)


@given(documents)
def test_canonical_json_keeps_the_value(value):
    assert json.loads(canonical_json(value)) == value


@given(documents)
def test_canonical_json_is_a_fixed_point(value):
    once = canonical_json(value)
    assert canonical_json(json.loads(once)) == once


@given(st.dictionaries(text, scalars, min_size=2), st.randoms())
def test_the_order_in_which_keys_were_written_does_not_matter(value, random):
    keys = list(value)
    random.shuffle(keys)
    assert canonical_json({key: value[key] for key in keys}) == canonical_json(value)


@given(st.dictionaries(text, scalars))
def test_keys_come_in_the_order_of_utf_16_code_units(value):
    keys = list(json.loads(canonical_json(value)))
    assert keys == sorted(keys, key=lambda key: key.encode("utf-16-be"))


@given(documents, documents)
def test_hashes_differ_exactly_when_the_bytes_differ(left, right):
    same = canonical_json(left) == canonical_json(right)
    assert (content_hash(left) == content_hash(right)) == same


def test_the_example_of_rfc_8785_without_its_floats():
    value = {
        "string": "\u20ac$\u000f\nA'\u0042\u0022\u005c\\\"/",
        "literals": [None, True, False],
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }
    assert canonical_json(value).decode() == (
        '{"\\r":"Carriage Return","1":"One","literals":[null,true,false],'
        '"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/","\u0080":"Control",'
        '"\u00f6":"Latin Small Letter O With Diaeresis","\u20ac":"Euro Sign",'
        '"\U0001f600":"Emoji: Grinning Face","\ufb33":"Hebrew Letter Dalet With Dagesh"}'
    )


def test_the_hash_is_sha256_of_the_bytes():
    assert content_hash({}) == "0x44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@pytest.mark.parametrize(
    "value",
    [1.0, math.nan, math.inf, b"bytes", {1: "a"}, {"a": {1, 2}}, MAX_INTEGER + 1, "\ud800"],
)
def test_values_without_a_canonical_form_are_refused(value):
    with pytest.raises(NotCanonical):
        canonical_json({"part": value})


def test_the_refusal_names_the_part():
    with pytest.raises(NotCanonical, match=r"rules\.timing\[1\]: float"):
        canonical_json({"rules": {"timing": [1, 0.5]}})


def test_endless_nesting_is_refused():
    value: list = []
    value.append(value)
    with pytest.raises(NotCanonical, match="nested deeper"):
        canonical_json(value)
