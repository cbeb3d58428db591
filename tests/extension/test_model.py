"""Where anchors fail the model in force is asked, if its person chose so, and what it is told."""

import gzip
import json

import pytest
from django.core.signals import request_started
from playwright.sync_api import expect

from lam_core.takeover import parse_question
from tests import factories
from tests.extension.conftest import pair
from tests.extension.sites import Answer
from tests.extension.test_journey import record_task
from tests.extension.test_repeat import choose, ended, wait_for_question

INSTRUCTION = "Order a large cake for Rome and press Submit"
SHOP = """<!doctype html><title>Shop</title>
<label>City <input id=city></label>
<label>Size <input id=size></label>
<button onclick="document.title = 'sent'">Submit</button>"""
WITHOUT = """<!doctype html><title>Shop for Rome</title>
<p>Rome, large: call Anna Kowalski, 555-0199</p>
<label>City <input id=city></label>
<label>Size <input id=size></label>
<label>Password <input type=password value=hunter2secret></label>"""
SIGN_IN = """<!doctype html><title>Sign in</title>
<label>Password <input type=password></label> <label>Search <input></label>"""
TWO_BUTTONS = """<!doctype html><title>Order</title>
<button onclick="document.title = 'sent'">Submit</button><button>Show more</button>"""
PLANTED = ("Rome", "large", "Large", "Oslo", "Kowalski", "0199", "hunter2", "/shop/rome", "order=7")


@pytest.fixture
def asked():
    """The paths of the service that were called."""
    paths = []

    def note(environ, **_):
        paths.append(environ["PATH_INFO"])

    request_started.connect(note)
    yield lambda: [path for path in paths if path.endswith("/decisions")]
    request_started.disconnect(note)


@pytest.fixture
def paired(extended, wallet, service):
    pair(extended, factories.make_invite().code)
    extended.agree()
    return extended


def record_shop(extended, site):
    site.pages["/"] = SHOP
    page = extended.context.new_page()
    page.goto(site.url)
    extended.start("order", INSTRUCTION)
    page.get_by_label("City").click()
    page.keyboard.type("Rome", delay=20)
    page.get_by_label("Size").click()
    page.keyboard.type("large", delay=20)
    page.get_by_role("button", name="Submit").click()
    assert extended.stop() is not None
    page.close()


def start(repeat, *, asks: bool):
    repeat.get_by_label("Ask the model").set_checked(asks)
    repeat.get_by_role("button", name="Start", exact=True).click()


def agree_until_ended(extended, tab) -> list[str]:
    """Say yes to whatever the panel asks; how the run ended."""

    def end():
        if tab.evaluate("document.activeElement.localName") == "action-model-repeat":
            tab.keyboard.press("Enter")
        return (extended.ask("repeat-state") or {}).get("end")

    extended.wait_for(end, 40)
    return [step["by"] for step in extended.ask("repeat-state")["taken"]]


def episode(tab, task, seed, tasks_site) -> str:
    tab.goto(f"{tasks_site.url}/miniwob/{task}.html")
    tab.evaluate("seed => Math.seedrandom(seed)", seed)
    tab.evaluate("core.EPISODE_MAX_TIME = 600000; core.startEpisodeReal()")
    instruction = tab.evaluate("core.getUtterance()")
    # The model knows these pages without the task's own words and the score on them.
    tab.add_style_tag(content="#query, #reward-display { display: none !important }")
    return instruction


def choose_task(extended, tab, title: str, instruction: str):
    repeat = extended.page("repeat.html")
    repeat.set_default_timeout(6_000)
    repeat.get_by_role("button", name=f"Choose {title}").click()
    repeat.get_by_label("On which page").select_option(label=tab.title())
    repeat.get_by_label("What is to be done this time").fill(instruction)
    return repeat


def test_the_model_does_a_step_whose_target_anchors_do_not_find(paired, tasks_site, asked):
    """A MiniWoB++ task whose button is called otherwise than when it was recorded."""
    record_task(paired, tasks_site).close()
    assert paired.stop() is not None
    tab = paired.context.new_page()
    instruction = episode(tab, "enter-text", "other", tasks_site)
    tab.evaluate("document.querySelector('#subbtn').outerHTML = '<button>OK</button>'")
    tab.evaluate(
        "void (document.querySelector('#area button').onclick = () => (document.title = tt.value))"
    )
    repeat = choose_task(paired, tab, "enter-text", instruction)
    start(repeat, asks=True)
    wait_for_question(paired, tab)
    assert tab.title() != instruction.split('"')[1], "nothing is done before it was asked about"
    by = agree_until_ended(paired, tab)
    assert ended(paired)["how"] == "finished"
    assert by[-1] == "model"
    assert "model" not in by[:-1]
    assert tab.title() == instruction.split('"')[1]
    assert len(asked()) == 1
    repeat.get_by_role("listitem").filter(has_text="(found by the model)").wait_for()
    expect(repeat.get_by_text("(found by its anchors)")).to_have_count(len(by) - 1)


def test_the_model_does_what_leads_to_the_step(paired, tasks_site, asked):
    """The link is in another tab than when it was recorded: which, no anchor can tell."""
    page = paired.context.new_page()
    instruction = episode(page, "click-tab-2", "one", tasks_site)
    paired.start("open-a-page", instruction)
    find_link(page, instruction)
    assert paired.stop() is not None
    page.close()
    tab = paired.context.new_page()
    instruction = episode(tab, "click-tab-2", "two", tasks_site)
    start(choose_task(paired, tab, "open-a-page", instruction), asks=True)
    by = agree_until_ended(paired, tab)
    assert ended(paired)["how"] == "finished", by
    assert tab.evaluate("WOB_RAW_REWARD_GLOBAL") == 1
    assert "model" in by
    assert len(asked()) == by.count("model")


def find_link(page, instruction: str) -> None:
    word = instruction.split('"')[1]
    link = page.locator(f'.alink:text-is("{word}")').first
    for tab in page.locator("#area .ui-tabs-anchor").all():
        if link.is_visible():
            break
        tab.click()
    link.click()


def test_only_by_choice_is_it_asked_and_unsure_or_away_it_stops(paired, site, asked):
    site.pages["/"] = "<title>Form</title><button>Submit</button>"
    page = paired.context.new_page()
    page.goto(site.url)
    paired.start("order", "Press Submit.")
    page.get_by_role("button").click()
    assert paired.stop() is not None
    page.close()
    others = ("Archive", "Reports", "Print", "Help")
    buttons = "".join(f"<p><button onclick='document.title = 1'>{each}</button>" for each in others)
    tab, repeat = choose(paired, site, f"<title>Many</title>{buttons}", "order")
    start(repeat, asks=False)
    assert ended(paired)["how"] == "target-missing"
    assert asked() == []

    start(repeat, asks=True)
    paired.wait_for(asked)
    assert ended(paired)["how"] == "model-unsure"
    assert paired.ask("repeat-state")["steps"][0]["target"]["label"] == "Submit"

    paired.remember(service="http://127.0.0.1:9")
    start(repeat, asks=True)
    paired.wait_for(lambda: (paired.ask("repeat-state")["end"] or {}).get("how") == "model-away")
    assert "can't be reached" in paired.ask("repeat-state")["end"]["detail"]
    repeat.get_by_role("status").filter(has_text="the model could not be asked").wait_for()
    assert len(asked()) == 1
    assert tab.title() == "Many"

    form = paired.page("settings.html").locator("#service-form")
    form.get_by_role("textbox").fill("http://127.0.0.1:8")
    form.get_by_role("button").click()
    paired.wait_for(lambda: paired.remembered("asksModel") is False)


def test_of_values_and_private_words_the_service_is_told_only_where_they_stand(paired, site):
    told = []

    def refuse(visit):
        told.append(json.loads(gzip.decompress(visit.body)))
        return Answer('{"detail": "later"}', 503, "application/problem+json")

    record_shop(paired, site)
    site.pages["/api/v1/decisions"] = refuse
    paired.remember(service=site.url)
    _, repeat = choose(paired, site, WITHOUT, "order")
    start(repeat, asks=True)
    assert ended(paired) == {"how": "model-away", "detail": "later"}
    (question,) = told
    text = json.dumps(question)
    for word in PLANTED:
        assert word not in text, word
    assert question["instruction"] == "Order a ***** cake for **** and press ******"
    parsed = parse_question(text.encode())
    typed = [parsed.instruction[b.text.start : b.text.end] for b in parsed.done if b.text]
    assert typed == ["****", "*****"]
    assert any(element.private for element in parsed.observation.elements)


def test_a_step_of_a_private_field_is_never_asked_about(paired, site, asked):
    """The same page and step, once for a password and once for any text."""
    site.pages["/"] = SIGN_IN
    for name, label in (("sign-in", "Password"), ("search", "Search")):
        page = paired.context.new_page()
        page.goto(site.url)
        paired.start(name, "Order a large cake")
        page.get_by_label(label).click()
        assert paired.stop() is not None
        page.close()
    other = "<title>Other</title><button>Submit</button>"
    _, repeat = choose(paired, site, other, "sign-in")
    start(repeat, asks=True)
    assert ended(paired)["how"] == "target-missing"
    assert asked() == []
    repeat.close()
    _, repeat = choose(paired, site, other, "search")
    start(repeat, asks=True)
    assert paired.wait_for(asked), "of a field for text it is asked"


def test_on_a_site_that_became_blocked_nothing_is_asked(paired, site, asked):
    site.pages["/"] = TWO_BUTTONS
    page = paired.context.new_page()
    page.goto(site.url)
    paired.start("order", "Order a large cake")
    page.get_by_role("button", name="Submit").click()
    page.get_by_role("button", name="Show more").click()
    assert paired.stop() is not None
    page.close()
    tab, repeat = choose(paired, site, TWO_BUTTONS.replace("Show more", "Continue"), "order")
    start(repeat, asks=True)
    wait_for_question(paired, tab)
    paired.remember(blockedByPerson=["127.0.0.1"])
    tab.keyboard.press("Enter")
    assert ended(paired)["how"] == "target-missing"
    assert tab.title() == "sent"
    assert asked() == []


def test_another_page_than_the_one_of_the_run_can_not_ask(paired, site, asked):
    record_shop(paired, site)
    tab, repeat = choose(paired, site, SHOP, "order")
    start(repeat, asks=True)
    wait_for_question(paired, tab)
    run = paired.ask("repeat-state")
    question = {"instruction": "Press Submit"}
    assert paired.ask("repeat-decide", run=run["id"], question=question) is None
    assert asked() == []
