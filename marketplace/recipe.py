"""What those who run an automation are given: how the work is done, nothing of who did it."""

from typing import Any
from uuid import UUID, uuid5

from contributions import export, keys, sealing
from lam_core.recipe import recipe
from lam_core.schema import parse_workflow
from marketplace.models import Automation, AutomationState

_NAMESPACE = UUID("0b5a5b0c-3f0e-5d0f-8d6a-6175746f6d61")


class NoRecipe(ValueError):
    """The automation can't be run: it is retired, or its work was withdrawn."""


def recipe_of(automation: Automation) -> dict[str, Any]:
    """The steps of a published automation as a workflow document. Raises NoRecipe."""
    if automation.state != AutomationState.PUBLISHED:
        raise NoRecipe("The automation is retired.")
    try:
        body = export.content(automation.workflow)
    except (keys.MissingKey, sealing.CannotOpen) as error:
        raise NoRecipe("The work it was made of is gone.") from error
    if body is None:
        raise NoRecipe("The work it was made of was withdrawn.")
    return recipe(parse_workflow(body), uuid5(_NAMESPACE, str(automation.pk))).document()
