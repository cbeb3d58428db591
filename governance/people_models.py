"""What people write and ask for around proposals: drafts, comments, profiles, simulations, news.

Nothing here decides anything. Proposals are named by their ids, not by foreign keys: their rows are
a projection that may be rebuilt, and a draft's proposal has an id before anybody sent it.
"""

import secrets
import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from chain.fields import AddressField, WeiField, address_check, uint256_check

TITLE_MAX = 200
BODY_MAX = 30_000
COMMENT_MAX = 5_000
STATEMENT_MAX = 10_000
NAME_MAX = 80
HIDDEN_WITH_REASON = Q(hidden_at__isnull=True, hidden_reason="") | (
    Q(hidden_at__isnull=False) & ~Q(hidden_reason="")
)


class ProposalDraft(models.Model):
    """A proposal being written. Private until its author shares it for discussion.

    `proposal` is the id that the Governor will give it as it stands: once a proposal with this id
    is on chain, the draft has been proposed.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="drafts")
    proposer = AddressField()
    template = models.CharField(max_length=24)
    fields = models.JSONField(help_text="The template's own fields, as the API takes them.")
    title = models.CharField(max_length=TITLE_MAX)
    body = models.TextField(blank=True)
    proposal = WeiField(db_index=True)
    shared_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            address_check("proposer", "draft"),
            uint256_check("proposal", "draft"),
            models.CheckConstraint(condition=~Q(title=""), name="draft_has_title"),
        ]
        indexes = [models.Index(fields=["-created_at"], name="draft_newest")]

    def __str__(self) -> str:
        return self.title


class Comment(models.Model):
    """What a holder says about a proposal or a shared draft.

    Its author may edit or delete it; an admin may hide it. Either leaves a visible trace.
    """

    proposal = WeiField(default=0, help_text="0 for a comment about a draft.")
    draft = models.ForeignKey(ProposalDraft, models.CASCADE, null=True, related_name="comments")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="comments")
    address = AddressField(help_text="The author's wallet when it was written.")
    body = models.TextField(blank=True)
    written_at = models.DateTimeField(default=timezone.now)
    edited_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)
    hidden_at = models.DateTimeField(null=True)
    hidden_reason = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(proposal=0, draft__isnull=False)
                | Q(proposal__gt=0, draft__isnull=True),
                name="comment_about_one_thing",
            ),
            models.CheckConstraint(
                condition=Q(deleted_at__isnull=True) & ~Q(body="")
                | Q(deleted_at__isnull=False, body=""),
                name="comment_empty_once_deleted",
            ),
            models.CheckConstraint(condition=HIDDEN_WITH_REASON, name="comment_hidden_with_reason"),
            address_check("address", "comment"),
        ]
        indexes = [
            models.Index(fields=["proposal", "written_at"], name="comment_of_proposal"),
            models.Index(fields=["author", "written_at"], name="comment_lately"),
        ]

    def __str__(self) -> str:
        return f"comment {self.pk} by {self.address}"


class DelegateProfile(models.Model):
    """How a delegate presents themselves; by signature, or by the session of the wallet's owner."""

    address = AddressField(primary_key=True)
    name = models.CharField(max_length=NAME_MAX, blank=True)
    statement = models.TextField(blank=True)
    issued_at = models.BigIntegerField(help_text="Seconds since 1970; a newer one replaces it.")
    signature = models.TextField(blank=True, help_text="EIP-712; empty when set by session.")
    updated_at = models.DateTimeField(default=timezone.now)
    hidden_at = models.DateTimeField(null=True)
    hidden_reason = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            address_check("address", "profile"),
            models.CheckConstraint(condition=HIDDEN_WITH_REASON, name="profile_hidden_with_reason"),
        ]

    def __str__(self) -> str:
        return self.name or self.address


class Simulation(models.Model):
    """A proposal run on a fork of the chain at a block; one for each proposal and block."""

    class Progress(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        FAILED = "failed"

    proposal = WeiField()
    block_number = models.BigIntegerField()
    progress = models.CharField(max_length=8, choices=Progress, default=Progress.WAITING)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="simulations"
    )
    requested_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    result = models.JSONField(default=dict)
    failure = models.TextField(blank=True, help_text="Why it could not be run at all.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["proposal", "block_number"], name="simulation_once_per_block"
            ),
            models.CheckConstraint(
                condition=Q(progress="waiting", finished_at__isnull=True, failure="")
                | Q(progress="done", finished_at__isnull=False, failure="")
                | (Q(progress="failed", finished_at__isnull=False) & ~Q(failure="")),
                name="simulation_progress_complete",
            ),
            uint256_check("proposal", "simulation"),
        ]

    def __str__(self) -> str:
        return f"{self.proposal} at block {self.block_number}"


def new_salt() -> str:
    """256 random bits, from which a subscription's secrets are derived."""
    return secrets.token_hex(32)


class Subscription(models.Model):
    """Where a person wants to hear of proposals; unsubscribing deletes the row and the address."""

    class Channel(models.TextChoices):
        EMAIL = "email", "e-mail"
        WEBHOOK = "webhook"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="subscriptions")
    channel = models.CharField(max_length=8, choices=Channel)
    target = models.CharField(max_length=500, help_text="An e-mail address, or a URL.")
    salt = models.CharField(max_length=64, default=new_salt)
    created_at = models.DateTimeField(default=timezone.now)
    confirmed_at = models.DateTimeField(null=True, help_text="E-mail only after the link in it.")
    since = models.BigIntegerField(
        default=0, help_text="The chain's time when confirmed; what was before is not told."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "channel", "target"], name="subscription_once_per_target"
            ),
            models.CheckConstraint(
                condition=Q(channel__in=["email", "webhook"]), name="subscription_channel_known"
            ),
            models.CheckConstraint(condition=~Q(target=""), name="subscription_has_target"),
        ]

    def __str__(self) -> str:
        return f"{self.channel} of {self.user_id}"


class Notification(models.Model):
    """A proposal's state told, or to be told, to a subscriber: once for each of the three."""

    subscription = models.ForeignKey(Subscription, models.CASCADE, related_name="notifications")
    proposal = WeiField()
    state = models.CharField(max_length=10)
    happened_at = models.BigIntegerField(help_text="Seconds since 1970, by the chain.")
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    delivered_at = models.DateTimeField(null=True)
    given_up_at = models.DateTimeField(null=True)
    failure = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subscription", "proposal", "state"], name="notification_once"
            ),
            models.CheckConstraint(
                condition=Q(delivered_at__isnull=True) | Q(given_up_at__isnull=True),
                name="notification_one_end",
            ),
            uint256_check("proposal", "notification"),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(delivered_at__isnull=True, given_up_at__isnull=True),
                name="notification_due",
            )
        ]

    def __str__(self) -> str:
        return f"{self.proposal} {self.state} to {self.subscription_id}"
