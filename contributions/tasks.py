"""Housekeeping of the key store."""

from celery import shared_task

from contributions import orphans


@shared_task
def sweep_keys() -> int:
    """Destroy keys that no workflow needs."""
    return orphans.sweep()
