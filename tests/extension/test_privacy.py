"""Planted secrets: none leaves, none is stored; the same scan finds what another recorder leaks."""

import json
from pathlib import Path
from urllib.parse import unquote

import pytest

from config.environment import BASE_DIR
from tests.extension.secrets import DESIGNS, Planted, found, plant, unpacked
from tests.extension.sites import Answer, Site, Visit

RRWEB = BASE_DIR / "node_modules/@rrweb/record/dist/record.umd.cjs"
SERVICE = "http://service.test"
PAGES = "http://pages.test"
MOVE_ON = "text => { document.title = text; history.replaceState(0, '', '#' + text); }"
SEND = "url => fetch(url, { method: 'POST', mode: 'no-cors', body: JSON.stringify(recorded) })"
CHROMIUMS_OWN = (".googleapis.com", ".google.com", ".gvt1.com", ".gstatic.com")
"""Chromium asks these for updates by itself; what it sends them is scanned all the same."""
STORES = ("entries", "drafts", "outbox", "sent")


@pytest.fixture
def net():
    """All there is on the network, as the browser's proxy."""

    def anything(visit: Visit) -> Answer:
        if visit.path == "/api/v1/workflows":
            workflow = json.loads(unpacked(visit.body)[len(visit.body) :])["workflow"]
            answer = {"id": workflow["id"], "state": "submitted"}
            return Answer(json.dumps(answer), 201, "application/json")
        return Answer("{}", 404, "application/json")

    site = Site(anything=anything)
    yield site
    site.close()


@pytest.fixture
def browser(new_browser, net):
    made = new_browser("profile", f"--proxy-server=127.0.0.1:{net.port}")
    made.agree()
    made.remember(service=SERVICE, token="am_test")
    return made


def show(net: Site, page, planted: Planted) -> None:
    """Open a planted page and use it as people do, with secrets typed, pasted and pressed."""
    net.pages[unquote(planted.path.split("?")[0])] = planted.page
    page.goto(PAGES + planted.path)
    typed, pasted = planted.secrets[5], planted.secrets[6]
    page.click("#typed")
    page.keyboard.type(typed)
    page.keyboard.press("Control+A")
    page.keyboard.press("Control+C")
    page.locator("textarea, [contenteditable]").first.click()
    page.keyboard.press("Control+V")
    page.evaluate(MOVE_ON, pasted)
    page.keyboard.insert_text(pasted)
    for button in page.get_by_role("button").all()[:3]:
        button.click(timeout=5_000)
    for field in page.locator("input[type=password], input[autocomplete]").all()[:3]:
        field.click(timeout=5_000)
        page.keyboard.type("x" + planted.secrets[7][:6])
    page.click("#press")


def scripts_traffic(net: Site) -> bytes:
    """What was sent to anybody but the pages themselves."""
    sent = [visit for visit in net.visits if visit.host != "pages.test"]
    return b"\n".join(
        json.dumps([v.method, v.host, v.path, v.query, v.headers]).encode() + unpacked(v.body)
        for v in sent
    )


def kept(browser) -> bytes:
    """Everything the extension keeps, as values and as the bytes on disk."""
    rows = [browser.rows(store) for store in STORES]
    settings = browser.panel.evaluate("chrome.storage.local.get()")
    disk = b"".join(
        path.read_bytes()
        for folder in browser.profile.rglob("*")
        if folder.is_dir() and ("IndexedDB" in folder.name or "Extension" in folder.name)
        for path in folder.rglob("*")
        if path.is_file()
    )
    return json.dumps([rows, settings], ensure_ascii=False).encode() + disk


def record_all(browser, net: Site, planted: list[Planted]) -> bytes:
    """Record every page in one task and send it; all that was stored on the way."""
    page = browser.context.new_page()
    browser.start("use pages", "Fill in the form", note=planted[0].secrets[5])
    for each in planted:
        show(net, page, each)
    stored = kept(browser)
    workflow = browser.stop()
    stored += kept(browser)
    browser.ask("send", workflow=workflow.document())
    assert browser.ask("status")["waiting"] == 0
    assert len(workflow.steps) > 3 * len(planted)
    return stored + kept(browser)


def leaks_of_rrweb(browser, net: Site, planted: list[Planted]) -> int:
    """How many secrets a recorder with its usual defaults has in what it would send."""
    page = browser.context.new_page()
    page.add_init_script(RRWEB.read_text())
    page.add_init_script(
        """if (self === top) addEventListener("load", () => {
          self.recorded = []; rrwebRecord.record({ emit: (event) => self.recorded.push(event) });
        });"""
    )
    leaked = 0
    for each in planted:
        show(net, page, each)
        page.evaluate(SEND, "http://replays.test/")
        leaked += len(found(each.secrets, scripts_traffic(net)))
    return leaked


def check(browser, net: Site, planted: list[Planted]) -> None:
    secrets = [secret for each in planted for secret in each.secrets]
    stored = record_all(browser, net, planted)
    sent = scripts_traffic(net)
    hosts = {visit.host.partition(":")[0] for visit in net.visits}
    others = [host for host in hosts if not host.endswith(CHROMIUMS_OWN)]
    assert set(others) == {"pages.test", "service.test"}, "nobody else hears of anything"
    assert b"Press me" in sent, "what is harmless is there: the scan reads what was sent"
    assert found(secrets, sent) == []
    assert found(secrets, stored) == []
    assert leaks_of_rrweb(browser, net, planted) > len(secrets) / 2


def test_of_planted_secrets_none_leaves_and_none_is_stored(browser, net):
    check(browser, net, [plant(number, 42) for number in range(0, DESIGNS, 10)])


@pytest.mark.slow
def test_of_ten_thousand_secrets_in_fifty_designs_none_leaves_and_none_is_stored(browser, net):
    check(browser, net, [plant(number, 200) for number in range(DESIGNS)])


def test_the_scan_finds_what_is_planted_in_every_form():
    for number in range(DESIGNS):
        each = plant(number, 42)
        data = each.page.encode() + each.path.encode()
        assert len(found(each.secrets, data)) >= 40, number
    assert Path(RRWEB).is_file()
