"""The Workflow: recorded work as the extension, the importer, the service and the model see it.

A workflow is a list of steps. Each step names the observation of the page *before* the action,
the action, and the element it hit. Observations are leak-free: they hold nothing that only the
person's own pointer or scrolling caused (no hover state, no scroll position, geometry relative
to the document). Typed text is never carried: a reference says where the characters stood, a
pattern says of what kind they were.

Times are milliseconds since the start of the recording, geometry is CSS pixels, both integers,
so every workflow has canonical JSON and a content hash.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lam_core.canonical import digest_bytes

SCHEMA_VERSION = 1
MAX_BODY_BYTES = 32 * 1024 * 1024
MAX_ELEMENTS = 5_000
MAX_OBSERVATIONS = 4_000
MAX_STEPS = 4_000
MAX_TREE_DEPTH = 256
MAX_KEYS = 5_000
MAX_POINTER_SAMPLES = 20_000
MAX_SCHEMA_ERRORS = 20
MAX_TIME_MS = 24 * 60 * 60 * 1000

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


class Source(StrEnum):
    """Where a workflow comes from; samples are the project's own scripted recordings."""

    EXTENSION = "extension"
    MINIWOB = "miniwob"
    SAMPLE = "sample"


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


class Part(BaseModel):
    """What every part of the schema keeps to: immutable, unknown fields refused."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class ValuePattern(Part):
    """Kind and length class of a value whose characters stayed on the device."""

    kind: ValueKind
    length: LengthClass


class Parameter(Part):
    """A named input of the task; its value stays on the device."""

    name: Name
    pattern: ValuePattern


class Task(Part):
    """What was to be done: a name shared by all who do it, and the redacted instruction."""

    name: Name
    instruction: Text = ""
    parameters: Annotated[tuple[Parameter, ...], Field(max_length=100)] = ()


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
    """A visible element. `parent` is the index of an earlier element, -1 at the root."""

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
    frame: Annotated[int, Field(ge=0, le=1_000)] = 0
    shadow: bool = False


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
            if element.frame > frames:
                raise ValueError(f"elements[{index}].frame is not among frames")
            depths.append(depth)
        for index, frame in enumerate(self.frames):
            if frame.owner >= len(self.elements):
                raise ValueError(f"frames[{index}].owner is not among elements")
        return self


class Press(Part):
    """A button or key going down and, unless the page went away first, up again."""

    down: Milliseconds
    up: Milliseconds | None = None


class Key(Press):
    """A key press of a kind; together they are the rhythm of typing."""

    kind: KeyKind


class InstructionText(Part):
    """Typed characters [start, end) of the instruction, after `transform`."""

    source: Literal["instruction"]
    start: Index
    end: Index
    transform: Literal["none", "lower", "upper", "digits"] = "none"


class ElementText(Part):
    """Typed characters [start, end) of a text of an element of the step's observation."""

    source: Literal["element"]
    element: Index
    field: Literal["text", "name"] = "text"
    start: Index
    end: Index
    transform: Literal["none", "lower", "upper", "digits"] = "none"


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
    """Entering text into the target. `keys` is the rhythm; pasted text comes without keys."""

    action: Literal["type"]
    text: TextReference | None
    pattern: ValuePattern
    keys: Keys
    pasted: bool = False


class PressKey(Step):
    """Pressing a named key that enters no text, once or several times."""

    action: Literal["press"]
    key: KeyKind
    keys: Annotated[tuple[Key, ...], Field(min_length=1, max_length=MAX_KEYS)]
    modifiers: Modifiers = ()


class Select(Step):
    """Choosing an option of a list; `option` is its element where the observation shows it."""

    action: Literal["select"]
    option: Index | None
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


class Workflow(Part):
    """One recording. The id is made by the client before sending, so sending twice is harmless."""

    schema_version: Literal[1]
    id: UUID
    source: Source
    task: Task
    recorder: Annotated[str, Field(max_length=100)] = ""
    pointer: Literal["unknown", "mouse", "touch", "pen"] = "unknown"
    observations: Annotated[tuple[Observation, ...], Field(max_length=MAX_OBSERVATIONS)]
    steps: Annotated[tuple[AnyStep, ...], Field(min_length=1, max_length=MAX_STEPS)]

    @model_validator(mode="after")
    def _steps_fit(self) -> "Workflow":
        before = 0
        names = {parameter.name for parameter in self.task.parameters}
        for index, step in enumerate(self.steps):
            for part, message in self._misfits(step, before, names):
                raise ValueError(f"steps[{index}].{part} {message}")
            before = step.at
        return self

    def _misfits(self, step: "AnyStep", before: int, names: set[str]) -> Iterator[tuple[str, str]]:
        if step.observation >= len(self.observations):
            yield "observation", "is not among observations"
            return
        elements = self.observations[step.observation].elements
        yield from _time_misfits(step, before)
        for part in ("target", "drop", "option"):
            position = getattr(step, part, None)
            if position is not None and position >= len(elements):
                yield part, "is not among the elements of the observation"
        if isinstance(step, Type) and step.text is not None:
            yield from _text_misfits(step.text, self.task, elements, names)

    def document(self) -> dict[str, Any]:
        """The workflow as JSON values, defaults left out: one document per workflow."""
        document: dict[str, Any] = orjson.loads(self.to_json())
        return document

    def to_json(self) -> bytes:
        """The shortest JSON that `parse_workflow` reads back as an equal workflow."""
        return self.model_dump_json(exclude_defaults=True).encode()

    def digest(self) -> str:
        """Content hash of `document()`; what an operator's attestation signs."""
        # Keys are ASCII and values integers and strings: orjson's order is that of RFC 8785.
        return digest_bytes(orjson.dumps(self.document(), option=orjson.OPT_SORT_KEYS))


class SchemaError(ValueError):
    """The document is no workflow; `errors` are (path, message) pairs, at most 20 of them."""

    def __init__(self, errors: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{path or 'workflow'}: {text}" for path, text in errors))
        self.errors = errors


def parse_workflow(data: bytes | str | dict[str, Any]) -> Workflow:
    """Read a workflow from JSON bytes or a document of JSON values.

    Raises SchemaError, whose errors name the fields: wrong types, floats, unknown fields,
    anything over the bounds above, times that run backwards, references that lead nowhere.
    """
    body = orjson_bytes(data) if isinstance(data, dict) else data
    if len(body) > MAX_BODY_BYTES:
        raise SchemaError([("", f"larger than {MAX_BODY_BYTES} bytes")])
    try:
        return Workflow.model_validate_json(body)
    except ValidationError as error:
        raise SchemaError(_named_errors(error)) from None
    except RecursionError:
        raise SchemaError([("", "nested too deeply")]) from None


def orjson_bytes(document: dict[str, Any]) -> bytes:
    """JSON bytes of a document, or SchemaError where it holds what JSON cannot say."""
    try:
        return orjson.dumps(document)
    except TypeError as error:
        raise SchemaError([("", str(error))]) from None


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the workflow document, from which TypeScript types are made."""
    schema = Workflow.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _time_misfits(step: Step, before: int) -> Iterator[tuple[str, str]]:
    if step.at < before:
        yield "at", "runs backwards"
    if step.until < step.at:
        yield "until", "is before at"
    last = 0
    for sample in step.pointer:
        if sample[0] < last:
            yield "pointer", "runs backwards in time"
            break
        last = sample[0]
    yield from _press_misfits("presses", getattr(step, "presses", ()), step)
    yield from _press_misfits("keys", getattr(step, "keys", ()), step)


def _press_misfits(part: str, presses: tuple[Press, ...], step: Step) -> Iterator[tuple[str, str]]:
    last = step.at
    for index, press in enumerate(presses):
        if press.down < last:
            yield f"{part}[{index}].down", "runs backwards"
        if press.up is not None and press.up < press.down:
            yield f"{part}[{index}].up", "is before down"
        last = press.down
    if last > step.until:
        yield part, "go on after until"


def _text_misfits(
    text: InstructionText | ElementText | ParameterText,
    task: Task,
    elements: tuple[Element, ...],
    names: set[str],
) -> Iterator[tuple[str, str]]:
    if isinstance(text, ParameterText):
        if text.name not in names:
            yield "text.name", "is not among the parameters of the task"
        return
    if isinstance(text, InstructionText):
        length = len(task.instruction)
    elif text.element < len(elements):
        element = elements[text.element]
        length = len(element.text if text.field == "text" else element.name)
    else:
        yield "text.element", "is not among the elements of the observation"
        return
    if not text.start < text.end <= length:
        yield "text.end", "is not a span of the text it refers to"


def _named_errors(error: ValidationError) -> list[tuple[str, str]]:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    named = [_named(item["loc"], item["msg"]) for item in found[:MAX_SCHEMA_ERRORS]]
    # A wrong version explains everything else that is wrong.
    versions = [item for item in named if item[0] == "schema_version"]
    return versions or named


_UNION_TAGS = frozenset({"click", "drag", "type", "press", "select", "scroll", "navigate", "tab"})


def _named(location: tuple[int | str, ...], message: str) -> tuple[str, str]:
    path = ""
    for position, part in enumerate(location):
        if isinstance(part, int):
            path += f"[{part}]"
        elif not _is_union_tag(location, position):
            path += f".{part}" if path else part
    message = message.removeprefix("Value error, ")
    first, _, rest = message.partition(" ")
    if first.startswith(("steps[", "elements[", "frames[")):
        return (f"{path}.{first}" if path else first), rest
    return path, message


def _is_union_tag(location: tuple[int | str, ...], position: int) -> bool:
    """Pydantic puts the tag of a discriminated union into the path; readers do not expect it."""
    part = location[position]
    if position == 2 and location[0] == "steps" and part in _UNION_TAGS:
        return True
    return (
        position >= 1
        and location[position - 1] == "text"
        and part
        in (
            "instruction",
            "element",
            "parameter",
        )
    )
