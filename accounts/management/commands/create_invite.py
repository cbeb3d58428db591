"""Create an invite of the operator."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accounts import invites


class Command(BaseCommand):
    """Prints the code of a new invite."""

    help = "Create an invite and print its code."

    def add_arguments(self, parser: CommandParser) -> None:
        """Options."""
        parser.add_argument("--uses", type=int, default=1, help="how many wallets it lets in")
        parser.add_argument("--days", type=int, help="days until it expires (default: never)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Create and print."""
        days = options["days"]
        invite = invites.create(
            creator=None,
            uses_allowed=options["uses"],
            lifetime=timedelta(days=days) if days else None,
        )
        self.stdout.write(invite.code)
