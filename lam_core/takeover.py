"""Where the model takes over a step of an automation whose target the anchors do not find.

The rule when it is sure enough, and when what it did stands for the step, is here alone: for the
driver (lam_core.record_once) and for the service, which is asked by the extension. A question
holds no characters that are private: what is masked in the instruction and on the page is stood in
for by made-up words, the same in both, so that the model can still tell what belongs together.
"""

import re
from collections.abc import Iterator
from hashlib import blake2b
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from lam_core.act_types import Action, Decision, Done, Goal, Policy
from lam_core.observation import Element, Index, Label, Observation, Part
from lam_core.schema import SchemaError, named_errors
from lam_core.steps import InstructionText, Modifier, NamedKey

CONFIDENCE = 0.2
"""What a decision needs to be carried out."""

MAX_DONE = 200
_MASKED = re.compile(r"[*#]+")
_EMPTY = Observation(elements=())

Kind = Literal["click", "drag", "type", "select", "press", "navigate"]
ChosenKind = Literal["click", "type", "select", "press", "finish"]


def is_sure(decision: Decision, confidence: float = CONFIDENCE) -> bool:
    """Whether a decision may be carried out."""
    return decision.action.kind != "stop" and decision.confidence >= confidence


def stands_for(action: Action, element: Element | None, *, kind: str, tag: str | None) -> bool:
    """Whether an action is of a step's kind, on the same kind of element (None: on any)."""
    return action.kind == kind and (element is None or tag is None or element.tag == tag)


class Wanted(Part):
    """The step whose target was not found: what it does, and the tag of what it was done to."""

    kind: Kind
    tag: Label | None = None


class Before(Part):
    """A step that was done: to which element, as it was then described; typed text as a span."""

    kind: Kind
    element: Element
    key: NamedKey | None = None
    text: InstructionText | None = None


class Question(Part):
    """What the model is asked. Spans are code points of the instruction, which may be masked."""

    instruction: Annotated[str, Field(min_length=1, max_length=2_000)]
    observation: Observation
    step: Wanted
    done: Annotated[tuple[Before, ...], Field(max_length=MAX_DONE)] = ()

    @model_validator(mode="after")
    def _spans_fit(self) -> "Question":
        for path, span in self._spans():
            if span is not None and not span[0] < span[1] <= len(self.instruction):
                raise ValueError(f"{path} is not a span of the instruction")
        return self

    def _spans(self) -> Iterator[tuple[str, tuple[int, int] | None]]:
        elements = [
            (f"observation.elements[{i}]", e) for i, e in enumerate(self.observation.elements)
        ]
        elements += [(f"done[{i}].element", before.element) for i, before in enumerate(self.done)]
        for path, element in elements:
            yield f"{path}.value_at", element.value_at
            yield f"{path}.said_at", element.said_at
        for index, before in enumerate(self.done):
            if before.text is not None:
                yield f"done[{index}].text", (before.text.start, before.text.end)


class Chosen(Part):
    """What to do, on which element of the observation; text is a span of the instruction."""

    kind: ChosenKind
    target: Index | None = None
    key: NamedKey | None = None
    modifiers: tuple[Modifier, ...] = ()
    text: tuple[Index, Index] | None = None


class Answer(Part):
    """The action, null where the model is unsure; whether it is what the step would have done."""

    action: Chosen | None
    confidence: Annotated[float, Field(ge=0, le=1)]
    stands_for_step: bool = False


def parse_question(data: bytes) -> Question:
    """Read a question from JSON. Raises SchemaError, whose errors name the fields."""
    try:
        return Question.model_validate_json(data)
    except ValidationError as error:
        raise SchemaError(named_errors(error)) from None
    except RecursionError:
        raise SchemaError([("", "nested too deeply")]) from None


def answer(question: Question, policy: Policy) -> Answer:
    """What a policy would do. Pure, as the policy is."""
    instruction = with_stand_ins(question.instruction)
    shown = question.observation
    elements = tuple(_said(element, instruction) for element in shown.elements)
    observation = shown.model_copy(update={"elements": elements})
    history = tuple(_done(before, instruction) for before in question.done)
    decision = policy.decide(Goal(instruction), observation, history)
    action, confidence = decision.action, min(1.0, decision.confidence)
    if not is_sure(decision):
        return Answer(action=None, confidence=confidence)
    element = None if action.target is None else elements[action.target]
    if element is not None and element.private:
        return Answer(action=None, confidence=confidence)
    step = question.step
    chosen = _chosen(action, instruction)
    stands = stands_for(action, element, kind=step.kind, tag=step.tag)
    return Answer(action=chosen, confidence=confidence, stands_for_step=stands)


def with_stand_ins(instruction: str) -> str:
    """The instruction with a made-up word, as long, for every masked one."""
    return _MASKED.sub(lambda found: _made_up(found.start(), len(found[0])), instruction)


def _made_up(place: int, length: int) -> str:
    """Letters that are no word, the same for the same place."""
    digest = blake2b(str(place).encode(), digest_size=32).digest()
    letters = "".join("qxzjkvwy"[byte % 8] for byte in digest)
    return (letters * (length // len(letters) + 1))[:length]


def _said(element: Element, instruction: str) -> Element:
    """An element with the words that stand in the instruction instead of masked ones."""
    if element.said_at is None:
        return element
    words = instruction[slice(*element.said_at)]
    field = "text" if element.text else "name"
    return element.model_copy(update={field: words})


def _done(before: Before, instruction: str) -> Done:
    """A step as policies are told; what else the page showed then is not known."""
    text = "" if before.text is None else instruction[before.text.start : before.text.end]
    # "drag" and "navigate" mean nothing to a policy that was never told where to.
    action = Action(before.kind, text=text, key=before.key)
    return Done(action, _said(before.element, instruction), changed=True, observation=_EMPTY)


def _chosen(action: Action, instruction: str) -> Chosen:
    start = instruction.find(action.text) if action.text else -1
    return Chosen.model_validate(
        {
            "kind": action.kind,
            "target": action.target,
            "key": action.key,
            "modifiers": action.modifiers,
            "text": (start, start + len(action.text)) if start >= 0 else None,
        }
    )
