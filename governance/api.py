"""The governance API: proposals, votes, delegates, documents, and relayed calls.

Reading is for anyone. Relaying and registering documents is for signed-in users, whose tokens need
the scope "account". Nothing here can adopt anything: an adoption comes from the chain alone.
"""

from typing import Any

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions, status
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView

from accounts.models import User
from accounts.permissions import CanManageAccount, CanRead
from chain.clock import Clock, clock
from chain.deployment import deployment
from chain.models import Intent
from chain.rpc import ChainError
from contributions import policy
from contributions.models import Adoption, Kind
from governance import carry_out, delegate, propose, vote
from governance import serializers as shapes
from governance.decode import explain
from governance.models import Delegation, Power, Proposal, Vote
from governance.propose import Draft, ProposalError
from governance.relay import LimitReached, NotRelayed
from governance.state import State, Tally, state, tallies, tally

KINDS = {"reward_policy": Kind.REWARD_POLICY, "verifier_release": Kind.VERIFIER_RELEASE}


class Refused(exceptions.APIException):
    """The request is understood, and the chain would not take it now."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = "The chain would not take this now."
    default_code = "not_relayed"


class ChainAway(exceptions.APIException):
    """The node or the contracts cannot be reached."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "The chain cannot be reached."
    default_code = "chain_unavailable"


class Pages(LimitOffsetPagination):
    """50 at a time, at most 200."""

    default_limit = 50
    max_limit = 200


class View(APIView):
    """Anyone may call, unless a view or method says otherwise."""

    permission_classes = [AllowAny]
    pagination_class = Pages

    def handle_exception(self, exc: Exception) -> Response:
        """Domain errors as problem details."""
        return super().handle_exception(_as_api_error(exc))

    def page(self, request: Request, rows: Any, shape: Any) -> Response:
        """One page of rows: ?limit=, ?offset=."""
        pages = Pages()
        return pages.get_paginated_response(shape(pages.paginate_queryset(rows, request, self)))


def caller(request: Request) -> User:
    """The signed-in user; permissions have let nobody else through."""
    assert isinstance(request.user, User)
    return request.user


def _as_api_error(error: Exception) -> Exception:
    if isinstance(error, ProposalError):
        return exceptions.ValidationError({error.field: [error.message]})
    if isinstance(error, LimitReached):
        return exceptions.Throttled(detail=str(error), code="limit_reached")
    if isinstance(error, NotRelayed):
        return Refused(str(error))
    if isinstance(error, ChainError):
        return ChainAway(str(error))
    return error


def _checked(shape: type[Any], data: Any) -> dict[str, Any]:
    serializer = shape(data=data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _proposal(proposal_id: Any) -> Proposal:
    try:
        return Proposal.objects.get(pk=proposal_id)
    except Proposal.DoesNotExist:
        raise exceptions.NotFound("There is no such proposal, or it is not final yet.") from None


def _governor_call(data: bytes) -> dict[str, Any]:
    return {"to": deployment().address("LAMGovernor"), "data": "0x" + data.hex(), "value": 0}


def _explained(target: str, value_wei: int, calldata: bytes) -> dict[str, Any]:
    found = explain(target=target, value_wei=value_wei, calldata=calldata)
    return {
        "target": target,
        "value_wei": value_wei,
        "calldata": "0x" + calldata.hex(),
        "known": found.known,
        "contract": found.contract,
        "function": found.function,
        "summary": found.summary,
        "arguments": plain(found.arguments),
    }


def plain(value: Any) -> Any:
    """Decoded values for JSON: integers as decimal strings."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _summary(proposal: Proposal, counted: Tally, now: Clock) -> dict[str, Any]:
    names = ("id", "title", "proposer", "created_at", "vote_start", "deadline")
    fields = {name: getattr(proposal, name) for name in names}
    return {**fields, "state": state(proposal, counted, now).value, "tally": counted}


def _summaries(page: list[Proposal]) -> list[Any]:
    counted, now = tallies(page), clock()
    shown = [_summary(each, counted[each.pk], now) for each in page]
    return list(shapes.ProposalOut(shown, many=True).data)


def detail(proposal: Proposal) -> dict[str, Any]:
    """A proposal as its page and the API show it."""
    shown = _summary(proposal, tally(proposal), clock())
    draft = carry_out.as_draft(proposal)
    steps = {State.SUCCEEDED: "queue", State.QUEUED: "execute"}
    step = steps.get(State(shown["state"]))
    names = (
        "description",
        "eta",
        "queued_at",
        "executed_at",
        "canceled_at",
        "objection_start",
        "transaction_hash",
        "execution_transaction_hash",
    )
    return {
        **shown,
        **{name: getattr(proposal, name) for name in names},
        "calls": [_explained(call.target, call.value_wei, call.calldata) for call in draft.calls],
        "adoptions": _adoptions_by(proposal),
        "transactions": {step: _governor_call(draft.call_to(step))} if step else {},
    }


def _adoptions_by(proposal: Proposal) -> QuerySet[Adoption]:
    """What executing the proposal adopted."""
    executed = proposal.execution_transaction_hash
    if not executed:
        return Adoption.objects.none()
    return Adoption.objects.filter(transaction_hash=executed).order_by("log_index")


class Proposals(View):
    """Anyone."""

    @extend_schema(
        responses=shapes.ProposalOut(many=True),
    )
    def get(self, request: Request) -> Response:
        """Proposals, newest first, with state and tally by final votes."""
        rows = Proposal.objects.order_by("-block_number", "-created_at")
        return self.page(request, rows, _summaries)


class ProposalView(View):
    """Anyone."""

    @extend_schema(responses=shapes.ProposalDetail)
    def get(self, request: Request, proposal_id: int) -> Response:
        """One proposal: text, calls in plain words, tally, and what anyone can send now."""
        return Response(shapes.ProposalDetail(detail(_proposal(proposal_id))).data)


class ProposalCalldata(View):
    """Anyone: nothing is stored."""

    @extend_schema(request=shapes.DraftIn, responses=shapes.DraftOut)
    def post(self, request: Request) -> Response:
        """Build a proposal: its id, its calls in plain words and the transaction to send."""
        draft = _draft(_checked(shapes.DraftIn, request.data))
        targets, values, calldatas = draft.lists
        shown = {
            "proposal_id": draft.proposal_id,
            "description": draft.description,
            "targets": targets,
            "values": values,
            "calldatas": ["0x" + each.hex() for each in calldatas],
            "calls": [_explained(c.target, c.value_wei, c.calldata) for c in draft.calls],
            "transaction": _governor_call(draft.calldata),
        }
        return Response(shapes.DraftOut(shown).data)


def _draft(asked: dict[str, Any]) -> Draft:
    text = {name: asked[name] for name in ("title", "body", "proposer")}
    if asked["template"] == "calls":
        calls = [propose.free_call(**dict(each)) for each in asked["calls"]]
        return propose.draft(calls=calls, **text)
    build = {
        "reward_policy": propose.change_reward_policy,
        "verifier_release": propose.adopt_verifier_release,
    }[asked["template"]]
    return build(
        document_hash=asked["document_hash"], effective_epoch=asked["effective_epoch"], **text
    )


class RelayView(View):
    """Signed-in users; tokens need the scope "account". Limited per minute and per day."""

    permission_classes = [CanManageAccount]
    throttle_classes = [ScopedRateThrottle]
    throttle_scope = "relay"

    def accepted(self, intent: Intent) -> Response:
        """202: the call is on its way; `relays/{id}` tells how it stands."""
        return Response(shapes.RelayOut(intent).data, status=status.HTTP_202_ACCEPTED)


class QueueProposal(RelayView):
    """Signed-in users, scope "account"."""

    @extend_schema(request=None, responses={202: shapes.RelayOut})
    def post(self, request: Request, proposal_id: int) -> Response:
        """Have the relayer queue a proposal that succeeded."""
        proposal = _proposal(proposal_id)
        return self.accepted(carry_out.queue(user=caller(request), proposal=proposal))


class ExecuteProposal(RelayView):
    """Signed-in users, scope "account"."""

    @extend_schema(request=None, responses={202: shapes.RelayOut})
    def post(self, request: Request, proposal_id: int) -> Response:
        """Have the relayer execute a queued proposal whose delay is over."""
        return self.accepted(
            carry_out.execute(user=caller(request), proposal=_proposal(proposal_id))
        )


class Votes(View):
    """Anyone."""

    @extend_schema(
        responses=shapes.VoteOut(many=True),
        parameters=[
            OpenApiParameter("proposal", str),
            OpenApiParameter("voter", str),
        ],
    )
    def get(self, request: Request) -> Response:
        """Final votes, newest first, of one proposal or one voter or all."""
        rows = Vote.objects.order_by("-block_number", "-log_index")
        if asked := request.query_params.get("proposal"):
            rows = rows.filter(proposal=_field(shapes.Uint256(), "proposal", asked))
        if asked := request.query_params.get("voter"):
            rows = rows.filter(voter=_field(shapes.Address(), "voter", asked))
        return self.page(request, rows, lambda page: shapes.VoteOut(page, many=True).data)


def _field(field: Any, name: str, value: str) -> Any:
    try:
        return field.run_validation(value)
    except exceptions.ValidationError as error:
        raise exceptions.ValidationError({name: error.detail}) from None


class VoteTypedData(View):
    """Anyone: it only reads."""

    @extend_schema(request=shapes.BallotIn, responses=shapes.SignRequest)
    def post(self, request: Request) -> Response:
        """What a voter signs (EIP-712 ballot), and the transaction for who votes directly."""
        asked = _checked(shapes.BallotIn, request.data)
        proposal = _proposal(asked.pop("proposal"))
        typed_data = vote.typed_data(proposal=proposal, **asked)
        asked.pop("voter")
        call = _governor_call(vote.cast_call(proposal=proposal, **asked))
        return Response(shapes.SignRequest({"typed_data": typed_data, "transaction": call}).data)


class VoteRelay(RelayView):
    """Signed-in users, scope "account"; the signature says whose vote it is."""

    @extend_schema(request=shapes.SignedBallotIn, responses={202: shapes.RelayOut})
    def post(self, request: Request) -> Response:
        """Have the relayer cast a signed vote."""
        asked = _checked(shapes.SignedBallotIn, request.data)
        asked["proposal"] = _proposal(asked["proposal"])
        asked["signature"] = bytes.fromhex(asked["signature"][2:])
        return self.accepted(vote.relay_vote(user=caller(request), **asked))


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
        address = _field(shapes.Address(), "address", address)
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
        asked = _checked(shapes.DelegationIn, request.data)
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
        asked = _checked(shapes.SignedDelegationIn, request.data)
        asked["signature"] = bytes.fromhex(asked["signature"][2:])
        return self.accepted(delegate.relay_delegation(user=caller(request), **asked))


class Policies(View):
    """Signed-in users, scope "account"."""

    permission_classes = [CanManageAccount]

    @extend_schema(request=shapes.DocumentIn, responses={201: shapes.DocumentOut})
    def post(self, request: Request) -> Response:
        """Make a document known by its hash. It rules nothing unless a vote adopts the hash."""
        asked = _checked(shapes.DocumentIn, request.data)
        kind = KINDS[asked["kind"]]
        try:
            row = policy.register_document(asked["document"], kind=kind)
        except policy.InvalidDocument as error:
            raise exceptions.ValidationError(
                {"document": {path: [message] for path, message in error.errors}}
            ) from None
        shown = _document(row.hash, kind, row.document)
        return Response(shapes.DocumentOut(shown).data, status=status.HTTP_201_CREATED)


def _document(document_hash: str, kind: Kind, document: Any) -> dict[str, Any]:
    adoptions = Adoption.objects.filter(hash=document_hash).order_by("block_number", "log_index")
    return {
        "hash": document_hash,
        "kind": kind.label,
        "document": document,
        "adoptions": adoptions,
    }


class PolicyView(View):
    """Anyone."""

    @extend_schema(responses=shapes.DocumentOut)
    def get(self, request: Request, document_hash: str) -> Response:
        """A known reward policy or verifier release, and where it was adopted."""
        for kind, load in propose.LOADERS.items():
            try:
                found: Any = load(document_hash)
            except (policy.UnknownDocument, policy.InvalidDocument):
                continue
            shown = _document(document_hash, kind, found.document)
            return Response(shapes.DocumentOut(shown).data)
        raise exceptions.NotFound("No document with this hash is known.")


class Adoptions(View):
    """Anyone."""

    @extend_schema(
        responses=shapes.AdoptionOut(many=True),
    )
    def get(self, request: Request) -> Response:
        """What the Registry adopted, newest first, unadoptable documents with the reason."""
        rows = Adoption.objects.order_by("-block_number", "-log_index")
        return self.page(request, rows, lambda page: shapes.AdoptionOut(page, many=True).data)


class Relays(View):
    """The user who asked for the call."""

    permission_classes = [CanRead]

    @extend_schema(responses=shapes.RelayOut)
    def get(self, request: Request, intent_id: int) -> Response:
        """How a relayed call of one's own stands."""
        intent = Intent.objects.filter(pk=intent_id, relayed__user=caller(request)).first()
        if intent is None:
            raise exceptions.NotFound("You have no such relayed call.")
        return Response(shapes.RelayOut(intent).data)
