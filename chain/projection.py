"""Taking finalized logs in, each exactly once: a projection's rows and its cursor move together."""

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from chain.abi import contract
from chain.deployment import Deployment, deployment
from chain.models import Chain, Cursor, Log

BATCH_LOGS = 1000


@dataclass(frozen=True)
class DecodedLog:
    """A finalized log of one of our contracts, its arguments by name (see chain.abi)."""

    contract: str
    event: str
    arguments: dict[str, Any]
    address: str
    chain_id: int
    block_number: int
    block_hash: str
    block_timestamp: int
    log_index: int
    transaction_hash: str

    @property
    def qualified(self) -> str:
        """As projections name it: "Contract.Event"."""
        return f"{self.contract}.{self.event}"


Handler = Callable[[DecodedLog], None]
BulkHandlers = Mapping[str, Callable[[Sequence[DecodedLog]], None]]


@dataclass(frozen=True)
class Projection:
    """What settings.PROJECTIONS name: calling it takes in what is new and returns how many logs.

    `events` are "Contract.Event"; `tables` are the model labels that only this projection writes,
    so that they can be rebuilt; `ignored` are columns that a rebuild may give other values. Logs of
    the events in `bulk` are handed over together, after the others of a batch: frequent ones whose
    rows the others do not need.
    """

    name: str
    events: tuple[str, ...]
    handler: Handler
    tables: tuple[str, ...] = ()
    ignored: frozenset[str] = field(default_factory=lambda: frozenset({"id"}))
    bulk: BulkHandlers = field(default_factory=dict)

    def __call__(self) -> int:
        return consume(self.name, self.events, self.handler, self.bulk)


def consume(
    name: str, events: Sequence[str], handler: Handler, bulk: BulkHandlers | None = None
) -> int:
    """Hand every new finalized log of `events` to its handler, oldest first; returns how many.

    The handler's writes and the cursor `name` commit together, so a crash repeats nothing and
    skips nothing; two callers wait for each other.
    """
    taken = 0
    while True:
        with transaction.atomic():
            count, more = _consume_batch(name, events, handler, bulk or {})
        taken += count
        if not more:
            return taken


def _consume_batch(
    name: str, events: Sequence[str], handler: Handler, bulk: BulkHandlers
) -> tuple[int, bool]:
    ours = deployment()
    chain = Chain.objects.filter(chain_id=ours.chain_id).first()
    if chain is None:
        return 0, False
    Cursor.objects.get_or_create(chain_id=ours.chain_id, name=name)
    cursor = Cursor.objects.select_for_update().get(chain_id=ours.chain_id, name=name)
    if cursor.block_number > chain.finalized_number:
        return 0, False
    logs = list(_after(cursor, events, ours, chain.finalized_number)[: BATCH_LOGS + 1])
    more = len(logs) > BATCH_LOGS
    _hand_over([_decode(log, ours) for log in logs[:BATCH_LOGS]], handler, bulk)
    if more:
        last = logs[BATCH_LOGS - 1]
        cursor.block_number, cursor.log_index = last.block_number, last.log_index
    else:
        cursor.block_number, cursor.log_index = chain.finalized_number + 1, -1
    cursor.save()
    return len(logs[:BATCH_LOGS]), more


def _hand_over(logs: Sequence[DecodedLog], handler: Handler, bulk: BulkHandlers) -> None:
    together: dict[str, list[DecodedLog]] = {}
    for log in logs:
        if log.qualified in bulk:
            together.setdefault(log.qualified, []).append(log)
        else:
            handler(log)
    for event, found in together.items():
        bulk[event](found)


def taken(projection: Projection) -> Iterator[DecodedLog]:
    """Every stored log that a projection has taken in, oldest first. Raises NotDeployed."""
    ours = deployment()
    cursor = Cursor.objects.filter(chain_id=ours.chain_id, name=projection.name).first()
    if cursor is None:
        return
    start = Cursor(chain_id=ours.chain_id, name=projection.name)
    for log in _after(start, projection.events, ours, cursor.block_number).iterator(BATCH_LOGS):
        if (log.block_number, log.log_index) <= (cursor.block_number, cursor.log_index):
            yield _decode(log, ours)


def _after(
    cursor: Cursor, events: Sequence[str], ours: Deployment, finalized: int
) -> QuerySet[Log]:
    """Finalized logs of these events after the cursor, oldest first."""
    position = Q(block_number__gt=cursor.block_number) | Q(
        block_number=cursor.block_number, log_index__gt=cursor.log_index
    )
    wanted = Q(pk__in=[])
    for name in events:
        owner, event = name.split(".")
        wanted |= Q(address=ours.address(owner), topic0=contract(owner).event(event).topic0)
    logs = Log.objects.filter(
        chain_id=ours.chain_id,
        # Implied by the position, but what lets PostgreSQL read the index from there on.
        block_number__range=(cursor.block_number, finalized),
    )
    return (
        logs.filter(position, wanted).order_by("block_number", "log_index").select_related("block")
    )


def _decode(log: Log, ours: Deployment) -> DecodedLog:
    owner = ours.names[log.address]
    event, arguments = contract(owner).decode_log([log.topic0, *log.topics], bytes(log.data))
    return DecodedLog(
        contract=owner,
        event=event,
        arguments=arguments,
        address=log.address,
        chain_id=log.chain_id,
        block_number=log.block_number,
        block_hash=log.block_hash,
        block_timestamp=log.block.timestamp,
        log_index=log.log_index,
        transaction_hash=log.transaction_hash,
    )


def registered() -> Iterator[Projection]:
    """The projections of settings.PROJECTIONS, in their order."""
    for path in settings.PROJECTIONS:
        module, name = path.rsplit(".", 1)
        projection = getattr(importlib.import_module(module), name)
        if not isinstance(projection, Projection):
            raise TypeError(f"settings.PROJECTIONS: {path} is not a Projection")
        yield projection
