"""Publishing one's verified work as an automation, and retiring it with the work."""

import re
from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from contributions import withdraw
from contributions.models import State, Withdrawal, Workflow
from marketplace.models import Automation, AutomationState

APP = "marketplace"
MAX_PARAMETERS = 20
PARAMETER = re.compile(r"^[a-z][a-z0-9_]{0,39}$")


class PublishError(ValueError):
    """The automation can't be published; `field` says which part is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class AlreadyPublished(PublishError):
    """The workflow is an automation already, under other words."""


def publish(
    *,
    creator: User,
    workflow_id: UUID,
    title: str,
    description: str = "",
    parameters: Sequence[str] = (),
) -> Automation:
    """Publish an accepted workflow of one's own; the same again gives the same automation.

    Raises PublishError: not one's own, not accepted, no title, parameter names that are not names;
    AlreadyPublished.
    """
    _check_words(title, description, parameters)
    with transaction.atomic():
        workflow = (
            Workflow.objects.select_for_update(of=("self",))
            .defer("ciphertext", "evidence")
            .filter(pk=workflow_id, contributor=creator)
            .first()
        )
        if workflow is None:
            raise PublishError("workflow", "There is no such workflow of yours.")
        if workflow.state != State.ACCEPTED:
            raise PublishError(
                "workflow", f"Only accepted work can be published; this is {workflow.state}."
            )
        words = {
            "title": title.strip(),
            "description": description.strip(),
            "parameters": list(parameters),
        }
        automation, created = Automation.objects.get_or_create(
            workflow=workflow,
            defaults={**words, "creator": creator, "actions": workflow.verdict.verified_actions},
        )
    if not created and any(getattr(automation, name) != value for name, value in words.items()):
        raise AlreadyPublished("workflow", f"It is published already, as {automation.title!r}.")
    return automation


def _check_words(title: str, description: str, parameters: Sequence[str]) -> None:
    if not title.strip() or len(title) > 120:
        raise PublishError("title", "A title has 1 to 120 characters.")
    if len(description) > 2000:
        raise PublishError("description", "A description has at most 2,000 characters.")
    if len(parameters) > MAX_PARAMETERS or len(set(parameters)) != len(parameters):
        raise PublishError("parameters", f"At most {MAX_PARAMETERS} different names.")
    for name in parameters:
        if not PARAMETER.match(name):
            raise PublishError("parameters", f"{name!r} is not a name of lower-case letters.")


def retire(automation: Automation) -> None:
    """Take an automation off the marketplace for good; uses so far stand."""
    Automation.objects.filter(pk=automation.pk, state=AutomationState.PUBLISHED).update(
        state=AutomationState.RETIRED, retired_at=timezone.now()
    )


def retire_withdrawn() -> int:
    """Retire the automations of withdrawn workflows; returns how many withdrawals were seen."""
    seen = 0
    for withdrawal in list(withdraw.pending(APP)):
        _retire_one(withdrawal)
        seen += 1
    return seen


def _retire_one(withdrawal: Withdrawal) -> None:
    with transaction.atomic():
        for automation in Automation.objects.filter(workflow=withdrawal.workflow_id):
            retire(automation)
            # Title, description and names told of the work, which is gone.
            Automation.objects.filter(pk=automation.pk).update(
                title="withdrawn", description="", parameters=[]
            )
        withdraw.acknowledge(withdrawal, APP)
