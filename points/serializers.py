"""What the API of points takes and gives, as JSON."""

import re
from typing import Any

from eth_utils.address import to_checksum_address
from rest_framework import serializers

from points.chain_models import Claim
from points.models import Category, Epoch, Line, Unit

ADDRESS = re.compile(r"^0x[0-9a-fA-F]{40}$")
UINT = re.compile(r"^(0|[1-9][0-9]{0,77})$")
UINT256_MAX = 2**256 - 1


class BalanceSerializer(serializers.Serializer[Any]):
    """Points of the epoch in progress (millipoints) and LAM (wei as decimal strings)."""

    epoch = serializers.IntegerField(allow_null=True, help_text="In progress; null while none is.")
    epoch_state = serializers.CharField(allow_null=True)
    millipoints = serializers.IntegerField()
    owed_millipoints = serializers.IntegerField(help_text="Withdrawn work whose points were spent.")
    by_category = serializers.DictField(child=serializers.IntegerField())
    allocated_wei = serializers.CharField(help_text="LAM of all closed epochs.")
    claimed_wei = serializers.CharField(help_text="Paid on chain.")
    expired_wei = serializers.CharField(help_text="Not claimed in time: gone to the treasury.")
    unclaimed_wei = serializers.CharField()


class LineSerializer(serializers.ModelSerializer[Line]):
    """One movement on one of one's own accounts."""

    entry = serializers.IntegerField(source="entry_id")
    kind = serializers.CharField(source="entry.kind")
    epoch = serializers.IntegerField(source="epoch_number")
    posted_at = serializers.DateTimeField(source="entry.posted_at")
    category = serializers.SerializerMethodField()
    unit = serializers.SerializerMethodField()
    amount = serializers.CharField(help_text="Millipoints or wei, negative when taken.")
    workflow = serializers.SerializerMethodField()
    inputs = serializers.SerializerMethodField()
    digest = serializers.SerializerMethodField()
    seal = serializers.SerializerMethodField()

    class Meta:
        model = Line
        fields = (
            "id", "entry", "kind", "epoch", "posted_at", "category", "unit", "amount", "workflow",
            "inputs", "digest", "seal",
        )  # fmt: skip

    def get_category(self, line: Line) -> str:
        """Why it moved."""
        return Category(line.category).name.lower()

    def get_unit(self, line: Line) -> str:
        """millipoints or lam_wei."""
        return Unit(line.unit).name.lower()

    def get_workflow(self, line: Line) -> str | None:
        """The workflow, for the one whose work it is, unless it was withdrawn."""
        own = line.category == Category.WORK
        return str(line.entry.idempotency.workflow_id or "") or None if own else None

    def get_inputs(self, line: Line) -> dict[str, Any]:
        """What the amount was computed from; a referrer does not see whose work, or what."""
        if line.category == Category.REFERRAL:
            return {}
        return dict(line.entry.inputs)

    def get_digest(self, line: Line) -> str:
        """The entry's salted leaf in its epoch's ledger tree."""
        return "0x" + bytes(line.entry.digest).hex()

    def get_seal(self, line: Line) -> int | None:
        """The entry's position in the sealed chain; null for the moment before it has one."""
        seal = getattr(line.entry, "seal", None)
        return seal.position if seal else None


class EpochSerializer(serializers.ModelSerializer[Epoch]):
    """An epoch, its totals once closed, and where its root is on chain once published."""

    state = serializers.SerializerMethodField()
    emission_wei = serializers.CharField()
    total_wei = serializers.CharField()
    transaction_hash = serializers.SerializerMethodField()
    activatable_at = serializers.SerializerMethodField()

    class Meta:
        model = Epoch
        fields = (
            "number", "state", "policy_hash", "release_hash", "opened_at", "closing_at",
            "closed_at", "ledger_root", "root", "bundle_hash", "millipoints", "emission_wei",
            "total_wei", "accounts", "chain_id", "distributor", "transaction_hash",
            "activatable_at",
        )  # fmt: skip

    def get_state(self, epoch: Epoch) -> str:
        """open, closing, closed, published, vetoed, active or final."""
        states: dict[int, str] = self.context["states"]
        return states[epoch.number]

    def get_transaction_hash(self, epoch: Epoch) -> str | None:
        """The finalized transaction that submitted the root."""
        found = self.context["submissions"].get(epoch.number)
        return found.transaction_hash if found else None

    def get_activatable_at(self, epoch: Epoch) -> int | None:
        """When the veto window ends, seconds since 1970."""
        found = self.context["submissions"].get(epoch.number)
        return found.activatable_at if found else None


class ProofSerializer(serializers.Serializer[Any]):
    """What an address passes to the distributor's `claim`, and how much of it is still unpaid."""

    epoch = serializers.IntegerField()
    state = serializers.CharField(help_text="Only the active epoch's proof can be claimed with.")
    address = serializers.CharField()
    leaf_index = serializers.IntegerField()
    leaf = serializers.CharField()
    cumulative_wei = serializers.CharField()
    claimed_wei = serializers.CharField(help_text="By finalized blocks.")
    claimable_wei = serializers.CharField(help_text="By finalized blocks, under this root.")
    root = serializers.CharField()  # type: ignore[assignment]
    proof = serializers.ListField(child=serializers.CharField())
    chain_id = serializers.IntegerField()
    distributor = serializers.CharField()


class ClaimSerializer(serializers.ModelSerializer[Claim]):
    """A payment on chain, final."""

    amount_wei = serializers.CharField()
    cumulative_wei = serializers.CharField()

    class Meta:
        model = Claim
        fields = (
            "id", "account", "recipient", "amount_wei", "cumulative_wei", "expired", "at",
            "block_number", "transaction_hash",
        )  # fmt: skip


class AddressField(serializers.RegexField):
    """A 20-byte address in any spelling, checksummed."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(ADDRESS, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        """The checksummed spelling."""
        text = super().to_internal_value(data)
        if not ADDRESS.match(text):
            raise serializers.ValidationError("This is not an address.")
        return to_checksum_address(text)


class UintField(serializers.RegexField):
    """A uint256 as a decimal string."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(UINT, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        """The decimal string, known to be in range."""
        text = super().to_internal_value(data)
        if not UINT.match(text) or int(text) > UINT256_MAX:
            raise serializers.ValidationError("This is not a uint256 in decimal digits.")
        return text


class ClaimRequestSerializer(serializers.Serializer[Any]):
    """Where to have one's LAM paid; the account is one's primary wallet unless given."""

    account = AddressField(required=False)
    recipient = AddressField()


class SignedClaimSerializer(serializers.Serializer[Any]):
    """The message of `typed-data` with the account's signature (EOA or EIP-1271)."""

    account = AddressField()
    recipient = AddressField()
    cumulative = UintField()
    nonce = UintField()
    deadline = UintField()
    signature = serializers.RegexField(r"^0x([0-9a-fA-F]{2}){1,10000}$")


class RelayedSerializer(serializers.Serializer[Any]):
    """A claim that will be sent; `GET claims` shows it once it is final."""

    intent = serializers.IntegerField()
    state = serializers.CharField()
