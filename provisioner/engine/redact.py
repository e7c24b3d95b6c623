"""Keep secrets and invisible characters out of text for people."""

import json
import re
from collections.abc import Iterable, Mapping

SENSITIVE = "(sensitive)"
MIN_SECRET_CHARS = 4
# Controls except tab, line and paragraph separators, marks that reorder text, invisible marks, surrogates.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


class Redactor:
    """Replaces the given texts, also as JSON and Go write them and line by line."""

    def __init__(self, secrets: Iterable[str]) -> None:
        variants: set[str] = set()
        for secret in secrets:
            for text in (secret, *secret.splitlines()):
                variants |= {text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
        known = sorted((text for text in variants if len(text) >= MIN_SECRET_CHARS), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, known))) if known else None

    def __call__(self, text: str) -> str:
        return self._pattern.sub(SENSITIVE, text) if self._pattern else text


def make_visible(text: str) -> str:
    r"""Write control and reordering characters as escapes: NUL becomes \x00, U+202E becomes \u202e."""
    return _INVISIBLE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    point = ord(match[0])
    return f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}"


def sensitive_texts(document: Mapping[str, object]) -> tuple[str, ...]:
    """Return the texts that a plan document (`terraform show -json`) marks sensitive, long enough to hide."""
    found: set[str] = set()
    changes = [*_items(document.get("resource_changes")), *_items(document.get("resource_drift"))]
    outputs = document.get("output_changes")
    bodies = [item.get("change") for item in changes if isinstance(item, Mapping)]
    bodies += outputs.values() if isinstance(outputs, Mapping) else []
    for body in bodies:
        if isinstance(body, Mapping):
            for side in ("before", "after"):
                found.update(_marked(body.get(side), body.get(f"{side}_sensitive")))
    return tuple(sorted(text for text in found if len(text) >= MIN_SECRET_CHARS))


def _items(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _marked(value: object, marks: object) -> Iterable[str]:
    """Yield the texts of `value` where `marks`, of the same shape, is True."""
    if marks is True:
        yield from texts_in(value)
    elif isinstance(marks, Mapping) and isinstance(value, Mapping):
        for key, mark in marks.items():
            yield from _marked(value.get(key), mark)
    elif isinstance(marks, list) and isinstance(value, list):
        for item, mark in zip(value, marks, strict=False):
            yield from _marked(item, mark)


def texts_in(value: object) -> Iterable[str]:
    """Yield every string in a JSON value, and numbers as text; map keys are names, not secrets."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int | float):
        yield json.dumps(value)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from texts_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts_in(item)
