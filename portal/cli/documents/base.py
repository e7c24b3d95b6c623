"""What the documents of several nouns share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Document:
    """An answer; `document` is its JSON as it came, empty for parts of another answer."""

    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class FieldProblem:
    """A field that cannot be taken as it is."""

    field: str
    code: str
    message: str


@dataclass(frozen=True)
class Finding:
    """What one rule has to say."""

    rule: str
    level: str
    where: str
    what: str
    why: str
    fix: str
    suggested: Any = None
    override_group: str | None = None


@dataclass(frozen=True)
class LineItem:
    """One priced component; money as the portal wrote it."""

    address: str
    component: str
    quantity: str
    unit: str
    unit_price_usd: str
    usd_month: str
    source: str = ""
    usage_based: bool = False
    status: str = ""


@dataclass(frozen=True)
class Unpriced:
    """A component without a price."""

    address: str
    component: str
    reason: str
    usage_based: bool = False


@dataclass(frozen=True)
class Ref:
    """A thing of the organisation, by slug and name."""

    slug: str
    name: str = ""


@dataclass(frozen=True)
class Token:
    """The token that the call was made with, without its secret."""

    name: str
    prefix: str
    scopes: tuple[str, ...]
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class Caller(Document):
    """Who calls: the user behind the token."""

    username: str
    target: str = ""
    teams: tuple[Ref, ...] = ()
    groups: tuple[str, ...] = ()
    token: Token | None = None
