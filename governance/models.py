"""What the Governor, the token and the Registry have logged, by finalized logs only.

Every row is written by a projection and can be rebuilt; a proposal's state is computed from these
rows and the time of blocks, never stored.
"""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from chain.fields import AddressField, HashField, WeiField, address_check, hash_check, uint256_check
from chain.models import Intent
from governance import people_models as _people_models  # noqa: F401  Django looks for models here.
from governance import poll_models as _poll_models  # noqa: F401


class Support(models.IntegerChoices):
    """How a vote was cast; 255 splits its weight (OpenZeppelin's GovernorCountingFractional)."""

    AGAINST = 0, "against"
    FOR = 1, "for"
    ABSTAIN = 2, "abstain"
    SPLIT = 255, "split"


class Proposal(models.Model):
    """A proposal by the id that the Governor computes from its calls and description."""

    id = WeiField(primary_key=True)
    proposer = AddressField()
    description = models.TextField()
    vote_start = models.BigIntegerField(help_text="Seconds since 1970; power counts as of then.")
    vote_end = models.BigIntegerField(help_text="Seconds since 1970, as first announced.")
    extended_end = models.BigIntegerField(null=True, help_text="After a late quorum.")
    objection_start = models.BigIntegerField(null=True)
    objection_end = models.BigIntegerField(null=True)
    eta = models.BigIntegerField(null=True, help_text="Queued: executable from then.")
    created_at = models.BigIntegerField(help_text="Time of the block, seconds since 1970.")
    queued_at = models.BigIntegerField(null=True)
    executed_at = models.BigIntegerField(null=True)
    canceled_at = models.BigIntegerField(null=True)
    block_number = models.BigIntegerField()
    transaction_hash = HashField()
    execution_transaction_hash = HashField(blank=True, default="")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(vote_end__gt=F("vote_start")), name="proposal_votes_some_time"
            ),
            models.CheckConstraint(
                condition=Q(executed_at__isnull=True) | Q(canceled_at__isnull=True),
                name="proposal_one_end",
            ),
            models.CheckConstraint(
                condition=Q(queued_at__isnull=True, eta__isnull=True)
                | Q(queued_at__isnull=False, eta__isnull=False),
                name="proposal_queued_with_eta",
            ),
            uint256_check("id", "proposal"),
            address_check("proposer", "proposal"),
            hash_check("transaction_hash", "proposal"),
        ]
        indexes = [models.Index(fields=["-created_at"], name="proposal_newest")]

    def __str__(self) -> str:
        return self.title

    @property
    def title(self) -> str:
        """The description's heading."""
        return self.description.split("\n", 1)[0].removeprefix("#").strip() or "(untitled)"

    @property
    def deadline(self) -> int:
        """Voting is possible up to and including this second."""
        return self.objection_end or self.extended_end or self.vote_end


class ProposalCall(models.Model):
    """One call that a proposal makes when it is executed."""

    proposal = models.ForeignKey(Proposal, models.CASCADE, related_name="calls")
    position = models.PositiveSmallIntegerField()
    target = AddressField()
    value_wei = WeiField()
    calldata = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["proposal", "position"], name="call_position_once"),
            address_check("target", "call"),
            uint256_check("value_wei", "call"),
        ]
        ordering = ["position"]

    def __str__(self) -> str:
        return f"call {self.position} of {self.proposal_id}"


class Vote(models.Model):
    """One casting. A voter who splits may cast several times, up to the power they hold."""

    proposal = models.ForeignKey(Proposal, models.CASCADE, related_name="votes")
    voter = AddressField()
    support = models.PositiveSmallIntegerField(choices=Support)
    against_wei = WeiField(default=0)
    for_wei = WeiField(default=0)
    abstain_wei = WeiField(default=0)
    reason = models.TextField(blank=True)
    cast_at = models.BigIntegerField(help_text="Time of the block, seconds since 1970.")
    block_number = models.BigIntegerField()
    log_index = models.PositiveIntegerField()
    transaction_hash = HashField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["block_number", "log_index"], name="vote_once"),
            models.UniqueConstraint(
                fields=["proposal", "voter"],
                condition=~Q(support=Support.SPLIT),
                name="vote_whole_once",
            ),
            models.CheckConstraint(
                condition=Q(support__in=Support.values), name="vote_support_known"
            ),
            address_check("voter", "vote"),
            uint256_check("against_wei", "vote"),
            uint256_check("for_wei", "vote"),
            uint256_check("abstain_wei", "vote"),
        ]
        indexes = [models.Index(fields=["voter"], name="vote_by_voter")]

    def __str__(self) -> str:
        return f"{self.voter} on {self.proposal_id}"

    @property
    def weight_wei(self) -> int:
        """All of it."""
        return self.against_wei + self.for_wei + self.abstain_wei


class Delegation(models.Model):
    """Whom an address has its votes counted for now."""

    delegator = AddressField(primary_key=True)
    delegate = AddressField()
    since = models.BigIntegerField(help_text="Time of the block, seconds since 1970.")
    block_number = models.BigIntegerField()
    log_index = models.PositiveIntegerField()

    class Meta:
        constraints = [
            address_check("delegator", "delegation"),
            address_check("delegate", "delegation"),
        ]
        indexes = [models.Index(fields=["delegate"], name="delegation_to")]

    def __str__(self) -> str:
        return f"{self.delegator} to {self.delegate}"


class Power(models.Model):
    """The votes of a delegate from a block on (ERC-5805 checkpoints)."""

    delegate = AddressField()
    votes_wei = WeiField()
    since = models.BigIntegerField(help_text="Time of the block, seconds since 1970.")
    block_number = models.BigIntegerField()
    log_index = models.PositiveIntegerField()
    is_current = models.BooleanField(default=True)

    class Meta:
        verbose_name_plural = "power"
        constraints = [
            models.UniqueConstraint(fields=["block_number", "log_index"], name="power_once"),
            models.UniqueConstraint(
                fields=["delegate"], condition=Q(is_current=True), name="power_one_current"
            ),
            address_check("delegate", "power"),
            uint256_check("votes_wei", "power"),
        ]
        indexes = [
            models.Index(fields=["delegate", "-block_number", "-log_index"], name="power_history"),
            models.Index(
                fields=["-votes_wei"], condition=Q(is_current=True), name="power_greatest"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.delegate}: {self.votes_wei} wei"


class Supply(models.Model):
    """The total supply of LAM from a block on; quorums are a part of it."""

    total_wei = WeiField()
    since = models.BigIntegerField(help_text="Time of the block, seconds since 1970.")
    block_number = models.BigIntegerField()
    log_index = models.PositiveIntegerField()

    class Meta:
        verbose_name_plural = "supply"
        constraints = [
            models.UniqueConstraint(fields=["block_number", "log_index"], name="supply_once"),
            uint256_check("total_wei", "supply"),
        ]

    def __str__(self) -> str:
        return f"{self.total_wei} wei from block {self.block_number}"


class QuorumNumerator(models.Model):
    """The percentage of the supply that a quorum needs, from a block on."""

    numerator = models.PositiveSmallIntegerField()
    since = models.BigIntegerField(help_text="Time of the block, seconds since 1970.")
    block_number = models.BigIntegerField()
    log_index = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["block_number", "log_index"], name="numerator_once"),
            models.CheckConstraint(condition=Q(numerator__lte=100), name="numerator_percent"),
        ]

    def __str__(self) -> str:
        return f"{self.numerator} % from block {self.block_number}"


class RelayedCall(models.Model):
    """A call that a user had the service's relayer make and pay; what limits are counted on."""

    class Kind(models.TextChoices):
        VOTE = "vote"
        DELEGATE = "delegate"
        QUEUE = "queue"
        EXECUTE = "execute"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="relayed")
    kind = models.CharField(max_length=10, choices=Kind)
    signer = AddressField(blank=True, default="", help_text="Whose signature it carries.")
    intent = models.ForeignKey(Intent, models.PROTECT, related_name="relayed")
    asked_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["vote", "delegate", "queue", "execute"]),
                name="relayed_kind_known",
            ),
            models.UniqueConstraint(fields=["user", "intent"], name="relayed_once_per_user"),
        ]
        indexes = [
            models.Index(fields=["user", "asked_at"], name="relayed_lately"),
            models.Index(fields=["signer"], condition=~Q(signer=""), name="relayed_for"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} by {self.user_id}"
