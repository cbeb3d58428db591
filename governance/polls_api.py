"""The API of polls: questions to the holders that bind nobody, answered by signature, without gas.

Reading is for anyone, and so is handing in a ballot: the signature says whose it is. Opening a poll
is for signed-in users with votes, whose tokens need the scope "account".
"""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db.models import Count, Q, QuerySet
from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle

from accounts.api import Conflict
from chain.clock import clock
from governance import poll_bundle, polls
from governance.ballots import (
    BODY_MAX,
    OPTION_MAX,
    TITLE_MAX,
    Ballot,
    InvalidBallot,
    InvalidRules,
    typed_data,
)
from governance.counting import OPTIONS_MAX, WEIGHT_MAX, Method
from governance.poll_models import Poll, PollBallot
from governance.polls import PollError
from governance.serializers import Address, Hex, TypedData
from governance.views import View, WritingView, caller, checked

METHODS = [(each.value, each.value) for each in Method]
STATES = [(each, each) for each in ("open", "counting", "published")]
# An interim result is counted anew at most this often.
INTERIM_SECONDS = 5
SIGNATURE_HEX_MAX = 2 + 2 * 8192
SECONDS_MAX = 2**48 - 1


class PollIn(serializers.Serializer):
    """A poll to open. Options are numbered from 0 in the order given."""

    title = serializers.CharField(max_length=TITLE_MAX)
    body = serializers.CharField(
        max_length=BODY_MAX, allow_blank=True, default="", trim_whitespace=False
    )
    options = serializers.ListField(
        child=serializers.CharField(max_length=OPTION_MAX), min_length=2, max_length=OPTIONS_MAX
    )
    method = serializers.ChoiceField(choices=METHODS)
    duration_seconds = serializers.IntegerField(
        min_value=polls.DURATION_MIN_SECONDS, max_value=polls.DURATION_MAX_SECONDS
    )
    power_at = serializers.IntegerField(
        min_value=0,
        max_value=SECONDS_MAX,
        required=False,
        help_text="Votes count as of this second of the chain; by default the last that is final.",
    )


class RoundOut(serializers.Serializer):
    """A round of a run-off; `struck_out` is the option that goes after it."""

    totals_wei = serializers.ListField(child=serializers.CharField())
    exhausted_wei = serializers.CharField()
    struck_out = serializers.IntegerField(allow_null=True)


class ResultOut(serializers.Serializer):
    """Wei for each option, and the leading options, several when they are level."""

    totals_wei = serializers.ListField(child=serializers.CharField())
    power_wei = serializers.CharField()
    attested_wei = serializers.CharField(help_text="Of contract wallets (EIP-1271), as attested.")
    voters = serializers.IntegerField()
    winners = serializers.ListField(child=serializers.IntegerField())
    rounds = RoundOut(many=True)


class PollOut(serializers.Serializer):
    """A poll in a list. Times are the chain's, seconds since 1970."""

    id = serializers.CharField()
    title = serializers.CharField()
    author = Address()
    method = serializers.ChoiceField(choices=METHODS)
    state = serializers.ChoiceField(choices=STATES)
    opens_at = serializers.IntegerField()
    closes_at = serializers.IntegerField()
    power_at = serializers.IntegerField()
    voters = serializers.IntegerField()


class PollDetail(PollOut):
    """A poll with its rules and its result, which is interim until it is published."""

    rules = serializers.DictField(help_text="Their content hash is the poll's id.")
    result = ResultOut()
    bundle_hash = serializers.CharField(allow_blank=True)
    block_number = serializers.IntegerField(
        allow_null=True, help_text="The block whose state proves the powers."
    )


class PollBallotIn(serializers.Serializer):
    """A choice: option numbers (ranked: first choice first), or weighted, a weight per option."""

    voter = Address()
    choice = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=WEIGHT_MAX), max_length=OPTIONS_MAX
    )


class SignedPollBallotIn(PollBallotIn):
    """A signed choice."""

    issued_at = serializers.IntegerField(min_value=0, max_value=SECONDS_MAX)
    signature = Hex(max_length=SIGNATURE_HEX_MAX)


class PollBallotOut(serializers.Serializer):
    """A ballot as taken in; only the latest of a voter counts."""

    voter = Address()
    choice = serializers.ListField(child=serializers.IntegerField())
    issued_at = serializers.IntegerField()
    power_wei = serializers.CharField()
    attested = serializers.BooleanField()
    counts = serializers.BooleanField(source="is_latest")
    digest = serializers.CharField()


class PollSignRequest(serializers.Serializer):
    """What to sign, and the second it is signed for."""

    typed_data = TypedData()
    issued_at = serializers.IntegerField()


class PollsView(WritingView):
    """Poll errors as problem details."""

    def handle_exception(self, exc: Exception) -> Response:
        """Name the field where there is one."""
        if isinstance(exc, InvalidRules | InvalidBallot):
            return super().handle_exception(exceptions.ValidationError({exc.field: [exc.message]}))
        if isinstance(exc, PollError):
            return super().handle_exception(Conflict(str(exc)))
        return super().handle_exception(exc)


def state_of(poll: Poll, head: int) -> str:
    """Open, counting (closed, no result yet) or published."""
    if poll.bundle_hash:
        return "published"
    return "counting" if poll.closed_at or head >= poll.closes_at else "open"


def with_voters(rows: QuerySet[Poll]) -> QuerySet[Poll]:
    """Adds how many have a ballot."""
    return rows.annotate(voters=Count("ballots", filter=Q(ballots__is_latest=True)))


def found(poll_id: str) -> Poll:
    """Raises NotFound."""
    poll = with_voters(Poll.objects.filter(pk=poll_id)).first()
    if poll is None:
        raise exceptions.NotFound("There is no such poll.")
    return poll


def summary(poll: Any, head: int) -> dict[str, Any]:
    """As PollOut shows it; `poll` comes from `with_voters`."""
    names = ("id", "title", "author", "method", "opens_at", "closes_at", "power_at", "voters")
    return {**{name: getattr(poll, name) for name in names}, "state": state_of(poll, head)}


def detail(poll: Any) -> dict[str, Any]:
    """As PollDetail shows it."""
    return {
        **summary(poll, clock().head),
        "rules": poll.rules,
        "result": poll.result or _interim(poll),
        "bundle_hash": poll.bundle_hash,
        "block_number": poll.block_number,
    }


def _interim(poll: Any) -> dict[str, Any]:
    """The result by now; counting many ballots for everybody who looks would be too much."""
    key = f"poll-interim:{poll.pk}:{settings.DATABASES['default']['NAME']}"
    shown: dict[str, Any] | None = cache.get(key) if poll.voters > 1000 else None
    if shown is None:
        latest = poll.ballots.filter(is_latest=True, attested=True)
        attested = sum(latest.values_list("power_wei", flat=True))
        outcome = polls.interim(poll)
        shown = poll_bundle.outcome_document(outcome, voters=poll.voters, attested_wei=attested)
        cache.set(key, shown, INTERIM_SECONDS)
    return shown


class Polls(PollsView):
    """Anyone reads; signed-in users with votes, scope "account", open polls."""

    @extend_schema(operation_id="polls_list", responses=PollOut(many=True))
    def get(self, request: Request) -> Response:
        """Anyone: polls, newest first."""
        head = clock().head
        rows = with_voters(Poll.objects.order_by("-opens_at", "id"))

        def shape(page: list[Any]) -> list[Any]:
            return list(PollOut([summary(each, head) for each in page], many=True).data)

        return self.page(request, rows, shape)

    @extend_schema(operation_id="polls_open", request=PollIn, responses={201: PollDetail})
    def post(self, request: Request) -> Response:
        """Signed-in users with votes, scope "account": open a poll. It binds nobody."""
        asked = checked(PollIn, request.data)
        poll = polls.open_poll(user=caller(request), **{**asked, "method": Method(asked["method"])})
        shown = PollDetail(detail(found(poll.pk))).data
        return Response(shown, status=status.HTTP_201_CREATED)


class PollView(PollsView):
    """Anyone."""

    @extend_schema(operation_id="polls_read", responses=PollDetail)
    def get(self, request: Request, poll_id: str) -> Response:
        """Anyone: one poll with its rules and its result, interim until it is published."""
        return Response(PollDetail(detail(found(poll_id))).data)


class PollTypedData(PollsView):
    """Anyone: it only reads."""

    def get_permissions(self) -> list[Any]:
        """Anyone."""
        return [permission() for permission in View.permission_classes]

    @extend_schema(operation_id="polls_typed_data", request=PollBallotIn, responses=PollSignRequest)
    def post(self, request: Request, poll_id: str) -> Response:
        """Anyone: what a voter signs (EIP-712) for a choice now; nothing is stored."""
        asked = checked(PollBallotIn, request.data)
        poll = found(poll_id)
        rules = polls.rules_of(poll)
        issued_at = polls.next_second(poll, asked["voter"])
        polls.check_ballot(
            rules, Ballot(asked["voter"], tuple(asked["choice"]), issued_at, signature=b"")
        )
        data = typed_data(rules, **asked, issued_at=issued_at)
        shown = {"typed_data": data, "issued_at": issued_at}
        return Response(PollSignRequest(shown).data)


class PollBallots(PollsView):
    """Anyone: the signature says whose ballot it is. Limited per minute."""

    throttle_classes = [ScopedRateThrottle]
    throttle_scope = "relay"

    def get_permissions(self) -> list[Any]:
        """Anyone."""
        return [permission() for permission in View.permission_classes]

    @extend_schema(operation_id="polls_ballots", responses=PollBallotOut(many=True))
    def get(self, request: Request, poll_id: str) -> Response:
        """Anyone: the ballots of a poll, newest first, replaced ones too."""
        rows = PollBallot.objects.filter(poll=found(poll_id)).order_by("-pk")
        return self.page(request, rows, lambda page: PollBallotOut(page, many=True).data)

    @extend_schema(
        operation_id="polls_cast", request=SignedPollBallotIn, responses={201: PollBallotOut}
    )
    def post(self, request: Request, poll_id: str) -> Response:
        """Anyone: hand in a signed ballot, one's own or another's. A later one replaces it."""
        asked = checked(SignedPollBallotIn, request.data)
        ballot = Ballot(
            voter=asked["voter"],
            choice=tuple(asked["choice"]),
            issued_at=asked["issued_at"],
            signature=bytes.fromhex(asked["signature"][2:]),
        )
        row = polls.cast(poll=found(poll_id), ballot=ballot)
        return Response(PollBallotOut(row).data, status=status.HTTP_201_CREATED)


class PollBundle(PollsView):
    """Anyone."""

    @extend_schema(
        operation_id="polls_bundle",
        responses={(200, "application/zip"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, poll_id: str) -> FileResponse:
        """Anyone: ballots, powers and proofs as a ZIP, what `python -m governance.tally` checks."""
        poll = found(poll_id)
        if not poll.bundle_hash:
            raise exceptions.NotFound("The result is not published yet.")
        folder = poll_bundle.path_of(Path(settings.BUNDLES_DIR), poll.bundle_hash)
        try:
            path = poll_bundle.archive(folder)
        except FileNotFoundError as error:
            raise exceptions.NotFound("The bundle of this poll is not here.") from error
        return FileResponse(path.open("rb"), as_attachment=True, filename=f"{folder.name}.zip")
