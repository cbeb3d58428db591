"""The browser is killed outright: what was recorded and what was on its way is there afterwards."""

import json
from typing import Any
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
    first.wait_for(lambda: [row for row in first.entries() if row["entry"]["kind"] == "up"][1:])
    before = first.entries()
    first.crash()

    second = new_browser("lasting")
    assert second.ask("status")["active"]["name"] == "order"
    second.wait_for(lambda: badge(second) == "REC")
    kept = [(row["page"], row["sequence"]) for row in second.entries()]
    assert kept[: len(before)] == [(row["page"], row["sequence"]) for row in before]
    page = second.context.new_page()
    page.goto(site.url)
    page.click("#go")
    workflow = second.stop()
    done = [action for action in actions(workflow) if action in ("click", "type")]
    assert done == ["click", "type", "click", "click"]
    assert second.entries() == [], "nothing is made a workflow of twice"


EARLIER_VERSION = """async ([version, rows]) => {
  const done = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  await done(indexedDB.deleteDatabase("action-model"));
  const opening = indexedDB.open("action-model", version);
  opening.onupgradeneeded = () => {
    const made = opening.result;
    const entries = made.createObjectStore("entries", { keyPath: "order", autoIncrement: true });
    const once = ["recording", "page", "sequence"];
    if (version === 1) entries.createIndex("once", once, { unique: true });
    entries.createIndex("recording", "recording");
    for (const name of ["drafts", "outbox"]) made.createObjectStore(name, { keyPath: "id" });
    made.createObjectStore("sent", { keyPath: "id" }).createIndex("sentAt", "sentAt");
  };
  const database = await done(opening);
  const store = database.transaction("entries", "readwrite").objectStore("entries");
  await Promise.all(rows.map((row) => done(store.add(row))));
  database.close();
}"""


@pytest.mark.parametrize("version", [1, 2])
def test_a_recording_begun_under_an_earlier_version_of_the_store_goes_on(extended, site, version):
    site.pages["/"] = FORM
    extended.agree()
    page = extended.context.new_page()
    page.goto(site.url)
    extended.start("order", "Write blue and order")
    page.click("#comment")
    page.keyboard.type("blue")
    page.click("#go")
    extended.wait_for(lambda: len(actions_begun(extended)) == 2)
    batches = [earlier(row) for row in extended.rows("entries")]
    page.close()
    extended.kill_worker()
    extended.panel.evaluate(
        EARLIER_VERSION, [version, singles(batches) if version == 1 else batches]
    )
    assert actions(extended.stop()) == ["click", "type", "click"]


def earlier(batch: dict[str, Any]) -> dict[str, Any]:
    """A batch as it was stored when looks were objects."""
    batch = {name: batch[name] for name in ("recording", "page", "tab", "entries")}
    for each in batch["entries"]:
        if "look" in each["entry"]:
            each["entry"]["observation"] = json.loads(each["entry"].pop("look"))
    return batch


def singles(batches: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each entry."""
    return [{**batch, **each} for batch in batches for each in batch.pop("entries")]


def actions_begun(extended) -> list:
    return [each for each in extended.entries() if each["entry"]["kind"] == "up"]


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
