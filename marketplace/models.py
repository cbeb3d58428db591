"""Automations and their uses."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone


class AutomationState(models.TextChoices):
    """Whether it can be run."""

    PUBLISHED = "published"
    RETIRED = "retired"


class Outcome(models.TextChoices):
    """How a run ended, as the one who ran it says."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Automation(models.Model):
    """An accepted workflow that others may run for points."""

    creator = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="automations"
    )
    workflow = models.OneToOneField(
        "contributions.Workflow", models.PROTECT, related_name="automation"
    )
    title = models.CharField(max_length=120)
    description = models.TextField(max_length=2000, blank=True)
    parameters = models.JSONField(default=list, help_text="Names of what a run must be given.")
    actions = models.PositiveIntegerField(help_text="The most actions that a run can cost.")
    state = models.CharField(
        max_length=10, choices=AutomationState, default=AutomationState.PUBLISHED
    )
    published_at = models.DateTimeField(default=timezone.now)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["state", "-id"], name="automation_listing")]
        constraints = [
            models.CheckConstraint(condition=Q(actions__gte=1), name="automation_does_something"),
            models.CheckConstraint(condition=~Q(title=""), name="automation_titled"),
            models.CheckConstraint(
                condition=Q(state="published", retired_at=None)
                | Q(state="retired", retired_at__isnull=False),
                name="automation_retired_when",
            ),
        ]

    def __str__(self) -> str:
        return self.title


class Use(models.Model):
    """One run, paid once: the id is made by the client before it asks."""

    id = models.UUIDField(primary_key=True)
    automation = models.ForeignKey(Automation, models.PROTECT, related_name="uses")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="automation_uses"
    )
    at = models.DateTimeField(default=timezone.now)
    actions = models.PositiveIntegerField()
    outcome = models.CharField(max_length=10, choices=Outcome)
    price_millipoints = models.BigIntegerField()
    creator_millipoints = models.BigIntegerField()
    burned_millipoints = models.BigIntegerField()
    ecosystem_millipoints = models.BigIntegerField()
    entry = models.OneToOneField(
        "points.Entry", models.PROTECT, null=True, blank=True, related_name="use"
    )

    class Meta:
        indexes = [models.Index(fields=["user", "-at", "-id"], name="use_listing")]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    price_millipoints=F("creator_millipoints")
                    + F("burned_millipoints")
                    + F("ecosystem_millipoints")
                ),
                name="use_shares_add_up",
            ),
            models.CheckConstraint(
                condition=Q(price_millipoints=0, entry=None)
                | Q(price_millipoints__gt=0, entry__isnull=False),
                name="use_paid_by_entry",
            ),
            models.CheckConstraint(
                condition=Q(
                    creator_millipoints__gte=0,
                    burned_millipoints__gte=0,
                    ecosystem_millipoints__gte=0,
                ),
                name="use_shares_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)
