"""One account with several devices, and taking everything back."""

import pytest
from eth_account import Account

from accounts import tokens
from accounts.models import ApiToken, Scope
from contributions.models import State, Workflow
from points import rewards
from tests import factories
from tests.extension.conftest import pair
from tests.extension.test_journey import record_task


@pytest.fixture
def devices(new_browser, give_wallet, chain, service):
    """Two profiles, paired with one account."""
    key = Account.create()
    chain.fund(key.address)
    made = [new_browser("laptop"), new_browser("desk")]
    for number, browser in enumerate(made):
        give_wallet(browser, key)
        browser.agree()
        invite = "" if number else factories.make_invite().code
        pair(browser, invite, label=browser.profile.name, agreed=number > 0)
    return made


def record_and_send(browser, tasks_site, task):
    record_task(browser, tasks_site, task)
    workflow = browser.stop()
    browser.ask("send", workflow=workflow.document())
    return workflow.id


def test_each_device_delivers_and_one_revoked_stops_nobody_else(devices, tasks_site, live_server):
    laptop, desk = devices
    one = record_and_send(laptop, tasks_site, "click-button")
    other = record_and_send(desk, tasks_site, "click-link")
    assert set(Workflow.objects.values_list("pk", flat=True)) == {one, other}
    assert Workflow.objects.values("contributor").distinct().count() == 1
    laptop.ask("refresh")
    assert {row["id"] for row in laptop.rows("sent")} == {str(one), str(other)}

    page = desk.context.new_page()
    page.goto(live_server.url + "/devices")
    page.get_by_role("button", name="Revoke laptop").click()
    page.get_by_role("button", name="Revoke laptop").wait_for(state="detached")
    assert [token.label for token in tokens.in_force() if Scope.CONTRIBUTE in token.scopes] == [
        "desk"
    ]
    record_and_send(laptop, tasks_site, "click-tab")
    assert laptop.ask("status")["trouble"] == "revoked"
    assert laptop.ask("status")["waiting"] == 1
    assert Workflow.objects.count() == 2

    third = record_and_send(desk, tasks_site, "enter-text")
    assert Workflow.objects.filter(pk=third).exists()
    assert desk.ask("status")["trouble"] == "none"
    assert ApiToken.objects.filter(label="laptop", revoked_at__isnull=False).exists()


def test_everything_is_deleted_at_the_service_and_on_the_machine(devices, tasks_site):
    laptop, desk = devices
    record_and_send(laptop, tasks_site, "click-button")
    record_and_send(desk, tasks_site, "click-link")
    record_task(laptop, tasks_site, "click-tab")
    assert laptop.stop() is not None
    rewards.settle_pending()

    history = laptop.page("history.html")
    history.on("dialog", lambda dialog: dialog.accept())
    history.get_by_role("button", name="Delete everything").click()
    history.get_by_text("You have not sent anything yet.").wait_for()
    assert set(Workflow.objects.values_list("state", flat=True)) == {State.WITHDRAWN}
    for store in ("entries", "drafts", "outbox", "sent"):
        assert laptop.rows(store) == [], store
    laptop.ask("refresh")
    assert {row["state"] for row in laptop.rows("sent")} <= {"withdrawn"}
