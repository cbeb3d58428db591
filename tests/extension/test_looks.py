"""A look that repeats what did not change tells what a look from nothing tells; pointer paths."""

import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Page

from config import browser as chromium
from config.environment import BASE_DIR
from tests.web.conftest import FLAGS

STYLE = """
  .red { color: #ff0000 } .box { background: #00ff00; padding: 4px } .gone { display: none }
  .unseen { visibility: hidden } .wide { width: 300px } .fixed { position: fixed; top: 40px }
  .sticky { position: sticky; top: 0 } .scrolled { height: 40px; overflow: auto }
  .red ~ p { color: #0000ff } :checked + span { background: #ffff00 }
  :focus-within > i { color: #654321 } .moves { transition: padding 20ms; padding: 9px }
"""
ACTS = """acts => {
  const tags = ["div", "p", "span", "b", "i", "button", "input", "label", "li", "select", "x-late"];
  const classes = ["red", "box", "gone", "unseen", "wide", "fixed", "sticky", "scrolled", "moves"];
  const root = document.getElementById("root");
  const all = () => [root, ...root.querySelectorAll("*")];
  const pick = (n) => all()[n % all().length];
  const holder = (n) => ["INPUT", "SELECT"].includes(pick(n).tagName) ? root : pick(n);
  const make = (n) => {
    const made = document.createElement(tags[n % tags.length]);
    if (made.tagName === "INPUT") made.type = n % 3 ? "checkbox" : "text";
    else if (made.tagName === "SELECT") made.append(new Option("one"), new Option("two"));
    else made.append(`said ${n}`);
    return made;
  };
  const does = {
    add: (a, b) => holder(a).append(make(b)),
    before: (a, b) => pick(a) !== root && pick(a).before(make(b)),
    remove: (a) => pick(a) !== root && pick(a).remove(),
    move: (a, b) => !pick(a).contains(holder(b)) && holder(b).append(pick(a)),
    say: (a, b) => { const text = pick(a).firstChild; if (text?.data) text.data = `says ${b}`; },
    dress: (a, b) => pick(a).classList.toggle(classes[b % classes.length]),
    style: (a, b) => (pick(a).style.marginLeft = `${b % 30}px`),
    label: (a, b) => pick(a).setAttribute("aria-label", `named ${b}`),
    expand: (a, b) => pick(a).setAttribute("aria-expanded", String(b % 2 === 0)),
    click: (a) => pick(a).click(),
    fill: (a, b) => { if (pick(a).tagName === "INPUT") pick(a).value = `v${b}`; },
    choose: (a, b) => { if (pick(a).tagName === "SELECT") pick(a).selectedIndex = b % 2; },
    focus: (a) => pick(a).focus(),
    scroll: (a, b) => { pick(a).scrollTop = b; window.scrollTo(0, b); },
    shadow: (a, b) => {
      // Elements of the author's get their root when their script comes, others when they are made.
      const late = pick(a).tagName === "X-LATE" && !pick(a).shadowRoot;
      const host = late ? pick(a) : document.createElement("div");
      if (!late) holder(a).append(host);
      host.attachShadow({ mode: "open" }).innerHTML = `<em>within ${b}</em><slot></slot>`;
    },
    inside: (a, b) => {
      if (pick(a).shadowRoot) pick(a).shadowRoot.firstChild.textContent = `in ${b}`;
    },
    write: () => (document.head.querySelector("style").textContent += " b { padding: 3px }"),
  };
  const looks = [look()];
  for (const [name, a, b] of acts) {
    if (name === "look") looks.push(look());
    else does[name](a, b);
  }
  return [...looks, look()];
}"""
NAMES = [
    *("add", "before", "remove", "move", "say", "dress", "style", "label", "expand", "click"),
    *("fill", "choose", "focus", "scroll", "shadow", "inside", "write", "look", "look", "look"),
]
PAGE = f"""<!doctype html><meta charset=utf-8><title>Page</title><style>{STYLE}</style><body>
<div id=root><ul><li><input type=checkbox><span>one</span></li><li><b>two</b><i>three</i></li></ul>
<div><p>four</p><label>Five <input></label></div><div class=box><button>Six</button></div></div>"""


@pytest.fixture(scope="module")
def page(playwright, tmp_path_factory) -> Iterator[Page]:
    """A page with the looks in it."""
    script = tmp_path_factory.mktemp("looks") / "looks.js"
    esbuild = str(BASE_DIR / "node_modules" / ".bin" / "esbuild")
    source = str(Path(__file__).with_name("looks.ts"))
    subprocess.run(
        [esbuild, source, "--bundle", "--format=iife", f"--outfile={script}"], check=True
    )
    browser = playwright.chromium.launch(executable_path=chromium.find(), args=FLAGS)
    page = browser.new_page()
    page.add_init_script(script.read_text())
    yield page
    browser.close()


def looks_after(page: Page, *acts: tuple[str, int, int]) -> list[dict[str, Any]]:
    page.goto(f"data:text/html,{quote(PAGE)}")
    return page.evaluate(ACTS, [list(act) for act in acts])


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(acts=st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 60), st.integers(0, 60))))
def test_whatever_is_done_to_a_page_repeating_tells_the_same(page, acts):
    for seen in looks_after(page, *acts):
        assert seen["told"] == seen["whole"]
        assert seen["sameNodes"]
        assert seen["ends"]


def test_what_is_far_from_a_change_is_repeated(page):
    first, second, third = looks_after(page, ("look", 0, 0), ("say", 6, 1))
    assert first["repeated"] == 0
    assert second["repeated"] >= 9, "nothing changed: only fields are looked at"
    assert 0 < third["repeated"] < second["repeated"]


@pytest.mark.parametrize("rate", [30, 60, 75, 120, 144, 1_000])
def test_paths_have_sixty_samples_a_second_however_often_the_pointer_tells(page, rate):
    page.goto("data:text/html,<p>Page")
    times = [round(1_000 + 1_000 * number / rate) for number in range(10 * rate)]
    taken = page.evaluate("times => sampled(times)", times)
    assert abs(len(taken) / 10 - min(rate, 60)) <= 1
    pauses = [later - earlier for earlier, later in pairwise(taken)]
    assert max(pauses) <= 2_000 / min(rate, 60)
