"""The rules in force: approval limits, plan guardrails, prices, taggable types. Read from files, cached."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path
from typing import Any

import structlog
import yaml
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from provisioner.domain.approval import ApprovalRules
from provisioner.domain.cost import PriceBook, parse_price_book

log = structlog.get_logger(__name__)

# Where the file says nothing of it.
APPROVALS_EXPIRE_AFTER_DAYS = 14

_TAGGABLE = Path(__file__).with_name("taggable.json")


@dataclass(frozen=True)
class Policy:
    """One version of the policy file. `digest` is SHA-256 hex of its bytes."""

    approvals: ApprovalRules
    destructive_override_group: str
    # Days that a plan may wait for its approval, and days that a workspace may live, by environment slug.
    approvals_expire_after_days: int
    ttl_max_days: Mapping[str, int]
    recovery_group: str
    digest: str


# The newest policy of each file that could be read: an edit that cannot be read does not replace it.
_in_force: dict[str, Policy] = {}


def current() -> Policy:
    """Return the policy in force; an edit of the file is seen at once.

    An edit that cannot be read is logged and the policy before it stays in force. Raises ImproperlyConfigured when
    there is none before it.
    """
    path = Path(settings.DRAWBRIDGE_POLICY_FILE)
    try:
        policy = _load_policy(str(path), _stamp(path))
    except ImproperlyConfigured as error:
        if str(path) not in _in_force:
            raise
        log.error("policy.refused", reason=str(error), in_force=_in_force[str(path)].digest)
        return _in_force[str(path)]
    _in_force[str(path)] = policy
    return policy


def price_book(region: str) -> PriceBook:
    """Return the price book of a region; an empty one (everything unpriced) when there is no file."""
    path = Path(settings.DRAWBRIDGE_PRICES_DIR) / f"{region}.csv"
    return _load_prices(str(path), _stamp(path), region)


@lru_cache(maxsize=1)
def _taggable_types() -> frozenset[str]:
    return frozenset(json.loads(_TAGGABLE.read_text()))


def taggable(resource_type: str) -> bool:
    """Tell whether the provider's schema gives the type a `tags_all`."""
    return resource_type in _taggable_types()


def _stamp(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return (0, 0)
    return (stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=8)
def _load_prices(path: str, stamp: tuple[int, int], region: str) -> PriceBook:
    if stamp == (0, 0):
        return PriceBook(region=region, prices={}, digest=hashlib.sha256(b"").hexdigest())
    return parse_price_book(Path(path).read_text(encoding="utf-8"), region)


@lru_cache(maxsize=4)
def _load_policy(path: str, stamp: tuple[int, int]) -> Policy:
    try:
        raw = Path(path).read_bytes()
        document = yaml.safe_load(raw)
        approvals = document["approvals"]
        finops, sre, guardrails = approvals["finops"], approvals["sre"], document["plan_guardrails"]
        return Policy(
            approvals=ApprovalRules(
                finops_above_usd_month={
                    slug: _usd(value) for slug, value in finops["above_usd_month"].items()
                },
                finops_default_usd_month=_usd(finops["default_usd_month"]),
                finops_when_unpriced=_flag(finops["when_unpriced"]),
                sre_criticalities=frozenset(sre["criticalities"]),
                override_group=str(approvals["override_group"]),
            ),
            destructive_override_group=str(guardrails["override_group"]),
            approvals_expire_after_days=_days(
                approvals.get("expire_after_days", APPROVALS_EXPIRE_AFTER_DAYS)
            ),
            ttl_max_days={
                str(slug): _days(value)
                for slug, value in (document.get("time_to_live", {}).get("max_days") or {}).items()
            },
            recovery_group=str(approvals.get("recovery_group", "sre")),
            digest=hashlib.sha256(raw).hexdigest(),
        )
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ImproperlyConfigured(
            f"The policy file {path} cannot be used: {type(error).__name__}: {error}. "
            "Compare it with portal/policy/default.yaml."
        ) from error


def _usd(value: Any) -> Decimal:
    """Read an amount; a float in the file would be rounded already, so amounts are quoted or whole."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise TypeError(f'{value!r} must be a quoted amount of USD, such as "300.00"')
    try:
        amount = Decimal(value)
    except InvalidOperation as error:
        raise ValueError(f"{value!r} is not an amount of USD") from error
    if not amount.is_finite() or amount < 0:
        raise ValueError(f"{value!r} is not an amount of USD")
    return amount


def _days(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 3650:
        raise TypeError(f"{value!r} must be a whole number of days, 1 to 3650")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} must be true or false")
    return value
