"""The elements of a page that the model reads and acts on, each with its words.

Pieces of text belong to the element around them, a label belongs to its input, and containers
that say nothing are left out. What is left are some ten to hundred nodes on most pages.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lam_core.graphics import colour_words, graphic_words, is_graphic
from lam_core.observation import Element, Observation, ValueKind
from lam_core.words import month_of, name_words, number_of, ordinal, words_of

MAX_NODES = 160
"""Nodes the model looks at; on larger pages those that matter least are left out."""

MAX_WORDS = 12
"""Words of a node that are embedded; matching looks at `MAX_MATCHED` of them."""

MAX_MATCHED = 48
MAX_TEXT = 300
MAX_LABEL_WORDS = 6
LABEL_LEVELS = 3
"""How far out from a nameless field the text around it is taken for its label."""

TEXT_TYPES = frozenset(
    {
        "text",
        "password",
        "number",
        "date",
        "time",
        "email",
        "tel",
        "url",
        "search",
        "month",
        "week",
        "datetime-local",
    }
)
_INTERACTIVE_TAGS = frozenset({"a", "button", "input", "select", "textarea", "option", "summary"})
_INTERACTIVE_ROLES = frozenset(
    {
        "button",
        "link",
        "textbox",
        "searchbox",
        "spinbutton",
        "checkbox",
        "radio",
        "combobox",
        "listbox",
        "option",
        "menuitem",
        "tab",
        "switch",
        "slider",
        "treeitem",
        "menuitemcheckbox",
        "menuitemradio",
        "gridcell",
    }
)
_SAYS = re.compile(r"[^\w:.-]")
_NO_NODE = frozenset({"#text", "br", "hr", "script", "style"})

KINDS = ("text field", "button", "link", "toggle", "list", "option", "drawing", "other")


@dataclass(frozen=True, slots=True)
class Node:
    """An element the model sees. `index` is its place in the observation.

    `words` are what it says, `attributes` what it is (tag, type, classes, id), `derived` what
    can be said about how it looks. `path` are the indices from the root down to it.
    """

    index: int
    element: Element
    kind: int
    text: str
    words: tuple[str, ...]
    attributes: tuple[str, ...]
    called: frozenset[str]
    derived: frozenset[str]
    number: float | None
    month: int | None
    path: tuple[int, ...]
    leaf: bool


@dataclass(frozen=True, slots=True)
class Page:
    """The nodes of an observation, and for each element the position of its node, -1 for none."""

    observation: Observation
    nodes: tuple[Node, ...]
    positions: tuple[int, ...]

    def node_at(self, index: int, point: tuple[int, int] | None = None) -> int:
        """Position of the node that stands for an element: its own, else the nearest inside.

        -1 when the element holds no node.
        """
        if self.positions[index] >= 0:
            return self.positions[index]
        inside = [p for p, node in enumerate(self.nodes) if index in node.path]
        if point is None or len(inside) < 2:
            return inside[0] if len(inside) == 1 else -1
        return min(inside, key=lambda p: _distance(self.nodes[p].element, point))


def read_page(observation: Observation, instruction_words: frozenset[str] = frozenset()) -> Page:
    """The nodes of a page. On one with too many, those that share words with the instruction,
    take input or say something go first."""
    elements = observation.elements
    children = [0] * len(elements)
    texts: dict[int, list[str]] = {}
    inputs: dict[int, int] = {}
    for index, element in enumerate(elements):
        if element.parent < 0:
            continue
        if element.tag == "#text":
            texts.setdefault(element.parent, []).append(element.text)
        else:
            children[element.parent] += 1
            if element.tag == "input" and elements[element.parent].tag == "label":
                inputs[element.parent] = index
    labels = {child: label for label, child in inputs.items()}
    beside = _labels_beside(elements, texts)
    kept = [
        index
        for index, element in enumerate(elements)
        if index not in inputs and _is_node(element, bool(texts.get(index)), children[index] == 0)
    ]
    said = {index: beside.get(index) or _said(elements, index, texts, labels) for index in kept}
    if len(kept) > MAX_NODES:
        kept = _chosen(elements, kept, said, instruction_words)
    numbered = _ordinals(elements, kept)
    grid = _grid(elements, kept)
    nodes = tuple(
        _node(elements, i, said[i], children[i] == 0, numbered.get(i, ""), grid.get(i, ()))
        for i in kept
    )
    positions = [-1] * len(elements)
    for position, node in enumerate(nodes):
        positions[node.index] = position
    for index, element in enumerate(elements):
        if element.tag == "#text" and element.parent >= 0:
            positions[index] = positions[element.parent]
    for label, child in inputs.items():
        positions[label] = positions[child]
    return Page(observation, nodes, tuple(positions))


def is_text_field(element: Element) -> bool:
    """Whether characters can be typed into an element."""
    if element.tag == "textarea":
        return True
    if element.tag == "input":
        return element.type in TEXT_TYPES or not element.type
    return element.role in ("textbox", "searchbox", "spinbutton") and element.tag != "select"


def signature(element: Element) -> tuple[object, ...]:
    """What an element is recognised by in a later observation of the same page."""
    return element.tag, element.type, element.id, element.text, element.box


def _is_node(element: Element, has_text: bool, leaf: bool) -> bool:
    if element.tag in _NO_NODE:
        return False
    if element.tag in _INTERACTIVE_TAGS or element.role in _INTERACTIVE_ROLES:
        return True
    if element.text or has_text or (leaf and element.name):
        return True
    # What is drawn in a canvas is not observed, so that nothing tells what pressing it would do.
    return leaf and element.tag != "canvas" and element.box[2] > 0 and element.box[3] > 0


def _said(
    elements: Sequence[Element], index: int, texts: dict[int, list[str]], labels: dict[int, int]
) -> str:
    element = elements[index]
    own = element.text or " ".join(texts.get(index, ()))
    if index in labels and not element.name:
        label = labels[index]
        own = elements[label].text or " ".join(texts.get(label, ()))
    if not own and not element.name and _SAYS.search(element.id):
        # An id that is no identifier, such as a coordinate, says what it stands for.
        return element.id
    name = element.name
    if name and words_of(name[:MAX_TEXT]) != words_of(own[:MAX_TEXT]):
        own = f"{own} {name}" if own else name
    return own[:MAX_TEXT].strip()


def _labels_beside(elements: Sequence[Element], texts: dict[int, list[str]]) -> dict[int, str]:
    """What stands alone with a field that has no name of its own, such as in a row of a table.

    The nearest element around the field that says something and holds no other field tells it.
    """
    fields = [i for i, element in enumerate(elements) if _takes_value(element)]
    held: dict[int, int] = {}
    for index in fields:
        for around in _path(elements, index)[:-1]:
            held[around] = held.get(around, 0) + 1
    labels: dict[int, str] = {}
    for index in fields:
        if elements[index].name:
            continue
        for around in _path(elements, index)[-2 : -2 - LABEL_LEVELS : -1]:
            if held[around] > 1:
                break
            said = _text_inside(elements, around, texts)
            if said:
                if len(said.split()) <= MAX_LABEL_WORDS:
                    labels[index] = said
                break
    return labels


def _takes_value(element: Element) -> bool:
    return is_text_field(element) or element.tag == "select"


def _text_inside(elements: Sequence[Element], around: int, texts: dict[int, list[str]]) -> str:
    """What an element and those in it say that is not there to be pressed."""
    said = []
    inside = {around}
    for index in range(around, len(elements)):
        element = elements[index]
        if index != around:
            if element.parent not in inside:
                continue
            if element.tag in _INTERACTIVE_TAGS or element.role in _INTERACTIVE_ROLES:
                continue
            inside.add(index)
        said.append(element.text or " ".join(texts.get(index, ())))
    return " ".join(filter(None, said)).strip()


def _chosen(
    elements: Sequence[Element], kept: list[int], said: dict[int, str], wanted: frozenset[str]
) -> list[int]:
    def rank(index: int) -> tuple[int, int]:
        element = elements[index]
        shared = len(wanted.intersection(words_of(said[index])))
        takes_input = element.tag in _INTERACTIVE_TAGS or element.role in _INTERACTIVE_ROLES
        return -(2 * min(shared, 4) + 3 * takes_input + bool(said[index])), index

    return sorted(sorted(kept, key=rank)[:MAX_NODES])


def _ordinals(elements: Sequence[Element], kept: Sequence[int]) -> dict[int, str]:
    """1st, 2nd, … for the fields of a page that has several."""
    fields = [index for index in kept if is_text_field(elements[index])]
    return {i: ordinal(n) for n, i in enumerate(fields, 1)} if len(fields) > 1 else {}


def _grid(elements: Sequence[Element], kept: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """Column and row, counted from the left and from above, of what has many of its like."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for index in kept:
        element = elements[index]
        if not element.text:
            groups.setdefault((element.tag, element.type, element.classes), []).append(index)
    places: dict[int, tuple[str, ...]] = {}
    for members in groups.values():
        columns = sorted({elements[i].box[0] for i in members})
        rows = sorted({elements[i].box[1] for i in members})
        if len(members) < 4 or len(columns) < 2 or len(columns) * len(rows) > 2 * len(members):
            continue
        for i in members:
            left, top = elements[i].box[:2]
            places[i] = (f"x:{columns.index(left)}", f"y:{rows.index(top)}")
    return places


def _node(
    elements: Sequence[Element],
    index: int,
    text: str,
    leaf: bool,
    numbered: str,
    grid: tuple[str, ...],
) -> Node:
    element = elements[index]
    words = words_of(text)[:MAX_MATCHED]
    named = list(dict.fromkeys(word for name in element.classes for word in name_words(name)))
    identified = name_words(element.id) if element.id else ()
    held_by = _container_words(elements, element)
    attributes = [f"t:{element.tag}"]
    if element.type:
        attributes.append(f"y:{element.type}")
    attributes += [f"c:{word}" for word in (*element.classes[:6], *named[:8])]
    attributes += [f"i:{word}" for word in identified[:3]] + [f"p:{word}" for word in held_by]
    attributes += grid
    derived = _derived(elements, index)
    if numbered:
        derived |= {numbered}
    months = [month for month in map(month_of, words) if month and len(words) < 4]
    return Node(
        index=index,
        element=element,
        kind=_kind(elements, index),
        text=text,
        words=words,
        attributes=tuple(attributes),
        called=_called(element, named, identified, () if text else held_by),
        derived=derived,
        number=number_of(text) if len(words) < 6 else None,
        month=months[0] if months else None,
        path=_path(elements, index),
        leaf=leaf,
    )


def _container_words(elements: Sequence[Element], element: Element) -> tuple[str, ...]:
    """Class and id of the element around: an icon often has nothing of its own."""
    if element.parent < 0:
        return ()
    around = elements[element.parent]
    names = (*around.classes[:3], around.id)
    return tuple(dict.fromkeys(word for name in names for word in name_words(name)))[:4]


def _called(element: Element, *names: Sequence[str]) -> frozenset[str]:
    words = {word for part in names for word in part}
    return frozenset(words | {element.type} if element.type else words)


def _derived(elements: Sequence[Element], index: int) -> frozenset[str]:
    element = elements[index]
    words: list[str] = []
    if is_graphic(elements, index):
        words.extend(graphic_words(elements, index))
    elif element.background and not element.text:
        words.extend(colour_words(element.background))
    return frozenset(words)


def _kind(elements: Sequence[Element], index: int) -> int:
    element = elements[index]
    if is_text_field(element):
        return 0
    if element.tag == "button" or element.type in ("button", "submit", "reset"):
        return 1
    if element.tag == "a" or element.role == "link" or _in_link(elements, element):
        return 2
    if element.type in ("checkbox", "radio"):
        return 3
    if element.tag == "select":
        return 4
    if element.tag == "option":
        return 5
    return 6 if is_graphic(elements, index) else 7


def _in_link(elements: Sequence[Element], element: Element) -> bool:
    """Whether an element is what a link shows, as icons and labels of stepping buttons are."""
    return element.parent >= 0 and elements[element.parent].tag == "a"


def _path(elements: Sequence[Element], index: int) -> tuple[int, ...]:
    path = []
    while index >= 0:
        path.append(index)
        index = elements[index].parent
    return tuple(reversed(path))


def _distance(element: Element, point: tuple[int, int]) -> int:
    left, top, width, height = element.box
    outside_x = max(left - point[0], 0, point[0] - left - width)
    outside_y = max(top - point[1], 0, point[1] - top - height)
    return outside_x + outside_y


def value_is_empty(element: Element) -> bool:
    """Whether a field is known to hold nothing."""
    return element.value is not None and element.value.kind is ValueKind.EMPTY
