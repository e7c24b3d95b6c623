"""Computed values as data: what the cloud answers for attributes that the configuration leaves open.

A template is a JSON value. In a string, `{name}` is an attribute of the object, `{name|text}` the same with a text to
fall back on, `{region}` and `{account}` where it lives, `{hexN}` and `{HEXN}` N random digits, `{uuid}` and `{now}`
what they say. An object with one of these keys is a choice:

    {"when": attribute, "then": template, "else": template}         the attribute is set and not false
    {"lookup": attribute, "table": {value: template}, "else": …}    by its value, a text or a number; with
                                                                    "prefix": true by the longest matching beginning
    {"from": type, "where": {attribute: template}, "take": attribute, "else": …}    of another object in the cloud
    {"next": attribute, "of": type, "by": attribute}    one more than the highest among objects of the type that are
                                                        alike in an attribute (its id, unless said otherwise)
    {"join": [template, …]}    the texts of the parts, one after another
"""

import os
import re
import time
from collections.abc import Callable
from typing import Any

from provisioner.sandbox import values
from provisioner.sandbox.cloud import Attributes
from provisioner.sandbox.session import Session

_PLACE = re.compile(r"\{([A-Za-z_]\w*)(?:\|([^{}]*))?\}")
_DIGITS = re.compile(r"(hex|HEX)(\d+)")


def names(template: Any) -> set[str]:
    """Name the attributes a template reads."""
    if isinstance(template, str):
        return {match.group(1) for match in _PLACE.finditer(template)}
    if isinstance(template, list):
        return set().union(*map(names, template))
    if isinstance(template, dict):
        read = {template[key] for key in ("when", "lookup") if isinstance(template.get(key), str)}
        if "next" in template:
            return {template.get("by", "id")}
        return read.union(
            *(names(part) for key, part in template.items() if key not in ("when", "lookup", "from"))
        )
    return set()


def expand(template: Any, attributes: Attributes, session: Session) -> Any:
    """Fill a template in for an object."""
    if isinstance(template, str):
        return _PLACE.sub(lambda match: _place(match, attributes, session), template)
    if isinstance(template, list):
        return [expand(part, attributes, session) for part in template]
    if isinstance(template, dict):
        for key, choose in _CHOICES.items():
            if key in template:
                return choose(template, attributes, session)
        return {key: expand(part, attributes, session) for key, part in template.items()}
    return template


def is_set(value: Any) -> bool:
    """Say whether an attribute has a value that means something."""
    return not values.is_unknown(value) and value not in (None, "", False, [], {})


def _place(match: "re.Match[str]", attributes: Attributes, session: Session) -> str:
    name, otherwise = match.group(1), match.group(2) or ""
    if name == "account":
        return session.account
    if name == "region":
        return attributes.get("region") or session.region
    if name == "uuid":
        digits = os.urandom(16).hex()
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"
    if name == "now":
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    random = _DIGITS.fullmatch(name)
    if random:
        digits = os.urandom(int(random.group(2))).hex()[: int(random.group(2))]
        return digits.upper() if random.group(1) == "HEX" else digits
    value = attributes.get(name)
    return otherwise if value is None or value == "" or values.is_unknown(value) else str(value)


def _when(template: dict[str, Any], attributes: Attributes, session: Session) -> Any:
    branch = "then" if is_set(attributes.get(template["when"])) else "else"
    return expand(template.get(branch), attributes, session)


def _lookup(template: dict[str, Any], attributes: Attributes, session: Session) -> Any:
    value = attributes.get(template["lookup"])
    number = isinstance(value, int | float) and not isinstance(value, bool)
    text = value if isinstance(value, str) else f"{value:g}" if number else ""
    table: dict[str, Any] = template["table"]
    matching = [key for key in table if (text.startswith(key) if template.get("prefix") else text == key)]
    chosen = table[max(matching, key=len)] if matching else template.get("else")
    return expand(chosen, attributes, session)


def _from(template: dict[str, Any], attributes: Attributes, session: Session) -> Any:
    where = {name: expand(part, attributes, session) for name, part in template["where"].items()}
    for other in session.all(template["from"], attributes.get("region")):
        if all(other.get(name) == value for name, value in where.items()):
            return other.get(template["take"])
    return expand(template.get("else"), attributes, session)


def _next(template: dict[str, Any], attributes: Attributes, session: Session) -> Any:
    by = template.get("by", "id")
    taken = [
        int(other.get(template["next"]) or 0)
        for other in session.all(template["of"], attributes.get("region"))
        if other.get(by) == attributes.get(by)
    ]
    return max(taken, default=0) + 1


def _join(template: dict[str, Any], attributes: Attributes, session: Session) -> Any:
    return "".join(str(expand(part, attributes, session) or "") for part in template["join"])


_CHOICES: dict[str, Callable[[dict[str, Any], Attributes, Session], Any]] = {
    "when": _when,
    "lookup": _lookup,
    "from": _from,
    "next": _next,
    "join": _join,
}
