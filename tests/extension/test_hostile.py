"""Pages that fight back: nothing lost, nothing broken, a workflow the service takes."""

import pytest

from tests.extension.stores import UNPACK


@pytest.fixture
def recorded(extended, site):
    """Opens a page of one's own, starts recording; returns the page."""

    def begin(content: str, instruction: str = "", **pages: str):
        site.pages["/"] = f"<!doctype html><title>Page</title><body>{content}"
        for path, page in pages.items():
            site.pages[f"/{path}"] = f"<!doctype html><title>Page</title><body>{page}"
        extended.agree()
        page = extended.context.new_page()
        page.goto(site.url)
        extended.start("a task", instruction)
        return page

    return begin


def target(workflow, step):
    return workflow.observations[step.observation].elements[step.target]


def test_a_page_that_renders_itself_anew_on_every_key(extended, recorded):
    page = recorded(
        """<div id=app></div><script>
        const app = document.getElementById("app");
        function draw(value) {
          app.innerHTML = "<input id=field aria-label=Search><button id=go>Search</button>";
          const field = document.getElementById("field");
          field.value = value; field.focus(); field.setSelectionRange(value.length, value.length);
          field.oninput = () => draw(field.value);
        }
        draw("");
        </script>""",
        "Search for green apples",
    )
    page.click("#field")
    page.keyboard.type("green apples", delay=20)
    page.click("#go")
    workflow = extended.stop()
    typing = [step for step in workflow.steps if step.action == "type"]
    assert sum(len(step.keys) for step in typing) == len("green apples")
    assert typing[-1].text.source == "instruction"
    assert (typing[-1].text.start, typing[-1].text.end) == (11, 23)
    assert target(workflow, workflow.steps[-1]).text == "Search"


def test_fifty_thousand_nodes(extended, recorded):
    page = recorded(
        """<button id=first>First</button><div id=many></div><button id=last>Last</button>
        <script>
        const many = document.getElementById("many");
        for (let i = 0; i < 500; i++) {
          const row = document.createElement("div");
          row.innerHTML = "<span>cell</span>".repeat(100);
          many.append(row);
        }
        </script>"""
    )
    page.click("#first")
    page.click("#last")
    workflow = extended.stop()
    clicks = [step for step in workflow.steps if step.action == "click"]
    assert [target(workflow, step).text for step in clicks] == ["First", "Last"]
    assert max(len(observation.elements) for observation in workflow.observations) < 4_000


def test_open_and_closed_shadow_roots(extended, recorded):
    page = recorded(
        """<a-form mode=open></a-form><a-form mode=closed></a-form><script>
        customElements.define("a-form", class extends HTMLElement {
          connectedCallback() {
            const root = this.attachShadow({ mode: this.getAttribute("mode") });
            root.innerHTML = "<label>Comment <input></label><button>Save</button>";
          }
        });
        </script>""",
        "Write yes and save",
    )
    for host in page.locator("a-form").all():
        box = host.bounding_box()
        page.mouse.click(box["x"] + 120, box["y"] + 10)
        page.keyboard.type("yes")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
    workflow = extended.stop()
    typed = [step for step in workflow.steps if step.action == "type"]
    assert [target(workflow, step).shadow for step in typed] == [True, True]
    assert [step.text.source for step in typed] == ["instruction", "instruction"]
    assert {target(workflow, step).name for step in typed} == {"Comment"}
    assert "Save" in [target(workflow, s).text for s in workflow.steps if s.action == "press"]


def test_frames_of_the_same_origin_are_seen_others_are_not_and_may_vanish(extended, recorded, site):
    page = recorded(
        f"""<iframe id=same src=/inner width=300 height=80></iframe>
        <iframe id=other src="{site.at("other.test", "/inner")}" width=300 height=80></iframe>
        <button id=go>Done</button>""",
        inner="""<p>Inner page</p><button id=remove
        onclick="parent.document.getElementById('same').remove()">Remove</button>""",
    )
    page.wait_for_timeout(500)
    page.frame_locator("#same").locator("#remove").click()
    page.click("#go")
    workflow = extended.stop()
    first, last = workflow.steps[0], workflow.steps[-1]
    assert (target(workflow, first).text, target(workflow, first).frame) == ("Remove", 1)
    assert target(workflow, last).text == "Done"
    frames = workflow.observations[first.observation].frames
    assert [frame.page is None for frame in frames] == [False, True]
    box = target(workflow, first).box
    assert box[0] <= first.point[0] <= box[0] + box[2]
    assert box[1] <= first.point[1] <= box[1] + box[3]


def test_a_page_that_goes_away_in_the_middle_of_a_click(extended, recorded, site):
    page = recorded(
        """<button id=go onmousedown="location.href='/next'">Leave</button>""",
        next="<button id=there>There</button>",
    )
    page.hover("#go")
    page.mouse.down()
    page.wait_for_url("**/next")
    page.mouse.up()
    page.click("#there")
    workflow = extended.stop()
    clicks = [step for step in workflow.steps if step.action == "click"]
    assert [target(workflow, step).text for step in clicks] == ["Leave", "There"]
    assert clicks[0].presses[0].up is None
    assert all(step.action != "navigate" for step in workflow.steps), "the click explains it"


KEEP_BUSY = "setTimeout(() => { const end = Date.now() + 2_000; while (Date.now() < end); }, 0)"


@pytest.mark.parametrize("pointer", [True, False], ids=["with paths", "without paths"])
def test_a_page_that_is_left_before_it_could_join(extended, recorded, site, pointer):
    site.pages["/quick"] = "<!doctype html><a id=on href=/next>Go on</a>"
    page = recorded("<button>Here</button>", next="<button id=there>There</button>")
    extended.agree(pointer=pointer)
    page.click("button")
    extended.worker.evaluate(KEEP_BUSY)
    page.goto(f"{site.url}/quick")
    page.mouse.move(300, 300)
    page.click("#on")
    page.wait_for_url("**/next")
    page.click("#there")
    workflow = extended.stop()
    clicks = [step for step in workflow.steps if step.action == "click"]
    assert [target(workflow, step).text for step in clicks] == ["Here", "Go on", "There"]
    assert bool(clicks[1].pointer) is pointer


def test_a_form_sent_by_enter_loses_nothing_of_what_was_typed(extended, recorded, site):
    page = recorded(
        "<form action=/next><input name=q aria-label=Search></form>",
        "Search for apples",
        next="<p>Results</p>",
    )
    page.click("input")
    page.keyboard.type("apples")
    page.keyboard.press("Enter")
    page.wait_for_url("**/next*")
    page.wait_for_timeout(500)
    workflow = extended.stop()
    assert [step.action for step in workflow.steps] == ["click", "type", "press"]
    assert workflow.steps[1].text.source == "instruction"
    assert workflow.observations[workflow.outcome].page.path == "/next"
    assert "apples" not in workflow.observations[workflow.outcome].page.path


def test_a_page_that_lies_about_the_time_and_forges_events(extended, recorded):
    page = recorded(
        """<button id=go>Go</button><script>
        Date.now = () => 0; performance.now = () => -5;
        for (const name of ["pointerdown", "mousedown", "keydown", "click"]) {
          setInterval(() => document.getElementById("go").dispatchEvent(
            new MouseEvent(name, {bubbles: true})), 20);
        }
        addEventListener("pointerdown", event => event.stopImmediatePropagation(), true);
        EventTarget.prototype.addEventListener = () => {};
        </script>"""
    )
    page.click("#go")
    page.wait_for_timeout(300)
    page.click("#go")
    workflow = extended.stop()
    assert [step.action for step in workflow.steps] == ["click", "click"]
    assert all(step.trusted for step in workflow.steps)
    assert 250 <= workflow.steps[1].at - workflow.steps[0].at <= 5_000


SHIFT_CLOCK = """async ([page, milliseconds]) => {
  const done = (request) => new Promise((resolve) => {
    request.onsuccess = () => resolve(request.result);
  });
  const unpack = UNPACK;
  const database = await done(indexedDB.open("action-model"));
  const store = () => database.transaction("entries", "readwrite").objectStore("entries");
  for (const { packed, ...row } of await done(store().getAll())) {
    if (row.page !== page) continue;
    const entries = packed ? await unpack(packed) : row.entries;
    for (const { entry } of entries) entry.at += milliseconds;
    await done(store().put({ ...row, entries }));
  }
  database.close();
}""".replace("UNPACK", UNPACK)


@pytest.mark.parametrize("hours", [-3, 5], ids=["set back", "set forward"])
def test_a_clock_that_is_set_while_recording_changes_no_order_and_makes_no_pause(
    hours, extended, recorded, site
):
    page = recorded(
        "<a id=on href=/next>Go on</a>",
        next="<button id=one>One</button><button id=two>Two</button>",
    )
    page.click("#on")
    page.wait_for_url("**/next")
    page.click("#one")
    page.click("#two")
    extended.wait_for(lambda: sum(r["entry"]["kind"] == "up" for r in extended.entries()) == 3)
    last = [row["page"] for row in extended.entries() if row["entry"]["kind"] == "up"][-1]
    extended.panel.evaluate(SHIFT_CLOCK, [last, hours * 3_600_000])
    workflow = extended.stop()
    clicks = [step for step in workflow.steps if step.action == "click"]
    assert [target(workflow, step).text for step in clicks] == ["Go on", "One", "Two"]
    times = [time for step in workflow.steps for time in (step.at, step.until)]
    assert times == sorted(times)
    assert times[-1] < 15 * 60_000, "a jump of the clock is no work of hours"


def test_fields_for_secrets_are_never_described_and_their_rhythm_is_not_kept(extended, recorded):
    page = recorded(
        """<label>Your secret word <input id=secret type=password name=pw></label>
        <input id=card autocomplete=cc-number aria-label="Number">
        <input id=later aria-label=Comment>""",
        "Type orange juice",
    )
    for name in ("#secret", "#card"):
        page.click(name)
        page.keyboard.type("orange juice")
    page.click("#later")
    page.keyboard.type("orange")
    page.evaluate("document.getElementById('later').type = 'password'")
    workflow = extended.stop()
    typed = [step for step in workflow.steps if step.action == "type"]
    assert [target(workflow, step).private for step in typed] == [True, True, True]
    assert {(step.text, step.edits, step.pattern.kind) for step in typed} == {(None, (), "secret")}
    assert not any(step.keys for step in typed)
