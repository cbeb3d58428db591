"""Housekeeping."""

from celery import shared_task

from accounts import sign_in


@shared_task
def sweep_nonces() -> int:
    """Delete nonces long past their end."""
    return sign_in.sweep_nonces()
