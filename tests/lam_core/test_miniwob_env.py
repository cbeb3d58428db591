import subprocess
from pathlib import Path

import pytest

from lam_core.act_types import Action
from lam_core.browser import BrowserError, chromium_path, open_browser
from lam_core.browser_page import ActionError, TargetCovered
from lam_core.miniwob_dom import observe
from lam_core.miniwob_env import Episodes, NoPage
from lam_core.observation import Observation

ROOT = Path(__file__).resolve().parents[2]
TASKS = (
    "choose-date", "click-checkboxes-soft", "click-collapsible-2", "click-dialog-2", "click-menu",
    "click-tab-2-hard", "count-shape", "drag-items-grid", "email-inbox", "enter-password",
    "grid-coordinate", "login-user", "read-table", "scroll-text", "social-media", "text-editor",
    "use-autocomplete",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser():
    with open_browser() as running:
        yield running


@pytest.fixture(scope="module")
def episodes(browser):
    made = Episodes(browser, limit_ms=60_000)
    yield made
    made.close()


def index_of(observation: Observation, **wanted: str) -> int:
    """The only element with these properties."""
    found = [
        index
        for index, element in enumerate(observation.elements)
        if all(getattr(element, name) == value for name, value in wanted.items())
    ]
    assert len(found) == 1, f"{wanted} is {len(found)} elements"
    return found[0]


def as_imported(dom) -> Observation:
    """What the importer makes of the page's own description of itself."""
    observed = observe(dom, {})
    for element in observed.elements:
        for part in {"text", "name"} & element.keys():
            element[part] = " ".join(element[part].split())
    document = {"width": 160, "height": 210, "elements": observed.elements}
    return Observation.model_validate(document, strict=False)


@pytest.mark.parametrize("task", TASKS)
def test_a_live_page_is_observed_as_its_demonstrations_are_imported(episodes, task):
    episodes.start(task, seed=3)
    # What shapes are filled with is on the page, but not in the recordings.
    live = [e.model_copy(update={"fill": None}) for e in episodes.observe().elements]
    imported = as_imported(episodes.live.page.evaluate("core.getDOMInfo()"))
    assert len(live) > 2
    assert tuple(live) == imported.elements


def test_the_same_seed_gives_the_same_episode_and_another_seed_another(episodes):
    first = episodes.start("click-button", 1), episodes.observe()
    other = episodes.start("click-button", 2), episodes.observe()
    again = episodes.start("click-button", 1), episodes.observe()
    assert first == again != other


def test_an_episode_done_right_is_rewarded_and_ends(episodes):
    goal = episodes.start("enter-text", 5)
    assert not episodes.done()
    text = goal.instruction.split('"')[1]
    observation = episodes.observe()
    field = index_of(observation, tag="input")
    assert episodes.perform(Action("type", target=field, text=text))
    filled = episodes.observe()
    start, end = filled.elements[field].value_at
    assert goal.instruction[start:end] == text
    assert filled.elements[field].value != observation.elements[field].value
    assert not episodes.perform(Action("click", target=index_of(filled, id="subbtn")))
    assert episodes.reward() == 1


def test_an_episode_done_wrong_is_not(episodes):
    episodes.start("enter-text", 5)
    button = index_of(episodes.observe(), id="subbtn")
    assert not episodes.perform(Action("click", target=button))
    assert episodes.reward() == -1


def test_a_list_is_chosen_from_by_its_label(episodes):
    goal = episodes.start("choose-list", 4)
    wanted = goal.instruction.removeprefix("Select ").partition(" from the list")[0]
    observation = episodes.observe()
    select = index_of(observation, tag="select")
    with pytest.raises(ActionError, match="no such option"):
        episodes.perform(Action("select", target=select, text="nobody"))
    assert episodes.perform(Action("select", target=select, text=wanted))
    episodes.perform(Action("click", target=index_of(observation, tag="button")))
    assert episodes.reward() == 1


def test_a_time_limit_ends_the_episode(browser):
    episodes = Episodes(browser, limit_ms=150)
    episodes.start("click-button", 1)
    episodes.perform(Action("wait", milliseconds=300))
    assert episodes.done()
    assert episodes.reason() == "timed out"
    assert episodes.reward() == -1
    episodes.close()


def test_a_target_under_something_else_is_not_pressed(episodes):
    episodes.start("click-button", 9)
    observation = episodes.observe()
    button = next(i for i, e in enumerate(observation.elements) if e.tag == "button")
    cover = "position:fixed; inset:0; z-index:9"
    episodes.live.page.evaluate(
        "style => { const div = document.createElement('div'); div.id = 'veil';"
        " div.style.cssText = style; document.body.append(div); }",
        cover,
    )
    with pytest.raises(TargetCovered, match="veil"):
        episodes.perform(Action("click", target=button))
    assert not episodes.done()
    episodes.live.page.evaluate("document.getElementById('veil').remove()")


def test_a_task_without_a_page_is_named(episodes):
    with pytest.raises(NoPage, match="click-nothing"):
        episodes.start("click-nothing", 1)


def test_a_wrong_path_to_chromium_is_an_error(monkeypatch):
    monkeypatch.setenv("CHROMIUM_PATH", "/nowhere/chromium")
    with pytest.raises(BrowserError, match="CHROMIUM_PATH=/nowhere/chromium"):
        chromium_path()


def test_the_page_script_is_what_its_sources_give(tmp_path):
    built = tmp_path / "page_script.js"
    subprocess.run(["node", "extension/page.mjs", str(built)], cwd=ROOT, check=True)
    assert built.read_text() == (ROOT / "lam_core" / "page_script.js").read_text()
