"""Words as the model reads them: tokens of an instruction, hashed buckets, numbers and months."""

import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

BUCKETS = 4096
"""Rows of the embedding table. Each word owns two of them, so few words share both."""

MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_MONTH_NUMBERS = {name: number for number, name in enumerate(MONTHS, 1)} | {
    name[:3]: number for number, name in enumerate(MONTHS, 1)
}
_TOKEN = re.compile(r"\d+(?:st|nd|rd|th)\b|\d+|[^\W\d_]+|[^\w\s]|_")
_DATE = re.compile(r"(?<!\d)(\d{1,2})/(\d{1,2})/(\d{4})(?!\d)")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Token:
    """A token of an instruction: its word, where it stands, and what else it is called.

    `month` is 1 to 12 for the month of a date written in digits; `number` its numeric value.
    """

    word: str
    start: int
    end: int
    number: float | None = None
    month: int | None = None


@lru_cache(maxsize=512)
def tokens_of(text: str, limit: int = 64) -> tuple[Token, ...]:
    """The tokens of an instruction, at most `limit`, lower-cased, with months of dates marked."""
    months = {match.start(1): int(match[1]) for match in _DATE.finditer(text)}
    found: list[Token] = []
    for match in _TOKEN.finditer(text):
        if len(found) == limit:
            break
        word = match[0].lower()
        number = _signed(text, match)
        month = months.get(match.start(), _MONTH_NUMBERS.get(word) if len(word) > 2 else None)
        found.append(Token(word, match.start(), match.end(), number, month))
    return tuple(found)


def _signed(text: str, match: re.Match[str]) -> float | None:
    if not match[0].isdigit() or len(match[0]) > 15:
        return None
    before = text[max(0, match.start() - 2) : match.start()]
    negative = before.endswith("-") and not before[:-1].isalnum()
    return -float(match[0]) if negative else float(match[0])


@lru_cache(maxsize=8192)
def words_of(text: str) -> tuple[str, ...]:
    """The words and signs of any text, lower-cased, in order."""
    return tuple(match[0].lower() for match in _TOKEN.finditer(text))


@lru_cache(maxsize=4096)
def name_words(name: str) -> tuple[str, ...]:
    """The words in an identifier or class name: split at signs and humps, digits dropped."""
    split = re.sub(r"([a-z])([A-Z])", r"\1 \2", name)
    return tuple(word.lower() for word in re.findall(r"[A-Za-z]+", split) if len(word) > 1)


@lru_cache(maxsize=8192)
def number_of(text: str) -> float | None:
    """The only number in a text, None when there is none or several."""
    found = _NUMBER.findall(text.replace(",", ""))
    return float(found[0]) if len(found) == 1 and len(found[0]) <= 15 else None


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th and so on."""
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"


def month_of(word: str) -> int | None:
    """1 to 12 for the English name of a month or its first three letters."""
    return _MONTH_NUMBERS.get(word)


@lru_cache(maxsize=65536)
def buckets_of(word: str) -> tuple[int, int]:
    """The two rows of the embedding table that stand for a word; never 0, which is no word."""
    digest = blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    first = int.from_bytes(digest[:4], "big") % (BUCKETS - 1)
    second = int.from_bytes(digest[4:], "big") % (BUCKETS - 1)
    return first + 1, second + 1
