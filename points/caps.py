"""Caps on what a person may earn, and how much of them is used up."""

from collections.abc import Iterable

from django.db import connection

from points.models import CapUsage

Key = tuple[CapUsage.Kind, int, int]
"""Which cap, whose (user id), and of which period."""

# Makes missing rows and locks all, in the order given, in one statement.
LOCK = """
INSERT INTO points_capusage (kind, user_id, period, millipoints)
SELECT kind, user_id, period, 0
FROM unnest(%s::text[], %s::bigint[], %s::bigint[]) AS wanted (kind, user_id, period)
ON CONFLICT (kind, user_id, period) DO UPDATE SET millipoints = points_capusage.millipoints
RETURNING kind, user_id, period, millipoints
"""
SAVE = """
UPDATE points_capusage AS kept SET millipoints = used.millipoints
FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bigint[])
    AS used (kind, user_id, period, millipoints)
WHERE (kept.kind, kept.user_id, kept.period) = (used.kind, used.user_id, used.period)
"""


class Caps:
    """Used-up caps, locked until the transaction ends; `save` writes what was taken."""

    def __init__(self, keys: Iterable[Key]) -> None:
        wanted = sorted(set(keys))
        self._used: dict[Key, int] = {}
        self._taken: set[Key] = set()
        if not wanted:
            return
        with connection.cursor() as cursor:
            cursor.execute(LOCK, _columns(wanted))
            for kind, user, period, used in cursor.fetchall():
                self._used[CapUsage.Kind(kind), user, period] = used

    def take(self, key: Key, *, wanted: int, cap: int) -> tuple[int, int]:
        """(millipoints used before, granted now) under a cap of `cap` millipoints."""
        used = self._used[key]
        granted = max(0, min(wanted, cap - used))
        if granted:
            self._used[key] = used + granted
            self._taken.add(key)
        return used, granted

    def save(self) -> None:
        """Write what was taken."""
        taken = sorted(self._taken)
        if taken:
            with connection.cursor() as cursor:
                cursor.execute(SAVE, [*_columns(taken), [self._used[key] for key in taken]])
        self._taken.clear()


def _columns(keys: list[Key]) -> list[list[str] | list[int]]:
    kinds = [str(kind) for kind, _, _ in keys]
    return [kinds, [user for _, user, _ in keys], [period for _, _, period in keys]]
