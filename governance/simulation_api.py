"""The API of what a proposal would do: a run on a fork of the chain, and a policy's effect.

Reading is for anyone. Asking for a new run is for signed-in users, whose tokens need the scope
"account"; limited per minute. Both take the id of a proposal or of a shared draft.
"""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import exceptions, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from governance import policy_effect, simulate
from governance.people_models import Simulation
from governance.serializers import Uint256
from governance.simulate import NothingToRun
from governance.views import View, WritingView, caller


class EventSeen(serializers.Serializer):
    """A log; `known` is false for contracts that are not ours."""

    known = serializers.BooleanField()
    contract = serializers.CharField(allow_blank=True)
    address = serializers.CharField()
    event = serializers.CharField(allow_blank=True)
    arguments = serializers.DictField()


class ChangeSeen(serializers.Serializer):
    """A reading of one of our contracts, or a balance, before and after."""

    contract = serializers.CharField(allow_blank=True)
    name = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


class SlotSeen(serializers.Serializer):
    """A storage slot before and after."""

    contract = serializers.CharField(allow_blank=True)
    address = serializers.CharField()
    slot = serializers.CharField()
    before = serializers.CharField()
    after = serializers.CharField()


class RunResult(serializers.Serializer):
    """How a run went. `route` is "governor" (voted through) or "timelock" (call by call)."""

    route = serializers.CharField()
    succeeded = serializers.BooleanField()
    failed_call = serializers.IntegerField(allow_null=True, help_text="Counted from 0.")
    reason = serializers.CharField(allow_blank=True)
    gas_used = serializers.IntegerField()
    warnings = serializers.ListField(child=serializers.CharField())
    events = EventSeen(many=True)
    changes = ChangeSeen(many=True)
    storage = SlotSeen(many=True)


class SimulationOut(serializers.Serializer):
    """A run on a fork at a block: waiting, done, or failed (it could not be run at all)."""

    proposal = Uint256()
    block_number = serializers.IntegerField()
    progress = serializers.CharField()
    requested_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    failure = serializers.CharField(allow_blank=True)
    result = serializers.SerializerMethodField()

    @extend_schema_field(RunResult(allow_null=True))
    def get_result(self, row: Simulation) -> dict[str, Any] | None:
        """Null until it is done."""
        return row.result or None


class PolicyEffectOut(serializers.Serializer):
    """The last closed epoch under the proposed policy: done, waiting, or unknown with a reason."""

    policy_hash = serializers.CharField()
    status = serializers.ChoiceField(choices=["done", "waiting", "unknown"])
    epoch = serializers.IntegerField(allow_null=True)
    reason = serializers.CharField(allow_blank=True)
    result = serializers.DictField(allow_null=True)


class ProposalSimulation(WritingView):
    """Anyone reads; signed-in users, tokens with the scope "account", ask for a new run."""

    throttle_scope = "simulate"

    @extend_schema(responses=SimulationOut)
    def get(self, request: Request, proposal_id: int) -> Response:
        """The last run of a proposal or shared draft on a fork of the chain."""
        row = simulate.latest(proposal_id)
        if row is None:
            raise exceptions.NotFound("It was not run yet.")
        return Response(SimulationOut(row).data)

    @extend_schema(request=None, responses={202: SimulationOut})
    def post(self, request: Request, proposal_id: int) -> Response:
        """Run it at the head of the chain, once for each block."""
        try:
            row = simulate.request(proposal_id=proposal_id, user=caller(request))
        except NothingToRun as error:
            raise exceptions.NotFound(str(error)) from None
        return Response(SimulationOut(row).data, status=status.HTTP_202_ACCEPTED)


class PolicyEffect(View):
    """Anyone."""

    @extend_schema(responses=PolicyEffectOut)
    def get(self, request: Request, proposal_id: int) -> Response:
        """Who would have gained and lost in the last closed epoch under the proposed policy."""
        try:
            found = policy_effect.adopted_policy(simulate.calls_of(proposal_id))
        except NothingToRun as error:
            raise exceptions.NotFound(str(error)) from None
        if not found:
            raise exceptions.NotFound("It does not change the reward policy.")
        shown = {"policy_hash": found, **policy_effect.effect(found)}
        return Response(PolicyEffectOut(shown).data)
