"""The audit finds whatever was altered, missing or added, and names it."""

import contextlib
import io
import json
from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from points import audit, bundle, epochs, seal
from points.models import Allocation, Balance, Entry, Epoch, IdempotencyKey, Line, Seal
from tests.factories import make_user
from tests.points.makers import adopt_genesis, earn, make_account, settled_work

pytestmark = pytest.mark.django_db


@pytest.fixture
def books(operator) -> None:
    """Two closed epochs and an open one, with entries of every usual kind."""
    adopt_genesis()
    one, two = make_user(), make_user()
    for people in ((one, two), (two,)):
        epochs.open_next()
        for person in people:
            settled_work(person, operator)
        epochs.close(Epoch.objects.latest("number").number)
    epochs.open_next()
    settled_work(one, operator)
    seal.seal_pending()
    assert audit.run() == []


def past_the_triggers(statement: str) -> None:
    """What someone with the owner's rights could do."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement)
        cursor.execute("SET LOCAL session_replication_role = origin")


def noticed(statement: str) -> bool:
    """Whether PostgreSQL refuses the statement all the same, or the audit finds what it did.

    Undone afterwards.
    """
    found: list = []
    try:
        with contextlib.suppress(Undo), transaction.atomic():
            past_the_triggers(statement)
            found = audit.run()
            raise Undo
    except IntegrityError:
        return True
    return bool(found)


class Undo(Exception):
    pass


# How to alter a column so that it stays well formed, by its type.
ALTERED = {
    "smallint": "3 - {c}",
    "integer": "{c} + 1",
    "bigint": "{c} + 100",
    "numeric": "{c} + 1",
    "character varying": "reverse({c})",
    "timestamp with time zone": "{c} + interval '1 second'",
    "jsonb": "{c} || '{{\"altered\": 1}}'",
    "uuid": "gen_random_uuid()",
    "bytea": "set_byte({c}, 0, (get_byte({c}, 0) + 1) % 256)",
}
ROW_IDS = {("points_line", "id"), ("points_allocation", "id")}
# No money and in no digest: when an epoch opened and closed, and what a repeated request is
# compared with.
NOT_MONEY = {
    ("points_epoch", "opened_at"),
    ("points_epoch", "closed_at"),
    ("points_idempotencykey", "request_hash"),
}
TABLES = [Entry, Line, Seal, Balance, Allocation, Epoch, IdempotencyKey]


def alterations(table: str) -> dict[str, str]:
    """SQL to alter each column by its name."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = %s",
            [table],
        )
        found = {name: ALTERED.get(kind, "{c}").format(c=name) for name, kind in cursor.fetchall()}
    return {**found, **({"reverses_id": "id"} if table == "points_entry" else {})}


def first(table: str, key: str) -> str:
    return f"{key} = (SELECT {key} FROM {table} ORDER BY {key} LIMIT 1)"


def test_every_altered_column_of_a_money_table_is_found(books):
    unnoticed = []
    for model in TABLES:
        table, key = model._meta.db_table, model._meta.pk.column
        for column, value in alterations(table).items():
            if (table, column) in ROW_IDS | NOT_MONEY:
                continue
            if not noticed(f"UPDATE {table} SET {column} = {value} WHERE {first(table, key)}"):
                unnoticed.append(f"{table}.{column}")
    assert not unnoticed, " ".join(unnoticed)


def test_every_missing_row_of_a_money_table_is_found(books):
    for model in TABLES:
        table, key = model._meta.db_table, model._meta.pk.column
        assert noticed(f"DELETE FROM {table} WHERE {first(table, key)}"), table


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO points_line SELECT (SELECT max(id) FROM points_line) + 1, position + 90, "
        "unit, category, epoch_number, amount, account_id, entry_id FROM points_line LIMIT 1",
        "INSERT INTO points_entry (id, kind, epoch_id, posted_at, inputs, line_count, salt, digest)"
        " VALUES (999999, 'use', 1, now(), '{}', 2, '\\x01', '\\x02')",
        "INSERT INTO points_allocation (epoch_id, leaf_id, points_account_id, entry_id, categories,"
        " millipoints, wei, cumulative_wei) SELECT 2, leaf_id, points_account_id, 999, categories,"
        " millipoints, wei, cumulative_wei FROM points_allocation WHERE epoch_id = 1"
        " AND leaf_id NOT IN (SELECT leaf_id FROM points_allocation WHERE epoch_id = 2) LIMIT 1",
        "INSERT INTO points_balance VALUES (5000, 7)",
    ],
)
def test_every_added_row_of_a_money_table_is_found(books, statement):
    assert noticed(statement)


def damage_manifest(path) -> None:
    file = path / "manifest.json"
    file.write_bytes(file.read_bytes().replace(b'"epoch":1', b'"epoch":9'))


def damage_tree(path) -> None:
    file = path / "tree.json"
    file.write_bytes(file.read_bytes()[:-1] + b" ")


def remove_totals(path) -> None:
    (path / "totals.json").unlink()


@pytest.mark.parametrize(
    ("damage", "named"),
    [(damage_manifest, "hash"), (damage_tree, "tree.json"), (remove_totals, "totals.json")],
)
def test_a_damaged_bundle_is_found(books, damage: Callable, named, settings):
    damage(bundle.path_of(settings.BUNDLES_DIR, 1))
    assert any(named in str(each) for each in audit.run())


def test_a_payment_without_an_accepted_verdict_is_found(books):
    past_the_triggers("UPDATE contributions_verdict SET accepted = false, verified_actions = 0")
    assert any("verdict" in str(each) for each in audit.run())


def test_the_command_ends_well_when_nothing_differs(books):
    out = io.StringIO()
    call_command("audit", "--offline", "--json", stdout=out)
    report = json.loads(out.getvalue())
    assert report["differences"] == []
    assert int(report["system_accounts"]["issuance"]) < 0


def test_the_command_ends_badly_and_names_what_differs(books):
    past_the_triggers("UPDATE points_balance SET amount = amount + 1")
    out = io.StringIO()
    with pytest.raises(CommandError, match="differences"):
        call_command("audit", "--offline", stdout=out)
    assert "balance: expected" in out.getvalue()


def test_a_node_that_does_not_answer_is_a_clear_error(books, settings):
    settings.ETH_RPC_URL = "http://127.0.0.1:1"
    with pytest.raises(CommandError, match="--offline"):
        call_command("audit", stdout=io.StringIO())


def test_an_unsealed_entry_of_an_open_epoch_is_no_difference():
    adopt_genesis()
    epochs.open_next()
    earn(make_account(), 5)
    assert not any("seal" in str(each) for each in audit.run())
