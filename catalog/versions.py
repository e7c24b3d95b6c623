"""Semantic versions of catalog items."""

from __future__ import annotations

import re
from typing import Any, Final

# Semantic version 2.0.0 without build metadata: two builds of one version would be two contents under one number.
VERSION_PATTERN: Final = r"\A(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(-[0-9A-Za-z.-]+)?\Z"
VERSION_MAX_LENGTH: Final = 64


def version_key(version: str) -> tuple[Any, ...]:
    """Return the sort key of a semantic version: 1.10.0 after 1.9.0, a pre-release before its release.

    Raises ValueError for what is no semantic version.
    """
    if not re.match(VERSION_PATTERN, version):
        raise ValueError(f"{version!r} is no semantic version")
    numbers, _, pre = version.partition("-")
    parts = tuple((0, int(p), "") if p.isdecimal() else (1, 0, p) for p in pre.split(".")) if pre else ()
    return (*(int(n) for n in numbers.split(".")), not pre, parts)


def is_prerelease(version: str) -> bool:
    """Tell whether the version is one before a release, such as 2.0.0-rc.1."""
    return "-" in version
