"""What a page showed: visible elements, their structure, geometry and state.

Leak-free by construction: nothing here is caused by the person's own pointer or scrolling alone
(no hover state, no scroll position), and no characters of a value are carried, only its pattern.
Geometry is CSS pixels in the coordinates of the document, as integers.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

MAX_ELEMENTS = 5_000
MAX_TIME_MS = 24 * 60 * 60 * 1000
MAX_TREE_DEPTH = 256

Index = Annotated[int, Field(ge=0, le=2**31 - 1)]
Milliseconds = Annotated[int, Field(ge=0, le=MAX_TIME_MS)]
Pixels = Annotated[int, Field(ge=-10_000_000, le=10_000_000)]
Point = tuple[Pixels, Pixels]
Box = tuple[Pixels, Pixels, Pixels, Pixels]
"""left, top, width, height in the coordinates of the document."""
PointerSample = tuple[Milliseconds, Pixels, Pixels]
"""time, x, y in the coordinates of the document."""
Label = Annotated[str, Field(max_length=64)]
Text = Annotated[str, Field(max_length=2_000)]
Colour = Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]
Name = Annotated[
    str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$")
]


class Part(BaseModel):
    """What every part of the schema keeps to: immutable, unknown fields refused."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class State(StrEnum):
    """What an element shows about itself; nothing that only a pointer over it would cause."""

    FOCUSED = "focused"
    CHECKED = "checked"
    SELECTED = "selected"
    EXPANDED = "expanded"
    PRESSED = "pressed"
    DISABLED = "disabled"
    READONLY = "readonly"
    REQUIRED = "required"
    INVALID = "invalid"


class ValueKind(StrEnum):
    """The kind of a typed value, the most that is ever said about its characters."""

    EMPTY = "empty"
    DIGITS = "digits"
    NUMBER = "number"
    DATE = "date"
    TIME = "time"
    WORD = "word"
    WORDS = "words"
    EMAIL = "email"
    URL = "url"
    CODE = "code"
    SECRET = "secret"  # noqa: S105 - a kind of value, not a value
    OTHER = "other"


class LengthClass(StrEnum):
    """The length of a typed value in characters, in powers of two."""

    NONE = "0"
    ONE = "1"
    TWO = "2-3"
    FOUR = "4-7"
    EIGHT = "8-15"
    SIXTEEN = "16-31"
    THIRTY_TWO = "32-63"
    LONG = "64+"


class ValuePattern(Part):
    """Kind and length class of a value whose characters stayed on the device."""

    kind: ValueKind
    length: LengthClass


class Page(Part):
    """The page of a frame, without query and fragment; title redacted."""

    origin: Annotated[str, Field(max_length=300)] = ""
    path: Text = ""
    title: Text = ""


class Frame(Part):
    """A frame held by the element `owner`; `page` is null where its content cannot be read."""

    owner: Index
    page: Page | None = None


class Element(Part):
    """A visible element. `parent` is the index of an earlier element, -1 at the root.

    Of a private element (a field for a password, a payment or personal details) only its place
    is told: the words that would describe it must be absent.
    """

    parent: Annotated[int, Field(ge=-1, le=MAX_ELEMENTS)]
    tag: Label
    box: Box
    role: Label = ""
    name: Text = ""
    text: Text = ""
    type: Label = ""
    id: Annotated[str, Field(max_length=200)] = ""
    classes: Annotated[tuple[Annotated[str, Field(max_length=200)], ...], Field(max_length=50)] = ()
    states: Annotated[tuple[State, ...], Field(max_length=9)] = ()
    value: ValuePattern | None = None
    color: Colour | None = None
    background: Colour | None = None
    fill: Colour | None = None
    """What an SVG shape or glyph is painted with."""
    value_at: tuple[Index, Index] | None = None
    """Where in the instruction the characters of the value stand, start and end; never they."""
    said_at: tuple[Index, Index] | None = None
    """Where the words of `text` or else `name` stand in the instruction, if they are masked here.

    A recorder masks words that may be private; this tells, all the same, which are meant.
    """
    frame: Annotated[int, Field(ge=0, le=1_000)] = 0
    shadow: bool = False
    private: bool = False


class Observation(Part):
    """The visible elements of the page, parents before children, in document order."""

    page: Page = Page()
    width: Annotated[int, Field(ge=0, le=100_000)] = 0
    height: Annotated[int, Field(ge=0, le=100_000)] = 0
    frames: Annotated[tuple[Frame, ...], Field(max_length=1_000)] = ()
    elements: Annotated[tuple[Element, ...], Field(max_length=MAX_ELEMENTS)]

    @model_validator(mode="after")
    def _is_a_tree(self) -> "Observation":
        depths: list[int] = []
        frames = len(self.frames)
        for index, element in enumerate(self.elements):
            parent = element.parent
            if parent >= index:
                raise ValueError(f"elements[{index}].parent does not come before it")
            depth = depths[parent] + 1 if parent >= 0 else 0
            if depth > MAX_TREE_DEPTH:
                raise ValueError(f"elements[{index}] is nested deeper than {MAX_TREE_DEPTH} levels")
            if element.private and _describes(element):
                raise ValueError(f"elements[{index}] is private and must not be described")
            if element.frame > frames:
                raise ValueError(f"elements[{index}].frame is not among frames")
            depths.append(depth)
        for index, frame in enumerate(self.frames):
            if frame.owner >= len(self.elements):
                raise ValueError(f"frames[{index}].owner is not among elements")
        return self


def _describes(element: Element) -> bool:
    words = element.name or element.text or element.type or element.id or element.classes
    spans = element.value_at or element.said_at
    return bool(words) or element.value is not None or spans is not None
