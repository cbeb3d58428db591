"""A task recorded by the extension, and the same task recorded and imported the MiniWoB++ way."""

import re
from random import Random

import pytest

from lam_core.miniwob import convert
from lam_core.samples import record
from lam_core.schema import Source

TASKS = ("click-button", "click-link", "click-tab", "click-checkboxes", "enter-text")
PAGE_WIDTH = 160
CLOCK_MS = 25
"""Page and extension read their clocks at different moments of an event."""
ATTEMPTS = 3
"""A machine that stalls between the two readings says nothing about them; then it is done again."""


def masked(text: str) -> str:
    return re.sub(r"\d", "#", re.sub(r"[^\W\d_]", "*", text))


def same_words(ours: str, theirs: str) -> bool:
    """Equal where ours is readable, and as long everywhere."""
    return len(ours) == len(theirs) and all(
        mine in (other, masked(other)) for mine, other in zip(ours, theirs, strict=True)
    )


def place(element) -> tuple:
    # Body and wrappers are as wide as the window, which the importer cuts to the task.
    left, top, width, height = element.box
    return (element.tag, left, top, min(width, PAGE_WIDTH), height)


def assert_same_element(ours, theirs) -> None:
    assert place(ours) == place(theirs)
    for part in ("role", "type", "states", "value", "value_at", "color", "background"):
        assert getattr(ours, part) == getattr(theirs, part), part
    assert same_words(ours.text, theirs.text)
    assert same_words(ours.name, theirs.name)
    assert same_words(ours.id, theirs.id)
    assert len(ours.classes) == len(theirs.classes)


def assert_same_step(ours, theirs, mine, others) -> None:
    assert ours.action == theirs.action
    assert_same_element(
        mine.observations[ours.observation].elements[ours.target],
        others.observations[theirs.observation].elements[theirs.target],
    )
    seen = {place(element) for element in mine.observations[ours.observation].elements}
    assert {place(e) for e in others.observations[theirs.observation].elements} <= seen
    if ours.action == "click":
        assert max(abs(a - b) for a, b in zip(ours.point, theirs.point, strict=True)) <= 1
        assert len(ours.presses) == len(theirs.presses)
    if ours.action == "type":
        assert (ours.text, ours.pattern, ours.pasted) == (theirs.text, theirs.pattern, False)
        assert [key.kind for key in ours.keys] == [key.kind for key in theirs.keys]


def clocks_apart(mine, others) -> int:
    """Milliseconds by which starts, from the first, and durations differ at most."""
    first, other = mine.steps[0].at, others.steps[0].at
    pairs = list(zip(mine.steps, others.steps, strict=True))
    return max(
        *(abs((ours.at - first) - (theirs.at - other)) for ours, theirs in pairs),
        *(abs((ours.until - ours.at) - (theirs.until - theirs.at)) for ours, theirs in pairs),
    )


def record_both(task, extended, site):
    """One doing of a task, as the extension and as the page's own recorder tell it."""
    page = extended.context.new_page()
    before = record.record(page, task, Random(7), site=site)
    extended.start(task, before["utterance"])
    made = record.record(page, task, Random(7), site=site)
    return extended.stop(), convert(made, task=task, name=f"{task}_alike_d1")


@pytest.mark.parametrize("task", TASKS)
def test_recorded_and_imported_come_out_alike(task, extended, tasks_site):
    extended.agree()
    for _ in range(ATTEMPTS):
        mine, others = record_both(task, extended, tasks_site.url)
        if clocks_apart(mine, others) <= CLOCK_MS:
            break
    assert mine.source is Source.EXTENSION
    assert mine.task.name == others.task.name
    assert same_words(mine.task.instruction, others.task.instruction)
    assert [step.action for step in mine.steps] == [step.action for step in others.steps]
    for ours, theirs in zip(mine.steps, others.steps, strict=True):
        assert_same_step(ours, theirs, mine, others)
    assert clocks_apart(mine, others) <= CLOCK_MS
    assert all(step.trusted for step in mine.steps)
    assert any(step.pointer for step in mine.steps)
    assert mine.outcome is not None
