"""Which reward policy and verifier release are in force: what the Registry adopted, nothing else.

An adoption whose document is unknown here or invalid is kept with the reason, and the one before
it stays in force. When its document is registered later, the adoption becomes adoptable and takes
effect with the next epoch to open, unless a later adoption is in force by then. Epochs pin hashes
when they open, so an open epoch never changes.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from chain.projection import DecodedLog
from contributions.models import Adoption, Document, Kind
from contributions.policy_document import Policy, PolicyError, load_policy, parse_policy
from lam_core.canonical import NotCanonical, content_hash
from lam_core.release import Release, ReleaseError, load_release, releases


class NotAdopted(LookupError):
    """Nothing of this kind is in force at the epoch."""


class UnknownDocument(LookupError):
    """No document with this hash is known here."""


class InvalidDocument(ValueError):
    """The document is not of its kind; `errors` are (path, message)."""

    def __init__(self, errors: list[tuple[str, str]]) -> None:
        self.errors = errors
        super().__init__("; ".join(f"{path}: {message}" for path, message in errors))


def current(epoch_number: int) -> Policy:
    """The reward policy an epoch opens with. Raises NotAdopted."""
    return policy(in_force(Kind.REWARD_POLICY, epoch_number).hash)


def current_release(epoch_number: int) -> Release:
    """The verifier release an epoch opens with. Raises NotAdopted."""
    return release(in_force(Kind.VERIFIER_RELEASE, epoch_number).hash)


def in_force(kind: Kind, epoch_number: int) -> Adoption:
    """The latest adoptable adoption that is effective at an epoch. Raises NotAdopted."""
    found = (
        Adoption.objects.filter(kind=kind, adoptable=True, effective_epoch__lte=epoch_number)
        .order_by("-block_number", "-log_index")
        .first()
    )
    if found is None:
        raise NotAdopted(f"No {Kind(kind).label} is adopted for epoch {epoch_number}.")
    return found


def policy(policy_hash: str) -> Policy:
    """A known policy by its hash. Raises UnknownDocument, InvalidDocument."""
    genesis = load_policy()
    if policy_hash == genesis.hash:
        return genesis
    return _parse_policy(_stored(policy_hash))


def release(release_hash: str) -> Release:
    """A known verifier release by its hash. Raises UnknownDocument, InvalidDocument."""
    shipped = (load_release(name) for name in releases())
    found = next((each for each in shipped if each.hash == release_hash), None)
    known = found or _parse_release(_stored(release_hash))
    if known.rules.demo and not settings.ALLOW_SAMPLES:
        raise InvalidDocument([("demo", "A demonstration's release is refused here.")])
    return known


def model_release(document_hash: str) -> Any:
    """A known model release's document by its hash. Raises UnknownDocument, InvalidDocument.

    The engine does not follow it; who runs the model does.
    """
    document = _stored(document_hash)
    if not Document.objects.filter(pk=document_hash, kind=Kind.MODEL_RELEASE).exists():
        raise InvalidDocument([("document", "This document is not a model release.")])
    return document


def _stored(document_hash: str) -> Any:
    row = Document.objects.filter(pk=document_hash).first()
    if row is None:
        raise UnknownDocument(f"No document with hash {document_hash} is known here.")
    if content_hash(row.document) != document_hash:
        raise InvalidDocument([("document", "The stored document does not have its hash.")])
    return row.document


def _parse_policy(document: Any) -> Policy:
    try:
        return parse_policy(document)
    except PolicyError as error:
        raise InvalidDocument(error.errors) from None


def _parse_release(document: Any) -> Release:
    try:
        return Release(document)
    except ReleaseError as error:
        raise InvalidDocument([("document", str(error))]) from None


# Kinds whose documents the engine itself follows; the others are only recorded.
_LOADERS: dict[int, Callable[[str], object]] = {
    Kind.REWARD_POLICY: policy,
    Kind.VERIFIER_RELEASE: release,
}
_PARSERS: dict[int, Callable[[Any], object]] = {
    Kind.REWARD_POLICY: _parse_policy,
    Kind.VERIFIER_RELEASE: _parse_release,
}


def register_document(document: dict[str, Any], *, kind: Kind = Kind.REWARD_POLICY) -> Document:
    """Make a document known by its hash. It takes effect only if the Registry adopts that hash.

    Raises InvalidDocument.
    """
    try:
        document_hash = content_hash(document)
    except NotCanonical as error:
        raise InvalidDocument([(error.path or "document", str(error))]) from None
    if parse := _PARSERS.get(kind):
        parse(document)
    with transaction.atomic():
        row, created = Document.objects.get_or_create(
            pk=document_hash, defaults={"kind": kind, "document": document}
        )
        if created:
            _evaluate_again(document_hash)
    return row


def _evaluate_again(document_hash: str) -> None:
    waiting = Adoption.objects.select_for_update().filter(hash=document_hash, adoptable=False)
    for adoption in waiting:
        adoption.reason = _refusal(adoption.kind, adoption.hash)
        adoption.adoptable = not adoption.reason
        adoption.save(update_fields=["adoptable", "reason"])


def adopt(log: DecodedLog) -> Adoption:
    """Record a finalized `Adopted` event of the Registry; the same event again is harmless.

    Called by the projection of the Registry's logs only, inside its transaction. No endpoint,
    form or command does.
    """
    arguments = log.arguments
    kind, document_hash = int(arguments["kind"]), str(arguments["contentHash"])
    reason = _refusal(kind, document_hash)
    adoption, _ = Adoption.objects.get_or_create(
        block_hash=log.block_hash,
        log_index=log.log_index,
        defaults={
            "kind": kind,
            "hash": document_hash,
            "uri": arguments["uri"],
            "effective_epoch": arguments["effectiveEpoch"],
            "by": arguments["by"],
            "block_number": log.block_number,
            "transaction_hash": log.transaction_hash,
            "adopted_at": datetime.fromtimestamp(log.block_timestamp, UTC),
            "adoptable": not reason,
            "reason": reason,
        },
    )
    return adoption


def _refusal(kind: int, document_hash: str) -> str:
    """Why an adopted document can't be followed; empty when it can."""
    load = _LOADERS.get(kind)
    try:
        if load:
            load(document_hash)
    except (UnknownDocument, InvalidDocument) as error:
        return str(error)
    return ""
