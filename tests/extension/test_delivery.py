"""Delivery: nothing lost, nothing twice, whatever the service or the browser does."""

import gzip
import json
import re
import time
from uuid import UUID, uuid4

import pytest
from playwright.sync_api import expect

from tests.extension.sites import Answer, Site
from tests.lam_core.workflows import workflow_document

PROBLEM = "application/problem+json"


class FakeService:
    """A service that answers what it is told to and remembers what it took."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.next: list[Answer] = []
        self.received: list[UUID] = []
        self.kept: set[UUID] = set()
        self.delay_seconds = 0.0
        site.pages["/api/v1/workflows"] = self._take

    def _take(self, visit) -> Answer:
        workflow = json.loads(gzip.decompress(visit.body))["workflow"]
        made = UUID(workflow["id"])
        self.received.append(made)
        time.sleep(self.delay_seconds)
        if self.next:
            return self.next.pop(0)
        self.kept.add(made)
        return Answer(json.dumps({"id": str(made), "state": "submitted"}), 201, "application/json")


@pytest.fixture
def fake(site) -> FakeService:
    return FakeService(site)


@pytest.fixture
def sender(extended, site):
    """A paired browser."""
    extended.remember(service=site.url, token="am_test")
    return extended


def a_workflow() -> dict:
    return workflow_document(id=str(uuid4()))


def send(browser, workflow: dict | None = None) -> UUID:
    document = workflow or a_workflow()
    browser.ask("send", workflow=document)
    return UUID(document["id"])


def problem(status: int, **headers: str) -> Answer:
    body = json.dumps({"status": status, "detail": f"problem {status}"})
    return Answer(body, status, PROBLEM, headers)


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (problem(429, **{"Retry-After": "120"}), "slow-down"),
        (problem(500), "server"),
        (Answer("<h1>Bad gateway", 502), "server"),
        (Answer("<h1>Welcome to the hotel's network", 200), "server"),
        (Answer('{"id": "another"}', 201, "application/json"), "server"),
        (Answer("", 302, headers={"Location": "/elsewhere"}), "offline"),
        (problem(403), "consent"),
        (problem(401), "revoked"),
    ],
    ids=["429", "500", "502", "portal", "other-id", "redirect", "403", "401"],
)
def test_what_was_not_taken_waits_with_a_clear_state_and_is_sent_once(
    answer, trouble, sender, fake
):
    fake.next = [answer]
    made = send(sender)
    status = sender.ask("status")
    assert (status["trouble"], status["waiting"]) == (trouble, 1)
    popup = sender.page("popup.html")
    expect(popup.get_by_role("alert")).to_have_text(re.compile(r"\S"))
    if trouble == "slow-down":
        assert sender.remembered("notBefore") > (time.time() + 60) * 1000
    assert fake.kept == set()

    sender.remember(token="am_again")
    sender.ask("retry")
    assert fake.kept == {made}
    status = sender.ask("status")
    assert (status["trouble"], status["waiting"]) == ("none", 0)
    assert [row["id"] for row in sender.rows("sent")] == [str(made)]


def test_what_is_refused_waits_for_its_person_and_holds_up_nobody(sender, fake):
    fake.next = [problem(413), problem(400), problem(409)]
    refused = [send(sender) for _ in range(3)]
    taken = send(sender)
    status = sender.ask("status")
    assert {row["id"] for row in status["refused"]} == {str(made) for made in refused}
    assert fake.kept == {taken}
    assert status["trouble"] == "none"
    popup = sender.page("popup.html")
    expect(popup.get_by_role("alert")).to_contain_text("problem 413")
    sender.ask("take-back", id=str(refused[0]))
    assert [row["id"] for row in sender.rows("drafts")] == [str(refused[0])]


def test_without_a_network_work_waits(sender, fake):
    sender.context.set_offline(True)
    sender.remember(service="http://127.0.0.1:9")
    made = send(sender)
    assert sender.ask("status")["trouble"] == "offline"
    sender.context.set_offline(False)
    sender.remember(service=fake.site.url)
    sender.ask("retry")
    assert fake.kept == {made}


def test_a_worker_killed_in_the_middle_of_an_upload_loses_and_doubles_nothing(sender, fake):
    fake.delay_seconds = 1.5
    document = a_workflow()
    sender.panel.evaluate(
        "workflow => { void chrome.runtime.sendMessage({ kind: 'send', workflow }); }", document
    )
    sender.wait_for(lambda: fake.received)
    sender.kill_worker()
    fake.delay_seconds = 0
    sender.wait_for(lambda: sender.ask("status")["waiting"] == 0)
    assert set(fake.received) == fake.kept == {UUID(document["id"])}
    assert len(sender.rows("sent")) == 1


def test_a_browser_that_went_down_sends_when_it_is_back(new_browser, fake, site):
    first = new_browser("lasting")
    first.remember(service="http://127.0.0.1:9", token="am_test")
    made = send(first)
    first.context.close()
    second = new_browser("lasting")
    second.remember(service=site.url)
    second.ask("retry")
    assert fake.kept == {made}
    assert second.ask("status")["waiting"] == 0
