"""The chain process: follows the chain, feeds the projections, sends what is intended."""

import logging
import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection

from chain.finality import FinalityDisputed
from chain.follow import Round, step
from chain.keys import KeyUnavailable
from chain.rpc import ChainError, Rpc
from chain.sync import FinalizedChanged

BACK_OFF_MAX_SECONDS = 10

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    """Runs until it is told to end; a node or database that is away is waited for."""

    help = "Follow the chain, project finalized logs, send intents, until interrupted."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One round only, for scripts."""
        parser.add_argument("--once", action="store_true", help="one round, then end")

    def handle(self, *args: Any, **options: Any) -> None:
        """Loop; a second worker only waits, since sync, cursors and senders take locks."""
        rpc = Rpc(settings.ETH_RPC_URL)
        if options["once"]:
            self._report(self._round(rpc))
            return
        stop = threading.Event()
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, lambda *_: stop.set())
        failures = 0
        while not stop.is_set():
            failures = self._attempt(rpc, failures)
            pause = settings.CHAIN_POLL_SECONDS * 2 ** min(failures, 8)
            stop.wait(min(pause, BACK_OFF_MAX_SECONDS) if failures else pause)

    def _attempt(self, rpc: Rpc, failures: int) -> int:
        """One round; how many have failed in a row."""
        try:
            self._report(step(rpc))
        except (FinalizedChanged, FinalityDisputed) as error:
            raise CommandError(f"{error}. Nothing was taken in; look at the node.") from error
        except (ChainError, KeyUnavailable) as error:
            logger.error("%s: %s; trying again", type(error).__name__, error)
        except DatabaseError as error:
            logger.error("PostgreSQL: %s; trying again", error)
            connection.close()
        except Exception:
            logger.exception("a round failed; trying again")
        else:
            if failures:
                logger.info("the chain is followed again")
            return 0
        return failures + 1

    def _round(self, rpc: Rpc) -> Round:
        try:
            return step(rpc)
        except (ChainError, KeyUnavailable) as error:
            raise CommandError(f"{type(error).__name__}: {error}") from error

    def _report(self, done: Round) -> None:
        if done.sync.logs or done.sync.reorg_depth or done.projected or done.sent or done.finished:
            logger.info(
                "block %d (final %d): %d logs, %d projected, %d sent, %d finished",
                done.sync.height,
                done.sync.finalized,
                done.sync.logs,
                done.projected,
                done.sent,
                done.finished,
            )
