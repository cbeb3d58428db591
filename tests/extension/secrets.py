"""Pages full of things that must not leave the machine, in fifty designs.

Every secret is random, unique and of a kind people have: names, addresses, numbers, codes. A scan
looks for each as it is, without its separators, percent-encoded and in base64.
"""

import base64
import gzip
import html
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from string import ascii_letters, digits
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

BEGINNING = 6
"""Bytes by which the scan knows quickly that something does not stand anywhere."""
CHUNK = 2**24
CONSONANTS, VOWELS = "bcdfghjklmnprstvwxz", "aeiou"


def _syllables(chance: Random, count: int) -> str:
    return "".join(chance.choice(CONSONANTS) + chance.choice(VOWELS) for _ in range(count))


def _digits(chance: Random, count: int) -> str:
    return "".join(str(chance.randint(0, 9)) for _ in range(count))


def _name(chance: Random) -> str:
    return f"{_syllables(chance, 3)}x {_syllables(chance, 4)}q".title()


def _email(chance: Random) -> str:
    return f"{_syllables(chance, 3)}.{_syllables(chance, 3)}@{_syllables(chance, 4)}.example"


def _card(chance: Random) -> str:
    return " ".join(_digits(chance, 4) for _ in range(4))


def _account(chance: Random) -> str:
    return f"DE{_digits(chance, 2)} {' '.join(_digits(chance, 4) for _ in range(4))}"


def _phone(chance: Random) -> str:
    return f"+62 {_digits(chance, 3)}-{_digits(chance, 4)}-{_digits(chance, 4)}"


def _token(chance: Random) -> str:
    return "".join(chance.choice(ascii_letters + digits) for _ in range(32))


def _code(chance: Random) -> str:
    start, middle = chance.choice("ABCDEFGH"), _syllables(chance, 2).upper()
    return f"{start}{_digits(chance, 3)}-{middle}{_digits(chance, 3)}"


def _word(chance: Random) -> str:
    return f"{_syllables(chance, 5)}zq"


KINDS: list[Callable[[Random], str]] = [
    _name, _email, _card, _account, _phone, _token, _code, _word,
]  # fmt: skip

# Where a secret stands in a page: `{}` is it, escaped; `{url}` percent-encoded.
PLACES = [
    "<p>{}</p>",
    "<h2>{}</h2>",
    "<li>Owner: {}</li>",
    "<td>{}</td>",
    "<button type=button>{}</button>",
    "<a href='/account?for={url}'>Open {}</a>",
    "<a href='/people/{url}'>Profile</a>",
    "<img alt='{}' src='data:image/gif;base64,R0lGODlhAQABAAAAACw=' width=20 height=20>",
    "<span title='{}'>info</span>",
    "<div aria-label='{}' role=group>group</div>",
    "<input placeholder='{}'>",
    "<input value='{}'>",
    "<input type=password value='{}'>",
    "<input type=hidden value='{}'>",
    "<input autocomplete=cc-number value='{}'>",
    "<input autocomplete=name value='{}'>",
    "<label>Field of {} <input></label>",
    "<textarea>{}</textarea>",
    "<div contenteditable>{}</div>",
    "<select><option>{}</option></select>",
    "<select size=2><option>{}</option></select>",
    "<div id='user-{}'>box</div>",
    "<div class='{}'>box</div>",
    "<div data-owner='{}'>box</div>",
    "<input name='{}' aria-describedby=x>",
    "<details open><summary>{}</summary>more</details>",
    "<template>{}</template><i>t</i>",
    "<!-- {} --><b>b</b>",
    "<script type='application/json'>\"{}\"</script>",
    "<svg width=90 height=20><text y=15>{}</text></svg>",
    "<svg width=20 height=20><title>{}</title><rect width=9 height=9 /></svg>",
    "<iframe height=40 srcdoc='&lt;p&gt;{}&lt;/p&gt;'></iframe>",
    "<my-card data-text='{}'></my-card>",
    "<closed-card data-text='{}'></closed-card>",
    "<div style='display:none'>{}</div>",
    "<div style='visibility:hidden'>{}</div>",
    "<p>A longer text about {}, who has lived here for many years, and whose letters, photos and "
    "recipes are kept in a box under the stairs, next to old shoes and a broken umbrella.</p>",
    "<th scope=col>{}</th>",
    "<caption>{}</caption>",
    "<figcaption>{}</figcaption>",
]
LAYOUTS = ["flow", "table", "list", "columns", "cards"]
DESIGNS = 50

SCRIPTS = """<script>
for (const [name, mode] of [["my-card", "open"], ["closed-card", "closed"]]) {
  customElements.define(name, class extends HTMLElement {
    connectedCallback() {
      this.attachShadow({mode}).innerHTML = "<p></p><input>";
      const root = this.shadowRoot;
      if (root) root.querySelector("p").textContent = this.dataset.text;
    }
  });
}
</script>"""


@dataclass(frozen=True)
class Planted:
    """A page and the secrets in it."""

    page: str
    path: str
    secrets: list[str]


def plant(number: int, count: int, *, seed: int = 1) -> Planted:
    """Design `number` of fifty with `count` secrets in it, two of them in title and address."""
    chance = Random(f"{seed}/{number}")
    secrets = [KINDS[i % len(KINDS)](chance) for i in range(count)]
    places = PLACES[number % len(PLACES) :] + PLACES[: number % len(PLACES)]
    title, address, *rest = secrets
    parts = [places[i % len(places)] for i in range(len(rest))]
    body = "".join(
        wrapped(part.format(html.escape(secret, quote=True), url=quote(secret)), number, i)
        for i, (part, secret) in enumerate(zip(parts, rest, strict=True))
    )
    fields = "<input id=typed aria-label=Comment><button id=press type=button>Press me</button>"
    page = f"<!doctype html><title>{html.escape(title)}</title><body>{fields}{body}{SCRIPTS}"
    path = f"/people/{quote(address)}?session={quote(address)}#{quote(address)}"
    return Planted(page, path, secrets)


def wrapped(part: str, design: int, position: int) -> str:
    """A part in the layout of a design: the same content in other markup."""
    layout = LAYOUTS[design % len(LAYOUTS)]
    depth = 1 + design // len(LAYOUTS) % 3
    inner = part
    for _ in range(depth):
        inner = f"<div>{inner}</div>"
    if layout == "table":
        return f"<table><tr><td>{position}</td><td>{inner}</td></tr></table>"
    if layout == "list":
        return f"<ul><li>{inner}</li></ul>"
    if layout == "columns":
        return f"<div style='display:inline-block;width:30%'>{inner}</div>"
    if layout == "cards":
        return f"<section style='border:1px solid;margin:2px'>{inner}</section>"
    return inner


def forms(secret: str) -> Iterator[bytes]:
    """How a secret may show in bytes."""
    yield secret.encode()
    yield secret.lower().encode()
    yield secret.upper().encode()
    yield quote(secret).encode()
    bare = "".join(filter(str.isalnum, secret))
    yield bare.encode()
    for shift in range(3):  # base64 of the secret somewhere inside of something longer
        encoded = base64.b64encode(b" " * shift + secret.encode())
        yield encoded[(0, 2, 3)[shift] : -4] if shift else encoded[:-4]
    for part in secret.split():
        if len(part) >= 6:
            yield part.encode()
            yield part.lower().encode()


def found(secrets: list[str], data: bytes) -> list[str]:
    """The secrets that stand in the data in any form."""
    every = {secret: set(forms(secret)) for secret in secrets}
    # Looking for each form alone takes most of an hour for 10,000 secrets in what a browser keeps.
    begun = beginnings({form[:BEGINNING] for all_of in every.values() for form in all_of}, data)
    return [
        secret
        for secret, all_of in every.items()
        if any(form[:BEGINNING] in begun and form in data for form in all_of)
    ]


def beginnings(wanted: set[bytes], data: bytes) -> set[bytes]:
    """Those of short pieces of bytes that stand in the data; all that are too short to tell."""
    numbers = {int.from_bytes(each): each for each in wanted if len(each) == BEGINNING}
    left = np.array(sorted(numbers), dtype=np.uint64)
    marked = np.zeros(2**24, dtype=bool)
    marked[_mark(left)] = True
    there = {each for each in wanted if len(each) < BEGINNING}
    for start in range(0, len(data), CHUNK):
        piece = np.frombuffer(data[start : start + CHUNK + BEGINNING - 1], dtype=np.uint8)
        places = max(len(piece) - BEGINNING + 1, 0)
        windows = np.zeros(places, dtype=np.uint64)
        for offset in range(BEGINNING):
            windows = (windows << np.uint64(8)) | piece[offset : offset + places]
        # Few windows share a mark with a piece that is wanted; sorting all takes minutes.
        hit = np.isin(left, windows[marked[_mark(windows)]])
        there |= {numbers[int(each)] for each in left[hit]}
        left = left[~hit]
    return there


def _mark(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return (numbers * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)


def unpacked(data: bytes) -> bytes:
    """A body as it is, and as it was before it was compressed."""
    for unpack in (gzip.decompress, zlib.decompress):
        try:
            return data + unpack(data)
        except (OSError, EOFError, zlib.error):
            continue
    return data
