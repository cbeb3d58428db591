"""Write recorded work that may train the model, under the k of the reward policy in force."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from contributions import training
from contributions.policy import NotAdopted, current
from contributions.sealing import CannotOpen
from points import ledger


class Command(BaseCommand):
    """`export_training FOLDER`, which `python -m lam_core` then reads."""

    help = (
        "Write accepted work whose contributors agreed to training, of shapes that at least k "
        "people showed (k_anonymity of the policy), as FOLDER/CONTRIBUTOR/ID.json."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where to."""
        parser.add_argument("folder", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        """Write, and say how much."""
        try:
            k = current(ledger.current_epoch_number()).k_anonymity
            written = training.write(options["folder"], k=k)
        except (NotAdopted, FileExistsError, CannotOpen) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{written} workflows, each of a shape that {k} people showed or more")
