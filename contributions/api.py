"""The API of recorded work: submit, list, look into, withdraw, export."""

from collections.abc import Iterator, Sequence
from typing import Any, cast
from uuid import UUID

import orjson
from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import exceptions, status
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api import ChainAway, user_of
from accounts.consent import ConsentMissing
from accounts.permissions import CanContribute, CanRead
from chain.rpc import ChainUnavailable
from contributions import export, keys, refusals, sealing, submit, withdraw
from contributions.envelope import EnvelopeError, json_of
from contributions.models import State, Workflow
from contributions.parsers import EnvelopeParser
from contributions.serializers import (
    BatchResultSerializer,
    BatchSerializer,
    EnvelopeSerializer,
    WorkflowFilterSerializer,
    WorkflowPageSerializer,
    WorkflowSerializer,
)
from lam_core.schema import MAX_BATCH


class Unreadable(exceptions.APIException):
    """503: the key store does not have the key, so the content can't be shown."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "missing_key"
    default_detail = "The key of this workflow is not in the key store."


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
        (result,) = submitted(request, [request.data])
        if isinstance(result, Exception):
            raise refusals.of(result)
        row, created = result
        if not created:
            return Response(WorkflowSerializer(own(request).get(pk=row.pk)).data)
        for name in ("verdict", "withdrawal"):  # a new row has neither: no need to look
            Workflow._meta.get_field(name).set_cached_value(row, None)  # type: ignore[union-attr]
        return Response(WorkflowSerializer(row).data, status.HTTP_201_CREATED)


class WorkflowBatchView(APIView):
    """Anyone with an account and consent; token scope "contribute"."""

    permission_classes = (CanContribute,)

    def get_parsers(self) -> list[Any]:
        """The envelopes are parsed by the schema."""
        return [EnvelopeParser()]

    @extend_schema(
        operation_id="submit_workflows",
        description=(
            'Anyone with an account and the consent "contribute"; token scope "contribute". '
            f"Up to {MAX_BATCH} envelopes in one body, which may be gzip. Each has its "
            "own result, and one that is refused stops no other. Again is harmless."
        ),
        request=BatchSerializer,
        responses={200: BatchResultSerializer},
    )
    def post(self, request: Request) -> Response:
        """Submit several workflows."""
        results = submitted(request, enveloped(cast(bytes, request.data)))
        return Response({"results": [self._item(each) for each in results]})

    def _item(self, result: submit.Result) -> dict[str, Any]:
        """The result as the API shows it; a refusal is the problem it would have been alone."""
        if isinstance(result, Exception):
            handler = self.get_exception_handler()
            answer = handler(refusals.of(result), self.get_exception_handler_context())
            assert answer is not None
            return {"status": answer.status_code, "id": None, "problem": answer.data}
        row, created = result
        code = status.HTTP_201_CREATED if created else status.HTTP_200_OK
        return {"status": code, "id": row.pk, "problem": None}


def enveloped(body: bytes) -> list[dict[str, Any]]:
    """The envelopes of a batch. Raises ValidationError."""
    try:
        document = json_of(body)
    except EnvelopeError as error:
        raise refusals.of(error) from None
    envelopes = document.get("workflows") if isinstance(document, dict) else None
    if not isinstance(envelopes, list) or not 1 <= len(envelopes) <= MAX_BATCH:
        message = f"Must be a list of 1 to {MAX_BATCH} envelopes."
        raise exceptions.ValidationError({"workflows": [message]})
    if unknown := set(document) - {"workflows"}:
        raise exceptions.ValidationError({min(unknown): ["Unknown field."]})
    return envelopes


def submitted(request: Request, envelopes: Sequence[Any]) -> list[submit.Result]:
    """What became of each envelope. Raises PermissionDenied without consent, ChainAway."""
    try:
        return submit.submit_many(contributor=user_of(request), envelopes=envelopes)
    except ConsentMissing as error:
        raise exceptions.PermissionDenied(str(error), code="consent_missing") from None
    except ChainUnavailable as error:
        raise ChainAway from error


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
        description=(
            "Everything kept about oneself, as one JSON document; what one's points of an epoch "
            'follow from is in /api/v1/epochs/{number}/export. Token scope "read".'
        ),
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
