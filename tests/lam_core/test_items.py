import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lam_core.features import HISTORY_AT, Kind, Past, featurise, read
from lam_core.items import Items, items_of
from lam_core.nodes import Page
from lam_core.observation import Observation
from lam_core.relations import Match, match_matrix
from lam_core.words import tokens_of
from tests.lam_core.demonstrations import button, element, page


def posts(*names: str) -> list[dict]:
    """A post for each name: who wrote it, and a button that says the same in all."""
    made = []
    for number, name in enumerate(names):
        place = 1 + 3 * number
        made += [
            element("div", classes=["post"], box=[0, 60 * number, 160, 50]),
            element("span", place, text=name, box=[0, 60 * number, 80, 20]),
            element("button", place, text="Like", box=[0, 60 * number + 25, 80, 20]),
        ]
    return [*made, button("Submit", 900)]


def looked_at(instruction: str, *elements: dict) -> tuple[Page, Items]:
    seen = Observation.model_validate(page(*elements), strict=False)
    shown = read(instruction, seen)
    return shown, items_of(shown, match_matrix(tokens_of(instruction), shown.nodes))


def chosen(instruction: str, *elements: dict) -> list[str]:
    """What the nodes say that stand in items the instruction speaks of."""
    shown, items = looked_at(instruction, *elements)
    return [
        node.text
        for node, item in zip(shown.nodes, items.of_node, strict=True)
        if item >= 0 and items.chosen[item]
    ]


def test_an_instruction_speaks_of_the_items_that_say_what_others_do_not():
    shown = posts("ann", "bob", "ann", "eve")
    assert chosen("Like all posts by ann", *shown) == ["ann", "Like", "ann", "Like"]
    assert chosen("Like the post of eve", *shown) == ["eve", "Like"]


def test_where_all_say_the_same_none_is_meant_more():
    shown = posts("ann", "bob")
    assert chosen("Like this", *shown) == ["ann", "Like", "bob", "Like"]
    assert chosen("Press something", *shown) == []


def test_what_stands_alone_is_in_no_item():
    shown, items = looked_at("Press Submit", *posts("ann", "bob"))
    assert [node.text for node, item in zip(shown.nodes, items.of_node, strict=True) if item < 0]
    assert looked_at("Press OK", button("OK", 50))[1].of_node.tolist() == [-1]


def test_the_inner_of_two_repeated_things_is_the_item():
    cell = [
        element("td", 1, box=[0, 0, 80, 20]),
        element("a", 2, text="one", box=[0, 0, 30, 20]),
        element("td", 1, box=[80, 0, 80, 20]),
        element("a", 4, text="two", box=[80, 0, 30, 20]),
        element("a", 4, text="three", box=[120, 0, 30, 20]),
    ]
    _, items = looked_at("Press two", element("tr", box=[0, 0, 160, 20]), *cell)
    assert items.of_node.tolist() == [-1, 0, 0], "a cell with one node in it tells nothing"


def test_the_model_is_told_which_items_were_used():
    shown, _ = looked_at("Like 1 post by ann", *posts("ann", "bob", "ann"))
    liked = shown.observation.elements[shown.nodes[1].index]
    before = featurise("Like 1 post by ann", shown, [])
    after = featurise("Like 1 post by ann", shown, [Past(Kind.CLICK, liked, True)])
    first = 1 + len(before.tokens)
    used, left, count, enough = after.dense[first:, HISTORY_AT + 5 :].T
    assert used.tolist() == [1, 1, 0, 0, 0, 0, 0]
    assert left.all(), "the other post by ann"
    assert set(count.tolist()) == {np.float16(0.2)}
    assert enough.all(), "one was asked for"
    assert not before.dense[first:, HISTORY_AT + 5].any()
    assert not before.dense[first:, HISTORY_AT + 8].any()


@given(st.lists(st.sampled_from(["ann", "bob", "eve"]), max_size=6), st.sampled_from(["ann", "x"]))
def test_sums_stay_within_their_bounds(names, wanted):
    shown, items = looked_at(f"Like {wanted}", *posts(*names))
    assert len(items.of_node) == len(shown.nodes)
    assert items.of_node.max(initial=-1) < len(items.meant) == len(items.chosen)
    assert (items.meant >= 0).all()
    assert (items.meant <= 3).all()
    assert not (items.chosen[items.meant == 0]).any()


def test_words_of_one_stem_match_unless_something_closer_does():
    def matched(word: str, text: str) -> int:
        shown, _ = looked_at(word, element("p", text=text))
        return int(match_matrix(tokens_of(word), shown.nodes)[0, 0])

    assert matched("directed", "Director Name") == Match.STEM
    assert matched("emails", "Email") == Match.STEM
    assert matched("email", "Email") == Match.WHOLE
    assert matched("general", "Genre") == Match.NONE
    assert matched("for", "Forward") == Match.PREFIX


def test_large_and_small_letters_tell_nodes_apart_that_read_the_same():
    shown, _ = looked_at('Click on "V"', button("V", 20), button("v", 60), button("Very", 100))
    rows = featurise('Click on "V"', shown, []).dense[-3:]
    assert [column for column in rows.T.tolist() if column == [1, 0, 0]]
