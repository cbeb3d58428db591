"""The audit of runs: any altered column, missing or added row of a paid run is found."""

import pytest
from django.apps import apps
from django.core.management import call_command

from marketplace import audit
from marketplace.models import Automation, Use
from points import epochs
from tests.marketplace.test_marketplace import make_automation, make_buyer, run
from tests.points.makers import adopt_genesis
from tests.points.test_audit_every_column import ALTERED, COPY, noticed, types

pytestmark = pytest.mark.django_db

EXCLUDED = {Automation: "what can be run, and for how many actions at most; no money"}
UNCHECKED = {"at": "no amount follows from it", "outcome": "a failed run costs the same"}
ADDED = {
    "id": "gen_random_uuid()",
    "entry_id": "(SELECT max(id) FROM points_entry WHERE kind = 'carry')",
}


@pytest.fixture
def paid(db) -> Use:
    adopt_genesis()
    epochs.open_next()
    use, _ = run(make_buyer(), make_automation())
    assert audit.run() == []
    return use


def test_every_model_of_the_app_is_a_money_table_or_excluded_for_a_reason():
    assert set(apps.get_app_config("marketplace").get_models()) == {Use, *EXCLUDED}


def test_every_altered_column_is_found(paid):
    table = Use._meta.db_table
    unnoticed = [
        column
        for column, kind in types(Use).items()
        if column not in UNCHECKED
        and not noticed(f"UPDATE {table} SET {column} = {ALTERED[kind].format(c=column)}", audit)
    ]
    assert unnoticed == []


def test_every_missing_or_added_row_is_found(paid):
    table = Use._meta.db_table
    assert noticed(f"DELETE FROM {table}", audit)
    columns = ", ".join(ADDED.get(name, name) for name in types(Use))
    assert noticed(COPY.format(table=table, columns=columns), audit)


def test_the_command_audits_runs_too(paid, capsys):
    call_command("audit", "--offline")
    assert "0 differences" in capsys.readouterr().out
