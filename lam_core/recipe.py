"""How work is done, without who did it: what those who run an automation get of a recording.

Rhythm, pointer paths and where exactly something was pressed tell a person from others; times of
day, device and id link to their other work. None of it is needed to do the work again.
"""

from typing import Any
from uuid import UUID

from lam_core.observation import Observation
from lam_core.schema import Workflow, parse_workflow

_PLACES = frozenset({"canvas", "img", "svg"})
"""Elements of which the place that was pressed is part of what was done."""


def recipe(workflow: Workflow, recipe_id: UUID) -> Workflow:
    """The workflow under another id, with ordinals for times and observations that steps need."""
    needed = sorted({step.observation for step in workflow.steps})
    document = workflow.document()
    observations = [document["observations"][number] for number in needed]
    steps = [
        _step(step, number, needed.index(step["observation"]), workflow.observations)
        for number, step in enumerate(document["steps"])
    ]
    return parse_workflow(
        {
            "schema_version": document["schema_version"],
            "id": str(recipe_id),
            "source": document["source"],
            "task": document["task"],
            "observations": observations,
            "steps": steps,
        }
    )


def _step(
    step: dict[str, Any], number: int, observation: int, observations: tuple[Observation, ...]
) -> dict[str, Any]:
    kept = {
        name: value
        for name, value in step.items()
        if name not in ("pointer", "trusted", "edits", "keys", "presses", "pasted")
    }
    kept |= {"at": number, "until": number, "observation": observation}
    if "presses" in step:
        kept["presses"] = [{"down": number, "up": number}] * len(step["presses"])
    if step["action"] == "press":
        # How often a key was pressed is part of what was done.
        kept["keys"] = [{"down": number, "kind": key["kind"]} for key in step["keys"]]
    if step["action"] == "type":
        kept["keys"] = []
    if step["action"] == "click" and step.get("target") is not None:
        kept["point"] = _point(step, observations)
    return kept


def _point(step: dict[str, Any], observations: tuple[Observation, ...]) -> list[int]:
    element = observations[step["observation"]].elements[step["target"]]
    if element.tag in _PLACES:
        return list(step["point"])
    left, top, width, height = element.box
    return [left + width // 2, top + height // 2]
