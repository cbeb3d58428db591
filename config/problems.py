"""API errors as RFC 9457 problem details that name the field."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

MEDIA_TYPE = "application/problem+json"


def _errors(detail: Any, pointer: str = "") -> list[dict[str, str]]:
    """Flatten DRF's nested detail to [{pointer, detail, code}] with JSON pointers."""
    if isinstance(detail, dict):
        return [e for k, v in detail.items() for e in _errors(v, f"{pointer}/{k}")]
    if isinstance(detail, list):
        nested = any(isinstance(item, (dict, list)) for item in detail)
        return [
            e
            for i, v in enumerate(detail)
            for e in _errors(v, f"{pointer}/{i}" if nested else pointer)
        ]
    return [{"pointer": pointer, "detail": str(detail), "code": getattr(detail, "code", "invalid")}]


def handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: the same statuses, the body a problem document."""
    response = exception_handler(error, context)
    if response is None:
        return None
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    assert isinstance(error, exceptions.APIException)
    errors = _errors(error.detail)
    plain = len(errors) == 1 and errors[0]["pointer"] in {"", "/detail"}
    code = errors[0]["code"] if errors else error.default_code
    response.data = {
        "type": f"urn:action-model:problem:{code}",
        "title": str(error.default_detail),
        "status": response.status_code,
        "detail": errors[0]["detail"] if plain else "Some fields are not valid.",
    }
    if not plain:
        response.data["errors"] = errors
    response.content_type = MEDIA_TYPE
    return response


def _problem(status: int, code: str, detail: str) -> JsonResponse:
    body = {"type": f"urn:action-model:problem:{code}", "title": detail, "status": status}
    return JsonResponse({**body, "detail": detail}, status=status, content_type=MEDIA_TYPE)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """An address nothing answers: a problem document for the API, a page for people."""
    if request.path.startswith("/api/"):
        return _problem(404, "not_found", "Nothing answers at this address.")
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """A fault of ours: a problem document for the API, a page for people."""
    if request.path.startswith("/api/"):
        return _problem(500, "error", "Something went wrong here.")
    return defaults.server_error(request)
