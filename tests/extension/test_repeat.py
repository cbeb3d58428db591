"""Repeating a recording, and a published automation, on pages that changed."""

from uuid import UUID

import pytest
from playwright.sync_api import expect

from contributions.models import State, Workflow
from marketplace import automations
from marketplace.models import Use
from points import rewards
from tests import factories
from tests.extension.conftest import pair
from tests.extension.test_journey import record_task
from tests.points.makers import earn, make_account

FIRST = """<!doctype html><title>Book</title>
<nav><a href=#a>Home</a></nav>
<form onsubmit="document.title = 'sent ' + this.city.value + ' ' + this.size.value; return false">
<label>City <input name=city id=city></label>
<label>Size <select name=size id=size><option>small<option>large</select></label>
<label><input type=checkbox id=late> Late arrival</label>
<button class=go>Submit</button></form>"""

CHANGED = """<!doctype html><title>Book</title>
<style>form { margin: 300px 0 0 200px } div { padding: 9px }</style><h2>New look</h2>
<form onsubmit="document.title = ['sent', this.town.value, this.s9.value,
  document.querySelector('[type=checkbox]').checked].join(' '); return false">
<div><input type=checkbox id=x1><label for=x1>Late arrival</label></div>
<div><label for=x2>Size</label><select name=s9 id=x2><option>large<option>small</select></div>
<section><div><label for=x3>City:</label><br><input name=town id=x3></div></section>
<div><button class=q7><b>Submit</b></button></div></form>"""

INSTRUCTION = "Book a room in Oslo and press Submit"


@pytest.fixture
def recorded(extended, site):
    """A browser with a recording of filling in the form."""
    site.pages["/"] = FIRST
    extended.agree()
    page = extended.context.new_page()
    page.goto(site.url)
    extended.start("book-a-room", INSTRUCTION)
    page.get_by_label("City").click()
    page.keyboard.type("Oslo", delay=20)
    page.get_by_label("Late arrival").click()
    page.get_by_role("button", name="Submit").click()
    assert page.title() == "sent Oslo small"
    assert extended.stop() is not None
    page.close()
    return extended


def choose(extended, site, html: str, title: str = "book-a-room"):
    """The changed page in a tab, and the page to repeat from with the recording chosen."""
    site.pages["/"] = html
    tab = extended.context.new_page()
    tab.goto(site.url)
    repeat = extended.page("repeat.html")
    repeat.set_default_timeout(6_000)
    repeat.get_by_role("button", name=f"Choose {title}").click()
    repeat.get_by_label("On which page").select_option(label=tab.title())
    return tab, repeat


def ended(extended) -> dict:
    return extended.wait_for(lambda: (extended.ask("repeat-state") or {}).get("end"))


def wait_for_question(extended, tab) -> None:
    """Until the panel in the page has the focus, which it takes to ask."""
    extended.wait_for(
        lambda: tab.evaluate("document.activeElement.localName") == "action-model-repeat"
    )


def test_ones_own_recording_is_repeated_with_other_values_on_a_changed_page(recorded, site):
    tab, repeat = choose(recorded, site, CHANGED)
    repeat.get_by_label("What is to be done this time").fill(INSTRUCTION.replace("Oslo", "Rome"))
    expect(repeat.get_by_label("city")).to_have_value("Rome")
    repeat.get_by_role("button", name="Start", exact=True).click()
    wait_for_question(recorded, tab)
    assert tab.title() == "Book", "nothing is sent before it was asked about"
    tab.keyboard.press("Enter")
    assert ended(recorded) == {"how": "finished", "detail": ""}
    assert tab.title() == "sent Rome large true"
    repeat.get_by_role("status").filter(has_text="Done.").wait_for()


def test_it_is_stopped_at_any_time_and_then_nothing_is_done(recorded, site):
    tab, repeat = choose(recorded, site, CHANGED)
    repeat.get_by_label("city").fill("Rome")
    repeat.get_by_role("button", name="Start", exact=True).click()
    wait_for_question(recorded, tab)
    tab.keyboard.press("Escape")
    assert ended(recorded)["how"] == "stopped"
    assert tab.title() == "Book"


@pytest.mark.parametrize(
    ("change", "how"),
    [
        (("<b>Submit</b>", "<b>Delete account</b>"), "target-missing"),
        (("<button class=q7>", "<button>Submit</button><button class=q7>"), "target-ambiguous"),
        (("<h2>", "<div style='position:fixed;inset:0' id=veil></div><h2>"), "target-covered"),
    ],
)
def test_what_is_not_there_once_stops_it_with_its_step(recorded, site, change, how):
    tab, repeat = choose(recorded, site, CHANGED.replace(*change))
    repeat.get_by_label("city").fill("Rome")
    repeat.get_by_role("button", name="Start", exact=True).click()
    assert ended(recorded)["how"] == how
    assert tab.title() == "Book"
    left = recorded.ask("repeat-state")["steps"]
    wanted = "City" if how == "target-covered" else "Submit"
    assert left[0]["target"]["label"] == wanted


def test_a_page_can_not_press_the_panels_buttons(recorded, site):
    attack = """<script>setInterval(() => {
      const panel = document.querySelector('action-model-repeat');
      if (!panel) return;
      const key = (key) => new KeyboardEvent('keydown', { key, bubbles: true, composed: true });
      for (const at of [panel, document]) at.dispatchEvent(key('Enter'));
      for (const at of [panel, document]) at.dispatchEvent(key('Escape'));
      panel.click();
      window.root = panel.shadowRoot;
    }, 20)</script>"""
    tab, repeat = choose(recorded, site, CHANGED + attack)
    repeat.get_by_label("city").fill("Rome")
    repeat.get_by_role("button", name="Start", exact=True).click()
    wait_for_question(recorded, tab)
    tab.wait_for_timeout(300)
    assert recorded.ask("repeat-state")["end"] is None
    assert tab.title() == "Book"
    assert tab.evaluate("window.root") is None
    tab.keyboard.press("Escape")
    assert ended(recorded)["how"] == "stopped"


TWO_PAGES = """<!doctype html><title>{title}</title><label>Code <input id=code></label>
<a href="{to}">{link}</a>"""


def test_it_goes_on_after_the_page_went_elsewhere(extended, site):
    site.pages["/"] = TWO_PAGES.format(title="One", to="/two", link="Next page")
    site.pages["/two"] = TWO_PAGES.format(title="Two", to="#", link="Show more")
    extended.agree()
    page = extended.context.new_page()
    page.goto(site.url)
    extended.start("two-pages", "")
    page.get_by_role("link").click()
    page.wait_for_url("**/two")
    page.get_by_role("link").click()
    assert [step.action for step in extended.stop().steps][:2] == ["click", "click"]
    page.close()
    tab, repeat = choose(
        extended, site, TWO_PAGES.format(title="Start", to="/two", link="Next page"), "two-pages"
    )
    repeat.get_by_role("button", name="Start", exact=True).click()
    assert ended(extended)["how"] == "finished"
    assert tab.url.endswith("/two#")


def test_a_site_of_a_blocked_category_is_left_alone(recorded, site):
    recorded.remember(blockedByPerson=["blocked.test"])
    tab = recorded.context.new_page()
    site.pages["/"] = CHANGED
    tab.goto(site.at("shop.blocked.test"))
    repeat = recorded.page("repeat.html")
    repeat.get_by_role("button", name="Choose book-a-room").click()
    repeat.get_by_label("On which page").select_option(label="Book")
    repeat.get_by_label("city").fill("Rome")
    repeat.get_by_role("button", name="Start", exact=True).click()
    repeat.get_by_role("alert").filter(has_text="blocked").wait_for()
    assert tab.evaluate("document.querySelector('action-model-repeat')") is None


def test_a_published_automation_is_fetched_run_and_paid_once(extended, wallet, service, tasks_site):
    """Somebody else's recording, by the API, on a page of its task; the use is paid in points."""
    pair(extended, factories.make_invite().code)
    extended.agree()
    page = record_task(extended, tasks_site)
    workflow = extended.stop()
    page.close()
    extended.ask("send", workflow=workflow.document())
    extended.wait_for(lambda: not extended.rows("outbox"))
    rewards.settle_pending()
    buyer = publish(workflow.id)

    tab = extended.context.new_page()
    tab.goto(f"{tasks_site.url}/miniwob/enter-text.html")
    tab.evaluate("Math.seedrandom('other'); core.EPISODE_MAX_TIME = 60000")
    tab.evaluate("core.startEpisodeReal()")
    repeat = extended.page("repeat.html")
    repeat.set_default_timeout(6_000)
    repeat.get_by_role("button", name="Choose Enter any text").click()
    repeat.get_by_label("On which page").select_option(label=tab.title())
    repeat.get_by_label("What is to be done this time").fill(tab.evaluate("core.getUtterance()"))
    repeat.get_by_role("button", name="Start", exact=True).click()
    wait_for_question(extended, tab)
    tab.keyboard.press("Enter")
    assert ended(extended)["how"] == "finished"
    assert tab.evaluate("WOB_RAW_REWARD_GLOBAL") == 1
    use = extended.wait_for(lambda: Use.objects.first())
    run = extended.ask("repeat-state")
    assert (use.pk, use.user, use.outcome) == (UUID(run["id"]), buyer, "succeeded")
    assert use.price_millipoints > 0
    extended.wait_for(lambda: extended.remembered("uses") == [])
    extended.ask("repeat-end", run=run["id"], how="finished", detail="")
    assert Use.objects.count() == 1


def publish(workflow_id):
    """Publish accepted work; its recorder, who is at the only device, is made to be a buyer."""
    row = Workflow.objects.get(pk=workflow_id)
    assert row.state == State.ACCEPTED, row.verdict.reasons
    buyer = row.contributor
    made = automations.publish(creator=buyer, workflow_id=row.pk, title="Enter any text")
    made.creator = factories.make_user()
    made.save(update_fields=["creator"])
    earn(make_account(buyer), 100_000)
    return buyer
