"""What a person did: the kinds of steps and the references that stand in for typed text.

Times are milliseconds since the start of the recording, as integers.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from lam_core.observation import (
    Index,
    Milliseconds,
    Name,
    Page,
    Part,
    Pixels,
    Point,
    PointerSample,
    ValuePattern,
)

MAX_KEYS = 5_000
MAX_POINTER_SAMPLES = 20_000


class KeyKind(StrEnum):
    """What a key press did; which character it was is never kept."""

    CHARACTER = "character"
    BACKSPACE = "backspace"
    DELETE = "delete"
    ENTER = "enter"
    TAB = "tab"
    ESCAPE = "escape"
    ARROW = "arrow"
    PAGE = "page"
    MODIFIER = "modifier"
    SHORTCUT = "shortcut"
    OTHER = "other"


class Modifier(StrEnum):
    """Keys held down during an action."""

    ALT = "alt"
    CONTROL = "control"
    META = "meta"
    SHIFT = "shift"


class Press(Part):
    """A button or key going down and, unless the page went away first, up again."""

    down: Milliseconds
    up: Milliseconds | None = None


class Key(Press):
    """A key press of a kind; together they are the rhythm of typing."""

    kind: KeyKind


class EditKind(StrEnum):
    """How the text of a field changed, of the `inputType` values of the Input Events standard."""

    INSERT = "insert"
    COMPOSE = "compose"
    """Text put together by an input method."""
    COMPLETE = "complete"
    """Text the browser filled in or corrected."""
    PASTE = "paste"
    DROP = "drop"
    DELETE = "delete"
    CUT = "cut"
    UNDO = "undo"
    REDO = "redo"
    OTHER = "other"


class Edit(Part):
    """One change of a field's text; what was inserted or deleted is never kept."""

    at: Milliseconds
    kind: EditKind


class Transform(StrEnum):
    """What was done to the referenced characters before they were typed."""

    NONE = "none"
    LOWER = "lower"
    UPPER = "upper"
    ALPHANUMERIC = "alphanumeric"
    """Lower case letters and digits alone, as date and time fields take them."""


class InstructionText(Part):
    """Typed characters [start, end) of the instruction, after `transform`."""

    source: Literal["instruction"]
    start: Index
    end: Index
    transform: Transform = Transform.NONE


class ElementText(Part):
    """Typed characters [start, end) of a text of an element of the step's observation."""

    source: Literal["element"]
    element: Index
    field: Literal["text", "name"] = "text"
    start: Index
    end: Index
    transform: Transform = Transform.NONE


class ParameterText(Part):
    """The value of a named parameter was typed."""

    source: Literal["parameter"]
    name: Name


TextReference = Annotated[
    InstructionText | ElementText | ParameterText, Field(discriminator="source")
]


class Step(Part):
    """What all steps have: when, before which observation, at which element, how it was made.

    `at` is the first input event of the action and `until` its last. `trusted` is the browser's
    `isTrusted` of all its events, null where the source format does not know it. `pointer` is
    the path of the pointer that led to the action.
    """

    at: Milliseconds
    until: Milliseconds
    observation: Index
    target: Index | None = None
    trusted: bool | None = None
    tab: Annotated[int, Field(ge=0, le=1_000)] = 0
    pointer: Annotated[tuple[PointerSample, ...], Field(max_length=MAX_POINTER_SAMPLES)] = ()


Presses = Annotated[tuple[Press, ...], Field(min_length=1, max_length=MAX_KEYS)]
Keys = Annotated[tuple[Key, ...], Field(max_length=MAX_KEYS)]
Modifiers = Annotated[tuple[Modifier, ...], Field(max_length=4)]


class Click(Step):
    """Pressing a pointer button; two presses are a double click."""

    action: Literal["click"]
    point: Point
    presses: Presses
    button: Literal["left", "middle", "right"] = "left"
    modifiers: Modifiers = ()


class Drag(Step):
    """Pressing at one point and releasing at another; `drop` is the element under the release."""

    action: Literal["drag"]
    point: Point
    to: Point
    presses: Presses
    drop: Index | None = None


class Type(Step):
    """Entering text, so that the target holds `text` afterwards; null when it was not found.

    `keys` is the rhythm, `edits` are the changes of the text where the recorder saw them; pasted
    text has been entered without character keys. Into a private element text is known to have
    been entered, and nothing else: no keys, no edits, no reference.
    """

    action: Literal["type"]
    text: TextReference | None
    pattern: ValuePattern
    keys: Keys
    edits: Annotated[tuple[Edit, ...], Field(max_length=MAX_KEYS)] = ()
    pasted: bool = False


class NamedKey(StrEnum):
    """Keys that do something other than entering text."""

    ENTER = "enter"
    TAB = "tab"
    SPACE = "space"
    ESCAPE = "escape"
    BACKSPACE = "backspace"
    DELETE = "delete"
    ARROW_UP = "arrow-up"
    ARROW_DOWN = "arrow-down"
    ARROW_LEFT = "arrow-left"
    ARROW_RIGHT = "arrow-right"
    PAGE_UP = "page-up"
    PAGE_DOWN = "page-down"
    HOME = "home"
    END = "end"
    SHORTCUT = "shortcut"


class PressKey(Step):
    """Pressing a named key that enters no text, once or several times in a row."""

    action: Literal["press"]
    key: NamedKey
    keys: Annotated[tuple[Key, ...], Field(min_length=1, max_length=MAX_KEYS)]
    modifiers: Modifiers = ()


class Select(Step):
    """Choosing an option of a list: its element where the observation shows it, else its text."""

    action: Literal["select"]
    option: Index | None = None
    text: TextReference | None = None
    point: Point | None = None
    presses: Annotated[tuple[Press, ...], Field(max_length=MAX_KEYS)] = ()


class Scroll(Step):
    """Scrolling the target, or the page when there is none, by so many pixels."""

    action: Literal["scroll"]
    dx: Pixels
    dy: Pixels


class Navigate(Step):
    """The page went elsewhere in a way no other step explains."""

    action: Literal["navigate"]
    kind: Literal["typed", "link", "form", "reload", "back", "forward", "other"]
    page: Page


class Tab(Step):
    """Opening, closing or changing to a tab; tabs are numbered in the order of appearance."""

    action: Literal["tab"]
    kind: Literal["open", "close", "switch"]
    to: Annotated[int, Field(ge=0, le=1_000)]


AnyStep = Annotated[
    Click | Drag | Type | PressKey | Select | Scroll | Navigate | Tab,
    Field(discriminator="action"),
]
