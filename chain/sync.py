"""Following the chain: headers and our contracts' logs by range, checked, stored with the cursor.

A window is fetched outside any transaction and stored in one, under the lock of the chain's row,
and only if the row still stands where the window begins: two followers can waste work, never
double a log. What is fetched is checked (see chain.fetch). A header of ours that the node no longer
has is rewound; below the finalized block nothing may change, and a change is an error.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import orjson
from django.db import connection, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from chain import fetch, finality, locks
from chain.deployment import Deployment, deployment
from chain.fetch import ChainMoved
from chain.models import Block, Chain, Log
from chain.rpc import ChainError, ChainUnavailable, Header, RawLog, Rpc, RpcError

WINDOW_MAX_BLOCKS = 5000
ANCESTOR_STEP = 64
COPY_LOGS = """COPY chain_log (
    chain_id, block_id, block_hash, block_number, log_index, transaction_hash, transaction_index,
    address, topic0, topics, data
) FROM STDIN"""

logger = logging.getLogger(__name__)


class ChainBehind(ChainError):
    """The node has fewer blocks than were already followed: it lags, or lost its state."""


class FinalizedChanged(ChainError):
    """A block that was final is another one now. Nothing is taken in until a person has looked."""


@dataclass(frozen=True)
class SyncResult:
    """Where following stands; `busy` when another worker holds the lock."""

    height: int = 0
    finalized: int = 0
    head: int = 0
    logs: int = 0
    reorg_depth: int = 0
    busy: bool = False


def sync(rpc: Rpc) -> SyncResult:
    """Take in everything up to the node's head.

    Raises WrongChain, ChainBehind, FinalizedChanged, FinalityDisputed (nothing stored), ChainMoved,
    NodeLied and ChainUnavailable (what was stored before stands; call again).
    """
    ours = deployment()
    with locks.held(f"chain.sync.{ours.chain_id}") as mine:
        if not mine:
            return SyncResult(busy=True)
        rpc.require_chain(ours.chain_id)
        head = fetch.header(rpc, "latest")
        chain = _row(rpc, ours)
        depth = _rewind(rpc, chain, head)
        final = finality.finalized(rpc, head)
        logs = 0
        while chain.height < head.number:
            logs += _take_window(rpc, chain, ours, head, final)
        _finalize(chain, final, head)
        return SyncResult(chain.height, chain.finalized_number, head.number, logs, depth)


def _row(rpc: Rpc, ours: Deployment) -> Chain:
    """The chain's row; on first sight it stands before the deployment's block."""
    chain = Chain.objects.filter(chain_id=ours.chain_id).first()
    if chain is not None:
        return chain
    start = fetch.header(rpc, max(0, ours.block_number - 1))
    with transaction.atomic():
        chain, created = Chain.objects.get_or_create(
            chain_id=ours.chain_id,
            defaults={
                "height": start.number,
                "height_hash": start.hash,
                "height_timestamp": start.timestamp,
                "finalized_number": start.number,
                "finalized_hash": start.hash,
                "head": start.number,
                "synced_at": timezone.now(),
            },
        )
        if created:
            Block.objects.create(**_block_fields(ours.chain_id, start))
    return chain


def _block_fields(chain_id: int, header: Header) -> dict[str, int | str]:
    return {
        "chain_id": chain_id,
        "number": header.number,
        "hash": header.hash,
        "parent_hash": header.parent_hash,
        "timestamp": header.timestamp,
    }


def _rewind(rpc: Rpc, chain: Chain, head: Header) -> int:
    """Drop blocks the node no longer has; returns how many."""
    if head.number < chain.finalized_number:
        raise ChainBehind(
            f"the node at {rpc.url} stands at block {head.number}, but block "
            f"{chain.finalized_number} was already final: it lost its state, or is another chain"
        )
    final = fetch.header(rpc, chain.finalized_number)
    if final.hash != chain.finalized_hash:
        raise FinalizedChanged(
            f"block {chain.finalized_number} was final as {chain.finalized_hash}, and the node at "
            f"{rpc.url} now has {final.hash}"
        )
    ancestor = _common_ancestor(rpc, chain, min(chain.height, head.number))
    if ancestor == chain.height:
        return 0
    if ancestor == head.number:
        raise ChainBehind(
            f"the node at {rpc.url} stands at block {head.number}, we at {chain.height}: it lags"
        )
    return _drop_above(chain, ancestor)


def _common_ancestor(rpc: Rpc, chain: Chain, top: int) -> int:
    """The highest block up to `top` that we and the node agree on."""
    while top > chain.finalized_number:
        bottom = max(chain.finalized_number, top - ANCESTOR_STEP)
        stored = Block.objects.filter(
            chain_id=chain.chain_id, number__gt=bottom, number__lte=top
        ).order_by("-number")
        blocks = list(stored)
        headers = rpc.headers([block.number for block in blocks])
        for block, header in zip(blocks, headers, strict=True):
            if header is not None and fetch.proven(header).hash == block.hash:
                return block.number
        top = bottom
    return chain.finalized_number


def _drop_above(chain: Chain, ancestor: int) -> int:
    depth = chain.height - ancestor
    with transaction.atomic():
        locked = _lock_unmoved(chain)
        kept = Block.objects.get(chain_id=chain.chain_id, number=ancestor)
        Block.objects.filter(chain_id=chain.chain_id, number__gt=ancestor).delete()
        locked.height, locked.height_hash = kept.number, kept.hash
        locked.height_timestamp = kept.timestamp
        locked.reorgs += 1
        locked.deepest_reorg = max(locked.deepest_reorg, depth)
        locked.save()
    _copy(locked, chain)
    logger.warning("reorg: %d blocks dropped, back at block %d", depth, ancestor)
    return depth


def _lock_unmoved(chain: Chain) -> Chain:
    """The row under lock. Raises ChainMoved when another worker has moved it."""
    locked = Chain.objects.select_for_update().get(pk=chain.pk)
    if (locked.height, locked.height_hash) != (chain.height, chain.height_hash):
        raise ChainMoved("another worker has moved the cursor")
    return locked


def _copy(source: Chain, target: Chain) -> None:
    for each in Chain._meta.concrete_fields:
        setattr(target, each.attname, getattr(source, each.attname))


def _take_window(rpc: Rpc, chain: Chain, ours: Deployment, head: Header, final: Header) -> int:
    """Fetch, check and store the next window; returns how many logs. Adapts the window's size."""
    last = min(head.number, chain.height + chain.window)
    try:
        headers = fetch.headers(rpc, after=chain.height, after_hash=chain.height_hash, last=last)
        logs = fetch.logs(rpc, addresses=list(ours.names), headers=headers)
    except ChainUnavailable:
        _shrink(chain)
        raise
    except RpcError as error:
        # Providers refuse ranges with too many blocks or results, each in its own words.
        if chain.window == 1:
            raise
        _shrink(chain)
        logger.info("smaller windows of %d blocks: %s", chain.window, error)
        return 0
    _store(chain, headers, logs, head, final)
    return len(logs)


def _shrink(chain: Chain) -> None:
    chain.window = max(1, chain.window // 2)
    Chain.objects.filter(pk=chain.pk).update(window=chain.window)


def _store(
    chain: Chain, headers: Sequence[Header], logs: Iterable[RawLog], head: Header, final: Header
) -> None:
    """Blocks, logs and the cursor, in one transaction."""
    last = headers[-1]
    with transaction.atomic():
        locked = _lock_unmoved(chain)
        blocks = Block.objects.bulk_create(
            Block(**_block_fields(chain.chain_id, header)) for header in headers
        )
        _copy_logs(chain.chain_id, {block.hash: block.pk for block in blocks}, logs)
        locked.height, locked.height_hash = last.number, last.hash
        locked.height_timestamp, locked.head = last.timestamp, head.number
        if len(headers) == chain.window:
            locked.window = min(WINDOW_MAX_BLOCKS, chain.window * 2)
        _advance_finality(locked, final)
        locked.synced_at = timezone.now()
        locked.save()
    _copy(locked, chain)


def _copy_logs(chain_id: int, blocks: dict[str, int], logs: Iterable[RawLog]) -> None:
    """Insert by COPY: several times as fast as INSERT, within the same transaction."""
    with connection.cursor() as cursor, cursor.copy(COPY_LOGS) as copy:
        for log in logs:
            copy.write_row(
                (
                    chain_id,
                    blocks[log.block_hash],
                    log.block_hash,
                    log.block_number,
                    log.log_index,
                    log.transaction_hash,
                    log.transaction_index,
                    log.address,
                    log.topics[0],
                    orjson.dumps(log.topics[1:]).decode(),
                    log.data,
                )
            )


def _finalize(chain: Chain, final: Header, head: Header) -> None:
    """Blocks become final while none is new, too."""
    with transaction.atomic():
        locked = _lock_unmoved(chain)
        _advance_finality(locked, final)
        locked.head, locked.synced_at = head.number, timezone.now()
        locked.save()
    _copy(locked, chain)


def _advance_finality(chain: Chain, final: Header) -> None:
    """Move the finalized block up to the node's, never back, and drop empty headers below it."""
    number = min(final.number, chain.height)
    if number <= chain.finalized_number:
        return
    block = Block.objects.get(chain_id=chain.chain_id, number=number)
    if number == final.number and block.hash != final.hash:
        raise ChainMoved(f"block {number} changed while it became final")
    below = Block.objects.filter(
        chain_id=chain.chain_id, number__gte=chain.finalized_number, number__lt=number
    )
    below.filter(~Exists(Log.objects.filter(block=OuterRef("pk")))).delete()
    chain.finalized_number, chain.finalized_hash = number, block.hash
