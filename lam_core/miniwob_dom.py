"""From the DOM trees of public MiniWoB++ demonstrations to leak-free observations."""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from math import floor
from typing import Any

import orjson

from lam_core.observation import MAX_ELEMENTS, MAX_TREE_DEPTH
from lam_core.references import pattern_of

PAGE_WIDTH = 160
PAGE_HEIGHT = 210
"""The size of every MiniWoB++ task; what lies right of it belongs to the browser's add-ons."""

COLLECTION_FORM = "mturk_form"
"""The form the pages were wrapped in while demonstrations were collected; not part of a task."""

TEXT_TAG = "#text"
TEXT_FIELDS = frozenset({"text", "password", "number", "date", "time", "textarea"})

_ROLES = {
    "a": "link",
    "button": "button",
    "form": "form",
    "h1": "heading",
    "h2": "heading",
    "h3": "heading",
    "h4": "heading",
    "img": "img",
    "li": "listitem",
    "option": "option",
    "select": "combobox",
    "svg": "graphics-document",
    "table": "table",
    "td": "cell",
    "textarea": "textbox",
    "th": "columnheader",
    "tr": "row",
    "ul": "list",
}
_INPUT_ROLES = {
    "button": "button",
    "checkbox": "checkbox",
    "date": "textbox",
    "number": "spinbutton",
    "password": "textbox",
    "radio": "radio",
    "text": "textbox",
    "time": "textbox",
}
# Rendered states of being pointed at or focused by the pointer, wherever jQuery UI puts them.
_POINTER_CLASS = re.compile(r"hover|^ui-state-focus$|^ui-visual-focus$")
_MENU_ITEM = "ui-menu-item-wrapper"
_RGB = re.compile(r"rgba?\((\d+), (\d+), (\d+)(?:, ([\d.]+))?\)")

Node = dict[str, Any]


class TooLarge(ValueError):
    """The page has more elements, or deeper ones, than an observation may carry."""


@dataclass(slots=True)
class Observed:
    """The elements of one DOM, where each `ref` ended up, and which element has the focus.

    `values` are the characters of the text fields; they stay in the importer and serve only to
    find the reference of what was typed.
    """

    elements: list[dict[str, Any]] = field(default_factory=list)
    indices: dict[int, int] = field(default_factory=dict)
    values: dict[int, str] = field(default_factory=dict)
    focused: int | None = None

    def key(self) -> bytes:
        """Equal for equal elements."""
        return orjson.dumps(self.elements)


def observe(root: Node, offsets: dict[int, int]) -> Observed:
    """Read a DOM. `offsets` gives, per scrolled element, how far its content has been scrolled.

    Raises TooLarge; wrong types raise KeyError, TypeError or ValueError.
    """
    observed = Observed()
    _add(observed, root, -1, -round(root["top"]), "", offsets)
    _name_fields(observed.elements)
    return observed


def _add(
    observed: Observed,
    node: Node,
    parent: int,
    shift: int,
    color: str,
    offsets: dict[int, int],
    depth: int = 0,
) -> None:
    if depth > MAX_TREE_DEPTH:
        raise TooLarge(f"nested deeper than {MAX_TREE_DEPTH} levels")
    index = parent
    if node.get("id") != COLLECTION_FORM:
        if node["left"] >= PAGE_WIDTH:
            return
        index = len(observed.elements)
        if index >= MAX_ELEMENTS:
            raise TooLarge(f"more than {MAX_ELEMENTS} elements")
        element, color = _element(node, parent, shift, color)
        observed.elements.append(element)
        _remember(observed, node, element, index)
    shift += offsets.get(node["ref"], 0)
    for child in node.get("children", ()):
        _add(observed, child, index, shift, color, offsets, depth + 1)


def _element(node: Node, parent: int, shift: int, color: str) -> tuple[dict[str, Any], str]:
    tag, kind, role = _tag(node["tag"])
    element: dict[str, Any] = {"parent": parent, "tag": tag, "box": _box(node, shift)}
    if kind:
        element["type"] = kind
    if role:
        element["role"] = role
    # A label in a drawing has the tag `text`, and is no field of that type.
    _describe(element, node, "textarea" if tag == "textarea" else kind)
    foreground = _colour(node.get("fgColor"))
    if foreground and foreground != color:
        element["color"] = foreground
    background = _colour(node.get("bgColor"))
    if background:
        element["background"] = background
    return element, foreground or color


@lru_cache(maxsize=256)
def _tag(name: str) -> tuple[str, str, str]:
    """Tag, type and role of a name such as `DIV`, `INPUT_text` or `t` (a piece of text)."""
    tag, _, kind = name.lower().partition("_")
    return TEXT_TAG if tag == "t" else tag, kind, role_of(tag, kind)


def role_of(tag: str, kind: str = "") -> str:
    """The role of a tag, or of an input of a kind; the recordings have no other source of it."""
    return _INPUT_ROLES.get(kind, "") if kind else _ROLES.get(tag, "")


def _box(node: Node, shift: int) -> tuple[int, int, int, int]:
    left, top = floor(node["left"] + 0.5), floor(node["top"] + 0.5) + shift
    width, height = floor(node["width"] + 0.5), floor(node["height"] + 0.5)
    # Body and form are as wide as the person's window, which says nothing about the task.
    return left, top, min(width, PAGE_WIDTH) if left == 0 else width, height


def _describe(element: dict[str, Any], node: Node, kind: str) -> None:
    if node.get("id"):
        element["id"] = node["id"]
    classes = _classes(node.get("classes"))
    if classes:
        element["classes"] = classes
    states = []
    if node.get("focused") and node["tag"] != "BODY":
        states.append("focused")
    value = node.get("value")
    if value is True:
        states.append("checked")
    if states:
        element["states"] = states
    if kind == "button" and isinstance(value, str):
        element["text"] = value
    elif kind in TEXT_FIELDS:
        if isinstance(value, str):
            pattern = pattern_of(value, secret=kind == "password")
            element["value"] = {"kind": pattern.kind, "length": pattern.length}
    elif node.get("text"):
        element["text"] = node["text"]


def _remember(observed: Observed, node: Node, element: dict[str, Any], index: int) -> None:
    reference = node["ref"]
    observed.indices[reference] = index
    if node.get("focused") and node["tag"] != "BODY":
        observed.focused = reference
    value = node.get("value")
    if isinstance(value, str) and "value" in element:
        observed.values[reference] = value


@lru_cache(maxsize=4096)
def _class_tokens(classes: str) -> tuple[str, ...]:
    tokens = classes.split()
    # jQuery UI marks the menu item under the pointer as active.
    pointed = "ui-state-active" if _MENU_ITEM in tokens else ""
    return tuple(t for t in tokens if t != pointed and not _POINTER_CLASS.search(t))


def _classes(classes: Any) -> tuple[str, ...]:
    # SVG elements have an object here.
    return _class_tokens(classes) if isinstance(classes, str) else ()


@lru_cache(maxsize=4096)
def _colour(text: str | None) -> str:
    match = _RGB.fullmatch(text or "")
    if not match or match[4] == "0":
        return ""
    return "#" + "".join(f"{min(int(match[i]), 255):02x}" for i in (1, 2, 3))


def _name_fields(elements: list[dict[str, Any]]) -> None:
    """Give inputs the accessible name that stands beside them: their label, else the text before.

    The recordings carry no `for`, `placeholder` or ARIA attributes to take it from.
    """
    for index, element in enumerate(elements):
        kind = element.get("type") or element["tag"]
        if element["tag"] == "text":
            continue
        if kind in ("checkbox", "radio"):
            name = _label_around(elements, index)
        elif kind in TEXT_FIELDS or kind == "select":
            name = _text_before(elements, index)
        else:
            continue
        if name:
            element["name"] = name


def _label_around(elements: list[dict[str, Any]], index: int) -> str:
    parent = elements[index]["parent"]
    if parent < 0 or elements[parent]["tag"] != "label":
        return ""
    texts = [elements[parent].get("text", "")]
    for child in elements[parent + 1 : parent + 6]:
        if child["parent"] == parent:
            texts.append(child.get("text", ""))
    return " ".join(filter(None, texts)).strip()


def _text_before(elements: list[dict[str, Any]], index: int) -> str:
    parent = elements[index]["parent"]
    for before in range(index - 1, parent, -1):
        element = elements[before]
        if element["parent"] == parent and element.get("text"):
            text: str = element["text"]
            return text.strip()
        if element["tag"] in ("input", "textarea", "select"):
            return ""
    return ""
