"""From the events of public MiniWoB++ demonstrations to steps.

The recordings list every event twice, on its way down to the element (`timing` 1) and back up
(3), each with the DOM of that moment. The first of each pair is read. The observation of a step
is the DOM of the event before it: the one of the event itself already shows the pointer there.
"""

from dataclasses import dataclass, field
from typing import Any

from lam_core.miniwob_dom import TEXT_FIELDS, Node, Observed, observe
from lam_core.miniwob_keys import KeyGroup, KeyPress
from lam_core.miniwob_nodes import (
    focus_of,
    moved_as_one,
    nodes_of,
    place_on,
    scrolled_since,
    target_of,
)
from lam_core.references import find_span, first_span, pattern_of
from lam_core.steps import KeyKind, Transform

CAPTURE = 1
DRAG_PIXELS = 8
"""A press released further away than this, on another element, is a drag."""
SCROLL_LOOKBACK = 4
"""States before a scroll event among which the one before the scrolling is looked for."""

Document = dict[str, Any]


@dataclass(slots=True)
class _Press:
    """A pointer button that went down: where, on what, and whether the page scrolled under it."""

    at: int
    x: int
    y: int
    target: Node | None
    index: int
    observed: Observed
    scrolled: bool = False


@dataclass
class Reader:
    """Reads one recording; `steps`, `observations` and `parameters` grow as it goes."""

    states: list[Document]
    instruction: str
    steps: list[Document] = field(default_factory=list)
    observations: list[Observed] = field(default_factory=list)
    parameters: dict[str, str] = field(default_factory=dict)
    outcome: int | None = None
    _offsets: dict[int, int] = field(default_factory=dict)
    _unscrolled: dict[int, Node] = field(default_factory=dict)
    _known: dict[bytes, int] = field(default_factory=dict)
    _press: _Press | None = None
    _keys: KeyGroup | None = None
    _scroller: int | None = None
    _scroller_moving: bool = False

    def read(self) -> None:
        """Go through all events once. Wrong types raise KeyError, TypeError or ValueError."""
        for number, state in enumerate(self.states):
            action = state["action"]
            if action is None or action["timing"] != CAPTURE:
                continue
            handler = _HANDLERS.get(action["type"])
            if handler:
                handler(self, number, state["time"], action)
        self._flush_keys(len(self.states) - 1)
        self._flush_press(len(self.states) - 1, None)
        if self.steps:
            self.outcome, _ = self._observe(len(self.states) - 1)

    def _mousedown(self, number: int, at: int, action: Document) -> None:
        self._flush_keys(number)
        self._flush_press(number, None)
        target = target_of(self.states[number]["dom"])
        index, observed = self._before(number, target)
        self._press = _Press(at, action["x"], action["y"], target, index, observed)
        if self._scroller_moving:
            # Smooth scrolling goes on after its last event.
            self._follow_scroll(number, at)
            self._scroller_moving = False

    def _mouseup(self, number: int, at: int, action: Document) -> None:
        if self._press:
            self._flush_press(number, (at, action["x"], action["y"]))
        elif self.steps and self.steps[-1]["action"] == "select":
            self._note_option(number)

    def _flush_press(self, number: int, release: tuple[int, int, int] | None) -> None:
        press, self._press = self._press, None
        if press is None or press.scrolled:
            # Dragging a scroll bar is told by the scroll step.
            return
        observed, target = press.observed, press.target
        step: Document = {
            "at": press.at,
            "until": release[0] if release else press.at,
            "observation": press.index,
            "presses": [{"down": press.at, "up": release[0] if release else None}],
            "point": (press.x, press.y),
        }
        if target is None or target["ref"] not in observed.indices:
            self.steps.append({"action": "click", **step})
            return
        step["target"] = observed.indices[target["ref"]]
        box = observed.elements[step["target"]]["box"]
        step["point"] = place_on(box, target, press.x, press.y)
        if target["tag"] in ("SELECT", "OPTION"):
            self._select(step, observed, target)
        elif release and self._is_drag(press, release, number):
            to = (release[1] + step["point"][0] - press.x, release[2] + step["point"][1] - press.y)
            self._drag(step, observed, to, number)
        else:
            self.steps.append({"action": "click", **step})

    def _is_drag(self, press: _Press, release: tuple[int, int, int], number: int) -> bool:
        far = max(abs(release[1] - press.x), abs(release[2] - press.y)) > DRAG_PIXELS
        if not far:
            return False
        end = target_of(self.states[number]["dom"])
        return (end and end["ref"]) != (press.target and press.target["ref"])

    def _drag(self, step: Document, observed: Observed, to: tuple[int, int], number: int) -> None:
        end = target_of(self.states[number]["dom"])
        drop = observed.indices.get(end["ref"]) if end else None
        self.steps.append({"action": "drag", **step, "to": to, "drop": drop})

    def _select(self, step: Document, observed: Observed, node: Node) -> None:
        if node["tag"] == "OPTION":
            step["option"] = step["target"]
            step["target"] = observed.elements[step["target"]]["parent"]
        last = self.steps[-1] if self.steps else None
        if last and last["action"] == "select" and "option" not in step:
            same = observed.elements[step["target"]] == self._element(last)
            if same and len(last["presses"]) == 1:
                # Opening the closed list and choosing from it are two presses of one step.
                last["presses"] += step["presses"]
                last["until"] = step["until"]
                return
        self.steps.append({"action": "select", **step})

    def _element(self, step: Document) -> Document:
        return self.observations[step["observation"]].elements[step["target"]]

    def _note_option(self, number: int) -> None:
        """Some browsers tell which option of a closed list the button was released over."""
        node = target_of(self.states[number]["dom"])
        step = self.steps[-1]
        if node and node["tag"] == "OPTION" and node.get("text") and "option" not in step:
            step["text"] = self._reference(node["text"], step["observation"])

    def _keydown(self, number: int, at: int, action: Document) -> None:
        focus = focus_of(self.states[number]["dom"])
        reference = focus["ref"] if focus else None
        if self._keys and self._keys.reference != reference:
            self._flush_keys(number)
        if self._keys is None:
            kind = focus["tag"].lower().partition("_") if focus else ("", "", "")
            self._keys = KeyGroup(number, reference, kind[2] or kind[0])
        self._keys.press(at, action["keyCode"])

    def _keypress(self, number: int, at: int, action: Document) -> None:
        if self._keys:
            self._keys.character(action["charCode"])

    def _keyup(self, number: int, at: int, action: Document) -> None:
        if self._keys:
            self._keys.release(at, action["keyCode"])

    def _flush_keys(self, number: int) -> None:
        group, self._keys = self._keys, None
        if group is None:
            return
        for run in group.runs(TEXT_FIELDS):
            if run.name is None:
                self._type(group, run.keys, number)
            else:
                self._press_key(group, run.name, run.keys)

    def _press_key(self, group: KeyGroup, name: str, keys: list[KeyPress]) -> None:
        index, observed = self._before(group.state, None)
        step = {"action": "press", "key": name, **_keys_part(keys), "observation": index}
        if group.reference in observed.indices:
            step["target"] = observed.indices[group.reference]
        self.steps.append(step)

    def _type(self, group: KeyGroup, keys: list[KeyPress], number: int) -> None:
        index, observed = self._before(group.state, None)
        if group.reference not in observed.indices:
            index, observed = self._observe(group.state)
        reference = group.reference
        value = self._value_after(reference, group.state, number)
        entered = any(key.kind in _ENTERING for key in keys)
        if not entered and value == observed.values.get(reference or 0):
            return
        if value is None:
            value = group.typed(keys)
        secret = group.field_kind == "password"
        pattern = pattern_of(value, secret=secret)
        self.steps.append(
            {
                "action": "type",
                **_keys_part(keys),
                "observation": index,
                "target": observed.indices.get(reference or 0),
                "text": self._reference(value, index),
                "pattern": {"kind": pattern.kind, "length": pattern.length},
                "pasted": not any(key.kind is KeyKind.CHARACTER for key in keys) and bool(value),
            }
        )

    def _value_after(self, reference: int | None, first: int, last: int) -> str | None:
        for number in range(last, first - 1, -1):
            for node in nodes_of(self.states[number]["dom"]):
                if node["ref"] == reference:
                    value = node.get("value")
                    return value if isinstance(value, str) else None
        return None

    def _reference(self, value: str, index: int) -> Document | None:
        """Where the characters stand: in the instruction, on the page, else a parameter."""
        if not value:
            return None
        span = find_span(value, self.instruction)
        if span:
            start, end, transform = span
            return {"source": "instruction", "start": start, "end": end, "transform": transform}
        texts = ((i, e.get("text", "")) for i, e in enumerate(self.observations[index].elements))
        found = first_span(value, texts)
        if found:
            element, start, end, transform = found
            place = {"element": element, "start": start, "end": end, "transform": transform}
            return {"source": "element", **place}
        name = self.parameters.setdefault(value, f"text-{len(self.parameters) + 1}")
        return {"source": "parameter", "name": name}

    def _scroll(self, number: int, at: int, action: Document) -> None:
        if self._press:
            self._press.scrolled = True
        self._scroller_moving = True
        self._follow_scroll(number, at)

    def _follow_scroll(self, number: int, at: int) -> None:
        found = self._scrolled(number)
        if found is None:
            return
        reference, delta = found
        last = self.steps[-1] if self.steps else None
        # The scrolling of keys is told by their own step.
        if not self._keys:
            if last and last["action"] == "scroll" and self._scroller == reference:
                last["dy"] += delta
                last["until"] = max(last["until"], at)
            else:
                started = self._press.at if self._press else at
                self._append_scroll(number, started, at, reference, delta)
        if reference is not None:
            self._offsets[reference] = self._offsets.get(reference, 0) + delta
            self._unscrolled.setdefault(reference, self.states[0]["dom"])

    def _append_scroll(
        self, number: int, at: int, until: int, reference: int | None, delta: int
    ) -> None:
        index, observed = self._before(number, None)
        step: Document = {
            "action": "scroll",
            "at": at,
            "until": until,
            "observation": index,
            "dx": 0,
            "dy": delta,
        }
        self._scroller = reference
        if reference in observed.indices:
            step["target"] = observed.indices[reference]
        self.steps.append(step)

    def _scrolled(self, number: int) -> tuple[int | None, int] | None:
        """The element whose content moved as one (None is the page), and how far up in pixels."""
        now = self.states[number]["dom"]
        for before in range(number - 1, max(-1, number - 1 - SCROLL_LOOKBACK), -1):
            found = moved_as_one(self.states[before]["dom"], now)
            if found:
                return found
        return None

    def _before(self, number: int, target: Node | None) -> tuple[int, Observed]:
        """Observation before the event `number`, holding the target where there is one."""
        index, observed = self._observe(max(0, number - 1))
        if target is not None and target["ref"] not in observed.indices:
            return self._observe(number)
        return index, observed

    def _observe(self, number: int) -> tuple[int, Observed]:
        dom = self.states[number]["dom"]
        # The page may scroll on after a scroll event, or not yet have scrolled at one.
        for reference, before in self._unscrolled.items():
            delta = scrolled_since(before, dom, reference)
            if delta is not None:
                self._offsets[reference] = delta
        observed = observe(dom, self._offsets)
        self._locate_values(observed)
        key = observed.key()
        if key not in self._known:
            self._known[key] = len(self.observations)
            self.observations.append(observed)
        return self._known[key], observed

    def _locate_values(self, observed: Observed) -> None:
        """Say of field values that stand in the instruction where they do."""
        for reference, value in observed.values.items():
            span = find_span(value, self.instruction)
            if span and span[2] is Transform.NONE:
                observed.elements[observed.indices[reference]]["value_at"] = span[:2]


_HANDLERS = {
    "mousedown": Reader._mousedown,
    "mouseup": Reader._mouseup,
    "keydown": Reader._keydown,
    "keypress": Reader._keypress,
    "keyup": Reader._keyup,
    "scroll": Reader._scroll,
}
"""Clicks and double clicks repeat what their presses said, or come from a label or a key."""

_ENTERING = (KeyKind.CHARACTER, KeyKind.BACKSPACE, KeyKind.DELETE)


def _keys_part(keys: list[KeyPress]) -> Document:
    ups = [key.up for key in keys if key.up is not None]
    return {
        "at": keys[0].down,
        "until": max([keys[-1].down, *ups]),
        "keys": [{"down": key.down, "up": key.up, "kind": key.kind} for key in keys],
    }
