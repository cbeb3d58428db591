"""The extension's pages: in both languages, with the keyboard, and for screen readers."""

import json
import re
import shutil
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from config.environment import BASE_DIR
from contributions import blocklist
from lam_core import verify
from tests.lam_core.workflows import workflow_document

EXTENSION = BASE_DIR / "extension"
AXE = BASE_DIR / "node_modules/axe-core/axe.min.js"
PAGES = sorted(path.stem for path in (EXTENSION / "static").glob("*.html"))
# WCAG 2.2 AA, contrast included.
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


def messages(language: str) -> dict:
    return json.loads((EXTENSION / "_locales" / language / "messages.json").read_text())


def test_both_languages_say_the_same_things():
    english, indonesian = messages("en"), messages("id")
    assert english.keys() == indonesian.keys()
    for name, message in english.items():
        assert message.get("placeholders") == indonesian[name].get("placeholders"), name
        used = set(re.findall(r"\$(\w+)\$", message["message"]))
        assert used == set(re.findall(r"\$(\w+)\$", indonesian[name]["message"])), name
        assert used == set(message.get("placeholders", {})), name


def test_every_text_of_the_pages_has_a_message():
    known = set(messages("en"))
    for page in (EXTENSION / "static").glob("*.html"):
        wanted = re.findall(r'data-(?:text|label)="(\w+)"', page.read_text())
        assert set(wanted) <= known, page.name
        body = re.sub(r"<title>.*?</title>", "", page.read_text())
        assert not re.search(r">\s*[A-Za-z]{2,}", body), f"{page.name} says something untranslated"
    for script in (EXTENSION / "src").rglob("*.ts"):
        wanted = re.findall(r'\btext\("(\w+)"', script.read_text())
        assert set(wanted) <= known, script.name


def test_every_value_that_a_page_tells_has_a_word():
    known = set(messages("en"))
    schema = json.loads((EXTENSION / "workflow.schema.json").read_text())["$defs"]
    told = {
        "kind": schema["ValueKind"]["enum"],
        "key": schema["NamedKey"]["enum"],
        "tab": schema["Tab"]["properties"]["kind"]["enum"],
        "reason": list(verify.Reason),
        "category": [*blocklist.entries().values(), "blocked by you", "not a web page"],
    }
    for what, values in told.items():
        assert {f"{what}_{re.sub(r'[^0-9A-Za-z_]', '_', value)}" for value in values} <= known


def fill(browser) -> str:
    """Everything the pages can show."""
    browser.agree()
    draft = workflow_document(id=str(uuid4()))
    sent = {
        "id": str(uuid4()), "task": "enter-text", "steps": 2, "queuedAt": 1, "sentAt": 1,
        "state": "rejected", "reasons": ["too-fast"], "millipoints": 0,
    }  # fmt: skip
    refused = {"id": str(uuid4()), "queuedAt": 1, "workflow": draft, "attempts": 1}
    browser.panel.evaluate(
        """async ([draft, sent, refused]) => {
          const open = indexedDB.open("action-model");
          const database = await new Promise((resolve) => {
            open.onsuccess = () => resolve(open.result);
          });
          const stores = ["drafts", "sent", "outbox"];
          const transaction = database.transaction(stores, "readwrite");
          transaction.objectStore("drafts").put({ id: draft.id, madeAt: 1, workflow: draft });
          transaction.objectStore("sent").put(sent);
          transaction.objectStore("outbox").put({ ...refused, refusal: "too large" });
          await new Promise((resolve) => { transaction.oncomplete = resolve; });
          database.close();
        }""",
        [draft, sent, refused],
    )
    return draft["id"]


def show(browser, name: str, draft: str):
    """A page with something on it, as far as it has any."""
    query = {"review": f"?id={draft}", "popup": "?address=https://www.gmail.com/"}.get(name, "")
    page = browser.page(f"{name}.html{query}")
    page.wait_for_function("document.querySelector('h1')?.textContent")
    if name == "repeat":
        page.locator("#own button").first.click()
    return page


def assert_accessible(page, name: str) -> None:
    page.evaluate(AXE.read_text())
    found = page.evaluate("rules => axe.run(document, rules)", RULES)["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found] == [], name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_breaks_a_rule_of_accessibility(scheme, extended):
    draft = fill(extended)
    for name in PAGES:
        page = show(extended, name, draft)
        page.emulate_media(color_scheme=scheme)
        assert_accessible(page, name)
        assert page.evaluate("document.documentElement.lang").startswith("en")
        page.close()


UNSAID = {"Action Model"}
"""Names, and what both languages write alike."""


@pytest.fixture
def indonesian(built_extension: Path, tmp_path: Path) -> Path:
    """The extension in Indonesian, also where Chromium itself has no such language."""
    made = tmp_path / "indonesian"
    shutil.copytree(built_extension, made)
    shutil.copy(made / "_locales/id/messages.json", made / "_locales/en/messages.json")
    return made


def test_in_indonesian_nothing_is_left_in_english_and_nothing_overflows(new_browser, indonesian):
    browser = new_browser(folder=indonesian)
    draft = fill(browser)
    english, indonesian = messages("en"), messages("id")
    same = {each["message"] for each in indonesian.values()} | UNSAID
    said = {each["message"].split("$")[0].strip() for each in english.values()} - same
    phrases = [phrase for phrase in said if len(phrase) > 3]
    for name in PAGES:
        page = show(browser, name, draft)
        text = page.locator("body").inner_text()
        left = [each for each in phrases if re.search(rf"(?<!\w){re.escape(each)}(?!\w)", text)]
        assert left == [], name
        for width in [400] if name == "popup" else [1280, 320]:
            page.set_viewport_size({"width": width, "height": 700})
            assert page.evaluate(OVERFLOWING) == [], (name, width)
        assert_accessible(page, name)
        page.close()


OVERFLOWING = """() => [...document.querySelectorAll("body, body *")]
  .filter((e) => e.localName !== "pre" && e.scrollWidth > e.clientWidth + 1
    && getComputedStyle(e).display !== "inline" || e.getBoundingClientRect().right > innerWidth + 1)
  .map((e) => e.outerHTML.slice(0, 100))"""
USABLE = "a[href], button, input, select, textarea, summary"
FOCUSED = "() => [...document.querySelectorAll(wanted)].indexOf(document.activeElement)"


@pytest.mark.parametrize("name", PAGES)
def test_all_that_can_be_used_is_reached_with_the_keyboard(name, extended):
    page = show(extended, name, fill(extended))
    shown = page.evaluate(
        "wanted => [...document.querySelectorAll(wanted)].flatMap("
        "(e, index) => e.checkVisibility() ? [index] : [])",
        USABLE,
    )
    page.evaluate("wanted => { window.wanted = wanted; document.activeElement?.blur(); }", USABLE)
    reached = set()
    for _ in range(len(shown) + 5):
        page.keyboard.press("Tab")
        reached.add(page.evaluate(FOCUSED))
    assert set(shown) <= reached, name


def test_the_review_is_done_with_the_keyboard_alone(extended):
    draft = fill(extended)
    page = extended.page(f"review.html?id={draft}")
    remove = page.get_by_role("button", name="Delete step 1")
    remove.wait_for()
    for _ in range(40):
        page.keyboard.press("Tab")
        if remove.evaluate("element => element === document.activeElement"):
            break
    outline = remove.evaluate("element => getComputedStyle(element).outlineStyle")
    assert outline == "solid", "where the keyboard is shows"
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Delete step 2").wait_for(state="detached")
    (row,) = [row for row in extended.rows("drafts") if row["id"] == draft]
    assert [step["action"] for step in row["workflow"]["steps"]] == ["type"]


def test_what_a_page_said_is_shown_as_text_never_as_markup(extended):
    draft = fill(extended)
    document = workflow_document(id=draft)
    document["observations"][0]["elements"][2]["text"] = "<img src=x onerror=alert(1)>"
    extended.panel.evaluate(
        "workflow => chrome.runtime.sendMessage({ kind: 'discard', id: workflow.id })", document
    )
    extended.remember(service="http://127.0.0.1:9", token="am_test")
    extended.ask("send", workflow=document)
    extended.ask("take-back", id=draft)
    page = extended.page(f"review.html?id={draft}")
    page.get_by_role("button", name="Hide “<img").wait_for()
    assert page.locator("img").count() == 0


def test_titles_and_addresses_of_frames_are_told_and_can_be_hidden(extended):
    draft = fill(extended)
    document = workflow_document(id=draft)
    page = {"origin": "http://shop.test", "path": "/basket", "title": "Basket"}
    document["observations"][0]["frames"] = [{"owner": 0, "page": page}]
    extended.ask("discard", id=draft)
    extended.remember(service="http://127.0.0.1:9", token="am_test")
    extended.ask("send", workflow=document)
    extended.ask("take-back", id=draft)
    review = extended.page(f"review.html?id={draft}")
    review.locator("#pages").get_by_text("http://shop.test/basket Basket").wait_for()
    review.get_by_role("button", name="Hide “Basket”").click()
    review.locator("#pages").get_by_text("http://shop.test/basket ******").wait_for()
    (row,) = [row for row in extended.rows("drafts") if row["id"] == draft]
    (frame,) = row["workflow"]["observations"][0]["frames"]
    assert frame["page"] == {**page, "title": "******"}
    review.get_by_role("button", name="Hide “http://shop.test/basket”").click()
    expect(review.locator("#pages")).not_to_contain_text("shop.test")
    (row,) = [row for row in extended.rows("drafts") if row["id"] == draft]
    assert "shop.test" not in json.dumps(row["workflow"])
