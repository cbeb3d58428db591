"""Verdicts on recorded work."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, connection, transaction

from contributions import keys, sealing, verify
from contributions.models import State, Verdict, Workflow
from contributions.withdraw import withdraw
from lam_core.release import load_release
from lam_core.schema import parse_workflow
from lam_core.trace import Trace, trace
from tests import factories
from tests.contributions import recorded

pytestmark = pytest.mark.django_db
RELEASE = load_release("rules-1")


@pytest.fixture
def contributor():
    return factories.make_user()


def codes(verdict):
    return [reason["code"] for reason in verdict.reasons]


def test_attested_work_is_accepted_and_its_evidence_kept_under_its_key(contributor, operator):
    row = recorded.submitted(contributor, operator)
    verdict = verify.assess(row, release=RELEASE)
    assert (verdict.accepted, verdict.goal, verdict.verified_actions) == (True, "attested", 2)
    assert verdict.release_hash == RELEASE.hash
    row.refresh_from_db()
    assert row.state == State.ACCEPTED
    key = keys.read(contributor_id=contributor.pk, workflow_id=row.pk)
    body = parse_workflow(sealing.unseal(row.ciphertext, key=key, workflow_id=row.pk))
    evidence = sealing.unseal(row.evidence, key=key, workflow_id=row.pk, part=sealing.EVIDENCE)
    assert Trace.from_bytes(evidence) == trace(body)


def test_unattested_work_is_refused_with_a_reason_people_can_read(contributor):
    row = recorded.submitted(contributor)
    verdict = verify.assess(row, release=RELEASE)
    assert not verdict.accepted
    assert verdict.verified_actions == 0
    assert {"code", "group", "text"} == set(verdict.reasons[0])
    assert codes(verdict) == ["goal-unknown"]
    row.refresh_from_db()
    assert (row.state, bytes(row.evidence)) == (State.REJECTED, b"")


def test_work_attested_as_failed_is_refused(contributor, operator):
    document = recorded.document()
    attested = recorded.attest(operator, document, success=False)
    row, _ = recorded.submit.submit(
        contributor=contributor, envelope=recorded.envelope(document, attested)
    )
    verdict = verify.assess(row, release=RELEASE)
    assert (verdict.goal, codes(verdict)) == ("failed", ["goal-failed"])


def test_a_replay_of_accepted_work_is_refused_whoever_sends_it(contributor, operator):
    verify.assess(recorded.submitted(contributor, operator), release=RELEASE)
    replay = recorded.submitted(factories.make_user(), operator)
    assert codes(verify.assess(replay, release=RELEASE)) == ["replayed"]


def test_withdrawn_work_no_longer_counts_against_others(contributor, operator):
    first = recorded.submitted(contributor, operator)
    verify.assess(first, release=RELEASE)
    withdraw(contributor=contributor, workflow_id=first.pk)
    again = recorded.submitted(factories.make_user(), operator)
    assert verify.assess(again, release=RELEASE).accepted


def test_a_verdict_is_made_once(contributor, operator):
    row = recorded.submitted(contributor, operator)
    verdict = verify.assess(row, release=RELEASE)
    assert verify.assess(row, release=load_release("rules-1-demo")) == verdict
    assert Verdict.objects.get().release_hash == RELEASE.hash


def test_samples_pass_by_a_demo_verdict_that_says_so(contributor, operator, settings):
    settings.ALLOW_SAMPLES = True
    row = recorded.submitted(contributor, operator, source="sample")
    verdict = verify.assess(row, release=load_release("rules-1-demo"))
    assert (verdict.accepted, verdict.demo, verdict.goal) == (True, True, "sample")


def test_samples_do_not_pass_a_real_release(contributor, operator, settings):
    settings.ALLOW_SAMPLES = True
    row = recorded.submitted(contributor, operator, source="sample")
    assert "source-not-accepted" in codes(verify.assess(row, release=RELEASE))


def test_withdrawn_work_is_not_verified(contributor, operator):
    row = recorded.submitted(contributor, operator)
    withdraw(contributor=contributor, workflow_id=row.pk)
    with pytest.raises(verify.AlreadyWithdrawn):
        verify.assess(row, release=RELEASE)
    assert not Verdict.objects.exists()


def test_without_its_key_work_is_not_verified_and_nothing_changes(contributor, operator):
    row = recorded.submitted(contributor, operator)
    keys.destroy(contributor_id=contributor.pk, workflow_id=row.pk)
    with pytest.raises(keys.MissingKey):
        verify.assess(row, release=RELEASE)
    row.refresh_from_db()
    assert row.state == State.SUBMITTED


def test_a_verdict_goes_with_the_callers_transaction(contributor, operator):
    row = recorded.submitted(contributor, operator)
    with transaction.atomic():
        verify.assess(row, release=RELEASE)
        transaction.set_rollback(True)
    row.refresh_from_db()
    assert row.state == State.SUBMITTED
    assert not Verdict.objects.exists()


def test_the_database_refuses_paid_actions_of_refused_work(contributor):
    row = factories.make_workflow(contributor)
    with pytest.raises(IntegrityError), transaction.atomic():
        factories.make_verdict(row, accepted=False, verified_actions=3)


def test_the_history_costs_the_same_number_of_queries(
    contributor, operator, django_assert_num_queries
):
    for offset in (0, 1_600, 9_500):
        row = recorded.submitted(factories.make_user(), operator, offset=offset)
        with django_assert_num_queries(8):  # two of them open and release the savepoint
            verify.assess(row, release=RELEASE)


@pytest.mark.django_db(transaction=True)
def test_of_two_replays_at_once_one_is_accepted(operator):
    rows = [recorded.submitted(factories.make_user(), operator) for _ in range(4)]

    def attempt(row):
        try:
            return verify.assess(row, release=RELEASE).accepted
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(attempt, rows)) == [False, False, False, True]
    assert Workflow.objects.filter(state=State.ACCEPTED).count() == 1
