"""Wallets of imported contributors, derived from one random mnemonic (BIP-39, BIP-32, BIP-44).

Used by the operator's importer, never by the service. The mnemonic is a private file; which
sitting has which index is a second file beside it, so that another run gives the same wallets.
"""

import functools
import json
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from eth_account import Account
from eth_account.hdaccount import generate_mnemonic, key_from_seed, seed_from_mnemonic
from eth_account.signers.local import LocalAccount
from eth_account.types import Language

PATH = "m/44'/60'/0'/0/{index}"


class MnemonicOpen(RuntimeError):
    """The mnemonic's file can be read by others."""


def mnemonic(path: Path) -> str:
    """The mnemonic in a file (mode 0600), made at random on first use. Raises MnemonicOpen."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_new(path, generate_mnemonic(12, Language.ENGLISH))
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise MnemonicOpen(f"{path} is open to others; its mode must be 0600.")
    return path.read_text().strip()


def indices(path: Path, sittings: Iterable[str]) -> dict[str, int]:
    """The index of each sitting: as stored, and for new ones the next numbers in sorted order."""
    known: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
    new = sorted(set(sittings) - set(known))
    if new:
        start = max(known.values(), default=-1) + 1
        known |= {sitting: start + number for number, sitting in enumerate(new)}
        temporary = path.with_name(f"{path.name}.{os.getpid()}")
        _write_new(temporary, json.dumps(known, indent=0, sort_keys=True))
        os.replace(temporary, path)
    return known


def accounts(words: str, numbers: Iterable[int]) -> dict[int, LocalAccount]:
    """The accounts at `m/44'/60'/0'/0/i`."""
    seed = _seed(words)
    return {i: Account.from_key(key_from_seed(seed, PATH.format(index=i))) for i in numbers}


@functools.cache
def _seed(words: str) -> bytes:
    # Slow on purpose (BIP-39 stretches it), and the same for every account.
    return bytes(seed_from_mnemonic(words, ""))


def _write_new(path: Path, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
