"""Reads of the catalog. The archive of a version is left in the database unless a caller asks for `content`."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Prefetch, QuerySet

from catalog.models import CatalogItem, CatalogItemVersion
from catalog.versions import is_prerelease, version_key


def published_items() -> QuerySet[CatalogItem]:
    """Return the items that may be ordered, by category and name, with `versions` at hand (unordered)."""
    return (
        CatalogItem.objects.filter(retired_at__isnull=True, versions__isnull=False)
        .distinct()
        .prefetch_related(
            Prefetch("versions", queryset=CatalogItemVersion.objects.defer("content", "readme"))
        )
        .order_by("category", "name", "slug")
    )


def item_by_slug(slug: str) -> CatalogItem | None:
    """Return the published item, or None when there is none of that name."""
    # PostgreSQL refuses to compare with NUL; no slug holds one.
    return None if "\0" in slug else published_items().filter(slug=slug).first()


def versions_of(item: CatalogItem) -> list[CatalogItemVersion]:
    """Return the item's versions, newest first by semantic version."""
    return newest_first(_at_hand(item))


def latest_version(item: CatalogItem) -> CatalogItemVersion | None:
    """Return the newest version; a pre-release only when there is nothing else."""
    versions = versions_of(item)
    releases = [version for version in versions if not is_prerelease(version.version)]
    return next(iter(releases or versions), None)


def find_version(item: CatalogItem, version: str | None = None) -> CatalogItemVersion | None:
    """Return the named version of the item, the latest when none is named, None when there is no such version."""
    if version is None:
        return latest_version(item)
    return next((one for one in _at_hand(item) if one.version == version), None)


def _at_hand(item: CatalogItem) -> Iterable[CatalogItemVersion]:
    """Return the prefetched versions where there are some, else fetch them without their archives."""
    if "versions" in getattr(item, "_prefetched_objects_cache", {}):
        return item.versions.all()
    return item.versions.defer("content", "readme")


def newest_first(versions: Iterable[CatalogItemVersion]) -> list[CatalogItemVersion]:
    """Return the versions by semantic version, newest first."""
    return sorted(versions, key=lambda version: version_key(version.version), reverse=True)
