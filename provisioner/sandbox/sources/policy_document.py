"""aws_iam_policy_document: rendered as the provider renders it, so that policies do not differ by spelling.

Order of keys, lists of one as a string, longer lists in reverse order, `&{…}` for IAM's own `${…}`: see
internal/service/iam/policy_model.go of the provider (MPL-2.0).
"""

import json
import zlib
from typing import Any

from provisioner.sandbox.cloud import Attributes
from provisioner.sandbox.faults import CloudError
from provisioner.sandbox.session import Session

_DEFAULT_VERSION = "2012-10-17"
_ORDER = (
    "Sid",
    "Effect",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Principal",
    "NotPrincipal",
    "Condition",
)


def read(_session: Session, config: Attributes) -> Attributes:
    """Render a policy document."""
    version = config.get("version") or _DEFAULT_VERSION
    document: Attributes = {"Version": version}
    if config.get("policy_id"):
        document["Id"] = config["policy_id"]
    statements: list[Attributes] = []
    for text in [config.get("source_json"), *(config.get("source_policy_documents") or [])]:
        _add_source(document, statements, text)
    statements = _merged(statements, [_statement(part) for part in config.get("statement") or []])
    for text in [config.get("override_json"), *(config.get("override_policy_documents") or [])]:
        overriding: list[Attributes] = []
        _add_source(document, overriding, text)
        statements = _merged(statements, overriding)
    document["Statement"] = statements
    ordered = {key: document[key] for key in ("Version", "Id", "Statement") if key in document}
    text = _escape(json.dumps(ordered, indent=2, ensure_ascii=False))
    minified = _escape(json.dumps(ordered, separators=(",", ":"), ensure_ascii=False))
    return {"id": str(zlib.crc32(text.encode())), "json": text, "minified_json": minified, "version": version}


def _add_source(document: Attributes, statements: list[Attributes], text: Any) -> None:
    """Take the statements of another document. Raises CloudError when it is no JSON."""
    if not text:
        return
    try:
        source = json.loads(text)
    except ValueError as error:
        raise CloudError("merging source policy document: invalid JSON", str(error)) from error
    if source.get("Id"):
        document["Id"] = source["Id"]
    found = source.get("Statement") or []
    statements += [_ordered(part) for part in (found if isinstance(found, list) else [found])]


def _merged(statements: list[Attributes], more: list[Attributes]) -> list[Attributes]:
    """Add statements; one with a known Sid takes the place of the former."""
    out = list(statements)
    for new in more:
        position = next(
            (i for i, old in enumerate(out) if new.get("Sid") and old.get("Sid") == new["Sid"]), None
        )
        if position is None:
            out.append(new)
        else:
            out[position] = new
    return out


def _statement(part: Attributes) -> Attributes:
    statement: Attributes = {"Effect": part.get("effect") or "Allow"}
    if part.get("sid"):
        statement["Sid"] = part["sid"]
    for key, name in (
        ("Action", "actions"),
        ("NotAction", "not_actions"),
        ("Resource", "resources"),
        ("NotResource", "not_resources"),
    ):
        if part.get(name):
            statement[key] = _strings(part[name])
    for key, name in (("Principal", "principals"), ("NotPrincipal", "not_principals")):
        if part.get(name):
            statement[key] = _principals(part[name])
    if part.get("condition"):
        statement["Condition"] = _conditions(part["condition"])
    return _ordered(statement)


def _ordered(statement: Attributes) -> Attributes:
    known = {key: statement[key] for key in _ORDER if statement.get(key) not in (None, "", [])}
    return {**known, **{key: value for key, value in statement.items() if key not in _ORDER}}


def _strings(items: list[str]) -> Any:
    fixed = sorted((item.replace("&{", "${") for item in items), reverse=True)
    return fixed[0] if len(fixed) == 1 else fixed


def _principals(parts: list[Attributes]) -> Any:
    by_type: dict[str, list[str]] = {}
    for part in parts:
        by_type.setdefault(part["type"], []).extend(part["identifiers"])
    if by_type == {"*": ["*"]}:
        return "*"
    return {kind: _strings(by_type[kind]) for kind in sorted(by_type)}


def _conditions(parts: list[Attributes]) -> Attributes:
    by_test: dict[str, dict[str, Any]] = {}
    for part in parts:
        items = [value.replace("&{", "${") for value in part["values"]]
        by_test.setdefault(part["test"], {})[part["variable"]] = items[0] if len(items) == 1 else items
    return {test: dict(sorted(by_test[test].items())) for test in sorted(by_test)}


def _escape(text: str) -> str:
    """Escape what Go's JSON encoder escapes."""
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
