"""What the governance API takes and gives. Amounts of wei and ids are decimal strings."""

from typing import Any

from eth_utils.address import is_address, to_checksum_address
from rest_framework import serializers

from contributions.models import Adoption
from governance.models import Support
from governance.people_models import BODY_MAX, TITLE_MAX
from governance.proposal_templates import ASSETS, CAPABILITIES, PARAMETERS, TEMPLATES
from governance.state import State
from governance.vote import split_params

UINT256_MAX = 2**256 - 1
HEX = r"^0x([0-9a-fA-F]{2})*$"
HASH = r"^0x[0-9a-f]{64}$"
REASON_MAX = 2000
# A default is a value as validation gives it: an int.
ZERO_WEI: Any = 0


class Address(serializers.CharField):
    """An address in any case that is not wrongly checksummed; checksummed in Python."""

    def to_internal_value(self, data: Any) -> str:
        """Refuse what is no address (EIP-55)."""
        text = super().to_internal_value(data)
        if not is_address(text):
            raise serializers.ValidationError("This is not an address.", code="address")
        return to_checksum_address(text)


class Uint256(serializers.CharField):
    """A uint256 as a decimal string; an int in Python."""

    def to_internal_value(self, data: Any) -> int:  # type: ignore[override]
        """Refuse everything but digits."""
        text = super().to_internal_value(data)
        if not (text.isascii() and text.isdigit()) or int(text) > UINT256_MAX:
            raise serializers.ValidationError("This is not a uint256 in decimals.", code="uint256")
        return int(text)

    def to_representation(self, value: Any) -> str:
        """Decimal, since JSON numbers lose digits."""
        return str(value)


class Hex(serializers.RegexField):
    """Bytes as 0x and an even number of hex digits."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(HEX, **kwargs)


class TransactionData(serializers.Serializer):
    """A transaction for anybody's wallet to send."""

    to = Address()
    data = Hex()  # type: ignore[assignment]
    value = Uint256()


class CallIn(serializers.Serializer):
    """A call of a proposal."""

    target = Address()
    value_wei = Uint256(default=ZERO_WEI)
    calldata = Hex(allow_blank=True, default="0x", max_length=100_000)


class Explained(serializers.Serializer):
    """A call with what it does in plain words; `known` false flags what nobody here can read."""

    target = Address()
    value_wei = Uint256()
    calldata = Hex()
    known = serializers.BooleanField()
    contract = serializers.CharField()
    function = serializers.CharField()
    summary = serializers.CharField()
    arguments = serializers.DictField()


class TallyOut(serializers.Serializer):
    """Votes so far."""

    against_wei = Uint256()
    for_wei = Uint256()
    abstain_wei = Uint256()
    quorum_wei = Uint256()
    quorum_reached = serializers.BooleanField()
    passing = serializers.BooleanField()


class AdoptionOut(serializers.ModelSerializer):
    """What the Registry adopted, and whether the engine can follow it."""

    kind = serializers.CharField(source="get_kind_display")

    class Meta:
        model = Adoption
        fields = [
            "kind",
            "hash",
            "uri",
            "effective_epoch",
            "adopted_at",
            "adoptable",
            "reason",
            "block_number",
            "transaction_hash",
        ]


class ProposalOut(serializers.Serializer):
    """A proposal in a list. Times are seconds since 1970."""

    id = Uint256()
    title = serializers.CharField()
    proposer = Address()
    state = serializers.ChoiceField(choices=[each.value for each in State])
    created_at = serializers.IntegerField()
    vote_start = serializers.IntegerField()
    deadline = serializers.IntegerField()
    tally = TallyOut()


class ProposalDetail(ProposalOut):
    """A proposal with its text, its calls in plain words and what came of it."""

    description = serializers.CharField()
    calls = Explained(many=True)
    eta = serializers.IntegerField(allow_null=True)
    queued_at = serializers.IntegerField(allow_null=True)
    executed_at = serializers.IntegerField(allow_null=True)
    canceled_at = serializers.IntegerField(allow_null=True)
    objection_start = serializers.IntegerField(allow_null=True)
    transaction_hash = serializers.CharField()
    execution_transaction_hash = serializers.CharField(allow_blank=True)
    adoptions = AdoptionOut(many=True)
    transactions = serializers.DictField(
        child=TransactionData(), help_text="What anyone can send now: queue, execute."
    )


class TemplateIn(serializers.Serializer):
    """A template of a proposal with the fields that it needs, each in the form of its own."""

    template = serializers.ChoiceField(
        choices=[(name, each.label) for name, each in TEMPLATES.items()]
    )
    document_hash = serializers.RegexField(HASH, required=False)
    effective_epoch = serializers.IntegerField(min_value=0, max_value=2**63 - 1, required=False)
    asset = serializers.ChoiceField(choices=ASSETS, required=False)
    recipient = Address(required=False)
    amount_wei = Uint256(required=False)
    capability = serializers.ChoiceField(choices=list(CAPABILITIES), required=False)
    holder = Address(required=False)
    not_after = serializers.IntegerField(min_value=0, max_value=2**63 - 1, required=False)
    parameter = serializers.ChoiceField(choices=list(PARAMETERS), required=False)
    value = Uint256(required=False)
    calls = CallIn(many=True, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Each template has its own fields; those of others are left out."""
        needed = TEMPLATES[attrs["template"]].fields
        missing = {name: "This template needs it." for name in needed if name not in attrs}
        if missing:
            raise serializers.ValidationError(missing, code="required")
        foreign = set(TemplateIn._declared_fields) - {"template", *needed}
        return {name: value for name, value in attrs.items() if name not in foreign}


class DraftIn(TemplateIn):
    """A proposal to build: by template, or of free calls."""

    title = serializers.CharField(max_length=TITLE_MAX)
    body = serializers.CharField(allow_blank=True, max_length=BODY_MAX, trim_whitespace=False)
    proposer = Address()


class DraftOut(serializers.Serializer):
    """A proposal ready to be sent, with the id it will have."""

    proposal_id = Uint256()
    description = serializers.CharField()
    targets = serializers.ListField(child=Address())
    values = serializers.ListField(child=Uint256())
    calldatas = serializers.ListField(child=Hex())
    calls = Explained(many=True)
    transaction = TransactionData()


class VoteOut(serializers.Serializer):
    """One casting of votes."""

    proposal = Uint256(source="proposal_id")
    voter = Address()
    support = serializers.CharField(source="get_support_display")
    weight_wei = Uint256()
    against_wei = Uint256()
    for_wei = Uint256()
    abstain_wei = Uint256()
    reason = serializers.CharField()
    cast_at = serializers.IntegerField()
    transaction_hash = serializers.CharField()


class Split(serializers.Serializer):
    """The parts of a split vote, in LAM wei."""

    against_wei = Uint256(default=ZERO_WEI)
    for_wei = Uint256(default=ZERO_WEI)
    abstain_wei = Uint256(default=ZERO_WEI)


class BallotIn(serializers.Serializer):
    """A vote to be signed. A split one (support 255) names its parts, as `split` or as `params`."""

    proposal = Uint256()
    support = serializers.ChoiceField(choices=Support.choices)
    voter = Address()
    reason = serializers.CharField(default="", allow_blank=True, max_length=REASON_MAX)
    params = serializers.RegexField(
        r"^0x([0-9a-f]{96})?$", default="0x", help_text="Three packed uint128."
    )
    split = Split(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """As the Governor counts: parameters go with split votes, and only with them."""
        if parts := attrs.pop("split", None):
            attrs["params"] = _packed(dict(parts))
        if (attrs["support"] == Support.SPLIT) != (attrs["params"] != "0x"):
            raise serializers.ValidationError(
                {"params": "A split vote needs three packed uint128, any other none."}
            )
        return attrs


def _packed(parts: dict[str, int]) -> str:
    if not any(parts.values()):
        raise serializers.ValidationError({"split": "A split vote has at least one part."})
    try:
        return split_params(**parts)
    except ValueError as error:
        raise serializers.ValidationError({"split": str(error)}) from None


class SignedBallotIn(BallotIn):
    """A signed vote."""

    signature = Hex(max_length=4098)


class TypedData(serializers.Serializer):
    """EIP-712 typed data to hand to a wallet, and the calldata to send without a relayer."""

    types = serializers.DictField()
    primaryType = serializers.CharField()  # noqa: N815
    domain = serializers.DictField()
    message = serializers.DictField()


class SignRequest(serializers.Serializer):
    """What to sign, or what to send oneself."""

    typed_data = TypedData()
    transaction = TransactionData()


class DelegationIn(serializers.Serializer):
    """A delegation to be signed."""

    delegator = Address()
    delegatee = Address()


class SignedDelegationIn(DelegationIn):
    """A signed delegation."""

    nonce = Uint256()
    expiry = Uint256()
    signature = serializers.RegexField(r"^0x[0-9a-fA-F]{130}$")


class DelegateOut(serializers.Serializer):
    """A delegate's votes now, and how many delegate to them."""

    address = Address()
    votes_wei = Uint256()
    delegators = serializers.IntegerField()


class DelegateDetail(DelegateOut):
    """With the history that charts and power at a past time need."""

    delegates_to = serializers.CharField(allow_blank=True)
    history = serializers.ListField(child=serializers.DictField())


class DocumentIn(serializers.Serializer):
    """A document to make known. It takes effect only if a vote adopts its hash."""

    kind = serializers.ChoiceField(
        choices=["reward_policy", "verifier_release", "model_release"], default="reward_policy"
    )
    document = serializers.DictField()


class DocumentOut(serializers.Serializer):
    """A known document by its content hash (SHA-256 of canonical JSON)."""

    hash = serializers.CharField()
    kind = serializers.CharField()
    document = serializers.DictField()
    adoptions = AdoptionOut(many=True)


class RelayOut(serializers.Serializer):
    """How a relayed call stands: waiting, sent, mined (not final yet), done or failed."""

    id = serializers.IntegerField(source="pk")
    status = serializers.CharField(source="progress")
    purpose = serializers.CharField()
    transaction_hash = serializers.CharField(allow_blank=True)
    failure = serializers.CharField(allow_blank=True)
