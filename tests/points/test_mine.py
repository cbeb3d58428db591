"""One's own points computed again from one's own export, as its owner downloads it."""

import copy
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from accounts import referrals
from accounts.models import User
from config.environment import BASE_DIR
from contributions import verify as judging
from contributions import withdraw
from contributions.models import Workflow
from marketplace import automations, uses
from marketplace.models import Outcome
from points import bundle, epochs, export, mine, rewards, verify
from points.models import Epoch
from points.own_export import ExportError, OwnExport, read_export
from tests.factories import bearer, make_user
from tests.points.makers import adopt_genesis, adopt_policy, submit_work
from tests.points.onchain import publish_until, rpc

pytestmark = pytest.mark.django_db
BOUNTIES = [
    {"task": task, "multiplier_bp": multiplier, "from_epoch": epoch, "through_epoch": epoch}
    for task, multiplier, epoch in (
        ("enter-text-7", 15_000, 1),
        ("enter-text-41", 13_000, 1),
        ("enter-text-41", 12_000, 2),
    )
]
POLICY = {
    "bounties": BOUNTIES,
    "badges": [{"name": "early", "from_millipoints": 100_000, "bonus_bp": 500}],
    "daily_cap_millipoints": 600_000,
    "duplicates": {"multipliers_bp": [10_000, 7_000]},
    "marketplace": {
        "price_millipoints_per_action": 30_000,
        "creator_bp": 7_001,
        "burn_bp": 1_499,
        "ecosystem_bp": 1_500,
    },
}


@dataclass
class World:
    """Two closed epochs in which everything happened that can move somebody's points."""

    worker: User
    near: User
    walletless: User

    def export(self, user: User, number: int) -> dict[str, Any]:
        answer = APIClient().get(f"/api/v1/epochs/{number}/export", headers=bearer(user, "read"))
        assert answer.status_code == 200, answer.content
        return json.loads(answer.content)


def work(person: User, operator, *, seed: int, shape: str = "") -> Workflow:
    """Attested work, judged and paid."""
    row = submit_work(person, operator, seed=seed)
    if shape:
        Workflow.objects.filter(pk=row.pk).update(shape_key=shape)
    settlement = rewards.settle(row.pk)
    assert settlement
    assert settlement.verdict.accepted
    return Workflow.objects.get(pk=row.pk)


def run(user: User, workflow: Workflow) -> None:
    automation = automations.publish(
        creator=workflow.contributor, workflow_id=workflow.pk, title="Enter a name"
    )
    uses.record_use(
        user=user,
        automation=automation,
        use_id=uuid4(),
        actions=2,
        outcome=Outcome.SUCCEEDED,
    )


@pytest.fixture
def world(operator, monkeypatch) -> World:
    # People who do the same task again do it less alike than these short recordings are.
    monkeypatch.setattr(judging, "HISTORY_LIMIT", 0)
    adopt_genesis()
    adopt_policy(**POLICY)
    worker, near, walletless = make_user(), make_user(), make_user(wallet=False)
    referrals.record(referred=worker, referrer=near)
    epochs.open_next()
    for seed in (7, 8, 9):
        last = work(worker, operator, seed=seed, shape="alike")
    theirs = work(near, operator, seed=21)
    run(near, last)
    work(walletless, operator, seed=31)
    epochs.close(1)
    epochs.open_next()
    first = work(worker, operator, seed=41)
    run(worker, theirs)
    withdraw.withdraw(contributor=worker, workflow_id=first.pk)
    rewards.reverse_withdrawn()
    work(walletless, operator, seed=51)
    work(worker, operator, seed=42)  # Cut by the cap of a day that began in epoch 1.
    epochs.close(2)
    return World(worker, near, walletless)


def path_of(number: int) -> Path:
    return bundle.path_of(django_settings.BUNDLES_DIR, number)


def mismatches(document: dict[str, Any], *, previous: bool = False) -> list[str]:
    """What verifying an export finds; the refusal of one that can't be read counts as well."""
    number = document["epoch"] if document["epoch"] in (1, 2) else 1
    try:
        own = OwnExport.model_validate_json(json.dumps(document))
    except ValueError as error:
        return [str(error)]
    before = path_of(number - 1) if previous and number > 1 else None
    return [str(each) for each in verify.verify(path_of(number), previous=before, mine=own)]


def categories(document: dict[str, Any]) -> set[str]:
    return {line["category"] for entry in document["entries"] for line in entry["lines"]}


def test_everybodys_export_of_every_epoch_verifies(world):
    seen = set()
    for person in (world.worker, world.near, world.walletless):
        for number in (1, 2):
            document = world.export(person, number)
            assert mismatches(document) == []
            assert mismatches(document, previous=True) == []
            seen |= categories(document)
    assert seen == set(mine.REASONS)


def test_the_command_needs_neither_database_nor_django(world, tmp_path):
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(world.export(world.worker, 2)))
    result = subprocess.run(
        [sys.executable, "-m", "points.verify", str(path_of(2)), "--mine", str(file)],
        capture_output=True,
        text=True,
        cwd=BASE_DIR,
        env={"PATH": "/usr/bin"},
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 mismatches" in result.stdout
    assert f"4 entries of points:{world.worker.pk}" in result.stdout
    for named in ("seen_before", "score_bp", "withdrawn (1)", "netted"):
        assert named in result.stdout


def test_with_a_node_the_roots_it_is_held_against_are_those_on_chain(chain, settings, operator):
    settings.PROJECTIONS = ["points.claims.project"]
    adopt_genesis()
    person = make_user()
    epochs.open_next()
    work(person, operator, seed=7)
    epochs.close(1)
    own = OwnExport.model_validate(export.epoch_export(person, Epoch.objects.get()))
    assert "chain: no root" in str(verify.verify(path_of(1), rpc=rpc(), mine=own)[0])
    publish_until(chain, 1)
    assert verify.verify(path_of(1), rpc=rpc(), mine=own) == []


def test_nobody_gets_anothers_export_and_none_of_an_open_epoch(world):
    url = "/api/v1/epochs/1/export"
    assert APIClient().get(url).status_code == 401
    assert APIClient().get(url, headers=bearer(world.near, "contribute")).status_code == 403
    stranger = world.export(make_user(), 1)
    assert (stranger["entries"], stranger["works"], stranger["address"]) == ([], [], None)
    assert mismatches(stranger) == []
    epochs.open_next()
    reader = APIClient()
    for number in (3, 4):
        answer = reader.get(f"/api/v1/epochs/{number}/export", headers=bearer(world.near))
        assert answer.status_code == 404


def test_a_referrer_is_told_nothing_of_whose_work_it_was_or_how_it_was_done(world):
    document = world.export(world.near, 1)
    shared = [e for e in document["entries"] if e["lines"][0]["category"] == "referral"]
    assert len(shared) == 3
    for entry in shared:
        assert (entry["inputs"], entry["inputs_salt"], entry["workflow"]) == (None, None, None)
        assert [line["account"] for line in entry["lines"]] == [f"points:{world.near.pk}"]
    assert f"points:{world.worker.pk}" not in json.dumps(document)


def test_anothers_export_under_ones_own_address_or_account_is_refused(world):
    own, other = world.export(world.worker, 1), world.export(world.near, 1)
    found = mismatches({**other, "address": own["address"]})
    assert any(each.startswith("sums by category, work") for each in found)
    found = mismatches({**other, "account": own["account"], "owed_account": own["owed_account"]})
    assert any("line 1, account" in each or "line 2, account" in each for each in found)
    found = mismatches({**own, "entries": other["entries"]})
    assert any("account" in each for each in found)


def test_anothers_proof_is_refused(world):
    own, other = world.export(world.worker, 1), world.export(world.near, 1)
    own["entries"][0]["proof"] = other["entries"][-1]["proof"]
    assert any(each.startswith("entry 0 (settlement), proof") for each in mismatches(own))


RECOMPUTED = [
    *(f"{name}_multiplier_bp" for name in ("platform", "epoch", "founding", "badge", "novelty")),
    *("duplicate_multiplier_bp", "bounty_multiplier_bp", "earned_millipoints", "own_before"),
    *("day_used_millipoints", "paid_millipoints", "lifetime_millipoints"),
]


def test_each_altered_input_is_named_with_what_it_must_be(world):
    document = world.export(world.worker, 1)
    for name in RECOMPUTED:
        altered = copy.deepcopy(document)
        inputs = altered["entries"][2]["inputs"]
        honest, inputs[name] = inputs[name], inputs[name] + 1
        found = mismatches(altered)
        assert f"entry 2 (settlement), {name}: expected {honest}, found {honest + 1}" in found
        assert any(each.startswith("entry 2 (settlement), inputs: expected") for each in found)
    altered = copy.deepcopy(document)
    layer = altered["entries"][2]["inputs"]["referrals"][0]
    layer["share_bp"], layer["paid_millipoints"] = 1_001, layer["paid_millipoints"] + 1
    found = " ".join(mismatches(altered))
    for name in ("share_bp", "paid_millipoints"):
        assert f"entry 2 (settlement), referrals, layer 1, {name}: expected" in found


def test_each_altered_part_of_a_line_is_named(world):
    document = world.export(world.worker, 1)
    for name, value in (
        ("amount", "1"),
        ("category", "spent"),
        ("unit", "lam_wei"),
        ("account", f"points:{world.near.pk}"),
        ("position", 0),
        ("salt", "0" * 32),
    ):
        altered = copy.deepcopy(document)
        line = altered["entries"][0]["lines"][0]
        line[name] = value
        found = mismatches(altered)
        named = f"entry 0 (settlement), line {line['position']}"
        assert any(each.startswith(f"{named}: expected what the ledger") for each in found), name
        if name in ("category", "unit", "account"):
            assert any(each.startswith(f"{named}, {name}") for each in found), found


def test_an_export_asks_the_database_as_often_for_few_entries_as_for_many(world):
    counts = []
    for person in (world.worker, world.near):
        with CaptureQueriesContext(connection) as queries:
            document = export.epoch_export(person, Epoch.objects.get(pk=1))
        counts.append((len(document["entries"]), len(queries)))
    assert counts[0][0] != counts[1][0]
    assert counts[0][1] == counts[1][1]


def test_work_that_could_not_be_settled_in_time_is_counted_where_it_was_paid(operator, monkeypatch):
    monkeypatch.setattr(judging, "HISTORY_LIMIT", 0)
    adopt_genesis()
    adopt_policy(**POLICY)
    person = make_user()
    epochs.open_next()
    late = submit_work(person, operator, seed=7)
    Workflow.objects.filter(pk=late.pk).update(shape_key="alike")
    with monkeypatch.context() as patch:
        patch.setattr(rewards, "settle_pending", lambda: 0)
        epochs.close(1)
    epochs.open_next()
    assert rewards.settle(late.pk)
    for seed in (8, 9):
        work(person, operator, seed=seed, shape="alike")
    epochs.close(2)
    document = export.epoch_export(person, Epoch.objects.get(pk=2))
    assert [each["late"] for each in document["works"]] == [True, False, False]
    assert [each["inputs"]["own_before"] for each in document["entries"]] == [0, 0, 1]
    assert mismatches(json.loads(json.dumps(document)), previous=True) == []
    empty = export.epoch_export(person, Epoch.objects.get(pk=1))
    assert (empty["works"], mismatches(empty)) == ([], [])


def test_an_entry_left_out_or_shown_twice_is_named(world):
    document = world.export(world.worker, 1)
    missing = {**document, "entries": document["entries"][1:]}
    assert any(each.startswith("sums by category, work") for each in mismatches(missing))
    twice = {**document, "entries": [*document["entries"], document["entries"][0]]}
    assert any("leaf: expected each entry once" in each for each in mismatches(twice))


def test_an_export_of_another_epoch_is_refused(world):
    document = world.export(world.worker, 1)
    own = OwnExport.model_validate_json(json.dumps(document))
    found = [str(each) for each in verify.verify(path_of(2), mine=own)]
    assert any(each.startswith("export, epoch: expected 2, found 1") for each in found)
    assert any(each.startswith("export, ledger_root") for each in found)


def test_earlier_points_are_those_of_the_bundle_before(world):
    document = world.export(world.worker, 2)
    document["earlier_millipoints"][0] += 1
    found = mismatches(document, previous=True)
    assert any(each.startswith("export, earlier_millipoints, the last") for each in found)
    assert any(each.startswith("entry 0 (settlement), lifetime_millipoints") for each in found)


def test_a_file_that_is_no_export_is_named(tmp_path, world, capsys):
    file = tmp_path / "mine.json"
    document = world.export(world.worker, 1)
    document["entries"][0]["lines"][0]["amount"] = "1.5"
    file.write_text(json.dumps(document))
    with pytest.raises(ExportError, match=r"entries\.0\.lines\.0\.amount"):
        read_export(file)
    assert verify.main([str(path_of(1)), "--mine", str(file)]) == 2
    assert "entries.0.lines.0.amount" in capsys.readouterr().err
    assert verify.main([str(path_of(1)), "--mine", str(tmp_path / "none.json")]) == 2


# What work was, and which: shown to its owner, computed with only where it is equal.
NAMES = ("workflow", "shape", "task")


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the numbers of a document are: integers, and strings of decimal or hex digits."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from places(item, (*path, key))
    elif path[-1] not in NAMES and not isinstance(value, bool) and re.search(r"\d", str(value)):
        yield path


def changed(document: dict[str, Any], path: tuple[Any, ...], change: Callable[[Any], Any]):
    altered = copy.deepcopy(document)
    inner = altered
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = change(inner[path[-1]])
    return altered


@hypothesis_settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_number_of_an_export_is_altered_unnoticed(world, exports, data):
    document = data.draw(st.sampled_from(exports))
    path = data.draw(st.sampled_from(list(places(document))))
    by = data.draw(st.integers(-(10**6), 10**6).filter(bool))

    def change(value: Any) -> Any:
        if isinstance(value, int):
            return value + by
        at = data.draw(st.sampled_from([n for n, c in enumerate(value) if c.isdigit()]))
        return value[:at] + str((int(value[at]) + 1 + by % 9) % 10) + value[at + 1 :]

    altered = changed(document, path, change)
    assert altered == document or mismatches(altered)


@pytest.fixture
def exports(world) -> list[dict[str, Any]]:
    people = (world.worker, world.near, world.walletless)
    return [world.export(person, number) for person in people for number in (1, 2)]
