"""Which steps moved the page to where it ended: evidence of work that needs nobody's word.

A recording that ends with an observation shows what each action left behind. Opening a menu and
closing it again, or going somewhere and back, leaves nothing: such loops are cut out (loop
erasure), and what remains led from the first page to the last.
"""

from hashlib import blake2b

import orjson

from lam_core.meaning import meaningful_steps
from lam_core.observation import Observation, State
from lam_core.schema import Workflow
from lam_core.steps import AnyStep

# Where the keyboard is says nothing about how far the work is.
PASSING_STATES = frozenset({State.FOCUSED})
_DIGEST_BYTES = 16


def advancing_steps(workflow: Workflow) -> list[AnyStep]:
    """The meaningful steps whose effect lasted to the end, in order.

    Empty when the recording does not say how it ended.
    """
    if workflow.outcome is None:
        return []
    pages = [page_state(observation) for observation in workflow.observations]
    path: list[tuple[bytes, AnyStep]] = []
    for step in meaningful_steps(workflow):
        _cut_loop(path, pages[step.observation])
        path.append((pages[step.observation], step))
    _cut_loop(path, pages[workflow.outcome])
    return [step for _, step in path]


def newly_invalid(workflow: Workflow) -> bool:
    """Whether more fields are marked as wrong at the end than on any page before the last step."""
    if workflow.outcome is None:
        return False
    before = max(_invalid(workflow.observations[step.observation]) for step in workflow.steps)
    return _invalid(workflow.observations[workflow.outcome]) > before


def page_state(observation: Observation) -> bytes:
    """A digest of what a page says: address, structure, words, states, kinds of values.

    Geometry and looks are left out, and where the keyboard is.
    """
    shown = [
        (
            element.parent,
            element.tag,
            element.role,
            element.name,
            element.text,
            [state for state in element.states if state not in PASSING_STATES],
            element.value.model_dump(mode="json") if element.value else None,
        )
        for element in observation.elements
    ]
    page = observation.page
    said = orjson.dumps([page.origin, page.path, page.title, shown])
    return blake2b(said, digest_size=_DIGEST_BYTES).digest()


def _cut_loop(path: list[tuple[bytes, AnyStep]], state: bytes) -> None:
    """Forget what happened since the page was last in this state."""
    for position, (before, _) in enumerate(path):
        if before == state:
            del path[position:]
            return


def _invalid(observation: Observation) -> int:
    return sum(State.INVALID in element.states for element in observation.elements)
