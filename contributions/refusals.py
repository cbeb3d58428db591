"""Refusals of submitted work as the API's errors, which point at the field."""

from typing import Any

from rest_framework import exceptions

from accounts.api import Conflict
from contributions import submit
from contributions.envelope import EnvelopeError


def of(error: EnvelopeError | submit.Conflict) -> exceptions.APIException:
    """The API's error for a refused envelope."""
    if isinstance(error, submit.Conflict):
        return Conflict(str(error))
    details = [nested(path, message) for path, message in error.errors]
    return exceptions.ValidationError(merged(details), code=error.code)


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
