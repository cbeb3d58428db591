"""What the scheduler does by the clock, and what sealing and lost tasks come to."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from contributions import withdraw
from contributions.models import Workflow
from points import epochs, ledger, seal, tasks
from points.models import Entry, Epoch, Seal
from tests.factories import make_user
from tests.points.makers import (
    adopt_genesis,
    adopt_policy,
    earn,
    make_account,
    make_epoch,
    submit_work,
)
from tests.points.onchain import follow

pytestmark = pytest.mark.django_db


def test_by_the_clock_epochs_open_close_and_are_published(chain, settings):
    settings.EPOCHS_ADVANCE_BY_CLOCK = True
    settings.PROJECTIONS = ["points.claims.project"]
    adopt_genesis()
    tasks.advance_epochs()
    assert Epoch.objects.get().number == 1
    tasks.advance_epochs()
    assert Epoch.objects.get().closing_at is None
    earn(make_account(), 5)
    week_ago = timezone.now() - timedelta(days=8)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE points_epoch SET opened_at = %s", [week_ago])
        cursor.execute("SET LOCAL session_replication_role = origin")
    for _ in range(6):
        tasks.advance_epochs()
        follow(chain, 1)
        chain.advance(2)
    assert epochs.states(list(Epoch.objects.all())) == {1: "active", 2: "open"}


@pytest.mark.parametrize(("seconds", "over"), [(60, True), (3_600, False)])
def test_an_epoch_is_as_long_as_its_policy_says(seconds, over):
    opened = timezone.now() - timedelta(seconds=61)
    epoch = make_epoch(policy_hash=adopt_policy(epoch_seconds=seconds), opened_at=opened)
    assert tasks.is_over(epoch) is over


def test_without_the_clock_nothing_opens(settings):
    settings.EPOCHS_ADVANCE_BY_CLOCK = False
    adopt_genesis()
    tasks.advance_epochs()
    assert not Epoch.objects.exists()


def test_nothing_opens_before_a_policy_is_adopted(settings, caplog):
    settings.EPOCHS_ADVANCE_BY_CLOCK = True
    tasks.advance_epochs()
    assert "no epoch can open" in caplog.text


def test_a_lost_task_is_made_up_for(operator):
    make_epoch()
    person = make_user()
    workflow = submit_work(person, operator)
    tasks.settle_pending()
    # It is young: its own task is on its way.
    assert not Entry.objects.exists()
    long_ago = timezone.now() - tasks.TASK_LOST_AFTER
    Workflow.objects.filter(pk=workflow.pk).update(received_at=long_ago)
    tasks.settle_pending()
    assert ledger.balance(make_account(person)) == 120_000
    tasks.settle(str(workflow.pk))
    assert Entry.objects.count() == 1
    withdraw.withdraw(contributor=person, workflow_id=workflow.pk)
    tasks.reverse_withdrawn()
    assert ledger.balance(make_account(person)) == 0


def test_seals_have_no_gaps_and_chain_the_digests():
    make_epoch()
    person = make_account()
    for n in range(5):
        earn(person, n + 1)
        if n % 2:
            tasks.seal()
    tasks.seal()
    chain = seal.GENESIS
    for position, row in enumerate(Seal.objects.order_by("position"), start=1):
        chain = seal.chain_after(chain, bytes(row.entry.digest))
        assert (row.position, bytes(row.chain)) == (position, chain)
    assert Seal.objects.count() == 5
    assert seal.seal_pending() == 0


def test_an_entry_that_committed_late_is_sealed_after_those_before_it():
    """Its id is lower than one that was sealed already."""
    make_epoch()
    person = make_account()
    late, early = earn(person, 1), earn(person, 2)
    seal._append([(early.pk, bytes(early.digest), 1)])
    assert seal.seal_pending() == 1
    assert list(Seal.objects.order_by("position").values_list("entry", flat=True)) == [
        early.pk,
        late.pk,
    ]
