import gzip
import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lam_core import miniwob
from lam_core.miniwob import RecordingError, RecordingProblem, convert
from lam_core.schema import Source, Workflow
from tests.lam_core.recordings import body, event, node, recording, sample, samples, workflow_of

BUTTON = node("BUTTON", 2, at=(5, 55), text="OK")
FIELD = node("INPUT_text", 3, at=(5, 80), value="")


OUTCOMES = {"converted", *RecordingProblem}


def outcome(convert_it) -> str:
    try:
        convert_it()
    except RecordingError as error:
        return error.reason
    return "converted"


def converted(*states, task: str = "click-button", **changes) -> Workflow:
    return convert(recording(*states, **changes), task=task, name="click-button_a1_d1")


def problem(data, task: str = "click-button") -> RecordingProblem:
    with pytest.raises(RecordingError) as caught:
        convert(data, task=task, name="click-button_a1_d1")
    assert caught.value.detail
    return caught.value.reason


def pressing(dom, before=None, **place):
    """One press of 90 ms, a second after the start, on the node marked as target."""
    return [
        (0, None, before or dom),
        (1000, event("mousedown", **place), dom),
        (1000, event("mousedown", **place) | {"timing": 3}, dom),
        (1090, event("mouseup", **place), dom),
        (1090, event("click", **place), dom),
        (1091, event("click", **place) | {"timing": 3}, dom),
    ]


def typing(text: str, field, value: str, start: int = 2000):
    """Keys 100 ms apart, each held for 60 ms, that leave `value` in the field."""
    states, time = [], start
    for character in text:
        code = ord(character.upper())
        states += [
            (time, event("keydown", keyCode=code, charCode=0), body(field)),
            (time + 1, event("keypress", keyCode=0, charCode=ord(character)), body(field)),
            (time + 60, event("keyup", keyCode=code, charCode=0), body(field)),
        ]
        time += 100
    after = field | ({"value": value} if "value" in field else {})
    return [*states, (time + 500, event("keyup", keyCode=16), body(after))]


def test_a_press_and_its_echoes_are_one_click():
    workflow = converted(*pressing(body(BUTTON | {"recordingTarget": True})))
    (step,) = workflow.steps
    assert (step.action, step.at, step.until) == ("click", 1000, 1090)
    assert [(press.down, press.up) for press in step.presses] == [(1000, 1090)]
    assert workflow.observations[step.observation].elements[step.target].text == "OK"


def test_the_observation_is_the_page_before_the_pointer_came():
    hovered = BUTTON | {"recordingTarget": True, "classes": "wide", "bgColor": "rgb(9, 9, 9)"}
    workflow = converted(*pressing(body(hovered), before=body(BUTTON)))
    (click,) = workflow.steps
    assert workflow.observations[click.observation].elements[1].background is None


def test_the_outcome_is_the_page_after_the_last_action():
    done = node("DIV", 9, text="Done")
    workflow = converted(*pressing(body(BUTTON)), (1200, event("click"), body(BUTTON, done)))
    assert [e.text for e in workflow.observations[workflow.outcome].elements][-1] == "Done"


@pytest.mark.parametrize(
    "classes",
    ["ui-state-hover", "x-hover", "ui-state-focus", "ui-menu-item-wrapper ui-state-active"],
)
def test_marks_of_the_pointer_are_left_out(classes):
    button = BUTTON | {"classes": f"wide {classes}", "recordingTarget": True}
    (observation,) = converted(*pressing(body(button))).observations
    kept = set(observation.elements[1].classes)
    assert kept <= {"wide", "ui-menu-item-wrapper"}
    assert "wide" in kept


def test_an_observation_does_not_tell_which_element_was_pressed():
    here = body(BUTTON | {"recordingTarget": True}, FIELD)
    there = body(BUTTON, FIELD | {"recordingTarget": True})
    observed = [converted(*pressing(dom)).observations for dom in (here, there)]
    assert observed[0] == observed[1]


def test_scrolling_does_not_move_elements():
    def page(shift: int, target: bool = False):
        row = node("A", 5, at=(5, 150 - shift), text="row", recordingTarget=target)
        rows = [node("A", 4, at=(5, 100 - shift), text="first"), row]
        return body(node("DIV", 3, *rows, at=(0, 60), height=80, width=100))

    scrolled = converted(
        (0, None, page(0)),
        (500, event("scroll"), page(30)),
        (1000, event("mousedown", y=115), page(40, target=True)),
        (1090, event("mouseup", y=115), page(40)),
    )
    still = converted(*pressing(page(0, target=True), y=155))
    scroll, click = scrolled.steps
    assert (scroll.action, scroll.dy) == ("scroll", 40)
    assert scrolled.observations[click.observation] == still.observations[0]
    assert click.point == still.steps[0].point == (10, 155)


def test_typed_text_becomes_a_reference_into_the_instruction():
    field = FIELD | {"focused": True}
    states = typing("Keneth", field, "Keneth")
    workflow = converted((0, None, body(field)), *states, utterance='Enter "Keneth" here.')
    (step,) = workflow.steps
    assert step.action == "type"
    assert (step.text.source, step.text.start, step.text.end) == ("instruction", 7, 13)
    assert (step.pattern.kind, step.pattern.length) == ("word", "4-7")
    assert [key.down for key in step.keys] == [2000, 2100, 2200, 2300, 2400, 2500]
    assert {key.kind for key in step.keys} == {"character"}


def test_text_found_nowhere_becomes_a_parameter_and_stays_here():
    field = FIELD | {"focused": True}
    secret = "Zq7vault"
    workflow = converted((0, None, body(field)), *typing(secret, field, secret))
    (step,) = workflow.steps
    assert step.text.source == "parameter"
    assert workflow.task.parameters[0].name == step.text.name
    assert secret.encode() not in workflow.to_json()


def test_values_of_fields_are_never_carried():
    field = FIELD | {"value": "Zq7vault", "recordingTarget": True}
    workflow = converted(*pressing(body(field)))
    assert b"Zq7vault" not in workflow.to_json()
    assert workflow.observations[0].elements[1].value.length == "8-15"


def test_fields_that_hide_their_value_are_read_from_the_keys():
    field = node("INPUT_date", 3, at=(5, 80), focused=True)
    states = typing("02122016", field, "")
    workflow = converted((0, None, body(field)), *states, utterance="Select 02/12/2016.")
    (step,) = workflow.steps
    assert (step.text.start, step.text.end, step.text.transform) == (7, 17, "alphanumeric")


def test_a_click_a_label_passes_on_is_not_a_second_click():
    box = node("INPUT_checkbox", 3, value=False)
    label = node("LABEL", 2, box, at=(5, 55), recordingTarget=True)
    states = [*pressing(body(label)), (1100, event("click"), body(label))]
    assert len(converted(*states).steps) == 1


def test_a_far_release_is_a_drag():
    dom, end = (
        body(BUTTON | {"recordingTarget": True}),
        body(BUTTON, FIELD | {"recordingTarget": True}),
    )
    states = [
        (0, None, dom),
        (900, event("mousedown", x=10, y=60), dom),
        (1500, event("mouseup", x=90, y=90), end),
    ]
    (step,) = converted(*states).steps
    assert (step.action, step.point, step.to) == ("drag", (10, 60), (90, 90))


def test_enter_and_tab_are_steps_of_their_own():
    field = FIELD | {"focused": True}
    enter = event("keydown", keyCode=13, charCode=0)
    states = [(0, None, body(field)), *typing("OK", field, "OK"), (3000, enter, body(field))]
    assert [step.action for step in converted(*states).steps] == ["type", "press"]


def test_holding_a_key_down_is_one_press():
    page = body(BUTTON | {"focused": True})
    down = event("keydown", keyCode=40, charCode=0)
    states = [(0, None, page), *((t, down, page) for t in range(500, 900, 30))]
    (step,) = converted(*states).steps
    assert (step.key, len(step.keys)) == ("arrow-down", 14)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({}, "malformed"),
        ({"utterance": "x"}, "malformed"),
        ({"utterance": 1, "states": []}, "malformed"),
        ({"utterance": "x", "states": {}}, "malformed"),
        ({"utterance": "x", "states": [1]}, "malformed"),
        ({"utterance": "x", "states": [{"time": 0, "action": None}]}, "malformed"),
        ({"utterance": "x", "states": [{"time": 0.5, "action": None, "dom": {}}]}, "malformed"),
        ({"utterance": "x", "states": []}, "no-action"),
        (recording((0, None, body(BUTTON))), "no-action"),
        (recording((0, event("mousedown"), {})), "malformed"),
        (recording((0, {"type": "mousedown"}, body())), "malformed"),
        (recording((0, event("mousedown", x="left"), body())), "malformed"),
        (recording((0, event("mousedown"), body() | {"top": "x"})), "malformed"),
        (recording((0, event("mousedown"), body(node("A", 2, classes=3, id=4)))), "malformed"),
        (recording((9, None, body()), (3, event("mousedown"), body())), "clock-runs-backwards"),
        (recording((0, event("mousedown"), body(*[BUTTON] * 6000))), "too-large"),
        (recording(*[(0, None, {})] * 20_001), "too-large"),
    ],
)
def test_what_cannot_be_imported_is_refused_with_a_reason(data, reason):
    assert problem(data) == reason


def test_a_page_nested_too_deeply_is_refused():
    dom = node("DIV", 1)
    for ref in range(2, 400):
        dom = node("DIV", ref, dom)
    assert problem(recording((0, event("mousedown"), dom))) == "too-large"


def test_a_task_without_a_page_is_refused():
    assert problem(recording(*pressing(body(BUTTON))), task="launch-rocket") == "unknown-task"


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_recording_converts_or_is_refused_by_name(data):
    damaged = json.loads(json.dumps(sample("enter-text_sample1_d1")))
    junk = st.none() | st.booleans() | st.integers() | st.text() | st.just([]) | st.just({})
    part = damaged
    for _ in range(data.draw(st.integers(1, 8))):
        keys = list(part) if isinstance(part, dict) else range(len(part))
        key = data.draw(st.sampled_from(list(keys)))
        if not isinstance(part[key], dict | list) or not part[key]:
            break
        part = part[key]
    part[data.draw(st.sampled_from(list(part) if isinstance(part, dict) else range(len(part))))] = (
        data.draw(junk)
    )
    assert outcome(lambda: convert(damaged, task="enter-text", name="x_y_d1")) in OUTCOMES


def test_files_that_are_no_recordings_are_refused(tmp_path):
    whole = gzip.compress(json.dumps(sample("click-tab_sample1_d1")).encode())
    for content, reason in [
        (b"", "malformed"),
        (b"no gzip", "unreadable"),
        (whole[:100], "unreadable"),
        (gzip.compress(b"{"), "malformed"),
        (gzip.compress(b"[]"), "malformed"),
    ]:
        path = tmp_path / "click-tab_a_d1.json.gz"
        path.write_bytes(content)
        with pytest.raises(RecordingError) as caught:
            miniwob.read_recording(path)
        assert caught.value.reason == reason, content[:10]


def test_a_zip_bomb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(miniwob, "MAX_RECORDING_BYTES", 1000)
    path = tmp_path / "bomb.json.gz"
    path.write_bytes(gzip.compress(b" " * 1_000_000))
    with pytest.raises(RecordingError, match="too-large"):
        miniwob.read_recording(path)


def test_the_part_between_task_and_number_is_the_sitting():
    assert miniwob.sitting("click-tab-2_3YMU66OB_d3.json.gz") == "3YMU66OB"
    assert miniwob.sitting("book-flight-nodelay_1021034241.json.gz") == "1021034241"
    with pytest.raises(RecordingError, match="malformed"):
        miniwob.sitting("notes.txt")


def test_importing_twice_gives_the_same_workflow():
    for entry in samples():
        assert workflow_of(entry) == workflow_of(entry)


def test_recordings_by_a_script_are_samples_whatever_the_caller_says():
    workflow = convert(sample("click-tab_sample1_d1"), task="click-tab", name="x", source="miniwob")
    assert workflow.source is Source.SAMPLE


def test_success_is_the_raw_reward():
    assert miniwob.success({"rawReward": 1, "reward": 0.1})
    assert not miniwob.success({"rawReward": 0.5, "reward": 1})
    assert not miniwob.success({})


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        list(miniwob.iter_recordings(tmp_path / "nowhere"))


@pytest.mark.slow
@pytest.mark.skipif("RECORDINGS_PATH" not in os.environ, reason="needs the public recordings")
def test_every_public_recording_converts_or_is_refused_by_name():
    entries = miniwob.iter_recordings(Path(os.environ["RECORDINGS_PATH"]))
    outcomes = {outcome(lambda entry=entry: workflow_of(entry)) for entry in entries}
    assert outcomes <= {"converted", "no-action", "clock-runs-backwards"}
