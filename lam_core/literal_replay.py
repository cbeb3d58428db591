"""Literal replay of a recording: the same places, paths or texts, whatever stands there now.

The baseline that repeating by anchors and acting by a model are measured against. What was typed
is typed again. It looks for nothing, waits for nothing and asks nothing.
"""

from collections.abc import Callable
from typing import Literal

from lam_core.act import label_of
from lam_core.act_types import Action
from lam_core.browser_page import ActionError
from lam_core.meaning import meaningful_steps
from lam_core.miniwob_env import Episodes
from lam_core.observation import Observation
from lam_core.schema import Workflow
from lam_core.steps import AnyStep, Click, Drag, InstructionText, PressKey, Select, Type

Way = Literal["coordinates", "path", "text"]
WAYS: tuple[Way, ...] = ("coordinates", "path", "text")


def replay(workflow: Workflow, way: Way, episodes: Episodes) -> None:
    """Repeat the steps of a recording in the running episode, until it ends."""
    for step in meaningful_steps(workflow):
        observation = episodes.observe()
        action = _action(workflow, step, way, observation)
        if action is None:
            continue
        try:
            if not episodes.perform(action):
                return
        except ActionError:
            # The element is not where it was: the press goes nowhere, the replay goes on.
            continue


def _action(workflow: Workflow, step: AnyStep, way: Way, observation: Observation) -> Action | None:
    if step.target is None or not isinstance(step, Click | Drag | Type | Select | PressKey):
        return None
    recorded = workflow.observations[step.observation]
    target = _FINDERS[way](recorded, step.target, observation)
    if target is None:
        return None
    if isinstance(step, Type):
        return Action("type", target=target, text=_typed(workflow, step, recorded))
    if isinstance(step, Select):
        option = step.option
        text = (
            label_of(recorded, option) if option is not None else _typed(workflow, step, recorded)
        )
        return Action("select", target=target, text=text)
    if isinstance(step, PressKey):
        return Action("press", target=target, key=step.key, count=len(step.keys))
    if isinstance(step, Drag):
        return Action("drag", target=target, to=step.to)
    return Action("click", target=target, count=min(len(step.presses), 2))


def _typed(workflow: Workflow, step: Type | Select, recorded: Observation) -> str:
    """The characters that were entered, as far as the recording says where they stood."""
    text = step.text
    if isinstance(text, InstructionText):
        return workflow.task.instruction[text.start : text.end]
    if text is not None and text.source == "element":
        element = recorded.elements[text.element]
        return (element.text if text.field == "text" else element.name)[text.start : text.end]
    return ""


def _at_coordinates(recorded: Observation, target: int, now: Observation) -> int | None:
    """What stands where the middle of the target stood: the smallest element there."""
    left, top, width, height = recorded.elements[target].box
    x, y = left + width // 2, top + height // 2
    hit = [
        (box[2] * box[3], -index)
        for index, element in enumerate(now.elements)
        if (box := element.box) and box[0] <= x < box[0] + box[2] and box[1] <= y < box[1] + box[3]
    ]
    return -min(hit)[1] if hit else None


def _at_path(recorded: Observation, target: int, now: Observation) -> int | None:
    """What has the same place among its siblings, all the way from the root."""
    path = _path(recorded, target)
    paths = (index for index in range(len(now.elements)) if _path(now, index) == path)
    return next(paths, None)


def _path(observation: Observation, index: int) -> tuple[tuple[str, int], ...]:
    path = []
    while index >= 0:
        element = observation.elements[index]
        before = [
            number
            for number in range(index)
            if observation.elements[number].parent == element.parent
            and observation.elements[number].tag == element.tag
        ]
        path.append((element.tag, len(before)))
        index = element.parent
    return tuple(path)


def _at_text(recorded: Observation, target: int, now: Observation) -> int | None:
    """The first element of the same kind with the same text; the first of its kind without one."""
    element, label = recorded.elements[target], label_of(recorded, target)
    for index, other in enumerate(now.elements):
        if (other.tag, other.type) == (element.tag, element.type) and label_of(now, index) == label:
            return index
    return None


_FINDERS: dict[Way, Callable[[Observation, int, Observation], int | None]] = {
    "coordinates": _at_coordinates,
    "path": _at_path,
    "text": _at_text,
}
