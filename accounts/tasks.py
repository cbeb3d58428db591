"""Housekeeping."""

from celery import shared_task

from accounts import pairing, sign_in


@shared_task
def sweep_nonces() -> int:
    """Delete nonces long past their end."""
    return sign_in.sweep_nonces()


@shared_task
def sweep_pairings() -> int:
    """Delete pairings long past their end."""
    return pairing.sweep()
