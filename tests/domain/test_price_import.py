"""What the importer makes of products and rates, and what it refuses; no file is read here."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import pytest

from provisioner.domain.price_import import (
    BookRow,
    Collector,
    PriceList,
    PriceListRefused,
    Rate,
    Tier,
    digest_of,
)
from tests.prices.collecting import collector
from tests.prices.offers import Product, database, machine, product

HEAD = PriceList("AmazonEC2", "20261120180000", "2026-11-20T18:00:00Z", "v1.0")
RDS = PriceList("AmazonRDS", "20261120180000", "2026-11-20T18:00:00Z", "v1.0")


def give(into: Collector, *products: Product) -> Collector:
    """Hand products and their rates over, as a reader does."""
    for number, one in enumerate(products, start=1):
        attributes = {name.lower(): value for name, value in one.attributes.items()}
        into.product(one.sku, one.family, attributes, f"line {number}")
    for number, one in enumerate(products, start=1):
        for begin, end, price in one.tiers:
            into.rate(
                rate(one.sku, price, unit=one.unit, currency=one.currency, begin=begin, end=end),
                f"line {number}",
            )
    return into


def rate(sku: str, price: str, **changes: str) -> Rate:
    values: Mapping[str, str] = {
        "unit": "Hrs", "currency": "USD", "begin": "0", "end": "Inf", "effective": "2026-11-01T00:00:00Z", **changes,
    }  # fmt: skip
    return Rate(sku=sku, price=price, **values)


class TestAProduct:
    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"regionCode": "us-east-2"}, "lies elsewhere"),
            ({"regionCode": "us-east-1-bos-1"}, "lies elsewhere"),
            ({"tenancy": "Dedicated"}, "no rule for Compute Instance"),
            ({"preInstalledSw": "SQL Web"}, "no rule for Compute Instance"),
            ({"capacitystatus": "UnusedCapacityReservation"}, "no rule for Compute Instance"),
            ({"operatingSystem": "RHEL"}, "no rule for Compute Instance"),
            ({"usagetype": "UnusedBox:m7g.large"}, "no rule for Compute Instance"),
            ({"instanceType": ""}, "has a instanceType that the mapping has no name for"),
            ({"instanceType": "x" * 300}, "more than 200 characters"),
        ],
    )
    def test_is_not_mapped_for_a_reason(self, changes: dict[str, str], reason: str) -> None:
        made = give(collector(HEAD), machine("A", "m7g.large", "0.1", **changes))
        assert made.rows() == []
        ((said, count),) = made.tally.unmapped.items()
        assert reason in said
        assert count == 1

    def test_is_a_row_with_its_source_and_date(self) -> None:
        (row,) = give(collector(HEAD), machine("A", "m7g.large", "0.0816000000")).rows()
        assert row == BookRow(
            "ec2", "linux.m7g.large", "hour", Decimal("0.0816"), "2026-11-01",
            "AWS price list AmazonEC2 20261120180000, SKU A", "A",
        )  # fmt: skip

    def test_without_an_on_demand_price_is_said(self) -> None:
        made = collector(HEAD)
        one = machine("A", "m7g.large", "0.1")
        made.product("A", one.family, {k.lower(): v for k, v in one.attributes.items()}, "line 1")
        assert made.rows() == []
        assert made.tally.unmapped == {"has no on-demand price": 1}

    def test_in_another_unit_is_not_mapped_and_said_once(self) -> None:
        one = machine("A", "m7g.large", "0.1")
        one.unit = "Seconds"
        one.tiers = (("0", "10", "0.1"), ("10", "Inf", "0.05"))
        made = give(collector(HEAD), one)
        assert made.rows() == []
        assert made.tally.unmapped == {"is priced by Seconds where Hrs is expected": 1}
        assert made.knows("A")

    def test_that_is_to_be_left_out_is_left_out(self) -> None:
        made = collector(HEAD, leave_out=frozenset({"ec2/linux.m7g.large"}))
        rows = give(made, machine("A", "m7g.large", "0.1"), machine("B", "m7g.xlarge", "0.2")).rows()
        assert [row.sku_key for row in rows] == ["linux.m7g.xlarge"]
        assert made.tally.unmapped == {"was to be left out": 1}

    def test_of_a_deployment_that_has_no_name_is_not_mapped(self) -> None:
        made = give(
            collector(RDS), database("A", "db.m7g.large", "0.3", deployment="Multi-AZ (readable standbys)")
        )
        assert made.rows() == []


class TestPrices:
    @pytest.mark.parametrize("price", ["-0.1", "NaN", "Infinity", "", "a lot", "1e99"])
    def test_that_are_none_refuse_the_file_with_the_place(self, price: str) -> None:
        with pytest.raises(PriceListRefused, match=r"index\.json, line 1: .* is not a price of A"):
            give(collector(HEAD), machine("A", "m7g.large", price))

    @pytest.mark.parametrize(("currency", "said"), [("CNY", "in CNY"), ("", "in no currency")])
    def test_in_another_currency_refuse_the_file(self, currency: str, said: str) -> None:
        one = machine("A", "m7g.large", "0.1", tenancy="Dedicated")
        one.currency = currency
        with pytest.raises(PriceListRefused, match=f"line 1: the price is {said}"):
            give(collector(HEAD), one)

    def test_of_products_that_are_not_mapped_do_not_matter(self) -> None:
        made = give(collector(HEAD), machine("A", "m7g.large", "-1", tenancy="Dedicated"))
        assert made.rows() == []

    @pytest.mark.parametrize(("begin", "end"), [("x", "Inf"), ("-1", "Inf"), ("0", "many")])
    def test_with_a_range_that_is_none_refuse_the_file(self, begin: str, end: str) -> None:
        one = machine("A", "m7g.large", "0.1")
        one.tiers = ((begin, end, "0.1"),)
        with pytest.raises(PriceListRefused, match="is not a range of use"):
            give(collector(HEAD), one)

    def test_several_for_one_key_refuse_the_file_with_both_places(self) -> None:
        with pytest.raises(PriceListRefused) as refused:
            give(collector(HEAD), machine("A", "m7g.large", "0.1"), machine("B", "m7g.large", "0.2")).rows()
        text = str(refused.value)
        assert "ec2 linux.m7g.large has several prices: 0.1 (line 1, SKU A) and 0.2 (line 2, SKU B)" in text
        assert "--leave-out ec2/linux.m7g.large" in text

    def test_the_same_for_one_key_are_one_row(self) -> None:
        made = give(collector(HEAD), machine("A", "m7g.large", "0.1"), machine("B", "m7g.large", "0.10"))
        assert len(made.rows()) == 1
        assert made.tally.same_price == 1


class TestTiers:
    def tiered(self, *tiers: tuple[str, str, str]) -> Product:
        one = machine("A", "m7g.large", "0")
        one.tiers = tiers
        return one

    def test_are_kept_and_the_first_that_costs_is_the_price(self) -> None:
        one = self.tiered(("10", "Inf", "0.3"), ("0", "10", "0"))
        (row,) = give(collector(HEAD), one).rows()
        assert row.price_usd == Decimal("0.3")
        assert row.tiers == (
            Tier(Decimal(0), Decimal(10), Decimal(0)),
            Tier(Decimal(10), None, Decimal("0.3")),
        )

    def test_that_are_all_free_are_free(self) -> None:
        (row,) = give(collector(HEAD), self.tiered(("0", "10", "0"), ("10", "Inf", "0"))).rows()
        assert row.price_usd == 0

    @pytest.mark.parametrize(
        "tiers", [(("0", "10", "1"), ("20", "Inf", "2")), (("0", "Inf", "1"), ("10", "Inf", "2"))]
    )
    def test_with_a_gap_or_an_overlap_refuse_the_file(self, tiers: tuple[tuple[str, str, str], ...]) -> None:
        with pytest.raises(PriceListRefused, match="do not follow one another"):
            give(collector(HEAD), self.tiered(*tiers)).rows()

    def test_are_rows_of_their_own_where_the_mapping_names_them(self) -> None:
        storage = product("S", "Storage", "TimedStorage-ByteHrs", "0", "GB-Mo", volumeType="Standard")
        storage.tiers = (("0", "51200", "0.023"), ("51200", "512000", "0.022"))
        rows = give(collector(PriceList("AmazonS3", "1", "", "v1.0")), storage).rows()
        assert [(row.sku_key, row.price_usd) for row in rows] == [
            ("standard.storage.first-50tb", Decimal("0.023")),
            ("standard.storage.next-450tb", Decimal("0.022")),
        ]


class TestWhatAListSaysOfItself:
    @pytest.mark.parametrize(
        ("head", "text"),
        [
            (PriceList("AmazonEC2", "1", "", "v2.0"), "its format version is v2.0"),
            (PriceList("AmazonEC2", "1", "", ""), "its format version is not given"),
            (PriceList("", "1", "", "v1.0"), "names no offer code"),
            (PriceList("AmazonEC2", "", "", "v1.0"), "no version"),
        ],
    )
    def test_is_refused_unless_it_is_known(self, head: PriceList, text: str) -> None:
        with pytest.raises(PriceListRefused, match=text):
            head.check("index.json")


class TestTheDigest:
    ROW = BookRow("s", "k", "hour", Decimal("0.10"), "2026", "here")

    def test_is_of_every_column_in_any_order(self) -> None:
        other = BookRow(
            "s", "l", "hour", Decimal(2), "2026", "here", tiers=(Tier(Decimal(0), None, Decimal(2)),)
        )
        assert digest_of("r", [self.ROW, other]) == digest_of("r", [other, self.ROW])
        plain = BookRow("s", "k", "hour", Decimal("0.1"), "2026", "here")
        assert digest_of("r", [self.ROW]) == digest_of("r", [plain])
        assert digest_of("r", [self.ROW]) != digest_of("q", [self.ROW])
        assert len({digest_of("r", [row]) for row in (self.ROW, other)}) == 2
        for change in (
            BookRow("s", "k", "hour", Decimal("0.2"), "2026", "here"),
            BookRow("s", "k", "hour", Decimal("0.1"), "2027", "here"),
            BookRow("s", "k", "hour", Decimal("0.1"), "2026", "there"),
        ):
            assert digest_of("r", [self.ROW]) != digest_of("r", [change])
