"""The API of delegates and delegation.

Reading is for anyone. Relaying is for signed-in users, whose tokens need the scope "account".
"""

from typing import Any

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from chain.deployment import deployment
from governance import delegate
from governance import serializers as shapes
from governance.api import RelayView
from governance.models import Delegation, Power
from governance.views import View, caller, checked, checked_field


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


class Delegates(View):
    """Anyone."""

    @extend_schema(
        responses=shapes.DelegateOut(many=True),
    )
    def get(self, request: Request) -> Response:
        """Delegates by their votes, greatest first."""

        def shape(page: list[Any]) -> list[Any]:
            rows = [
                {
                    "address": row.delegate,
                    "votes_wei": row.votes_wei,
                    "delegators": row.delegators,
                }
                for row in page
            ]
            return list(shapes.DelegateOut(rows, many=True).data)

        return self.page(request, delegates(), shape)


class DelegateView(View):
    """Anyone."""

    @extend_schema(responses=shapes.DelegateDetail)
    def get(self, request: Request, address: str) -> Response:
        """One address: its votes, who it delegates to, and how its votes changed."""
        address = checked_field(shapes.Address(), "address", address)
        history = Power.objects.filter(delegate=address).order_by("block_number", "log_index")
        own = Delegation.objects.filter(pk=address).first()
        points = [{"since": each.since, "votes_wei": str(each.votes_wei)} for each in history]
        shown = {
            "address": address,
            "votes_wei": points[-1]["votes_wei"] if points else 0,
            "delegators": Delegation.objects.filter(delegate=address).count(),
            "delegates_to": own.delegate if own else "",
            "history": points,
        }
        return Response(shapes.DelegateDetail(shown).data)


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
