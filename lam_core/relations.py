"""How the tokens of a page stand to each other: codes from which attention takes its biases.

Two matrices of codes. The first tells the kind of match between a word of the instruction and a
node, the distance of words, and the relation of nodes in the tree. The second tells how nodes
lie on the page, and whether they say the same.
"""

import math
from enum import IntEnum

import numpy as np

from lam_core.nodes import Node
from lam_core.words import Token

Codes = np.ndarray
MAX_DEPTH = 24


class Match(IntEnum):
    """What a word of the instruction and a node have in common, the closest first."""

    NONE = 0
    WHOLE = 1
    EXACT = 2
    VALUE = 3
    EQUAL = 4
    MONTH_LESS = 5
    MONTH_GREATER = 6
    DERIVED = 7
    ATTRIBUTE = 8
    PREFIX = 9
    SUFFIX = 10
    LESS = 11
    GREATER = 12
    STEM = 13


MATCHES = len(Match)
_SHORTEST_STEM = 4
_FROM_PAGE = 0
_TO_PAGE = 1
_WORDS = 2
_REACH = 4
_WORD_NODE = _WORDS + 2 * _REACH + 1
_NODE_WORD = _WORD_NODE + MATCHES
_TREE = _NODE_WORD + MATCHES
_TREE_CODES = 12
FIRST_CODES = _TREE + _TREE_CODES
"""Number of codes in the first matrix."""

_PLACES = 12
SECOND_CODES = 1 + 2 * _PLACES
"""Number of codes in the second matrix; 0 stands for pairs that are not both nodes."""


def match_matrix(tokens: tuple[Token, ...], nodes: tuple[Node, ...]) -> Codes:
    """`Match` of every token of the instruction (rows) with every node (columns), uint8."""
    matrix = np.zeros((len(tokens), len(nodes)), np.uint8)
    words = [token.word for token in tokens]
    for column, node in enumerate(nodes):
        texts = frozenset(node.words)
        stems = frozenset(said[:_SHORTEST_STEM] for said in texts)
        whole = _whole(words, node.words)
        span = node.element.value_at
        for row, token in enumerate(tokens):
            if row in whole:
                matrix[row, column] = Match.WHOLE
            elif span is not None and span[0] <= token.start and token.end <= span[1]:
                matrix[row, column] = Match.VALUE
            else:
                matrix[row, column] = _match(token, node, texts, stems)
    return matrix


def _whole(words: list[str], said: tuple[str, ...]) -> set[int]:
    """Rows covered by occurrences of everything the node says."""
    if not said or not any(word.isalnum() for word in said):
        return set()
    length, first = len(said), said[0]
    rows: set[int] = set()
    for start, word in enumerate(words):
        if word == first and tuple(words[start : start + length]) == said:
            rows.update(range(start, start + length))
    return rows


def _match(token: Token, node: Node, texts: frozenset[str], stems: frozenset[str]) -> Match:
    word = token.word
    if not word[0].isalnum():
        return Match.NONE
    if word in texts:
        return Match.EXACT
    if token.month is not None and node.month is not None:
        return _compared(token.month, node.month, Match.MONTH_LESS, Match.MONTH_GREATER)
    if token.number is not None and node.number is not None:
        return _compared(token.number, node.number, Match.LESS, Match.GREATER)
    if _same(word, node.derived):
        return Match.DERIVED
    if _same(word, node.called):
        return Match.ATTRIBUTE
    if word[:_SHORTEST_STEM] in stems and any(_one_stem(word, said) for said in texts):
        return Match.STEM
    if len(word) > 1 and node.words:
        if node.words[0].startswith(word):
            return Match.PREFIX
        if node.words[-1].endswith(word):
            return Match.SUFFIX
    return Match.NONE


def _one_stem(word: str, other: str) -> bool:
    """Whether two words begin alike for most of their length: directed, director."""
    needed = max(_SHORTEST_STEM, math.ceil(0.55 * max(len(word), len(other))))
    return len(word) >= needed and other.startswith(word[:needed])


def _same(word: str, words: frozenset[str]) -> bool:
    return word in words or (len(word) > 3 and word[-1] == "s" and word[:-1] in words)


def _compared(wanted: float, shown: float, less: Match, greater: Match) -> Match:
    """How what the page shows stands to what is wanted."""
    if shown == wanted:
        return Match.EQUAL
    return less if shown < wanted else greater


def relations(
    matches: Codes, nodes: tuple[Node, ...], tokens: tuple[Token, ...]
) -> tuple[Codes, Codes]:
    """Both code matrices over the sequence: page token, words, nodes; uint8, square."""
    count, width = len(tokens), len(nodes)
    size = 1 + count + width
    first = np.zeros((size, size), np.uint8)
    second = np.zeros((size, size), np.uint8)
    first[1:, 0] = _TO_PAGE
    first[0, :] = _FROM_PAGE
    order = np.arange(count)
    first[1 : 1 + count, 1 : 1 + count] = (
        _WORDS + _REACH + np.clip(order[None, :] - order[:, None], -_REACH, _REACH)
    )
    first[1 : 1 + count, 1 + count :] = _WORD_NODE + matches
    first[1 + count :, 1 : 1 + count] = _NODE_WORD + matches.T
    first[1 + count :, 1 + count :] = _TREE + _tree(nodes)
    second[1 + count :, 1 + count :] = 1 + 2 * _places(nodes) + _says_the_same(nodes)
    return first, second


def _tree(nodes: tuple[Node, ...]) -> Codes:
    """Self, ancestor, descendant, neighbours, and how deep the common ancestor lies."""
    size = len(nodes)
    depths = np.array([min(len(node.path), MAX_DEPTH) for node in nodes])
    paths = np.full((size, MAX_DEPTH), -1, np.int64)
    for row, node in enumerate(nodes):
        cut = node.path[:MAX_DEPTH]
        paths[row, : len(cut)] = cut
        paths[row, len(cut) :] = -2 - row
    same = (paths[:, None, :] == paths[None, :, :]).cumprod(axis=2).sum(axis=2)
    up = depths[:, None] - same
    down = depths[None, :] - same
    order = np.arange(size)
    ahead = order[None, :] - order[:, None]
    far = np.maximum(up, down)
    codes = np.where(far <= 2, 7, np.where(far <= 3, 8, np.where(far <= 4, 9, 10)))
    codes = np.where((up == 1) & (down == 1), 6, codes)
    codes = np.where((far <= 2) & (ahead == 1), 4, codes)
    codes = np.where((far <= 2) & (ahead == -1), 5, codes)
    codes = np.where(down == 0, 2, codes)
    codes = np.where(up == 0, 3, codes)
    codes = np.where((same <= 2) & (codes == 10), 11, codes)
    codes[order, order] = 1
    return codes.astype(np.uint8)


def _places(nodes: tuple[Node, ...]) -> Codes:
    """Same row or column, on which side, and whether next to each other."""
    boxes = np.array([node.element.box for node in nodes], np.float32).reshape(-1, 4)
    left, top = boxes[:, 0], boxes[:, 1]
    right, bottom = left + boxes[:, 2], top + boxes[:, 3]
    across = np.minimum(bottom[:, None], bottom) - np.maximum(top[:, None], top)
    along = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    height = np.maximum(1, np.minimum(boxes[:, 3][:, None], boxes[:, 3]))
    width = np.maximum(1, np.minimum(boxes[:, 2][:, None], boxes[:, 2]))
    row = across > 0.5 * height
    column = along > 0.5 * width
    after = left[None, :] > left[:, None]
    below = top[None, :] > top[:, None]
    near_row = row & (along > -1.5 * height)
    near_column = column & (across > -1.0 * height)
    codes = np.where(below, 10, 11)
    codes = np.where(column & below, 6, codes)
    codes = np.where(column & ~below, 7, codes)
    codes = np.where(near_column & below, 8, codes)
    codes = np.where(near_column & ~below, 9, codes)
    codes = np.where(row & after, 2, codes)
    codes = np.where(row & ~after, 3, codes)
    codes = np.where(near_row & after, 4, codes)
    codes = np.where(near_row & ~after, 5, codes)
    codes = np.where(row & column, 1, codes)
    np.fill_diagonal(codes, 0)
    return codes.astype(np.uint8)


def _says_the_same(nodes: tuple[Node, ...]) -> Codes:
    """1 where two nodes say the same, or one says what the other looks like."""
    numbers: dict[tuple[str, ...], int] = {}
    said = np.array(
        [numbers.setdefault(node.words, len(numbers)) if node.words else -1 for node in nodes]
    )
    equal = (said[:, None] == said[None, :]) & (said[:, None] >= 0)
    for row, node in enumerate(nodes):
        for column, other in enumerate(nodes) if node.derived else ():
            if len(other.words) == 1 and other.words[0] in node.derived and row != column:
                equal[row, column] = equal[column, row] = True
    return equal.astype(np.uint8)
