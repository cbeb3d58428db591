"""Telling subscribers what became of proposals: each state once, tried until it arrives.

`plan` writes one row for each subscriber and state, whatever was missed meanwhile; `deliver` claims
a row for a while before it sends, so that two workers do not both, and a crash is tried again. An
e-mail or a webhook may then arrive twice, under the same id.
"""

import json
from datetime import timedelta
from smtplib import SMTPException

from django.core.mail import EmailMessage
from django.db.models import Q
from django.utils import timezone

from chain.clock import clock
from governance import subscribe, webhooks
from governance.history import history
from governance.models import Proposal
from governance.people_models import Notification, Subscription
from governance.state import State, grace_seconds, tallies

RECENT_SECONDS = 14 * 24 * 3600
CLAIMED = timedelta(minutes=2)
FIRST_RETRY = timedelta(seconds=30)
ATTEMPTS_MAX = 8
BATCH = 200
WORDS = {
    State.PENDING: "was made; voting has not started",
    State.ACTIVE: "is open for votes",
    State.CANCELED: "was cancelled",
    State.DEFEATED: "was defeated",
    State.SUCCEEDED: "passed and can be queued",
    State.QUEUED: "is queued in the timelock",
    State.EXPIRED: "passed but was not executed in time",
    State.EXECUTED: "was executed",
}


def plan() -> int:
    """Write down what has to be told to whom and is not yet; returns how many."""
    subscribers = list(Subscription.objects.filter(confirmed_at__isnull=False))
    if not subscribers:
        return 0
    now = clock()
    proposals = _recent(now.final)
    counted = tallies(proposals)
    wanted = [
        Notification(subscription=row, proposal=each.pk, state=state.value, happened_at=at)
        for each in proposals
        for state, at in history(each, counted[each.pk], now)
        for row in subscribers
        if at >= row.since
    ]
    before = Notification.objects.count()
    Notification.objects.bulk_create(wanted, ignore_conflicts=True, batch_size=1000)
    return Notification.objects.count() - before


def _recent(now: int) -> list[Proposal]:
    """Proposals whose state may have changed in the last two weeks of the chain."""
    since = now - RECENT_SECONDS
    lapse = since - grace_seconds()
    changed = Q()
    for name in ("created_at", "vote_start", "queued_at", "executed_at", "canceled_at"):
        changed |= Q(**{f"{name}__gte": since})
    for name in ("vote_end", "extended_end", "objection_end", "eta"):
        changed |= Q(**{f"{name}__gte": lapse})
    return list(Proposal.objects.filter(changed).order_by("block_number", "created_at"))


def due() -> list[int]:
    """Notifications to be sent now."""
    waiting = Notification.objects.filter(
        delivered_at__isnull=True, given_up_at__isnull=True, next_attempt_at__lte=timezone.now()
    )
    return list(waiting.order_by("next_attempt_at").values_list("pk", flat=True)[:BATCH])


def deliver(notification_id: int) -> bool:
    """Send one, if it is due and nobody else is at it; whether it arrived."""
    now = timezone.now()
    claimed = Notification.objects.filter(
        pk=notification_id,
        delivered_at__isnull=True,
        given_up_at__isnull=True,
        next_attempt_at__lte=now,
    ).update(next_attempt_at=now + CLAIMED)
    if not claimed:
        return False
    row = Notification.objects.select_related("subscription").get(pk=notification_id)
    try:
        _send(row)
    except webhooks.NotDelivered as error:
        if error.gone:
            row.subscription.delete()
            return False
        return _failed(row, str(error))
    except (webhooks.Forbidden, SMTPException, OSError) as error:
        return _failed(row, str(error))
    Notification.objects.filter(pk=row.pk).update(
        delivered_at=timezone.now(), attempts=row.attempts + 1, failure=""
    )
    return True


def _failed(row: Notification, why: str) -> bool:
    row.attempts += 1
    row.failure = why[:500]
    row.next_attempt_at = timezone.now() + FIRST_RETRY * 4 ** (row.attempts - 1)
    if row.attempts >= ATTEMPTS_MAX:
        row.given_up_at = timezone.now()
    row.save(update_fields=["attempts", "failure", "next_attempt_at", "given_up_at"])
    return False


def _send(row: Notification) -> None:
    proposal = Proposal.objects.filter(pk=row.proposal).first()
    title = proposal.title if proposal else str(row.proposal)
    link = subscribe.url("web:proposal", str(row.proposal))
    if row.subscription.channel == Subscription.Channel.WEBHOOK:
        _call(row, title, link)
    else:
        _mail(row, title, link)


def _call(row: Notification, title: str, link: str) -> None:
    body = {
        "type": "proposal.state",
        "proposal": str(row.proposal),
        "title": title,
        "state": row.state,
        "happened_at": row.happened_at,
        "url": link,
    }
    webhooks.call(
        row.subscription.target,
        secret=webhooks.secret(row.subscription.salt),
        message_id=f"notification-{row.pk}",
        body=json.dumps(body).encode(),
    )


def _mail(row: Notification, title: str, link: str) -> None:
    end = subscribe.url("web:unsubscribe", subscribe.token(row.subscription, subscribe.UNSUBSCRIBE))
    said = f"“{title}” {WORDS[State(row.state)]}."
    EmailMessage(
        subject=" ".join(f"Proposal {WORDS[State(row.state)]}: {title}".split())[:200],
        body=f"{said}\n\n{link}\n\nHear no more of proposals: {end}\n",
        to=[row.subscription.target],
        # RFC 8058: mail programs offer to unsubscribe with one click.
        headers={
            "List-Unsubscribe": f"<{end}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Message-ID": f"<notification-{row.pk}@action-model.invalid>",
        },
    ).send()
