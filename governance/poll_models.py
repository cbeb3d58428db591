"""Polls and their ballots: off chain, signed, recomputable by anyone from the published bundle."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from chain.fields import AddressField, HashField, WeiField, address_check, hash_check, uint256_check
from governance.counting import Method


class Poll(models.Model):
    """A question to the holders; it binds nobody. Times are the chain's, seconds since 1970."""

    id = HashField(primary_key=True, help_text="The content hash of the rules.")
    rules = models.JSONField()
    author = AddressField()
    title = models.CharField(max_length=200)
    method = models.CharField(max_length=10, choices=[(each.value, each.value) for each in Method])
    opens_at = models.BigIntegerField()
    closes_at = models.BigIntegerField()
    power_at = models.BigIntegerField(help_text="Votes count as of then.")
    opened_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True, help_text="No ballot is taken in any more.")
    block_number = models.BigIntegerField(null=True, help_text="Whose state proves the powers.")
    bundle_hash = HashField(blank=True, default="")
    result = models.JSONField(null=True)

    class Meta:
        constraints = [
            hash_check("id", "poll"),
            address_check("author", "poll"),
            models.CheckConstraint(
                condition=Q(method__in=[each.value for each in Method]), name="poll_method_known"
            ),
            models.CheckConstraint(
                condition=Q(closes_at__gt=F("opens_at")), name="poll_open_some_time"
            ),
            models.CheckConstraint(
                condition=Q(bundle_hash="", result__isnull=True, block_number__isnull=True)
                | Q(
                    bundle_hash__regex="^0x[0-9a-f]{64}$",
                    result__isnull=False,
                    block_number__isnull=False,
                    closed_at__isnull=False,
                ),
                name="poll_published_whole",
            ),
        ]
        indexes = [
            models.Index(fields=["-opens_at"], name="poll_newest"),
            models.Index(
                fields=["closes_at"], condition=Q(bundle_hash=""), name="poll_unpublished"
            ),
        ]

    def __str__(self) -> str:
        return self.title


class PollBallot(models.Model):
    """A signed choice. Only the latest of a voter counts; the others stay for the record."""

    poll = models.ForeignKey(Poll, models.PROTECT, related_name="ballots")
    voter = AddressField()
    choice = ArrayField(models.BigIntegerField())
    issued_at = models.BigIntegerField(help_text="As signed, seconds since 1970 of the chain.")
    signature = models.BinaryField()
    digest = HashField(unique=True, help_text="What was signed (EIP-712).")
    attested = models.BooleanField(help_text="By a contract wallet, as the node said then.")
    power_wei = WeiField()
    is_latest = models.BooleanField(default=True)
    received_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["poll", "voter"], condition=Q(is_latest=True), name="pollballot_one_counts"
            ),
            models.UniqueConstraint(
                fields=["poll", "voter", "issued_at"], name="pollballot_second_once"
            ),
            models.CheckConstraint(condition=Q(power_wei__gt=0), name="pollballot_has_power"),
            address_check("voter", "pollballot"),
            hash_check("digest", "pollballot"),
            uint256_check("power_wei", "pollballot"),
        ]

    def __str__(self) -> str:
        return f"{self.voter} in {self.poll_id}"
