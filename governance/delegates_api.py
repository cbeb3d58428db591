"""The API of delegates and delegation.

Reading is for anyone. Relaying is for signed-in users, whose tokens need the scope "account".
"""

import time
from typing import Any

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import Conflict
from chain.deployment import deployment
from governance import delegate, profiles, statistics
from governance import serializers as shapes
from governance.api import RelayView
from governance.markdown import to_html
from governance.models import Delegation, Power, Proposal
from governance.people_models import NAME_MAX, STATEMENT_MAX, DelegateProfile
from governance.views import View, WritingView, caller, checked, checked_field


def delegates() -> QuerySet[Power]:
    """Current power with the number of delegators, greatest first."""
    counted = (
        Delegation.objects.filter(delegate=OuterRef("delegate"))
        .values("delegate")
        .annotate(count=Count("pk"))
        .values("count")
    )
    rows = Power.objects.filter(is_current=True, votes_wei__gt=0)
    return rows.annotate(delegators=Coalesce(Subquery(counted), 0)).order_by(
        "-votes_wei", "delegate"
    )


class ProfileOut(serializers.Serializer):
    """How a delegate presents themselves; empty where they did not, or an admin hid it."""

    name = serializers.CharField(allow_blank=True)
    statement = serializers.CharField(allow_blank=True)
    statement_html = serializers.CharField(allow_blank=True, help_text="Sanitised.")
    issued_at = serializers.IntegerField(help_text="Seconds since 1970.")
    signature = serializers.CharField(allow_blank=True, help_text="Empty when set by session.")
    hidden_reason = serializers.CharField(allow_blank=True)


class DelegateListed(shapes.DelegateOut):
    """A delegate in the list."""

    name = serializers.CharField(allow_blank=True)


class DelegateShown(shapes.DelegateDetail):
    """A delegate with profile and activity."""

    profile = ProfileOut(allow_null=True)
    could_vote = serializers.IntegerField(help_text="Proposals it had votes for.")
    voted = serializers.IntegerField(help_text="Proposals it voted on.")


class ProfileIn(serializers.Serializer):
    """A profile; with `signature` and `issued_at` from anyone, without by the wallet's owner."""

    name = serializers.CharField(allow_blank=True, max_length=NAME_MAX)
    statement = serializers.CharField(
        allow_blank=True, max_length=STATEMENT_MAX, trim_whitespace=False
    )
    issued_at = serializers.IntegerField(min_value=1, max_value=2**63 - 1, required=False)
    signature = shapes.Hex(max_length=4098, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Both or none."""
        if ("signature" in attrs) != ("issued_at" in attrs):
            raise serializers.ValidationError({"issued_at": "It goes with the signature."})
        return attrs


class ProfileToSign(serializers.Serializer):
    """A profile to be signed."""

    name = serializers.CharField(allow_blank=True, max_length=NAME_MAX)
    statement = serializers.CharField(
        allow_blank=True, max_length=STATEMENT_MAX, trim_whitespace=False
    )


class StatementTypedData(serializers.Serializer):
    """What to sign."""

    typed_data = shapes.TypedData()


def listed(page: list[Any]) -> list[dict[str, Any]]:
    """Rows of `delegates()` with names."""
    names = statistics.names_of([row.delegate for row in page])
    return [
        {
            "address": row.delegate,
            "name": names.get(row.delegate, ""),
            "votes_wei": row.votes_wei,
            "delegators": row.delegators,
        }
        for row in page
    ]


def profile_of(address: str) -> dict[str, Any] | None:
    """As shown: a hidden one has its reason in place of its text."""
    row = DelegateProfile.objects.filter(pk=address).first()
    if row is None:
        return None
    hidden = row.hidden_at is not None
    return {
        "name": "" if hidden else row.name,
        "statement": "" if hidden else row.statement,
        "statement_html": "" if hidden else to_html(row.statement),
        "issued_at": row.issued_at,
        "signature": "" if hidden else row.signature,
        "hidden_reason": row.hidden_reason,
    }


def shown(address: str) -> dict[str, Any]:
    """Everything there is to say about one address."""
    history = Power.objects.filter(delegate=address).order_by("block_number", "log_index")
    own = Delegation.objects.filter(pk=address).first()
    points = [{"since": each.since, "votes_wei": str(each.votes_wei)} for each in history]
    return {
        "address": address,
        "votes_wei": points[-1]["votes_wei"] if points else 0,
        "delegators": Delegation.objects.filter(delegate=address).count(),
        "delegates_to": own.delegate if own else "",
        "history": points,
        "profile": profile_of(address),
        **statistics.activity(address),
    }


class Delegates(View):
    """Anyone."""

    @extend_schema(responses=DelegateListed(many=True))
    def get(self, request: Request) -> Response:
        """Delegates by their votes, greatest first."""
        return self.page(
            request, delegates(), lambda page: DelegateListed(listed(page), many=True).data
        )


class DelegateView(View):
    """Anyone."""

    @extend_schema(responses=DelegateShown)
    def get(self, request: Request, address: str) -> Response:
        """One address: votes and their history, delegation, profile, and how often it voted."""
        address = checked_field(shapes.Address(), "address", address)
        return Response(DelegateShown(shown(address)).data)


class DelegateProfileView(WritingView):
    """Signed-in users, scope "account": for a wallet of their own, or with its signature."""

    @extend_schema(request=ProfileIn, responses=ProfileOut)
    def put(self, request: Request, address: str) -> Response:
        """Set a delegate's name and statement (Markdown)."""
        address = checked_field(shapes.Address(), "address", address)
        asked = checked(ProfileIn, request.data)
        try:
            if "signature" in asked:
                asked["signature"] = bytes.fromhex(asked["signature"][2:])
                profiles.set_by_signature(address=address, **asked)
            else:
                profiles.set_by_session(user=caller(request), address=address, **asked)
        except profiles.NotTheirs as error:
            raise exceptions.PermissionDenied(str(error)) from None
        except profiles.Outdated as error:
            raise Conflict(str(error)) from None
        return Response(ProfileOut(profile_of(address)).data)


class DelegateProfileTypedData(View):
    """Anyone: it only reads."""

    @extend_schema(request=ProfileToSign, responses=StatementTypedData)
    def post(self, request: Request, address: str) -> Response:
        """What a delegate signs to set their profile through anyone."""
        address = checked_field(shapes.Address(), "address", address)
        asked = checked(ProfileToSign, request.data)
        typed = profiles.typed_data(address=address, issued_at=int(time.time()), **asked)
        return Response(StatementTypedData({"typed_data": typed}).data)


class TopDelegate(serializers.Serializer):
    """One of the greatest."""

    address = shapes.Address()
    name = serializers.CharField(allow_blank=True)
    votes_wei = shapes.Uint256()
    share_bp = serializers.IntegerField()


class DistributionOut(serializers.Serializer):
    """How the votes are spread over delegates now; shares in hundredths of a per cent."""

    supply_wei = shapes.Uint256()
    delegated_wei = shapes.Uint256()
    delegates = serializers.IntegerField()
    delegators = serializers.IntegerField()
    majority = serializers.IntegerField(
        help_text="The fewest delegates with more than half of the delegated votes."
    )
    top = TopDelegate(many=True)
    others_wei = shapes.Uint256()


class ParticipationOut(serializers.Serializer):
    """Who took part in a vote; turnout and quorum in hundredths of a per cent of the supply."""

    proposal = shapes.Uint256()
    title = serializers.CharField()
    voters = serializers.IntegerField()
    cast_wei = shapes.Uint256()
    supply_wei = shapes.Uint256()
    turnout_bp = serializers.IntegerField()
    quorum_bp = serializers.IntegerField()


class Distribution(View):
    """Anyone."""

    @extend_schema(responses=DistributionOut)
    def get(self, request: Request) -> Response:
        """How voting power is spread."""
        return Response(DistributionOut(statistics.distribution()).data)


class Participation(View):
    """Anyone."""

    @extend_schema(responses=ParticipationOut(many=True))
    def get(self, request: Request) -> Response:
        """Voters and turnout of each proposal, newest first."""
        rows = Proposal.objects.order_by("-block_number", "-created_at")
        return self.page(
            request,
            rows,
            lambda page: ParticipationOut(statistics.participation(page), many=True).data,
        )


class SnapshotPowerOut(serializers.Serializer):
    """Votes of an address when voting began, and what it has cast of them."""

    address = shapes.Address()
    snapshot = serializers.IntegerField(help_text="Seconds since 1970.")
    power_wei = shapes.Uint256()
    cast_wei = shapes.Uint256()
    remaining_wei = shapes.Uint256()


class SnapshotPower(View):
    """Anyone."""

    @extend_schema(responses=SnapshotPowerOut)
    def get(self, request: Request, proposal_id: int, address: str) -> Response:
        """Voting power at a proposal's snapshot."""
        address = checked_field(shapes.Address(), "address", address)
        proposal = Proposal.objects.filter(pk=proposal_id).first()
        if proposal is None:
            raise exceptions.NotFound("There is no such proposal, or it is not final yet.")
        return Response(SnapshotPowerOut(statistics.power_at_snapshot(proposal, address)).data)


class DelegationTypedData(View):
    """Anyone: it only reads."""

    @extend_schema(request=shapes.DelegationIn, responses=shapes.SignRequest)
    def post(self, request: Request) -> Response:
        """What a delegator signs (ERC-5805), and the transaction for who delegates directly."""
        asked = checked(shapes.DelegationIn, request.data)
        call = {
            "to": deployment().address("LAMToken"),
            "data": "0x" + delegate.delegate_call(asked["delegatee"]).hex(),
            "value": 0,
        }
        shown = {"typed_data": delegate.typed_data(**asked), "transaction": call}
        return Response(shapes.SignRequest(shown).data)


class DelegationRelay(RelayView):
    """Signed-in users, scope "account"; the signature says who delegates."""

    @extend_schema(request=shapes.SignedDelegationIn, responses={202: shapes.RelayOut})
    def post(self, request: Request) -> Response:
        """Have the relayer make a signed delegation."""
        asked = checked(shapes.SignedDelegationIn, request.data)
        asked["signature"] = bytes.fromhex(asked["signature"][2:])
        return self.accepted(delegate.relay_delegation(user=caller(request), **asked))
