"""Import AWS's price lists: read them all, compare with the book in force, store a new version, or refuse."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.contrib.auth.models import User

from provisioner import policy, price_books
from provisioner.domain import price_import_diff
from provisioner.domain.errors import Refusal
from provisioner.domain.price_import import (
    BookRow,
    Collector,
    PriceList,
    PriceListRefused,
    Tally,
    digest_of,
)
from provisioner.domain.price_import_diff import BookDiff, Impact
from provisioner.domain.price_import_mapping import MappingError, Rule, read_mapping
from provisioner.domain.pricing import Price, PriceBook
from provisioner.models import PriceBookVersion
from provisioner.price_lists import files
from provisioner.price_lists.files import ListFile
from provisioner.price_lists.read import read
from provisioner.services import prices, prices_impact

MAPPING = Path(policy.__file__).with_name("prices") / "aws.toml"


class ImportRefused(Refusal):
    """Nothing is stored and the book in force stays in force."""

    code = "price_list_refused"
    status = 422
    title = "The price lists cannot be imported"


@dataclass(frozen=True)
class ReadList:
    """One price list that was read, and what became of its products."""

    name: str
    price_list: PriceList
    sha256: str
    tally: Tally


@dataclass(frozen=True)
class Draft:
    """A book that could be stored: its rows, what it was read from, and what it changes.

    `base` is the version in force that it was compared with and that untouched services were taken from.
    """

    region: str
    lists: tuple[ReadList, ...]
    rows: tuple[BookRow, ...]
    kept: int
    diff: BookDiff
    base: PriceBookVersion | None

    @property
    def digest(self) -> str:
        """What the version will be known by."""
        return digest_of(self.region, self.rows)

    @property
    def book(self) -> PriceBook:
        """The book as the price models read it."""
        found = {
            row.key: Price(row.service, row.sku_key, row.unit, row.price_usd, row.effective_date, row.source)
            for row in self.rows
        }
        return PriceBook(self.region, found, self.digest)

    def impact(self) -> Impact:
        """Estimate the open workspaces of the region with it."""
        return prices_impact.of(self.region, policy.price_book(self.region), self.book)


def rules(path: Path = MAPPING) -> tuple[Rule, ...]:
    """Read the mapping. Raises ImportRefused with what is wrong with it."""
    try:
        return read_mapping(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, MappingError) as error:
        raise ImportRefused(f"The mapping {path.name} cannot be used: {error}") from error


def offers(mapping: Sequence[Rule]) -> list[str]:
    """Return the codes of the offers that the mapping reads."""
    return sorted({rule.offer for rule in mapping})


def draft(
    places: Sequence[Path],
    *,
    region: str = "",
    mapping: Sequence[Rule],
    sha256: str | None = None,
    leave_out: frozenset[str] = frozenset(),
    keep_missing: bool = False,
    tell: Callable[[str], None] = lambda text: None,
) -> Draft:
    """Read price lists and compare them with the book in force; nothing is written. Raises ImportRefused."""
    try:
        found = [file for place in places for file in files.find(place)]
        region, taken = _region(found, region)
        if sha256 is not None and len(taken) != 1:
            raise PriceListRefused(f"--sha256 is the sum of one file, and there are {len(taken)}.")
        lists, read_rows = _read_all(taken, region, mapping, sha256, leave_out, tell)
    except PriceListRefused as refusal:
        raise ImportRefused(str(refusal)) from refusal
    base = price_books.active(region)
    before = price_books.present_rows(region)
    rows = price_import_diff.merged(
        before, read_rows, replaced_services=_complete(mapping, lists), keep_missing=keep_missing
    )
    read_keys = {row.key for row in read_rows}
    return Draft(
        region=region,
        lists=lists,
        rows=rows,
        kept=sum(row.key not in read_keys for row in rows),
        diff=price_import_diff.diff(before, rows),
        base=base,
    )


def _region(found: Sequence[ListFile], region: str) -> tuple[str, list[ListFile]]:
    """Return the region to import and the files of it."""
    named = sorted({file.region for file in found if file.region})
    if not region:
        if len(named) != 1:
            which = (
                f"The folders are of {', '.join(named)}."
                if named
                else "No folder says which region it is of."
            )
            raise PriceListRefused(f"{which} Name the region to import with --region.")
        region = named[0]
    taken = [file for file in found if file.region in ("", region)]
    if not taken:
        raise PriceListRefused(f"There is no price list of {region}; there are those of {', '.join(named)}.")
    return region, taken


def _read_all(
    taken: Sequence[ListFile],
    region: str,
    mapping: Sequence[Rule],
    sha256: str | None,
    leave_out: frozenset[str],
    tell: Callable[[str], None],
) -> tuple[tuple[ReadList, ...], list[BookRow]]:
    lists: list[ReadList] = []
    rows: dict[tuple[str, str], tuple[BookRow, str]] = {}
    of_offer: dict[str, str] = {}

    for file in taken:
        digest = files.check_sum(file, sha256)

        def make(price_list: PriceList, name: str = file.name) -> Collector:
            if price_list.offer in of_offer:
                raise PriceListRefused(
                    f"{price_list.offer} is there twice: {of_offer[price_list.offer]} and {name}. Give one of them."
                )
            of_offer[price_list.offer] = name
            return Collector(price_list, mapping, region=region, name=name, leave_out=leave_out)

        collector = read(file, make)
        for row in collector.rows():
            known, where = rows.setdefault(row.key, (row, file.name))
            if (known.price_usd, known.unit) != (row.price_usd, row.unit):
                raise PriceListRefused(
                    f"{row.service} {row.sku_key} has several prices, in {where} and in {file.name}. Leave it out "
                    f"(--leave-out {row.service}/{row.sku_key}), or make the rules of the mapping narrower."
                )
        lists.append(ReadList(file.name, collector.price_list, digest, collector.tally))
        tell(f"Read {file.name}: {collector.tally.rates:,} rates, {collector.tally.rows:,} rows")
    if not rows:
        raise PriceListRefused(
            f"No product of {', '.join(file.name for file in taken)} is mapped for {region}. Look whether they are of "
            f"that region and of one of: {', '.join(offers(mapping))}."
        )
    return tuple(lists), [row for row, _ in rows.values()]


def _complete(mapping: Sequence[Rule], lists: Sequence[ReadList]) -> frozenset[str]:
    """Return the services all of whose price lists were read: what they do not have any more goes."""
    was_read = {one.price_list.offer for one in lists}
    needed: dict[str, set[str]] = {}
    for rule in mapping:
        needed.setdefault(rule.service, set()).add(rule.offer)
    return frozenset(service for service, its in needed.items() if its <= was_read)


def store(
    made: Draft, *, actor: User | None, activate: bool = False, reason: str = "", now: datetime
) -> tuple[PriceBookVersion, bool]:
    """Store a draft as a version and put it in force if asked to; return it and whether it is new.

    Raises BookChanged when another book was put in force since the draft was made: what it says of changes, and the
    rows that it kept, would no longer be true.
    """
    present = price_books.active(made.region)
    if (present and present.pk) != (made.base and made.base.pk):
        raise prices.BookChanged(
            f"Another price book of {made.region} was put in force while the lists were read"
            f"{'' if present is None else f': version {present.number}'}. Import again to compare with it."
        )
    version, is_new = prices.store(
        made.region,
        made.rows,
        digest=made.digest,
        kind=prices.IMPORTED,
        source=_summary(made.lists),
        sources=[_source(one) for one in made.lists],
        actor=actor,
        now=now,
    )
    if activate and not version.is_active:
        version = prices.put_in_force(
            made.region,
            version.number,
            replacing=None if made.base is None else made.base.number,
            actor=actor,
            reason=reason or "imported with --activate",
            now=now,
        )
    return version, is_new


def _summary(lists: Sequence[ReadList]) -> str:
    """Say in a line what was read; every list with its version is in `sources`."""
    if len(lists) == 1:
        return f"AWS price list {lists[0].price_list.offer} {lists[0].price_list.version}"
    newest = max(one.price_list.published[:10] for one in lists)
    named = ", ".join(one.price_list.offer for one in lists[:3])
    more = f" and {len(lists) - 3} more" if len(lists) > 3 else ""
    return f"{len(lists)} AWS price lists, published until {newest}: {named}{more}"


def _source(one: ReadList) -> Mapping[str, object]:
    return {
        "name": one.name,
        "offer": one.price_list.offer,
        "version": one.price_list.version,
        "published": one.price_list.published,
        "sha256": one.sha256,
        "rows": one.tally.rows,
    }
