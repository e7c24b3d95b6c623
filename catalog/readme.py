"""Render a module's README for the catalog page."""

from __future__ import annotations

from typing import Final

import nh3
from markdown_it import MarkdownIt

_MARKDOWN: Final = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(
    ["table", "strikethrough"]
)
_TAGS: Final = {
    *("h2", "h3", "h4", "h5", "h6", "p", "br", "hr", "blockquote", "pre", "code", "em", "strong", "s"),
    *("ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td", "a"),
}
_ATTRIBUTES: Final = {"a": {"href", "title"}, "ol": {"start"}}
_DEEPEST_HEADING: Final = 6


def render_readme(text: str) -> str:
    """Return the Markdown as HTML that is safe inside a page.

    Headings move one level down, because the page has a first heading of its own. Raw HTML is shown as text; images,
    scripts, styles and links other than http, https and mailto are dropped: a path relative to the module leads nowhere
    from a page.
    """
    tokens = _MARKDOWN.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + 1, _DEEPEST_HEADING)}"
    html = str(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}))
    return nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="nofollow noopener noreferrer",
        attribute_filter=_absolute_links,
    )


def _absolute_links(tag: str, attribute: str, value: str) -> str | None:
    """Drop a link that is relative to the module's folder."""
    return None if (tag, attribute) == ("a", "href") and ":" not in value else value
