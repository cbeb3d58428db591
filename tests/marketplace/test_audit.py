"""The audit of runs: any altered column, missing or added row of a paid run is found."""

import pytest
from django.apps import apps
from django.core.management import call_command

from marketplace import audit
from marketplace.models import Automation, Use
from points import epochs
from tests.marketplace.test_marketplace import make_automation, make_buyer, run
from tests.points.makers import adopt_genesis
from tests.points.test_audit_every_column import ALTERED, COPY, types, unnamed

pytestmark = pytest.mark.django_db

EXCLUDED = {Automation: "what can be run, and for how many actions at most; no money"}
UNCHECKED = {"at": "no amount follows from it", "outcome": "a failed run costs the same"}
# A missing run has no number any more, only the entry that paid for it.
NAME = "ARRAY['use ' || id, 'entry ' || entry_id]"
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
    wrong = []
    for column, kind in types(Use).items():
        if column not in UNCHECKED:
            value = ALTERED[kind].format(c=column)
            wrong += unnamed(Use, f"UPDATE {table} SET {column} = {value}", audit, NAME)
    assert wrong == []


def test_every_missing_or_added_row_is_found(paid):
    table = Use._meta.db_table
    assert unnamed(Use, f"DELETE FROM {table}", audit, NAME) == []
    columns = ", ".join(ADDED.get(name, name) for name in types(Use))
    assert unnamed(Use, COPY.format(table=table, columns=columns), audit, NAME) == []


def test_the_command_audits_runs_too(paid, capsys):
    call_command("audit", "--offline")
    assert "0 differences" in capsys.readouterr().out
