"""Reads of the catalog. The archive of a version is left in the database unless a caller asks for `content`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from django.db.models import Prefetch, QuerySet

from catalog.models import CatalogItem, CatalogItemVersion, Lifecycle
from catalog.versions import is_prerelease, version_key

OFFERED: Final = (Lifecycle.PUBLISHED, Lifecycle.DEPRECATED)
# Which version an order gets that names none: the newest of the first kind that there is.
_BY_DEFAULT: Final = (
    (Lifecycle.PUBLISHED, False),  # lifecycle, whether it is a pre-release
    (Lifecycle.DEPRECATED, False),
    (Lifecycle.PUBLISHED, True),
    (Lifecycle.DEPRECATED, True),
    (Lifecycle.DRAFT, False),
    (Lifecycle.DRAFT, True),
)


def published_items(*, drafts: bool = False) -> QuerySet[CatalogItem]:
    """Return the items that may be ordered, by category and name, with `versions` at hand (unordered).

    Drafts are left out unless they are asked for; retired versions are at hand, though nobody can order them.
    """
    versions = CatalogItemVersion.objects.defer("content", "readme")
    if not drafts:
        versions = versions.exclude(lifecycle=Lifecycle.DRAFT)
    offered = [*OFFERED, Lifecycle.DRAFT] if drafts else OFFERED
    return (
        CatalogItem.objects.filter(retired_at__isnull=True, versions__lifecycle__in=offered)
        .distinct()
        .prefetch_related(Prefetch("versions", queryset=versions))
        .order_by("category", "name", "slug")
    )


def item_by_slug(slug: str, *, drafts: bool = False) -> CatalogItem | None:
    """Return the item that may be ordered, or None when there is none of that name."""
    # PostgreSQL refuses to compare with NUL; no slug holds one.
    return None if "\0" in slug else published_items(drafts=drafts).filter(slug=slug).first()


def versions_of(item: CatalogItem) -> list[CatalogItemVersion]:
    """Return the item's versions, newest first by semantic version."""
    return newest_first(_at_hand(item))


def latest_version(item: CatalogItem) -> CatalogItemVersion | None:
    """Return the version that an order gets which names none, or None when none is offered.

    It is the newest; a deprecated one only when no release is published, then a pre-release, then a draft.
    """
    return _default_of(versions_of(item))


def _default_of(versions: Iterable[CatalogItemVersion]) -> CatalogItemVersion | None:
    ranked = [(version.lifecycle, is_prerelease(version.version), version) for version in versions]
    for kind in _BY_DEFAULT:
        found = [version for lifecycle, before, version in ranked if (lifecycle, before) == kind]
        if found:
            return newest_first(found)[0]
    return None


def find_version(item: CatalogItem, version: str | None = None) -> CatalogItemVersion | None:
    """Return the named version of the item, the latest when none is named, None when there is no such version."""
    if version is None:
        return latest_version(item)
    return next((one for one in _at_hand(item) if one.version == version), None)


def newest_published(item_id: int) -> CatalogItemVersion | None:
    """Return the published version that a workspace of an older version can be upgraded to, if the item is offered."""
    return _default_of(_offered_versions().filter(item_id=item_id, lifecycle=Lifecycle.PUBLISHED))


def outdated_versions() -> dict[int, str]:
    """Return, by the key of every version that has a newer published one, the number of that. One query."""
    by_item: dict[int, list[CatalogItemVersion]] = defaultdict(list)
    for version in _offered_versions():
        by_item[version.item_id].append(version)
    found: dict[int, str] = {}
    for versions in by_item.values():
        newest = _default_of(one for one in versions if one.lifecycle == Lifecycle.PUBLISHED)
        if newest is not None:
            key = version_key(newest.version)
            found |= {one.pk: newest.version for one in versions if version_key(one.version) < key}
    return found


def _offered_versions() -> QuerySet[CatalogItemVersion]:
    return CatalogItemVersion.objects.filter(item__retired_at__isnull=True).only(
        "item_id", "version", "lifecycle"
    )


def _at_hand(item: CatalogItem) -> Iterable[CatalogItemVersion]:
    """Return the prefetched versions where there are some, else fetch them without their archives."""
    if "versions" in getattr(item, "_prefetched_objects_cache", {}):
        return item.versions.all()
    return item.versions.defer("content", "readme")


def newest_first(versions: Iterable[CatalogItemVersion]) -> list[CatalogItemVersion]:
    """Return the versions by semantic version, newest first."""
    return sorted(versions, key=lambda version: version_key(version.version), reverse=True)
