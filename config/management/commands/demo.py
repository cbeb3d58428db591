"""The whole loop as its users go through it, on a service that is up (`make demo`)."""

import json
import logging
import signal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console

from accounts import invites
from accounts.models import Invite
from chain import keys
from chain.rpc import ChainError, Rpc
from config import environment
from config.demo import model, summary
from config.demo.loop import Loop
from config.demo.patience import NothingHappens
from config.demo.people import TransactionFailed
from contributions.hd_wallets import MnemonicOpen
from contributions.importer import Plan
from contributions.operator_client import Refused, ServiceUnreachable
from lam_core.schema import Source

INVITE_USES = 1_000_000
ERRORS = (
    FileNotFoundError, MnemonicOpen, ServiceUnreachable, Refused, ChainError, NothingHappens,
    TransactionFailed,
)  # fmt: skip


class Command(BaseCommand):
    """`manage.py demo --recordings PATH [--samples] [--json OUT]`."""

    help = "Run the loop: import, verify, pay, publish, claim, vote, adopt, trade, reconcile."

    def add_arguments(self, parser: CommandParser) -> None:
        """Options."""
        parser.add_argument("--recordings", type=Path, required=True, help="a folder")
        parser.add_argument("--samples", action="store_true", help="they are labelled samples")
        parser.add_argument("--json", type=Path, help="write the summary there")
        parser.add_argument("--limit", type=int, help="only so many recordings")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run, print the summary; fails when anything does not reconcile."""
        # Told to stop, it leaves as on Ctrl-C: the importer's processes end with it.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        # Bars and the summary are for people; what libraries log would tear them apart.
        logging.getLogger().setLevel(logging.WARNING)
        console = Console(stderr=True)
        loop = Loop(self.plan(options), Rpc(settings.ETH_RPC_URL), console)
        try:
            loop.run()
            found = summary.collect(loop)
        except ERRORS as error:
            raise CommandError(f"{type(error).__name__}: {error}") from error
        summary.show(found, console)
        # Beside the loop: what it shows counts neither in its seconds nor in its success.
        found["model"] = model.show(environment.data_dir() / "model", console)
        model.tell(found["model"], console)
        if options["json"]:
            options["json"].write_text(json.dumps(found, indent=2) + "\n")
        if found["reconciliation_differences"]:
            raise CommandError("Ledger, bundle and chain differ; see above.")

    def plan(self, options: dict[str, Any]) -> Plan:
        """What to import, as the operator."""
        return Plan(
            recordings=options["recordings"],
            base_url=settings.SITE_URL,
            invite=self.invite(),
            operator_key=bytes(keys.signer("operator").key),
            mnemonic_file=Path(settings.KEYS_DIR) / "contributors" / "words",
            source=Source.SAMPLE if options["samples"] else Source.MINIWOB,
            limit=options["limit"],
        )

    def invite(self) -> str:
        """One invite lets all imported wallets in; the same one every time."""
        known = Invite.objects.filter(creator=None, uses_allowed=INVITE_USES).first()
        return (known or invites.create(creator=None, uses_allowed=INVITE_USES)).code
