"""What repeats on a page: rows, cards, messages, and which of them an instruction speaks of.

A button says "Like" in every post; whose post it stands in decides which is meant. An item is an
element with others like it beside it that holds several nodes. How rare the words are that it
shares with the instruction says how much it is meant: a name in one row more than what all say.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lam_core.nodes import Page
from lam_core.observation import Element
from lam_core.relations import Match

MOST = 3.0
"""Above this an item is no more meant than at it."""


@dataclass(frozen=True, slots=True)
class Items:
    """The items of a page; arrays are float32.

    `of_node` (nodes,) is the item each node stands in, -1 for none. `meant` (items,) sums over
    the instruction's words that an item says one part for each item of its group that says it.
    `chosen` (items,) is 1 for those of the highest sum in their group, where it is above zero.
    """

    of_node: np.ndarray
    meant: np.ndarray
    chosen: np.ndarray


def items_of(page: Page, matches: np.ndarray) -> Items:
    """The items of a page; `matches` (words, nodes) is the `match_matrix` of its instruction."""
    elements = page.observation.elements
    of_node, groups = _items(page, elements)
    said = np.isin(matches, (Match.WHOLE, Match.EXACT))
    count = 1 + max(of_node, default=-1)
    words = np.zeros((count, len(matches)), bool)
    for node, item in enumerate(of_node):
        if item >= 0:
            words[item] |= said[:, node]
    meant, chosen = np.zeros(count, np.float32), np.zeros(count, np.float32)
    for members in groups:
        holding = words[members]
        sums = (holding / np.maximum(1, holding.sum(axis=0))).sum(axis=1)
        meant[members] = np.minimum(sums, MOST)
        if holding.any():
            chosen[members] = sums >= sums.max() - 1e-6
    return Items(np.array(of_node, np.int64), meant, chosen)


def _items(page: Page, elements: Sequence[Element]) -> tuple[list[int], list[list[int]]]:
    """The item of each node, and the items of each group, both by number."""
    alike: dict[tuple[object, ...], int] = defaultdict(int)
    for element in elements:
        alike[_likeness(element)] += 1
    held: dict[int, int] = defaultdict(int)
    for node in page.nodes:
        for outer in node.path[:-1]:
            held[outer] += 1
    numbers: dict[int, int] = {}
    of_node = []
    for node in page.nodes:
        around = [i for i in node.path[:-1] if held[i] > 1 and alike[_likeness(elements[i])] > 1]
        of_node.append(numbers.setdefault(around[-1], len(numbers)) if around else -1)
    groups: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for index, number in numbers.items():
        groups[_likeness(elements[index])].append(number)
    return of_node, list(groups.values())


def _likeness(element: Element) -> tuple[object, ...]:
    """Equal for what stands beside each other and is of one kind."""
    return element.parent, element.tag, element.classes[:1]
