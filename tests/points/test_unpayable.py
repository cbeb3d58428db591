"""Epochs with people who can't be paid, have nothing left, or never worked: each is defined."""

import json

import pytest
from django.conf import settings as django_settings

from accounts.models import Wallet
from contributions import withdraw
from points import audit, bundle, epochs, export, ledger, rewards, verify
from points.conversion import ZERO_ADDRESS
from points.models import (
    Account,
    AccountKind,
    Allocation,
    Category,
    EntryKind,
    Epoch,
    Leaf,
    SystemAccount,
)
from points.own_export import OwnExport
from tests.factories import make_user
from tests.points.makers import (
    adopt_genesis,
    bundle_bytes,
    closed_epoch,
    earn,
    make_account,
    settled_work,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def adopted() -> None:
    adopt_genesis()


def is_sound(number: int, *people) -> bool:
    """Whether strangers, auditors and the people themselves find nothing wrong with an epoch."""
    path = bundle.path_of(django_settings.BUNDLES_DIR, number)
    epoch = Epoch.objects.get(pk=number)
    for person in people:
        document = json.dumps(export.epoch_export(person, epoch))
        assert verify.verify(path, mine=OwnExport.model_validate_json(document)) == []
    return verify.verify(path) == [] and audit.run() == []


def spend(user, amount: int, *, epoch: int) -> None:
    ledger.post(
        kind=EntryKind.USE,
        key=f"spend:{epoch}:{user.pk}",
        epoch=epoch,
        lines=[
            ledger.Amount(make_account(user), -amount, Category.SPENT),
            ledger.Amount(SystemAccount.BURNED, amount, Category.SPENT),
        ],
        request={},
    )


def test_points_of_an_address_that_cannot_be_paid_wait_for_one_that_can(operator):
    lost, paid = make_user(), make_user()
    Wallet.objects.filter(user=lost).update(address=ZERO_ADDRESS)
    epochs.open_next()
    earned = [
        settled_work(each, operator).entry.inputs["paid_millipoints"] for each in (lost, paid)
    ]
    assert epochs.close(1).accounts == 1
    assert [row["address"] for row in json.loads(bundle_bytes(1)["allocations.json"])] == [
        paid.wallets.get().address
    ]
    assert is_sound(1, lost, paid)
    epochs.open_next()
    Wallet.objects.filter(user=lost).update(address="0x" + "7" * 40)
    epochs.close(2)
    assert Allocation.objects.get(epoch=2).millipoints == earned[0]
    assert is_sound(2, lost, paid)


def test_an_epoch_of_which_nobody_can_be_paid_allocates_nothing():
    epoch = closed_epoch((make_user(wallet=False), 90))
    assert (epoch.accounts, epoch.emission_wei, epoch.millipoints) == (0, 0, 0)
    assert bundle_bytes(1)["tree.json"] == b"null"
    assert verify.verify(bundle.path_of(django_settings.BUNDLES_DIR, 1)) == []


def test_who_withdrew_all_work_gets_nothing_and_keeps_no_leaf(operator):
    gone, other = make_user(), make_user()
    epochs.open_next()
    for each in (gone, other):
        settlement = settled_work(each, operator)
        if each == gone:
            withdraw.withdraw(contributor=gone, workflow_id=settlement.verdict.workflow_id)
    epochs.close(1)
    assert Allocation.objects.get().points_account.user == other
    assert not Account.objects.filter(address=gone.wallets.get().address).exists()
    assert is_sound(1, gone, other)


def test_who_withdrew_what_was_spent_ends_with_nothing_and_a_debt(operator):
    person = make_user()
    epochs.open_next()
    settlement = settled_work(person, operator)
    spend(person, 30_000, epoch=1)
    withdraw.withdraw(contributor=person, workflow_id=settlement.verdict.workflow_id)
    epoch = epochs.close(1)
    assert (epoch.accounts, epoch.emission_wei) == (0, 0)
    assert ledger.balance(ledger.points_account(person.pk, AccountKind.OWED)) == 30_000
    assert audit.run() == []


def test_who_spent_everything_gets_no_allocation_and_others_all_of_it():
    spent, other = make_user(), make_user()
    closed_epoch((spent, 5), (other, 5))
    epochs.open_next()
    for each in (spent, other):
        earn(make_account(each), 7, epoch=2)
    spend(spent, 7, epoch=2)
    epoch = epochs.close(2)
    assert Allocation.objects.get(epoch=2).wei == epoch.emission_wei > 0
    rows = {row["address"]: row for row in json.loads(bundle_bytes(2)["allocations.json"])}
    kept = rows[spent.wallets.get().address]
    assert (kept["millipoints"], kept["wei"], kept["categories"]) == ("0", "0", {})
    assert int(kept["cumulative_wei"]) > 0
    assert verify.verify(bundle.path_of(django_settings.BUNDLES_DIR, 2)) == []


def test_a_closed_account_is_paid_what_it_earned():
    person = make_user()
    epochs.open_next()
    earn(make_account(person), 7)
    person.is_active = False
    person.save()
    epochs.close(1)
    assert Leaf.objects.get().account.address == person.wallets.get().address


def test_an_epoch_nobody_worked_in_is_published_like_any_other():
    person = make_user()
    epochs.open_next()
    epoch = epochs.close(1)
    assert (epoch.accounts, epoch.total_wei) == (0, 0)
    assert is_sound(1, person)
    assert rewards.reverse_withdrawn() == 0
    closed_epoch((person, 5))
    epochs.open_next()
    idle = epochs.close(3)
    assert (idle.accounts, idle.emission_wei, idle.root) == (0, 0, Epoch.objects.get(pk=2).root)
    assert is_sound(3, person)
