"""The public record of an epoch: everything a stranger needs to recompute who got how much LAM.

A directory of canonical JSON files and a manifest of their hashes. The manifest's content hash is
what goes on chain. The same ledger and policy give the same bytes anywhere. Pure: no Django.

`nodes.bin` beside them, outside the hash, is the tree as an array, for serving proofs.
"""

import hashlib
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import orjson

from lam_core.canonical import canonical_json, digest_bytes
from points.keccak import Bytes
from points.merkle import EMPTY_ROOT, MerkleTree, Value, dumped, leaf_hashes

FILES = ("allocations.json", "policy.json", "totals.json", "tree.json")
NODES = "nodes.bin"
VERSION = 1
PART = 5_000


class BundleError(ValueError):
    """A bundle can't be read: the file and what is wrong with it."""


class Row(NamedTuple):
    """One leaf: what this epoch gave an address (amounts may be 0) and all epochs together."""

    address: str
    leaf: int
    categories: dict[str, int]
    millipoints: int
    wei: int
    cumulative_wei: int

    @property
    def value(self) -> Value:
        """As the tree holds it."""
        return Value(self.address, self.cumulative_wei)


@dataclass(frozen=True, slots=True)
class Header:
    """What an epoch's totals say besides the sums over its rows. `source_totals_wei` is cumulative:
    emission, marketplace, bounties."""

    epoch: int
    policy_hash: str
    release_hash: str
    ledger_root: str
    closing_at: str
    emission_limit_wei: int
    total_wei: int
    source_totals_wei: tuple[int, int, int]
    chain_id: int
    distributor: str
    previous_bundle_hash: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A file as the manifest names it."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Bundle:
    """A written bundle: its hash, its tree's root and where it lies."""

    hash: str
    root: str
    path: Path


class Draft:
    """A bundle being written into a folder of its own: first the rows, then what depends on more.

    Used as a context, after which the folder is either the bundle or gone.
    """

    def __init__(self, folder: Path, epoch: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._target = path_of(folder, epoch)
        self._building = Path(tempfile.mkdtemp(prefix=f".epoch-{epoch}-", dir=folder))
        self._table = _Table()
        self._files: dict[str, Stored] = {}
        self._root = EMPTY_ROOT

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        shutil.rmtree(self._building, ignore_errors=True)

    def add(self, rows: Iterable[Row]) -> None:
        """Write allocations and tree. Rows are in the order of their leaves, without gaps, and are
        read once: there may be millions."""
        allocations = _store(self._building / "allocations.json", self._table.read(rows))
        tree = self._table.tree()
        dump = tree.dump_parts(self._table.values) if tree else [b"null"]
        self._files |= {
            "allocations.json": allocations,
            "tree.json": _store(self._building / "tree.json", dump),
        }
        _store(self._building / NODES, [tree.nodes.tobytes()] if tree else [])
        self._root = tree.root if tree else EMPTY_ROOT

    def complete(self, *, header: Header, policy: dict[str, Any]) -> Bundle:
        """Write the rest and put the bundle in its place, where an interrupted run's may lie.

        It appears complete or not at all, except that a replacement is briefly absent.
        """
        totals = canonical_json(_totals(header, self._table, self._root))
        self._files |= {
            "policy.json": _store(self._building / "policy.json", [canonical_json(policy)]),
            "totals.json": _store(self._building / "totals.json", [totals]),
        }
        manifest = canonical_json(_manifest(header, self._files))
        _store(self._building / "manifest.json", [manifest])
        self._building.chmod(0o755)
        shutil.rmtree(self._target, ignore_errors=True)
        self._building.rename(self._target)
        _sync(self._target.parent)
        return Bundle(digest_bytes(manifest), self._root, self._target)


def write(folder: Path, *, header: Header, policy: dict[str, Any], rows: Iterable[Row]) -> Bundle:
    """Write an epoch's bundle as `folder/epoch-N` (see Draft)."""
    with Draft(folder, header.epoch) as draft:
        draft.add(rows)
        return draft.complete(header=header, policy=policy)


class _Table:
    """Rows on their way into a file: what is kept of them are sums, leaves and dumped values."""

    def __init__(self) -> None:
        self.accounts = self.millipoints = self.wei = 0
        self.values: list[str] = []
        self._leaves: list[Bytes] = []

    def read(self, rows: Iterable[Row]) -> Iterator[bytes]:
        """Canonical JSON of the allocations, a few thousand rows at a time."""
        yield b"["
        remaining, comma = iter(rows), b""
        while part := list(itertools.islice(remaining, PART)):
            self._keep(part)
            yield comma + ",".join(map(_row, part)).encode()
            comma = b","
        yield b"]"

    def _keep(self, part: Sequence[Row]) -> None:
        values = [Value(row.address, row.cumulative_wei) for row in part]
        self.accounts += sum(1 for row in part if row.millipoints)
        self.millipoints += sum([row.millipoints for row in part])
        self.wei += sum([row.wei for row in part])
        self.values += map(dumped, values)
        self._leaves.append(leaf_hashes(values))

    def tree(self) -> MerkleTree | None:
        """Over all rows; None when there were none."""
        return MerkleTree.of_leaves(np.concatenate(self._leaves)) if self._leaves else None


def path_of(folder: Path, epoch: int) -> Path:
    """Where the bundle of an epoch lies."""
    return folder / f"epoch-{epoch}"


def read_json(path: Path, name: str) -> Any:
    """One file of a bundle, parsed. Raises BundleError."""
    try:
        return orjson.loads((path / name).read_bytes())
    except FileNotFoundError:
        raise BundleError(f"{name} is missing") from None
    except ValueError as error:
        raise BundleError(f"{name} is not JSON: {error}") from None


def read_rows(path: Path) -> list[Row]:
    """The allocations of a bundle. Raises BundleError naming the row."""
    rows = []
    for position, row in enumerate(read_json(path, "allocations.json")):
        try:
            rows.append(
                Row(
                    address=row["address"],
                    leaf=row["leaf"],
                    categories={name: int(value) for name, value in row["categories"].items()},
                    millipoints=int(row["millipoints"]),
                    wei=int(row["wei"]),
                    cumulative_wei=int(row["cumulative_wei"]),
                )
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BundleError(f"allocations.json: row {position} is malformed: {error}") from None
    return rows


def bundle_hash(path: Path) -> str:
    """The content hash of a bundle's manifest as it lies there. Raises BundleError."""
    return digest_bytes(canonical_json(read_json(path, "manifest.json")))


def altered_files(path: Path) -> list[str]:
    """Names of files whose bytes are not those of the manifest, missing ones included."""
    wrong = []
    for entry in read_json(path, "manifest.json")["files"]:
        try:
            content = (path / entry["name"]).read_bytes()
        except FileNotFoundError:
            content = b""
        if digest_bytes(content) != entry["sha256"] or len(content) != entry["bytes"]:
            wrong.append(entry["name"])
    return wrong


def open_tree(path: Path) -> MerkleTree:
    """The tree of a bundle, its nodes left on disk. Raises BundleError when there is none."""
    file = path / NODES
    if not file.exists() or file.stat().st_size == 0:
        raise BundleError(f"{NODES} is missing or the tree has no leaves")
    return MerkleTree(np.memmap(file, np.uint8, "r").reshape(-1, 32))


def _row(row: Row) -> str:
    address, leaf, categories, millipoints, wei, cumulative_wei = row
    listed = ",".join([f'"{name}":"{categories[name]}"' for name in sorted(categories)])
    return (
        f'{{"address":"{address}","categories":{{{listed}}},"cumulative_wei":"{cumulative_wei}",'
        f'"leaf":{leaf},"millipoints":"{millipoints}","wei":"{wei}"}}'
    )


def _totals(header: Header, table: _Table, root: str) -> dict[str, Any]:
    return {
        "accounts": table.accounts,
        "chain_id": header.chain_id,
        "closing_at": header.closing_at,
        "distributor": header.distributor,
        "emission_limit_wei": str(header.emission_limit_wei),
        "epoch": header.epoch,
        "ledger_root": header.ledger_root,
        "millipoints": str(table.millipoints),
        "policy_hash": header.policy_hash,
        "release_hash": header.release_hash,
        "root": root,
        "source_totals_wei": [str(each) for each in header.source_totals_wei],
        "total_wei": str(header.total_wei),
        "version": VERSION,
        "wei": str(table.wei),
    }


def _manifest(header: Header, files: Mapping[str, Stored]) -> dict[str, Any]:
    return {
        "epoch": header.epoch,
        "files": [
            {"bytes": files[name].bytes, "name": name, "sha256": files[name].sha256}
            for name in FILES
        ],
        "previous": header.previous_bundle_hash,
        "version": VERSION,
    }


def _store(path: Path, parts: Iterable[bytes]) -> Stored:
    """Write and flush a file; its length and hash."""
    length, digest = 0, hashlib.sha256()
    with path.open("wb") as file:
        for part in parts:
            file.write(part)
            digest.update(part)
            length += len(part)
        file.flush()
        os.fsync(file.fileno())
    return Stored(length, "0x" + digest.hexdigest())


def _sync(folder: Path) -> None:
    """Make the rename itself durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
