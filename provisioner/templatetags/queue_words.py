"""How a place in the queue and a wait read on a page."""

from __future__ import annotations

from django import template

register = template.Library()


@register.filter
def ordinal(number: int) -> str:
    """Write a position: 1st, 2nd, 3rd, 4th, 11th."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


@register.filter
def about(seconds: float | None) -> str:
    """Write an expected wait as people say it, or nothing where none is known."""
    if seconds is None:
        return ""
    if seconds < 1:
        return "any moment"
    minutes = round(seconds / 60)
    if minutes < 1:
        return "in less than a minute"
    if minutes < 90:
        return f"in about {minutes} min"
    return f"in about {round(minutes / 60)} h"
