"""The API of recorded work: submit, list, look into, withdraw, export."""

from collections.abc import Iterator
from typing import Any, cast
from uuid import UUID

import orjson
from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import exceptions, serializers, status
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api import ChainAway, Conflict, user_of
from accounts.consent import ConsentMissing
from accounts.permissions import CanContribute, CanRead
from chain.rpc import ChainUnavailable
from contributions import export, keys, sealing, submit, withdraw
from contributions.models import State, Verdict, Workflow
from contributions.parsers import EnvelopeParser


class Unreadable(exceptions.APIException):
    """503: the key store does not have the key, so the content can't be shown."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "missing_key"
    default_detail = "The key of this workflow is not in the key store."


class VerdictSerializer(serializers.ModelSerializer[Verdict]):
    """What the verifier said, and why."""

    class Meta:
        model = Verdict
        fields = (
            "accepted",
            "reasons",
            "verified_actions",
            "score",
            "goal",
            "demo",
            "release_hash",
            "assessed_at",
        )


class WorkflowSerializer(serializers.ModelSerializer[Workflow]):
    """A workflow without its content. `attested` is an operator's word on the outcome."""

    verdict = VerdictSerializer(read_only=True, allow_null=True, default=None)
    withdrawn_at = serializers.DateTimeField(
        source="withdrawal.requested_at", read_only=True, allow_null=True, default=None
    )

    class Meta:
        model = Workflow
        fields = (
            "id",
            "state",
            "task",
            "source",
            "site",
            "received_at",
            "body_digest",
            "body_bytes",
            "steps",
            "actions",
            "attested",
            "attested_by",
            "verdict",
            "withdrawn_at",
        )


class AttestationSerializer(serializers.Serializer[Any]):
    """An operator's EIP-712 signature over id, digest and outcome of an imported recording."""

    success = serializers.BooleanField()
    operator = serializers.CharField()
    signature = serializers.CharField()


class EnvelopeSerializer(serializers.Serializer[Any]):
    """A workflow (see the published JSON Schema) and, from an operator, its attestation."""

    workflow = serializers.DictField()
    attestation = AttestationSerializer(required=False)


class WorkflowPages(CursorPagination):
    """Newest first; the cursor stays right while work is added."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
    ordering = ("-received_at", "-id")

    def paginate_queryset(
        self, queryset: Any, request: Request, view: APIView | None = None
    ) -> list[Any]:
        """A page; a cursor that was tampered with is as unknown as one never given."""
        try:
            return super().paginate_queryset(queryset, request, view) or []
        except (ValidationError, ValueError):
            raise exceptions.NotFound(self.invalid_cursor_message) from None


class WorkflowPageSerializer(serializers.Serializer[Any]):
    """A page of workflows with the addresses of its neighbours."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = WorkflowSerializer(many=True)


class WorkflowFilterSerializer(serializers.Serializer[Any]):
    """What to list."""

    state = serializers.ChoiceField(choices=State.choices, required=False)
    task = serializers.CharField(max_length=120, required=False)
    source = serializers.CharField(  # type: ignore[assignment]
        max_length=32, required=False
    )


def own(request: Request) -> QuerySet[Workflow]:
    """The signed-in person's workflows with all that is shown of them, without the content."""
    return (
        Workflow.objects.filter(contributor=user_of(request))
        .select_related("verdict", "withdrawal")
        .defer("ciphertext", "evidence")
    )


def own_or_404(rows: QuerySet[Workflow], workflow_id: UUID) -> Workflow:
    """One of the given workflows; another person's is as unknown as one that does not exist."""
    row = rows.filter(pk=workflow_id).first()
    if row is None:
        raise exceptions.NotFound("There is no such workflow of yours.")
    return row


def nested(path: str, message: str) -> dict[str, Any]:
    """An error detail whose problem document points at `path`, given as `a.b[0].c`."""
    detail: Any = [message]
    for part in reversed(path.replace("[", ".").replace("]", "").split(".")):
        detail = {part: detail} if part else detail
    return detail if isinstance(detail, dict) else {"body": detail}


def merged(details: list[dict[str, Any]]) -> dict[str, Any]:
    """Nested details as one."""
    result: dict[str, Any] = {}
    for detail in details:
        for name, inner in detail.items():
            known = result.get(name)
            both = isinstance(known, dict) and isinstance(inner, dict)
            result[name] = merged([known, inner]) if both else inner  # type: ignore[list-item]
    return result


class WorkflowsView(APIView):
    """The signed-in person's own work; token scope "read" to list, "contribute" to submit."""

    def get_permissions(self) -> list[BasePermission]:
        """Reading and contributing are different scopes."""
        return [CanContribute() if self.request.method == "POST" else CanRead()]

    def get_parsers(self) -> list[Any]:
        """The envelope is kept as bytes."""
        return [EnvelopeParser()]

    @extend_schema(
        operation_id="list_workflows",
        description='One\'s own workflows, newest first; token scope "read".',
        parameters=[
            WorkflowFilterSerializer,
            OpenApiParameter("cursor", str),
            OpenApiParameter("page_size", int),
        ],
        responses={200: WorkflowPageSerializer},
    )
    def get(self, request: Request) -> Response:
        """A page of own workflows."""
        chosen = WorkflowFilterSerializer(data=request.query_params)
        chosen.is_valid(raise_exception=True)
        pages = WorkflowPages()
        page = pages.paginate_queryset(own(request).filter(**chosen.validated_data), request)
        return pages.get_paginated_response(WorkflowSerializer(page, many=True).data)

    @extend_schema(
        operation_id="submit_workflow",
        description=(
            'Anyone with an account and the consent "contribute"; token scope "contribute". '
            "The body may be gzip (Content-Encoding). The same workflow again answers 200."
        ),
        request=EnvelopeSerializer,
        responses={
            201: WorkflowSerializer,
            200: OpenApiResponse(WorkflowSerializer, description="Had been submitted before."),
            403: OpenApiResponse(description="No consent."),
            409: OpenApiResponse(description="The id is taken by other content."),
            413: OpenApiResponse(description="More than the service takes."),
        },
    )
    def post(self, request: Request) -> Response:
        """Submit a workflow."""
        try:
            envelope = cast(bytes, request.data)
            row, created = submit.submit(contributor=user_of(request), envelope=envelope)
        except ConsentMissing as error:
            raise exceptions.PermissionDenied(str(error), code="consent_missing") from None
        except submit.EnvelopeError as error:
            details = [nested(path, message) for path, message in error.errors]
            raise exceptions.ValidationError(merged(details), code=error.code) from None
        except ChainUnavailable as error:
            raise ChainAway from error
        except submit.Conflict as error:
            raise Conflict(str(error)) from None
        if not created:
            return Response(WorkflowSerializer(own(request).get(pk=row.pk)).data)
        for name in ("verdict", "withdrawal"):  # a new row has neither: no need to look
            Workflow._meta.get_field(name).set_cached_value(row, None)  # type: ignore[union-attr]
        return Response(WorkflowSerializer(row).data, status.HTTP_201_CREATED)


class WorkflowView(APIView):
    """The signed-in person's own workflow; token scope "read" to see, "contribute" to withdraw."""

    def get_permissions(self) -> list[BasePermission]:
        """Reading and contributing are different scopes."""
        return [CanContribute() if self.request.method == "DELETE" else CanRead()]

    @extend_schema(
        operation_id="get_workflow",
        description='One of one\'s own workflows; token scope "read".',
        responses={200: WorkflowSerializer},
    )
    def get(self, request: Request, workflow_id: UUID) -> Response:
        """State, counts and verdict."""
        return Response(WorkflowSerializer(own_or_404(own(request), workflow_id)).data)

    @extend_schema(
        operation_id="withdraw_workflow",
        description=(
            "Withdraw one's own workflow: its key and content are destroyed. Token scope "
            '"contribute". Again is harmless.'
        ),
        responses={204: None},
    )
    def delete(self, request: Request, workflow_id: UUID) -> Response:
        """Withdraw."""
        try:
            withdraw.withdraw(contributor=user_of(request), workflow_id=workflow_id)
        except withdraw.NotYours as error:
            raise exceptions.NotFound(str(error)) from None
        return Response(status=status.HTTP_204_NO_CONTENT)


class WorkflowContentView(APIView):
    """The signed-in person's own workflow; token scope "read"."""

    permission_classes = (CanRead,)

    @extend_schema(
        operation_id="get_workflow_content",
        description='What exactly was collected; one\'s own only, token scope "read".',
        responses={200: OpenApiTypes.OBJECT, 410: OpenApiResponse(description="Withdrawn.")},
    )
    def get(self, request: Request, workflow_id: UUID) -> Response:
        """The decrypted body."""
        rows = Workflow.objects.filter(contributor=user_of(request))
        row = own_or_404(rows, workflow_id)
        if row.state == State.WITHDRAWN:
            return Response(status=status.HTTP_410_GONE)
        try:
            return Response(export.content(row))
        except (keys.MissingKey, sealing.CannotOpen) as error:
            raise Unreadable(str(error)) from None


class ExportView(APIView):
    """The signed-in person's own data; token scope "read"."""

    permission_classes = (CanRead,)

    @extend_schema(
        operation_id="export",
        description='Everything kept about oneself, as one JSON document; token scope "read".',
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """A download."""
        user = user_of(request)
        response = StreamingHttpResponse(streamed(user), content_type="application/json")
        response["Content-Disposition"] = 'attachment; filename="action-model-export.json"'
        return response


def streamed(user: Any) -> Iterator[bytes]:
    """The export in pieces, so that years of work need not fit in memory."""
    encoder = DjangoJSONEncoder()
    yield encoder.encode(export.person(user)).encode()[:-1] + b',"workflows":['
    for number, workflow in enumerate(export.workflows(user)):
        yield (b"," if number else b"") + orjson.dumps(workflow)
    yield b"]}"
