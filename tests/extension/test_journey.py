"""From a fresh install to points: pair, agree, record, review, send, be verified, take back."""

import json
from random import Random

import pytest
from playwright.sync_api import expect

from accounts import tokens
from accounts.models import ApiToken
from contributions.models import State, Workflow
from lam_core.samples import record
from points import rewards
from tests import factories
from tests.extension.conftest import pair
from tests.extension.sites import Answer


@pytest.fixture
def paired(extended, wallet, service):
    """A browser paired with an account that agreed on the site and in the extension."""
    pair(extended, factories.make_invite().code)
    extended.agree()
    return extended


def record_task(browser, tasks_site, task="enter-text", seed=3):
    page = browser.context.new_page()
    before = record.record(page, task, Random(seed), site=tasks_site.url)
    browser.start(task, before["utterance"])
    record.record(page, task, Random(seed), site=tasks_site.url)
    return page


def test_a_recorded_task_is_reviewed_sent_verified_and_paid(
    paired, tasks_site, wallet, live_server
):
    record_task(paired, tasks_site)
    made = paired.ask("stop")
    review = paired.page(f"review.html?id={made}")
    review.get_by_role("listitem").filter(has_text="Type words of the instruction").wait_for()
    assert Workflow.objects.count() == 0, "nothing leaves before it was reviewed"
    review.get_by_role("button", name="Send", exact=True).click()
    review.wait_for_url("**/history.html")
    history = review
    row = history.locator(f"#sent-{made}")
    row.wait_for()
    assert rewards.settle_pending() == 1
    stored = Workflow.objects.get()
    assert (str(stored.pk), stored.source, stored.state) == (made, "extension", State.ACCEPTED)
    assert stored.verdict.goal == "evidence"
    row.filter(has_text="verified").wait_for()
    assert float(row.get_by_role("cell").nth(2).inner_text()) > 0

    dashboard = paired.context.new_page()
    dashboard.goto(live_server.url + "/work")
    line = dashboard.get_by_role("row").filter(has_text="enter-text")
    expect(line).to_contain_text("accepted")

    row.get_by_role("button", name="Delete enter-text").click()
    row.filter(has_text="deleted").wait_for()
    assert Workflow.objects.get().state == State.WITHDRAWN


def test_what_is_deleted_in_the_review_is_not_sent(paired, tasks_site):
    record_task(paired, tasks_site, "click-button")
    made = paired.ask("stop")
    review = paired.page(f"review.html?id={made}")
    review.get_by_role("button", name="Delete the paths").click()
    review.get_by_text("No paths are shared.").wait_for()
    review.get_by_role("button", name="Hide “Last reward:”").click()
    review.get_by_role("button", name="Hide “Last reward:”").wait_for(state="detached")
    review.get_by_role("button", name="Send", exact=True).click()
    review.locator(f"#sent-{made}").wait_for()
    answer = paired.ask("export")
    (workflow,) = answer["service"]["workflows"]
    assert "Last reward" not in str(workflow)
    assert "pointer" not in [part for step in workflow["body"]["steps"] for part in step]


def test_a_device_is_listed_and_revoked_on_the_site(paired, live_server, tasks_site):
    token = ApiToken.objects.get()
    assert (token.label, token.scopes) == ("Test browser", ["automate", "contribute", "read"])
    page = paired.context.new_page()
    page.goto(live_server.url + "/devices")
    page.get_by_role("button", name="Revoke Test browser").click()
    page.get_by_text("No device is paired.").wait_for()
    assert not tokens.in_force().exists()

    record_task(paired, tasks_site, "click-button")
    workflow = paired.stop()
    paired.ask("send", workflow=workflow.document())
    assert paired.ask("status")["trouble"] == "revoked"
    assert paired.ask("status")["waiting"] == 1, "what was recorded waits for another pairing"
    popup = paired.page("popup.html")
    popup.get_by_role("button", name="Pair", exact=True).wait_for()


@pytest.mark.parametrize("status", [400, 500, 201])
def test_pairing_that_fails_is_said_and_begun_again(status, extended, site):
    site.pages["/pair"] = site.pages["/pair/done"] = "<!doctype html><title>Pair</title>"
    answers = [Answer("{}", status, "application/json")]
    site.pages["/api/v1/pairings/exchange"] = lambda _: answers[-1]
    extended.agree()
    extended.remember(service=site.url)
    with extended.context.expect_page() as opened:
        extended.ask("pair", label="Test browser")
    opened.value.goto(f"{site.url}/pair/done#code=spent")
    extended.wait_for(lambda: extended.ask("status")["trouble"] == "pairing")
    extended.kill_worker()
    popup = extended.page("popup.html")
    popup.get_by_role("alert").get_by_text("Pair this browser again").wait_for()
    assert not extended.remembered("token")

    answer = json.dumps({"token": "am_test", "label": "Test browser"})
    answers.append(Answer(answer, 201, "application/json"))
    with extended.context.expect_page() as opened:
        popup.get_by_role("button", name="Pair").click()
    opened.value.goto(f"{site.url}/pair/done#code=fresh")
    extended.wait_for(lambda: extended.remembered("token") == "am_test")
    assert extended.ask("status")["trouble"] == "none"


def test_another_tab_with_a_code_does_not_pair(extended, wallet, live_server):
    extended.remember(pending={"verifier": "x" * 43, "tab": -5, "startedAt": 1})
    page = extended.context.new_page()
    page.goto(live_server.url + "/pair/done#code=stolen")
    page.wait_for_timeout(500)
    assert not extended.remembered("token")
    assert extended.remembered("pending")
