"""The native anvil binary, and short-lived forks of the chain for trying things out. No Django."""

import ctypes
import os
import re
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from chain.rpc import ChainError, Rpc

HOST = "127.0.0.1"
START_SECONDS = 20
PR_SET_PDEATHSIG = 1
ROOT = Path(__file__).resolve().parent.parent
# Loaded here, as nothing should be between fork and exec.
_libc = ctypes.CDLL(None, use_errno=True)


class NoAnvil(ChainError):
    """The binary is not installed, or it did not start."""


def binary(root: Path = ROOT) -> Path:
    """The native binary: a killed npm wrapper would orphan the node. Raises NoAnvil."""
    found = shutil.which("anvil")
    if found and Path(found).read_bytes()[:4] == b"\x7fELF":
        return Path(found)
    for candidate in sorted((root / "node_modules" / "@foundry-rs").glob("anvil-*/bin/anvil")):
        return candidate
    raise NoAnvil("anvil is not installed: run `make install`, or put it on PATH")


@contextmanager
def forked(url: str, *, block: int, timeout_seconds: float) -> Iterator[Rpc]:
    """A node of our own that goes on from a block of the node at `url`, and ends with the block.

    Any sender can be impersonated, gas is free, nothing is kept on disk. Raises NoAnvil.
    """
    process = subprocess.Popen(
        [str(binary()), *_options(url, block)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        preexec_fn=_die_with_parent,
    )
    try:
        assert process.stdout is not None
        port = _port(process.stdout, time.monotonic() + START_SECONDS)
        yield Rpc(f"http://{HOST}:{port}", timeout_seconds=timeout_seconds)
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def _options(url: str, block: int) -> list[str]:
    fork = ["--fork-url", url, "--fork-block-number", str(block), "--no-storage-caching"]
    # Port 0: the system picks one, and nobody can take it in between.
    node = ["--host", HOST, "--port", "0", "--accounts", "1", "--hardfork", "cancun"]
    # A block only when asked, so that each step is in one before the next begins.
    return [
        *fork,
        *node,
        "--no-mining",
        "--auto-impersonate",
        "--gas-price",
        "0",
        "--base-fee",
        "0",
    ]


def _die_with_parent() -> None:
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _port(output: IO[bytes], deadline: float) -> int:
    """The port from what anvil says when it listens."""
    said = b""
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            if not selector.select(left):
                break
            chunk = os.read(output.fileno(), 65_536)
            said += chunk
            if found := re.search(rb"Listening on [0-9.]+:(\d+)", said):
                return int(found[1])
            if not chunk:
                break
    tail = said.decode(errors="replace").strip().splitlines()[-1:]
    raise NoAnvil(f"the fork did not start: {' '.join(tail) or 'no output'}")
