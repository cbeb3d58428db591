"""What the loop came to, for people and for programs."""

from collections import Counter
from typing import Any

from django.db.models import Count, Sum
from rich.console import Console
from rich.table import Table

from chain.abi import contract
from chain.rpc import Rpc
from config.demo import voting
from config.demo.loop import FIRST, SECOND, Loop
from config.demo.work import BOT_KINDS, FIRST_BOT_INDEX
from contributions import hd_wallets
from contributions.models import State, Verdict, Workflow
from marketplace.models import Use
from points import reconcile
from points.chain_models import Claim, RootSubmission
from points.models import Category, Epoch, Line, SystemAccount

MILLI = 1000


def collect(loop: Loop) -> dict[str, Any]:
    """The summary as JSON: counts from the database, states from the API, differences."""
    bots = _bot_addresses(loop)
    people = Workflow.objects.exclude(contributor__wallets__address__in=bots)
    robots = Workflow.objects.filter(contributor__wallets__address__in=bots)
    differences = [str(each) for each in reconcile.differences(rpc=loop.rpc)]
    closed = Epoch.objects.filter(closed_at__isnull=False).order_by("number")
    return {
        "source": str(loop.plan.source),
        "contributors": people.values("contributor").distinct().count(),
        "recordings_imported": people.count(),
        "recordings_refused": dict(sorted(loop.refused.items())),
        "verified": people.filter(verdict__accepted=True).count(),
        "rejected_by_reason": _reasons(people),
        "attested_success_refused": people.filter(attested=True, state=State.REJECTED).count(),
        "withdrawn": people.filter(state=State.WITHDRAWN).count(),
        "bots": {
            "submitted": robots.count(),
            "paid": robots.filter(verdict__accepted=True).count(),
            "rejected_by_reason": _reasons(robots),
        },
        "points_total": _points(),
        "epochs": [_epoch(epoch) for epoch in closed],
        "claims": _claims(loop.rpc),
        "proposal": voting.tally(loop.claimers[0], loop.proposal),
        "policy_before": Epoch.objects.get(pk=FIRST).policy_hash,
        "policy_after": Epoch.objects.get(pk=SECOND).policy_hash,
        "uses": _uses(),
        "reconciliation_differences": differences,
        "seconds": {**loop.seconds, "total": round(sum(loop.seconds.values()), 1)},
    }


def _bot_addresses(loop: Loop) -> list[str]:
    words = hd_wallets.mnemonic(loop.plan.mnemonic_file)
    numbers = range(FIRST_BOT_INDEX, FIRST_BOT_INDEX + len(BOT_KINDS))
    return [account.address for account in hd_wallets.accounts(words, numbers).values()]


def _reasons(rows: Any) -> dict[str, int]:
    """How often each reason was given; a workflow may have several."""
    verdicts = Verdict.objects.filter(workflow__in=rows, accepted=False)
    counted: Counter[str] = Counter()
    for reasons in verdicts.values_list("reasons", flat=True):
        counted.update(reason["code"] for reason in reasons)
    return dict(sorted(counted.items()))


def _points() -> str:
    """Points issued and not taken back, with three decimals."""
    issued = -int(
        Line.objects.filter(account=SystemAccount.ISSUANCE).aggregate(sum=Sum("amount"))["sum"] or 0
    )
    return f"{issued // MILLI}.{issued % MILLI:03}"


def _epoch(epoch: Epoch) -> dict[str, Any]:
    submission = RootSubmission.objects.filter(epoch_number=epoch.number, root=epoch.root).first()
    return {
        "number": epoch.number,
        "root": epoch.root,
        "total_wei": str(epoch.total_wei),
        "emission_wei": str(epoch.emission_wei),
        "accounts": epoch.accounts,
        "tx_hash": submission.transaction_hash if submission else None,
        "policy_hash": epoch.policy_hash,
        "release_hash": epoch.release_hash,
        "ledger_root": epoch.ledger_root,
        "bundle_hash": epoch.bundle_hash,
    }


def _claims(rpc: Rpc) -> dict[str, int]:
    """Claims by who sent what, read from their transactions on chain."""
    rows = list(Claim.objects.values_list("account", "transaction_hash"))
    calls = [("eth_getTransactionByHash", [transaction_hash]) for _, transaction_hash in rows]
    counted: Counter[str] = Counter({"own_wallet": 0, "on_behalf": 0, "by_signature": 0})
    for (account, _), found in zip(rows, rpc.batch(calls) if calls else [], strict=True):
        call = contract("RewardsDistributor").decode_call(bytes.fromhex(found["input"][2:]))
        if call.name != "claim":
            counted["by_signature"] += 1
        elif found["from"].lower() == account.lower():
            counted["own_wallet"] += 1
        else:
            counted["on_behalf"] += 1
    return dict(counted)


def _uses() -> dict[str, Any]:
    totals = Use.objects.aggregate(
        count=Count("pk"), paid=Sum("price_millipoints"), creator=Sum("creator_millipoints")
    )
    credited = Line.objects.filter(category=Category.CREATOR, amount__gt=0).count()
    return {
        "count": totals["count"],
        "paid_millipoints": int(totals["paid"] or 0),
        "creator_millipoints": int(totals["creator"] or 0),
        "creator_credits": credited,
    }


def show(found: dict[str, Any], console: Console) -> None:
    """A table for people."""
    table = Table(title="The loop", show_header=False)
    for name in ("contributors", "recordings_imported", "verified", "rejected_by_reason", "bots"):
        table.add_row(name.replace("_", " "), _plain(found[name]))
    table.add_row("points", found["points_total"])
    for epoch in found["epochs"]:
        lam = f"{int(epoch['emission_wei']) / 10**18:,.0f} LAM to {epoch['accounts']} accounts"
        table.add_row(f"epoch {epoch['number']}", f"{lam}, root {epoch['root'][:18]}…")
    table.add_row("claims", _plain(found["claims"]))
    table.add_row("proposal", f"{found['proposal']['state']}")
    table.add_row("policy", f"{found['policy_before'][:18]}… → {found['policy_after'][:18]}…")
    table.add_row("uses", _plain(found["uses"]))
    table.add_row("seconds", _plain(found["seconds"]))
    differences = found["reconciliation_differences"]
    table.add_row("ledger = bundle = chain", f"{len(differences)} differences")
    console.print(table)
    for difference in differences:
        console.print(f"[red]{difference}[/red]")


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(each)}" for name, each in value.items())
    return str(value)
