"""The public record of a poll: rules, ballots, powers with their proofs, and the result.

A folder of canonical JSON files, and a manifest of their hashes whose own hash names the whole.
Pure: no Django, no database.

- rules.json: what was asked and how it is counted (governance.ballots.Rules).
- ballots.json: every ballot taken in, replaced ones too, in the order of voters, then of seconds.
- powers.json: the votes of everybody with a ballot (governance.powers.VotingPower).
- proofs.json: the header and the trie nodes that prove them.
- result.json: the outcome (governance.counting.Outcome).
"""

import contextlib
import functools
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_utils.address import is_checksum_address

from governance.ballots import Ballot, Rules
from governance.counting import Outcome
from governance.powers import Capture, VotingPower
from lam_core.canonical import canonical_json, digest_bytes
from points import archive as packed

VERSION = 1
MANIFEST = "manifest.json"
FILES = ("ballots.json", "powers.json", "proofs.json", "result.json", "rules.json")


class BundleError(ValueError):
    """A bundle cannot be read: the file and what is wrong with it."""


def outcome_document(outcome: Outcome, *, voters: int, attested_wei: int) -> dict[str, Any]:
    """The result as published; `attested_wei` is the power of contract wallets' ballots in it."""
    return {
        "totals_wei": [str(each) for each in outcome.totals_wei],
        "power_wei": str(outcome.power_wei),
        "attested_wei": str(attested_wei),
        "voters": voters,
        "winners": list(outcome.winners),
        "rounds": [
            {
                "totals_wei": [str(each) for each in round_.totals_wei],
                "exhausted_wei": str(round_.exhausted_wei),
                "struck_out": round_.struck_out,
            }
            for round_ in outcome.rounds
        ],
    }


def write(
    folder: Path,
    *,
    rules: Rules,
    ballots: Sequence[Ballot],
    capture: Capture,
    result: dict[str, Any],
) -> tuple[str, Path]:
    """Write a poll's bundle as `folder/poll-HASH`; its hash and where it lies.

    The same content gives the same bytes and the same name; it appears complete or not at all.
    """
    files = {
        "rules.json": canonical_json(rules.document),
        "ballots.json": canonical_json([_ballot_row(each) for each in ballots]),
        "powers.json": canonical_json([_power_row(each) for each in capture.powers]),
        "proofs.json": canonical_json({"header": _hex(capture.header), "nodes": capture.nodes}),
        "result.json": canonical_json(result),
    }
    manifest = canonical_json(
        {
            "version": VERSION,
            "poll": rules.poll,
            "block": {"number": capture.block.number, "hash": capture.block.hash},
            "files": [
                {"name": name, "sha256": digest_bytes(files[name]), "bytes": len(files[name])}
                for name in FILES
            ],
        }
    )
    target = path_of(folder, digest_bytes(manifest))
    if not target.exists():
        _write_folder(target, {**files, MANIFEST: manifest})
    return digest_bytes(manifest), target


def path_of(folder: Path, bundle_hash: str) -> Path:
    """Where the bundle of this hash lies."""
    return folder / f"poll-{bundle_hash[2:]}"


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


def _ballot_row(ballot: Ballot) -> dict[str, Any]:
    return {
        "voter": ballot.voter,
        "choice": list(ballot.choice),
        "issued_at": ballot.issued_at,
        "signature": _hex(ballot.signature),
        "attested": ballot.attested,
    }


def _power_row(power: VotingPower) -> dict[str, Any]:
    return {
        "voter": power.voter,
        "power_wei": str(power.power_wei),
        "checkpoint": power.checkpoint,
        "delegate": power.delegate,
    }


def _write_folder(target: Path, files: dict[str, bytes]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        for name, content in files.items():
            with (building / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        building.chmod(0o755)
        # Somebody else may have written the very same meanwhile.
        with contextlib.suppress(FileExistsError):
            building.rename(target)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    handle = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def archive(bundle: Path) -> Path:
    """The bundle as one ZIP beside its files, the same bytes every time, made when first asked for.

    Raises FileNotFoundError when the bundle is not there.
    """
    return packed.of(bundle, (*FILES, MANIFEST))


@dataclass(frozen=True)
class Bundle:
    """A bundle as it lies there; nothing in it is checked but its shape."""

    hash: str
    manifest: dict[str, Any]
    rules: Any
    ballots: list[Ballot]
    powers: list[VotingPower]
    header: bytes
    nodes: list[str]
    result: Any
    altered: list[str]


def read(path: Path) -> Bundle:
    """Read a bundle's folder. Raises BundleError naming the file that is missing or malformed."""
    content = {name: _bytes(path, name) for name in (*FILES, MANIFEST)}
    parsed = {name: _json(name, data) for name, data in content.items()}
    with _named("proofs.json"):
        header = bytes.fromhex(parsed["proofs.json"]["header"][2:])
        nodes = list(parsed["proofs.json"]["nodes"])
        for node in nodes:
            bytes.fromhex(node[2:])
    with _named(MANIFEST):
        entries = {each["name"]: each for each in parsed[MANIFEST]["files"]}
        if sorted(entries) != list(FILES):
            raise BundleError(f"{MANIFEST} does not list the files of a poll's bundle")
        altered = [n for n in FILES if digest_bytes(content[n]) != entries[n]["sha256"]]
    return Bundle(
        hash=digest_bytes(content[MANIFEST]),
        manifest=parsed[MANIFEST],
        rules=parsed["rules.json"],
        ballots=_rows("ballots.json", parsed, _ballot),
        powers=_rows("powers.json", parsed, _power),
        header=header,
        nodes=nodes,
        result=parsed["result.json"],
        altered=altered,
    )


def _bytes(path: Path, name: str) -> bytes:
    try:
        return (path / name).read_bytes()
    except OSError as error:
        raise BundleError(f"{name} cannot be read: {error.strerror}") from None


def _json(name: str, data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{name} is not JSON: {error}") from None


@contextlib.contextmanager
def _named(name: str) -> Iterator[None]:
    try:
        yield
    except BundleError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BundleError(f"{name} is malformed: {error!r}") from None


def _rows(name: str, parsed: dict[str, Any], make: Any) -> list[Any]:
    with _named(name):
        if not isinstance(parsed[name], list):
            raise BundleError(f"{name} is no list")
    rows = []
    for position, row in enumerate(parsed[name]):
        with _named(f"row {position} of {name}"):
            rows.append(make(row))
    return rows


@functools.lru_cache(maxsize=200_000)
def _check_address(text: Any) -> None:
    """One spelling for each address, so that nobody is there twice."""
    if not is_checksum_address(text):
        raise ValueError("the voter is no checksummed address")


def _ballot(row: dict[str, Any]) -> Ballot:
    choice, issued_at, attested = row["choice"], row["issued_at"], row["attested"]
    if not all(type(each) is int for each in (*choice, issued_at)) or type(attested) is not bool:
        raise ValueError("a number or a flag is none")
    _check_address(row["voter"])
    signature = bytes.fromhex(row["signature"][2:])
    return Ballot(row["voter"], tuple(choice), issued_at, signature, attested)


def _power(row: dict[str, Any]) -> VotingPower:
    checkpoint = row["checkpoint"]
    if checkpoint is not None and (type(checkpoint) is not int or checkpoint < 0):
        raise ValueError("the checkpoint is no index")
    _check_address(row["voter"])
    return VotingPower(row["voter"], int(row["power_wei"]), checkpoint, row["delegate"])
