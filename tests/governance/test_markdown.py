"""Markdown of strangers is shown as what it says, and can do nothing."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.markdown import TAGS, to_html

PIECES = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[a](javascript:alert(1))",
    "[a](https://e.example 'x\" onclick=1')",
    "![p](https://e.example/p.png)",
    "<a href='data:text/html,x'>",
    "`code`",
    "# h",
    "\n\n",
    "> q",
    "<svg/onload=1>",
    "](",
    "```\n<b>\n```",
    "| a |\n|-|\n| b |",
]


def test_what_people_use_is_kept() -> None:
    html = to_html("# Why\n\n**Because** of [this](https://e.example).\n\n|a|b|\n|-|-|\n|1|2|\n")
    assert "<h3>Why</h3>" in html
    assert "<strong>Because</strong>" in html
    assert '<a href="https://e.example" rel="nofollow noopener noreferrer ugc">this</a>' in html
    assert "<td>2</td>" in html


@pytest.mark.parametrize("text", PIECES)
def test_what_could_act_or_call_home_is_not(text) -> None:
    html = to_html(text)
    for tag in ("<script", "<img", "<svg", "<style", "<iframe"):
        assert tag not in html
    assert 'href="javascript' not in html
    assert 'href="data' not in html


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=12), max_size=8).map("".join))
def test_any_text_gives_only_the_allowed_tags_and_attributes(text) -> None:
    html = to_html(text)
    for tag, attributes in re.findall(r"</?([a-z0-9]+)([^>]*)>", html):
        assert tag in TAGS
        assert not re.search(
            r"\b(on\w+|style|src|class|id)\s*=", re.sub(r'"[^"]*"', "", attributes)
        )
