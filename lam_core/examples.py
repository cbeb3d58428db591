"""From a workflow to examples: before each action that did something, what a model should do.

Where the order of actions does not matter (ticking boxes), every one that is still to be done
is a right answer. Clicking into a field before typing is part of typing; moving between fields
with Tab is part of what follows; scrolling is left to whoever carries an action out.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

from lam_core.features import Features, Kind, Past, featurise, read
from lam_core.graphics import COLOUR_WORDS, colour_words, is_graphic
from lam_core.meaning import CONTAINERS
from lam_core.nodes import KINDS, Page, is_text_field, read_page, signature
from lam_core.observation import Element, Observation, State, ValueKind
from lam_core.references import pattern_of
from lam_core.schema import Workflow
from lam_core.steps import AnyStep, Click, InstructionText, NamedKey, PressKey, Select, Type
from lam_core.words import Token, tokens_of, words_of

PALETTE = ("#ff0000", "#008000", "#0000ff", "#00ffff", "#000000", "#ff00ff", "#ffff00")
"""Colours that shapes get whose own colour the recording does not know."""

_BUTTON, _LINK, _TOGGLE, _OPTION = (KINDS.index(k) for k in ("button", "link", "toggle", "option"))
FUNCTION_WORDS = frozenset(
    words_of(
        "select choose pick enter type click press hit the a an from in into with of as to and on "
        "for list field text box button scroll dropdown option value item submit"
    )
)


@dataclass(slots=True)
class Example:
    """One decision and its right answers.

    `correct` are (node, Kind) pairs; none where the page holds nothing of what is asked for.
    `span` are the first and last token of the instruction to type or select, None for actions
    without text.
    """

    features: Features
    correct: list[tuple[int, Kind]]
    span: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Decided:
    """What a person decided: on which page, after what, and what else would have been right."""

    page: Page
    past: tuple[Past, ...]
    correct: list[tuple[int, Kind]]
    span: tuple[int, int] | None


@dataclass(slots=True)
class _Act:
    """A step reduced to what the model can do, on the page it was done on."""

    kind: Kind
    observation: int
    element: int
    span: tuple[int, int] | None = None
    text: str = ""


def examples_of(workflow: Workflow) -> Iterator[Example]:
    """The examples a workflow gives; none when it holds nothing the model can do."""
    instruction = workflow.task.instruction
    for each in decisions_of(workflow):
        yield Example(featurise(instruction, each.page, each.past), each.correct, each.span)


def decisions_of(workflow: Workflow) -> Iterator[Decided]:
    """The decisions of a workflow that a model can learn from."""
    observations = _painted(workflow)
    pages = [read(workflow.task.instruction, observation) for observation in observations]
    acts = _acts(workflow, pages)
    past: list[Past] = []
    for position, act in enumerate(acts):
        page = pages[act.observation]
        correct = [(page.positions[act.element], act.kind)]
        correct += _exchangeable(acts, position, pages)
        if act.kind is Kind.CLICK or act.kind is Kind.ENTER or act.span is not None:
            yield Decided(page, tuple(past), sorted(set(correct)), act.span)
        following = acts[position + 1].observation if position + 1 < len(acts) else None
        changed = following != act.observation
        past.append(Past(act.kind, page.observation.elements[act.element], changed, act.text))


@dataclass(frozen=True, slots=True)
class Recorded:
    """A step as the model could do it: on which element of which observation, with what text."""

    kind: Kind
    observation: Observation
    element: int
    text: str


def recorded_acts(workflow: Workflow) -> list[Recorded]:
    """The steps of a workflow that did something, reduced to what the model can do."""
    pages = [read(workflow.task.instruction, page) for page in workflow.observations]
    return [
        Recorded(act.kind, workflow.observations[act.observation], act.element, act.text)
        for act in _acts(workflow, pages)
    ]


def _acts(workflow: Workflow, pages: Sequence[Page]) -> list[_Act]:
    acts: list[_Act] = []
    for step in workflow.steps:
        act = _act(workflow, step, pages[step.observation])
        if act is None:
            continue
        last = acts[-1] if acts else None
        if last and _same_field(last, act, pages):
            # Clicking into a field, or correcting what was typed, is part of the last typing.
            if act.kind is Kind.TYPE:
                acts[-1] = replace(act, observation=last.observation, element=last.element)
            continue
        if last and _repeats(last, act, pages):
            continue
        acts.append(act)
    return acts


def _same_field(last: _Act, act: _Act, pages: Sequence[Page]) -> bool:
    before, now = _element(last, pages), _element(act, pages)
    if not is_text_field(before) or act.kind is Kind.ENTER:
        return False
    return _place(before) == _place(now)


def _repeats(last: _Act, act: _Act, pages: Sequence[Page]) -> bool:
    """Whether a click repeats one that changed nothing; stepping buttons are meant repeatedly."""
    page = pages[act.observation]
    if last.kind is act.kind is Kind.SELECT:
        return _place(_element(last, pages)) == _place(_element(act, pages))
    stepping = page.nodes[page.positions[act.element]].kind == _LINK
    same = last.observation == act.observation and last.element == act.element
    return same and last.kind is act.kind and not stepping


def _element(act: _Act, pages: Sequence[Page]) -> Element:
    return pages[act.observation].observation.elements[act.element]


def _place(element: Element) -> tuple[object, ...]:
    return element.tag, element.id, element.box


def _act(workflow: Workflow, step: AnyStep, page: Page) -> _Act | None:
    if step.target is None:
        return None
    if isinstance(step, Click):
        return _click(step, page)
    if isinstance(step, Type):
        span, text = _typed(workflow, step, page)
        return _at(page, step.target, Kind.TYPE, step.observation, span, text)
    if isinstance(step, Select):
        return _selected(workflow, step, page)
    if isinstance(step, PressKey):
        return _pressed(step, page)
    return None


def _at(
    page: Page,
    element: int,
    kind: Kind,
    observation: int,
    span: tuple[int, int] | None = None,
    text: str = "",
    point: tuple[int, int] | None = None,
) -> _Act | None:
    position = page.node_at(element, point)
    if position < 0:
        return None
    return _Act(kind, observation, page.nodes[position].index, span, text)


def _click(step: Click, page: Page) -> _Act | None:
    element = page.observation.elements[step.target or 0]
    own = page.positions[step.target or 0] >= 0
    if not own and (element.tag == "body" or _is_backdrop(element, page)):
        return None
    act = _at(page, step.target or 0, Kind.CLICK, step.observation, point=step.point)
    if act and page.nodes[page.positions[act.element]].element.tag == "select":
        return None
    return act


def _is_backdrop(element: Element, page: Page) -> bool:
    wide = element.box[2] >= 0.9 * page.observation.width
    return element.tag in CONTAINERS and wide and element.box[3] > page.observation.height / 2


def _pressed(step: PressKey, page: Page) -> _Act | None:
    element = page.observation.elements[step.target or 0]
    if is_text_field(element):
        if step.key is NamedKey.ENTER:
            return _at(page, step.target or 0, Kind.ENTER, step.observation)
        return None
    if step.key in (NamedKey.ENTER, NamedKey.SPACE):
        return _at(page, step.target or 0, Kind.CLICK, step.observation)
    return None


def _selected(workflow: Workflow, step: Select, page: Page) -> _Act | None:
    if step.option is not None:
        return _at(page, step.option, Kind.CLICK, step.observation)
    tokens = tokens_of(workflow.task.instruction)
    if isinstance(step.text, InstructionText):
        span = _covering(tokens, step.text.start, step.text.end)
    else:
        span = _nameless_span(tokens, page)
    text = _text_of(workflow, tokens, span)
    return _at(page, step.target or 0, Kind.SELECT, step.observation, span, text)


def _typed(workflow: Workflow, step: Type, page: Page) -> tuple[tuple[int, int] | None, str]:
    tokens = tokens_of(workflow.task.instruction)
    if isinstance(step.text, InstructionText):
        span = _covering(tokens, step.text.start, step.text.end)
    else:
        span = _span_of_kind(workflow.task.instruction, tokens, step.pattern.kind)
    return span, _text_of(workflow, tokens, span)


def _text_of(workflow: Workflow, tokens: Sequence[Token], span: tuple[int, int] | None) -> str:
    if span is None:
        return ""
    return workflow.task.instruction[tokens[span[0]].start : tokens[span[1]].end]


def _covering(tokens: Sequence[Token], start: int, end: int) -> tuple[int, int] | None:
    """The first and last token that the characters [start, end) touch."""
    touched = [i for i, token in enumerate(tokens) if token.start < end and start < token.end]
    return (touched[0], touched[-1]) if touched else None


def _span_of_kind(
    instruction: str, tokens: Sequence[Token], kind: ValueKind
) -> tuple[int, int] | None:
    """The only words of the instruction that are a date or time, when one of that kind was typed.

    Fields for them hold another order of the same numbers, so no reference was found.
    """
    if kind not in (ValueKind.DATE, ValueKind.TIME):
        return None
    found: list[tuple[int, int]] = []
    for first in range(len(tokens)):
        for last in range(min(first + 5, len(tokens)) - 1, first + 1, -1):
            text = instruction[tokens[first].start : tokens[last].end]
            if pattern_of(text).kind is kind and not (found and first <= found[-1][1]):
                found.append((first, last))
                break
    return found[0] if len(found) == 1 else None


def _nameless_span(tokens: Sequence[Token], page: Page) -> tuple[int, int] | None:
    """The longest run of words that neither the page says nor any such instruction is made of.

    Recordings of closed lists do not know what was chosen; it can only have been this.
    """
    said = {word for node in page.nodes for word in node.words}
    runs: list[tuple[int, int]] = []
    for index, token in enumerate(tokens):
        if token.word in said or token.word in FUNCTION_WORDS or token.word in ".!?":
            continue
        if runs and runs[-1][1] == index - 1:
            runs[-1] = (runs[-1][0], index)
        else:
            runs.append((index, index))
    return max(runs, key=lambda run: run[1] - run[0]) if runs else None


def _exchangeable(
    acts: Sequence[_Act], position: int, pages: Sequence[Page]
) -> list[tuple[int, Kind]]:
    """Later clicks of the same kind that might as well be made now."""
    act = acts[position]
    if act.kind is not Kind.CLICK or not _marks_only_itself(acts, position, pages):
        return []
    page = pages[act.observation]
    places = {_place(node.element): at for at, node in enumerate(page.nodes)}
    run: Counter[int] = Counter()
    for later in range(position + 1, len(acts)):
        element = _element(acts[later], pages)
        own = _element(act, pages)
        if acts[later].kind is not Kind.CLICK or element.tag != own.tag or element.type != own.type:
            break
        at = places.get(_place(element))
        if at is not None:
            run[at] += 1
        if not _marks_only_itself(acts, later, pages):
            break
    return [(at, Kind.CLICK) for at, times in run.items() if times == 1]


def _marks_only_itself(acts: Sequence[_Act], position: int, pages: Sequence[Page]) -> bool:
    """Whether a click changed the clicked element and nothing else on the page."""
    if position + 1 >= len(acts):
        return False
    act, following = acts[position], acts[position + 1]
    page = pages[act.observation]
    kind = page.nodes[page.positions[act.element]].kind
    if kind in (_BUTTON, _LINK, _OPTION) or act.observation == following.observation:
        return False
    before = page.observation.elements
    after = pages[following.observation].observation.elements
    if len(before) != len(after):
        return False
    return all(
        index == act.element or page.positions[index] < 0 or _unfocused(a) == _unfocused(b)
        for index, (a, b) in enumerate(zip(before, after, strict=True))
    )


def _unfocused(element: Element) -> tuple[object, ...]:
    states = tuple(state for state in element.states if state is not State.FOCUSED)
    return element.tag, element.text, element.classes, element.box, states, element.background


def _painted(workflow: Workflow) -> tuple[Observation, ...]:
    """The observations, with colours for drawings whose recording does not know them.

    The colours are drawn at random, but such that what was clicked fits the instruction: a red
    item that was clicked with success was red, and of three blue ones three are blue.
    """
    observations = workflow.observations
    drawings = [
        index
        for index in range(len(observations[0].elements) if observations else 0)
        if is_graphic(observations[0].elements, index)
    ]
    if not drawings or any(observations[0].elements[index].fill for index in drawings):
        return observations
    random = Random(workflow.id.int)  # noqa: S311 - not for secrets
    fills = _fills(workflow, drawings, random)
    return tuple(_paint(observation, fills) for observation in observations)


def _paint(observation: Observation, fills: dict[tuple[object, ...], str]) -> Observation:
    elements = tuple(
        element.model_copy(update={"fill": fills[signature(element)]})
        if signature(element) in fills
        else element
        for element in observation.elements
    )
    return observation.model_copy(update={"elements": elements})


def _fills(
    workflow: Workflow, drawings: Sequence[int], random: Random
) -> dict[tuple[object, ...], str]:
    elements = workflow.observations[0].elements
    wanted = [
        colour
        for colour in PALETTE
        if set(words_of(workflow.task.instruction)) & COLOUR_WORDS & set(colour_words(colour))
    ]
    if not wanted:
        return {signature(elements[index]): random.choice(PALETTE) for index in drawings}
    others = [colour for colour in PALETTE if colour != wanted[0]]
    fills = {signature(elements[index]): random.choice(others) for index in drawings}
    for index in _of_wanted_colour(workflow, drawings, random):
        fills[signature(elements[index])] = wanted[0]
    return fills


def _of_wanted_colour(workflow: Workflow, drawings: Sequence[int], random: Random) -> list[int]:
    """The drawings that must have had the colour asked for: the clicked, or as many as told."""
    last = workflow.steps[-1]
    if last.target is None:
        return []
    elements = workflow.observations[0].elements
    target = workflow.observations[last.observation].elements[last.target]
    matching = [i for i in drawings if signature(elements[i]) == signature(target)]
    if matching:
        return matching
    if not target.text.isdigit():
        return []
    page = read_page(workflow.observations[0])
    words = [word.removesuffix("s") for word in words_of(workflow.task.instruction)]
    other_qualities = set(words) - COLOUR_WORDS
    asked = other_qualities & {w for node in page.nodes for w in node.derived}
    fitting = [
        node.index for node in page.nodes if node.index in set(drawings) and asked <= node.derived
    ]
    literal = [i for i in fitting if elements[i].text.strip().lower() in words[-4:]]
    fitting = literal or fitting
    return random.sample(fitting, min(int(target.text), len(fitting)))
