"""Markdown of strangers as HTML that is safe to show: CommonMark, then an allowlist of tags."""

import nh3
from markdown_it import MarkdownIt

TAGS = {
    "a", "blockquote", "br", "code", "em", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre",
    "strong", "s", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
LINKS = {"http", "https", "mailto"}
# Headings of a text stand below those of the page around it.
SHIFTED = {"h1": "h3", "h2": "h4", "h3": "h5", "h4": "h6", "h5": "h6", "h6": "h6"}

# Raw HTML is shown as text; images are left out, as they would tell their host who reads.
_parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
_parser.disable("image")


def to_html(text: str) -> str:
    """Sanitised HTML of a Markdown text; links leave without a referrer and without a say."""
    tokens = _parser.parse(text)
    for token in tokens:
        token.tag = SHIFTED.get(token.tag, token.tag)
    html = _parser.renderer.render(tokens, _parser.options, {})
    return nh3.clean(
        html,
        tags=TAGS,
        attributes={"a": {"href", "title"}, "ol": {"start"}},
        url_schemes=LINKS,
        link_rel="nofollow noopener noreferrer ugc",
    )
