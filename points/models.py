"""The ledger, the epochs it is cut into, and what each epoch gave to whom.

The journal (Entry, Line, Seal) is only ever appended to. Triggers in the migrations refuse
everything else: entries that do not balance, entries of a closed epoch, gaps in the seals, and any
update, deletion or truncation. Balances are kept by the same trigger and never go below zero.
"""

import enum

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from chain.fields import (
    AddressField,
    HashField,
    WeiField,
    hash_check,
    hex_of,
    uint256_check,
)
from points import chain_models as _chain_models  # noqa: F401  Django looks for models here.


class Unit(models.IntegerChoices):
    """What a line counts."""

    MILLIPOINTS = 1
    LAM_WEI = 2, "LAM wei"


class AccountKind(models.TextChoices):
    """Whose account it is and what stands on it."""

    SYSTEM = "system", "system"
    POINTS = "points", "a person's points"
    OWED = "owed", "points a person owes from reversed work"
    LAM = "lam", "LAM allocated to an address and not yet claimed"


class SystemAccount(enum.IntEnum):
    """Accounts the platform itself keeps, by id. Their balance is the sum of their lines."""

    ISSUANCE = 1
    CONVERTED = 2
    CARRIED = 3
    BURNED = 4
    ECOSYSTEM = 5
    RECEIVABLE = 6
    EMISSION = 11
    CLAIMED = 12
    EXPIRED = 13

    @property
    def unit(self) -> Unit:
        """LAM accounts are numbered from 11."""
        return Unit.LAM_WEI if self >= SystemAccount.EMISSION else Unit.MILLIPOINTS


FIRST_PERSONAL_ACCOUNT = 1000


class Category(models.IntegerChoices):
    """Why a line is there; an epoch's bundle sums a person's points by it."""

    WORK = 1, "verified work"
    REFERRAL = 2, "work of people they brought"
    CREATOR = 3, "runs of their automations"
    SPENT = 4, "automations they ran"
    REVERSED = 5, "work withdrawn"
    NETTED = 6, "owed from reversed work"
    CARRIED = 7, "carried from another epoch"
    CONVERTED = 8, "converted to LAM"
    ALLOCATED = 9, "LAM allocated"
    CLAIMED = 10, "LAM claimed"
    EXPIRED = 11, "LAM not claimed in time"


class EntryKind(models.TextChoices):
    """The business event of an entry."""

    SETTLEMENT = "settlement", "verified workflow"
    REVERSAL = "reversal", "withdrawn workflow"
    USE = "use", "automation run"
    CARRY = "carry", "points carried to the next epoch"
    CONVERSION = "conversion", "points converted to LAM"
    CLAIM = "claim", "LAM claimed on chain"
    EXPIRY = "expiry", "LAM expired to the treasury"


class Account(models.Model):
    """A ledger account. A person's points belong to the user, LAM to the address it is paid to."""

    kind = models.CharField(max_length=8, choices=AccountKind)
    unit = models.PositiveSmallIntegerField(choices=Unit)
    name = models.CharField(max_length=32, blank=True, help_text="Of a system account.")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, db_index=False,
        related_name="ledger_accounts",
    )  # fmt: skip
    address = AddressField(blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "kind"], condition=Q(user__isnull=False), name="account_once"
            ),
            models.UniqueConstraint(
                fields=["address"], condition=~Q(address=""), name="account_address_once"
            ),
            models.CheckConstraint(
                condition=Q(kind="system", user=None, address="", id__lt=FIRST_PERSONAL_ACCOUNT)
                | Q(
                    kind__in=["points", "owed"],
                    user__isnull=False,
                    address="",
                    unit=Unit.MILLIPOINTS,
                    id__gte=FIRST_PERSONAL_ACCOUNT,
                )
                | Q(
                    hex_of("address", "0-9a-fA-F", 42),
                    kind="lam",
                    user=None,
                    unit=Unit.LAM_WEI,
                    id__gte=FIRST_PERSONAL_ACCOUNT,
                ),
                name="account_owner",
            ),
        ]

    def __str__(self) -> str:
        return self.name or f"{self.kind} {self.address or self.user_id}"


class Balance(models.Model):
    """What stands on a personal account; written by the trigger on lines alone."""

    account = models.OneToOneField(
        Account, models.DO_NOTHING, db_constraint=False, primary_key=True
    )
    unit = models.PositiveSmallIntegerField(choices=Unit, help_text="The account's.")
    amount = WeiField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount__gte=0), name="balance_not_negative")
        ]

    def __str__(self) -> str:
        return f"{self.amount} on {self.account_id}"


class Epoch(models.Model):
    """A period of work under one policy and one verifier release, both pinned when it opened.

    Published, active and final are no columns: they follow from the chain's finalized logs.
    """

    number = models.PositiveBigIntegerField(primary_key=True)
    policy_hash = HashField()
    release_hash = HashField()
    salt = models.BinaryField(help_text="Secret; salts the digests of the epoch's entries.")
    opened_at = models.DateTimeField()
    closing_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    chain_id = models.BigIntegerField(default=0, help_text="Where its root goes; 0: nowhere.")
    distributor = AddressField(blank=True, default="")
    ledger_root = HashField(blank=True, default="")
    root = HashField(blank=True, default="")
    bundle_hash = HashField(blank=True, default="")
    millipoints = models.BigIntegerField(default=0, help_text="Converted to LAM at the close.")
    emission_limit_wei = WeiField(default=0, help_text="What the schedule allowed.")
    emission_wei = WeiField(default=0, help_text="Allocated in this epoch.")
    total_wei = WeiField(default=0, help_text="Allocated in all epochs up to this one.")
    accounts = models.PositiveIntegerField(default=0, help_text="Paid in this epoch.")

    class Meta:
        ordering = ["-number"]
        constraints = [
            hash_check("policy_hash", "epoch"),
            hash_check("release_hash", "epoch"),
            uint256_check("emission_wei", "epoch"),
            uint256_check("total_wei", "epoch"),
            models.CheckConstraint(condition=Q(number__gte=1), name="epoch_from_one"),
            models.CheckConstraint(
                condition=Q(closed_at=None, ledger_root="", root="", bundle_hash="")
                | Q(
                    closing_at__isnull=False,
                    closed_at__isnull=False,
                    ledger_root__regex="^0x[0-9a-f]{64}$",
                    root__regex="^0x[0-9a-f]{64}$",
                    bundle_hash__regex="^0x[0-9a-f]{64}$",
                ),
                name="epoch_closed_complete",
            ),
            models.CheckConstraint(
                condition=Q(closing_at=None) | Q(closing_at__gte=F("opened_at")),
                name="epoch_closing_after_opening",
            ),
            models.UniqueConstraint(
                models.Value(1), condition=Q(closed_at__isnull=True), name="epoch_one_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"epoch {self.number}"


class Entry(models.Model):
    """One business event in the journal. `digest` covers its content, its lines and its salt."""

    kind = models.CharField(max_length=12, choices=EntryKind)
    epoch = models.ForeignKey(Epoch, models.DO_NOTHING, db_constraint=False, related_name="entries")
    posted_at = models.DateTimeField()
    inputs = models.JSONField(default=dict, help_text="What the amounts were computed from.")
    reverses = models.ForeignKey(
        "self", models.DO_NOTHING, null=True, blank=True, related_name="reversals"
    )
    line_count = models.PositiveIntegerField()
    salt = models.BinaryField()
    digest = models.BinaryField(unique=True)

    class Meta:
        verbose_name_plural = "entries"
        indexes = [models.Index(fields=["epoch", "id"], name="entry_epoch")]
        constraints = [
            models.CheckConstraint(condition=Q(line_count__gte=2), name="entry_has_lines"),
            models.UniqueConstraint(
                fields=["reverses"], condition=Q(kind="reversal"), name="entry_reversed_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class Line(models.Model):
    """One account's part in an entry: positive in, negative out."""

    entry = models.ForeignKey(
        Entry, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="lines"
    )
    position = models.PositiveIntegerField()
    # The trigger checks that the account exists: a foreign key would lock the row of the same few
    # system accounts in every transaction.
    account = models.ForeignKey(
        Account, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="lines"
    )
    unit = models.PositiveSmallIntegerField(choices=Unit)
    category = models.PositiveSmallIntegerField(choices=Category)
    epoch_number = models.PositiveBigIntegerField()
    amount = WeiField()

    class Meta:
        indexes = [
            models.Index(fields=["account", "-id"], name="line_account"),
            BrinIndex(fields=["epoch_number"], name="line_epoch"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["entry", "position"], name="line_once"),
            models.CheckConstraint(condition=~Q(amount=0), name="line_moves_something"),
            models.CheckConstraint(condition=Q(unit__in=Unit.values), name="line_unit_known"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} on {self.account_id}"


class IdempotencyKey(models.Model):
    """One business event, one entry: the key of the event and the hash of what was asked.

    Apart from the journal, so that the link from an entry to a withdrawn workflow can go while the
    entry stays.
    """

    # A statement trigger checks that the entry exists: a foreign key would lock its row.
    entry = models.OneToOneField(
        Entry, models.DO_NOTHING, db_constraint=False, primary_key=True, related_name="idempotency"
    )
    key = models.CharField(max_length=160)
    request_hash = HashField()
    workflow = models.ForeignKey(
        "contributions.Workflow", models.PROTECT, null=True, blank=True, related_name="entries"
    )

    class Meta:
        constraints = [
            # Not `unique=True`: that comes with a second index, for LIKE.
            models.UniqueConstraint(fields=["key"], name="idempotency_key_once"),
            models.CheckConstraint(
                condition=hex_of("request_hash", "0-9a-f", 66),
                name="idempotency_request_hash_hash",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class CapUsage(models.Model):
    """How much of a cap a person has used: of a day's work, or of an epoch's referrals.

    Apart from the journal: the row is locked while an entry under the cap is computed. Withdrawing
    work does not give the cap back.
    """

    class Kind(models.TextChoices):
        """Which cap."""

        DAY = "day", "work received on a day"
        REFERRAL = "referral", "referrals in an epoch"

    kind = models.CharField(max_length=8, choices=Kind)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    period = models.PositiveBigIntegerField(help_text="Days since 1970 UTC, or epoch number.")
    millipoints = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "user", "period"], name="cap_usage_once"),
            models.CheckConstraint(condition=Q(millipoints__gte=0), name="cap_usage_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.period} of {self.user_id}"


class Seal(models.Model):
    """An entry's place in the tamper-evident chain, without gaps.

    `chain` is SHA-256 of the chain before it, then the entry's digest.
    """

    position = models.PositiveBigIntegerField(primary_key=True)
    entry = models.OneToOneField(Entry, models.DO_NOTHING, db_constraint=False, related_name="seal")
    digest = models.BinaryField()
    chain = models.BinaryField()
    epoch_number = models.PositiveBigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["epoch_number", "position"], name="seal_epoch")]

    def __str__(self) -> str:
        return f"seal {self.position}"


class Leaf(models.Model):
    """An address's place in every tree from its first on; never reused, never moved."""

    index = models.PositiveIntegerField(primary_key=True)
    account = models.OneToOneField(
        Account, models.DO_NOTHING, db_constraint=False, related_name="leaf"
    )
    first_epoch = models.ForeignKey(
        Epoch, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="new_leaves"
    )

    class Meta:
        verbose_name_plural = "leaves"

    def __str__(self) -> str:
        return f"leaf {self.index}"


class Allocation(models.Model):
    """What one epoch gave to one address, and what all epochs gave it up to then."""

    # A statement trigger checks what these name, a million rows at once.
    epoch = models.ForeignKey(
        Epoch, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="allocations"
    )
    leaf = models.ForeignKey(
        Leaf, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="allocations"
    )
    points_account = models.ForeignKey(
        Account, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="allocations"
    )
    entry = models.ForeignKey(
        Entry, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="allocations"
    )
    categories = models.JSONField(help_text="Millipoints by category.")
    millipoints = models.BigIntegerField()
    wei = WeiField()
    cumulative_wei = WeiField()

    class Meta:
        indexes = [BrinIndex(fields=["epoch"], name="allocation_epoch")]
        constraints = [
            models.UniqueConstraint(fields=["leaf", "epoch"], name="allocation_leaf_once"),
            models.UniqueConstraint(
                fields=["points_account", "epoch"], name="allocation_account_once"
            ),
            models.CheckConstraint(condition=Q(millipoints__gt=0), name="allocation_for_points"),
            models.CheckConstraint(
                condition=Q(wei__gte=0, cumulative_wei__gte=F("wei")), name="allocation_adds_up"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.wei} wei to leaf {self.leaf_id} in epoch {self.epoch_id}"
