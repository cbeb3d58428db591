"""One page under a driver: observing it, and pressing, typing and scrolling with real input.

Elements are known by their index in the last observation. Between that and the action the page
may have changed: an element that is gone, or that something else covers, is an error of its own,
never a press on whatever stands there now.
"""

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from lam_core.act_types import Action
from lam_core.observation import Observation
from lam_core.steps import NamedKey

SETTLE_QUIET_MS = 40
"""A page is settled when nothing in it has changed for so long."""
TYPED_QUIET_MS = 400
"""After typing it takes longer: pages wait for a pause before they suggest something."""
SETTLE_LIMIT_MS = 2_000
LOAD_LIMIT_MS = 20_000
SUBMENU_LIMIT_MS = 600
"""Menus wait until the pointer rests before they open what is below an item."""
TYPING_DELAY_MS = 0

SEGMENTED = frozenset({"date", "time", "month", "week", "datetime-local"})
"""Inputs that Chromium fills segment by segment; separators are not typed."""

_SCRIPT = Path(__file__).with_name("page_script.js")
_KEYS = {
    NamedKey.ENTER: "Enter",
    NamedKey.TAB: "Tab",
    NamedKey.SPACE: "Space",
    NamedKey.ESCAPE: "Escape",
    NamedKey.BACKSPACE: "Backspace",
    NamedKey.DELETE: "Delete",
    NamedKey.ARROW_UP: "ArrowUp",
    NamedKey.ARROW_DOWN: "ArrowDown",
    NamedKey.ARROW_LEFT: "ArrowLeft",
    NamedKey.ARROW_RIGHT: "ArrowRight",
    NamedKey.PAGE_UP: "PageUp",
    NamedKey.PAGE_DOWN: "PageDown",
    NamedKey.HOME: "Home",
    NamedKey.END: "End",
}
_MODIFIERS = {"alt": "Alt", "control": "Control", "meta": "Meta", "shift": "Shift"}

_SUBMENU = """([x, y]) => {
  const item = document.elementFromPoint(x, y)?.closest('[role="menuitem"][aria-haspopup]');
  const menu = item && (document.getElementById(item.getAttribute('aria-controls')) ??
    item.parentElement.querySelector(':scope > [role="menu"]'));
  return menu ? menu.checkVisibility() : null;
}"""
"""Whether the submenu of the item at a point is shown, null where there is none."""


class ActionError(RuntimeError):
    """An action that could not be carried out; nothing was pressed or typed."""


class TargetGone(ActionError):
    """The element is not on the page any more."""


class TargetCovered(ActionError):
    """Something else lies over the element; `by` describes it."""

    def __init__(self, by: str) -> None:
        super().__init__(f"covered by {by}")
        self.by = by


class PageGone(ActionError):
    """The page or the browser went away, or the page does not answer."""


class LivePage:
    """A Playwright page with the page script in it.

    `options` are those of `observe` in extension/src/page/observe.ts, such as `ignore`, a selector
    of elements that are no part of what is observed.
    """

    def __init__(self, page: Page, **options: Any) -> None:
        self.page = page
        self.options = options
        page.set_default_timeout(LOAD_LIMIT_MS)
        self._script = _SCRIPT.read_text()
        page.on("popup", self._follow)

    def open(self, url: str) -> None:
        """Go to a page and wait until it has settled. Raises PageGone when it can't be loaded."""
        try:
            self.page.goto(url, wait_until="domcontentloaded", timeout=LOAD_LIMIT_MS)
        except PlaywrightError as error:
            raise PageGone(f"{url} can't be loaded: {_first_line(error)}") from error
        self.settle()

    def observe(self) -> Observation:
        """What the page shows now. Raises PageGone."""
        return Observation.model_validate_json(
            self.call("JSON.stringify(actionModel.observe(argument))", self.options)
        )

    def settle(self, *, quiet_ms: int = SETTLE_QUIET_MS, limit_ms: int = SETTLE_LIMIT_MS) -> bool:
        """Wait until the page stops changing, at most `limit_ms`; whether it did."""
        return bool(self.call("actionModel.settle(...argument)", [quiet_ms, limit_ms]))

    def settle_after(self, action: Action) -> bool:
        """Wait for the effects of an action; whether the page stopped changing."""
        typed = action.kind == "type"
        return self.settle(quiet_ms=TYPED_QUIET_MS if typed else SETTLE_QUIET_MS)

    def call(self, expression: str, argument: Any = None) -> Any:
        """The value of an expression over `actionModel` and `argument`. Raises PageGone."""
        code = f"(argument) => {{ {self._ready()} return {expression}; }}"
        for attempt in (1, 2):
            try:
                return self.page.evaluate(code, argument)
            except PlaywrightError as error:
                text = str(error)
                if "actionModel is not ready" in text and attempt == 1:
                    self._inject()
                elif "context was destroyed" in text and attempt == 1:
                    self._loaded()
                else:
                    raise PageGone(_first_line(error)) from error
        raise PageGone("the page keeps navigating")

    def perform(self, action: Action) -> None:
        """Carry out an action on the elements of the last observation.

        Raises TargetGone, TargetCovered, PageGone, or ActionError for what can't be done at all.
        """
        perform = getattr(self, f"_{action.kind}", None)
        if perform is None:
            raise ActionError(f"{action.kind} is not an action on a page")
        try:
            perform(action)
        except PlaywrightError as error:
            gone = "closed" in str(error) or "crashed" in str(error)
            raise (PageGone if gone else ActionError)(_first_line(error)) from error

    def risk(self, action: Action) -> str:
        """What the action would do for good: pay, delete, send or submit; "" for nothing."""
        if action.kind == "click":
            return str(self.call("actionModel.risk('click', argument)", action.target))
        if action.kind == "press" and action.key in (NamedKey.ENTER, NamedKey.SPACE):
            kind = "enter" if action.key is NamedKey.ENTER else "click"
            return str(self.call(f"actionModel.risk('{kind}', argument)", action.target))
        return ""

    def picture(self) -> bytes:
        """A PNG of what the window shows. Raises PageGone."""
        try:
            return self.page.screenshot(animations="disabled", caret="initial")
        except PlaywrightError as error:
            raise PageGone(_first_line(error)) from error

    def place(self, index: int, offset: tuple[int, int] | None = None) -> tuple[float, float]:
        """Where to press an element, in CSS pixels of the window, after bringing it into view."""
        place = self.call("actionModel.place(...argument)", [index, offset])
        if place is None:
            raise TargetGone("the element is not on the page any more")
        if place["covered"]:
            raise TargetCovered(place["covered"])
        return place["x"], place["y"]

    def _follow(self, page: Page) -> None:
        """A window that an action opened is where the task goes on."""
        self.page = page
        page.set_default_timeout(LOAD_LIMIT_MS)
        page.on("popup", self._follow)

    def _ready(self) -> str:
        return "if (!window.actionModel) throw new Error('actionModel is not ready');"

    def _inject(self) -> None:
        self.page.evaluate(self._script)

    def _loaded(self) -> None:
        self.page.wait_for_load_state("domcontentloaded", timeout=LOAD_LIMIT_MS)

    def _click(self, action: Action) -> None:
        x, y = self.place(_target(action), action.offset)
        self._hold(action)
        self.page.mouse.move(x, y)
        if not self._opened_by_pointing(x, y):
            self.page.mouse.click(x, y, button=action.button, click_count=action.count)
        self._release(action)

    def _opened_by_pointing(self, x: float, y: float) -> bool:
        """Whether the pointer is on an item of a menu whose submenu is open, or opens for it."""
        if self.call(f"({_SUBMENU})(argument)", [x, y]) is None:
            return False
        try:
            self.page.wait_for_function(_SUBMENU, arg=[x, y], timeout=SUBMENU_LIMIT_MS)
        except PlaywrightTimeout:
            return False
        return True

    def _drag(self, action: Action) -> None:
        x, y = self.place(_target(action), action.offset)
        if action.drop is None and action.to is None:
            raise ActionError("a drag needs where to drop")
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        try:
            # The way there matters to pages that follow the pointer.
            to = self._drop_point(action)
            self.page.mouse.move((x + to[0]) / 2, (y + to[1]) / 2, steps=4)
            self.page.mouse.move(*to, steps=4)
        finally:
            self.page.mouse.up()

    def _drop_point(self, action: Action) -> tuple[float, float]:
        if action.drop is not None:
            box = self.call("actionModel.boxOf(argument)", action.drop)
            if box is None:
                raise TargetGone("the element to drop on is not on the page any more")
            return box[0] + box[2] / 2, box[1] + box[3] / 2
        assert action.to is not None
        scrolled = self.call("[scrollX, scrollY]")
        return action.to[0] - scrolled[0], action.to[1] - scrolled[1]

    def _type(self, action: Action) -> None:
        target = _target(action)
        kind = self.call("actionModel.kindOf(argument)", target)
        if kind is None:
            raise TargetGone("the field is not on the page any more")
        if kind in SEGMENTED:
            self.call("actionModel.focus(argument)", target)
            self.page.keyboard.type(re.sub(r"[^0-9A-Za-z]", "", action.text))
            return
        x, y = self.place(target)
        if not self.call("actionModel.hasFocus(argument)", target):
            self.page.mouse.click(x, y)
        if not self.call("actionModel.isEmpty(argument)", target):
            self.page.keyboard.press("ControlOrMeta+A")
            self.page.keyboard.press("Delete")
        self.page.keyboard.type(action.text, delay=TYPING_DELAY_MS)

    def _select(self, action: Action) -> None:
        chosen = self.call("actionModel.choose(...argument)", [_target(action), action.text])
        if chosen == "no such option":
            chosen = self._select_named(_target(action), action.text)
        if chosen != "chosen":
            raise TargetGone("the list is gone") if chosen == "gone" else ActionError(chosen)

    def _select_named(self, target: int, part: str) -> str:
        """Choose the option whose label `part` is a part of, if the instruction names it."""
        asked = [target, self.options.get("instruction", "")]
        named = self.call("actionModel.optionNamed(...argument)", asked)
        if not named or not part or part.lower() not in named.lower():
            return "no such option"
        return str(self.call("actionModel.choose(...argument)", [target, named]))

    def _press(self, action: Action) -> None:
        if action.key not in _KEYS:
            raise ActionError(f"{action.key} is not a key to press")
        if action.target is not None:
            self.call("actionModel.focus(argument)", action.target)
        keys = [_MODIFIERS[modifier] for modifier in action.modifiers] + [_KEYS[action.key]]
        for _ in range(max(1, action.count)):
            self.page.keyboard.press("+".join(keys))

    def _scroll(self, action: Action) -> None:
        moved = self.call("actionModel.scroll(...argument)", [action.target, action.dx, action.dy])
        if moved is None:
            raise TargetGone("the element to scroll is not on the page any more")

    def _navigate(self, action: Action) -> None:
        if not re.match(r"(https?|file)://", action.url):
            raise ActionError(f"{action.url!r} is not an address to go to")
        self.open(action.url)

    def _wait(self, action: Action) -> None:
        self.page.wait_for_timeout(min(action.milliseconds, LOAD_LIMIT_MS))

    def _hold(self, action: Action) -> None:
        for modifier in action.modifiers:
            self.page.keyboard.down(_MODIFIERS[modifier])

    def _release(self, action: Action) -> None:
        for modifier in action.modifiers:
            self.page.keyboard.up(_MODIFIERS[modifier])


def _target(action: Action) -> int:
    if action.target is None:
        raise ActionError(f"{action.kind} needs a target")
    return action.target


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
