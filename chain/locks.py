"""PostgreSQL advisory locks: one worker at a time, freed when its connection ends."""

import contextlib
from collections.abc import Iterator

from django.db import connection

NAMESPACE = 0x4C414D  # Keeps our keys apart from anybody else's in the same database.


@contextlib.contextmanager
def held(name: str) -> Iterator[bool]:
    """Whether this session got the lock `name`; never waits. Held until the block ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", [NAMESPACE, name])
        (mine,) = cursor.fetchone()
    try:
        yield mine
    finally:
        if mine and connection.connection and not connection.connection.closed:
            _release(name)


def wait(name: str) -> None:
    """Take the lock `name` for the rest of the transaction, waiting until it is free."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [NAMESPACE, name])


def _release(name: str) -> None:
    # A transaction that must roll back takes no more statements; its connection is closed with it.
    if connection.needs_rollback:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", [NAMESPACE, name])
