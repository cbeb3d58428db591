"""The governance API: proposals, votes, delegates, documents, and relayed calls.

Reading is for anyone. Relaying and registering documents is for signed-in users, whose tokens need
the scope "account". Nothing here can adopt anything: an adoption comes from the chain alone.
"""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle

from accounts.permissions import CanManageAccount, CanRead
from chain.clock import Clock, clock
from chain.deployment import deployment
from chain.models import Intent
from contributions import policy
from contributions.models import Adoption, Kind
from governance import carry_out, proposal_templates, propose, vote
from governance import serializers as shapes
from governance.decode import explain, plain
from governance.models import Proposal, Vote
from governance.propose import Draft
from governance.state import State, Tally, state, tallies, tally
from governance.views import View, caller, checked, checked_field

KINDS = {
    "reward_policy": Kind.REWARD_POLICY,
    "verifier_release": Kind.VERIFIER_RELEASE,
    "model_release": Kind.MODEL_RELEASE,
}


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
        draft = _draft(checked(shapes.DraftIn, request.data))
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
    text = {name: asked.pop(name) for name in ("template", "title", "body", "proposer")}
    return proposal_templates.build(fields=asked, **text)


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
            rows = rows.filter(proposal=checked_field(shapes.Uint256(), "proposal", asked))
        if asked := request.query_params.get("voter"):
            rows = rows.filter(voter=checked_field(shapes.Address(), "voter", asked))
        return self.page(request, rows, lambda page: shapes.VoteOut(page, many=True).data)


class VoteTypedData(View):
    """Anyone: it only reads."""

    @extend_schema(request=shapes.BallotIn, responses=shapes.SignRequest)
    def post(self, request: Request) -> Response:
        """What a voter signs (EIP-712 ballot), and the transaction for who votes directly."""
        asked = checked(shapes.BallotIn, request.data)
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
        asked = checked(shapes.SignedBallotIn, request.data)
        asked["proposal"] = _proposal(asked["proposal"])
        asked["signature"] = bytes.fromhex(asked["signature"][2:])
        return self.accepted(vote.relay_vote(user=caller(request), **asked))


class Policies(View):
    """Signed-in users, scope "account"."""

    permission_classes = [CanManageAccount]

    @extend_schema(request=shapes.DocumentIn, responses={201: shapes.DocumentOut})
    def post(self, request: Request) -> Response:
        """Make a document known by its hash. It rules nothing unless a vote adopts the hash."""
        asked = checked(shapes.DocumentIn, request.data)
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
            document = getattr(found, "document", found)
            shown = _document(document_hash, kind, document)
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
