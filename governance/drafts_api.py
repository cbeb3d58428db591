"""The API of drafts and of the discussion around proposals.

Shared drafts and comments can be read by anyone. Writing is for signed-in users, whose tokens need
the scope "account"; commenting for those among them who hold LAM or votes. Limited per hour.
"""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import Conflict
from accounts.models import User
from governance import discuss, drafts
from governance.drafts import DraftRefused
from governance.holders import NotAHolder
from governance.markdown import to_html
from governance.people_models import BODY_MAX, COMMENT_MAX, Comment, ProposalDraft
from governance.propose import ProposalError
from governance.serializers import Address, DraftIn, TransactionData, Uint256
from governance.views import WritingView, caller, checked, checked_field

TEXT = ("template", "title", "body", "proposer")
DECIMAL = ("amount_wei", "value")


class SavedDraftIn(DraftIn):
    """A draft to keep; `shared` opens it to everybody's eyes and comments, for good."""

    shared = serializers.BooleanField(default=False)


class SavedDraftOut(serializers.Serializer):
    """A draft with the id it would have as a proposal and, if it can be made, its transaction."""

    id = serializers.UUIDField()
    template = serializers.CharField()
    template_fields = serializers.DictField()
    title = serializers.CharField()
    body = serializers.CharField()
    body_html = serializers.CharField(help_text="The body's Markdown as sanitised HTML.")
    proposer = Address()
    proposal_id = Uint256(source="proposal")
    proposed = serializers.BooleanField()
    shared = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    transaction = TransactionData(allow_null=True)
    problem = serializers.CharField(help_text="Why it cannot be proposed as it stands.")


class CommentIn(serializers.Serializer):
    """A comment in Markdown, about a proposal or a shared draft."""

    proposal = Uint256(required=False)
    draft = serializers.UUIDField(required=False)
    body = serializers.CharField(max_length=COMMENT_MAX)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """About exactly one thing."""
        if ("proposal" in attrs) == ("draft" in attrs):
            raise serializers.ValidationError(
                {"proposal": "Name either a proposal or a draft."}, code="required"
            )
        return attrs


class CommentBody(serializers.Serializer):
    """What a comment says now."""

    body = serializers.CharField(max_length=COMMENT_MAX)


class CommentOut(serializers.Serializer):
    """A comment; a deleted or hidden one keeps its place and says so instead of its text."""

    id = serializers.IntegerField(source="pk")
    author = Address(source="address")
    body = serializers.SerializerMethodField()
    body_html = serializers.SerializerMethodField()
    written_at = serializers.DateTimeField()
    edited_at = serializers.DateTimeField(allow_null=True)
    deleted_at = serializers.DateTimeField(allow_null=True)
    hidden_at = serializers.DateTimeField(allow_null=True)
    hidden_reason = serializers.CharField()

    def get_body(self, row: Comment) -> str:
        """The Markdown; empty when hidden."""
        return "" if row.hidden_at else row.body

    def get_body_html(self, row: Comment) -> str:
        """Sanitised."""
        return to_html(self.get_body(row))


class MarkdownIn(serializers.Serializer):
    """A text to look at before it is sent."""

    text = serializers.CharField(allow_blank=True, max_length=BODY_MAX, trim_whitespace=False)


class MarkdownOut(serializers.Serializer):
    """Sanitised HTML."""

    html = serializers.CharField()


class Written(WritingView):
    """Anyone may read; signed-in users, tokens with the scope "account", may write."""

    def handle_exception(self, exc: Exception) -> Response:
        """Domain errors as problem details."""
        return super().handle_exception(_as_api_error(exc))


def _as_api_error(error: Exception) -> Exception:
    if isinstance(error, DraftRefused):
        return Conflict(str(error))
    if isinstance(error, NotAHolder):
        return exceptions.PermissionDenied(str(error))
    if isinstance(error, discuss.TooMany):
        return exceptions.Throttled(detail=str(error), code="limit_reached")
    if isinstance(error, ProposalDraft.DoesNotExist | Comment.DoesNotExist):
        return exceptions.NotFound("There is none of yours here.")
    return error


def reader(request: Request) -> User | None:
    """The signed-in user, if any."""
    return request.user if isinstance(request.user, User) else None


def _json_fields(fields: dict[str, Any]) -> dict[str, Any]:
    """A template's fields for JSON: amounts as decimal strings."""
    shown = {name: str(v) if name in DECIMAL else v for name, v in fields.items()}
    calls = fields.get("calls", [])
    decimal = [{**dict(each), "value_wei": str(each["value_wei"])} for each in calls]
    return {**shown, "calls": decimal} if calls else shown


def _shown(row: ProposalDraft) -> dict[str, Any]:
    try:
        draft = drafts.built(row)
    except ProposalError as error:
        transaction, problem = None, error.message
    else:
        transaction, problem = draft.transaction, ""
    names = ("id", "template", "title", "body", "proposer", "proposal", "created_at", "updated_at")
    return {
        **{name: getattr(row, name) for name in names},
        "template_fields": _json_fields(row.fields),
        "body_html": to_html(row.body),
        "proposed": drafts.is_proposed(row),
        "shared": row.shared_at is not None,
        "transaction": transaction,
        "problem": problem,
    }


def _saved(request: Request, draft_id: UUID | None = None) -> ProposalDraft:
    asked = checked(SavedDraftIn, request.data)
    text = {name: asked.pop(name) for name in (*TEXT, "shared")}
    return drafts.save(author=caller(request), draft_id=draft_id, fields=asked, **text)


class Drafts(Written):
    """Anyone reads shared drafts; signed-in users, scope "account", also their own, and write."""

    @extend_schema(responses=SavedDraftOut(many=True), parameters=[OpenApiParameter("mine", bool)])
    def get(self, request: Request) -> Response:
        """Drafts, newest first; with ?mine=true one's own only."""
        user = reader(request)
        rows = drafts.visible_to(user).order_by("-created_at")
        if request.query_params.get("mine", "").lower() in {"1", "true"}:
            rows = rows.filter(author=user) if user else rows.none()
        return self.page(
            request, rows, lambda page: SavedDraftOut([_shown(r) for r in page], many=True).data
        )

    @extend_schema(request=SavedDraftIn, responses={201: SavedDraftOut})
    def post(self, request: Request) -> Response:
        """Keep a draft. Nobody else sees it unless it is shared."""
        row = _saved(request)
        return Response(SavedDraftOut(_shown(row)).data, status=status.HTTP_201_CREATED)


class DraftView(Written):
    """Anyone reads a shared draft; its author, scope "account", reads and changes it."""

    @extend_schema(responses=SavedDraftOut)
    def get(self, request: Request, draft_id: UUID) -> Response:
        """A draft, with the transaction that proposes it."""
        row = drafts.visible_to(reader(request)).get(pk=draft_id)
        return Response(SavedDraftOut(_shown(row)).data)

    @extend_schema(request=SavedDraftIn, responses=SavedDraftOut)
    def put(self, request: Request, draft_id: UUID) -> Response:
        """Change one's own draft; its proposal's id changes with it."""
        return Response(SavedDraftOut(_shown(_saved(request, draft_id))).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, draft_id: UUID) -> Response:
        """Delete one's own draft that was not proposed."""
        drafts.delete(author=caller(request), draft_id=draft_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class Comments(Written):
    """Anyone reads; signed-in holders of LAM or votes, scope "account", write."""

    @extend_schema(
        responses=CommentOut(many=True),
        parameters=[OpenApiParameter("proposal", str), OpenApiParameter("draft", str)],
    )
    def get(self, request: Request) -> Response:
        """What was said about a proposal (and the draft it came from) or a draft, oldest first."""
        asked = request.query_params
        if "draft" in asked:
            found = checked_field(serializers.UUIDField(), "draft", asked["draft"])
            rows = discuss.about_draft(drafts.visible_to(reader(request)).get(pk=found))
        else:
            found = checked_field(Uint256(), "proposal", asked.get("proposal", ""))
            rows = discuss.about_proposal(found)
        return self.page(request, rows, lambda page: CommentOut(page, many=True).data)

    @extend_schema(request=CommentIn, responses={201: CommentOut})
    def post(self, request: Request) -> Response:
        """Say something. Only holders can, so many times an hour."""
        asked = checked(CommentIn, request.data)
        row = discuss.comment(
            author=caller(request),
            body=asked["body"],
            proposal_id=asked.get("proposal", 0),
            draft_id=asked.get("draft"),
        )
        return Response(CommentOut(row).data, status=status.HTTP_201_CREATED)


class CommentView(Written):
    """The comment's author, scope "account"."""

    @extend_schema(request=CommentBody, responses=CommentOut)
    def put(self, request: Request, comment_id: int) -> Response:
        """Change one's own comment; it shows as edited."""
        asked = checked(CommentBody, request.data)
        row = discuss.edit(author=caller(request), comment_id=comment_id, body=asked["body"])
        return Response(CommentOut(row).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, comment_id: int) -> Response:
        """Empty one's own comment; that there was one stays visible."""
        discuss.delete(author=caller(request), comment_id=comment_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class MarkdownPreview(Written):
    """Signed-in users, scope "account"."""

    @extend_schema(request=MarkdownIn, responses=MarkdownOut)
    def post(self, request: Request) -> Response:
        """How a Markdown text will look: sanitised HTML."""
        return Response({"html": to_html(checked(MarkdownIn, request.data)["text"])})
