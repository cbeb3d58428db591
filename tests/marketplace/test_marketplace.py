"""Automations: published from one's own accepted work, each run paid once by the one who ran it."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.test import APIClient

from contributions import withdraw
from contributions.models import State
from contributions.policy_document import load_policy
from marketplace import automations, uses
from marketplace.models import Automation, AutomationState, Outcome, Use
from points import audit, epochs, ledger, rewards
from points.models import AccountKind, Allocation, Entry, EntryKind, Line, SystemAccount
from tests.factories import bearer, make_user, make_verdict, make_workflow
from tests.points.makers import adopt_genesis, adopt_policy, earn, make_account, settled_work
from tests.points.test_ledger import errors, in_threads

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def epoch():
    adopt_genesis()
    return epochs.open_next()


def make_automation(creator=None, *, actions: int = 5) -> Automation:
    """Of an accepted workflow of a new creator's."""
    workflow = make_workflow(creator or make_user())
    make_verdict(workflow, verified_actions=actions)
    return automations.publish(
        creator=workflow.contributor, workflow_id=workflow.pk, title="Book a room"
    )


def make_buyer(millipoints: int = 100_000):
    user = make_user()
    if millipoints:
        earn(make_account(user), millipoints)
    return user


def run(user, automation, *, actions: int = 3, outcome=Outcome.SUCCEEDED, use_id=None):
    return uses.record_use(
        user=user,
        automation=automation,
        use_id=use_id or uuid4(),
        actions=actions,
        outcome=outcome,
    )


def balance(user) -> int:
    return ledger.balance(make_account(user))


def system(account: SystemAccount) -> int:
    return sum(Line.objects.filter(account=account).values_list("amount", flat=True))


def test_accepted_work_of_ones_own_is_published_once():
    creator = make_user()
    first = make_automation(creator)
    again = automations.publish(
        creator=creator, workflow_id=first.workflow_id, title=" Book a room "
    )
    assert again == first
    assert (first.actions, first.state) == (5, AutomationState.PUBLISHED)


def test_under_other_words_it_is_a_conflict():
    automation = make_automation()
    with pytest.raises(automations.AlreadyPublished):
        automations.publish(
            creator=automation.creator, workflow_id=automation.workflow_id, title="Other"
        )


def test_the_work_of_others_cannot_be_published():
    workflow = make_workflow()
    make_verdict(workflow)
    with pytest.raises(automations.PublishError, match="no such workflow of yours"):
        automations.publish(creator=make_user(), workflow_id=workflow.pk, title="Mine")


@pytest.mark.parametrize("state", [State.SUBMITTED, State.REJECTED, State.WITHDRAWN])
def test_only_accepted_work_can_be_published(state):
    workflow = make_workflow(state=state)
    with pytest.raises(automations.PublishError, match="Only accepted work"):
        automations.publish(creator=workflow.contributor, workflow_id=workflow.pk, title="T")


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("title", {"title": "  "}),
        ("title", {"title": "x" * 121}),
        ("description", {"title": "T", "description": "x" * 2001}),
        ("parameters", {"title": "T", "parameters": ["Not A Name"]}),
        ("parameters", {"title": "T", "parameters": ["a", "a"]}),
        ("parameters", {"title": "T", "parameters": [f"p{n}" for n in range(21)]}),
    ],
)
def test_wrong_words_are_named(field, words):
    workflow = make_workflow()
    make_verdict(workflow)
    with pytest.raises(automations.PublishError) as refused:
        automations.publish(creator=workflow.contributor, workflow_id=workflow.pk, **words)
    assert refused.value.field == field


def test_a_run_is_paid_by_the_policys_shares():
    automation, buyer = make_automation(), make_buyer()
    use, created = run(buyer, automation, actions=3)
    assert created
    assert use.price_millipoints == 3_000
    assert balance(buyer) == 97_000
    assert balance(automation.creator) == use.creator_millipoints == 2_100
    assert system(SystemAccount.BURNED) == use.burned_millipoints == 450
    assert system(SystemAccount.ECOSYSTEM) == use.ecosystem_millipoints == 450
    assert use.entry.kind == EntryKind.USE


def test_the_same_run_again_is_paid_once():
    automation, buyer = make_automation(), make_buyer()
    first, _ = run(buyer, automation)
    again, created = run(buyer, automation, use_id=first.pk)
    assert (again, created) == (first, False)
    assert balance(buyer) == 97_000


@pytest.mark.parametrize(
    "change", [{"actions": 2}, {"outcome": Outcome.FAILED}, {"user": None}, {"automation": None}]
)
def test_the_same_id_for_another_run_is_a_conflict(change):
    automation, buyer = make_automation(), make_buyer()
    first, _ = run(buyer, automation)
    user = make_buyer() if "user" in change else buyer
    other = make_automation() if "automation" in change else automation
    rest = {name: value for name, value in change.items() if value is not None}
    with pytest.raises(uses.UseConflict):
        run(user, other, use_id=first.pk, **rest)
    assert Use.objects.count() == 1


def test_one_does_not_pay_oneself():
    automation = make_automation()
    earn(make_account(automation.creator), 50_000)
    with pytest.raises(uses.UseError, match="own automation"):
        run(automation.creator, automation)
    assert balance(automation.creator) == 50_000


def test_too_few_points_are_named_with_the_price():
    automation, buyer = make_automation(), make_buyer(2_999)
    with pytest.raises(
        uses.InsufficientPoints, match="costs 3000 millipoints; the balance is 2999"
    ):
        run(buyer, automation)
    assert (balance(buyer), Use.objects.count()) == (2_999, 0)


@pytest.mark.parametrize("actions", [0, -1, 6])
def test_a_run_has_no_more_actions_than_the_automation(actions):
    with pytest.raises(uses.UseError, match="1 to 5 actions"):
        run(make_buyer(), make_automation(), actions=actions)


def test_without_an_open_epoch_nothing_is_spent():
    automation, buyer = make_automation(), make_buyer()
    epochs.close(1)
    with pytest.raises(uses.NoEpochOpen):
        run(buyer, automation)


def test_a_free_run_is_recorded_without_an_entry():
    automation, buyer = make_automation(), make_buyer(0)
    epochs.close(1)
    market = {**load_policy().document["marketplace"], "price_millipoints_per_action": 0}
    adopt_policy(marketplace=market)
    epochs.open_next()
    use, created = run(buyer, automation)
    assert (created, use.price_millipoints, use.entry) == (True, 0, None)


def test_withdrawn_work_retires_its_automation_and_its_words():
    automation, buyer = make_automation(), make_buyer()
    run(buyer, automation)
    withdraw.withdraw(contributor=automation.creator, workflow_id=automation.workflow_id)
    assert automations.retire_withdrawn() == 1
    assert automations.retire_withdrawn() == 0
    automation.refresh_from_db()
    assert (automation.state, automation.title) == (AutomationState.RETIRED, "withdrawn")
    with pytest.raises(uses.UseError, match="retired"):
        run(buyer, automation)
    assert Use.objects.count() == 1


def test_what_a_creator_owes_is_netted_from_runs(operator):
    creator = make_user()
    settlement = settled_work(creator, operator)
    other = make_automation()
    for _ in range(8):
        run(creator, other, actions=5)
    withdraw.withdraw(contributor=creator, workflow_id=settlement.verdict.workflow_id)
    rewards.reverse_withdrawn()
    assert balance(creator) == 0
    run(make_buyer(), make_automation(creator), actions=5)
    owed = ledger.balance(ledger.points_account(creator.pk, AccountKind.OWED))
    assert (balance(creator), owed) == (0, 40_000 - 3_500)


def test_income_from_runs_becomes_lam_at_the_close():
    automation, buyer = make_automation(), make_buyer()
    run(buyer, automation, actions=5)
    epochs.close(1)
    row = Allocation.objects.get(points_account=make_account(automation.creator))
    assert row.categories == {"creator": 3_500}
    bought = Allocation.objects.get(points_account=make_account(buyer))
    assert bought.categories == {"work": 100_000, "spent": -5_000}


@given(st.integers(1, 100_000), st.integers(0, 10_000), st.data())
def test_prices_are_split_without_loss(actions, creator_bp, data):
    burn_bp = data.draw(st.integers(0, 10_000 - creator_bp))
    policy = load_policy()
    market = {
        "price_millipoints_per_action": 7,
        "creator_bp": creator_bp,
        "burn_bp": burn_bp,
        "ecosystem_bp": 10_000 - creator_bp - burn_bp,
    }
    changed = policy.model_copy(update={"marketplace": type(policy.marketplace)(**market)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rewards, "policy_of", lambda policy_hash: changed)
        price = uses.price_of(actions=actions, epoch=epochs.Epoch(policy_hash="0x"))
    assert price.creator + price.burned + price.ecosystem == price.total == 7 * actions
    assert abs(price.creator * 10_000 - price.total * creator_bp) <= 10_000


@pytest.mark.django_db(transaction=True)
def test_40_runs_at_once_spend_what_there_is_and_no_more():
    people = [make_buyer(6_000) for _ in range(4)]
    offers = [make_automation(person) for person in people]

    def act(n: int) -> None:
        run(people[n % 4], offers[(n + 1 + n // 4 % 3) % 4], actions=1 + n % 3)

    found = errors(in_threads(40, act))
    assert set(found) <= {"InsufficientPoints"}
    total = sum(balance(person) for person in people)
    spent = system(SystemAccount.BURNED) + system(SystemAccount.ECOSYSTEM)
    assert total + spent == 24_000
    assert Use.objects.count() == 40 - found["InsufficientPoints"]
    assert not audit.run()


@pytest.mark.django_db(transaction=True)
def test_one_run_sent_by_32_at_once_is_paid_once():
    automation, buyer = make_automation(), make_buyer()
    use_id = uuid4()
    results = in_threads(32, lambda n: run(buyer, automation, use_id=use_id)[1])
    assert not errors(results)
    assert sorted(results) == [False] * 31 + [True]
    assert balance(buyer) == 97_000


def test_a_run_over_the_api():
    client, automation, buyer = APIClient(), make_automation(), make_buyer()
    body = {"id": str(uuid4()), "actions": 3, "outcome": "succeeded"}
    url = f"/api/v1/automations/{automation.pk}/uses"
    mine = bearer(buyer)
    first = client.post(url, body, "json", headers=mine)
    again = client.post(url, body, "json", headers=mine)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json()["price_millipoints"] == 3_000
    conflict = client.post(url, {**body, "actions": 2}, "json", headers=mine)
    assert conflict.status_code == 409
    listed = client.get("/api/v1/uses", headers=mine).json()["results"]
    assert [each["id"] for each in listed] == [body["id"]]
    assert client.get("/api/v1/uses", headers=bearer(make_user())).json()["results"] == []
    shown = client.get("/api/v1/automations").json()["results"]
    assert [(each["id"], each["use_count"]) for each in shown] == [(automation.pk, 1)]


def test_too_few_points_are_a_409_that_says_how_many():
    automation = make_automation()
    body = {"id": str(uuid4()), "actions": 3, "outcome": "succeeded"}
    url = f"/api/v1/automations/{automation.pk}/uses"
    answer = APIClient().post(url, body, "json", headers=bearer(make_buyer(0)))
    assert answer.status_code == 409
    assert "costs 3000 millipoints; the balance is 0" in answer.json()["detail"]


def test_publishing_over_the_api():
    client, workflow = APIClient(), make_workflow()
    make_verdict(workflow)
    mine = bearer(workflow.contributor)
    body = {"workflow": str(workflow.pk), "title": "Book a room", "parameters": ["city"]}
    made = client.post("/api/v1/automations", body, "json", headers=mine)
    assert made.status_code == 201, made.json()
    assert client.post("/api/v1/automations", body, "json", headers=mine).json() == made.json()
    other = client.post("/api/v1/automations", {**body, "title": "X"}, "json", headers=mine)
    assert other.status_code == 409
    alien = client.post("/api/v1/automations", body, "json", headers=bearer(make_user()))
    assert alien.json()["errors"][0]["pointer"] == "/workflow"
    one = client.get(f"/api/v1/automations/{made.json()['id']}")
    assert one.json()["title"] == "Book a room"


@pytest.mark.parametrize("who", ["nobody", "a token for reading only", "a forged token"])
def test_others_may_neither_publish_nor_run(who):
    client, automation = APIClient(), make_automation()
    headers = {
        "nobody": {},
        "a token for reading only": bearer(make_buyer(), "read"),
        "a forged token": {"Authorization": "Bearer am_forged"},
    }[who]
    run_body = {"id": str(uuid4()), "actions": 1, "outcome": "succeeded"}
    publish_body = {"workflow": str(automation.workflow_id), "title": "Mine"}
    for url, body in (
        (f"/api/v1/automations/{automation.pk}/uses", run_body),
        ("/api/v1/automations", publish_body),
    ):
        answer = client.post(url, body, "json", headers=headers)
        assert answer.status_code in {401, 403}
        assert answer.headers["content-type"] == "application/problem+json"
    assert (Use.objects.count(), Automation.objects.count()) == (0, 1)
    assert not Entry.objects.filter(kind=EntryKind.USE).exists()


def test_ones_uses_are_not_for_strangers():
    assert APIClient().get("/api/v1/uses").status_code == 401
    token = bearer(make_user(), "automate")
    assert APIClient().get("/api/v1/uses", headers=token).status_code == 403


def test_listing_takes_the_same_queries_for_one_and_three(django_assert_num_queries):
    client, buyer = APIClient(), make_buyer()
    mine = bearer(buyer)
    for count in (1, 3):
        while Automation.objects.count() < count:
            run(buyer, make_automation())
        with django_assert_num_queries(1):
            assert len(client.get("/api/v1/automations").json()["results"]) == count
        with django_assert_num_queries(2):
            assert len(client.get("/api/v1/uses", headers=mine).json()["results"]) == count
