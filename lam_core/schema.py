"""The Workflow: recorded work as the extension, the importer, the service and the model see it.

A workflow is a list of steps. Each step names the observation of the page *before* the action,
the action, and the element it hit. Observations are leak-free: they hold nothing that only the
person's own pointer or scrolling caused (no hover state, no scroll position, geometry relative
to the document). Typed text is never carried: a reference says where the characters stood, a
pattern says of what kind they were.

Times are milliseconds since the start of the recording, geometry is CSS pixels, both integers,
so every workflow has canonical JSON and a content hash. Documents of earlier versions are
brought up to date while they are read (lam_core/upgrade.py); their content hash stays.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from pydantic import Field, ValidationError, model_validator
from pydantic.json_schema import GenerateJsonSchema

from lam_core.canonical import digest_bytes
from lam_core.observation import Element, Index, Name, Observation, Part, Text, ValuePattern
from lam_core.steps import (
    AnyStep,
    InstructionText,
    ParameterText,
    Press,
    Select,
    Step,
    TextReference,
    Type,
)
from lam_core.upgrade import VERSION as SCHEMA_VERSION
from lam_core.upgrade import earliest_version, upgrade

MAX_BODY_BYTES = 32 * 1024 * 1024
# How many workflows one request carries.
MAX_BATCH = 100
MAX_OBSERVATIONS = 4_000
MAX_STEPS = 4_000
MAX_SCHEMA_ERRORS = 20


class Source(StrEnum):
    """Where a workflow comes from; samples are the project's own scripted recordings."""

    EXTENSION = "extension"
    MINIWOB = "miniwob"
    SAMPLE = "sample"


class Parameter(Part):
    """A named input of the task; its value stays on the device."""

    name: Name
    pattern: ValuePattern


class Task(Part):
    """What was to be done: a name shared by all who do it, and the redacted instruction."""

    name: Name
    instruction: Text = ""
    parameters: Annotated[tuple[Parameter, ...], Field(max_length=100)] = ()


class Workflow(Part):
    """One recording. The id is made by the client before sending, so sending twice is harmless.

    `outcome` is the observation after the last action, from which a verifier may tell whether
    the goal was reached; null where the source format ends with the action.
    """

    schema_version: Literal[2]
    id: UUID
    source: Source
    task: Task
    recorder: Annotated[str, Field(max_length=100)] = ""
    pointer: Literal["unknown", "mouse", "touch", "pen"] = "unknown"
    observations: Annotated[tuple[Observation, ...], Field(max_length=MAX_OBSERVATIONS)]
    steps: Annotated[tuple[AnyStep, ...], Field(min_length=1, max_length=MAX_STEPS)]
    outcome: Index | None = None

    @model_validator(mode="after")
    def _steps_fit(self) -> "Workflow":
        if self.outcome is not None and self.outcome >= len(self.observations):
            raise ValueError("outcome is not among observations")
        before = 0
        names = {parameter.name for parameter in self.task.parameters}
        for index, step in enumerate(self.steps):
            for part, message in self._misfits(step, before, names):
                raise ValueError(f"steps[{index}].{part} {message}")
            before = step.at
        return self

    @model_validator(mode="after")
    def _values_fit(self) -> "Workflow":
        length = len(self.task.instruction)
        for number, observation in enumerate(self.observations):
            for index, element in enumerate(observation.elements):
                for part in ("value_at", "said_at"):
                    span = getattr(element, part)
                    if span is not None and not span[0] < span[1] <= length:
                        path = f"observations[{number}].elements[{index}].{part}"
                        raise ValueError(f"{path} is not a span of the instruction")
        return self

    def _misfits(self, step: AnyStep, before: int, names: set[str]) -> Iterator[tuple[str, str]]:
        if step.observation >= len(self.observations):
            yield "observation", "is not among observations"
            return
        elements = self.observations[step.observation].elements
        yield from _time_misfits(step, before)
        for part in ("target", "drop", "option"):
            position = getattr(step, part, None)
            if position is not None and position >= len(elements):
                yield part, "is not among the elements of the observation"
        if isinstance(step, Type) and step.target is not None:
            yield from _private_misfits(step, elements, step.target)
        if isinstance(step, Type | Select) and step.text is not None:
            yield from _text_misfits(step.text, self.task, elements, names)

    def document(self) -> dict[str, Any]:
        """The workflow as JSON values, defaults left out: one document per workflow."""
        document: dict[str, Any] = orjson.loads(self.to_json())
        return document

    def to_json(self) -> bytes:
        """The shortest JSON that `parse_workflow` reads back as an equal workflow."""
        return self.model_dump_json(exclude_defaults=True).encode()

    def digest(self) -> str:
        """Content hash of the document in the earliest version that can say it.

        So it stays when a stored workflow is brought up to date. An operator's attestation
        signs it.
        """
        return body_digest(self.to_json())


def body_digest(body: bytes) -> str:
    """The `digest` of the workflow whose `to_json` made these bytes."""
    document = orjson.loads(body)
    document["schema_version"] = earliest_version(document)
    # Keys are ASCII and values integers and strings: orjson's order is that of RFC 8785.
    return digest_bytes(orjson.dumps(document, option=orjson.OPT_SORT_KEYS))


class SchemaError(ValueError):
    """The document is no workflow; `errors` are (path, message) pairs, at most 20 of them."""

    def __init__(self, errors: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{path or 'workflow'}: {text}" for path, text in errors))
        self.errors = errors


def parse_workflow(data: bytes | str | dict[str, Any]) -> Workflow:
    """Read a workflow of any version from JSON bytes or a document of JSON values.

    Raises SchemaError, whose errors name the fields: wrong types, floats, unknown fields,
    anything over the bounds above, times that run backwards, references that lead nowhere.
    """
    body = orjson_bytes(data) if isinstance(data, dict) else data
    if len(body) > MAX_BODY_BYTES:
        raise SchemaError([("", f"larger than {MAX_BODY_BYTES} bytes")])
    try:
        return Workflow.model_validate_json(body)
    except ValidationError as error:
        if (older := _older(error, body)) is not None:
            return parse_workflow(upgrade(older))
        raise SchemaError(named_errors(error)) from None
    except RecursionError:
        raise SchemaError([("", "nested too deeply")]) from None


def _older(error: ValidationError, body: bytes | str) -> dict[str, Any] | None:
    """The document, when what is wrong with it is that its version is an earlier one."""
    wrong = {item["loc"] for item in error.errors(include_url=False, include_input=False)}
    if ("schema_version",) not in wrong:
        return None
    document = orjson.loads(body)
    version = document.get("schema_version")
    return document if type(version) is int and 1 <= version < SCHEMA_VERSION else None


def orjson_bytes(document: dict[str, Any]) -> bytes:
    """JSON bytes of a document, or SchemaError where it holds what JSON cannot say."""
    try:
        return orjson.dumps(document)
    except TypeError as error:
        raise SchemaError([("", str(error))]) from None


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the workflow document, from which TypeScript types are made."""
    schema = Workflow.model_json_schema(schema_generator=_WithoutFieldTitles)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


class _WithoutFieldTitles(GenerateJsonSchema):
    """A title for each field says nothing its name does not, and becomes a type in TypeScript."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


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
    yield from _edit_misfits(step)


def _edit_misfits(step: Step) -> Iterator[tuple[str, str]]:
    last = 0
    for index, edit in enumerate(step.edits if isinstance(step, Type) else ()):
        if edit.at < last:
            yield f"edits[{index}].at", "runs backwards"
        last = edit.at


def _private_misfits(
    step: Type, elements: tuple[Element, ...], target: int
) -> Iterator[tuple[str, str]]:
    if target < len(elements) and elements[target].private:
        for part in ("text", "keys", "edits"):
            if getattr(step, part):
                yield part, "must be left out: the target is private"


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
    text: TextReference,
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


def named_errors(error: ValidationError) -> list[tuple[str, str]]:
    """What is wrong with a document as (path, message), at most MAX_SCHEMA_ERRORS."""
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
    named = ("steps[", "elements[", "frames[", "observations[", "observation.", "done[")
    if first.startswith(named) or first == "outcome":
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
