"""Epochs: closed once, exactly, into the same bundle whatever interrupted the close."""

import hashlib
import json
from contextlib import nullcontext
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.models import Wallet
from contributions.models import Adoption
from contributions.policy import NotAdopted
from contributions.policy_document import load_policy
from lam_core.canonical import canonical_json, content_hash
from points import audit, bundle, conversion, epochs, ledger, rewards, seal
from points.allocation import scheduled_emission
from points.chain_models import EmissionLimit
from points.conversion import LedgerInconsistent
from points.merkle import EMPTY_ROOT, MerkleTree, verify_proof
from points.models import (
    AccountKind,
    Allocation,
    Balance,
    Category,
    Entry,
    EntryKind,
    Epoch,
    Leaf,
    Line,
    SystemAccount,
    Unit,
)
from tests.factories import make_user
from tests.points.makers import (
    adopt_genesis,
    adopt_policy,
    bundle_bytes,
    closed_epoch,
    earn,
    make_account,
    settled_work,
    submit_work,
)
from tests.points.test_ledger import errors, in_threads

pytestmark = pytest.mark.django_db
EMISSION = load_policy().emission(1)


@pytest.fixture(autouse=True)
def adopted() -> None:
    adopt_genesis()


def address_of(user) -> str:
    return Wallet.objects.get(user=user, is_primary=True).address


def test_an_epoch_pins_policy_and_release_when_it_opens():
    epoch = epochs.open_next()
    later = adopt_policy(points_per_action_millipoints=7)
    epoch.refresh_from_db()
    assert epoch.policy_hash == load_policy().hash
    epochs.close(1)
    assert epochs.open_next().policy_hash == later


def test_an_adoption_for_a_later_epoch_waits_for_it():
    later = adopt_policy(epoch=2, points_per_action_millipoints=7)
    assert closed_epoch().policy_hash == load_policy().hash
    assert epochs.open_next().policy_hash == later


def test_two_epochs_are_never_open_at_once():
    epochs.open_next()
    with pytest.raises(epochs.EpochError, match="Epoch 1 is open"):
        epochs.open_next()


def test_points_become_lam_exactly():
    people = [make_user() for _ in range(7)]
    points = [10_000, 10_000, 1, 999_999, 3, 77_777, 10_000]
    epoch = closed_epoch(*zip(people, points, strict=True))
    assert sum(Allocation.objects.values_list("wei", flat=True)) == EMISSION == epoch.emission_wei
    assert epoch.millipoints == sum(points)
    for person, earned in zip(people, points, strict=True):
        row = Allocation.objects.get(points_account=make_account(person))
        assert abs(row.wei - EMISSION * earned // sum(points)) <= 1
        assert ledger.balance(row.leaf.account_id) == row.wei
        assert ledger.balance(make_account(person)) == 0


def test_emission_above_what_votes_left_of_the_schedule_is_capped_by_it():
    limit = scheduled_emission(1) // 3
    EmissionLimit.objects.create(
        from_epoch=1, limit_wei=limit, chain_id=31337, block_number=1, block_hash="0x" + "1" * 64,
        log_index=0, transaction_hash="0x" + "2" * 64, at=timezone.now(),
    )  # fmt: skip
    assert closed_epoch((make_user(), 5)).emission_wei == limit


def test_closing_twice_is_refused_and_changes_nothing():
    closed_epoch((make_user(), 5))
    before, entries = bundle_bytes(1), Entry.objects.count()
    with pytest.raises(epochs.AlreadyClosed, match="Epoch 1 is closed already"):
        epochs.close(1)
    assert bundle_bytes(1) == before
    assert Entry.objects.count() == entries


def test_an_epoch_that_does_not_exist_cannot_be_closed():
    with pytest.raises(epochs.EpochError, match="no epoch 4"):
        epochs.close(4)


def test_closing_settles_the_work_that_waits(operator):
    person = make_user()
    epochs.open_next()
    submit_work(person, operator)
    epoch = epochs.close(1)
    assert epoch.accounts == 1
    assert Allocation.objects.get().categories == {"work": epoch.millipoints}


def test_an_epoch_nobody_worked_in_gives_nothing():
    epoch = closed_epoch()
    assert (epoch.emission_wei, epoch.total_wei, epoch.accounts) == (0, 0, 0)
    assert epoch.root == EMPTY_ROOT
    assert epoch.ledger_root == seal.EMPTY_ROOT


def test_an_idle_epoch_after_another_keeps_the_tree():
    first = closed_epoch((make_user(), 5))
    second = closed_epoch()
    assert second.root == first.root
    assert second.total_wei == first.total_wei == EMISSION
    assert second.bundle_hash != first.bundle_hash


def test_leaves_keep_their_place_and_sums_grow():
    early, late = make_user(), make_user()
    closed_epoch((early, 10))
    closed_epoch((late, 30), (early, 10))
    rows = list(epochs.bundle_rows(2))
    assert [row.address for row in rows] == [address_of(early), address_of(late)]
    assert rows[0].cumulative_wei == EMISSION + EMISSION // 4
    assert rows[1].cumulative_wei == EMISSION - EMISSION // 4


def test_a_changed_wallet_is_a_new_leaf_and_the_old_one_stays():
    person = make_user()
    closed_epoch((person, 10))
    old = address_of(person)
    Wallet.objects.filter(user=person).update(is_primary=False)
    new = Wallet.objects.create(user=person, address="0x" + "7" * 40, is_primary=True)
    closed_epoch((person, 10))
    assert [(row.address, row.cumulative_wei) for row in epochs.bundle_rows(2)] == [
        (old, EMISSION),
        (new.address, EMISSION),
    ]
    assert list(Leaf.objects.order_by("index").values_list("index", flat=True)) == [0, 1]


def test_points_of_someone_without_a_wallet_wait_for_the_next_epoch():
    unpaid, paid = make_user(wallet=False), make_user()
    epoch = closed_epoch((unpaid, 90), (paid, 10))
    assert (epoch.millipoints, epoch.accounts) == (10, 1)
    assert Allocation.objects.get().wei == EMISSION
    assert ledger.balance(make_account(unpaid)) == 0
    epochs.open_next()
    assert ledger.balance(make_account(unpaid)) == 90
    Wallet.objects.create(user=unpaid, address="0x" + "7" * 40, is_primary=True)
    epochs.close(2)
    row = Allocation.objects.get(epoch=2)
    assert (row.categories, row.wei) == ({"carried": 90}, EMISSION)
    carried = Line.objects.filter(account=SystemAccount.CARRIED)
    assert sum(carried.values_list("amount", flat=True)) == 0


def proven(epoch: Epoch) -> bool:
    """Whether every entry of an epoch is under its ledger root."""
    places = seal.places(epoch.number, list(epoch.entries.values_list("pk", flat=True)))
    tree = seal.open_tree(epoch)
    return len(places) == epoch.entries.count() and all(
        verify_proof(
            root=epoch.ledger_root,
            leaf="0x" + bytes(entry.digest).hex(),
            proof=tree.proof(places[entry.pk]),
        )
        for entry in epoch.entries.all()
    )


def test_the_ledger_root_covers_every_entry_of_the_epoch():
    people = [make_user() for _ in range(3)]
    for _ in range(2):
        assert proven(closed_epoch(*((person, 5) for person in people)))


def test_a_ledger_tree_that_is_missing_or_anothers_is_built_again(settings):
    first, second = (closed_epoch((make_user(), 5)) for _ in range(2))
    files = [settings.BUNDLES_DIR / f"epoch-{number}-{seal.NODES}" for number in (1, 2)]
    files[0].replace(files[1])
    assert proven(first)
    assert proven(second)


def test_the_manifest_is_hashed_and_names_every_file():
    epoch = closed_epoch((make_user(), 5))
    files = bundle_bytes(1)
    manifest = json.loads(files["manifest.json"])
    assert canonical_json(manifest) == files["manifest.json"]
    assert content_hash(manifest) == epoch.bundle_hash
    for each in manifest["files"]:
        assert each["sha256"] == "0x" + hashlib.sha256(files[each["name"]]).hexdigest()
    for name in ("allocations.json", "policy.json", "totals.json"):
        assert canonical_json(json.loads(files[name])) == files[name]


def test_the_same_ledger_gives_the_same_bundle_byte_for_byte(settings, tmp_path):
    closed_epoch((make_user(), 5), (make_user(), 8))
    first = bundle_bytes(1)
    settings.BUNDLES_DIR = tmp_path / "elsewhere"
    written = epochs.write_bundle(Epoch.objects.get(pk=1))
    assert bundle_bytes(1) == first
    assert written.hash == Epoch.objects.get(pk=1).bundle_hash


def test_the_tree_in_the_bundle_serves_proofs_of_every_leaf():
    people = [make_user() for _ in range(5)]
    epoch = closed_epoch(*((person, 5) for person in people))
    tree = bundle.open_tree(bundle.path_of(django_settings.BUNDLES_DIR, 1))
    assert tree.root == epoch.root
    values = [row.value for row in epochs.bundle_rows(1)]
    assert MerkleTree.of(values).root == epoch.root
    assert json.loads(bundle_bytes(1)["tree.json"])["tree"][0] == epoch.root


def test_unequal_balances_stop_the_close():
    """A line that came past the triggers: nothing is paid out."""
    epochs.open_next()
    account = make_account()
    earn(account, 5)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE points_balance SET amount = 50 WHERE account_id = %s", [account])
        cursor.execute("SET LOCAL session_replication_role = origin")
    with pytest.raises(LedgerInconsistent, match="50 millipoints, its lines add up to 5"):
        epochs.close(1)
    assert Epoch.objects.get(pk=1).closed_at is None


INTERRUPTIONS = [
    ("points.rewards.settle_pending", 0),
    ("points.conversion._store_shares", 0),
    ("points.ledger._ids", 0),
    ("points.conversion.apportion", 0),
    ("points.seal.seal_pending", 0),
    ("points.seal.store_tree", 0),
    ("points.bundle._store", 3),
    ("points.bundle._sync", 0),
    ("points.conversion.post", 0),
    ("points.bundle._store", 0),
    ("points.epochs._header", 0),
]


class Crash(RuntimeError):
    pass


def crashing_at(target, monkeypatch, *, after: int) -> None:
    """Make the call after `after` calls of `target` fail, as a killed process would."""
    module_name, name = target.rsplit(".", 1)
    module = __import__(module_name, fromlist=[name])
    real, calls = getattr(module, name), iter(range(10**6))

    def crash(*args, **kwargs):
        if next(calls) == after:
            raise Crash
        return real(*args, **kwargs)

    monkeypatch.setattr(module, name, crash)


@pytest.mark.parametrize(("target", "after"), INTERRUPTIONS)
def test_a_close_interrupted_anywhere_ends_with_the_same_bundle(
    target, after, monkeypatch, settings, tmp_path, operator
):
    """The undisturbed close is rolled back; the disturbed one then ends the same."""
    people = [make_user() for _ in range(3)]
    epochs.open_next()
    Epoch.objects.filter(pk=1).update(closing_at=timezone.now() + timedelta(seconds=1))
    for n, person in enumerate(people):
        earn(make_account(person), 10 + n)
        submit_work(person, operator, seed=n)
    rewards.settle_pending()
    with transaction.atomic():
        point = transaction.savepoint()
        undisturbed = epochs.close(1)
        expected = bundle_bytes(1)
        transaction.savepoint_rollback(point)
    settings.BUNDLES_DIR = tmp_path / "disturbed"
    with monkeypatch.context() as patch:
        crashing_at(target, patch, after=after)
        with pytest.raises(Crash), transaction.atomic():
            epochs.close(1)
    epoch = epochs.close(1)
    assert epoch.bundle_hash == undisturbed.bundle_hash
    assert bundle_bytes(1) == expected
    assert not audit.run()


@pytest.mark.django_db(transaction=True)
def test_eight_closers_at_once_close_once():
    people = [make_user() for _ in range(5)]
    epochs.open_next()
    for person in people:
        earn(make_account(person), 10)
    results = in_threads(8, lambda n: epochs.close(1))
    assert errors(results) == {"AlreadyClosed": 7}
    assert Allocation.objects.count() == 5
    assert Entry.objects.filter(kind=EntryKind.CONVERSION).count() == 1
    assert not audit.run()


@pytest.mark.django_db(transaction=True)
def test_writers_during_the_close_are_in_it_or_refused_never_lost():
    adopt_genesis()
    people = [make_user() for _ in range(4)]
    accounts = [make_account(person) for person in people]
    epochs.open_next()

    def act(n: int) -> int:
        if n == 17:
            epochs.close(1)
            return 0
        try:
            for step in range(4):
                earn(accounts[n % 4], 10, epoch=1, key=f"{n}/{step}")
        except ledger.EpochNotInProgress:
            return step * 10
        return 40

    results = in_threads(34, act)
    assert not errors(results)
    epoch = Epoch.objects.get(pk=1)
    assert epoch.millipoints == sum(results)
    assert not Balance.objects.filter(account__kind=AccountKind.POINTS, amount__gt=0).exists()
    assert not audit.run()


def test_without_an_adopted_policy_no_epoch_opens():
    Adoption.objects.all().delete()
    with pytest.raises(NotAdopted):
        epochs.open_next()


def test_conversions_are_booked_for_many_people_at_once_in_both_units():
    one, two = make_user(), make_user()
    closed_epoch((one, 30), (two, 10))
    entry = Entry.objects.get(kind=EntryKind.CONVERSION)
    points = {user: make_account(user) for user in (one, two)}
    lam = {user: Leaf.objects.get(account__address=address_of(user)) for user in (one, two)}
    lines = entry.lines.values_list("account", "unit", "category", "amount")
    assert set(lines) == {
        (points[one], Unit.MILLIPOINTS, Category.CONVERTED, -30),
        (points[two], Unit.MILLIPOINTS, Category.CONVERTED, -10),
        (SystemAccount.CONVERTED, Unit.MILLIPOINTS, Category.CONVERTED, 40),
        (SystemAccount.EMISSION, Unit.LAM_WEI, Category.ALLOCATED, -EMISSION),
        (lam[one].account_id, Unit.LAM_WEI, Category.ALLOCATED, EMISSION // 4 * 3),
        (lam[two].account_id, Unit.LAM_WEI, Category.ALLOCATED, EMISSION // 4),
    }


def test_conversions_of_more_people_than_fit_an_entry_go_into_several(monkeypatch):
    monkeypatch.setattr(conversion, "PEOPLE_PER_ENTRY", 2)
    epoch = closed_epoch(*((make_user(), 10 + n) for n in range(5)))
    assert Entry.objects.filter(kind=EntryKind.CONVERSION).count() == 3
    assert epoch.emission_wei == EMISSION
    assert not audit.run()


def test_a_share_that_rounds_to_nothing_has_no_line(monkeypatch):
    monkeypatch.setattr(epochs, "scheduled_emission", lambda number, limits: 2)
    closed_epoch(*((make_user(), points) for points in (1, 10, 10)))
    entry = Entry.objects.get(kind=EntryKind.CONVERSION)
    assert entry.line_count == entry.lines.count() == 3 + 2 + 2
    assert sorted(Allocation.objects.values_list("wei", flat=True)) == [0, 1, 1]
    assert not audit.run()


REPLACED = """
INSERT INTO points_allocation
    (epoch_id, leaf_id, points_account_id, entry_id, categories, millipoints, wei, cumulative_wei)
SELECT epoch_id, {leaf_id}, {points_account_id}, {entry_id}, categories, {millipoints}, {wei},
       cumulative_wei + 1
FROM given
"""
ALLOCATED = ("leaf_id", "points_account_id", "entry_id", "millipoints", "wei")


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"wei": "wei + 1"},
        {"wei": "0"},
        {"millipoints": "millipoints - 1"},
        {"leaf_id": "leaf_id + 1"},
        {"points_account_id": "points_account_id + 5000"},
        {"entry_id": "(SELECT min(id) FROM points_entry)"},
    ],
)
def test_an_allocation_that_is_not_what_its_conversion_moved_is_refused(changed):
    closed_epoch((make_user(), 30))
    columns = {name: changed.get(name, name) for name in ALLOCATED}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE given ON COMMIT DROP AS SELECT * FROM points_allocation")
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("DELETE FROM points_allocation")
        cursor.execute("SET LOCAL session_replication_role = origin")
        with (
            pytest.raises(IntegrityError, match="not what its conversion moved")
            if changed
            else nullcontext(),
            transaction.atomic(),
        ):
            cursor.execute(REPLACED.format(**columns))


def test_settled_work_ends_in_the_allocation(operator):
    epochs.open_next()
    person = make_user()
    settlement = settled_work(person, operator)
    epochs.close(1)
    row = Allocation.objects.get()
    assert row.millipoints == settlement.entry.inputs["paid_millipoints"]
