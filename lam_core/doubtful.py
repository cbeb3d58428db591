"""Examples from which a model learns when to leave a page alone, made from what people recorded.

What was decided is taken out of the page together with everything that says the same: no "Yes"
button, no field to type into. A person would stop there; a model that only ever saw pages on which
something was right has to be shown. So that it is not the wording of a few tasks that it learns
this by, pages are also asked plainly for something that they hold, and for the same without it.
"""

from collections.abc import Iterator
from random import Random

from lam_core.examples import FUNCTION_WORDS, Decided, Example, decisions_of
from lam_core.features import Kind, featurise, read
from lam_core.nodes import Page, is_text_field
from lam_core.observation import Element, Observation
from lam_core.schema import Workflow
from lam_core.words import words_of

PER_WORKFLOW = 2
"""Of each kind: as it was asked, and asked plainly."""
PLAINLY = (
    "{}",
    "Click {}",
    "Click on {}.",
    'Click on "{}".',
    "Press {}",
    'Press "{}".',
    "Open {}",
    "Open {}.",
    "Go to {}",
    "Choose {}",
    'Select "{}"',
    "Please press {} now",
    "I want to see {}",
    "Show me {}",
)
LONGEST = 5
"""Words by which something is asked for plainly."""


def doubtful_of(workflow: Workflow) -> Iterator[Example]:
    """Examples for doubt alone; without any right answer where the page holds nothing asked for."""
    random = Random(workflow.id.int)  # noqa: S311 - not for secrets
    decisions = list(decisions_of(workflow))
    random.shuffle(decisions)
    yield from _as_asked(workflow.task.instruction, decisions)
    for decided in decisions[:PER_WORKFLOW]:
        yield from _plainly(decided.page, random)


def _as_asked(instruction: str, decisions: list[Decided]) -> Iterator[Example]:
    made = 0
    for decided in decisions:
        page = _emptied(instruction, decided)
        if page is None:
            continue
        yield Example(featurise(instruction, page, decided.past), [], None)
        made += 1
        if made == PER_WORKFLOW:
            return


def _plainly(page: Page, random: Random) -> Iterator[Example]:
    """One thing on the page asked for by what it says; the same without it."""
    asked_for = [
        position
        for position, node in enumerate(page.nodes)
        if 1 <= len(node.words) <= LONGEST and not is_text_field(node.element)
    ]
    if not asked_for:
        return
    node = page.nodes[random.choice(asked_for)]
    instruction = random.choice(PLAINLY).format(node.text)
    words = set(node.words)
    shown = read(instruction, page.observation)
    right = [p for p, each in enumerate(shown.nodes) if words <= set(each.words)]
    if right:
        correct = [(position, Kind.CLICK) for position in right]
        yield Example(featurise(instruction, shown, ()), correct, None)
    dropped = {each.index for each in page.nodes if not words.isdisjoint(each.words)}
    emptied = read(instruction, without(page.observation, dropped))
    if emptied.nodes:
        yield Example(featurise(instruction, emptied, ()), [], None)


def _emptied(instruction: str, decided: Decided) -> Page | None:
    """The page without what could be meant; None where that cannot be told, or nothing is left."""
    asked = frozenset(words_of(instruction))
    dropped: set[int] = set()
    for position, kind in decided.correct:
        meant = _meant(decided.page, position, kind, asked)
        if not meant:
            return None
        dropped |= meant
    page = read(instruction, without(decided.page.observation, dropped))
    return page if page.nodes else None


def _meant(page: Page, position: int, kind: Kind, asked: frozenset[str]) -> set[int]:
    """The elements that an action could be meant for as well as for the one it was done on."""
    nodes = page.nodes
    if kind in (Kind.TYPE, Kind.ENTER):
        return {node.index for node in nodes if is_text_field(node.element)}
    if kind is Kind.SELECT:
        return {node.index for node in nodes if node.kind == nodes[position].kind}
    words = set(nodes[position].words)
    if telling := (words & asked) - FUNCTION_WORDS:
        return {node.index for node in nodes if not telling.isdisjoint(node.words)}
    # A button that says "Submit" is called by name where the instruction says nothing more of it.
    if words and words <= asked:
        return {node.index for node in nodes if words <= set(node.words)}
    return set()


def without(observation: Observation, dropped: set[int]) -> Observation:
    """The observation without elements and all that is in them."""
    moved: dict[int, int] = {-1: -1}
    kept: list[Element] = []
    for index, element in enumerate(observation.elements):
        if index in dropped or element.parent not in moved:
            continue
        moved[index] = len(kept)
        kept.append(element.model_copy(update={"parent": moved[element.parent]}))
    frames = tuple(
        frame.model_copy(update={"owner": moved[frame.owner]})
        if frame.owner in moved
        else frame.model_copy(update={"owner": 0})
        for frame in observation.frames
    )
    return observation.model_copy(update={"elements": tuple(kept), "frames": frames})
