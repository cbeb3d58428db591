"""The sealer: gives committed entries their place in a tamper-evident chain, without gaps.

Sealing is apart from posting so that writers never wait for each other's place. One sealer runs at
a time; closing an epoch seals what is left and takes the Merkle root of the epoch's digests.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max, Min

from lam_core.files import write_whole
from points.arrays import array_item, array_literals
from points.keccak import Bytes
from points.merkle import MerkleTree
from points.models import Entry, Epoch, Seal

SEALER_LOCK = 7412
GENESIS = bytes(32)
EMPTY_ROOT = "0x" + bytes(32).hex()
"""The ledger root of an epoch without entries."""
NODES = "ledger.bin"
BATCH = 20_000
# A transaction that took an earlier id may commit after a later id was sealed; this far back the
# sealer looks for such stragglers. Closing an epoch looks through all of it.
STRAGGLER_WINDOW = 100_000


@dataclass(frozen=True, slots=True)
class Known:
    """The digests of an epoch's sealed entries up to a position of the chain, 32 bytes a row."""

    position: int = 0
    digests: Bytes = field(default_factory=lambda: np.empty((0, 32), np.uint8))


def seal_pending(*, epoch: int | None = None) -> int:
    """Seal committed entries that have no place yet; returns how many.

    With `epoch`, every such entry of it (writers must be shut out by the caller); otherwise the
    recent ones.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", [SEALER_LOCK])
        sealed = 0
        while entries := _unsealed(epoch):
            _append(entries)
            sealed += len(entries)
            if len(entries) < BATCH:
                break
    return sealed


def chain_after(chain: bytes, digest: bytes) -> bytes:
    """The next value of the chain."""
    return hashlib.sha256(chain + digest).digest()


def ledger_root(epoch: int) -> str:
    """Merkle root over the digests of an epoch's sealed entries in their order."""
    return _root(_tree(epoch_digests(epoch)))


def store_tree(epoch: int, digests: Bytes | None = None) -> str:
    """Keep the tree over an epoch's sealed entries on disk, for proofs; its root.

    Beside the bundle and outside its hash: salted digests, which can be built again. PostgreSQL is
    not asked where `digests` are given (see `epoch_digests`).
    """
    tree = _tree(epoch_digests(epoch) if digests is None else digests)
    path = _path(epoch)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, lambda file: tree.nodes.tofile(file) if tree else None)
    return _root(tree)


def open_tree(epoch: Epoch) -> MerkleTree:
    """The tree over a closed epoch's entries, its nodes left on disk; built when not there.

    Raises ValueError when the epoch has no entries.
    """
    path = _path(epoch.number)
    if not path.exists() or _mapped(path).root != epoch.ledger_root:
        store_tree(epoch.number)
    return _mapped(path)


def places(epoch: int, entries: Sequence[int]) -> dict[int, int]:
    """Positions of sealed entries of an epoch in its tree, by id."""
    seals = Seal.objects.filter(epoch_number=epoch)
    first = seals.aggregate(first=Min("position"))["first"]
    known = Seal.objects.filter(entry__in=entries).values_list("entry", "position")
    return {entry: position - first for entry, position in known}


def _tree(digests: Bytes) -> MerkleTree | None:
    return MerkleTree.of_leaves(digests) if len(digests) else None


def _root(tree: MerkleTree | None) -> str:
    return tree.root if tree else EMPTY_ROOT


def _path(epoch: int) -> Path:
    return Path(settings.BUNDLES_DIR) / f"epoch-{epoch}-{NODES}"


def _mapped(path: Path) -> MerkleTree:
    return MerkleTree(np.memmap(path, np.uint8, "r").reshape(-1, 32))


def epoch_digests(epoch: int, *, known: Known | None = None) -> Bytes:
    """The digests of an epoch's sealed entries, n rows of 32 bytes, in their order.

    Those that are `known` need not be read again.
    """
    return _read_digests(epoch, known or Known()).digests


def digests_beside(epoch: int) -> Known:
    """What is sealed of an epoch so far, read over a connection of this thread's own."""
    try:
        return _read_digests(epoch, Known())
    finally:
        connection.close()


def _read_digests(epoch: int, known: Known) -> Known:
    seals = Seal.objects.filter(epoch_number=epoch, position__gt=known.position)
    found = seals.aggregate(first=Min("position"), last=Max("position"))
    parts, last = [known.digests], found["last"] or known.position
    with connection.cursor() as cursor:
        for start in range(found["first"] or 0, (found["last"] or -1) + 1, BATCH):
            cursor.execute(
                "SELECT string_agg(digest, ''::bytea ORDER BY position) FROM points_seal "
                "WHERE position >= %s AND position <= %s AND epoch_number = %s",
                [start, min(start + BATCH - 1, last), epoch],
            )
            joined = cursor.fetchone()[0] or b""
            parts.append(np.frombuffer(joined, np.uint8).reshape(-1, 32))
    return Known(last, np.concatenate(parts))


def _unsealed(epoch: int | None) -> list[tuple[int, bytes, int]]:
    entries = Entry.objects.filter(seal__isnull=True)
    if epoch is not None:
        entries = entries.filter(epoch=epoch)
    elif newest := Seal.objects.order_by("-position").first():
        entries = entries.filter(pk__gt=newest.entry_id - STRAGGLER_WINDOW)
    rows = entries.order_by("pk").values_list("pk", "digest", "epoch_id")
    return [(pk, bytes(digest), number) for pk, digest, number in rows[:BATCH]]


def _append(entries: list[tuple[int, bytes, int]]) -> None:
    last = Seal.objects.order_by("-position").first()
    position, chain = (last.position, bytes(last.chain)) if last else (0, GENESIS)
    rows = []
    for entry, digest, number in entries:
        position, chain = position + 1, chain_after(chain, digest)
        rows.append((str(position), str(entry), array_item(digest), array_item(chain), str(number)))
    # One statement: the trigger checks that the positions follow on without a gap.
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO points_seal (position, entry_id, digest, chain, epoch_number) "
            "SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bytea[], %s::bytea[], "
            "%s::bigint[])",
            array_literals(rows),
        )
