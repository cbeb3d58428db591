"""Ledger = bundle = chain: the same amounts in all three, each difference named.

Used by the auditors' page, by `manage.py audit` and at the end of the demonstration loop.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Max, Sum

from chain.abi import contract
from chain.deployment import Deployment, NotDeployed, deployment
from chain.models import Chain
from chain.rpc import Rpc
from points import bundle, epochs, ledger
from points.chain_models import Claim, RootActivation, RootSubmission
from points.models import (
    Account,
    AccountKind,
    Allocation,
    Balance,
    Category,
    Epoch,
    Leaf,
    Line,
    SystemAccount,
)


@dataclass(frozen=True, slots=True)
class Difference:
    """Two places that should say the same and do not."""

    where: str
    what: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}: expected {self.expected}, found {self.found}"


def differences(*, rpc: Rpc | None = None) -> list[Difference]:
    """Everything that does not agree; an empty list is what should come. With `rpc`, the node is
    asked too, at the last block whose logs are final here. Raises ChainUnavailable."""
    found = [each for epoch in _closed() for each in _epoch_differences(epoch)]
    found += _claim_differences()
    if rpc:
        found += _node_differences(rpc)
    return found


def _closed() -> list[Epoch]:
    return list(Epoch.objects.filter(closed_at__isnull=False).order_by("number"))


def _compare(where: str, what: str, expected: Any, found: Any) -> Iterator[Difference]:
    if expected != found:
        yield Difference(where, what, str(expected), str(found))


def _epoch_differences(epoch: Epoch) -> Iterator[Difference]:
    yield from _ledger_differences(epoch)
    yield from bundle_differences(epoch)
    yield from _root_differences(epoch)


def _ledger_differences(epoch: Epoch) -> Iterator[Difference]:
    """What the epoch says it gave, against lines of the journal and allocations."""
    where = f"epoch {epoch.number}"
    lines = Line.objects.filter(epoch_number=epoch.number)
    emitted = lines.filter(account=SystemAccount.EMISSION).aggregate(sum=Sum("amount"))["sum"] or 0
    converted = lines.filter(account=SystemAccount.CONVERTED).aggregate(sum=Sum("amount"))["sum"]
    allocated = Allocation.objects.filter(epoch=epoch).aggregate(
        wei=Sum("wei"), millipoints=Sum("millipoints")
    )
    yield from _compare(where, "LAM in the ledger", epoch.emission_wei, -int(emitted))
    yield from _compare(where, "points in the ledger", epoch.millipoints, int(converted or 0))
    yield from _compare(where, "LAM allocated", epoch.emission_wei, int(allocated["wei"] or 0))
    yield from _compare(
        where, "points allocated", epoch.millipoints, int(allocated["millipoints"] or 0)
    )
    before = Epoch.objects.filter(number__lt=epoch.number).aggregate(sum=Sum("emission_wei"))
    total = int(before["sum"] or 0) + epoch.emission_wei
    yield from _compare(where, "cumulative LAM", total, epoch.total_wei)


def bundle_differences(epoch: Epoch) -> Iterator[Difference]:
    """The bundle on disk against what the epoch closed with, and its rows against the ledger."""
    where, path = (
        f"bundle of epoch {epoch.number}",
        bundle.path_of(Path(settings.BUNDLES_DIR), epoch.number),
    )
    try:
        yield from _compare(where, "hash", epoch.bundle_hash, bundle.bundle_hash(path))
        for name in bundle.altered_files(path):
            yield Difference(where, name, "the bytes of the manifest", "other bytes")
        rows = bundle.read_rows(path)
        totals = bundle.read_json(path, "totals.json")
    except bundle.BundleError as error:
        yield Difference(where, "files", "a readable bundle", str(error))
        return
    for name, expected in (
        ("root", epoch.root),
        ("ledger_root", epoch.ledger_root),
        ("policy_hash", epoch.policy_hash),
        ("total_wei", str(epoch.total_wei)),
        ("emission_limit_wei", str(epoch.emission_limit_wei)),
        ("accounts", epoch.accounts),
        ("chain_id", epoch.chain_id),
        ("distributor", epoch.distributor),
        ("closing_at", ledger.timestamp(epoch.closing_at)),
    ):
        yield from _compare(where, name, expected, totals.get(name))
    yield from _row_differences(where, epochs.bundle_rows(epoch.number), rows)


def _row_differences(
    where: str, ledger_rows: Iterable[bundle.Row], rows: list[bundle.Row]
) -> Iterator[Difference]:
    for leaf, (expected, found) in enumerate(itertools.zip_longest(ledger_rows, rows)):
        yield from _compare(where, f"leaf {leaf}", expected, found)


def _root_differences(epoch: Epoch) -> Iterator[Difference]:
    """The finalized submission and activation against what the epoch closed with."""
    where = f"chain, epoch {epoch.number}"
    submission = (
        RootSubmission.objects.filter(epoch_number=epoch.number)
        .order_by("-block_number", "-log_index")
        .first()
    )
    if submission is None:
        return
    yield from _compare(where, "root", epoch.root, submission.root)
    yield from _compare(where, "total", int(epoch.total_wei), int(submission.total_wei))
    yield from _compare(where, "policy hash", epoch.policy_hash, submission.policy_hash)
    yield from _compare(where, "ledger root", epoch.ledger_root, submission.ledger_root)
    yield from _compare(where, "bundle hash", epoch.bundle_hash, submission.bundle_hash)
    sources = [str(each) for each in epochs.source_totals(epoch)]
    yield from _compare(where, "source totals", sources, submission.source_totals_wei)
    for activation in RootActivation.objects.filter(epoch_number=epoch.number):
        yield from _compare(where, "active root", epoch.root, activation.root)


def _claim_differences() -> Iterator[Difference]:
    """Every payment on chain is in the ledger, and no address was paid more than allocated."""
    for claim in Claim.objects.filter(entry=None):
        yield Difference(
            "claims", f"{claim.transaction_hash} of {claim.account}", "an entry", "none"
        )
    allocated = _sums_by_address(Allocation.objects.values_list("leaf__account__address"), "wei")
    paid = _sums_by_address(Claim.objects.values_list("account"), "amount_wei")
    highest = dict(
        Claim.objects.order_by().values_list("account").annotate(max=Max("cumulative_wei"))
    )
    unclaimed = dict(
        Balance.objects.filter(account__kind=AccountKind.LAM).values_list(
            "account__address", "amount"
        )
    )
    booked = {
        address: -int(amount)
        for address, amount in Line.objects.filter(
            category__in=[Category.CLAIMED, Category.EXPIRED], account__kind=AccountKind.LAM
        )
        .order_by()
        .values_list("account__address")
        .annotate(sum=Sum("amount"))
    }
    for address in sorted({*allocated, *paid, *booked}):
        where = f"address {address}"
        yield from _compare(where, "LAM claimed", paid.get(address, 0), booked.get(address, 0))
        yield from _compare(
            where, "cumulative claim", int(highest.get(address, 0)), paid.get(address, 0)
        )
        yield from _compare(
            where,
            "LAM unclaimed",
            allocated.get(address, 0) - paid.get(address, 0),
            int(unclaimed.get(address, 0)),
        )


def _sums_by_address(rows: Any, column: str) -> dict[str, int]:
    sums = rows.order_by().annotate(sum=Sum(column))
    return {address: int(amount) for address, amount in sums}


def _node_differences(rpc: Rpc) -> Iterator[Difference]:
    """What the contract itself holds at the last final block, against the projections."""
    try:
        ours = deployment()
    except NotDeployed:
        return
    rpc.require_chain(ours.chain_id)
    chain = Chain.objects.filter(chain_id=ours.chain_id).first()
    if chain is None:
        return
    node = _Node(rpc, ours, chain.finalized_number)
    active = RootActivation.objects.order_by("-epoch_number").first()
    epoch = Epoch.objects.filter(pk=active.epoch_number).first() if active else None
    yield from _compare("node", "active epoch", epoch.number if epoch else 0, node("activeEpoch"))
    if epoch:
        yield from _compare("node", "active total", int(epoch.total_wei), node("activeTotal"))
    paid = _sums_by_address(Claim.objects.values_list("account"), "amount_wei")
    leaves = Account.objects.filter(pk__in=Leaf.objects.values("account"))
    addresses = sorted({*leaves.values_list("address", flat=True), *paid})
    for address, claimed in zip(addresses, node.claimed(addresses), strict=True):
        yield from _compare("node", f"claimed of {address}", paid.get(address, 0), claimed)


class _Node:
    """View calls on the distributor at one block."""

    def __init__(self, rpc: Rpc, ours: Deployment, block: int) -> None:
        self.rpc = rpc
        self.address = ours.address("RewardsDistributor")
        self.block = block
        self.abi = contract("RewardsDistributor")

    def __call__(self, function: str) -> Any:
        data = self.abi.encode_call(function)
        answer = self.rpc.read(to=self.address, data=data, block=self.block)
        return self.abi.decode_result(function, answer)

    def claimed(self, addresses: list[str]) -> list[int]:
        """`claimed` of many accounts in few requests."""
        calls = [
            (
                "eth_call",
                [
                    {
                        "to": self.address,
                        "data": "0x" + self.abi.encode_call("claimed", address).hex(),
                    },
                    hex(self.block),
                ],
            )
            for address in addresses
        ]
        return [int(answer, 16) for answer in self.rpc.batch(calls)]
