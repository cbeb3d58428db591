"""Waiting for the service to do its part, with an end."""

import time
from collections.abc import Callable, Iterable

from chain.rpc import Rpc

POLL_SECONDS = 0.25


class NothingHappens(RuntimeError):
    """The service did not do its part in time; says what was waited for."""


def until(ready: Callable[[], bool], what: str, *, timeout_seconds: float = 180) -> None:
    """Poll until `ready`. Raises NothingHappens."""
    deadline = time.monotonic() + timeout_seconds
    while not ready():
        if time.monotonic() > deadline:
            raise NothingHappens(f"waited {timeout_seconds:.0f} s for {what}")
        time.sleep(POLL_SECONDS)


def mined(rpc: Rpc, hashes: Iterable[str]) -> None:
    """Wait for transactions; one that reverted is an error."""
    waiting = list(hashes)

    def all_mined() -> bool:
        nonlocal waiting
        receipts = rpc.receipts(waiting) if waiting else []
        failed = [r.transaction_hash for r in receipts if r is not None and not r.succeeded]
        if failed:
            raise NothingHappens(f"reverted on chain: {', '.join(failed)}")
        waiting = [h for h, r in zip(waiting, receipts, strict=True) if r is None]
        return not waiting

    until(all_mined, "transactions to be mined")
