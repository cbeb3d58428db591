"""Celery tasks of governance."""

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded

from governance import notify, policy_effect, polls
from governance import simulate as simulations


@shared_task(soft_time_limit=simulations.RUN_SECONDS)
def simulate(simulation_id: int) -> None:
    """Run a proposal on a fork."""
    try:
        simulations.run(simulation_id)
    except SoftTimeLimitExceeded:
        simulations.give_up(simulation_id, f"It took more than {simulations.RUN_SECONDS} seconds.")


@shared_task
def simulate_new() -> None:
    """Ask for a run of every proposal that never had one, again for those that were lost."""
    simulations.request_missing()


@shared_task
def compute_policy_effect(policy_hash: str, epoch: int) -> None:
    """What a policy would have paid in a closed epoch."""
    policy_effect.compute(policy_hash, epoch)


@shared_task
def plan_notifications() -> None:
    """Write down what has to be told, and hand what is due to workers."""
    notify.plan()
    for pk in notify.due():
        deliver_notification.delay(pk)


@shared_task(soft_time_limit=60)
def deliver_notification(notification_id: int) -> None:
    """Send one."""
    notify.deliver(notification_id)


@shared_task
def publish_polls() -> None:
    """Close polls whose time is over and publish their results."""
    polls.publish_due()
