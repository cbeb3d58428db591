"""`python -m lam_core COMMAND`: the model's tools on the command line."""

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from lam_core import act_cli
from lam_core.miniwob import Recording, iter_recordings
from lam_core.model_commands import add_commands
from lam_core.release import ReleaseError, load_release
from lam_core.schema import json_schema
from lam_core.survey import BOTS, MORE_BOTS, Survey, survey, try_bots

console = Console(stderr=True)


def verify_recordings(arguments: argparse.Namespace) -> int:
    """Import, judge and attack a folder of recordings; exits 1 when a bot got through."""
    try:
        release = load_release(arguments.release)
        recordings = list(iter_recordings(arguments.path))
    except (FileNotFoundError, ReleaseError) as error:
        console.print(f"[red]{error}[/red]")
        return 2
    if not recordings:
        console.print(f"[red]no recordings below {arguments.path}[/red]")
        return 2
    result = survey(_progress(recordings), release)
    try_bots(result, release, BOTS | MORE_BOTS, seed=arguments.seed)
    if arguments.json:
        print(json.dumps({"release": release.name, "hash": release.hash, **result.summary()}))
    else:
        _show(result, release.name)
    return int(any(result.bots[kind].refused < result.bots[kind].made for kind in BOTS))


def schema(arguments: argparse.Namespace) -> int:
    """Write the JSON Schema of the workflow document."""
    print(json.dumps(json_schema(), indent=2))
    return 0


def _progress(recordings: list[Recording]) -> Iterable[Recording]:
    return track(recordings, description="Verifying recordings", console=console)


def _show(result: Survey, release: str) -> None:
    out = Console()
    people = Table(title=f"Recordings under {release}", show_header=False)
    for name, value in result.summary().items():
        if name != "bots":
            people.add_row(name.replace("_", " "), _plain(value))
    out.print(people)
    attacks = Table("bots", "made", "refused", "reasons", title="Bots made of accepted recordings")
    for kind, outcome in result.bots.items():
        reasons = _plain(dict(outcome.reasons))
        attacks.add_row(kind, str(outcome.made), str(outcome.refused), reasons)
    out.print(attacks)


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {count}" for key, count in value.items()) or "none"
    return str(value)


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m lam_core", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    verify = commands.add_parser("verify-recordings", help=verify_recordings.__doc__)
    verify.add_argument("path", type=Path, help="folder BATCH/TASK/NAME.json.gz")
    verify.add_argument("--release", default="rules-2", help="verifier release (rules-2)")
    verify.add_argument("--seed", type=int, default=1, help="seed of the bots (1)")
    verify.add_argument("--json", action="store_true", help="print the figures as JSON")
    verify.set_defaults(run=verify_recordings)
    commands.add_parser("schema", help=schema.__doc__).set_defaults(run=schema)
    act_cli.add_commands(commands)
    add_commands(commands)
    chosen = parser.parse_args(arguments)
    status: int = chosen.run(chosen)
    return status


if __name__ == "__main__":
    sys.exit(main())
