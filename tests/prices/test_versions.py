"""Versions of price books: put on record, imported, put in force, found again from an estimate."""

from __future__ import annotations

import shutil
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from provisioner import policy, price_books
from provisioner.domain.price_import import BookRow, Tier, digest_of
from provisioner.models import AuditEvent, PriceBookActivation, PriceBookVersion, RunEstimate
from provisioner.selectors import NotVisible
from provisioner.services import prices, prices_impact, prices_import
from provisioner.services.prices import BookChanged, NotPlatform
from provisioner.services.prices_import import Draft, ImportRefused
from tests.conftest import NOW, Organisation
from tests.prices import shipped
from tests.prices.offers import PriceList, database, product
from tests.services.conftest import Order, applied, fake, order, planned  # noqa: F401  (fixtures)

pytestmark = pytest.mark.django_db
REGION = "us-east-1"
RULES = prices_import.rules()


def draft(*places: Path, **options: Any) -> Draft:
    return prices_import.draft(places, mapping=RULES, **options)


def import_(made: Draft, **options: Any) -> PriceBookVersion:
    version, _ = prices_import.store(made, actor=None, now=NOW, **options)
    return version


def row(key: str, price: str, **changes: Any) -> BookRow:
    values = {"service": "rds", "unit": "hour", "effective_date": "2026-11-01", "source": "here", **changes}
    return BookRow(sku_key=key, price_usd=Decimal(price), **values)


def stored(rows: list[BookRow], *, digest: str = "") -> PriceBookVersion:
    version, _ = prices.store(
        REGION, rows, digest=digest or digest_of(REGION, rows), kind="imported", source="here", sources=[],
        actor=None, now=NOW,
    )  # fmt: skip
    return version


class TestTheShippedBook:
    def test_stands_in_while_none_is_on_record(self) -> None:
        assert policy.price_book(REGION) == policy.file_price_book(REGION)
        assert policy.price_book("eu-west-9").prices == {}

    def test_is_the_first_version_and_in_force(self) -> None:
        (version,) = prices.load_shipped(now=NOW)
        assert (version.number, version.kind, version.row_count) == (1, "shipped", version.rows.count())
        assert price_books.active(REGION) == version
        assert prices.load_shipped(now=NOW) == []

    def test_gives_the_same_prices_as_the_file_under_the_same_digest(self) -> None:
        prices.load_shipped(now=NOW)
        stored, file = policy.price_book(REGION), policy.file_price_book(REGION)
        assert (stored.digest, stored.prices) == (file.digest, file.prices)

    def test_of_a_later_release_takes_over_from_an_earlier_one_and_not_from_an_import(
        self, settings: Any, tmp_path: Path
    ) -> None:
        prices.load_shipped(now=NOW)
        path = tmp_path / f"{REGION}.csv"
        shutil.copy(shipped.BOOK, path)
        settings.DRAWBRIDGE_PRICES_DIR = tmp_path
        path.write_text(path.read_text().replace(",3.00,", ",4.00,"))
        assert [version.number for version in prices.load_shipped(now=NOW)] == [2]
        assert policy.price_book(REGION).prices["cloudwatch", "dashboard"].price_usd == 4
        imported = stored([row("a", "1")])
        prices.put_in_force(REGION, imported.number, replacing=2, actor=None, reason="", now=NOW)
        path.write_text(path.read_text().replace(",4.00,", ",5.00,"))
        assert [version.number for version in prices.load_shipped(now=NOW)] == [4]
        assert price_books.active(REGION) == imported


class TestAnEstimate:
    def test_leads_to_the_version_and_its_row_years_later(self, order: Order, fake: Any) -> None:  # noqa: F811
        prices.load_shipped(now=NOW)
        run = planned(order(), fake)
        estimate = RunEstimate.objects.get(run=run)
        later = stored([row("a", "1")])
        prices.put_in_force(REGION, later.number, replacing=1, actor=None, reason="", now=NOW)
        version = price_books.of_digest(estimate.price_book_digest)
        assert version is not None
        assert version.number == 1
        for item in estimate.line_items:
            (found,) = version.rows.filter(sku_key=item["sku_key"], source=item["source"])
            assert policy.shortest(found.price_usd) == Decimal(item["unit_price_usd"])
            assert found.effective_date
        assert price_books.of_digest("") is None


class TestAVersion:
    def test_keeps_every_column_and_the_tiers(self) -> None:
        given = row(
            "t", "0.000000000123", offer_sku="SKU1",
            tiers=(Tier(Decimal(0), Decimal(10), Decimal(0)), Tier(Decimal(10), None, Decimal(1))),
        )  # fmt: skip
        version = stored([given, row("u", "12.5", effective_date="undated")])
        assert price_books.book_rows(version)[0] == given
        assert (version.effective_first, version.effective_last) == ("2026-11-01", "2026-11-01")

    def test_of_the_same_content_is_stored_once(self) -> None:
        first = stored([row("a", "1")])
        again, is_new = prices.store(
            REGION,
            [row("a", "1")],
            digest=first.digest,
            kind="imported",
            source="",
            sources=[],
            actor=None,
            now=NOW,
        )
        assert (again, is_new) == (first, False)

    def test_is_read_once_by_each_process(self, django_assert_num_queries: Any) -> None:
        prices.load_shipped(now=NOW)
        policy.price_book(REGION)
        with django_assert_num_queries(1):
            policy.price_book(REGION)

    def test_that_is_unknown_is_not_found(self) -> None:
        with pytest.raises(NotVisible):
            price_books.version(REGION, 7)
        with pytest.raises(NotVisible):
            price_books.history(REGION, "rds", "a")


class TestPuttingInForce:
    def test_is_recorded_with_who_when_why_and_what_it_replaced(self, org: Organisation) -> None:
        first, second = stored([row("a", "1")]), stored([row("a", "2")], digest="e" * 64)
        for version, replacing in ((first, None), (second, 1), (first, 2)):
            prices.activate(
                REGION, version.number, replacing=replacing, actor=org.platform, reason="because", now=NOW
            )
        assert policy.price_book(REGION).prices["rds", "a"].price_usd == 1
        back = PriceBookActivation.objects.first()
        assert back is not None
        assert (back.version, back.replaced, back.actor, back.reason) == (
            first,
            second,
            org.platform,
            "because",
        )
        assert back.is_rollback
        events = AuditEvent.objects.filter(action="prices.activated").values_list(
            "actor__username", "detail__replaced"
        )
        assert list(events) == [("platform", 2), ("platform", 1), ("platform", None)]

    def test_is_for_platform_engineers(self, org: Organisation) -> None:
        stored([row("a", "1")])
        for person in (org.developer, org.finops, org.sre):
            with pytest.raises(NotPlatform):
                prices.activate(REGION, 1, replacing=None, actor=person, reason="", now=NOW)
        assert price_books.active(REGION) is None

    def test_is_refused_when_another_came_first(self, org: Organisation) -> None:
        for digest in "def":
            stored([row("a", "1")], digest=digest * 64)
        prices.activate(REGION, 1, replacing=None, actor=org.platform, reason="", now=NOW)
        with pytest.raises(BookChanged, match="version 1 is in force"):
            prices.activate(REGION, 2, replacing=None, actor=org.platform, reason="", now=NOW)
        with pytest.raises(BookChanged):
            prices.activate(REGION, 2, replacing=3, actor=org.platform, reason="", now=NOW)
        assert price_books.active(REGION).number == 1  # type: ignore[union-attr]

    def test_of_what_is_in_force_changes_nothing(self, org: Organisation) -> None:
        stored([row("a", "1")])
        for replacing in (None, 1):
            prices.activate(REGION, 1, replacing=replacing, actor=org.platform, reason="", now=NOW)
        assert PriceBookActivation.objects.count() == 1


class TestAnImport:
    def test_of_every_list_replaces_the_second_hand_rows(self, tmp_path: Path) -> None:
        prices.load_shipped(now=NOW)
        shipped.write(tmp_path)
        made = draft(tmp_path)
        assert (made.region, made.diff.changed) == (REGION, ())
        version = import_(made, activate=True, reason="first")
        assert (version.number, version.kind, version.is_active) == (2, "imported", True)
        assert {one["offer"] for one in version.sources} >= {"AmazonEC2", "AmazonRDS"}
        assert all(len(one["sha256"]) == 64 for one in version.sources)
        found = policy.price_book(REGION).prices
        for one in shipped.rows():
            assert found[one["service"], one["sku_key"]].source.startswith("AWS price list")
        assert policy.price_book(REGION).digest == version.digest == made.digest

    def test_of_one_list_keeps_the_rows_of_other_services_with_their_sources(self, tmp_path: Path) -> None:
        prices.load_shipped(now=NOW)
        path = PriceList("AmazonRDS", [database("A", "db.m7g.large", "0.2")]).write(tmp_path)
        made = draft(path)
        ((change,), removed) = made.diff.changed, {one.row.service for one in made.diff.removed}
        assert (change.row.sku_key, round(change.percent or 0)) == ("postgresql.db.m7g.large.single-az", 19)
        assert "rds" in removed
        assert not removed & {"kms", "ec2", "s3"}
        found = {one.key: one.source for one in made.rows}
        assert found["kms", "key"].startswith("second-hand: ")
        kept = draft(path, keep_missing=True)
        assert kept.diff.removed == ()

    def test_keeps_a_service_whose_lists_were_not_all_read(self, tmp_path: Path) -> None:
        prices.load_shipped(now=NOW)
        path = PriceList("AmazonVPC", [product("A", "", "USE1-PublicIPv4:InUseAddress", "0.006")]).write(
            tmp_path
        )
        made = draft(path)
        assert made.diff.removed == ()
        assert ("vpc", "nat-gateway.hour") in {one.key for one in made.rows}

    def test_of_a_region_without_a_book_begins_one(self, tmp_path: Path) -> None:
        one = database("A", "db.m7g.large", "0.2")
        one.attributes = {
            **one.attributes,
            "regionCode": "eu-west-1",
            "usagetype": "EU-InstanceUsage:db.m7g.large",
        }
        PriceList("AmazonRDS", [one]).write(tmp_path, region="eu-west-1")
        version = import_(draft(tmp_path), activate=True)
        assert (version.region, version.number, version.row_count) == ("eu-west-1", 1, 1)

    def test_twice_is_one_version(self, tmp_path: Path) -> None:
        shipped.write(tmp_path)
        first = import_(draft(tmp_path), activate=True)
        again, is_new = prices_import.store(draft(tmp_path), actor=None, activate=True, now=NOW)
        assert (again, is_new, PriceBookVersion.objects.count()) == (first, False, 1)

    def test_is_refused_when_another_book_came_into_force_meanwhile(self, tmp_path: Path) -> None:
        shipped.write(tmp_path)
        made = draft(tmp_path)
        prices.load_shipped(now=NOW)
        with pytest.raises(BookChanged, match="version 1"):
            import_(made)
        assert PriceBookVersion.objects.count() == 1

    @pytest.mark.parametrize(
        "how", ["truncated", "currency", "negative", "several", "sum", "nothing", "twice", "regions"]
    )
    def test_that_is_refused_leaves_the_book_in_force(self, how: str, tmp_path: Path) -> None:
        prices.load_shipped(now=NOW)
        options: dict[str, Any] = {}
        products = [database("A", "db.m7g.large", "-1" if how == "negative" else "0.2")]
        if how == "several":
            products.append(database("B", "db.m7g.large", "0.3"))
        if how == "currency":
            products[0].currency = "CNY"
        if how == "nothing":
            products = [product("A", "Thing", "Thing", "1")]
        path = PriceList("AmazonRDS", products).write(tmp_path)
        if how == "truncated":
            path.write_bytes(path.read_bytes()[:-100])
        if how == "sum":
            options["sha256"] = "0" * 64
        if how == "twice":
            PriceList("AmazonRDS", products).write(tmp_path / "again")
        if how == "regions":
            PriceList("AmazonRDS", products).write(tmp_path, region="eu-west-1")
        with pytest.raises(ImportRefused):
            import_(draft(tmp_path, **options), activate=True)
        assert [version.number for version in price_books.versions()] == [1]
        assert price_books.active(REGION).kind == "shipped"  # type: ignore[union-attr]

    def test_goes_on_without_a_key_that_was_left_out(self, tmp_path: Path) -> None:
        products = [
            database("A", "db.m7g.large", "0.2"),
            database("B", "db.m7g.large", "0.3"),
            database("C", "db.x", "1"),
        ]
        PriceList("AmazonRDS", products).write(tmp_path)
        made = draft(tmp_path, leave_out=frozenset({"rds/postgresql.db.m7g.large.single-az"}))
        assert [one.name for one in made.lists]
        assert ("rds", "postgresql.db.x.single-az") in {one.key for one in made.rows}

    def test_has_prices_of_a_past_instant_only_in_its_own_version(self, tmp_path: Path) -> None:
        prices.load_shipped(now=NOW)
        PriceList("AmazonRDS", [database("A", "db.m7g.large", "0.2")]).write(tmp_path)
        import_(draft(tmp_path), activate=True)
        history = price_books.history(REGION, "rds", "postgresql.db.m7g.large.single-az")
        assert [(one.version.number, policy.shortest(one.price_usd)) for one in history] == [
            (2, Decimal("0.2")),
            (1, Decimal("0.168")),
        ]


class TestTheImpact:
    def test_estimates_open_workspaces_anew_from_their_last_plan(self, order: Order, fake: Any) -> None:  # noqa: F811
        first = applied(planned(order(), fake), fake)
        order(name="not-yet")
        before = policy.price_book(REGION)
        rows = [replace(one, price_usd=one.price_usd * 2) for one in price_books.rows_of_book(before)]
        after = policy.version_price_book(stored(rows))
        found = prices_impact.of(REGION, before, after)
        (effect,) = found.effects
        assert effect.workspace == first.workspace.name
        assert effect.before_usd_month == first.workspace.estimate_usd_month
        assert effect.after_usd_month == 2 * effect.before_usd_month > 0
        assert found.unknown == 1
        assert prices_impact.of("eu-west-1", before, after).effects == ()
