"""The driver on real pages in a real Chromium, with policies that know what they look for."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import orjson
import pytest

from lam_core.act import Limits, Outcome, Reason, Run, allow, label_of
from lam_core.act_trace import Trace
from lam_core.act_types import Action, Decision, Done, Goal
from lam_core.browser import open_browser, open_context
from lam_core.browser_page import LivePage
from lam_core.observation import Observation
from lam_core.steps import NamedKey

Move = Callable[[Observation], Action]


@pytest.fixture(scope="module")
def browser():
    with open_browser() as running:
        yield running


@pytest.fixture
def open_page(browser, tmp_path) -> Iterator[Callable[[str], LivePage]]:
    with open_context(browser, width=800, height=600) as context:

        def open_it(body: str) -> LivePage:
            path = tmp_path / "page.html"
            path.write_text(f"<!doctype html><meta charset=utf-8><body>{body}</body>")
            live = LivePage(context.new_page())
            live.open(path.as_uri())
            return live

        yield open_it


@dataclass
class Moves:
    """A policy that makes the given moves in order, each again until it could be carried out."""

    moves: Sequence[Move]
    confidence: float = 1.0
    asked: list[Observation] = field(default_factory=list)

    def decide(self, goal: Goal, observation: Observation, history: Sequence[Done]) -> Decision:
        self.asked.append(observation)
        if len(history) == len(self.moves):
            return Decision(Action("finish"))
        return Decision(self.moves[len(history)](observation), self.confidence)


def find(observation: Observation, label: str) -> int:
    """The innermost element called so."""
    found = [
        index for index in range(len(observation.elements)) if label_of(observation, index) == label
    ]
    assert found, f"nothing is called {label}"
    return found[-1]


def click(label: str) -> Move:
    return lambda observation: Action("click", target=find(observation, label))


def type_(label: str, text: str) -> Move:
    return lambda observation: Action("type", target=find(observation, label), text=text)


def run(live: LivePage, *moves: Move, **options) -> Outcome:
    return Run(Goal("do it"), Moves(moves), live, **options).act()


FORM = """
<label>Name <input id=name value=old></label>
<label>Size <select id=size><option>small<option>large</select></label>
<label><input type=checkbox> Gift</label>
<button type=button onclick="document.title = [document.getElementById('name').value,
  document.getElementById('size').value, document.querySelector('[type=checkbox]').checked]">
  Show</button>
"""


def test_fields_are_filled_lists_chosen_from_and_boxes_ticked(open_page):
    live = open_page(FORM)
    outcome = run(
        live,
        type_("Name", "Ada Lovelace"),
        lambda o: Action("select", target=find(o, "Size"), text="large"),
        click("Gift"),
        click("Show"),
    )
    assert outcome.finished
    assert live.page.title() == "Ada Lovelace,large,true"
    assert [done.action.kind for done in outcome.steps] == ["type", "select", "click", "click"]
    assert outcome.steps[2].changed
    assert outcome.steps[0].target.name == "Name"


def test_a_key_is_pressed_and_a_part_of_the_page_scrolled(open_page):
    live = open_page(
        "<input aria-label=Line onkeydown=\"if (event.key === 'Escape') document.title = 'left'\">"
        "<div id=box style='height:60px; overflow:auto'><p style='height:900px'>long</p></div>"
    )
    outcome = run(
        live,
        click("Line"),
        lambda o: Action("press", key=NamedKey.ESCAPE),
        lambda o: Action("scroll", target=find(o, "long"), dy=200),
        lambda o: Action("wait", milliseconds=10),
    )
    assert outcome.finished
    assert live.page.title() == "left"
    assert live.page.evaluate("document.getElementById('box').scrollTop") == 200


def test_pressing_an_item_that_has_a_submenu_opens_it_and_chooses_nothing(open_page):
    live = open_page(
        """
        <ul role=menu><li onmouseenter="setTimeout(() => below.hidden = false, 250)">
          <div role=menuitem aria-haspopup=true onclick="document.title += 'Fruit'">Fruit</div>
          <ul role=menu id=below hidden>
            <li><div role=menuitem onclick="document.title += 'Apple'">Apple</div></li>
          </ul>
        </li></ul>
        <p><i role=menuitem aria-haspopup=true onclick="document.title += 'More'">More</i></p>"""
    )
    outcome = run(live, click("Fruit"), click("Fruit"), click("Apple"), click("More"))
    assert outcome.finished
    assert [done.changed for done in outcome.steps[:2]] == [True, False]
    assert live.page.title() == "AppleMore"


def test_targets_in_shadow_roots_and_frames_are_pressed(open_page):
    live = open_page(
        """
        <div id=host></div><iframe style="margin-top:700px"></iframe>
        <script>
          const root = document.getElementById('host').attachShadow({ mode: 'open' });
          root.innerHTML = '<button>Deep</button>';
          root.querySelector('button').onclick = () => document.title += 'deep,';
          const inner = document.querySelector('iframe').contentDocument;
          inner.body.innerHTML = '<p style="height:500px"></p><button>Framed</button>';
          inner.querySelector('button').onclick = () => document.title += 'framed';
        </script>"""
    )
    outcome = run(live, click("Deep"), click("Framed"))
    assert outcome.finished, outcome.detail
    assert live.page.title() == "deep,framed"


@pytest.mark.parametrize(
    ("body", "risk"),
    [
        ("<button type=button>Pay now</button>", "pay"),
        ("<button type=button aria-label='Delete item'>×</button>", "delete"),
        ("<a href='#sent'>Kirim</a>", "send"),
        ("<form onsubmit='return false'><button>Go on</button></form>", "submit"),
    ],
)
def test_what_can_not_be_taken_back_is_asked_about_first(open_page, body, risk):
    live = open_page(
        body + "<script>addEventListener('click', () => (document.title = 'pressed'))</script>"
    )
    questions = []
    moves = [lambda o: Action("click", target=len(o.elements) - 1)]

    def no(question) -> bool:
        questions.append(question)
        return False

    outcome = run(live, *moves, confirm=no)
    assert outcome.reason is Reason.DECLINED
    assert [question.risk for question in questions] == [risk]
    assert live.page.title() == ""
    assert run(live, *moves, confirm=allow).finished
    assert live.page.title() == "pressed"


def test_without_anybody_to_ask_nothing_is_sent(open_page):
    live = open_page("<form onsubmit='document.title = 1; return false'><input aria-label=Line>")
    outcome = run(live, click("Line"), lambda o: Action("press", key=NamedKey.ENTER))
    assert outcome.reason is Reason.DECLINED
    assert live.page.title() == ""


def test_searching_is_not_sending(open_page):
    live = open_page(
        "<form role=search onsubmit='document.title = 1; return false'><input aria-label=Line>"
    )
    assert run(live, click("Line"), lambda o: Action("press", key=NamedKey.ENTER)).finished
    assert live.page.title() == "1"


def test_an_element_that_went_away_before_the_press_is_looked_for_anew(open_page):
    live = open_page("<main></main>")
    live.page.evaluate(
        """() => {
          const main = document.querySelector('main');
          window.render = () => {
            main.innerHTML = '<button>Next</button>';
            main.firstChild.onclick = () => (document.title = 'pressed');
          };
          render();
        }"""
    )
    rendered = []

    def decide_then_render(observation: Observation) -> Action:
        target = find(observation, "Next")
        if not rendered:
            rendered.append(live.page.evaluate("render()"))
        return Action("click", target=target)

    policy = Moves([decide_then_render])
    assert Run(Goal("go on"), policy, live).act().finished
    assert live.page.title() == "pressed"
    assert len(policy.asked) == 3


def test_a_target_that_stays_covered_is_never_pressed_through(open_page):
    live = open_page(
        "<button onclick='document.title = 1'>Under</button>"
        "<div class=veil style='position:fixed; inset:0' onclick='document.title = 2'></div>"
    )
    outcome = run(live, click("Under"))
    assert outcome.reason is Reason.TARGET_COVERED
    assert "div.veil" in outcome.detail
    assert live.page.title() == ""


def test_a_cover_that_goes_away_is_waited_for(open_page):
    live = open_page(
        "<button onclick='document.title = 1'>Under</button>"
        "<div id=veil style='position:fixed; inset:0'></div>"
    )
    covered = []

    def decide(observation: Observation) -> Action:
        if covered:
            live.page.evaluate("document.getElementById('veil')?.remove()")
        covered.append(True)
        return Action("click", target=find(observation, "Under"))

    assert run(live, decide).finished
    assert live.page.title() == "1"


def test_going_in_circles_is_noticed(open_page):
    live = open_page("<button>Nothing</button>")
    outcome = run(live, *[click("Nothing")] * 9)
    assert outcome.reason is Reason.STUCK
    # Once to take the focus, then twice without any effect.
    assert [done.changed for done in outcome.steps] == [True, False, False]


def test_an_unsure_decision_is_not_carried_out(open_page):
    live = open_page("<button onclick='document.title = 1'>Maybe</button>")
    policy = Moves([click("Maybe")], confidence=0.1)
    outcome = Run(Goal("do it"), policy, live, limits=Limits(confidence=0.3)).act()
    assert outcome.reason is Reason.UNSURE
    assert "0.10" in outcome.detail
    assert live.page.title() == ""


def test_a_policy_may_give_up_and_says_why(open_page):
    live = open_page("<p>closed</p>")
    outcome = run(live, lambda o: Action("stop", reason="the shop is closed"))
    assert (outcome.reason, outcome.detail) == (Reason.STOPPED, "the shop is closed")


def test_what_can_not_be_done_is_an_end_with_a_reason(open_page):
    live = open_page(FORM)
    cases: list[tuple[Move, str]] = [
        (lambda o: Action("click", target=9_999), "no element 9999"),
        (lambda o: Action("select", target=find(o, "Size"), text="huge"), "no such option"),
        (lambda o: Action("navigate", url="javascript:alert(1)"), "is not an address"),
        (lambda o: Action("press", key=NamedKey.SHORTCUT), "not a key to press"),
    ]
    for move, detail in cases:
        outcome = run(live, move)
        assert outcome.reason is Reason.IMPOSSIBLE
        assert detail in outcome.detail


def test_a_run_does_not_go_on_for_ever(open_page):
    live = open_page("<button onclick='this.textContent += 1'>Count</button>")
    moves = [lambda o: Action("click", target=len(o.elements) - 1)] * 9
    outcome = run(live, *moves, limits=Limits(steps=4))
    assert outcome.reason is Reason.TOO_LONG
    assert len(outcome.steps) == 4


def test_a_dialog_of_the_browser_is_answered_as_a_person_would_want(open_page):
    body = "<button onclick='document.title = confirm(`Really?`)'>Empty</button>"
    live = open_page(body)
    assert run(live, click("Empty")).finished
    assert live.page.title() == "false"
    assert run(live, click("Empty"), confirm=allow).finished
    assert live.page.title() == "true"


def test_a_window_that_an_action_opens_is_where_it_goes_on(open_page):
    live = open_page("<a href='about:blank' target=_blank rel=opener>Open</a>")
    first = live.page
    outcome = run(live, click("Open"), lambda o: Action("wait", milliseconds=10))
    assert outcome.finished, outcome.detail
    assert live.page is not first


def test_a_browser_that_dies_is_an_end_with_a_reason(open_page):
    live = open_page("<button>Any</button>")

    def die(observation: Observation) -> Action:
        live.page.close()
        return Action("click", target=1)

    assert run(live, die).reason is Reason.PAGE_GONE


def test_a_page_that_never_settles_is_acted_on_all_the_same(open_page):
    live = open_page(
        "<p id=clock></p><button onclick='document.title = 1'>Now</button>"
        "<script>setInterval(() => (clock.textContent = performance.now()), 5)</script>"
    )
    assert run(live, click("Now")).finished
    assert live.page.title() == "1"


def test_a_trace_has_a_picture_and_a_reason_for_every_step(open_page, tmp_path):
    live = open_page("<button>Nothing</button><button>Pay</button>")
    folder = tmp_path / "trace"
    goal = Goal("pay", {"sum": "3"})
    moves = Moves([click("Nothing"), click("Pay")])
    outcome = Run(goal, moves, live, trace=Trace(folder, goal)).act()
    assert outcome.reason is Reason.DECLINED
    trace = orjson.loads((folder / "trace.json").read_bytes())
    assert trace["instruction"] == "pay"
    assert trace["slots"] == {"sum": "3"}
    assert [step["result"] for step in trace["steps"]] == ["changed", "declined"]
    assert trace["steps"][1]["target"]["text"] == "Pay"
    assert trace["outcome"]["reason"] == "declined"
    for step in trace["steps"]:
        assert (folder / step["picture"]).read_bytes().startswith(b"\x89PNG")
    with pytest.raises(FileExistsError, match="already holds a trace"):
        Trace(folder, goal)
