"""The browser is killed outright: what was recorded and what was on its way is there afterwards."""

from uuid import UUID, uuid4

import pytest

from tests.extension.test_delivery import FakeService, send
from tests.extension.test_recording import FORM, actions, badge
from tests.lam_core.workflows import workflow_document


@pytest.fixture
def fake(site) -> FakeService:
    return FakeService(site)


def test_killed_in_mid_recording_it_goes_on_where_it_was(new_browser, site):
    site.pages["/"] = FORM
    first = new_browser("lasting")
    first.agree()
    page = first.context.new_page()
    page.goto(site.url)
    first.start("order", "Write blue and order")
    page.click("#comment")
    page.keyboard.type("blue")
    page.click("#go")
    # What was typed and pressed is stored; the browser is not told of its end.
    first.wait_for(
        lambda: [row for row in first.rows("entries") if row["entry"]["kind"] == "up"][1:]
    )
    before = first.rows("entries")
    first.crash()

    second = new_browser("lasting")
    assert second.ask("status")["active"]["name"] == "order"
    second.wait_for(lambda: badge(second) == "REC")
    kept = [(row["page"], row["sequence"]) for row in second.rows("entries")]
    assert kept[: len(before)] == [(row["page"], row["sequence"]) for row in before]
    page = second.context.new_page()
    page.goto(site.url)
    page.click("#go")
    workflow = second.stop()
    done = [action for action in actions(workflow) if action in ("click", "type")]
    assert done == ["click", "type", "click", "click"]
    assert second.rows("entries") == [], "nothing is made a workflow of twice"


def test_killed_in_mid_delivery_it_is_sent_once(new_browser, site, fake):
    first = new_browser("lasting")
    first.remember(service=site.url, token="am_test")
    waiting = send(first)
    assert fake.kept == {waiting}
    fake.delay_seconds = 3
    first.panel.evaluate(
        "workflow => { void chrome.runtime.sendMessage({ kind: 'send', workflow }); }",
        document := workflow_document(id=str(uuid4())),
    )
    first.wait_for(lambda: len(fake.received) == 2)
    first.crash()
    fake.delay_seconds = 0

    second = new_browser("lasting")
    second.wait_for(lambda: second.ask("status")["waiting"] == 0)
    assert fake.kept == {waiting, UUID(document["id"])}
    assert sorted(row["id"] for row in second.rows("sent")) == sorted(map(str, fake.kept))
    assert set(fake.received) == fake.kept, "under the id that was made first"
