"""What an epoch would have given to whom under another reward policy."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.bar import Bar
from rich.console import Console
from rich.table import Table

from contributions.policy_document import PolicyError, load_policy
from points.epoch_record import NoSuchEpoch, record
from points.simulate import LIMIT, simulate

LAM = 10**18
BAR_WIDTH = 36


class Command(BaseCommand):
    """Changes nothing."""

    help = "Compute an epoch again under the policy in FILE: totals, distribution, who gains most."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The policy, the epoch and how to show the result."""
        parser.add_argument("policy", type=Path, metavar="FILE", help="a reward policy as JSON")
        parser.add_argument("--epoch", type=int, required=True)
        parser.add_argument("--limit", type=int, default=LIMIT, help="winners and losers to show")
        parser.add_argument("--json", action="store_true", help="one JSON document")
        parser.add_argument("--svg", type=Path, help="save tables and plot as an SVG picture too")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the comparison."""
        try:
            policy = load_policy(options["policy"])
            happened = record(options["epoch"])
        except OSError as error:
            raise CommandError(f"{options['policy']}: {error.strerror}") from error
        except (PolicyError, NoSuchEpoch) as error:
            raise CommandError(str(error)) from error
        result = simulate(policy, happened).document(limit=options["limit"])
        if options["json"]:
            self.stdout.write(json.dumps(result, indent=2))
            return
        console = Console(file=self.stdout, record=bool(options["svg"]), width=100)  # type: ignore[arg-type]
        for table in (_totals(result), _distribution(result), *_movers(result)):
            console.print(table)
        for each in result["not_known"]:
            console.print(f"Not known: {each}")
        if options["svg"]:
            console.save_svg(str(options["svg"]), title=f"Epoch {result['epoch']}")


def _lam(wei: str) -> str:
    """LAM with two decimals, rounded down."""
    sign, amount = ("-", -int(wei)) if wei.startswith("-") else ("", int(wei))
    return f"{sign}{amount // LAM:,}.{amount % LAM * 100 // LAM:02}"


def _totals(result: dict[str, Any]) -> Table:
    table = Table(title=f"Epoch {result['epoch']}: {result['accounts']} addresses", expand=True)
    table.add_column("")
    sides = [result["baseline"], result["proposed"]]
    for name, side in zip(("as it was", "proposed"), sides, strict=True):
        table.add_column(f"{name}\n{side['policy_name']}", justify="right")
    table.add_row("policy", *(f"{side['policy_hash'][:18]}…" for side in sides))
    table.add_row("points", *(f"{side['millipoints'] / 1000:,.3f}" for side in sides))
    table.add_row("LAM", *(_lam(side["wei"]) for side in sides))
    table.add_row("paid addresses", *(str(side["accounts"]) for side in sides))
    for name in sides[0]["percentiles_wei"]:
        table.add_row(f"LAM, {name}", *(_lam(side["percentiles_wei"][name]) for side in sides))
    table.add_row("Gini", *(f"{side['gini_bp'] / 10_000:.4f}" for side in sides))
    table.add_row("", "", f"{result['gaining']} gain, {result['losing']} lose")
    return table


def _distribution(result: dict[str, Any]) -> Table:
    taken = [
        n for n, each in enumerate(result["distribution"]) if each["baseline"] or each["proposed"]
    ]
    bins = result["distribution"][min(taken, default=0) : max(taken, default=0) + 1]
    top = max([1, *(each[side] for each in bins for side in ("baseline", "proposed"))])
    table = Table(title="Addresses by LAM: above as it was, below proposed", expand=True)
    table.add_column("LAM from", justify="right")
    table.add_column("addresses", justify="right")
    table.add_column("")
    for each in bins:
        for label, side, color in (
            (_lam(each["from_wei"]), "baseline", "cyan"),
            ("", "proposed", "magenta"),
        ):
            bar = Bar(size=top, begin=0, end=each[side], width=BAR_WIDTH, color=color)
            table.add_row(label, str(each[side]), bar)
    return table


def _movers(result: dict[str, Any]) -> list[Table]:
    tables = []
    for name in ("winners", "losers"):
        table = Table(title=f"Biggest {name}", expand=True)
        table.add_column("address")
        for column in ("points before", "after", "LAM change"):
            table.add_column(column, justify="right")
        for row in result[name]:
            table.add_row(
                row["address"],
                f"{row['baseline_millipoints'] / 1000:,.3f}",
                f"{row['proposed_millipoints'] / 1000:,.3f}",
                _lam(row["change_wei"]),
            )
        tables.append(table)
    return tables
