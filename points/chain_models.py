"""What finalized logs said of roots and claims, and claims that the platform sends for people."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from chain.fields import AddressField, HashField, WeiField, address_check


class _ChainEvent(models.Model):
    """A finalized log, by its place on the chain."""

    chain_id = models.BigIntegerField()
    block_number = models.BigIntegerField()
    block_hash = HashField()
    log_index = models.PositiveIntegerField()
    transaction_hash = HashField()
    at = models.DateTimeField(help_text="Time of the block.")

    class Meta:
        abstract = True
        constraints = [
            models.UniqueConstraint(
                fields=["chain_id", "block_hash", "log_index"], name="%(class)s_log_once"
            )
        ]


class RootSubmission(_ChainEvent):
    """RootSubmitted: a root waits for its veto window to pass."""

    epoch_number = models.PositiveBigIntegerField(db_index=True)
    root = HashField()
    total_wei = WeiField()
    source_totals_wei = models.JSONField()
    policy_hash = HashField()
    ledger_root = HashField()
    bundle_hash = HashField()
    activatable_at = models.BigIntegerField(help_text="Seconds since 1970.")

    def __str__(self) -> str:
        return f"root of epoch {self.epoch_number} submitted"


class RootActivation(_ChainEvent):
    """RootActivated: claims are paid under this root."""

    epoch_number = models.PositiveBigIntegerField(db_index=True)
    root = HashField()

    def __str__(self) -> str:
        return f"root of epoch {self.epoch_number} activated"


class RootVeto(_ChainEvent):
    """RootVetoed: the pending root is void."""

    epoch_number = models.PositiveBigIntegerField(db_index=True)
    root = HashField()

    def __str__(self) -> str:
        return f"root of epoch {self.epoch_number} vetoed"


class EmissionLimit(_ChainEvent):
    """EmissionLimited: a vote lowered the emission from an epoch on."""

    from_epoch = models.PositiveBigIntegerField(db_index=True)
    limit_wei = WeiField()

    def __str__(self) -> str:
        return f"at most {self.limit_wei} wei from epoch {self.from_epoch}"


class Claim(_ChainEvent):
    """Claimed: an address was paid. `amount_wei` is this payment, `cumulative_wei` all of them.

    Expired counts as one: it uses up the allocation, only that the treasury is paid.
    """

    account = AddressField(db_index=True)
    recipient = AddressField()
    amount_wei = WeiField()
    cumulative_wei = WeiField()
    expired = models.BooleanField(default=False)
    entry = models.ForeignKey(
        "points.Entry", models.PROTECT, null=True, blank=True, related_name="claims",
        help_text="Null when the ledger has no such allocation: reconciliation names it.",
    )  # fmt: skip

    def __str__(self) -> str:
        return f"{self.amount_wei} wei to {self.account}"


class RelayedClaim(models.Model):
    """A signed claim that the platform sends and pays the gas of."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="relayed_claims"
    )
    account = AddressField()
    recipient = AddressField()
    cumulative_wei = WeiField()
    intent = models.OneToOneField("chain.Intent", models.PROTECT, related_name="relayed_claim")
    requested_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["account", "requested_at"], name="relayed_recent")]
        constraints = [
            address_check("account", "relayed"),
            address_check("recipient", "relayed"),
        ]

    def __str__(self) -> str:
        return f"claim of {self.account} to {self.recipient}"
