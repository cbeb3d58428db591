import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from lam_core.examples import examples_of
from lam_core.features import DENSE, Kind
from lam_core.miniwob import convert
from lam_core.relations import Match
from tests.lam_core.demonstrations import (
    button,
    click,
    element,
    enter_word,
    page,
    press_button,
    typing,
    workflow,
)
from tests.lam_core.recordings import body, node, samples


def said(example, position: int) -> str:
    return example.features.page.nodes[position].text


def test_pressing_a_button_is_one_example_whose_answer_matches_the_instruction():
    (example,) = examples_of(press_button("Dora", ["Ana", "Bo"], name="x"))
    ((position, kind),) = example.correct
    assert (said(example, position), kind) == ("Dora", Kind.CLICK)
    features = example.features
    size = 1 + len(features.tokens) + len(features.page.nodes)
    assert features.dense.shape == (size, DENSE)
    assert features.first.shape == features.second.shape == (size, size)


def test_clicking_into_a_field_is_part_of_typing_and_text_is_a_span_of_words():
    first, second = examples_of(enter_word("Keneth", name="x"))
    assert first.correct[0][1] is Kind.TYPE
    start, end = first.span
    assert [token.word for token in first.features.tokens[start : end + 1]] == ["keneth"]
    assert said(second, second.correct[0][0]) == "Submit"


def test_ticking_boxes_in_any_order_is_right():
    def boxes(*ticked: int):
        made = [
            element("label", box=[0, 50, 80, 20]),
            element("input", 1, type="checkbox", box=[0, 50, 13, 13]),
            element("#text", 1, text="Tea"),
            element("label", box=[0, 80, 80, 20]),
            element("input", 4, type="checkbox", box=[0, 80, 13, 13]),
            element("#text", 4, text="Milk"),
            button("Submit", 120),
        ]
        for index in ticked:
            made[index - 1]["states"] = ["checked"]
        return page(*made)

    pages = [boxes(), boxes(5), boxes(2, 5)]
    steps = [click(0, 5, 100), click(1, 2, 500), click(2, 7, 900)]
    made = workflow("Select Tea, Milk and click Submit.", pages, steps)
    first, second, third = examples_of(made)
    assert {said(first, position) for position, _ in first.correct} == {"Tea", "Milk"}
    assert {said(second, position) for position, _ in second.correct} == {"Tea"}
    assert {said(third, position) for position, _ in third.correct} == {"Submit"}


def test_buttons_pressed_one_after_the_other_keep_their_order():
    shown = page(button("ONE", 52), button("TWO", 80))
    made = workflow("Press ONE, then TWO.", [shown], [click(0, 1, 100), click(0, 2, 500)])
    first, second = examples_of(made)
    assert [said(first, p) for p, _ in first.correct] == ["ONE"]
    assert [said(second, p) for p, _ in second.correct] == ["TWO"]


def test_a_date_typed_in_another_order_is_found_in_the_instruction():
    field = element("input", type="date", value={"kind": "date", "length": "8-15"})
    text = {"source": "parameter", "name": "text-1"}
    made = workflow("Enter 07/23/2012 please.", [page(field)], [typing(0, 1, 9, text, "date")])
    (example,) = examples_of(made)
    start, end = example.span
    words = [token.word for token in example.features.tokens[start : end + 1]]
    assert words == ["07", "/", "23", "/", "2012"]


def test_a_clicked_shape_of_unknown_colour_gets_the_one_asked_for_and_no_other_does():
    shapes = [element("circle", 1, box=[20 * n, 50, 10, 10]) for n in range(6)]
    shown = page(element("svg", box=[0, 50, 160, 160]), *shapes)
    made = workflow("Click on a green item", [shown], [click(0, 4, 100)])
    (example,) = examples_of(made)
    green = [n for n in example.features.page.nodes if "green" in n.derived]
    assert [node.index for node in green] == [4]


def test_what_the_page_shows_against_the_instruction_is_coded_by_kind():
    shown = page(
        element("span", text="December", box=[0, 50, 50, 20]),
        element("input", type="text", value_at=[7, 9], box=[0, 80, 50, 20]),
    )
    made = workflow("Select 03/17/2016", [shown], [click(0, 1, 100)])
    (example,) = examples_of(made)
    features = example.features
    words = [token.word for token in features.tokens]
    first = features.first[1 : 1 + len(words), 1 + len(words) :]
    month, none = first[words.index("03"), 0], first[words.index("select"), 0]
    assert month - none == Match.MONTH_GREATER
    assert first[words.index("03"), 1] - none == Match.VALUE


def moved(dom, hover: str, scroll: int):
    """The DOM as it is while a pointer rests on the button and the list is scrolled."""
    changed = orjson.loads(orjson.dumps(dom))
    for child in changed["children"]:
        if child["ref"] == 2:
            child["classes"] = hover
            child["bgColor"] = "rgb(9, 9, 9)" if hover else child["bgColor"]
    for child in changed["children"][2]["children"]:
        child["top"] -= scroll
    return changed


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(["ui-state-hover", "hover", "ui-state-hover ui-state-focus"]))
def test_a_pointer_over_the_target_leaves_no_trace_in_the_examples(hover):
    dom = body(
        node("BUTTON", 2, at=(2, 60), text="Go"),
        node("BUTTON", 3, at=(2, 90), text="Stay"),
        node("DIV", 4, node("SPAN", 5, at=(2, 120), text="a"), at=(2, 120)),
    )
    over = moved(dom, hover, 0)
    press = {"type": "mousedown", "x": 5, "y": 65, "timing": 1}
    over["children"][0]["recordingTarget"] = True

    def recording(before, at_press):
        return {
            "utterance": "Click on Go.",
            "rawReward": 1,
            "states": [
                {"time": 0, "action": None, "dom": before},
                {"time": 900, "action": press, "dom": at_press},
                {"time": 980, "action": {**press, "type": "mouseup"}, "dom": at_press},
            ],
        }

    plain = moved(dom, "", 0)
    plain["children"][0]["recordingTarget"] = True
    hovered = convert(recording(dom, over), task="click-button", name="x_A")
    calm = convert(recording(dom, plain), task="click-button", name="x_A")
    (a,), (b,) = examples_of(hovered), examples_of(calm)
    assert a.correct == b.correct
    assert a.features.dense.tobytes() == b.features.dense.tobytes()
    assert a.features.attributes.tobytes() == b.features.attributes.tobytes()


def test_where_the_page_was_scrolled_to_leaves_no_trace_in_the_examples():
    def recording(scroll: int):
        items = [node("SPAN", 10 + n, at=(2, 120 + 30 * n), text=f"item {n}") for n in range(4)]
        dom = body(node("DIV", 4, *items, at=(2, 120), height=60))
        scrolled = orjson.loads(orjson.dumps(dom))
        for child in scrolled["children"][0]["children"]:
            child["top"] -= scroll
        target = scrolled["children"][0]["children"][3]
        target["recordingTarget"] = True
        press = {"type": "mousedown", "x": 5, "y": target["top"] + 5, "timing": 1}
        states = [{"time": 0, "action": None, "dom": dom}]
        if scroll:
            wheel = {"type": "scroll", "x": 5, "y": 130, "timing": 1}
            states.append({"time": 500, "action": wheel, "dom": scrolled})
        states.append({"time": 900, "action": press, "dom": scrolled})
        states.append({"time": 950, "action": {**press, "type": "mouseup"}, "dom": scrolled})
        return {"utterance": "Click on item 3.", "rawReward": 1, "states": states}

    made = [
        list(examples_of(convert(recording(s), task="click-button", name="x_A"))) for s in (0, 60)
    ]
    (still,), (moved_by,) = made
    assert still.correct == moved_by.correct
    assert still.features.dense.tobytes() == moved_by.features.dense.tobytes()


def test_the_samples_all_teach_something():
    for recording in samples():
        made = convert(recording.read(), task=recording.task, name=recording.name)
        examples = list(examples_of(made))
        assert examples
        assert all(example.correct for example in examples)
