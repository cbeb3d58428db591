"""Rebuilds the projections from stored logs, or only checks that this changes nothing."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from chain.projection import registered
from chain.rebuild import differences


class Command(BaseCommand):
    """Ends with an error when the live tables differ from what the logs say."""

    help = "Rebuild the projections from stored logs (--check: compare only, change nothing)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whether to keep the result, and for which projections."""
        parser.add_argument("--check", action="store_true", help="compare, change nothing")
        parser.add_argument("names", nargs="*", help="projections; all of them when none is named")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print every difference."""
        found = 0
        for projection in registered():
            if options["names"] and projection.name not in options["names"]:
                continue
            lines = differences(projection, keep=not options["check"])
            self.stdout.write(f"{projection.name}: {len(lines)} differences")
            self.stdout.writelines(lines)
            found += len(lines)
        if found:
            raise CommandError(f"{found} rows differ between the live tables and the logs")
