"""What can be said in words about coloured boxes and SVG shapes: colour, size, kind."""

from collections.abc import Sequence
from functools import lru_cache

from lam_core.observation import Element

_NAMED = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "grey": (128, 128, 128),
    "red": (255, 0, 0),
    "lime": (0, 255, 0),
    "green": (0, 128, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "cyan": (0, 255, 255),
    "magenta": (255, 0, 255),
    "orange": (255, 165, 0),
    "purple": (128, 0, 128),
    "pink": (255, 192, 203),
    "olive": (128, 128, 0),
    "teal": (0, 128, 128),
    "navy": (0, 0, 128),
    "maroon": (128, 0, 0),
    "silver": (192, 192, 192),
    "brown": (165, 42, 42),
    "gold": (255, 215, 0),
}
_ALIASES = {
    "cyan": ("aqua",),
    "magenta": ("fuchsia",),
    "grey": ("gray",),
}
_SHAPES = {
    "circle": ("circle", "shape"),
    "ellipse": ("ellipse", "circle", "shape"),
    "rect": ("rectangle", "shape"),
    "polygon": ("triangle", "shape"),
    "line": ("line",),
    "path": (),
}
_LARGE = 0.09
"""Glyphs and shapes higher than this share of their drawing are called large."""

COLOUR_WORDS = frozenset(_NAMED) | {alias for names in _ALIASES.values() for alias in names}
SIZE_WORDS = frozenset({"small", "large"})
KIND_WORDS = frozenset({"circle", "rectangle", "triangle", "letter", "digit", "number", "shape"})


@lru_cache(maxsize=4096)
def colour_words(colour: str) -> tuple[str, ...]:
    """Names of a colour `#rrggbb`: the nearest named one, and its hue where that differs."""
    red, green, blue = rgb(colour)
    name = min(
        _NAMED,
        key=lambda n: (
            (red - _NAMED[n][0]) ** 2 + (green - _NAMED[n][1]) ** 2 + (blue - _NAMED[n][2]) ** 2
        ),
    )
    names = [name, *_ALIASES.get(name, ())]
    family = _hue(red, green, blue)
    if family and family not in names:
        names.append(family)
    return tuple(names)


@lru_cache(maxsize=4096)
def rgb(colour: str) -> tuple[int, int, int]:
    """Red, green and blue, 0 to 255, of `#rrggbb`."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _hue(red: int, green: int, blue: int) -> str:
    """The one of red, green, blue that rules over two nearly equal others, if one does."""
    ranked = sorted(((red, "red"), (green, "green"), (blue, "blue")), reverse=True)
    highest, middle, lowest = ranked
    rules = highest[0] - middle[0] > 2 * (middle[0] - lowest[0]) and highest[0] - lowest[0] > 12
    return highest[1] if rules else ""


def is_graphic(elements: Sequence[Element], index: int) -> bool:
    """Whether an element is a shape or a glyph in a drawing."""
    element = elements[index]
    parent = element.parent
    if parent < 0 or (element.tag not in _SHAPES and element.tag != "text"):
        return False
    return elements[parent].tag in ("svg", "g")


def graphic_words(elements: Sequence[Element], index: int) -> tuple[str, ...]:
    """What a shape or glyph of a drawing is called: kind, size, and colour where it is known."""
    element = elements[index]
    drawing = elements[element.parent]
    words = list(_kind_words(element))
    if words:
        height = element.box[3] / max(1, drawing.box[3])
        words.append("large" if height > _LARGE else "small")
        if element.fill:
            words.extend(colour_words(element.fill))
    return tuple(words)


def _kind_words(element: Element) -> tuple[str, ...]:
    if element.tag != "text":
        return _SHAPES.get(element.tag, ())
    text = element.text.strip()
    if text.isdigit():
        return ("digit", "number")
    return ("letter",) if len(text) == 1 else ()


def described(
    instruction: str, words: Sequence[str], derived: Sequence[frozenset[str]], texts: Sequence[str]
) -> list[int]:
    """Which of the drawings fit everything the instruction says of colour, size and kind.

    `words` are those of the instruction, `derived` and `texts` what each drawing is called and
    says. Nothing is described when the instruction names no quality, kind, letter or digit.
    """
    wanted = {singular for word in words if (singular := _quality(word))}
    literal = _literal(instruction)
    if not wanted and literal is None:
        return []
    return [
        position
        for position, names in enumerate(derived)
        if names and wanted <= names and (literal is None or texts[position] == literal)
    ]


def _quality(word: str) -> str:
    singular = word.removesuffix("s") if len(word) > 3 else word
    known = COLOUR_WORDS | SIZE_WORDS | KIND_WORDS
    return singular if singular in known else ""


def _literal(instruction: str) -> str | None:
    """The letter or digit asked for at the end of the instruction or before "are there"."""
    text = instruction.strip().rstrip("?.!").removesuffix(" are there")
    asked = text.split(" ")[-1]
    plural = text != instruction.strip().rstrip("?.!")
    if plural and len(asked) == 2 and asked[1] == "s":
        asked = asked[0]
    return asked if len(asked) == 1 and asked.isalnum() else None
