"""MiniWoB++ tasks in a real Chromium: start an episode by its seed, act, read the reward.

    with open_browser() as browser:
        episodes = Episodes(browser)
        goal = episodes.start("click-button", seed=7)
        observation = episodes.observe()
        episodes.perform(Action("click", target=12))
        episodes.reward()

The pages are those of the `miniwob` package, opened from its folder, so that nothing needs a
server. One page is kept for all episodes of a task. Observations are the same as those of imported
demonstrations, which lack what their format can't say.
"""

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser
from playwright.sync_api import Error as PlaywrightError

from lam_core.act_types import Action, Goal
from lam_core.browser_page import ActionError, LivePage, PageGone, TargetGone
from lam_core.miniwob_dom import PAGE_HEIGHT, PAGE_WIDTH, TEXT_FIELDS, role_of
from lam_core.observation import Element, Observation, State

FURNITURE = "#reward-display, #sync-task-cover, #click-canvas, #query"
"""What belongs to the collection of demonstrations rather than to a task."""

VIEW_WIDTH, VIEW_HEIGHT = 500, 400
_STATES = frozenset({State.FOCUSED, State.CHECKED})
_NAMED = TEXT_FIELDS | {"select", "checkbox", "radio"}

_START = """([seed, limit]) => {
  Math.seedrandom(seed);
  if (limit) core.EPISODE_MAX_TIME = limit;
  if (document.activeElement) document.activeElement.blur();
  core.startEpisodeReal();
  const said = core.getUtterance();
  return said.utterance ?? said;
}"""
_STATE = "() => [WOB_DONE_GLOBAL, WOB_RAW_REWARD_GLOBAL, WOB_REWARD_REASON]"


class NoPage(ValueError):
    """A task without a page."""


def pages() -> Path:
    """The folder of pages in the `miniwob` package. Raises NoPage when it is not installed."""
    # Importing the package loads gymnasium and selenium, which serve for nothing here.
    spec = find_spec("miniwob")
    if spec is None or spec.origin is None:
        raise NoPage("the package `miniwob` is not installed: pip install miniwob==1.1.0")
    return Path(spec.origin).parent / "html"


class Episodes:
    """Episodes of MiniWoB++ tasks in one browser page.

    `limit_ms` replaces the time limits of the pages (10 seconds for most). Reading the same seed of
    the same task gives the same episode.
    """

    def __init__(self, browser: Browser, *, limit_ms: int | None = None) -> None:
        self._browser = browser
        self._limit_ms = limit_ms
        self._task = ""
        self._indices: list[int] = []
        self.live: LivePage = self._new_page()

    def start(self, task: str, seed: int | str) -> Goal:
        """Begin an episode. Raises NoPage, PageGone."""
        try:
            self._enter(task)
            self.live.page.mouse.move(VIEW_WIDTH - 1, VIEW_HEIGHT - 1)
            utterance = self.live.page.evaluate(_START, [str(seed), self._limit_ms])
        except PlaywrightError as error:
            raise PageGone(str(error)) from error
        self.live.settle()
        self.live.options["instruction"] = utterance
        return Goal(utterance)

    def observe(self) -> Observation:
        """What the task shows, as imported demonstrations describe it."""
        observation, self._indices = as_imported(self.live.observe())
        return observation

    def perform(self, action: Action) -> bool:
        """Carry out an action on the last observation, and wait for its effects.

        Returns whether the episode goes on. Raises ActionError (TargetGone, TargetCovered, …) for
        an action that could not be carried out; nothing has happened then.
        """
        if action.kind in ("finish", "stop"):
            return False
        try:
            self.live.perform(self.on_page(action))
        except ActionError:
            if not self.done():
                raise
            return False
        if self.done():
            return False
        self.live.settle_after(action)
        return not self.done()

    def done(self) -> bool:
        """Whether the episode is over: solved, failed or out of time."""
        return bool(self._state()[0])

    def reward(self) -> float:
        """The raw reward: 1 for a task done right, 0 before the end, down to -1."""
        return float(self._state()[1])

    def reason(self) -> str:
        """Why the episode ended, where the page says so, such as `timed out`."""
        return str(self._state()[2] or "")

    def close(self) -> None:
        """Close the page."""
        self.live.page.context.close()

    def _enter(self, task: str) -> None:
        if task == self._task:
            return
        self._task = ""
        path = pages() / "miniwob" / f"{task}.html"
        if not path.is_file():
            raise NoPage(f"the task {task!r} has no page")
        self.live.page.goto(path.as_uri(), wait_until="load")
        self._task = task

    def _state(self) -> Any:
        try:
            return self.live.page.evaluate(_STATE)
        except PlaywrightError as error:
            raise PageGone(str(error)) from error

    def _new_page(self) -> LivePage:
        size = {"width": VIEW_WIDTH, "height": VIEW_HEIGHT}
        context = self._browser.new_context(viewport=size, locale="en-US")  # type: ignore[arg-type]
        return LivePage(context.new_page(), ignore=FURNITURE, demonstration=True)

    def on_page(self, action: Action) -> Action:
        """The action with its elements as the live page numbers them."""
        return replace(
            action, target=self._live_index(action.target), drop=self._live_index(action.drop)
        )

    def _live_index(self, index: int | None) -> int | None:
        if index is None:
            return None
        if not 0 <= index < len(self._indices):
            raise TargetGone("there is no such element in the last observation")
        return self._indices[index]


def as_imported(observation: Observation) -> tuple[Observation, list[int]]:
    """An observation of a task's page as the importer would have made it.

    Left out is what lies right of the task, and what the recordings' format does not know. The
    second part gives the index of each remaining element in the observation given.
    """
    kept: dict[int, int] = {}
    elements: list[Element] = []
    for index, element in enumerate(observation.elements):
        beside = element.box[0] >= PAGE_WIDTH
        if beside or (element.parent >= 0 and element.parent not in kept):
            continue
        kept[index] = len(elements)
        elements.append(_as_imported(element, kept.get(element.parent, -1)))
    page = Observation(width=PAGE_WIDTH, height=PAGE_HEIGHT, elements=tuple(elements))
    return page, list(kept)


def _as_imported(element: Element, parent: int) -> Element:
    left, top, width, height = element.box
    named = (element.type or element.tag) in _NAMED
    return element.model_copy(
        update={
            "parent": parent,
            "box": (left, top, min(width, PAGE_WIDTH) if left == 0 else width, height),
            "role": role_of(element.tag, element.type),
            "name": element.name if named else "",
            "states": tuple(state for state in element.states if state in _STATES),
        }
    )
