"""Celery tasks of the marketplace."""

from celery import shared_task

from marketplace import automations


@shared_task
def retire_withdrawn() -> None:
    """Retire automations whose work was withdrawn."""
    automations.retire_withdrawn()
