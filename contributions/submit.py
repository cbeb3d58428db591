"""Taking in recorded work, one workflow or several at once."""

import logging
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import celery
from django.conf import settings
from django.db import IntegrityError, transaction
from kombu.exceptions import OperationalError

from accounts import consent
from accounts.models import ConsentScope, User
from contributions import blocklist, keys, sealing
from contributions.envelope import Envelope, EnvelopeError, read
from contributions.models import State, Workflow
from lam_core.meaning import meaningful_steps
from lam_core.trace import shape_key

logger = logging.getLogger(__name__)


class Conflict(Exception):
    """The workflow's id is taken: by other content, another contributor, or a withdrawn one."""


Taken = tuple[Workflow, bool]
"""A stored workflow and whether it is new."""
Result = Taken | EnvelopeError | Conflict


def submit(*, contributor: User, envelope: bytes) -> Taken:
    """Store a workflow once; (row, whether it is new). The same one again is harmless.

    Raises ConsentMissing, EnvelopeError, Conflict. Verification is queued when the row commits.
    """
    (result,) = submit_many(contributor=contributor, envelopes=[envelope])
    if isinstance(result, Exception):
        raise result
    return result


def submit_many(*, contributor: User, envelopes: Iterable[bytes | dict[str, Any]]) -> list[Result]:
    """As `submit` for several: what came of each, in order; one that is refused stops no other.

    The keys go to disk together and the rows into one transaction, so a dozen cost little more
    than one. Raises ConsentMissing.
    """
    consent.require(contributor, ConsentScope.CONTRIBUTE)
    opened = [_opened(each) for each in envelopes]
    sound = [each for each in opened if isinstance(each, Envelope)]
    stored = iter(_store(contributor, sound))
    return [next(stored) if isinstance(each, Envelope) else each for each in opened]


def _opened(envelope: bytes | dict[str, Any]) -> Envelope | EnvelopeError:
    try:
        return read(envelope)
    except EnvelopeError as error:
        return error


def _store(contributor: User, envelopes: Sequence[Envelope]) -> list[Result]:
    """The result of each, in order. Of two with one id the first is stored."""
    ids = [each.workflow.id for each in envelopes]
    known = _known(ids)
    new = {each.workflow.id: each for each in reversed(envelopes) if each.workflow.id not in known}
    rows = {row.pk: row for row in _rows(contributor, list(new.values()))}
    if not _inserted(list(rows.values())):
        # The same id was stored a moment ago: whatever is there now is known.
        if len(envelopes) > 1:
            return [result for each in envelopes for result in _store(contributor, [each])]
        known, new = _known(ids), {}
    results: list[Result] = []
    for each in envelopes:
        if new.get(each.workflow.id) is each:
            results.append((rows[each.workflow.id], True))
        else:
            row = known.get(each.workflow.id) or rows[each.workflow.id]
            results.append(_same(row, contributor, each.digest))
    return results


def _known(ids: Sequence[UUID]) -> dict[UUID, Workflow]:
    return Workflow.objects.defer("ciphertext", "evidence").in_bulk(ids)


def _same(known: Workflow, contributor: User, digest: str) -> Taken | Conflict:
    if known.contributor_id != contributor.pk:
        return Conflict("A workflow with this id exists.")
    if known.state == State.WITHDRAWN:
        return Conflict("This workflow was withdrawn; record it anew to send it again.")
    if known.body_digest != digest:
        return Conflict("A workflow with this id and other content exists.")
    return known, False


def _rows(contributor: User, envelopes: Sequence[Envelope]) -> list[Workflow]:
    """Encrypted rows, not stored yet; their keys are on disk."""
    if not envelopes:
        return []
    made = keys.create_many(
        contributor_id=contributor.pk, workflow_ids=[each.workflow.id for each in envelopes]
    )
    return [_row(contributor, each, made[each.workflow.id]) for each in envelopes]


def _row(contributor: User, envelope: Envelope, key: bytes) -> Workflow:
    workflow = envelope.workflow
    return Workflow(
        id=workflow.id,
        contributor=contributor,
        task=workflow.task.name,
        source=workflow.source,
        site=next(iter(blocklist.hosts(workflow)), ""),
        shape_key=shape_key(workflow),
        body_digest=envelope.digest,
        body_bytes=len(envelope.body),
        steps=len(workflow.steps),
        actions=len(meaningful_steps(workflow)),
        attested=envelope.success,
        attested_by=envelope.operator,
        ciphertext=sealing.seal(envelope.body, key=key, workflow_id=workflow.id),
    )


def _inserted(rows: Sequence[Workflow]) -> bool:
    """Insert all rows; False, and none is, when one of the ids is taken."""
    if not rows:
        return True
    ids = [str(row.pk) for row in rows]
    try:
        with transaction.atomic():
            Workflow.objects.bulk_create(rows)
            transaction.on_commit(lambda: _queue(ids))
    except IntegrityError:
        if not Workflow.objects.filter(pk__in=ids).exists():
            raise
        return False
    return True


def _queue(ids: list[str]) -> None:
    # Without a broker the work is not lost: the scheduler finds submitted workflows by their state.
    try:
        celery.current_app.send_task(settings.SETTLE_TASK, args=ids, retry=False)
    except OperationalError as error:
        logger.warning("%s are not queued, the scheduler will: %s", ", ".join(ids), error)
