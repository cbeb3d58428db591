"""What a client sends of a workflow: the workflow, and from an operator its attestation.

An envelope is JSON: {"workflow": …, "attestation": {"success", "operator", "signature"}?}.
"""

from dataclasses import dataclass
from typing import Any

import orjson
from django.conf import settings

from contributions import attestation, blocklist
from lam_core import schema


class EnvelopeError(ValueError):
    """The envelope is not acceptable; `errors` are (path, message), paths from its root."""

    code = "invalid"

    def __init__(self, errors: list[tuple[str, str]], code: str = "invalid") -> None:
        self.errors = errors
        self.code = code
        super().__init__("; ".join(f"{path}: {message}" for path, message in errors))


@dataclass(frozen=True, slots=True)
class Envelope:
    """An acceptable envelope. `success` is None unless `operator` (an address) attests it."""

    workflow: schema.Workflow
    body: bytes
    digest: str
    success: bool | None
    operator: str


def read(data: bytes | dict[str, Any]) -> Envelope:
    """Read and check an envelope, given as JSON or as its document.

    Raises EnvelopeError; ChainUnavailable when a contract attests and the node does not answer.
    """
    workflow, attested = _parsed(data)
    _check_admissible(workflow)
    body = workflow.to_json()
    digest = schema.body_digest(body)
    success, operator = _attested(workflow, digest, attested)
    return Envelope(workflow, body, digest, success, operator)


def json_of(data: bytes) -> Any:
    """JSON values. Raises EnvelopeError."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise EnvelopeError([("", f"Not JSON: {error}.")], "not_json") from None


def _parsed(data: bytes | dict[str, Any]) -> tuple[schema.Workflow, dict[str, Any] | None]:
    document = json_of(data) if isinstance(data, bytes) else data
    if not isinstance(document, dict) or not isinstance(document.get("workflow"), dict):
        raise EnvelopeError([("workflow", "Must be an object.")])
    unknown = set(document) - {"workflow", "attestation"}
    if unknown:
        raise EnvelopeError([(name, "Unknown field.") for name in sorted(unknown)])
    attested = document.get("attestation")
    if attested is not None and not isinstance(attested, dict):
        raise EnvelopeError([("attestation", "Must be an object.")])
    try:
        return schema.parse_workflow(document["workflow"]), attested
    except schema.SchemaError as error:
        named = [(f"workflow.{path}".rstrip("."), message) for path, message in error.errors]
        raise EnvelopeError(named, "schema") from None


def _check_admissible(workflow: schema.Workflow) -> None:
    if workflow.source == schema.Source.SAMPLE and not settings.ALLOW_SAMPLES:
        raise EnvelopeError(
            [("workflow.source", "Samples are not accepted here.")], "samples_refused"
        )
    try:
        blocklist.check(workflow)
    except blocklist.Blocked as error:
        raise EnvelopeError([("workflow.observations", str(error))], "blocked_site") from None
    except blocklist.BadOrigin as error:
        raise EnvelopeError([("workflow.observations", str(error))], "bad_origin") from None


def _attested(
    workflow: schema.Workflow, digest: str, attested: dict[str, Any] | None
) -> tuple[bool | None, str]:
    if attested is None:
        return None, ""
    try:
        return attestation.check(workflow, digest, attested)
    except attestation.AttestationError as error:
        raise EnvelopeError([(f"attestation.{error.field}", str(error))], "attestation") from None
