"""Read a plan of any size from `terraform show -json`, one resource at a time, in little more memory than its size.

A document that is read as a whole takes several times its size. Here only what rules look at is kept: the changes,
the configuration's layout, and no repetition of either (planned_values, prior_state).
"""

from __future__ import annotations

import codecs
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from json.decoder import JSONDecodeError
from sys import intern
from typing import Final, NoReturn, Protocol

from provisioner.domain.plan import Plan, PlanFormatError, ResourceChange, assemble, check_format, read_change
from provisioner.domain.plan_json import check_depth
from provisioner.domain.redaction import redact_change, redact_outside_changes, redact_plan, scrub
from provisioner.domain.tags_modules import Layout, layout

MAX_BYTES: Final = 256 * 1024 * 1024
_CHUNK: Final = 1024 * 1024

# Repeat what the changes say; walked through without being kept.
_REPEATED = frozenset({"planned_values", "prior_state", "proposed_unknown"})
_INNER = _REPEATED | {"values", "root_module", "child_modules"}
_KEPT = frozenset(
    {
        "format_version",
        "terraform_version",
        "errored",
        "complete",
        "output_changes",
        "variables",
        "configuration",
    }
)
_SHOW = "Run terraform show -json PLANFILE > plan.json and check plan.json."


class UnreadablePlan(ValueError):
    """The plan cannot be judged; the text says where, why, and what to do."""


class TooLarge(UnreadablePlan):
    """The plan has more bytes than are taken here."""


class Stream(Protocol):
    """What can be read in pieces."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes; none at the end."""
        ...


@dataclass(frozen=True)
class ReadPlan:
    """A plan, how its configuration is laid out, and what a caller said beside it."""

    plan: Plan
    layout: Layout = field(default_factory=Layout)
    region: str = ""  # of the default AWS provider, where the configuration names it
    beside: Mapping[str, object] = field(default_factory=dict)
    document: Mapping[str, object] | None = None  # redacted; only where the whole of it was asked for


def read(
    stream: Stream, *, max_bytes: int = MAX_BYTES, beside: bool = False, whole: bool = False
) -> ReadPlan:
    """Read a plan. `beside`: it may stand in an object under `plan`, with other fields beside it.

    `whole`: keep the document too, for rules that read it; it takes several times its size.

    Sensitive values are replaced on the way. Raises UnreadablePlan.
    """
    reader = _Reader(_ascii(stream, max_bytes))
    try:
        found = reader.document(beside)
        return replace(found, document=_whole(reader.text)) if whole else found
    except JSONDecodeError as error:
        raise UnreadablePlan(_not_json(error)) from None
    except PlanFormatError as error:
        raise UnreadablePlan(reader.placed(str(error))) from None
    except RecursionError:
        raise UnreadablePlan(
            reader.placed("The document is nested deeper than Terraform writes.") + f" {_SHOW}"
        ) from None


def _whole(text: str) -> Mapping[str, object]:
    document = json.loads(text)
    return redact_plan(document if "format_version" in document else document["plan"])


def _ascii(stream: Stream, max_bytes: int) -> str:
    """Return the text with every other character as a JSON escape: then one character takes one byte of memory."""
    first = stream.read(_CHUNK)
    _sniff(first)
    encoding = "utf-16" if first[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    decoder = codecs.getincrementaldecoder(encoding)()
    text = bytearray()
    size, chunk = 0, first
    while chunk:
        size += len(chunk)
        if size > max_bytes:
            limit = f"{max_bytes // 1024**2} MiB" if max_bytes >= 1024**2 else f"{max_bytes} bytes"
            raise TooLarge(
                f"The plan is larger than {limit}, which is more than is taken here. "
                "Plan a part of it, or check it with drawbridge-policy check --max-mib."
            )
        try:
            text += _escaped(decoder.decode(chunk))
        except UnicodeDecodeError as error:
            raise UnreadablePlan(
                f"The plan is not UTF-8 (near byte {size - len(chunk) + error.start}). {_SHOW}"
            ) from None
        chunk = stream.read(_CHUNK)
    try:
        text += _escaped(decoder.decode(b"", True))
    except UnicodeDecodeError:
        raise UnreadablePlan(f"The plan ends within a character: it is cut off. {_SHOW}") from None
    return text.decode("ascii")


def _escaped(text: str) -> bytes:
    if text.isascii():
        return text.encode()
    return re.sub(r"[^\x00-\x7f]+", lambda found: json.dumps(found[0])[1:-1], text).encode()


def _sniff(first: bytes) -> None:
    """Refuse, by name, what people send instead of the JSON of a plan."""
    if not first.strip():
        raise UnreadablePlan(f"The plan is empty. {_SHOW}")
    if first.startswith(b"PK\x03\x04"):
        raise UnreadablePlan(f"This is Terraform's own plan file, which is binary. {_SHOW}")
    if first.startswith(b"\x1f\x8b"):
        raise UnreadablePlan("The plan is compressed. Unpack it: gunzip -c plan.json.gz > plan.json.")
    if first.lstrip().startswith(b'{"@level"'):
        raise UnreadablePlan(f"This is the log of terraform plan -json, not the plan. {_SHOW}")


class _Reader:
    """Where in the text the reading is, and what it has found."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.place = ""  # what is being read, for messages
        self.sensitive: set[str] = set()
        self._texts: dict[str, str] = {}
        strict = json.JSONDecoder(
            object_pairs_hook=self._unique, parse_constant=_no_constant, parse_float=_finite
        )
        self._strict = strict.scan_once  # type: ignore[attr-defined]
        self._plain = json.JSONDecoder(parse_constant=_no_constant).scan_once  # type: ignore[attr-defined]

    def document(self, beside: bool) -> ReadPlan:
        """Read the whole text."""
        return self._plan(top=True, beside=beside)

    def placed(self, what: str) -> str:
        """Put before a message what was being read."""
        return f"{self.place}: {what}" if self.place and not what.startswith(self.place) else what

    def _plan(self, *, top: bool, beside: bool) -> ReadPlan:
        if self._peek() != "{":
            self._value(self._plain)  # broken JSON is said before anything else
            raise UnreadablePlan(f"The document is JSON, but not an object, so it is no plan. {_SHOW}")
        kept: dict[str, object] = {}
        others: dict[str, object] = {}
        changes: list[ResourceChange] = []
        drift: list[ResourceChange] = []
        inner: ReadPlan | None = None
        seen: set[str] = set()
        for key in self._members():
            self.place = key
            if key in seen:
                raise UnreadablePlan(f"The key {_short(key)} is there twice. {_SHOW}")
            seen.add(key)
            if key == "plan" and top and beside and self._peek() == "{":
                inner = self._plan(top=False, beside=False)
            elif key == "resource_changes":
                kept[key] = []
                self._changes(key, changes)
            elif key == "resource_drift":
                self._changes(key, drift)
            elif key in _REPEATED:
                kept[key] = {}
                self._skip(key)
            elif key in _KEPT:
                kept[key] = self._value(self._strict)
                check_depth(kept[key])
            elif self._peek() in "{[" and not (top and beside):
                others[key] = None
                self._value(self._plain)
            else:
                others[key] = self._value(self._strict)
        self.place = ""
        if top and self._peek():
            raise UnreadablePlan(f"{self._where()}: something follows the end of the plan. {_SHOW}")
        if inner is not None and "format_version" not in kept:
            return replace(inner, beside={**others, **kept})
        _is_a_state(kept, others)
        check_format(kept)
        redacted = redact_outside_changes(kept, self.sensitive)
        return ReadPlan(
            plan=assemble(redacted, self._scrubbed(changes), self._scrubbed(drift)),
            layout=layout(kept),
            region=_region(kept),
        )

    def _changes(self, key: str, changes: list[ResourceChange]) -> None:
        if self._peek() != "[":
            self._value(self._plain)
            raise UnreadablePlan(f"The plan's {key} is not a list. {_SHOW}")
        for index, _ in enumerate(self._elements()):
            self.place = f"{key}[{index}]"
            entry = self._value(self._strict)
            check_depth(entry)
            if isinstance(entry, Mapping):
                entry = redact_change(entry, self.sensitive)
            change = read_change(entry, self.place)
            if change is not None:
                changes.append(change)

    def _scrubbed(self, changes: list[ResourceChange]) -> tuple[ResourceChange, ...]:
        """Replace what is sensitive elsewhere and stands here unmarked."""
        if not self.sensitive:
            return tuple(changes)
        for index, change in enumerate(changes):
            changes[index] = replace(
                change,
                before=None if change.before is None else scrub(change.before, self.sensitive),
                after=None if change.after is None else scrub(change.after, self.sensitive),
            )
        return tuple(changes)

    def _skip(self, key: str) -> None:
        """Walk through a value that is not kept, without ever holding more than one resource of it."""
        if key in _INNER and self._peek() == "{":
            for inner in self._members():
                self._skip(inner)
        elif key in ("child_modules", "resources") and self._peek() == "[":
            for _ in self._elements():
                self._skip("root_module" if key == "child_modules" else "")
        else:
            self._value(self._plain)

    def _members(self) -> Iterator[str]:
        """Yield the keys of an object; whoever takes one reads its value before the next."""
        self.at += 1
        if self._peek() == "}":
            self.at += 1
            return
        while True:
            if self._peek() != '"':
                raise JSONDecodeError("a key in quotes is expected", self.text, self.at)
            key = str(self._value(self._plain))
            if self._peek() != ":":
                raise JSONDecodeError("a colon is expected", self.text, self.at)
            self.at += 1
            yield key
            if self._ends("}"):
                return

    def _elements(self) -> Iterator[None]:
        """Step through a list; whoever takes a step reads its value before the next."""
        self.at += 1
        if self._peek() == "]":
            self.at += 1
            return
        while True:
            yield
            if self._ends("]"):
                return

    def _ends(self, bracket: str) -> bool:
        char = self._peek()
        if char not in (",", bracket):
            raise JSONDecodeError(f"a comma or {bracket} is expected", self.text, self.at)
        self.at += 1
        return char == bracket

    def _peek(self) -> str:
        """Return the next character that is no white space; empty at the end."""
        while (char := self.text[self.at : self.at + 1]) and char in " \t\n\r":
            self.at += 1
        return char

    def _value(self, scan: object) -> object:
        self._peek()
        try:
            value, self.at = scan(self.text, self.at)  # type: ignore[operator]
        except StopIteration as error:
            raise JSONDecodeError("a value is expected", self.text, error.value) from None
        except (JSONDecodeError, PlanFormatError):
            raise
        except ValueError:  # integers of thousands of digits
            raise UnreadablePlan(f"{self._where()}: a number has too many digits. {_SHOW}") from None
        return value

    def _where(self) -> str:
        line = self.text.count("\n", 0, self.at) + 1
        column = self.at - self.text.rfind("\n", 0, self.at)
        return f"line {line}, column {column}" + (f", in {self.place}" if self.place else "")

    def _unique(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        """Build an object; the same key twice means two things to two readers."""
        share = self._texts.setdefault  # the same texts come again in thousands of resources
        found = {intern(key): share(value, value) if type(value) is str else value for key, value in pairs}
        if len(found) != len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            raise PlanFormatError(f"The key {_short(twice)} is there twice. {_SHOW}")
        return found


def _not_json(error: JSONDecodeError) -> str:
    place = f"line {error.lineno}, column {error.colno}"
    if error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated string"):
        return f"The plan is cut off: it ends at {place} in the middle of the JSON. {_SHOW}"
    return f"The plan is not JSON: {error.msg} at {place}. {_SHOW}"


def _no_constant(name: str) -> NoReturn:
    raise PlanFormatError(f"The plan holds {name}, which is not JSON. {_SHOW}")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise PlanFormatError(f"The plan holds the number {_short(text)}, which is too large. {_SHOW}")
    return number


def _is_a_state(kept: Mapping[str, object], others: Mapping[str, object]) -> None:
    if "format_version" not in kept and {"serial", "lineage"} & others.keys():
        raise UnreadablePlan(f"This is a state, not a plan: it tells what is, not what is to be. {_SHOW}")


def _region(document: Mapping[str, object]) -> str:
    node: object = document
    for step in ("configuration", "provider_config", "aws", "expressions", "region", "constant_value"):
        node = node.get(step) if isinstance(node, Mapping) else None
    return node if isinstance(node, str) else ""


def _short(text: str) -> str:
    return repr(text) if len(text) <= 60 else repr(text[:57] + "...")
