"""From an instruction, a page and what was done so far to the arrays the model takes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from lam_core.graphics import described, rgb
from lam_core.items import Items, items_of
from lam_core.nodes import (
    KINDS,
    MAX_WORDS,
    Node,
    Page,
    is_text_field,
    read_page,
    signature,
    value_is_empty,
)
from lam_core.observation import Element, Observation, State
from lam_core.relations import MATCHES, Codes, Match, match_matrix, relations
from lam_core.words import Token, buckets_of, tokens_of

FEATURES_VERSION = 4
"""Raised when arrays change their meaning; a release says with which it was trained."""


class Kind(IntEnum):
    """What the model can do with a node."""

    CLICK = 0
    TYPE = 1
    SELECT = 2
    ENTER = 3


@dataclass(frozen=True, slots=True)
class Past:
    """A step that was taken: what, on which element as it then looked, whether it did anything."""

    kind: Kind
    element: Element
    changed: bool
    text: str = ""


@dataclass(slots=True)
class Features:
    """One decision as arrays; T = 1 + words + nodes.

    `words` and `attributes` are (n, 3) uint16: position in the sequence and the word's two
    buckets. `dense` is (T, DENSE) float16. `first` and `second` are the codes of `relations`.
    `allowed` is (nodes, kinds) bool.
    """

    tokens: tuple[Token, ...]
    page: Page
    words: np.ndarray
    attributes: np.ndarray
    dense: np.ndarray
    first: Codes
    second: Codes
    allowed: np.ndarray


_STATES = (State.FOCUSED, State.CHECKED, State.SELECTED, State.DISABLED)
_LOOK = 6 + 2 + len(KINDS) + len(_STATES) + 3 + 9 + 3
_MATCHING = MATCHES + 5
_HISTORY = 5
_TOUCHED = 4
_NUMBERS = 7
_ITEM = 3
_WORD = 11
_PAGE = 8
_WORD_AT = _PAGE
_LOOK_AT = _WORD_AT + _WORD
_MATCHING_AT = _LOOK_AT + _LOOK
_NUMBERS_AT = _MATCHING_AT + _MATCHING
_ITEM_AT = _NUMBERS_AT + _NUMBERS
HISTORY_AT = _ITEM_AT + _ITEM
"""From here to the end, and in the page's own part, stands what the history says."""
_TOUCHED_AT = HISTORY_AT + _HISTORY
WORDS_SAID = slice(_WORD_AT, _LOOK_AT)
"""What is known of a word of the instruction, and whether any node says it."""
NODE_KIND = slice(_LOOK_AT + 8, _LOOK_AT + 8 + len(KINDS))
NODE_SAYS = slice(_MATCHING_AT, _NUMBERS_AT)
"""How much of the instruction a node says."""
DENSE = _TOUCHED_AT + _TOUCHED


@dataclass(slots=True)
class _History:
    """The past as a page shows it: steps per element, the last, and typed parts of the text."""

    clicks: dict[tuple[object, ...], int] = field(default_factory=dict)
    typed: set[tuple[object, ...]] = field(default_factory=set)
    last: tuple[object, ...] | None = None
    texts: set[str] = field(default_factory=set)


def featurise(instruction: str, page: Page, past: Sequence[Past]) -> Features:
    """The arrays for one decision. Pure; `page` is what `read` made of an observation."""
    tokens = tokens_of(instruction)
    matches = match_matrix(tokens, page.nodes)
    first, second = relations(matches, page.nodes, tokens)
    history = _remember(past)
    size = 1 + len(tokens) + len(page.nodes)
    dense = np.zeros((size, DENSE), np.float32)
    _page_part(dense[0], past, len(page.nodes))
    for row, token in enumerate(tokens):
        _word_part(dense[1 + row], instruction, token, row, matches[row], history)
    _node_parts(dense[1 + len(tokens) :], instruction, page, matches, history)
    _number_parts(dense[1 + len(tokens) :], instruction, tokens, page.nodes)
    _item_parts(dense[1 + len(tokens) :], items_of(page, matches), tokens)
    return Features(
        tokens=tokens,
        page=page,
        words=_word_buckets(tokens, page.nodes),
        attributes=_attribute_buckets(len(tokens), page.nodes),
        dense=dense.astype(np.float16),
        first=first,
        second=second,
        allowed=_allowed(page.nodes),
    )


def read(instruction: str, observation: Observation) -> Page:
    """The nodes of an observation; large pages are cut to what matters for the instruction."""
    return read_page(observation, frozenset(token.word for token in tokens_of(instruction)))


def _remember(past: Sequence[Past]) -> _History:
    history = _History()
    for step in past:
        key = signature(step.element)
        if step.kind is Kind.CLICK:
            history.clicks[key] = history.clicks.get(key, 0) + 1
        else:
            history.typed.add(key)
            history.texts.add(step.text.lower())
        history.last = key
    return history


def _page_part(row: np.ndarray, past: Sequence[Past], nodes: int) -> None:
    row[0] = 1
    row[1] = min(len(past), 20) / 10
    row[2] = nodes / 100
    if past:
        row[3 + past[-1].kind] = 1
        row[7] = past[-1].changed


def _word_part(
    row: np.ndarray,
    instruction: str,
    token: Token,
    position: int,
    matches: np.ndarray,
    history: _History,
) -> None:
    part = row[_WORD_AT : _WORD_AT + _WORD]
    found = set(matches.tolist())
    part[0] = 1
    part[1] = position / 32
    part[2] = token.number is not None
    part[3] = token.month is not None
    part[4] = instruction[token.start].isupper()
    part[5] = instruction[max(0, token.start - 1)] == '"' or instruction[token.end :][:1] == '"'
    part[6] = Match.WHOLE in found
    part[7] = Match.EXACT in found
    part[8] = Match.VALUE in found
    part[9] = any(token.word in text for text in history.texts)
    part[10] = token.number is not None and token.number < 0


def _node_parts(
    rows: np.ndarray, instruction: str, page: Page, matches: np.ndarray, history: _History
) -> None:
    width = max(1, page.observation.width)
    height = max(1, page.observation.height)
    counts = np.stack([(matches == code).sum(axis=0) for code in range(MATCHES)], axis=1)
    for position, node in enumerate(page.nodes):
        row = rows[position]
        _look(row[_LOOK_AT : _LOOK_AT + _LOOK], node, width, height)
        part = row[_MATCHING_AT : _MATCHING_AT + _MATCHING]
        part[:MATCHES] = counts[position] > 0
        part[0] = 0
        shared = counts[position, 1] + counts[position, 2]
        part[MATCHES] = shared / max(1, len(node.words))
        part[MATCHES + 1] = min(shared, 8) / 4
        if shared:
            at = int(np.argmax((matches[:, position] == 1) | (matches[:, position] == 2)))
            part[MATCHES + 2] = at / 32
        part[MATCHES + 3] = bool(node.words)
        part[MATCHES + 4] = _is_quoted(node.text, instruction)
        _history_part(row[HISTORY_AT:], node.element, history)


def _is_quoted(text: str, instruction: str) -> bool:
    """Whether an instruction holds a text as it is written: matches look at small letters only."""
    return bool(text) and bool(re.search(rf"(?<!\w){re.escape(text)}(?!\w)", instruction))


def _look(part: np.ndarray, node: Node, width: int, height: int) -> None:
    element = node.element
    left, top, wide, high = element.box
    part[0] = min(max(left / width, -1), 3)
    part[1] = min(max(top / height, -1), 3)
    part[2] = min(wide / width, 2)
    part[3] = min(high / height, 2)
    part[4] = np.log1p(max(0, wide)) / 6
    part[5] = np.log1p(max(0, high)) / 6
    part[6] = min(len(node.path), 24) / 10
    part[7] = node.leaf
    part[8 + node.kind] = 1
    at = 8 + len(KINDS)
    for offset, state in enumerate(_STATES):
        part[at + offset] = state in element.states
    at += len(_STATES)
    if element.value is not None:
        part[at + value_is_empty(element)] = 1
        part[at + 2] = element.value_at is not None
    at += 3
    for colour in (element.color, element.background, element.fill):
        if colour:
            part[at : at + 3] = rgb(colour)
            part[at : at + 3] /= 255
        at += 3
    part[at] = element.background is not None
    part[at + 1] = element.fill is not None
    part[at + 2] = bool(node.derived)


def _history_part(part: np.ndarray, element: Element, history: _History) -> None:
    key = signature(element)
    clicks = history.clicks.get(key, 0)
    part[0] = clicks == 1
    part[1] = clicks > 1
    part[2] = key in history.typed
    part[3] = key == history.last
    part[4] = bool(clicks) or key in history.typed


def _item_parts(rows: np.ndarray, items: Items, tokens: tuple[Token, ...]) -> None:
    """What stands around each node in its row or card, and which of these were used already."""
    inside = np.flatnonzero(items.of_node >= 0)
    if not len(inside):
        return
    of = items.of_node[inside]
    used = np.zeros(len(items.meant), bool)
    np.logical_or.at(used, of, rows[inside, HISTORY_AT + 4] > 0)
    rows[inside, _ITEM_AT] = 1
    rows[inside, _ITEM_AT + 1] = items.meant[of]
    rows[inside, _ITEM_AT + 2] = items.chosen[of]
    rows[inside, _TOUCHED_AT] = used[of]
    count = int(used.sum())
    rows[:, _TOUCHED_AT + 1] = bool((items.chosen[~used] > 0).any())
    rows[:, _TOUCHED_AT + 2] = min(count, 10) / 5
    rows[:, _TOUCHED_AT + 3] = count > 0 and any(token.number == count for token in tokens)


def _number_parts(
    rows: np.ndarray, instruction: str, tokens: tuple[Token, ...], nodes: tuple[Node, ...]
) -> None:
    groups: dict[tuple[object, ...], list[float]] = {}
    for node in nodes:
        if node.number is not None:
            groups.setdefault(_group(node), []).append(node.number)
    fitting = described(
        instruction,
        [token.word for token in tokens],
        [node.derived for node in nodes],
        [node.text for node in nodes],
    )
    for position, node in enumerate(nodes):
        part = rows[position, _NUMBERS_AT : _NUMBERS_AT + _NUMBERS]
        if node.number is not None:
            group = groups[_group(node)]
            part[0] = 1
            part[1] = node.number < 0
            part[2] = len(group) > 1 and node.number == min(group)
            part[3] = len(group) > 1 and node.number == max(group)
            part[4] = bool(node.number == len(fitting)) and not node.derived
    drawings = sum(1 for node in nodes if node.kind == KINDS.index("drawing"))
    for position in fitting:
        rows[position, _NUMBERS_AT + 5] = 1
    if drawings:
        rows[:, _NUMBERS_AT + 6] = len(fitting) / 5


def _group(node: Node) -> tuple[object, ...]:
    return node.element.tag, node.element.classes


def _word_buckets(tokens: tuple[Token, ...], nodes: tuple[Node, ...]) -> np.ndarray:
    rows = [(1 + row, *buckets_of(token.word)) for row, token in enumerate(tokens)]
    start = 1 + len(tokens)
    for position, node in enumerate(nodes):
        said = (*node.words[:MAX_WORDS], *sorted(node.derived))
        rows.extend((start + position, *buckets_of(word)) for word in said)
    return np.array(rows, np.uint16).reshape(-1, 3)


def _attribute_buckets(words: int, nodes: tuple[Node, ...]) -> np.ndarray:
    rows = [
        (1 + words + position, *buckets_of(word))
        for position, node in enumerate(nodes)
        for word in node.attributes
    ]
    return np.array(rows, np.uint16).reshape(-1, 3)


def _allowed(nodes: tuple[Node, ...]) -> np.ndarray:
    allowed = np.zeros((len(nodes), len(Kind)), bool)
    for position, node in enumerate(nodes):
        field_like = is_text_field(node.element)
        disabled = State.DISABLED in node.element.states
        allowed[position, Kind.CLICK] = not disabled and node.kind != KINDS.index("list")
        allowed[position, Kind.TYPE] = field_like and not disabled
        allowed[position, Kind.ENTER] = field_like and not disabled
        allowed[position, Kind.SELECT] = node.kind == KINDS.index("list") and not disabled
    return allowed
