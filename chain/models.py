"""What was seen on the chain, and what we send to it. No business lives here."""

from django.db import models
from django.db.models import F, Q

from chain.fields import AddressField, HashField, WeiField, address_check, hash_check, uint256_check


class Chain(models.Model):
    """How far one chain has been followed; the row every writer of blocks and logs locks first."""

    chain_id = models.BigIntegerField(primary_key=True)
    height = models.BigIntegerField(help_text="The last block whose logs are stored.")
    height_hash = HashField()
    height_timestamp = models.BigIntegerField(help_text="Seconds since 1970, by the block.")
    finalized_number = models.BigIntegerField()
    finalized_hash = HashField()
    head = models.BigIntegerField(help_text="The node's latest block when last asked.")
    window = models.PositiveIntegerField(default=500, help_text="Blocks asked for at a time.")
    reorgs = models.PositiveIntegerField(default=0)
    deepest_reorg = models.PositiveIntegerField(default=0)
    synced_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(finalized_number__lte=F("height")), name="chain_finalized_stored"
            ),
            hash_check("height_hash", "chain"),
            hash_check("finalized_hash", "chain"),
        ]

    def __str__(self) -> str:
        return f"chain {self.chain_id} at {self.height}"


class Block(models.Model):
    """A canonical header. Final ones without logs of ours are dropped again."""

    chain_id = models.BigIntegerField()
    number = models.BigIntegerField()
    hash = HashField()
    parent_hash = HashField()
    timestamp = models.BigIntegerField(help_text="Seconds since 1970.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["chain_id", "hash"], name="block_hash_once"),
            models.UniqueConstraint(fields=["chain_id", "number"], name="block_number_once"),
            hash_check("hash", "block"),
            hash_check("parent_hash", "block"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.hash}"


class Log(models.Model):
    """A log of one of our contracts, in a block that was canonical when last looked at."""

    chain_id = models.BigIntegerField()
    # A block is one by chain and hash, so (block, log index) is the key; its index serves both.
    block = models.ForeignKey(Block, on_delete=models.CASCADE, related_name="logs", db_index=False)
    block_hash = HashField()
    block_number = models.BigIntegerField()
    log_index = models.PositiveIntegerField()
    transaction_hash = HashField()
    transaction_index = models.PositiveIntegerField()
    address = AddressField()
    topic0 = HashField()
    topics = models.JSONField(default=list, help_text="The indexed topics after the first.")
    data = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["block", "log_index"], name="log_once"),
            address_check("address", "log"),
            hash_check("topic0", "log"),
        ]
        indexes = [
            models.Index(fields=["chain_id", "block_number", "log_index"], name="log_order"),
        ]

    def __str__(self) -> str:
        return f"{self.block_number}/{self.log_index}"


class Cursor(models.Model):
    """The last finalized log that one projection has taken in."""

    chain_id = models.BigIntegerField()
    name = models.CharField(max_length=100)
    block_number = models.BigIntegerField(default=-1)
    log_index = models.BigIntegerField(default=-1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["chain_id", "name"], name="cursor_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} at {self.block_number}/{self.log_index}"


class Intent(models.Model):
    """A call that the business wants made exactly once, written in its own transaction.

    `pending` has no nonce yet, `assigned` holds one until a transaction with it is finalized
    (`done`, or `failed` when it reverted). `failed` without a nonce never reached the chain.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        ASSIGNED = "assigned"
        DONE = "done"
        FAILED = "failed"

    key = models.CharField(max_length=200, unique=True, help_text="Names the business event.")
    chain_id = models.BigIntegerField()
    sender = models.CharField(max_length=50, help_text="The name of the key.")
    purpose = models.CharField(max_length=200)
    to = AddressField()
    data = models.BinaryField()
    value_wei = WeiField(default=0)
    gas_max = models.BigIntegerField(
        null=True, blank=True, help_text="The gas limit is at most this, where there is a bound."
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    address = AddressField(blank=True, default="", help_text="The key's address, once assigned.")
    nonce = models.BigIntegerField(null=True, blank=True)
    transaction_hash = HashField(blank=True, default="", help_text="The variant that was mined.")
    block_number = models.BigIntegerField(null=True, blank=True)
    block_hash = HashField(blank=True, default="")
    failure = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["chain_id", "address", "nonce"],
                condition=Q(nonce__isnull=False),
                name="intent_nonce_once",
            ),
            models.CheckConstraint(
                condition=~Q(state="pending") | Q(nonce__isnull=True), name="intent_pending_free"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["assigned", "done"]) | Q(nonce__isnull=False),
                name="intent_assigned_nonce",
            ),
            models.CheckConstraint(
                condition=Q(nonce__isnull=True) | ~Q(address=""), name="intent_nonce_address"
            ),
            models.CheckConstraint(
                condition=~Q(state="failed") | ~Q(failure=""), name="intent_failed_why"
            ),
            address_check("to", "intent"),
            uint256_check("value_wei", "intent"),
            models.CheckConstraint(condition=Q(gas_max__gt=0), name="intent_gas_some"),
        ]
        indexes = [
            models.Index(
                fields=["sender", "id"],
                condition=Q(state__in=["pending", "assigned"]),
                name="intent_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} ({self.state})"

    @property
    def progress(self) -> str:
        """For people: waiting, sent, mined (not final yet), done or failed."""
        if self.state == self.State.PENDING:
            return "waiting"
        if self.state == self.State.ASSIGNED:
            return "sent" if self.block_number is None else "mined"
        return self.state


class Transaction(models.Model):
    """A signed variant of an intent's nonce, stored before it is sent."""

    intent = models.ForeignKey(Intent, on_delete=models.PROTECT, related_name="transactions")
    chain_id = models.BigIntegerField()
    address = AddressField()
    nonce = models.BigIntegerField()
    hash = HashField(unique=True)
    raw = models.BinaryField()
    gas = models.BigIntegerField()
    max_fee_wei = WeiField()
    priority_fee_wei = WeiField()
    signed_at = models.DateTimeField(auto_now_add=True)
    fills = models.BooleanField(default=False, help_text="Only uses the nonce up: an empty call.")
    sent_at = models.DateTimeField(null=True, blank=True, help_text="When a node last took it.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["chain_id", "address", "nonce", "max_fee_wei", "priority_fee_wei"],
                name="transaction_variant_once",
            ),
            hash_check("hash", "transaction"),
            address_check("address", "transaction"),
        ]

    def __str__(self) -> str:
        return self.hash
