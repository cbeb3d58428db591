"""One round of the chain process: follow, project, send, confirm."""

import logging
from dataclasses import dataclass

from chain import outbox
from chain.keys import KeyUnavailable
from chain.projection import registered
from chain.rpc import ChainError, Rpc
from chain.sync import SyncResult, sync

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Round:
    """What one round did."""

    sync: SyncResult
    projected: int
    sent: int
    finished: int


def step(rpc: Rpc) -> Round:
    """Do everything there is to do now.

    A projection or sender that fails does not hold up the others; the first failure is raised at
    the end. A chain that cannot be followed stops the round: nothing is projected or sent.
    """
    synced = sync(rpc)
    failures: list[Exception] = []
    projected = sent = 0
    for projection in registered():
        try:
            projected += projection()
        except Exception as error:
            logger.exception("projection %s", projection.name)
            failures.append(error)
    for sender in outbox.senders():
        try:
            sent += outbox.send(sender, rpc)
        except (ChainError, KeyUnavailable) as error:
            logger.error("sender %s: %s", sender, error)
            failures.append(error)
    if failures:
        raise failures[0]
    return Round(synced, projected, sent, outbox.confirm(rpc))
