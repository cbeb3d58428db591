"""A small shop of several pages, recorded from end to end and paid."""

from random import Random

import pytest

from contributions.models import State, Workflow
from lam_core.samples.record import Click, Keys, perform
from lam_core.schema import parse_workflow
from points import rewards
from tests.extension.test_journey import paired

__all__ = ["paired"]

HEAD = "<!doctype html><meta charset=utf-8><title>{title}</title><nav><a href=/>Home</a></nav>"
HOME = HEAD.format(title="Home") + "<h1>Home</h1><a id=lamp href=/lamp>Lamp</a>"
LAMP = (
    HEAD.format(title="Lamp")
    + """<h1>Lamp</h1><a id=terms href=/terms target=_blank>Terms</a>
<label>Search <input id=search></label><button id=find type=button>Find</button><p id=found></p>
<iframe src=/basket width=400 height=120></iframe><a id=pay href=/pay>Pay</a>
<script>document.getElementById("find").onclick = () => {
  const wanted = document.getElementById("search").value;
  document.getElementById("found").textContent = `Found: ${wanted}`;
};</script>"""
)
BASKET = """<!doctype html><title>Basket</title><button id=add>Add to basket</button>
<output></output>
<script>document.getElementById("add").onclick = () => {
  document.querySelector("output").textContent = "One in the basket";
};</script>"""
TERMS = (
    HEAD.format(title="Terms") + "<h1>Terms</h1><label><input type=checkbox id=yes> Agree</label>"
)
PAY = (
    HEAD.format(title="Pay")
    + """<h1>Pay</h1><x-order></x-order><p id=done></p><script>
customElements.define("x-order", class extends HTMLElement {
  connectedCallback() {
    const root = this.attachShadow({ mode: "open" });
    root.innerHTML = "<label>Comment <input id=comment></label><button id=order>Order</button>";
    root.getElementById("order").onclick = () => {
      document.getElementById("done").textContent =
        root.getElementById("comment").value ? "Thank you for the order" : "Write a comment";
    };
  }
});</script>"""
)
INSTRUCTION = (
    "Search for green, add it to the basket, agree to the terms and order with comment soon"
)


@pytest.fixture
def shop(site):
    pages = {"/": HOME, "/lamp": LAMP, "/basket": BASKET, "/terms": TERMS, "/pay": PAY}
    site.pages |= pages
    return site


def buy(browser, shop) -> None:
    """What a person does, by links, in a frame, in a second tab and in a shadow root."""
    random = Random(11)
    page = browser.context.new_page()
    page.goto(shop.url)
    browser.start("buy-a-lamp", INSTRUCTION)
    perform(page, Click("#lamp"), random)
    for step in (Click("#search"), Keys("green"), Click("#find")):
        perform(page, step, random)
    page.get_by_text("Found: green").wait_for()
    perform(page, Click("iframe >> internal:control=enter-frame >> #add"), random)
    page.frame_locator("iframe").get_by_text("One in the basket").wait_for()
    with browser.context.expect_page() as opened:
        perform(page, Click("#terms"), random)
    opened.value.wait_for_load_state()
    perform(opened.value, Click("#yes"), random)
    page.bring_to_front()
    perform(page, Click("#pay"), random)
    for step in (Click("#comment"), Keys("soon"), Click("#order")):
        perform(page, step, random)
    page.get_by_text("Thank you for the order").wait_for()
    page.wait_for_timeout(600)


def test_a_site_of_several_pages_is_recorded_sent_verified_and_paid(paired, shop, live_server):
    buy(paired, shop)
    made = paired.ask("stop")
    (draft,) = paired.rows("drafts")
    workflow = parse_workflow(draft["workflow"])
    told = [
        (step.action, workflow.observations[step.observation].elements[step.target])
        for step in workflow.steps
        if step.action in ("click", "type")
    ]
    words = [element.text or element.name for action, element in told if action == "click"]
    assert words == [
        "Lamp", "Search", "Find", "Add to basket", "Terms", "Agree", "Pay", "Comment", "Order",
    ]  # fmt: skip
    assert [element.frame for _, element in told].count(1) == 1
    assert [element.shadow for _, element in told][-3:] == [True, True, True]
    assert "switch" in [step.kind for step in workflow.steps if step.action == "tab"]
    assert {step.tab for step in workflow.steps} == {0, 1}
    paths = [observation.page.path for observation in workflow.observations]
    assert list(dict.fromkeys(paths))[:2] == ["/", "/lamp"]
    assert {"/terms", "/pay"} <= set(paths)

    review = paired.page(f"review.html?id={made}")
    review.get_by_role("button", name="Send", exact=True).click()
    row = review.locator(f"#sent-{made}")
    row.wait_for()
    assert rewards.settle_pending() == 1
    stored = Workflow.objects.get()
    assert stored.state == State.ACCEPTED, stored.verdict.reasons
    row.filter(has_text="verified").wait_for()
    dashboard = paired.context.new_page()
    dashboard.goto(live_server.url + "/work")
    line = dashboard.get_by_role("row").filter(has_text="buy-a-lamp").inner_text()
    assert "accepted" in line
    dashboard.goto(live_server.url + "/points")
    assert float(row.get_by_role("cell").nth(2).inner_text()) > 0
