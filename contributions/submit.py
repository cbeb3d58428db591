"""Taking in recorded work."""

import logging
from typing import Any
from uuid import UUID

import celery
import orjson
from django.conf import settings
from django.db import IntegrityError, transaction
from kombu.exceptions import OperationalError

from accounts import consent
from accounts.models import ConsentScope, User
from contributions import attestation, blocklist, keys, sealing
from contributions.models import State, Workflow
from lam_core import schema
from lam_core.meaning import meaningful_steps
from lam_core.trace import shape_key

logger = logging.getLogger(__name__)


class EnvelopeError(ValueError):
    """The envelope is not acceptable; `errors` are (path, message), paths from its root."""

    code = "invalid"

    def __init__(self, errors: list[tuple[str, str]], code: str = "invalid") -> None:
        self.errors = errors
        self.code = code
        super().__init__("; ".join(f"{path}: {message}" for path, message in errors))


class Conflict(Exception):
    """The workflow's id is taken: by other content, another contributor, or a withdrawn one."""


def submit(*, contributor: User, envelope: bytes) -> tuple[Workflow, bool]:
    """Store a workflow once; (row, whether it is new). The same one again is harmless.

    `envelope` is JSON: {"workflow": …, "attestation": {"success", "operator", "signature"}?}.
    Raises ConsentMissing, EnvelopeError, Conflict. Verification is queued when the row commits.
    """
    consent.require(contributor, ConsentScope.CONTRIBUTE)
    workflow, attested = _read(envelope)
    _check_admissible(workflow)
    digest = workflow.digest()
    if known := Workflow.objects.defer("ciphertext", "evidence").filter(pk=workflow.id).first():
        return _same(known, contributor, digest), False
    success, operator = _attested(workflow, digest, attested)
    body = workflow.to_json()
    key = keys.create(contributor_id=contributor.pk, workflow_id=workflow.id)
    row = Workflow(
        id=workflow.id,
        contributor=contributor,
        task=workflow.task.name,
        source=workflow.source,
        site=next(iter(blocklist.hosts(workflow)), ""),
        shape_key=shape_key(workflow),
        body_digest=digest,
        body_bytes=len(body),
        steps=len(workflow.steps),
        actions=len(meaningful_steps(workflow)),
        attested=success,
        attested_by=operator,
        ciphertext=sealing.seal(body, key=key, workflow_id=workflow.id),
    )
    return _store(row)


def _read(envelope: bytes) -> tuple[schema.Workflow, dict[str, Any] | None]:
    try:
        document = orjson.loads(envelope)
    except orjson.JSONDecodeError as error:
        raise EnvelopeError([("", f"Not JSON: {error}.")], "not_json") from None
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


def _same(known: Workflow, contributor: User, digest: str) -> Workflow:
    if known.contributor_id != contributor.pk:
        raise Conflict("A workflow with this id exists.")
    if known.state == State.WITHDRAWN:
        raise Conflict("This workflow was withdrawn; record it anew to send it again.")
    if known.body_digest != digest:
        raise Conflict("A workflow with this id and other content exists.")
    return known


def _store(row: Workflow) -> tuple[Workflow, bool]:
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            transaction.on_commit(lambda: _queue(row.pk))
    except IntegrityError:  # the same id was stored a moment ago
        known = Workflow.objects.filter(pk=row.pk).first()
        if known is None:
            raise
        return _same(known, row.contributor, row.body_digest), False
    return row, True


def _queue(workflow_id: UUID) -> None:
    # Without a broker the work is not lost: the scheduler finds submitted workflows by their state.
    try:
        celery.current_app.send_task(settings.SETTLE_TASK, args=[str(workflow_id)], retry=False)
    except OperationalError as error:
        logger.warning("Workflow %s is not queued, the scheduler will: %s", workflow_id, error)
