"""The steps of an automation, for those who run it: how it is done, not who did it."""

import pytest
from rest_framework.test import APIClient

from contributions import withdraw
from lam_core.recipe import recipe
from lam_core.schema import parse_workflow
from marketplace import automations
from marketplace.models import AutomationState
from points import epochs
from tests.contributions.recorded import document, submitted
from tests.factories import bearer, make_user, make_verdict
from tests.lam_core.recordings import samples, workflow_of
from tests.points.makers import adopt_genesis

pytestmark = pytest.mark.django_db


@pytest.fixture
def automation():
    adopt_genesis()
    epochs.open_next()
    row = submitted(make_user())
    row.state = "accepted"
    row.save()
    make_verdict(row, verified_actions=2)
    return automations.publish(creator=row.contributor, workflow_id=row.pk, title="Find a name")


def fetch(automation, headers) -> object:
    return APIClient().get(f"/api/v1/automations/{automation.pk}/recipe", headers=headers)


def test_those_who_run_it_get_its_steps_without_the_person(automation):
    answer = fetch(automation, bearer(make_user()))
    assert answer.status_code == 200
    workflow = parse_workflow(answer.json())
    original = document()
    assert workflow.task.instruction == original["task"]["instruction"]
    assert [step.action for step in workflow.steps] == ["click", "type"]
    assert workflow.steps[1].keys == ()
    assert str(workflow.id) != str(automation.workflow_id)
    assert {step.at for step in workflow.steps} == {0, 1}
    assert workflow.steps[0].point == (60, 20)
    assert workflow.recorder == ""
    assert str(automation.workflow_id).encode() not in answer.content


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer am_forged"}, 401),
        ("read", 403),
    ],
)
def test_nobody_else_gets_them(automation, who, status):
    headers = bearer(make_user(), who) if isinstance(who, str) else who
    answer = fetch(automation, headers)
    assert answer.status_code == status
    assert b"steps" not in answer.content


def test_a_retired_or_withdrawn_automation_has_none(automation):
    mine = bearer(make_user())
    withdraw.withdraw(
        contributor=automation.workflow.contributor, workflow_id=automation.workflow_id
    )
    assert fetch(automation, mine).status_code == 410
    automations.retire(automation)
    automation.refresh_from_db()
    assert automation.state == AutomationState.RETIRED
    gone = fetch(automation, mine)
    assert (gone.status_code, gone.headers["content-type"]) == (410, "application/problem+json")
    assert APIClient().get("/api/v1/automations/999/recipe", headers=mine).status_code == 404


@pytest.mark.parametrize("recording", samples(), ids=lambda r: r.name)
def test_a_recipe_keeps_what_was_done_to_what(recording):
    workflow = workflow_of(recording)
    made = recipe(workflow, workflow.id)
    assert [(s.action, s.target) for s in made.steps] == [
        (s.action, s.target) for s in workflow.steps
    ]
    for before, after in zip(workflow.steps, made.steps, strict=True):
        assert (
            workflow.observations[before.observation].elements
            == made.observations[after.observation].elements
        )
        assert after.pointer == ()
