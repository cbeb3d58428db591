"""The anchor rule on pages that changed: one element, or several, or none; never a guess."""

from typing import Any

import pytest

from lam_core.browser import open_browser, open_context
from lam_core.browser_page import LivePage


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    with open_browser() as browser, open_context(browser, width=800, height=600) as context:
        yield LivePage(context.new_page())


def show(live: LivePage, body: str) -> dict[str, Any]:
    live.page.set_content(f"<!doctype html><body>{body}</body>")
    return live.observe().model_dump(mode="json", exclude_defaults=True)


def find(live: LivePage, before: str, after: str, **given: Any) -> dict[str, Any]:
    """Describe the element marked `id=it` or `data-it` on one page and look for it on another."""
    recorded = show(live, before)
    target = live.page.evaluate(
        "() => { const it = document.querySelector('[data-it], #it');"
        " it.removeAttribute('data-it'); if (it.id === 'it') it.removeAttribute('id');"
        " const box = it.getBoundingClientRect();"
        " return [it.localName, Math.floor(box.left + 0.5), Math.floor(box.top + 0.5)]; }"
    )
    recorded = live.observe().model_dump(mode="json", exclude_defaults=True)
    index = max(
        i
        for i, e in enumerate(recorded["elements"])
        if [e["tag"], e["box"][0], e["box"][1]] == target
    )
    anchors = live.call("actionModel.anchorsOf(...argument)", [recorded, index])
    observation = show(live, after)
    found = live.call("actionModel.find(...argument)", [anchors, observation, given])
    if found["kind"] == "one":
        element = observation["elements"][found["index"]]
        found["is"] = element.get("id", "") or element.get("text", "")
    return found


BUTTON = (
    "<div class=bar><button class=b1 data-it>Save</button><button class=b2>Close</button></div>"
)


@pytest.mark.parametrize(
    "after",
    [
        "<p>News</p><main><section><button id=yes class=x9>Save</button></section></main>",
        "<button id=yes style='position:absolute; left:500px; top:400px'>Save</button>",
        "<button id=yes><span>Save</span></button><button>Close</button>",
        "<button id=yes aria-label=Save>S</button>",
        "<a href=# id=yes>Save</a><button>Close</button>",
        "<div role=button id=yes tabindex=0>SAVE</div>",
        "<button id=yes> Save…</button><button>Save as</button>",
    ],
)
def test_a_label_finds_what_moved_was_renamed_inside_or_made_of_something_else(live, after):
    found = find(live, BUTTON, after)
    assert (found["kind"], found.get("is")) == ("one", "yes")


@pytest.mark.parametrize(
    "after",
    [
        "<button class=b1>Delete</button><button class=b2>Close</button>",
        "<p>Save</p>",
        "<label>Save <input></label>",
        "<button style='display:none'>Save</button>",
        "<button style='visibility:hidden'>Save</button>",
        "",
    ],
)
def test_another_thing_in_its_place_is_not_it(live, after):
    assert find(live, BUTTON, after)["kind"] == "missing"


def test_two_alike_where_there_was_one_are_ambiguous(live):
    found = find(live, BUTTON, "<button>Save</button><p>or</p><button>Save</button>")
    assert found["kind"] == "ambiguous"
    assert len(found["candidates"]) == 2


@pytest.mark.parametrize(
    ("after", "by"),
    [
        (
            "<div><button class=b1 id=yes>Save</button></div><button class=b9>Save</button>",
            "classes",
        ),
        (
            "<button class=q>Save</button><div><button class=q id=yes>Save</button></div>",
            "structure",
        ),
    ],
)
def test_what_it_is_made_of_tells_it_from_a_newcomer(live, after, by):
    found = find(live, BUTTON, after)
    assert (found.get("is"), found["by"]) == ("yes", by)


@pytest.mark.parametrize(
    "after",
    [
        "<label>Task <input></label><label for=todo>Task Task</label><input id=todo>",
        "<button class=b1>Save</button><div><button class=b9>Save</button></div>",
    ],
)
def test_anchors_that_single_out_different_elements_find_none_of_them(live, after):
    field = "<label>Task <input id=todo data-it></label>"
    assert find(live, field if "todo" in after else BUTTON, after)["kind"] == "ambiguous"


def rows(*names: str, mark: str = "") -> str:
    cells = (
        f"<tr><td>{name}</td><td>{len(name)}</td><td><button {'data-it' if name == mark else ''}"
        f" id='{'x' if mark else name}'>Delete</button></td></tr>"
        for name in names
    )
    return f"<table>{''.join(cells)}</table>"


def test_one_of_many_is_known_by_the_row_it_is_in(live):
    found = find(live, rows("Ada", "Bob", "Cy", mark="Bob"), rows("Dan", "Bob", "Eve", "Ada"))
    assert (found["is"], found["by"]) == ("Bob", "context")


@pytest.mark.parametrize("others", [("Ada", "Cy"), ("Ada", "Dan", "Cy"), ("Ada",)])
def test_without_its_row_it_is_missing_whatever_else_could_be_pressed(live, others):
    assert find(live, rows("Ada", "Bob", "Cy", mark="Bob"), rows(*others))["kind"] == "missing"


def test_a_row_named_for_this_run_is_looked_for_instead(live):
    before = rows("Ada", "Bob", "Cy", mark="Bob")
    found = find(live, before, rows("Dan", "Bob", "Eve"), context=["Eve"])
    assert (found["is"], found["by"]) == ("Eve", "context")
    assert find(live, before, rows("Dan", "Bob"), context=["Eve"])["kind"] == "missing"


def test_a_label_given_for_this_run_is_never_made_up_for(live):
    before = "<button id=ok data-it>Yes</button>"
    found = find(live, before, "<button id=ok>Yes</button><button id=no>No</button>", label="No")
    assert found["is"] == "no"
    assert find(live, before, "<button id=ok>Yes</button>", label="Perhaps")["kind"] == "missing"


STARS = "<div><i class=star></i><i class='star'{}></i><i class=star></i></div>"
STYLE = "<style>.star { display:inline-block; width:20px; height:20px }</style>"


def test_position_decides_only_among_as_many_as_there_were(live):
    before = STYLE + STARS.format(" data-it")
    found = find(live, before, STYLE + "<p>Rate</p>" + STARS.format(" id=yes"))
    assert (found["is"], found["by"]) == ("yes", "position")
    fewer = STYLE + "<div><i class=star></i><i class=star></i></div>"
    assert find(live, before, fewer)["kind"] == "ambiguous"


def test_a_field_is_found_by_its_label_or_by_an_id_somebody_gave_it(live):
    before = "<label>E-mail <input id=mail data-it></label><label>Name <input></label>"
    after = "<label for=b>Name</label><input id=b><label for=a>E-Mail:</label><input id=a>"
    assert find(live, before, after)["is"] == "a"
    renamed = "<label>Your address <input id=mail></label><label>Name <input id=c></label>"
    assert find(live, before, renamed)["by"] == "id"
    assert find(live, before, "<label>Search <input id=q></label>")["kind"] == "missing"


def test_a_bare_field_is_found_as_the_only_one_of_its_kind(live):
    before = "<input data-it><button>Go</button>"
    assert find(live, before, "<h1>Hi</h1><p><input id=yes></p>")["is"] == "yes"
    assert find(live, before, "<input><hr><input>")["kind"] == "ambiguous"
    assert find(live, before, "<textarea></textarea>")["kind"] == "missing"


def test_it_is_found_inside_shadow_roots_and_frames(live):
    after = (
        """<x-box><template shadowrootmode=open><button id=yes>Save</button></template></x-box>"""
    )
    recorded = find(live, BUTTON, "<p></p>")
    assert recorded["kind"] == "missing"
    live.page.set_content("<!doctype html><body></body>")
    live.page.evaluate(
        "html => document.body.setHTMLUnsafe(html)",
        after,
    )
    observation = live.observe()
    shadowed = [element for element in observation.elements if element.shadow]
    assert [element.text for element in shadowed] == ["Save"]
    frame = "<iframe srcdoc='<button id=yes>Save</button>'></iframe>"
    live.page.set_content(frame)
    live.page.frames[1].wait_for_selector("button")
    framed = [element for element in live.observe().elements if element.frame]
    assert [element.text for element in framed if element.tag == "button"] == ["Save"]


def test_private_fields_are_told_by_their_place_alone(live):
    live.page.set_content("<label>Card <input id=card class=cc value=4111></label>")
    live.observe()
    observation = live.call("actionModel.observe({ isPrivate: (e) => e.id === 'card' })")
    field = next(e for e in observation["elements"] if e["tag"] == "input")
    assert set(field) == {"parent", "tag", "box", "role", "private"}
    assert "4111" not in str(observation)


def test_a_value_that_stands_in_a_label_is_no_part_of_a_name(live):
    body = "<label><input type=checkbox> Warn me after <input value=hunter2> tries</label>"
    live.page.set_content(body)
    observation = live.observe()
    box = next(element for element in observation.elements if element.type == "checkbox")
    assert box.name == "Warn me after tries"


def test_a_page_of_fifty_thousand_nodes_is_described_as_far_as_the_schema_takes(live):
    live.page.set_content("<p>x</p>" * 50_000)
    assert len(live.observe().elements) == 5_000
