"""The keys the service signs with: one private file each, readable by its owner alone."""

import os
import stat
from pathlib import Path

from django.conf import settings
from eth_account import Account
from eth_account.signers.local import LocalAccount


class KeyUnavailable(RuntimeError):
    """The key file is missing, open to others, or holds no key."""


def _path(name: str) -> Path:
    if not name.isidentifier():
        raise KeyUnavailable(f"{name!r} does not name a key")
    return Path(settings.KEYS_DIR) / name


def signer(name: str) -> LocalAccount:
    """The account of a named key. Raises KeyUnavailable, never showing the file's content."""
    path = _path(name)
    try:
        mode = path.stat().st_mode
        text = path.read_text().strip()
    except OSError as error:
        raise KeyUnavailable(f"no key {name!r} at {path}: {error.strerror}") from None
    if stat.S_IMODE(mode) & 0o077:
        raise KeyUnavailable(f"{path} is open to others; its mode must be 0600")
    try:
        return Account.from_key(text)
    except Exception:
        raise KeyUnavailable(f"{path} does not hold a private key") from None


def address(name: str) -> str:
    """The checksummed address of a named key."""
    return signer(name).address


def create(name: str) -> LocalAccount:
    """Make a random key unless there is one; the file is whole before its name exists."""
    path = _path(name)
    if path.exists():
        return signer(name)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_name(f".{name}.{os.getpid()}")
    account: LocalAccount = Account.create()
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(account.key.hex())
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(partial, path)
    except FileExistsError:
        return signer(name)
    finally:
        partial.unlink()
    return account
