"""The rules in force: approval limits, plan guardrails, prices, taggable types. Read from files, cached."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from provisioner.domain.cost import Price, PriceBook, parse_price_book
from provisioner.domain.policy.document import Policy
from provisioner.domain.policy.section import PolicyError
from provisioner.models import PriceBookVersion, PriceRow
from provisioner.rulebook import file as policy_file

log = structlog.get_logger(__name__)

_TAGGABLE = Path(__file__).with_name("taggable.json")


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
    """Return the price book in force in a region: the active version, else the file that comes with Drawbridge.

    An empty one (everything unpriced) where there is neither.
    """
    active = (
        PriceBookVersion.objects.filter(region=region, is_active=True).values_list("pk", "digest").first()
    )
    if active is not None:
        return _stored_prices(*active, region)
    return file_price_book(region)


def version_price_book(version: PriceBookVersion) -> PriceBook:
    """Return one version as the price models read it."""
    return _stored_prices(version.pk, version.digest, version.region)


def file_price_book(region: str) -> PriceBook:
    """Return the price book of the region's file; an empty one when there is none. Raises PriceBookError."""
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
def _stored_prices(version_id: int, digest: str, region: str) -> PriceBook:
    """Read a version once: it never changes."""
    rows = PriceRow.objects.filter(version_id=version_id).order_by("service", "sku_key")
    prices = {
        (row.service, row.sku_key): Price(
            row.service, row.sku_key, row.unit, shortest(row.price_usd), row.effective_date, row.source
        )
        for row in rows.iterator()
    }
    return PriceBook(region=region, prices=prices, digest=digest)


def shortest(price_usd: Decimal) -> Decimal:
    """Return a stored price without the zeros that its column adds: 0.0104, not 0.010400000000."""
    return Decimal(format(price_usd.normalize(), "f"))


@lru_cache(maxsize=8)
def _load_prices(path: str, stamp: tuple[int, int], region: str) -> PriceBook:
    if stamp == (0, 0):
        return PriceBook(region=region, prices={}, digest=hashlib.sha256(b"").hexdigest())
    return parse_price_book(Path(path).read_text(encoding="utf-8"), region)


@lru_cache(maxsize=4)
def _load_policy(path: str, stamp: tuple[int, int]) -> Policy:
    try:
        return policy_file.read(Path(path).read_bytes(), Path(path).name, beside=Path(path).parent)
    except (OSError, PolicyError) as error:
        raise ImproperlyConfigured(
            f"The policy file {path} cannot be used:\n{error}\nCompare it with portal/policy/default.yaml."
        ) from error
