"""Import recordings of people as an operator's client would: over HTTP, with their wallets."""

import json
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from chain import keys
from contributions import importer, recordings
from contributions.hd_wallets import MnemonicOpen
from contributions.operator_client import Refused, ServiceUnreachable
from lam_core.schema import Source


class Command(BaseCommand):
    """`import_recordings --invite CODE [--recordings PATH]`."""

    help = "Import MiniWoB++ recordings over HTTP, each sitting as a contributor with a wallet."

    def add_arguments(self, parser: CommandParser) -> None:
        """Options."""
        parser.add_argument("--recordings", type=Path, help="a folder BATCH/TASK/NAME.json.gz")
        parser.add_argument("--invite", required=True, help="a code that lets all wallets in")
        parser.add_argument("--url", default=settings.SITE_URL, help="the site's address")
        parser.add_argument(
            "--mnemonic-file", type=Path, default=Path(settings.KEYS_DIR) / "contributors" / "words"
        )
        parser.add_argument("--concurrency", type=int, default=2, help="processes")
        parser.add_argument("--limit", type=int, help="only so many recordings")
        parser.add_argument("--repository", default=settings.RECORDINGS_REPOSITORY)
        parser.add_argument("--folder", default=settings.RECORDINGS_FOLDER)
        parser.add_argument("--json", type=Path, help="write the counts there")

    def handle(self, *args: Any, **options: Any) -> None:
        """Find, import, print the counts."""
        folder, source = self.find(options)
        plan = importer.Plan(
            recordings=folder,
            base_url=options["url"],
            invite=options["invite"],
            operator_key=bytes(keys.signer("operator").key),
            mnemonic_file=options["mnemonic_file"],
            source=source,
            concurrency=options["concurrency"],
            limit=options["limit"],
        )
        started = time.monotonic()
        try:
            summary = self.run(plan)
        except (FileNotFoundError, MnemonicOpen, ServiceUnreachable, Refused) as error:
            raise CommandError(str(error)) from error
        self.report(summary, source, time.monotonic() - started, options["json"])

    def find(self, options: dict[str, Any]) -> tuple[Path, Source]:
        """The folder given, or the public data set, or else the project's own samples."""
        if options["recordings"]:
            return options["recordings"], Source.MINIWOB
        try:
            folder = recordings.fetch(
                repository=options["repository"],
                folder=options["folder"],
                destination=Path(settings.DATA_DIR) / "recordings",
            )
        except recordings.FetchError as error:
            self.stderr.write(f"The public recordings can't be had ({error}); using the samples.")
            return importer.SAMPLES, Source.SAMPLE
        return folder, Source.MINIWOB

    def run(self, plan: importer.Plan) -> importer.Summary:
        """Import with a progress bar."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task("Importing recordings", total=len(importer.found(plan)))
            return importer.import_recordings(plan, progress=lambda outcome: bar.advance(task))

    def report(
        self, summary: importer.Summary, source: Source, seconds: float, path: Path | None
    ) -> None:
        """Counts for people, and for programs when a path is given."""
        counts = {
            "source": str(source),
            "contributors": summary.contributors,
            "created": summary.created,
            "duplicates": summary.duplicates,
            "refused": dict(sorted(summary.refused.items())),
            "seconds": round(seconds, 1),
        }
        if path:
            path.write_text(json.dumps(counts, indent=2))
        for name, value in counts.items():
            self.stdout.write(f"{name}: {value}")
