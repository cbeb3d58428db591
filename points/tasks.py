"""Celery tasks; each takes ids at most and delegates to a verb. All may run twice."""

import logging
from datetime import timedelta
from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from contributions.policy import NotAdopted
from points import epochs, publication, rewards
from points import seal as sealer
from points.models import Epoch

# Younger work has a task of its own on its way; to settle it here would only be twice the work.
TASK_LOST_AFTER = timedelta(seconds=30)

logger = logging.getLogger(__name__)


@shared_task
def settle(*workflow_ids: str) -> None:
    """Judge and pay workflows that were submitted together."""
    rewards.settle_each([UUID(each) for each in workflow_ids])


@shared_task
def settle_pending() -> None:
    """Find work whose task was lost."""
    rewards.settle_pending(min_age=TASK_LOST_AFTER)


@shared_task
def reverse_withdrawn() -> None:
    """Take back points of withdrawn work."""
    rewards.reverse_withdrawn()


@shared_task
def seal() -> None:
    """Give new entries their place in the chain."""
    sealer.seal_pending()


@shared_task
def advance_epochs() -> None:
    """By the clock: close the epoch whose time is over, open the next, publish what is closed."""
    if not settings.EPOCHS_ADVANCE_BY_CLOCK:
        return
    epoch = Epoch.objects.filter(closed_at__isnull=True).first()
    if epoch is None:
        _open()
    elif epoch.closing_at or is_over(epoch):
        epochs.close(epoch.number)
        _open()
    _publish()


def is_over(epoch: Epoch) -> bool:
    """Whether the time that its policy gives an epoch has passed."""
    length = timedelta(seconds=rewards.policy_of(epoch.policy_hash).epoch_seconds)
    return timezone.now() >= epoch.opened_at + length


def _open() -> None:
    try:
        epochs.open_next()
    except NotAdopted as error:
        logger.warning("no epoch can open: %s", error)


def _publish() -> None:
    """The oldest closed epoch that is not active: roots are sequential."""
    closed = list(Epoch.objects.filter(closed_at__isnull=False).order_by("number"))
    states = epochs.states(closed)
    for epoch in closed:
        if states[epoch.number] not in {"active", "final"}:
            try:
                publication.publish(epoch.number)
            except publication.PublicationError as error:
                logger.error("epoch %d: %s", epoch.number, error)
            return
