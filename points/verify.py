"""Check an epoch's bundle without trusting whoever published it.

    python -m points.verify BUNDLE [--previous BUNDLE] [--rpc URL [--from-block N]] [--mine EXPORT]

Recomputes the allocations from points and policy, the tree and its root, that no address lost
anything since the previous bundle, and that the chain holds this root, policy, ledger root and
bundle; from one's own export (GET /api/v1/epochs/N/export) one's own points. Needs no database, no
Django and no service of ours. Prints each mismatch; exits 1 if any.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from chain.abi import contract
from chain.rpc import ChainError, Rpc
from contributions.policy_document import Policy, PolicyError, parse_policy
from lam_core.canonical import content_hash
from points import bundle
from points.allocation import allocate, scheduled_emission
from points.bundle import BundleError, Row
from points.merkle import EMPTY_ROOT, MerkleTree
from points.mine import REASONS, Reference, attested, check_mine
from points.own_export import ExportError, OwnExport, read_export

REWARD_POLICY = 0
SOURCES = ("emission", "marketplace", "bounties")
ATTESTED = (
    "points of each address by category: they follow from private work; whose they are computes "
    "them again from an export of their own (--mine)",
    "ledger_root: it is checked by the entries of such an export",
)


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One thing that is not as it must be."""

    what: str
    detail: str

    def __str__(self) -> str:
        return f"{self.what}: {self.detail}"


@dataclass(frozen=True)
class Published:
    """A bundle as read from its directory."""

    path: Path
    hash: str
    manifest: dict[str, Any]
    policy: Any
    totals: dict[str, Any]
    rows: list[Row]

    @property
    def epoch(self) -> int:
        """The epoch's number, as the totals say."""
        return int(self.totals["epoch"])


def read(path: Path) -> Published:
    """A bundle's files. Raises BundleError."""
    return Published(
        path=path,
        hash=bundle.bundle_hash(path),
        manifest=bundle.read_json(path, "manifest.json"),
        policy=bundle.read_json(path, "policy.json"),
        totals=bundle.read_json(path, "totals.json"),
        rows=bundle.read_rows(path),
    )


def check(published: Published) -> Iterator[Mismatch]:
    """Everything that can be checked of one bundle by itself."""
    for name in bundle.altered_files(published.path):
        yield Mismatch(name, "its bytes are not those of the manifest")
    yield from _check_manifest(published)
    yield from _check_policy(published)
    yield from _check_rows(published.rows)
    yield from _check_totals(published)
    yield from _check_allocation(published)
    yield from _check_tree(published)


def _check_manifest(published: Published) -> Iterator[Mismatch]:
    manifest, totals = published.manifest, published.totals
    if [each["name"] for each in manifest["files"]] != list(bundle.FILES):
        yield Mismatch("manifest.json", f"it must list {', '.join(bundle.FILES)}")
    if manifest["epoch"] != totals["epoch"]:
        yield Mismatch("manifest.json", f"it is of epoch {manifest['epoch']}, the totals another")
    for name, document in (("manifest.json", manifest), ("totals.json", totals)):
        if document["version"] != bundle.VERSION:
            yield Mismatch(name, f"version {document['version']} is not {bundle.VERSION}")


def _policy(published: Published) -> Policy | None:
    try:
        return parse_policy(published.policy)
    except PolicyError:
        return None


def _check_policy(published: Published) -> Iterator[Mismatch]:
    if _policy(published) is None:
        yield Mismatch("policy.json", "it is not a reward policy")
    found = content_hash(published.policy)
    if found != published.totals["policy_hash"]:
        yield Mismatch("policy hash", f"policy.json has {found}, the totals name another")


def _check_rows(rows: Sequence[Row]) -> Iterator[Mismatch]:
    seen: set[str] = set()
    for position, row in enumerate(rows):
        if row.leaf != position:
            yield Mismatch(f"leaf {row.leaf}", f"it stands at position {position}")
        if row.address in seen:
            yield Mismatch(f"address {row.address}", "it has two leaves")
        seen.add(row.address)
        if unknown := set(row.categories) - set(REASONS):
            yield Mismatch(f"address {row.address}", f"unknown categories {sorted(unknown)}")
        if sum(row.categories.values()) != row.millipoints or row.millipoints < 0:
            yield Mismatch(f"points of {row.address}", "the categories do not add up to them")
        if not 0 <= row.wei <= row.cumulative_wei:
            yield Mismatch(f"LAM of {row.address}", "this epoch gave more than all epochs")


def _check_totals(published: Published) -> Iterator[Mismatch]:
    rows, totals = published.rows, published.totals
    sums = {
        "wei": sum(row.wei for row in rows),
        "total_wei": sum(row.cumulative_wei for row in rows),
        "millipoints": sum(row.millipoints for row in rows),
    }
    for name, found in sums.items():
        if int(totals[name]) != found:
            yield Mismatch(f"totals {name}", f"the rows add up to {found}, not {totals[name]}")
    if sum(map(int, totals["source_totals_wei"])) != int(totals["total_wei"]):
        yield Mismatch("totals source_totals_wei", "the sources do not add up to total_wei")
    if totals["accounts"] != (paid := sum(1 for row in rows if row.millipoints)):
        yield Mismatch("totals accounts", f"{paid} rows have points, not {totals['accounts']}")


def _check_allocation(published: Published) -> Iterator[Mismatch]:
    policy = _policy(published)
    if policy is None:
        return
    limit = int(published.totals["emission_limit_wei"])
    if limit > scheduled_emission(published.epoch):
        yield Mismatch("emission limit", "it is more than the token's schedule gives")
    points = {row.address: row.millipoints for row in published.rows if row.millipoints > 0}
    expected = allocate(min(policy.emission(published.epoch), limit), points)
    for row in published.rows:
        if row.wei != expected.get(row.address, 0):
            yield Mismatch(
                f"LAM of {row.address}",
                f"its points give {expected.get(row.address, 0)} wei, the bundle {row.wei}",
            )


def _check_tree(published: Published) -> Iterator[Mismatch]:
    values = [row.value for row in published.rows]
    tree = MerkleTree.of(values) if values else None
    root = tree.root if tree else EMPTY_ROOT
    if root != published.totals["root"]:
        yield Mismatch("root", f"the allocations give {root}, not {published.totals['root']}")
    written = (published.path / "tree.json").read_bytes()
    if written != (tree.dump(values) if tree else b"null"):
        yield Mismatch("tree.json", "it is not the tree of the allocations")


def check_previous(published: Published, previous: Published) -> Iterator[Mismatch]:
    """That nobody lost anything and no leaf moved since the bundle before."""
    if previous.epoch != published.epoch - 1:
        yield Mismatch("previous bundle", f"it is of epoch {previous.epoch}")
    if published.manifest["previous"] != previous.hash:
        yield Mismatch("previous bundle", "its hash is not the one the manifest names")
    if len(published.rows) < len(previous.rows):
        yield Mismatch("leaves", f"{len(previous.rows)} before, only {len(published.rows)} now")
    for before, now in zip(previous.rows, published.rows, strict=False):
        if before.address != now.address:
            yield Mismatch(f"leaf {now.leaf}", f"it was {before.address}, now {now.address}")
        elif now.cumulative_wei != before.cumulative_wei + now.wei:
            yield Mismatch(
                f"cumulative LAM of {now.address}",
                f"{before.cumulative_wei} before and {now.wei} now do not give "
                f"{now.cumulative_wei}",
            )
    known = len(previous.rows)
    new = [row.address.lower() for row in published.rows[known:]]
    if new != sorted(new):
        yield Mismatch("new leaves", "they are not in the order of their addresses")
    yield from _check_first(published.rows[known:])


def _check_first(rows: Sequence[Row]) -> Iterator[Mismatch]:
    for row in rows:
        if row.cumulative_wei != row.wei:
            yield Mismatch(f"cumulative LAM of {row.address}", "a new leaf starts at nothing")


def check_chain(published: Published, rpc: Rpc, *, from_block: int = 0) -> Iterator[Mismatch]:
    """That the chain holds exactly this root. Raises ChainError when the node can't be asked."""
    totals = published.totals
    if rpc.chain_id() != totals["chain_id"]:
        yield Mismatch("chain", f"the node is on {rpc.chain_id()}, not {totals['chain_id']}")
        return
    header = _submitted(published, rpc, from_block)
    if header is None:
        yield Mismatch("chain", f"no root of epoch {published.epoch} was submitted")
        return
    expected = {
        "root": totals["root"],
        "total": int(totals["total_wei"]),
        "sourceTotals": [int(each) for each in totals["source_totals_wei"]],
        "policyHash": totals["policy_hash"],
        "ledgerRoot": totals["ledger_root"],
        "bundleHash": published.hash,
    }
    for name, value in expected.items():
        if header[name] != value:
            yield Mismatch(f"chain {name}", f"the chain has {header[name]}, the bundle {value}")
    yield from _check_funding(published, rpc)


def _submitted(published: Published, rpc: Rpc, from_block: int) -> dict[str, Any] | None:
    """The last RootSubmitted of the bundle's epoch: a vetoed one is replaced by the next."""
    event = contract("RewardsDistributor").event("RootSubmitted")
    query = {
        "address": published.totals["distributor"],
        "topics": [event.topic0, f"0x{published.epoch:064x}"],
        "fromBlock": hex(from_block),
        "toBlock": "latest",
    }
    logs = rpc.call("eth_getLogs", query)
    if not logs:
        return None
    data = bytes.fromhex(logs[-1]["data"][2:])
    return contract("RewardsDistributor").decode_log(logs[-1]["topics"], data)[1]


def _check_funding(published: Published, rpc: Rpc) -> Iterator[Mismatch]:
    registry = _view(rpc, published.totals["distributor"], "RewardsDistributor", "REGISTRY")
    policy_hash = published.totals["policy_hash"]
    if not _view(rpc, registry, "Registry", "isAdopted", REWARD_POLICY, policy_hash):
        yield Mismatch("chain policy", f"the Registry never adopted {policy_hash}")
    token = _view(rpc, published.totals["distributor"], "RewardsDistributor", "TOKEN")
    if int(published.totals["wei"]) > _view(rpc, token, "LAMToken", "emission", published.epoch):
        yield Mismatch("chain emission", "the epoch gave more than the token's schedule")
    vault = _view(rpc, published.totals["distributor"], "RewardsDistributor", "VAULT")
    for source, (name, wei) in enumerate(
        zip(SOURCES, published.totals["source_totals_wei"], strict=True)
    ):
        if int(wei) > (funded := _view(rpc, vault, "RewardsVault", "funded", source)):
            yield Mismatch(f"chain funding of {name}", f"{wei} were given, {funded} paid in")


def _view(rpc: Rpc, to: str, name: str, function: str, *arguments: Any) -> Any:
    answer = rpc.read(to=to, data=contract(name).encode_call(function, *arguments))
    return contract(name).decode_result(function, answer)


def check_own(
    published: Published, export: OwnExport, previous: Published | None = None
) -> Iterator[Mismatch]:
    """That one's points in a bundle follow from one's own export of the epoch."""
    policy = _policy(published)
    if policy is None:
        return
    against = Reference(
        epoch=published.epoch,
        hash=published.hash,
        totals=published.totals,
        policy=policy,
        rows={row.address: row for row in published.rows},
        previous={row.address: row for row in previous.rows} if previous else {},
        opened_on=_opened_on(published, previous),
    )
    for wrong in check_mine(export, against):
        yield Mismatch(
            f"{wrong.where}, {wrong.field}", f"expected {wrong.expected}, found {wrong.found}"
        )


def _opened_on(published: Published, previous: Published | None) -> int | None:
    """The day since 1970 that the epoch before began to close on; the first had none before."""
    if published.epoch == 1:
        return -1
    if previous is None or previous.epoch != published.epoch - 1:
        return None
    closing = datetime.fromisoformat(previous.totals["closing_at"])
    return (closing.date() - date(1970, 1, 1)).days


def verify(
    path: Path,
    *,
    previous: Path | None = None,
    rpc: Rpc | None = None,
    from_block: int = 0,
    mine: OwnExport | None = None,
) -> list[Mismatch]:
    """All mismatches of a bundle, and of one's own export of its epoch.

    Raises BundleError when a file can't be read, ChainError.
    """
    published = read(path)
    before = read(previous) if previous else None
    found = list(check(published))
    if before:
        found += check_previous(published, before)
    if mine:
        found += check_own(published, mine, before)
    if rpc:
        found += check_chain(published, rpc, from_block=from_block)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0 when everything holds, 1 on a mismatch, 2 when it can't be checked."""
    parser = argparse.ArgumentParser(prog="points.verify", description=__doc__.split("\n")[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--previous", type=Path, help="the bundle of the epoch before")
    parser.add_argument("--rpc", help="a node of the chain, to compare with what it holds")
    parser.add_argument("--from-block", type=int, default=0, help="where the contracts begin")
    parser.add_argument("--mine", type=Path, help="one's own export of the epoch, as JSON")
    given = parser.parse_args(arguments)
    try:
        mine = read_export(given.mine) if given.mine else None
        found = verify(
            given.bundle,
            previous=given.previous,
            rpc=Rpc(given.rpc) if given.rpc else None,
            from_block=given.from_block,
            mine=mine,
        )
    except (BundleError, ChainError, ExportError, KeyError) as error:
        print(f"can't be checked: {error}", file=sys.stderr)
        return 2
    for mismatch in found:
        print(mismatch)
    print(f"{len(found)} mismatches in {given.bundle}")
    if mine:
        print(f"{len(mine.entries)} entries of {mine.account}, paid to {mine.address or 'nobody'}")
    for each in attested(mine) if mine else ATTESTED:
        print(f"attested, not recomputed: {each}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
