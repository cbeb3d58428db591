"""Evidence that work was done: steps whose effect lasted, and what rules-2 makes of them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lam_core.progress import advancing_steps, newly_invalid, page_state
from lam_core.schema import Workflow, parse_workflow
from lam_core.verify import (
    Attestation,
    Goal,
    History,
    Reason,
    Verdict,
    assess,
    load_release,
    trace,
)
from tests.lam_core.workflows import click, observation, typing, workflow_document

RULES = load_release("rules-2")
Document = dict[str, Any]


def page(name: str, **changes: Any) -> Document:
    """A page that says `name`, with a field and a button."""
    shown = observation() | {"page": {"origin": "https://shop.example", "path": name}}
    return shown | changes


def recording(route: str, *, typed_last: bool = False, **changes: Any) -> Workflow:
    """Clicks that led from page to page: one letter each, the last is how it ended."""
    pages = sorted(set(route))
    steps = []
    for index, name in enumerate(route[:-1]):
        at = 900 + 1_700 * index + 137 * index * index
        last = typed_last and index == len(route) - 2
        step = typing(at=at) if last else click(at=at, point=(20 + 7 * index, 55 + index))
        steps.append(step | {"observation": pages.index(name)})
    document = workflow_document(
        observations=[page(name) for name in pages],
        steps=steps,
        outcome=pages.index(route[-1]),
    )
    return parse_workflow(document | changes)


def verdict(work: Workflow, *earlier: Workflow, attestation: Attestation | None = None) -> Verdict:
    return assess(work, History(tuple(trace(each) for each in earlier), attestation), RULES)


def left(work: Workflow) -> list[str]:
    return [work.observations[s.observation].page.path for s in advancing_steps(work)]


def test_every_step_that_led_on_advances():
    assert left(recording("abcd")) == ["a", "b", "c"]


def test_going_there_and_back_is_cut_out():
    assert left(recording("abacd")) == ["a", "c"]


def test_ending_where_it_began_leaves_nothing():
    work = recording("abca")
    assert left(work) == []
    assert verdict(work).reasons == (Reason.NO_EFFECT,)


def test_a_press_without_effect_does_not_advance():
    assert left(recording("aab")) == ["a"]


@given(st.text("abcde", min_size=2, max_size=12))
def test_what_remains_is_a_path_without_loops_to_the_end(route):
    path = left(recording(route))
    assert len(set(path)) == len(path)
    assert route[-1] not in path
    if path:
        assert path[0] == route[0]


@given(st.text("abcde", min_size=2, max_size=10))
def test_noise_that_is_undone_adds_nothing_to_what_is_paid(route):
    """Opening something else and coming back, as often as one likes, pays no more."""
    noisy = "".join(name + "z" + name for name in route[:-1]) + route[-1]
    assert len(left(recording(noisy))) <= len(left(recording(route)))


def test_work_whose_effect_lasts_is_accepted_without_anybodys_word():
    judged = verdict(recording("abacd"))
    assert (judged.accepted, judged.goal, judged.reasons) == (True, Goal.EVIDENCE, ())
    assert judged.verified_actions == 2


def test_without_an_outcome_the_goal_is_unknown():
    judged = verdict(recording("abc", outcome=None))
    assert (judged.goal, judged.reasons) == (Goal.UNKNOWN, (Reason.GOAL_UNKNOWN,))


def test_text_that_was_typed_and_not_sent_is_unfinished():
    judged = verdict(recording("abc", typed_last=True))
    assert (judged.goal, judged.reasons) == (Goal.UNKNOWN, (Reason.UNFINISHED,))


def to_another_tab(*, at: int, observation: int) -> Document:
    times = {"at": at, "until": at}
    return {"action": "tab", **times, "observation": observation, "kind": "switch", "to": 1}


@pytest.mark.parametrize(
    ("typed_last", "finished"), [(False, ()), (True, (Reason.UNFINISHED,))], ids=["sent", "typed"]
)
def test_looking_at_another_tab_in_the_end_finishes_nothing_and_undoes_nothing(
    typed_last, finished
):
    work = recording("abcd", typed_last=typed_last)
    document = json.loads(work.to_json())
    document["steps"].append(to_another_tab(at=9_000, observation=3))
    document["observations"].append(page("z"))
    document["outcome"] = 4
    assert verdict(parse_workflow(document)).reasons == finished


def test_looking_at_another_tab_is_no_work():
    document = json.loads(recording("ab").to_json())
    document["steps"] = [to_another_tab(at=900, observation=0)]
    assert verdict(parse_workflow(document)).reasons == (Reason.NO_EFFECT,)


def test_a_page_that_marks_a_field_as_wrong_in_the_end_says_that_it_failed():
    wrong = page("b")
    wrong["elements"][1] = wrong["elements"][1] | {"states": ["invalid"]}
    work = recording("ab", observations=[page("a"), wrong])
    assert newly_invalid(work)
    assert (verdict(work).goal, verdict(work).reasons) == (Goal.FAILED, (Reason.GOAL_FAILED,))


def test_a_field_that_was_wrong_all_along_says_nothing():
    shown = [page("a"), page("b")]
    for each in shown:
        each["elements"][1] = each["elements"][1] | {"states": ["invalid"]}
    assert verdict(recording("ab", observations=shown)).goal is Goal.EVIDENCE


def test_the_operators_word_that_it_failed_outweighs_what_the_page_showed():
    judged = verdict(recording("abc"), attestation=Attestation(success=False))
    assert (judged.goal, judged.reasons) == (Goal.FAILED, (Reason.GOAL_FAILED,))


def test_where_the_keyboard_is_and_how_things_look_is_no_progress():
    shown = parse_workflow(workflow_document()).observations[0]
    looks = observation()
    looks["elements"][1] |= {"states": ["focused"], "background": "#ffee00", "box": [9, 9, 9, 9]}
    moved = parse_workflow(workflow_document(observations=[looks])).observations[0]
    assert page_state(moved) == page_state(shown)


def test_a_short_recording_is_a_replay_only_where_it_also_pressed_the_same_places():
    """Two steps have too few gaps to tell two people apart by rhythm alone."""
    first = recording("abc")
    document = first.document()
    document["id"] = "00000000-0000-0000-0000-000000000002"
    assert Reason.REPLAYED in verdict(parse_workflow(document), first).reasons
    for step in document["steps"]:
        step["point"][0] += 30
    assert verdict(parse_workflow(document), first).accepted
