"""The audit names what differs, in the ledger, in bundles and on the command line."""

import io
import json
import re
from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from points import audit, bundle, epochs, seal
from points.models import Epoch
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
    assert re.search(r"balance \d+: amount: expected", out.getvalue())


def test_a_node_that_does_not_answer_is_a_clear_error(books, settings):
    settings.ETH_RPC_URL = "http://127.0.0.1:1"
    with pytest.raises(CommandError, match="--offline"):
        call_command("audit", stdout=io.StringIO())


def test_an_unsealed_entry_of_an_open_epoch_is_no_difference():
    adopt_genesis()
    epochs.open_next()
    earn(make_account(), 5)
    assert not any("seal" in str(each) for each in audit.run())
