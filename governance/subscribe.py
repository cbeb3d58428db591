"""Subscribing to the states of proposals, and taking it back.

An e-mail address hears nothing but one question until its owner follows the link in it.
"""

from datetime import timedelta

from django.conf import settings
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.core.signing import BadSignature, Signer
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.models import User
from chain.clock import clock
from governance import webhooks
from governance.people_models import Subscription
from governance.propose import ProposalError

PER_PERSON = 5
QUESTIONS_PER_DAY = 5
QUESTIONS_PER_ADDRESS = 3
DAY_SECONDS = int(timedelta(days=1).total_seconds())
CONFIRM = "governance.confirm"
UNSUBSCRIBE = "governance.unsubscribe"


class NotSubscribed(Exception):
    """The subscription cannot be made now; the message says why, for people."""


def subscribe(*, user: User, channel: str, target: str) -> Subscription:
    """Subscribe an e-mail address (asked first) or a webhook (at once).

    Raises ProposalError naming the field, and NotSubscribed.
    """
    if channel == Subscription.Channel.WEBHOOK:
        try:
            webhooks.check_url(target)
        except webhooks.Forbidden as error:
            raise ProposalError("target", str(error)) from None
        return _create(user, channel, target, confirmed=True)
    if not settings.EMAIL_ENABLED:
        raise NotSubscribed("This site sends no e-mail.")
    _count_question(user, target)
    row = _create(user, channel, target, confirmed=False)
    ask(row)
    return row


def _create(user: User, channel: str, target: str, *, confirmed: bool) -> Subscription:
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        if Subscription.objects.filter(user=user).count() >= PER_PERSON:
            raise NotSubscribed(f"You have {PER_PERSON} subscriptions; end one first.")
        row = Subscription(user=user, channel=channel, target=target)
        if confirmed:
            row.confirmed_at, row.since = timezone.now(), clock().head
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError:
            raise NotSubscribed("You are subscribed with this already.") from None
    return row


def _count_question(user: User, target: str) -> None:
    """So that nobody fills somebody else's mailbox with questions."""
    address = salted_hmac("governance.questions", target.lower()).hexdigest()
    for name, most in ((f"user:{user.pk}", QUESTIONS_PER_DAY), (address, QUESTIONS_PER_ADDRESS)):
        key = f"subscription-questions:{name}"
        cache.add(key, 0, timeout=DAY_SECONDS)
        if cache.incr(key) > most:
            raise NotSubscribed("Too many questions to this address today; try again tomorrow.")


def ask(row: Subscription) -> None:
    """Send the question with the link that confirms."""
    link = url("web:confirm-subscription", token(row, CONFIRM))
    text = (
        f"Somebody, hopefully you, wants {row.target} to hear of the proposals of Action Model.\n\n"
        f"Yes, tell me: {link}\n\nIf it was not you, do nothing.\n"
    )
    EmailMessage("Hear of proposals?", text, to=[row.target]).send()


def url(name: str, *arguments: str) -> str:
    """The full address of a page."""
    return settings.SITE_URL.rstrip("/") + reverse(name, args=arguments)


def token(row: Subscription, purpose: str) -> str:
    """Proves that whoever has it got our mail; good for one purpose."""
    return Signer(salt=purpose).sign(str(row.pk))


def _of_token(text: str, purpose: str) -> Subscription | None:
    try:
        number = Signer(salt=purpose).unsign(text)
    except BadSignature:
        return None
    return Subscription.objects.filter(pk=number).first()


def confirm(text: str) -> bool:
    """The owner of the mailbox said yes; False for a link that is not ours or no longer good."""
    row = _of_token(text, CONFIRM)
    if row is None:
        return False
    unconfirmed = Subscription.objects.filter(pk=row.pk, confirmed_at__isnull=True)
    unconfirmed.update(confirmed_at=timezone.now(), since=clock().head)
    return True


def unsubscribe(text: str) -> bool:
    """Forget the address; False for a link that is not ours. Twice is harmless."""
    try:
        number = Signer(salt=UNSUBSCRIBE).unsign(text)
    except BadSignature:
        return False
    Subscription.objects.filter(pk=number).delete()
    return True


def unsubscribe_own(*, user: User, subscription_id: int) -> bool:
    """End one's own subscription; False when there is none."""
    deleted, _ = Subscription.objects.filter(pk=subscription_id, user=user).delete()
    return deleted > 0
