"""Reading price books: versions, their rows, the history of one price."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from django.db.models import Q, QuerySet

from provisioner import policy
from provisioner.domain.price_import import BookRow, Tier, plain
from provisioner.domain.pricing import PriceBook
from provisioner.models import PriceBookActivation, PriceBookVersion, PriceRow
from provisioner.selectors import NotVisible

SEARCH_MAX = 200


def regions() -> list[str]:
    """Return the regions that have a book, in order."""
    return list(PriceBookVersion.objects.order_by("region").values_list("region", flat=True).distinct())


def versions(region: str = "") -> QuerySet[PriceBookVersion]:
    """Return the versions of a region, or of all, newest first within each."""
    found = PriceBookVersion.objects.select_related("imported_by").order_by("region", "-number")
    return found.filter(region=region) if region else found


def version(region: str, number: int) -> PriceBookVersion:
    """Return one version. Raises NotVisible."""
    found = versions(region).filter(number=number).first()
    if found is None:
        raise NotVisible(f"There is no version {number} of a price book of {region:.40}.")
    return found


def active(region: str) -> PriceBookVersion | None:
    """Return the version in force, or None where the file that comes with Drawbridge stands in for it."""
    return versions(region).filter(is_active=True).first()


def of_digest(digest: str) -> PriceBookVersion | None:
    """Return the version that an estimate names, or None when it is not on record."""
    return PriceBookVersion.objects.filter(digest=digest).first() if digest else None


def activations(region: str) -> QuerySet[PriceBookActivation]:
    """Return what was put in force in a region, newest first."""
    return (
        PriceBookActivation.objects.filter(version__region=region)
        .select_related("version", "replaced", "actor")
        .order_by("-id")
    )


def rows(version: PriceBookVersion, *, service: str = "", text: str = "") -> QuerySet[PriceRow]:
    """Return the rows of a version in the order of their keys; `text` is looked for in key and source."""
    found = PriceRow.objects.filter(version=version).order_by("service", "sku_key")
    if service:
        found = found.filter(service=service)
    if text:
        text = text[:SEARCH_MAX]
        found = found.filter(Q(sku_key__icontains=text) | Q(source__icontains=text))
    return found


def services(version: PriceBookVersion) -> list[str]:
    """Return the services that a version has prices of."""
    return list(
        PriceRow.objects.filter(version=version)
        .order_by("service")
        .values_list("service", flat=True)
        .distinct()
    )


def history(region: str, service: str, sku_key: str) -> list[PriceRow]:
    """Return the rows of one key in all versions of a region, newest version first. Raises NotVisible."""
    found = list(
        PriceRow.objects.filter(service=service, sku_key=sku_key, version__region=region)
        .select_related("version")
        .order_by("-version__number")
    )
    if not found:
        raise NotVisible(f"No price book of {region:.40} has a price for {service:.64} {sku_key:.200}.")
    return found


def book_rows(version: PriceBookVersion) -> tuple[BookRow, ...]:
    """Return the rows of a version as the domain has them."""
    return tuple(_row(row) for row in rows(version).iterator())


def present_rows(region: str) -> tuple[BookRow, ...]:
    """Return the rows that are in force in a region, from its version or from the file that stands in for it."""
    found = active(region)
    return book_rows(found) if found is not None else tuple(rows_of_book(policy.price_book(region)))


def rows_of_book(book: PriceBook) -> Iterator[BookRow]:
    """Yield the rows of a book that was read from a file."""
    for key in sorted(book.prices):
        price = book.prices[key]
        yield BookRow(
            price.service, price.sku_key, price.unit, price.price_usd, price.effective_date, price.source
        )


def tier_documents(tiers: Iterable[Tier]) -> list[dict[str, str]]:
    """Return tiers as JSON values: decimal strings, "Inf" for no end."""
    return [
        {
            "from": plain(tier.begin),
            "to": "Inf" if tier.end is None else plain(tier.end),
            "price_usd": plain(tier.price_usd),
        }
        for tier in tiers
    ]


def _row(row: PriceRow) -> BookRow:
    return BookRow(
        service=row.service,
        sku_key=row.sku_key,
        unit=row.unit,
        price_usd=policy.shortest(row.price_usd),
        effective_date=row.effective_date,
        source=row.source,
        offer_sku=row.offer_sku,
        tiers=tuple(
            Tier(
                Decimal(tier["from"]),
                None if tier["to"] == "Inf" else Decimal(tier["to"]),
                Decimal(tier["price_usd"]),
            )
            for tier in row.tiers
        ),
    )
