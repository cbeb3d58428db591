"""Which steps of a workflow did something: only those are paid, compared and learned from."""

from collections.abc import Iterator

from lam_core.observation import Element, Observation
from lam_core.schema import Workflow
from lam_core.steps import AnyStep, Click, Drag, Navigate, PressKey, Scroll, Select, Tab, Type

CONTAINERS = frozenset(
    {"html", "body", "main", "section", "article", "div", "form", "p", "table", "tbody", "tr", "ul"}
)
"""Elements that only hold others; pressing the pointer on one usually hits nothing."""


def meaningful_steps(workflow: Workflow) -> list[AnyStep]:
    """The steps that did something, in order.

    Left out are clicks that hit nothing, clicks repeated without effect, scrolling, and keys
    that went nowhere.
    """
    return [step for index, step in enumerate(workflow.steps) if _is_meaningful(workflow, index)]


def presses_and_keys(step: AnyStep) -> Iterator[tuple[int, int | None]]:
    """Down and up of every button and key of a step; a held key that repeats counts once."""
    for press in getattr(step, "presses", ()):
        yield press.down, press.up
    held = False
    for key in getattr(step, "keys", ()):
        if not held:
            yield key.down, key.up
        held = key.up is None


def _is_meaningful(workflow: Workflow, index: int) -> bool:
    step = workflow.steps[index]
    if isinstance(step, Click):
        return _click_counts(workflow, index, step)
    if isinstance(step, Type):
        return bool(step.keys) or step.text is not None
    if isinstance(step, PressKey):
        return step.target is not None or _changed(workflow, index)
    if isinstance(step, Drag):
        return step.target is not None
    if isinstance(step, Scroll):
        return False
    return isinstance(step, Select | Navigate | Tab)


def _click_counts(workflow: Workflow, index: int, step: Click) -> bool:
    if _changed(workflow, index):
        return step.target is not None
    if index and _repeats(workflow.steps[index - 1], step):
        return False
    observation = workflow.observations[step.observation]
    return step.target is not None and _can_be_meant(observation, step.target)


def _changed(workflow: Workflow, index: int) -> bool:
    """Whether the page looked different before the next step; nobody saw it after the last."""
    if index + 1 == len(workflow.steps):
        return False
    return workflow.steps[index].observation != workflow.steps[index + 1].observation


def _repeats(before: AnyStep, step: Click) -> bool:
    same_page = before.observation == step.observation
    return isinstance(before, Click) and same_page and before.target == step.target


def _can_be_meant(observation: Observation, target: int) -> bool:
    element = observation.elements[target]
    return element.tag not in CONTAINERS or bool(element.role or element.text) or _leaf(element)


def _leaf(element: Element) -> bool:
    """A marked box without content, such as an icon or a coloured square."""
    return element.parent > 0 and bool(element.classes or element.id or element.background)
