"""Fetch a file from disk or from the web, bounded in size and time."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

TIMEOUT_S = 20
TOKEN = "DRAWBRIDGE_TOKEN"  # noqa: S105 - the variable's name


class NoSource(Exception):
    """The file cannot be had; the text says why and what to do."""


def fetch(place: str, *, max_bytes: int) -> bytes:
    """Return the bytes of a file or of an http(s) address. Raises NoSource.

    The token in DRAWBRIDGE_TOKEN goes to https addresses, and to no place that they redirect to.
    """
    try:
        raw = _from_web(place, max_bytes) if _is_address(place) else _from_disk(Path(place), max_bytes)
    except urllib.error.HTTPError as error:
        hint = f" Set {TOKEN} to a token of the portal." if error.code in (401, 403) else ""
        raise NoSource(f"{place} answered {error.code} {error.reason}.{hint}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise NoSource(f"{place} cannot be read: {reason}.") from None
    if len(raw) > max_bytes:
        raise NoSource(f"{place} is larger than {max_bytes // 1024:,} KiB.")
    return raw


def _is_address(place: str) -> bool:
    return place.startswith(("https://", "http://"))


def _from_disk(path: Path, max_bytes: int) -> bytes:
    with path.open("rb") as file:
        return file.read(max_bytes + 1)


def _from_web(address: str, max_bytes: int) -> bytes:
    request = urllib.request.Request(address, headers={"Accept": "*/*"})  # noqa: S310 - http(s) alone
    token = os.environ.get(TOKEN, "")
    local = urlsplit(address).hostname in ("localhost", "127.0.0.1", "::1")
    if token and (address.startswith("https://") or local):
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - http(s) alone
        return bytes(answer.read(max_bytes + 1))
