"""The rows that record what happened on chain, against the logs they were made of."""

import contextlib
from collections.abc import Iterator
from typing import Any

from django.db.models import Exists, Model, OuterRef, QuerySet

from chain.abi import AbiError, contract
from chain.deployment import NotDeployed
from chain.models import Intent, Log
from chain.projection import taken
from chain.relayer import RELAYER
from lam_core.canonical import content_hash
from points import claims
from points.chain_models import (
    Claim,
    EmissionLimit,
    RelayedClaim,
    RootActivation,
    RootSubmission,
    RootVeto,
)
from points.models import Entry, EntryKind
from points.reconcile import Difference
from points.rewards import batched

BATCH = 2_000
EVENTS: tuple[type[Model], ...] = (
    RootSubmission, RootActivation, RootVeto, EmissionLimit, Claim,
)  # fmt: skip
# The row's own id, and what the platform adds to a claim.
NOT_IN_A_LOG = {"id", "entry"}

Row = dict[str, Any]
Place = tuple[str, int, str, int]
"""Which table, then the log's chain, block hash and index."""


def event_rows() -> Iterator[Difference]:
    """Each log that was taken in has one row that says the same, and no row is without a log."""
    logs: list[claims.EventRow] = []
    with contextlib.suppress(NotDeployed):
        logs = [claims.row_of(log) for log in taken(claims.project)]
    for part in batched(logs, BATCH):
        expected = {_place(row): _plain(row) for row in part}
        found = dict(_stored([row.block_hash for row in part]))
        for place in sorted(expected.keys() | found.keys()):
            yield from _compared(place, expected.get(place), found.get(place))
    for model in EVENTS:
        for row in _without_log(model):
            yield Difference(_name(_place(row)), "log", "one", "none")


def _without_log(model: type[Model]) -> QuerySet[Model]:
    same = {name: OuterRef(name) for name in ("chain_id", "block_hash", "log_index")}
    return model._default_manager.filter(~Exists(Log.objects.filter(**same)))


def _stored(blocks: list[str]) -> Iterator[tuple[Place, Row]]:
    for model in EVENTS:
        for row in model._default_manager.filter(block_hash__in=blocks):
            yield _place(row), _plain(row)


def _place(row: Any) -> Place:
    return row._meta.verbose_name, row.chain_id, row.block_hash, row.log_index


def _name(place: Place) -> str:
    return f"{place[0]} of log {place[3]} in block {place[2]}"


def _plain(row: Model) -> Row:
    fields = [each for each in row._meta.concrete_fields if each.name not in NOT_IN_A_LOG]
    return {each.name: each.to_python(getattr(row, each.attname)) for each in fields}


def _compared(place: Place, expected: Row | None, found: Row | None) -> Iterator[Difference]:
    if expected is None or found is None:
        row, none = ("none", "a row") if expected is None else ("a row", "none")
        yield Difference(_name(place), "row", row, none)
        return
    for name, value in expected.items():
        if found[name] != value:
            yield Difference(_name(place), name, str(value), str(found[name]))


def claim_entries() -> Iterator[Difference]:
    """Each claim's entry is of this claim, and each such entry has one."""
    kinds = [EntryKind.CLAIM, EntryKind.EXPIRY]
    for unclaimed in Entry.objects.filter(kind__in=kinds, claims=None):
        yield Difference(f"entry {unclaimed.pk}", "claim", "one", "none")
    for claim in Claim.objects.select_related("entry__idempotency").iterator():
        if (entry := claim.entry) is None:
            continue
        known = getattr(entry, "idempotency", None)
        where, key = _name(_place(claim)), f"idempotency key {entry.pk}"
        request = content_hash(claims.claim_request(claim))
        for row, what, expected, found in (
            (where, "entry", EntryKind.EXPIRY if claim.expired else EntryKind.CLAIM, entry.kind),
            (where, "inputs", claims.claim_inputs(claim), entry.inputs),
            (key, "key", claims.claim_key(claim), known and known.key),
            (key, "request", request, known and known.request_hash),
        ):
            if expected != found:
                yield Difference(row, what, str(expected), str(found))


def relayed_claims() -> Iterator[Difference]:
    """What is kept of a relayed claim is what its intent calls, and none is missing."""
    relays = Intent.objects.filter(sender=RELAYER, key__startswith="claim:")
    for intent in relays.filter(relayed_claim=None):
        yield Difference(f"relayed claim of intent {intent.pk}", "row", "one", "none")
    for each in RelayedClaim.objects.select_related("intent", "user").iterator():
        where = f"relayed claim {each.pk}"
        given = _called(each.intent)
        for what, found in (
            ("account", each.account),
            ("recipient", each.recipient),
            ("cumulative", int(each.cumulative_wei)),
        ):
            if given.get(what) != found:
                yield Difference(where, what, str(given.get(what)), str(found))
        wallets = each.user.wallets.values_list("address", flat=True)
        if each.account not in wallets:
            yield Difference(where, "user", f"one with the wallet {each.account}", str(each.user))


def _called(intent: Intent) -> Row:
    try:
        return contract("RewardsDistributor").decode_call(bytes(intent.data)).arguments
    except AbiError:
        return {}
