"""The token sheet: text keeps its contrast in light and dark (WCAG 2.2, 1.4.3 and 1.4.11)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings

SHEET = Path(settings.BASE_DIR, "portal/static/drawbridge/drawbridge.css").read_text()
TEXT = 4.5
CONTROL = 3.0

PAIRS = [
    *(
        (text, ground, TEXT)
        for text in ("text", "text-2", "accent")
        for ground in ("ground", "surface", "surface-2")
    ),
    *((tone, f"{tone}-soft", TEXT) for tone in ("ok", "warn", "bad", "busy", "idle")),
    *((tone, "surface", TEXT) for tone in ("ok", "warn", "bad", "busy")),
    ("accent", "accent-soft", TEXT),
    ("ok", "surface-2", TEXT),
    ("bad", "surface-2", TEXT),
    ("focus", "ground", CONTROL),
    ("focus", "surface", CONTROL),
]


def tokens(theme: str) -> dict[str, str]:
    """Return the tokens of a theme."""
    block = re.search(rf'\[data-bs-theme="{theme}"\] \{{\n(  --db-.*?)\n\}}', SHEET, re.DOTALL)
    assert block is not None
    return dict(re.findall(r"--db-([a-z0-9-]+): (#[0-9a-f]{6});", block[1]))


def luminance(colour: str) -> float:
    """Return the relative luminance of #rrggbb."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


class TestTheTokens:
    @pytest.mark.parametrize("theme", ["light", "dark"])
    @pytest.mark.parametrize(("text", "ground", "ratio"), PAIRS)
    def test_keep_their_contrast(self, theme: str, text: str, ground: str, ratio: float) -> None:
        colours = tokens(theme)
        lighter, darker = sorted((luminance(colours[text]), luminance(colours[ground])), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= ratio
