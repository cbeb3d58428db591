"""Where typed text came from: a span of the instruction or of the page, never the characters."""

import re
from collections.abc import Iterable

from lam_core.observation import LengthClass, ValueKind, ValuePattern
from lam_core.steps import Transform

MIN_ALPHANUMERIC = 2
"""Shorter remainders of a text are found almost anywhere and say nothing."""

_KINDS: list[tuple[ValueKind, re.Pattern[str]]] = [
    (ValueKind.DIGITS, re.compile(r"\d+")),
    (ValueKind.DATE, re.compile(r"\d{1,4}([/.-])\d{1,2}\1\d{1,4}")),
    (ValueKind.TIME, re.compile(r"\d{1,2}:\d{2}(:\d{2})?( ?[AaPp][Mm]?)?")),
    (ValueKind.NUMBER, re.compile(r"[+-]?\d[\d., ]*")),
    (ValueKind.EMAIL, re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")),
    (ValueKind.URL, re.compile(r"(https?://|www\.)\S+")),
    (ValueKind.WORD, re.compile(r"[^\W\d_]+")),
    (ValueKind.CODE, re.compile(r"(?=\S*\d)(?=\S*[^\W\d])[\w-]+")),
    (ValueKind.WORDS, re.compile(r"[^\W\d_]+([ ,.'-]+[^\W\d_]+)+[.!?]?")),
]


def length_class(length: int) -> LengthClass:
    """The power-of-two class of a length in characters."""
    if length < 64:
        return list(LengthClass)[length.bit_length()]
    return LengthClass.LONG


def pattern_of(value: str, *, secret: bool = False) -> ValuePattern:
    """Kind and length class of a value; a secret's kind is only that it is one."""
    return ValuePattern(kind=_kind(value, secret), length=length_class(len(value)))


def _kind(value: str, secret: bool) -> ValueKind:
    if not value:
        return ValueKind.EMPTY
    if secret:
        return ValueKind.SECRET
    for kind, pattern in _KINDS:
        if pattern.fullmatch(value):
            return kind
    return ValueKind.OTHER


def find_span(value: str, text: str) -> tuple[int, int, Transform] | None:
    """Where `value` stands in `text`, and how it was changed on the way; whole words first."""
    if not value or not text:
        return None
    for transform, changed in (
        (Transform.NONE, text),
        (Transform.LOWER, text.lower()),
        (Transform.UPPER, text.upper()),
    ):
        # A few characters change length with their case; their positions would be wrong.
        start = _whole_word(value, changed) if len(changed) == len(text) else -1
        if start >= 0:
            return start, start + len(value), transform
    return _alphanumeric_span(value, text)


def first_span(
    value: str, texts: Iterable[tuple[int, str]]
) -> tuple[int, int, int, Transform] | None:
    """The first of the numbered texts that holds `value`: number, start, end, transform."""
    for number, text in texts:
        span = find_span(value, text)
        if span:
            return number, *span
    return None


def _whole_word(value: str, text: str) -> int:
    first = start = text.find(value)
    while start >= 0:
        end = start + len(value)
        inside_left = start > 0 and text[start - 1].isalnum() and value[0].isalnum()
        inside_right = end < len(text) and text[end].isalnum() and value[-1].isalnum()
        if not inside_left and not inside_right:
            return start
        start = text.find(value, start + 1)
    return first


def _alphanumeric_span(value: str, text: str) -> tuple[int, int, Transform] | None:
    wanted = "".join(filter(str.isalnum, value)).lower()
    if len(wanted) < MIN_ALPHANUMERIC:
        return None
    places = [index for index, character in enumerate(text) if character.isalnum()]
    start = "".join(text[index].lower()[:1] for index in places).find(wanted)
    if start < 0:
        return None
    return places[start], places[start + len(wanted) - 1] + 1, Transform.ALPHANUMERIC
