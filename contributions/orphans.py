"""Keys without a workflow: left by a crash between the key's file and the row's commit."""

from uuid import UUID

from contributions import keys
from contributions.models import State, Workflow


def sweep(*, now: float | None = None) -> int:
    """Destroy keys older than an hour that no workflow with content needs; returns how many."""
    return keys.sweep(rows_of=_live, now=now)


def _live(workflow_ids: list[UUID]) -> set[UUID]:
    rows = Workflow.objects.filter(pk__in=workflow_ids).exclude(state=State.WITHDRAWN)
    return set(rows.values_list("pk", flat=True))
