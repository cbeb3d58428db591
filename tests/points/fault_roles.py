"""The parts of a fault run, each a process of its own: `python -m tests.points.fault_roles ROLE`.

`worker` does what the scheduler's tasks do, `publisher` is the chain process, `load` posts until it
is told to stop. All go on where they were interrupted. `rebuild` closes the same epochs again from
the journal alone, in a copy of the database in which nothing was ever closed.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import DatabaseError, connection  # noqa: E402

from chain.rpc import Rpc  # noqa: E402
from contributions import policy  # noqa: E402
from contributions.policy_document import load_policy  # noqa: E402
from points import audit, epochs, ledger, tasks  # noqa: E402
from points.models import (  # noqa: E402
    Allocation,
    Balance,
    Category,
    EntryKind,
    Epoch,
    IdempotencyKey,
    SystemAccount,
)
from tests.factories import make_user  # noqa: E402

BATCH = 40
DOCUMENT: dict[str, Any] = {**load_policy().document, "epoch_seconds": 4}


def prepare(people: int) -> dict[str, Any]:
    """A migrated database with people and the policy; their accounts."""
    call_command("migrate", verbosity=0)
    policy.register_document(DOCUMENT)
    return {
        "accounts": sorted(ledger.personal_accounts(make_user().pk for _ in range(people)).values())
    }


def worker() -> None:
    """Close, open, publish and seal, as often as the clock says."""
    settings.EPOCHS_ADVANCE_BY_CLOCK = not stopped("epochs")
    for task in (tasks.advance_epochs, tasks.seal):
        task()
    if stopped("epochs"):
        finish()
    time.sleep(0.02)


def finish() -> None:
    """Close the last epoch and publish what is closed, without opening another."""
    for epoch in Epoch.objects.filter(closed_at__isnull=True):
        epochs.close(epoch.number)
    tasks._publish()


def stopped(what: str) -> bool:
    """Whether the test has said that it is enough."""
    return (Path(os.environ["LAM_DATA_DIR"]) / f"stop-{what}").exists()


def load(accounts: list[int], thread: int) -> dict[str, Any]:
    """Batches of entries to the same accounts, each until it is in; what everybody was given."""
    given = dict.fromkeys(accounts, 0)
    number = 0
    while not stopped("load"):
        batch = [
            (f"load:{thread}:{number}:{n}", accounts[(number * 7 + n * 3 + thread) % len(accounts)])
            for n in range(BATCH)
        ]
        until_done(lambda batch=batch: post(batch))
        for n, (_, account) in enumerate(batch):
            given[account] += n + 1
        number += 1
        time.sleep(0.2)
    return {"given": given, "entries": number * BATCH}


def post(batch: list[tuple[str, int]]) -> None:
    """All or none of the batch, unless it is in already."""
    if IdempotencyKey.objects.filter(key=batch[0][0]).exists():
        return
    epoch = ledger.current_epoch_number()
    ledger.post_many(
        ledger.Draft(
            kind=EntryKind.CARRY,
            key=key,
            epoch=epoch,
            lines=[
                ledger.Amount(SystemAccount.ISSUANCE, -n, Category.WORK),
                ledger.Amount(account, n, Category.WORK),
            ],
            request={"account": account, "amount": n},
        )
        for n, (key, account) in enumerate(batch, 1)
    )


def until_done(work: Callable[[], None]) -> None:
    """Again and again: PostgreSQL may be away, and the epoch may have closed meanwhile."""
    while True:
        try:
            return work()
        except (DatabaseError, ledger.EpochNotInProgress):
            connection.close()
            time.sleep(0.05)


def forever(step: Callable[[], None]) -> None:
    """As a supervisor would start it again after any error, without paying for a new process."""
    while True:
        try:
            step()
        except Exception as error:
            print(type(error).__name__, error, file=sys.stderr, flush=True)
            connection.close()
            time.sleep(0.05)


def books() -> dict[str, Any]:
    """What the ledger came to, and what the audit says with the node."""
    allocated: dict[int, int] = {}
    for account, amount in Allocation.objects.values_list("points_account", "millipoints"):
        allocated[account] = allocated.get(account, 0) + amount
    held = Balance.objects.filter(account__kind="points", amount__gt=0)
    return {
        "allocated": allocated,
        "held": {account: int(amount) for account, amount in held.values_list("pk", "amount")},
        "entries": IdempotencyKey.objects.filter(key__startswith="load:").count(),
        "epochs": {epoch.number: epoch.bundle_hash for epoch in Epoch.objects.order_by("number")},
        "states": epochs.states(list(Epoch.objects.all())),
        "differences": [str(each) for each in audit.run(rpc=Rpc(settings.ETH_RPC_URL))],
    }


NOT_OF_A_CLOSE = "entry_id NOT IN (SELECT id FROM points_entry WHERE kind = 'conversion')"
KEPT = {
    "points_entry": "kind <> 'conversion'",
    "points_line": NOT_OF_A_CLOSE,
    "points_idempotencykey": NOT_OF_A_CLOSE,
    "points_seal": NOT_OF_A_CLOSE,
    "points_epoch": "true",
}
FORGET = """
TRUNCATE points_epoch, points_entry, points_line, points_idempotencykey, points_seal,
    points_allocation, points_leaf, points_claim CASCADE;
DELETE FROM points_balance WHERE account_id IN (SELECT id FROM points_account WHERE kind = 'lam');
DELETE FROM points_account WHERE kind = 'lam';
UPDATE points_balance SET amount = 0;
"""
# The epoch's own part of the journal, and the epoch as it was when its close began.
RECALL = """
INSERT INTO points_entry SELECT * FROM kept_points_entry WHERE epoch_id = {epoch};
INSERT INTO points_line SELECT * FROM kept_points_line WHERE epoch_number = {epoch};
INSERT INTO points_idempotencykey SELECT k.* FROM kept_points_idempotencykey k
    JOIN kept_points_entry e ON e.id = k.entry_id WHERE e.epoch_id = {epoch};
INSERT INTO points_seal SELECT * FROM kept_points_seal WHERE epoch_number = {epoch};
UPDATE kept_points_epoch SET closed_at = NULL, ledger_root = '', root = '', bundle_hash = '',
    millipoints = 0, emission_wei = 0, total_wei = 0, accounts = 0, emission_limit_wei = 0
    WHERE number = {epoch};
INSERT INTO points_epoch SELECT * FROM kept_points_epoch WHERE number = {epoch};
UPDATE points_balance b SET amount = s.amount
    FROM (SELECT account_id, sum(amount) AS amount FROM points_line
          WHERE epoch_number = {epoch} AND account_id >= 1000 GROUP BY account_id) s
    WHERE b.account_id = s.account_id;
"""


def rebuild() -> dict[str, Any]:
    """Close every epoch of the journal once more, undisturbed; bundle hashes by epoch."""
    past_the_triggers(
        "".join(
            f"CREATE TABLE kept_{table} AS SELECT * FROM {table} WHERE {which};"
            for table, which in KEPT.items()
        )
        + FORGET
    )
    numbers = [row[0] for row in selected("SELECT number FROM kept_points_epoch ORDER BY number")]
    hashes = {}
    for number in numbers:
        past_the_triggers(RECALL.format(epoch=number))
        hashes[number] = epochs.close(number).bundle_hash
    return hashes


def past_the_triggers(statements: str) -> None:
    """As the owner."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(statements)
        cursor.execute("RESET session_replication_role")


def selected(statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def main(role: str, *arguments: str) -> None:
    """Run a role; those that end print what they came to as JSON."""
    (Path(os.environ["LAM_DATA_DIR"]) / f"ready-{role}").touch()
    if role == "worker":
        forever(worker)
    if role == "publisher":
        call_command("chain_sync")
    ends: dict[str, Callable[[], dict[str, Any]]] = {
        "prepare": lambda: prepare(int(arguments[0])),
        "load": lambda: load(json.loads(arguments[0]), int(arguments[1])),
        "books": books,
        "rebuild": rebuild,
    }
    if role in ends:
        print(json.dumps(ends[role]()))


if __name__ == "__main__":
    main(*sys.argv[1:])
