"""A module's README on its catalog page."""

from __future__ import annotations

import pytest

from catalog.readme import render_readme


class TestAReadme:
    def test_is_shown_one_heading_lower_with_tables(self) -> None:
        html = render_readme("# Postgres\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")
        assert "<h2>Postgres</h2>" in html
        assert "<td>1</td>" in html

    @pytest.mark.parametrize(
        "text",
        [
            "<script>alert(1)</script>",
            "[x](javascript:alert(1))",
            "![x](https://example.com/x.png)",
            '<a href="https://example.com" onclick="x()">x</a>',
            "[x](data:text/html,x)",
        ],
    )
    def test_brings_nothing_that_runs_or_loads(self, text: str) -> None:
        html = render_readme(text)
        assert not any(part in html for part in ("<script", "<img", "<a "))

    def test_links_only_where_a_page_can_follow(self) -> None:
        html = render_readme("[there](https://example.com/) and [here](examples/complete) and [top](/admin/)")
        assert 'href="https://example.com/"' in html
        assert html.count("href=") == 1
