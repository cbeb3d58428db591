"""Taking work back."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction

from contributions import keys, orphans, verify
from contributions.models import State, Verdict, Withdrawal, Workflow
from contributions.withdraw import NotYours, acknowledge, pending, withdraw
from lam_core.release import load_release
from tests import factories
from tests.contributions import recorded

pytestmark = pytest.mark.django_db


@pytest.fixture
def contributor():
    return factories.make_user()


def key_files(settings):
    return b"".join(p.read_bytes() for p in Path(settings.KEY_STORE_DIR).rglob("*") if p.is_file())


@pytest.mark.parametrize("verified", [True, False])
def test_withdrawing_destroys_key_and_content(contributor, operator, settings, verified):
    row = recorded.submitted(contributor, operator)
    if verified:
        verify.assess(row, release=load_release("rules-1"))
    key = keys.read(contributor_id=contributor.pk, workflow_id=row.pk)
    withdraw(contributor=contributor, workflow_id=row.pk)
    row.refresh_from_db()
    assert row.state == State.WITHDRAWN
    assert (row.task, row.site, row.shape_key, row.body_digest) == ("", "", "", "")
    assert (bytes(row.ciphertext), bytes(row.evidence)) == (b"", b"")
    with pytest.raises(keys.MissingKey):
        keys.read(contributor_id=contributor.pk, workflow_id=row.pk)
    assert key.hex().encode() not in key_files(settings)
    assert Verdict.objects.count() == verified


def test_other_work_stays_readable(contributor):
    gone, kept = recorded.submitted(contributor), recorded.submitted(contributor)
    withdraw(contributor=contributor, workflow_id=gone.pk)
    assert keys.read(contributor_id=contributor.pk, workflow_id=kept.pk)


def test_withdrawing_again_is_harmless(contributor):
    row = recorded.submitted(contributor)
    first = withdraw(contributor=contributor, workflow_id=row.pk)
    assert withdraw(contributor=contributor, workflow_id=row.pk) == first
    assert Withdrawal.objects.count() == 1


def test_nobody_withdraws_anothers_work(contributor):
    row = recorded.submitted(contributor)
    for workflow_id in (row.pk, uuid.uuid4()):
        with pytest.raises(NotYours):
            withdraw(contributor=factories.make_user(), workflow_id=workflow_id)
    row.refresh_from_db()
    assert row.state == State.SUBMITTED
    assert keys.read(contributor_id=contributor.pk, workflow_id=row.pk)


def test_each_app_consumes_a_withdrawal_once(contributor):
    withdrawals = [
        withdraw(contributor=contributor, workflow_id=recorded.submitted(contributor).pk)
        for _ in range(2)
    ]
    assert list(pending("points")) == withdrawals
    acknowledge(withdrawals[0], "points")
    acknowledge(withdrawals[0], "points")
    assert list(pending("points")) == withdrawals[1:]
    assert list(pending("marketplace")) == withdrawals


def test_the_database_refuses_a_withdrawn_workflow_with_content(contributor):
    row = recorded.submitted(contributor)
    for changes in ({"state": State.WITHDRAWN}, {"ciphertext": b""}, {"body_digest": ""}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Workflow.objects.filter(pk=row.pk).update(**changes)


@pytest.mark.django_db(transaction=True)
def test_withdrawing_while_verifying_ends_withdrawn(operator):
    contributor = factories.make_user()
    rows = [recorded.submitted(contributor, operator, offset=n * 500) for n in range(6)]

    def judge(row):
        try:
            verify.assess(row, release=load_release("rules-1"))
        except (verify.AlreadyWithdrawn, keys.MissingKey):
            pass
        finally:
            connection.close()

    def take_back(row):
        try:
            withdraw(contributor=contributor, workflow_id=row.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        for row in rows:
            pool.submit(judge, row)
            pool.submit(take_back, row)
    assert set(Workflow.objects.values_list("state", flat=True)) == {State.WITHDRAWN}
    assert not keys.read_many((contributor.pk, row.pk) for row in rows)


def test_orphaned_keys_are_swept_and_needed_ones_stay(contributor):
    kept = recorded.submitted(contributor)
    orphan = uuid.uuid4()
    keys.create(contributor_id=contributor.pk, workflow_id=orphan)
    later = time.time() + 2 * keys.SWEEP_AGE_SECONDS
    assert orphans.sweep() == 0
    assert orphans.sweep(now=later) == 1
    assert set(keys.read_many([(contributor.pk, kept.pk), (contributor.pk, orphan)])) == {kept.pk}


def test_the_key_of_a_withdrawal_that_broke_off_is_swept(contributor, monkeypatch):
    row = recorded.submitted(contributor)
    with monkeypatch.context() as patch:
        patch.setattr(keys, "destroy", lambda **_: False)
        withdraw(contributor=contributor, workflow_id=row.pk)
    assert keys.read(contributor_id=contributor.pk, workflow_id=row.pk)
    assert orphans.sweep(now=time.time() + 2 * keys.SWEEP_AGE_SECONDS) == 1
