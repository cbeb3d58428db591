"""Literal replay of one recording: the baseline that every model has to beat.

Each step is done again on the element at the same place of the tree, with the same characters.
"""

from collections.abc import Sequence

from lam_core.act_types import Action, Decision, Done, Goal
from lam_core.examples import Recorded, recorded_acts
from lam_core.features import Kind
from lam_core.observation import Element, Observation
from lam_core.schema import Workflow
from lam_core.steps import NamedKey

Path = tuple[tuple[str, int], ...]


class ReplayPolicy:
    """Does a recording's steps again by their place in the page, whatever the instruction says."""

    decided_by = "replay"

    def __init__(self, workflow: Workflow) -> None:
        self._steps = [
            (recorded, place_of(recorded.observation.elements, recorded.element))
            for recorded in recorded_acts(workflow)
        ]

    def decide(self, goal: Goal, observation: Observation, history: Sequence[Done]) -> Decision:
        """The next recorded step; `stop` where its element is missing, `finish` after the last."""
        if len(history) >= len(self._steps):
            return Decision(Action("finish"))
        recorded, place = self._steps[len(history)]
        target = element_at(observation.elements, place)
        if target is None:
            return Decision(Action("stop", reason="the recorded element is not on this page"))
        return Decision(_action(recorded, target))


def place_of(elements: Sequence[Element], index: int) -> Path:
    """The way from the root to an element: at each level its tag and number among its like."""
    steps = []
    while index >= 0:
        element = elements[index]
        before = [
            other
            for other in elements[:index]
            if other.parent == element.parent and other.tag == element.tag
        ]
        steps.append((element.tag, len(before)))
        index = element.parent
    return tuple(reversed(steps))


def element_at(elements: Sequence[Element], place: Path) -> int | None:
    """The element at the end of a way, None where the page has none."""
    parent = -1
    for tag, number in place:
        children = [
            index
            for index, element in enumerate(elements)
            if element.parent == parent and element.tag == tag
        ]
        if number >= len(children):
            return None
        parent = children[number]
    return parent


def _action(recorded: Recorded, target: int) -> Action:
    if recorded.kind is Kind.TYPE:
        return Action("type", target=target, text=recorded.text)
    if recorded.kind is Kind.SELECT:
        return Action("select", target=target, text=recorded.text)
    if recorded.kind is Kind.ENTER:
        return Action("press", target=target, key=NamedKey.ENTER)
    return Action("click", target=target)
