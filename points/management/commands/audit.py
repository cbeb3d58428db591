"""Checks every money table against every other, the bundles and the chain."""

import json
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.module_loading import import_string

from chain.rpc import ChainError, Rpc
from points import audit


class Command(BaseCommand):
    """Ends with an error when anything differs."""

    help = "Recompute seals, balances, allocations and bundles and compare them with the chain."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Output and whether to ask the node."""
        parser.add_argument("--json", action="store_true", help="one JSON document")
        parser.add_argument("--offline", action="store_true", help="do not ask the node")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print every difference."""
        try:
            rpc = None if options["offline"] else Rpc(settings.ETH_RPC_URL)
            found = [each for path in settings.AUDITS for each in import_string(path)(rpc=rpc)]
        except ChainError as error:
            raise CommandError(f"the node can't be asked ({error}); try --offline") from error
        balances = audit.system_balances()
        if options["json"]:
            rows = [
                {"where": d.where, "what": d.what, "expected": d.expected, "found": d.found}
                for d in found
            ]
            accounts = {name: str(amount) for name, amount in balances.items()}
            self.stdout.write(json.dumps({"differences": rows, "system_accounts": accounts}))
        else:
            self.stdout.writelines(str(each) for each in found)
            for name, amount in balances.items():
                self.stdout.write(f"{name:>12} {amount}")
            self.stdout.write(f"{len(found)} differences")
        if found:
            raise CommandError(f"{len(found)} differences")
