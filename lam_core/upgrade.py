"""Documents of earlier versions of the schema, and what brings them up to date.

Version 2 added the outcome of a workflow, the edits of typing, private elements, what
shapes are filled with and where in the instruction a value or a masked text stands.
"""

from collections.abc import Callable, Iterator
from typing import Any

VERSION = 2

Document = dict[str, Any]


def _to_2(document: Document) -> Document:
    """Version 1 had none of what version 2 added, and version 2 says so by leaving it out."""
    return document | {"schema_version": 2}


_NEW_OF_ELEMENTS = frozenset({"private", "fill", "value_at", "said_at"})

_UPGRADES: dict[int, Callable[[Document], Document]] = {1: _to_2}


def upgrade(document: Document) -> Document:
    """The document in the current version. Raises KeyError for a version there never was."""
    while document["schema_version"] != VERSION:
        document = _UPGRADES[document["schema_version"]](document)
    return document


def earliest_version(document: Document) -> int:
    """The first version that can say what a current document with its defaults left out says."""
    return 2 if any(_new_in_2(document)) else 1


def _new_in_2(document: Document) -> Iterator[bool]:
    yield "outcome" in document
    yield from ("edits" in step for step in document["steps"])
    for observation in document["observations"]:
        yield from (not _NEW_OF_ELEMENTS.isdisjoint(e) for e in observation["elements"])
