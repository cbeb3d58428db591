"""Recorded work, the verdicts on it, its withdrawal, and the documents that govern its reward.

A workflow's body and evidence are ciphertext here; their keys are in the key store, outside
PostgreSQL, whose WAL and backups never forget.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

HASH = r"^0x[0-9a-f]{64}$"
ADDRESS = r"^0x[0-9a-fA-F]{40}$"


class State(models.TextChoices):
    """Where a workflow is in its life."""

    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class Workflow(models.Model):
    """One recording of work by one person; the id is made by the client before sending.

    A withdrawn row keeps its id, contributor, times and counts, and nothing of the content.
    """

    id = models.UUIDField(primary_key=True)
    contributor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="workflows"
    )
    state = models.CharField(max_length=16, choices=State, default=State.SUBMITTED)
    task = models.CharField(max_length=120, blank=True)
    source = models.CharField(max_length=32)
    site = models.CharField(max_length=253, blank=True)
    shape_key = models.CharField(max_length=160, blank=True)
    received_at = models.DateTimeField(default=timezone.now)
    body_digest = models.CharField(max_length=66, blank=True)
    body_bytes = models.PositiveIntegerField()
    steps = models.PositiveIntegerField()
    actions = models.PositiveIntegerField()
    attested = models.BooleanField(null=True)
    attested_by = models.CharField(max_length=42, blank=True)
    ciphertext = models.BinaryField()
    evidence = models.BinaryField(default=b"")

    class Meta:
        indexes = [
            models.Index(fields=["contributor", "-received_at", "-id"], name="workflow_listing"),
            models.Index(
                fields=["shape_key", "-received_at"],
                condition=Q(state=State.ACCEPTED),
                name="workflow_history",
            ),
            models.Index(
                fields=["received_at"], condition=Q(state=State.SUBMITTED), name="workflow_pending"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=State.values), name="workflow_state_known"
            ),
            models.CheckConstraint(
                condition=Q(
                    state=State.WITHDRAWN,
                    ciphertext=b"",
                    evidence=b"",
                    body_digest="",
                    shape_key="",
                    task="",
                    site="",
                )
                | (
                    ~Q(state=State.WITHDRAWN)
                    & ~Q(ciphertext=b"")
                    & Q(body_digest__regex=HASH)
                    & ~Q(shape_key="")
                    & ~Q(task="")
                ),
                name="workflow_empty_once_withdrawn",
            ),
            models.CheckConstraint(
                condition=Q(attested__isnull=True, attested_by="")
                | Q(attested__isnull=False, attested_by__regex=ADDRESS),
                name="workflow_attested_by_someone",
            ),
            models.CheckConstraint(
                condition=Q(state=State.ACCEPTED) | Q(evidence=b""),
                name="workflow_evidence_of_accepted",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Verdict(models.Model):
    """What the verifier said about a workflow, under which release; one for good."""

    workflow = models.OneToOneField(
        Workflow, models.PROTECT, primary_key=True, related_name="verdict"
    )
    release_hash = models.CharField(max_length=66)
    accepted = models.BooleanField()
    reasons = models.JSONField(default=list)
    verified_actions = models.PositiveIntegerField()
    score = models.PositiveIntegerField()
    goal = models.CharField(max_length=16)
    demo = models.BooleanField(default=False, help_text="by a release for demonstrations only")
    assessed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(release_hash__regex=HASH), name="verdict_release_hash_format"
            ),
            models.CheckConstraint(condition=Q(score__lte=10_000), name="verdict_score_bp"),
            models.CheckConstraint(
                condition=Q(accepted=True) | Q(verified_actions=0),
                name="verdict_rejected_is_unpaid",
            ),
        ]

    def __str__(self) -> str:
        return f"{'accepted' if self.accepted else 'rejected'} {self.workflow_id}"


class Withdrawal(models.Model):
    """A contributor took a workflow back; each app above consumes and acknowledges it."""

    workflow = models.OneToOneField(
        Workflow, models.PROTECT, primary_key=True, related_name="withdrawal"
    )
    requested_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"withdrawal of {self.workflow_id}"


class WithdrawalAcknowledgement(models.Model):
    """An app has done what a withdrawal asks of it."""

    withdrawal = models.ForeignKey(Withdrawal, models.PROTECT, related_name="acknowledgements")
    app = models.CharField(max_length=32)
    acknowledged_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["withdrawal", "app"], name="withdrawal_acked_once")
        ]

    def __str__(self) -> str:
        return f"{self.app} acknowledged {self.withdrawal_id}"


class Kind(models.IntegerChoices):
    """Kinds of documents, numbered as in the on-chain Registry."""

    REWARD_POLICY = 0, "reward policy"
    VERIFIER_RELEASE = 1, "verifier release"
    MODEL_RELEASE = 2, "model release"
    EXTENSION_RELEASE = 3, "extension release"


class Document(models.Model):
    """A document known by its content hash. Being known has no effect by itself."""

    hash = models.CharField(max_length=66, primary_key=True)
    kind = models.PositiveSmallIntegerField(choices=Kind)
    document = models.JSONField()
    registered_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(hash__regex=HASH), name="document_hash_format"),
            models.CheckConstraint(condition=Q(kind__in=Kind.values), name="document_kind_known"),
        ]

    def __str__(self) -> str:
        return self.hash


class Adoption(models.Model):
    """A finalized Adopted event of the Registry; written by the projection only.

    One that can't be followed (unknown or invalid document) is kept with the reason, and the one
    before it stays in force.
    """

    kind = models.PositiveSmallIntegerField(choices=Kind)
    hash = models.CharField(max_length=66)
    uri = models.TextField(blank=True)
    effective_epoch = models.PositiveBigIntegerField()
    by = models.CharField(max_length=42)
    block_number = models.PositiveBigIntegerField()
    block_hash = models.CharField(max_length=66)
    log_index = models.PositiveIntegerField()
    transaction_hash = models.CharField(max_length=66)
    adopted_at = models.DateTimeField(help_text="time of the block")
    adoptable = models.BooleanField()
    reason = models.TextField(blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["kind", "-block_number", "-log_index"], name="adoption_in_force")
        ]
        constraints = [
            models.UniqueConstraint(fields=["block_hash", "log_index"], name="adoption_once"),
            models.CheckConstraint(condition=Q(kind__in=Kind.values), name="adoption_kind_known"),
            models.CheckConstraint(condition=Q(hash__regex=HASH), name="adoption_hash_format"),
            models.CheckConstraint(
                condition=Q(adoptable=True, reason="") | (Q(adoptable=False) & ~Q(reason="")),
                name="adoption_refused_with_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.hash}"
