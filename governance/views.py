"""What all views of the governance API share: errors as problem details, pages, who is calling."""

from typing import Any

from rest_framework import exceptions, status
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView

from accounts.api import ChainAway
from accounts.models import User
from accounts.permissions import CanManageAccount
from chain.relayer import LimitReached, NotRelayed
from chain.rpc import ChainError
from governance.propose import ProposalError


class Refused(exceptions.APIException):
    """The request is understood, and the chain would not take it now."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = "The chain would not take this now."
    default_code = "not_relayed"


class Pages(LimitOffsetPagination):
    """50 at a time, at most 200."""

    default_limit = 50
    max_limit = 200


class View(APIView):
    """Anyone may call, unless a view or method says otherwise."""

    permission_classes = [AllowAny]
    pagination_class: type[Pages] | None = Pages

    def handle_exception(self, exc: Exception) -> Response:
        """Domain errors as problem details."""
        return super().handle_exception(_as_api_error(exc))

    def page(self, request: Request, rows: Any, shape: Any) -> Response:
        """One page of rows: ?limit=, ?offset=."""
        pages = Pages()
        return pages.get_paginated_response(shape(pages.paginate_queryset(rows, request, self)))


class AccountView(View):
    """Signed-in users; tokens need the scope "account"."""

    permission_classes = [CanManageAccount]
    pagination_class: type[Pages] | None = None


class WritingView(AccountView):
    """Anyone may read; signed-in users, tokens with the scope "account", may write. Limited."""

    pagination_class = Pages
    throttle_classes = [ScopedRateThrottle]
    throttle_scope = "writing"

    def get_permissions(self) -> list[Any]:
        """Reading needs nobody."""
        return [AllowAny()] if self.request.method == "GET" else [CanManageAccount()]

    def get_throttles(self) -> list[Any]:
        """Reading is not counted."""
        return [] if self.request.method == "GET" else super().get_throttles()


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


def checked(shape: type[Any], data: Any) -> dict[str, Any]:
    """The validated data of a serializer. Raises ValidationError naming the field."""
    serializer = shape(data=data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def checked_field(field: Any, name: str, value: Any) -> Any:
    """One value through a serializer field. Raises ValidationError naming it."""
    try:
        return field.run_validation(value)
    except exceptions.ValidationError as error:
        raise exceptions.ValidationError({name: error.detail}) from None
