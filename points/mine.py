"""One's own points of an epoch, computed again from one's own export. Pure: no Django.

Each entry is held against the ledger root on chain, each amount against the policy of the bundle,
and the sums against one's row in it. What rests on the private work of others can't be computed by
anybody alone: `attested` lists it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contributions.policy_document import Policy
from lam_core.canonical import NotCanonical, canonical_json
from points import leaf
from points.bundle import Row
from points.merkle import verify_proof
from points.own_amounts import Own, Pair, Running, differing
from points.own_export import OwnEntry, OwnExport

BY_KIND = {
    "settlement": {"work", "referral", "netted"},
    "use": {"spent", "creator", "netted"},
    "reversal": {"reversed"},
    "carry": {"carried"},
}
"""Why entries of a kind may move one's points."""
REASONS = sorted(set().union(*BY_KIND.values()))
"""The categories of points in a bundle."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """A field of the export that is not what it must be, and where it stands."""

    where: str
    field: str
    expected: object
    found: object


@dataclass(frozen=True)
class Reference:
    """The bundle an export is held against, and rows of the one before where that is at hand.

    `opened_on` is the day the epoch before began to close, in days since 1970.
    """

    epoch: int
    hash: str
    totals: Mapping[str, Any]
    policy: Policy
    rows: Mapping[str, Row]
    previous: Mapping[str, Row]
    opened_on: int | None


def check_mine(export: OwnExport, against: Reference) -> Iterator[Wrong]:
    """Everything in an export that follows neither from the ledger nor from the policy."""
    yield from _named("export", _header(export, against))
    yield from _named("works", _works(export))
    running = Running()
    for number, entry in enumerate(export.entries):
        where = f"entry {number} ({entry.kind})"
        yield from _named(where, _entry(export, against, entry, running))
    yield from _named("sums by category", _sums(export, against, running.sums))


def _named(where: str, pairs: Iterator[Pair]) -> Iterator[Wrong]:
    for name, expected, found in pairs:
        yield Wrong(where, name, expected, found)


def _header(export: OwnExport, against: Reference) -> Iterator[Pair]:
    owner, given = export.account.removeprefix("points:"), export.earlier_millipoints
    yield from differing(
        ("epoch", against.epoch, export.epoch),
        ("bundle_hash", against.hash, export.bundle_hash),
        ("ledger_root", against.totals["ledger_root"], export.ledger_root),
        ("owed_account", f"owed:{owner}", export.owed_account),
    )
    if export.address and export.address not in against.rows:
        yield "address", "one of the bundle", export.address
    if given and len(given) != export.epoch - 1:
        yield "earlier_millipoints", f"{export.epoch - 1} epochs", f"{len(given)}"
    if given and (row := against.previous.get(export.address or "")):
        yield from differing(("earlier_millipoints, the last", row.millipoints, given[-1]))


def _works(export: OwnExport) -> Iterator[Pair]:
    """Each workflow is listed once and paid for at most once."""
    listed = Counter(work.workflow for work in export.works)
    paid = Counter(entry.workflow for entry in export.entries if entry.workflow)
    for each in sorted({*listed, *paid}):
        if listed[each] != 1 or paid[each] > 1:
            yield each, "listed once, paid at most once", f"{listed[each]}, {paid[each]}"


def _sums(export: OwnExport, against: Reference, sums: Mapping[str, int]) -> Iterator[Pair]:
    """They are those of one's row; without one, as nothing could be paid, nothing is left."""
    row = against.rows.get(export.address or "")
    if row is None:
        yield from differing(("all of them", 0, sum(sums.values())))
        return
    for name in sorted({*row.categories, *sums}):
        yield from differing((name, row.categories.get(name, 0), sums.get(name, 0)))


def _entry(
    export: OwnExport, against: Reference, entry: OwnEntry, running: Running
) -> Iterator[Pair]:
    root, leaf_hash = against.totals["ledger_root"], _leaf(export, entry)
    if not verify_proof(root=root, leaf=leaf_hash, proof=entry.proof):
        yield "proof", f"leads to {root}", f"does not, from {leaf_hash}"
    yield from _opened(entry)
    yield from _lines(export, entry)
    if leaf_hash in running.leaves:
        yield "leaf", "each entry once", leaf_hash
    own = Own(
        export, entry, against.policy, against.totals["release_hash"], opened_on=against.opened_on
    )
    yield from own.check(running)
    running.add(own, leaf_hash)


def _leaf(export: OwnExport, entry: OwnEntry) -> str:
    found = leaf.leaf_of(
        kind=entry.kind,
        epoch=export.epoch,
        posted_at=entry.posted_at,
        committed=entry.commitments,
    )
    return "0x" + found.hex()


def _opened(entry: OwnEntry) -> Iterator[Pair]:
    """What is shown of the entry is what the ledger committed to."""
    if entry.inputs is not None:
        try:
            text = canonical_json(entry.inputs).decode()
        except NotCanonical as error:
            text = str(error)
        yield from _committed(entry, "inputs", 0, entry.inputs_salt or "", text)
    for line in entry.lines:
        text = leaf.line_text(line.account, line.unit, line.category, int(line.amount))
        name = f"line {line.position}"
        yield from _committed(entry, name, line.position + 1, line.salt, text)


def _committed(entry: OwnEntry, name: str, part: int, salt: str, text: str) -> Iterator[Pair]:
    committed = entry.commitments[part] if part < len(entry.commitments) else "no such part"
    found = leaf.commitment(bytes.fromhex(salt), text)
    if found != committed:
        yield name, f"what the ledger committed to, {committed}", f"{text}, {found}"


def _lines(export: OwnExport, entry: OwnEntry) -> Iterator[Pair]:
    """Each is one's own, of points, and there for a reason that such entries have."""
    own, reasons = {export.account, export.owed_account}, BY_KIND.get(entry.kind, set())
    positions = [line.position for line in entry.lines]
    if len(set(positions)) != len(positions):
        yield "lines", "each position once", positions
    for line in entry.lines:
        name = f"line {line.position}"
        if line.account not in own:
            yield f"{name}, account", sorted(own), line.account
        if line.category not in reasons:
            yield f"{name}, category", sorted(reasons), line.category
        yield from differing((f"{name}, unit", "millipoints", line.unit))


def attested(export: OwnExport) -> list[str]:
    """What of an export is taken as it stands, because it rests on what nobody can show alone."""
    categories = [line.category for entry in export.entries for line in entry.lines]
    work = [entry for entry in export.entries if entry.inputs and "score_bp" in entry.inputs]
    paid = {entry.workflow for entry in export.entries}
    unpaid = sum(1 for each in export.works if each.workflow not in paid)
    withdrawn = sum(1 for entry in work if entry.workflow is None)
    found = [
        (len(work), "verified_actions, score_bp and goal: the verifier compares with others' work"),
        (len(work), "seen_before: how often others had shown the shape"),
        (len(work), "lifetime_millipoints of epochs whose bundle was not given"),
        (len(work), "epoch_used_millipoints of referrals: what referrers earned by others"),
        (withdrawn, "own_before and the bounty's task, of work that was withdrawn"),
        (unpaid, "accepted work that earned nothing: the ledger has no entry of it"),
        (categories.count("referral"), "referral: a share of what somebody else's work was paid"),
        (categories.count("creator"), "creator: that others ran one's automations so often"),
        (categories.count("netted"), "netted: what was owed since earlier epochs"),
        (categories.count("carried"), "carried: what could not be paid in the epoch before"),
    ]
    return [f"{text} ({count})" for count, text in found if count]
