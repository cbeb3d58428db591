"""The close of an epoch of many people, the check of its bundle, and what serves them afterwards.

Used by `bench.points`. People and their settled work are written past the triggers, as the ledger
would hold them: every entry pays a worker and three referrers out of issuance.
"""

import random
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from bench.report import Figure, figure
from points.merkle import checksum_addresses

LINES_PER_ACCOUNT = 20
LINES_PER_ENTRY = 5
REQUESTS = 200

PEOPLE = """
INSERT INTO accounts_user (password, is_superuser, name, is_staff, is_active, joined_at)
    SELECT '!', false, address, false, true, now() FROM new_address ORDER BY ordinal;
INSERT INTO accounts_wallet (user_id, address, is_primary, added_at)
    SELECT u.id, u.name, true, now() FROM new_address n JOIN accounts_user u ON u.name = n.address;
INSERT INTO points_account (kind, unit, name, address, user_id)
    SELECT 'points', 1, '', '', u.id
    FROM new_address n JOIN accounts_user u ON u.name = n.address ORDER BY n.ordinal;
"""
# The people of an epoch have accounts in a row; each entry's pay goes to four of them.
WORK = """
SET session_replication_role = replica;
INSERT INTO points_entry (kind, epoch_id, posted_at, inputs, line_count, salt, digest)
    SELECT 'settlement', {epoch}, now(), '{{}}', {per_entry}, '\\x00',
           sha256(int8send({epoch}::bigint << 32 | n))
    FROM generate_series(1, {entries}) n;
INSERT INTO points_line (entry_id, position, account_id, unit, category, epoch_number, amount)
    SELECT e.id, k,
           CASE WHEN k = 0 THEN 1 ELSE {first} + (e.id * 4 + k) % {accounts} END, 1,
           CASE WHEN k < 2 THEN 1 ELSE 2 END, {epoch},
           (ARRAY[-15000, 10000, 3000, 1500, 500])[k + 1]
    FROM points_entry e, generate_series(0, 4) k WHERE e.epoch_id = {epoch} ORDER BY e.id, k;
INSERT INTO points_seal (position, entry_id, digest, chain, epoch_number)
    SELECT (SELECT coalesce(max(position), 0) FROM points_seal) + row_number() OVER (ORDER BY id),
           id, digest, digest, {epoch}
    FROM points_entry WHERE epoch_id = {epoch};
UPDATE points_balance b SET amount = s.amount
    FROM (SELECT account_id, sum(amount) AS amount FROM points_line
          WHERE epoch_number = {epoch} AND account_id >= 1000 GROUP BY account_id) s
    WHERE b.account_id = s.account_id;
RESET session_replication_role;
"""


def populate(url: str, *, epoch: int, accounts: int) -> None:
    """`accounts` new people with 20 lines each in an open epoch; `url` is the owner's."""
    addresses = checksum_addresses(
        np.frombuffer(random.randbytes(20 * accounts), np.uint8).reshape(-1, 20)
    )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TEMP TABLE new_address (ordinal int, address text)")
        with connection.cursor() as cursor, cursor.copy("COPY new_address FROM STDIN") as copy:
            copy.write("".join(f"{n}\t{each}\n" for n, each in enumerate(addresses)))
        connection.execute("ANALYZE new_address")
        connection.execute(PEOPLE.encode())
        row = connection.execute("SELECT max(id) FROM points_account").fetchone()
        assert row is not None
        connection.execute(
            WORK.format(
                epoch=epoch,
                accounts=accounts,
                first=row[0] - accounts + 1,
                entries=accounts * LINES_PER_ACCOUNT // LINES_PER_ENTRY,
                per_entry=LINES_PER_ENTRY,
            ).encode()
        )
        connection.execute("CHECKPOINT")
        connection.execute("VACUUM ANALYZE")


def peak_mib() -> int:
    """The highest resident memory of this process since `reset_peak`."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def reset_peak() -> None:
    """Forget the highest resident memory so far (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def close(url: str, accounts: int) -> list[Figure]:
    """Seconds and memory to close an epoch with its bundle, and to check the bundle."""
    from django.conf import settings

    from points import epochs, verify

    epoch = epochs.open_next()
    populate(url, epoch=epoch.number, accounts=accounts)
    reset_peak()
    start, used = time.perf_counter(), time.process_time()
    epochs.close(epoch.number)
    seconds, cpu, peak = time.perf_counter() - start, time.process_time() - used, peak_mib()
    start = time.perf_counter()
    found = verify.verify(Path(settings.BUNDLES_DIR) / f"epoch-{epoch.number}")
    if found:
        raise SystemExit(f"the bundle of epoch {epoch.number} does not verify: {found}")
    checked = time.perf_counter() - start
    # The targets are those of a million accounts.
    whole = accounts == 1_000_000
    close_most, verify_most = (120, 60) if whole else (None, None)
    what = f"{accounts:,} accounts, {accounts * LINES_PER_ACCOUNT:,} lines"
    return [
        figure(f"close and bundle of {what}", seconds, "s", at_most=close_most),
        figure("its share of Python", cpu, "s CPU"),
        figure("its peak memory, without PostgreSQL", peak, "MiB", at_most=2048),
        figure("verify of the bundle", checked, "s", at_most=verify_most),
    ]


def endpoints() -> list[Figure]:
    """Milliseconds of the balance and of a proof, by the last epoch's people."""
    from accounts.models import Scope, User
    from accounts.tokens import issue
    from points.models import Epoch, Leaf

    number = Epoch.objects.filter(closed_at__isnull=False).latest("number").number
    leaves = Leaf.objects.count()
    paid = Leaf.objects.order_by("-index").values_list("account__address", flat=True)
    addresses = list(paid[: leaves // 2 : max(1, leaves // 100)])
    tokens = [
        issue(user=user, scopes=[Scope.READ])[1]
        for user in User.objects.filter(wallets__address__in=addresses)
    ]
    owned = iter(random.choices(tokens, k=REQUESTS))
    asked = iter(random.choices(addresses, k=REQUESTS))
    requests = {
        "balance": lambda client: client.get(
            "/api/v1/points/balance", headers={"Authorization": f"Bearer {next(owned)}"}
        ),
        "proof": lambda client: client.get(f"/api/v1/epochs/{number}/proof/{next(asked)}"),
    }
    return [
        each
        for name, ask in requests.items()
        for each in _milliseconds(f"{name} endpoint, {leaves:,} leaves", ask)
    ]


def _milliseconds(name: str, ask: Callable[[Any], Any]) -> list[Figure]:
    from django.test import Client

    times = sorted(_times(ask, Client()))
    return [
        figure(f"{name}, p50", statistics.median(times), "ms", at_most=10),
        figure(f"{name}, p99", times[len(times) * 99 // 100], "ms"),
    ]


def _times(ask: Callable[[Any], Any], client: Any) -> Iterator[float]:
    for _ in range(REQUESTS):
        start = time.perf_counter()
        answer = ask(client)
        yield (time.perf_counter() - start) * 1000
        if answer.status_code != 200:
            raise SystemExit(f"an endpoint answered {answer.status_code}: {answer.content[:200]}")
