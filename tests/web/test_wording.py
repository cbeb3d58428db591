"""The pages can be translated: no text for people stands outside a translation tag."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.template.base import Lexer, TokenType

from config.environment import BASE_DIR

TEMPLATES = sorted((BASE_DIR / "web" / "templates" / "web").glob("*.html"))
SCRIPTS = sorted((BASE_DIR / "web" / "scripts").glob("*.ts"))
READ_ALOUD = {"aria-label", "title", "alt", "placeholder", "data-confirm"}
WORD = re.compile(r"[A-Za-z]{2,}")


class _Words(HTMLParser):
    """Collects the text that a person would see or hear; commands are the same in any language."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._in_code = False

    def handle_data(self, data: str) -> None:
        if WORD.search(data) and not self._in_code:
            self.found.append(data.strip())

    def handle_endtag(self, tag: str) -> None:
        self._in_code = self._in_code and tag != "code"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_code = self._in_code or tag == "code"
        self.found += [v for k, v in attrs if k in READ_ALOUD and v and WORD.search(v)]


def untranslated(template: str) -> list[str]:
    """Text of a template that no translation tag covers."""
    parser = _Words()
    inside = False
    for token in Lexer(template).tokenize():
        if token.token_type == TokenType.BLOCK:
            inside = token.contents.startswith("blocktranslate") or (
                inside and not token.contents.startswith("endblocktranslate")
            )
            # Keeps the markup whole where a tag stood.
            parser.feed("0")
        elif token.token_type == TokenType.TEXT and not inside:
            parser.feed(token.contents)
        elif token.token_type == TokenType.VAR:
            parser.feed("0")
    parser.close()
    return [text for text in parser.found if not _is_unit(text)]


def _is_unit(text: str) -> bool:
    return set(WORD.findall(text)) <= {"UTC"}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_text_of_a_page_is_translatable(path: Path):
    assert untranslated(path.read_text()) == []


def test_every_text_of_a_script_is_translatable():
    sinks = r"\bsay\(|UserError\(|textContent = |append\(|transact\(run, |\breturn "
    said = re.compile(rf"(?:{sinks})(?:[\"`][A-Z]|`\$\{{[^}}]+\}}:? [a-z])")
    found = [
        (path.name, match[0])
        for path in SCRIPTS
        for match in said.finditer(re.sub(r"\(\s+", "(", path.read_text()))
    ]
    assert found == []


def test_text_outside_a_translation_tag_is_found():
    assert untranslated('<p title="A hint">Plain {% translate "fine" %} text</p>') == [
        "A hint",
        "Plain",
        "text",
    ]
