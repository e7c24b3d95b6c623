"""Versions of price books: stored once, put in force by people, each change on record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from provisioner import policy, price_books, selectors
from provisioner.domain.errors import Refusal
from provisioner.domain.price_import import BookRow
from provisioner.models import PriceBookActivation, PriceBookVersion, PriceRow
from provisioner.services import audit

SHIPPED, IMPORTED = "shipped", "imported"
REASON_MAX = 500
_BATCH = 1000


class BookChanged(Refusal):
    """Another version was put in force since the caller looked."""

    code = "price_book_changed"
    status = 409
    title = "The price book has changed"


class NotPlatform(Refusal):
    """Only platform engineers put prices in force."""

    code = "not_platform"
    status = 403
    title = "Only platform engineers may do this"


def load_shipped(*, now: datetime) -> list[PriceBookVersion]:
    """Put the price files that come with Drawbridge on record; return the versions that were made.

    Where nothing is in force yet, or an earlier one of these files, the new one is. An imported book stays in force.
    Raises PriceBookError for a file that cannot be read.
    """
    made = []
    for path in sorted(Path(settings.DRAWBRIDGE_PRICES_DIR).glob("*.csv")):
        region = path.stem
        book = policy.file_price_book(region)
        if not book.prices or PriceBookVersion.objects.filter(region=region, digest=book.digest).exists():
            continue
        version, created = store(
            region,
            tuple(price_books.rows_of_book(book)),
            digest=book.digest,
            kind=SHIPPED,
            source=f"{path.name}, as it comes with Drawbridge",
            sources=[],
            actor=None,
            now=now,
        )
        if not created:
            continue
        made.append(version)
        present = price_books.active(region)
        if present is None or present.kind == SHIPPED:
            try:
                _put_in_force(version, present, actor=None, reason="comes with Drawbridge", now=now)
            except BookChanged:
                continue  # another process did it at the same moment
    return made


def store(
    region: str,
    rows: Sequence[BookRow],
    *,
    digest: str,
    kind: str,
    source: str,
    sources: Sequence[Mapping[str, object]],
    actor: User | None,
    now: datetime,
) -> tuple[PriceBookVersion, bool]:
    """Store a version; return it and whether it is new: the same content twice, also at once, is one version."""
    for _ in range(5):
        known = PriceBookVersion.objects.filter(region=region, digest=digest).first()
        if known is not None:
            return known, False
        try:
            with transaction.atomic():
                return _insert(region, rows, digest, kind, source, sources, actor, now), True
        except IntegrityError:
            continue  # another took the number or stored the same: look again
    raise BookChanged(
        f"Other price books of {region} are being stored again and again. Import again in a minute."
    )


def _insert(
    region: str,
    rows: Sequence[BookRow],
    digest: str,
    kind: str,
    source: str,
    sources: Sequence[Mapping[str, object]],
    actor: User | None,
    now: datetime,
) -> PriceBookVersion:
    newest = PriceBookVersion.objects.filter(region=region).order_by("-number").first()
    dates = sorted(row.effective_date for row in rows if row.effective_date[:1].isdigit())
    version = PriceBookVersion.objects.create(
        region=region,
        number=1 if newest is None else newest.number + 1,
        digest=digest,
        kind=kind,
        source=source[:500],
        sources=list(sources),
        imported_at=now,
        imported_by=actor,
        row_count=len(rows),
        effective_first=dates[0] if dates else "",
        effective_last=dates[-1] if dates else "",
    )
    PriceRow.objects.bulk_create(
        (
            PriceRow(
                version=version,
                service=row.service,
                sku_key=row.sku_key,
                unit=row.unit,
                price_usd=row.price_usd,
                effective_date=row.effective_date[:16],
                source=row.source[:300],
                offer_sku=row.offer_sku,
                tiers=price_books.tier_documents(row.tiers),
            )
            for row in rows
        ),
        batch_size=_BATCH,
    )
    audit.record(
        "prices.stored",
        object_type="price_book",
        object_id=version.pk,
        actor=actor,
        now=now,
        detail={
            "region": region,
            "number": version.number,
            "digest": digest,
            "rows": len(rows),
            "kind": kind,
        },
    )
    return version


def activate(
    region: str, number: int, *, replacing: int | None, actor: User, reason: str, now: datetime
) -> PriceBookVersion:
    """Put a version in force. `replacing` is the number that was in force when the person decided (None: none was).

    Raises NotVisible, NotPlatform and BookChanged.
    """
    if not selectors.is_platform(actor):
        raise NotPlatform(
            "Prices decide who is asked about an order, so only platform engineers put a price book in force. Ask one."
        )
    return put_in_force(region, number, replacing=replacing, actor=actor, reason=reason, now=now)


def put_in_force(
    region: str, number: int, *, replacing: int | None, actor: User | None, reason: str, now: datetime
) -> PriceBookVersion:
    """Put a version in force for somebody who may: `activate` asks first. Raises NotVisible and BookChanged."""
    version = price_books.version(region, number)
    present = price_books.active(region)
    if (None if present is None else present.number) != replacing:
        raise _changed(region, present)
    if present is not None and present.pk == version.pk:
        return version
    _put_in_force(version, present, actor=actor, reason=reason[:REASON_MAX], now=now)
    version.refresh_from_db()
    return version


def _put_in_force(
    version: PriceBookVersion,
    present: PriceBookVersion | None,
    *,
    actor: User | None,
    reason: str,
    now: datetime,
) -> None:
    """Compare and set, then append to the record, in one transaction."""
    try:
        with transaction.atomic():
            if present is not None:
                ended = PriceBookVersion.objects.filter(pk=present.pk, is_active=True).update(is_active=False)
                if ended != 1:
                    raise _changed(version.region, price_books.active(version.region))
            PriceBookVersion.objects.filter(pk=version.pk).update(is_active=True)
            PriceBookActivation.objects.create(
                version=version, replaced=present, at=now, actor=actor, reason=reason
            )
            audit.record(
                "prices.activated",
                object_type="price_book",
                object_id=version.pk,
                actor=actor,
                now=now,
                detail={
                    "region": version.region,
                    "number": version.number,
                    "replaced": None if present is None else present.number,
                    "reason": reason,
                },
            )
    except IntegrityError:
        # One is in force of each region at most: another came first.
        raise _changed(version.region, price_books.active(version.region)) from None


def _changed(region: str, present: PriceBookVersion | None) -> BookChanged:
    now_there = "none is in force" if present is None else f"version {present.number} is in force"
    return BookChanged(
        f"The price book of {region} changed meanwhile: {now_there}. Look at what the new one would change, "
        "and decide again."
    )


def totals(rows: Iterable[BookRow]) -> dict[str, int]:
    """Count rows by service."""
    counted: dict[str, int] = {}
    for row in rows:
        counted[row.service] = counted.get(row.service, 0) + 1
    return counted
