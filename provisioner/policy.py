"""The rules in force: the policy, prices, taggable types. Read once and kept until they change."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from provisioner import policy_store
from provisioner.domain.cost import Price, PriceBook, parse_price_book
from provisioner.domain.policy.document import Policy
from provisioner.domain.policy.section import PolicyError, Problem
from provisioner.models import PriceBookVersion, PriceRow
from provisioner.policy_store import InForce
from provisioner.rulebook import file as policy_file
from provisioner.rulebook.file import Loaded

log = structlog.get_logger(__name__)

_TAGGABLE = Path(__file__).with_name("taggable.json")

# Name, time of change (ns) and size of each file that a policy is read from.
Stamp = tuple[tuple[str, int, int], ...]

# The stamp of each policy file when this process last looked, to tell an edit from a file that is merely older.
_looked: dict[str, Stamp] = {}


def current() -> Policy:
    """Return the policy in force: what the database says, after an edit of the file was taken up, where a file decides.

    An edit that cannot be used is noted and the policy before it stays in force. Raises ImproperlyConfigured when
    there is none before it.
    """
    standing = policy_store.in_force()
    if standing is None or settings.DRAWBRIDGE_POLICY_SOURCE == standing.comes_from == policy_store.FILE:
        standing = _taken_up(standing)
    return policy_store.loaded(standing.digest).policy


def _taken_up(standing: InForce | None) -> InForce:
    """Put the file's policy into force if it was edited; return what is in force then."""
    path = Path(settings.DRAWBRIDGE_POLICY_FILE)
    stamp = _stamp_of(path)
    before = _looked.get(str(path))
    found = _read_policy(str(path), stamp)
    if isinstance(found, Loaded) and standing is not None and found.policy.digest == standing.digest:
        _looked[str(path)] = stamp
        policy_store.note_mended(standing)
        return standing
    now = timezone.now()
    origin: dict[str, object] = {"path": str(path)}
    if isinstance(found, Loaded):
        problems = policy_store.group_problems(found, standing)
        if not problems and _is_an_edit(
            found.policy.digest, standing, stamp, edited=before not in (None, stamp)
        ):
            version = policy_store.keep(found.text, source=policy_store.FILE, origin=origin, now=now)
            try:
                policy_store.activate(
                    version,
                    instead_of=None if standing is None else standing.version_id,
                    reason=f"the file {path.name} was edited" if standing else "the first policy",
                    now=now,
                )
            except policy_store.PolicyMoved:
                log.info("policy.taken_up_elsewhere", digest=version.digest)
    else:
        problems = found
        if standing is None:
            raise ImproperlyConfigured(
                f"The policy {path} cannot be used:\n{PolicyError(*problems)}\n"
                "Compare it with portal/policy/default.yaml."
            )
    _looked[str(path)] = stamp
    if standing is not None and problems:
        policy_store.note_refused(origin, problems, standing=standing, now=now)
    after = policy_store.in_force()
    assert after is not None, "a policy that is in force stays so"
    return after


def look_anew() -> None:
    """Take the file for edited at the next look, whatever its age: somebody chose it."""
    _looked[str(Path(settings.DRAWBRIDGE_POLICY_FILE))] = ()


def file_is_behind() -> bool:
    """Tell whether a file decides, and holds a good text that is not in force since another came after it."""
    standing = policy_store.in_force()
    if standing is None or not settings.DRAWBRIDGE_POLICY_SOURCE == standing.comes_from == policy_store.FILE:
        return False
    path = Path(settings.DRAWBRIDGE_POLICY_FILE)
    found = _read_policy(str(path), _stamp_of(path))
    return isinstance(found, Loaded) and not standing.refused and found.policy.digest != standing.digest


def _is_an_edit(digest: str, standing: InForce | None, stamp: Stamp, *, edited: bool) -> bool:
    """Tell an edit from the file of a machine that is behind the others.

    A text that was in force before comes back only when the file was written after the policy in force was activated,
    or before this process's eyes. So what an operator put into force stays until the file is written anew.
    """
    if standing is None or edited:
        return True
    newest_ns = max((entry[1] for entry in stamp), default=0)
    return newest_ns > standing.activated_at.timestamp() * 1e9 or not policy_store.is_known(digest)


def _stamp_of(path: Path) -> Stamp:
    files = (
        sorted(one for one in path.iterdir() if one.suffix in policy_file.ENDINGS)
        if path.is_dir()
        else [path]
    )
    files += _named.get(path, ())
    found = []
    for one in files:
        with contextlib.suppress(OSError):
            stat = one.stat()
            found.append((str(one), stat.st_mtime_ns, stat.st_size))
    return tuple(found)


# What each policy was last seen to name beside it, with the folders that this lies in: an edit of it is one too.
_named: dict[Path, tuple[Path, ...]] = {}


@lru_cache(maxsize=4)
def _read_policy(path: str, stamp: Stamp) -> Loaded | tuple[Problem, ...]:
    """Read the policy's file or folder, or say what is wrong with it."""
    del stamp  # what was read is read again when it changes
    try:
        return read_policy(Path(path))
    except PolicyError as error:
        return error.problems


def read_policy(path: Path) -> Loaded:
    """Read a policy from a file, or from the files of a folder. Raises PolicyError."""
    folder = path if path.is_dir() else path.parent
    try:
        if path.is_dir():
            names = [one for one in path.iterdir() if one.suffix in policy_file.ENDINGS and one.is_file()]
            loaded = policy_file.load_folder({one.name: _bytes(one) for one in names}, beside=path)
        else:
            loaded = policy_file.load(_bytes(path), path.name, beside=folder)
    except OSError as error:
        raise PolicyError(
            Problem("", 0, f"{path} cannot be read: {error.strerror}.", "Put the policy there.")
        ) from None
    enclosed = loaded.data.get("files")
    files = {folder / name for name in enclosed} if isinstance(enclosed, Mapping) else set()
    _named[path] = tuple(sorted(files | {file.parent for file in files}))
    return loaded


def _bytes(path: Path) -> bytes:
    """Return a file's bytes, as far as a policy may be long: what is longer is refused by its length."""
    with path.open("rb") as file:
        return file.read(policy_file.MAX_BYTES + 1)


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
