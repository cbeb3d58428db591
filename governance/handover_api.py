"""The API of the handover, and of what is in force. Anyone may read; nothing can be set here."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chain.deployment import deployment
from chain.rpc import Rpc
from contributions.models import Kind
from governance import handover
from governance.in_force import Adopted, Standing, adopted
from governance.serializers import Address, AdoptionOut, TransactionData, Uint256
from governance.views import View


class TermOut(serializers.Serializer):
    """A holder up to and including a second."""

    holder = Address()
    not_after = serializers.IntegerField()


class HoldingOut(serializers.Serializer):
    """A capability: its holder, the founders' terms, and the transaction when `advance` is due."""

    capability = serializers.CharField(source="name")
    meaning = serializers.CharField(source="label")
    holder = Address()
    held_by_voters = serializers.BooleanField()
    stage = serializers.IntegerField(help_text="The founders' terms that are over.")
    ends_at = serializers.IntegerField(allow_null=True, help_text="Seconds since 1970.")
    terms = TermOut(many=True)
    elected = TermOut(allow_null=True)
    due = serializers.BooleanField(help_text="Anyone can call `advance` now.")
    transaction = serializers.SerializerMethodField()

    @extend_schema_field(TransactionData(allow_null=True))
    def get_transaction(self, row: handover.Holding) -> dict[str, Any] | None:
        """The call to `advance`, when it is due."""
        if not row.due:
            return None
        data = "0x" + handover.advance_call(row.capability).hex()
        return {"to": deployment().address("Handover"), "data": data, "value": "0"}


class HandoverOut(serializers.Serializer):
    """Every capability as of the latest block, whose time `now` is."""

    now = serializers.IntegerField()
    timelock = Address()
    capabilities = HoldingOut(many=True)


class StandingOut(AdoptionOut):
    """An adoption, how it stands, and the proposal that made it; null for one of the genesis."""

    standing = serializers.ChoiceField(choices=[each.value for each in Standing])
    proposal = Uint256(allow_null=True)

    class Meta(AdoptionOut.Meta):
        fields = [*AdoptionOut.Meta.fields, "standing", "proposal"]


class InForceOut(serializers.Serializer):
    """The adoptions of one kind, newest first."""

    kind = serializers.CharField()
    adoptions = StandingOut(many=True)


class Handover(View):
    """Anyone."""

    @extend_schema(responses=HandoverOut)
    def get(self, request: Request) -> Response:
        """Who holds which capability until when, and which term anyone can end now."""
        now, found = handover.holdings(Rpc(settings.ETH_RPC_URL))
        timelock = deployment().address("TimelockController")
        shown = {"now": now, "timelock": timelock, "capabilities": found}
        return Response(HandoverOut(shown).data)


class InForce(View):
    """Anyone."""

    pagination_class = None

    @extend_schema(responses=InForceOut(many=True))
    def get(self, request: Request) -> Response:
        """Policies and releases in force, next, pending, past and not followed, with proposals."""
        shown = [
            {"kind": kind.label, "adoptions": [_standing(each) for each in adopted(kind)]}
            for kind in Kind
        ]
        return Response(InForceOut(shown, many=True).data)


def _standing(each: Adopted) -> Any:
    row: Any = each.adoption
    row.standing = each.standing.value
    row.proposal = each.proposal.pk if each.proposal else None
    return row
