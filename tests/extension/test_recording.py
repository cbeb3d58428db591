"""What is recorded, when, and that nothing of it is lost."""

import pytest
from playwright.sync_api import Error

from contributions import blocklist
from lam_core.progress import advancing_steps

FORM = """<!doctype html><title>Order</title><body>
<h1>Order form</h1>
<label>Comment <input id=comment></label>
<select id=size aria-label=Size><option>Small</option><option>Large</option></select>
<button id=go type=button>Order</button>
<div id=done></div>
<script>
const done = document.getElementById("done");
document.getElementById("go").onclick = () => { done.textContent = "Done"; };
</script>"""


@pytest.fixture
def shop(site):
    site.pages["/"] = FORM
    return site


CATEGORIES_OF = """async (addresses) => {
  const found = [];
  for (const address of addresses) {
    const { value } = await chrome.runtime.sendMessage({ kind: "status", address });
    found.push(value.site.blocked);
  }
  return found;
}"""


def actions(workflow) -> list[str]:
    return [step.action for step in workflow.steps]


def badge(browser) -> str:
    return browser.panel.evaluate("chrome.action.getBadgeText({})")


def scripts(browser) -> list:
    return browser.panel.evaluate("chrome.scripting.getRegisteredContentScripts()")


def is_open(page, address: str) -> bool:
    """Whether a page came; Chromium knows of some names that they are only to be had by TLS.

    The page that tells of it comes after the error, and would break into what is opened next.
    """
    with page.expect_event("framenavigated"):
        try:
            page.goto(address)
        except Error:
            return False
    return True


def test_nothing_is_recorded_before_an_explicit_choice(extended, shop):
    page = extended.context.new_page()
    page.goto(shop.url)
    with pytest.raises(RuntimeError, match="agreed"):
        extended.start()
    page.click("#go")
    assert extended.entries() == []
    assert scripts(extended) == []
    welcome = extended.page("welcome.html")
    welcome.get_by_role("button", name="I agree").click()
    welcome.get_by_text("You have agreed.").wait_for()
    assert extended.remembered("consent")["pointer"] is False
    page.click("#go")
    assert extended.entries() == [], "agreeing starts nothing"
    extended.start()
    page.click("#go")
    assert actions(extended.stop()) == ["click"]


def test_the_badge_says_what_is_being_done_and_pausing_stops_it(extended, shop):
    extended.agree()
    page = extended.context.new_page()
    page.goto(shop.url)
    assert badge(extended) == ""
    extended.start()
    assert badge(extended) == "REC"
    page.click("#go")
    extended.ask("pause")
    assert (badge(extended), scripts(extended)) == ("II", [])
    page.click("#comment")
    page.reload()
    page.click("#comment")
    extended.ask("resume")
    assert badge(extended) == "REC"
    page.click("#go")
    workflow = extended.stop()
    assert badge(extended) == ""
    targets = [workflow.observations[s.observation].elements[s.target] for s in workflow.steps]
    assert [element.text for element in targets] == ["Order", "Order"]


def test_the_popup_starts_and_stops_with_the_keyboard(extended, shop):
    extended.agree()
    page = extended.context.new_page()
    page.goto(shop.url)
    popup = extended.page("popup.html")
    popup.get_by_label("Name of the task").press_sequentially("Order a shirt")
    popup.get_by_label("Inputs").fill("comment=A gift for Zelda")
    popup.keyboard.press("Tab")
    popup.keyboard.press("Enter")
    popup.get_by_text("Recording: Order a shirt").wait_for()
    page.fill("#comment", "A gift for Zelda")
    page.click("#go")
    with extended.context.expect_page() as opened:
        popup.get_by_role("button", name="Stop and review").click()
    review = opened.value
    review.get_by_text("the input comment (words, 16-31 characters)").wait_for()
    assert "Zelda" not in review.content()


def test_in_the_background_only_allowed_sites_are_recorded(extended, shop):
    extended.agree()
    page = extended.context.new_page()
    extended.ask("allow-site", address=shop.at("allowed.test"))
    extended.ask("start-background")
    assert badge(extended) == "ON"
    page.goto(shop.at("other.test"))
    page.click("#go")
    page.goto(shop.at("www.allowed.test"))
    page.click("#go")
    page.wait_for_timeout(600)
    workflow = extended.stop()
    assert actions(workflow) == ["click"]
    assert workflow.task.name == "background/allowed.test"
    origins = {observation.page.origin.partition("//")[2] for observation in workflow.observations}
    assert origins == {f"www.allowed.test:{shop.port}"}


def test_a_site_the_person_blocks_is_left_at_once(extended, shop):
    extended.agree()
    page = extended.context.new_page()
    page.goto(shop.at("blocked.test"))
    extended.start()
    page.click("#go")
    extended.wait_for(extended.entries)
    assert extended.ask("block-site", address=shop.at("blocked.test")) == "blocked.test"
    page.click("#go")
    page.goto(shop.at("www.blocked.test"))
    page.click("#go")
    page.wait_for_timeout(600)
    clicks = [row for row in extended.entries() if row["entry"]["kind"] == "down"]
    assert len(clicks) == 1


def test_every_category_is_blocked_and_the_service_can_only_add_to_it(new_browser, shop):
    by_category: dict[str, list[str]] = {}
    for domain, category in blocklist.entries().items():
        by_category.setdefault(category, []).append(domain)
    browser = new_browser("profile", "--host-resolver-rules=MAP * 127.0.0.1")
    browser.agree()
    browser.remember(blockedByService={"added.test": "health"})
    page = browser.context.new_page()
    browser.start()
    for category, domains in {**by_category, "health": ["added.test"]}.items():
        hosts = [host for domain in domains for host in (domain, f"www.{domain}")]
        addresses = [shop.at(host) for host in hosts]
        assert set(browser.panel.evaluate(CATEGORIES_OF, addresses)) == {category}
        opened = (host for host in hosts if is_open(page, shop.at(host)))
        for _ in range(2):
            assert next(opened), category
            page.click("#go")
    page.goto(shop.at("harmless.test"))
    page.click("#go")
    workflow = browser.stop()
    assert actions(workflow)[-1] == "click"
    assert {o.page.origin for o in workflow.observations} == {f"http://harmless.test:{shop.port}"}
    assert len([step for step in workflow.steps if step.action == "click"]) == 1


def test_incognito_windows_are_out_of_reach(extended):
    manifest = extended.panel.evaluate("chrome.runtime.getManifest()")
    assert manifest["incognito"] == "not_allowed"


def test_a_worker_killed_between_any_two_events_loses_none(extended, shop):
    extended.agree()
    page = extended.context.new_page()
    page.goto(shop.url)
    extended.start("order", "Write blue and order a large one")

    box = page.locator("#comment").bounding_box()
    for act in (
        lambda: page.mouse.move(box["x"] + 5, box["y"] + 5),
        page.mouse.down,
        page.mouse.up,
        *[
            step
            for letter in "blue"
            for step in (
                lambda letter=letter: page.keyboard.down(letter),
                lambda letter=letter: page.keyboard.up(letter),
            )
        ],
        lambda: page.focus("#size"),
        lambda: page.keyboard.press("l"),
        lambda: page.hover("#go"),
        page.mouse.down,
        page.mouse.up,
    ):
        extended.kill_worker()
        act()
    extended.kill_worker()
    assert extended.ask("status")["active"]["name"] == "order"
    workflow = extended.stop()
    assert actions(workflow) == ["click", "type", "select", "click"]
    click, typing, _, last = workflow.steps
    assert len(typing.keys) == 4
    assert all(key.up is not None for key in typing.keys)
    assert typing.text.source == "instruction"
    assert click.presses[0].up is not None
    assert last.presses[0].up is not None


def test_what_a_page_hands_over_twice_is_told_once(extended, shop):
    extended.agree()
    page = extended.context.new_page()
    page.goto(shop.url)
    extended.start()
    page.click("#go")
    extended.wait_for(lambda: any(e["entry"]["kind"] == "up" for e in extended.entries()))
    for row in extended.rows("entries"):
        again = {"recording": row["recording"], "document": row["page"], "entries": row["entries"]}
        extended.ask("entries", **again)
    assert actions(extended.stop()) == ["click"]


def test_a_page_recorded_again_and_again_keeps_nothing_of_the_times_before(extended, shop):
    extended.agree()
    page = extended.context.new_page()
    page.goto(shop.url)

    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")

    def listeners() -> float:
        session.send("HeapProfiler.collectGarbage")
        metrics = session.send("Performance.getMetrics")["metrics"]
        return {each["name"]: each["value"] for each in metrics}["JSEventListeners"]

    def record() -> None:
        extended.start()
        page.click("#go")
        extended.stop()

    record()
    extended.panel.wait_for_timeout(500)
    once = listeners()
    for _ in range(3):
        record()
    extended.wait_for(lambda: listeners() <= once)


def test_several_tabs_and_addresses_are_told_in_order(extended, shop):
    shop.pages["/second"] = FORM.replace("Order form", "Second form")
    extended.agree()
    page = extended.context.new_page()
    page.goto(shop.url)
    extended.start()
    page.click("#go")
    other = extended.context.new_page()
    other.goto(f"{shop.url}/second?token=hidden#part")
    other.click("#go")
    page.bring_to_front()
    page.click("#comment")
    workflow = extended.stop()
    clicks = [step for step in workflow.steps if step.action == "click"]
    assert [step.tab for step in clicks] == [0, 1, 0]
    assert "switch" in [step.kind for step in workflow.steps if step.action == "tab"]
    paths = [observation.page.path for observation in workflow.observations]
    assert "/second" in paths
    assert "hidden" not in workflow.to_json().decode()


@pytest.mark.parametrize("waited", [0, 1_500], ids=["at once", "after a look"])
def test_a_look_at_another_tab_hides_nothing_of_what_was_done(extended, shop, waited):
    shop.pages["/other"] = "<!doctype html><title>Other</title><p>Something else"
    extended.agree()
    other = extended.context.new_page()
    other.goto(f"{shop.url}/other")
    page = extended.context.new_page()
    page.goto(shop.url)
    extended.start()
    page.click("#go")
    page.wait_for_timeout(waited)
    extended.panel.bring_to_front()
    own = extended.stop()
    assert "Done" in {element.text for element in own.observations[own.outcome].elements}, (
        "the extension's own page in front is nothing to look at"
    )
    assert [step.action for step in advancing_steps(own)] == ["click"]
    page.reload()
    page.bring_to_front()
    extended.start()
    page.click("#go")
    page.wait_for_timeout(waited)
    other.bring_to_front()
    workflow = extended.stop()
    assert workflow.observations[workflow.outcome].page.path == "/other"
    assert [step.action for step in advancing_steps(workflow)] == ["click", "tab"]


def test_scrolling_selecting_dragging_and_keys_are_told_apart(extended, shop):
    tall = "<div style='height:3000px'>Tall</div>"
    drag = "<div id=from style='width:50px;height:50px'>From</div>"
    drag += "<div id=to style='width:50px;height:50px'>To</div>"
    shop.pages["/tall"] = FORM + drag + tall
    extended.agree()
    page = extended.context.new_page()
    page.goto(f"{shop.url}/tall")
    extended.start()
    page.mouse.move(200, 200)
    page.mouse.wheel(0, 400)
    page.wait_for_timeout(600)
    page.mouse.wheel(0, -400)
    page.wait_for_timeout(600)
    page.locator("#comment").focus()
    page.keyboard.press("Enter")
    start, end = (page.locator(name).bounding_box() for name in ("#from", "#to"))
    page.mouse.move(start["x"] + 9, start["y"] + 9)
    page.mouse.down()
    page.mouse.move(end["x"] + 9, end["y"] + 9, steps=5)
    page.mouse.up()
    workflow = extended.stop()
    assert actions(workflow) == ["scroll", "press", "drag"]
    scroll, press, drag = workflow.steps
    assert (scroll.dy, press.key) == (0, "enter")
    elements = workflow.observations[drag.observation].elements
    assert [elements[drag.target].text, elements[drag.drop].text] == ["From", "To"]


def test_when_the_disk_is_full_it_is_said_and_what_was_done_is_stored_once_there_is_room(
    extended, shop
):
    extended.agree()
    page = extended.context.new_page()
    page.goto(shop.url)
    extended.start()
    extended.worker.evaluate(
        """() => {
          self.add = IDBObjectStore.prototype.add;
          IDBObjectStore.prototype.add = () => {
            throw new DOMException("no room", "QuotaExceededError");
          };
        }"""
    )
    page.click("#go")
    extended.wait_for(lambda: extended.ask("status")["trouble"] == "storage-full")
    assert badge(extended) == "!"
    popup = extended.page("popup.html")
    popup.get_by_role("alert").get_by_text("The disk is full.").wait_for()
    extended.worker.evaluate("() => { IDBObjectStore.prototype.add = self.add; }")
    extended.wait_for(lambda: extended.ask("status")["trouble"] == "none")
    assert badge(extended) == "REC"
    assert actions(extended.stop()) == ["click"]
