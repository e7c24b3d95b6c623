"""JSON bodies, strictly: everything that means two things to two readers is refused with the place named."""

import json
import math
from collections.abc import Mapping
from typing import Any

from rest_framework import exceptions
from rest_framework.parsers import BaseParser

BODY_MAX_BYTES = 4 * 1024 * 1024
DEPTH_MAX = 32


class BodyRefused(exceptions.ParseError):
    """The body is not JSON that we take; `field` says where, when that is known."""

    def __init__(self, detail: str, code: str, field: str = "") -> None:
        super().__init__(detail, code)
        self.field = field


class BodyTooLarge(exceptions.APIException):
    """More bytes than any call of this API needs."""

    status_code = 413
    default_code = "body_too_large"
    default_detail = f"The body is larger than {BODY_MAX_BYTES} bytes. No call of this API needs that much."


class StrictJSONParser(BaseParser):
    """Parse `application/json` in UTF-8: bounded size and depth, no duplicate keys, NaN, NUL or lone surrogates."""

    media_type = "application/json"

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        raw = stream.read(BODY_MAX_BYTES + 1)
        if len(raw) > BODY_MAX_BYTES:
            raise BodyTooLarge
        return parse_strictly(raw)


def parse_strictly(raw: bytes) -> object:
    """Return the JSON value in `raw`. Raises BodyRefused."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BodyRefused(f"The body is not UTF-8 (byte {error.start}).", "not_utf8") from error
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except RecursionError as error:
        raise _too_deep() from error
    except json.JSONDecodeError as error:
        raise BodyRefused(
            f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.", "not_json"
        ) from error
    except ValueError as error:  # integers of thousands of digits
        raise BodyRefused("The body holds a number with too many digits.", "number_too_long") from error
    _inspect(value)
    return value


def _too_deep() -> BodyRefused:
    return BodyRefused(f"The body is nested deeper than {DEPTH_MAX} levels.", "nested_too_deep")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Build an object; the same key twice is read differently by different readers, so it is refused."""
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise BodyRefused(f"The key {_shown(twice)} is there twice.", "duplicate_key", field=_shown(twice))
    return found


def _no_constant(name: str) -> object:
    raise BodyRefused(f"{name} is not JSON. Leave the field out or give a number.", "not_json")


def _inspect(value: object) -> None:
    """Walk without recursion; refuse depth, NUL, lone surrogates and numbers that became infinite."""
    waiting: list[tuple[object, str, int]] = [(value, "", 1)]
    while waiting:
        current, path, depth = waiting.pop()
        if isinstance(current, dict | list):
            if depth > DEPTH_MAX:
                raise _too_deep()
            pairs = current.items() if isinstance(current, dict) else enumerate(current)
            for key, inner in pairs:
                if isinstance(key, str):
                    _inspect_text(key, f"{path}.{_shown(key)}".lstrip("."))
                if isinstance(inner, dict | list | str | float):
                    waiting.append((inner, f"{path}.{_shown(str(key))}".lstrip("."), depth + 1))
        elif isinstance(current, str):
            _inspect_text(current, path)
        elif isinstance(current, float) and not math.isfinite(current):
            raise BodyRefused(f"{path or 'The body'} is too large a number.", "out_of_range", field=path)


def _inspect_text(text: str, path: str) -> None:
    if "\0" in text:
        raise BodyRefused(
            f"{path or 'The body'} holds a NUL character, which no field takes. Remove it.",
            "null_character",
            field=path,
        )
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BodyRefused(
            f"{path or 'The body'} holds half of a surrogate pair, which is not text. Remove it.",
            "lone_surrogate",
            field=path,
        ) from error


def _shown(key: str) -> str:
    """Shorten and escape a caller's key for a message."""
    return key[:60].encode("unicode_escape", "backslashreplace").decode("ascii")
