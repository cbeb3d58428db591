"""Only work that does not stand out trains the model, and only of people who agreed to that."""

import io

import pytest
from django.core.management import CommandError, call_command

from accounts import consent
from accounts.models import ConsentScope
from contributions import training, withdraw
from contributions import verify as judging
from contributions.models import Workflow
from lam_core import recordings
from points import epochs, rewards
from tests.factories import make_user
from tests.points.makers import adopt_genesis, adopt_policy, submit_work

pytestmark = pytest.mark.django_db
SCOPE = ConsentScope.TRAIN


def agreeing():
    person = make_user()
    consent.give(user=person, scope=SCOPE, version=consent.TEXTS[SCOPE].version)
    return person


def work(person, operator, *, shape: str = "alike") -> Workflow:
    row = submit_work(person, operator)
    Workflow.objects.filter(pk=row.pk).update(shape_key=shape)
    assert rewards.settle(row.pk).verdict.accepted
    return row


@pytest.fixture
def people(operator, monkeypatch) -> list:
    """Two who did alike work (one of them twice) and one who did what nobody else did."""
    monkeypatch.setattr(judging, "HISTORY_LIMIT", 0)
    adopt_genesis()
    adopt_policy(k_anonymity=2)
    epochs.open_next()
    people = [agreeing() for _ in range(3)]
    for person, shape in zip([0, 0, 1, 2], ["alike", "alike", "alike", "alone"], strict=True):
        work(people[person], operator, shape=shape)
    return people


def contributors(k: int) -> list[int]:
    return list(training.trainable(k=k).values_list("contributor", flat=True))


def test_a_shape_trains_when_k_people_showed_it(people):
    first, second, third = [person.pk for person in people]
    assert contributors(1) == [first, first, second, third]
    assert contributors(2) == [first, first, second]
    assert contributors(3) == []


def test_who_does_not_agree_neither_trains_nor_counts(people, operator):
    work(make_user(), operator, shape="alone")
    assert contributors(2) == [people[0].pk, people[0].pk, people[1].pk]
    consent.withdraw(user=people[1], scope=SCOPE)
    assert contributors(2) == []


def test_withdrawn_work_neither_trains_nor_counts(people):
    row = Workflow.objects.get(contributor=people[1])
    withdraw.withdraw(contributor=people[1], workflow_id=row.pk)
    assert contributors(2) == []


def test_the_command_writes_by_the_policys_k_what_the_model_reads(people, tmp_path):
    out = io.StringIO()
    call_command("export_training", str(tmp_path / "data"), stdout=out)
    assert "3 workflows, each of a shape that 2 people showed" in out.getvalue()
    reading = recordings.Reading()
    found = list(recordings.workflows(recordings.sources(tmp_path / "data"), reading))
    assert [name for name, _ in found] == [str(people[n].pk) for n in (0, 0, 1)]
    assert reading.failed == {}
    files = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    with pytest.raises(CommandError, match="not empty"):
        call_command("export_training", str(tmp_path / "data"), stdout=out)
