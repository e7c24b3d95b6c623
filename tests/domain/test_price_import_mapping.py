"""The shipped mapping covers the shipped book; what is wrong with a mapping is said."""

from __future__ import annotations

import csv
import re
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from provisioner.domain.price_import import BookRow
from provisioner.domain.price_import_mapping import MappingError, read_mapping, without_region
from provisioner.price_lists import files
from provisioner.price_lists.read import read
from tests.prices import shipped
from tests.prices.collecting import RULES, collector


def read_all(folder: Path) -> dict[tuple[str, str], BookRow]:
    rows: dict[tuple[str, str], BookRow] = {}
    for file in files.find(folder):
        for row in read(file, lambda head: collector(head)).rows():
            assert row.key not in rows
            rows[row.key] = row
    return rows


# Services whose attributes in the price lists are not known well enough to map them (docs/prices.md).
NOT_MAPPED = {"cloudfront", "fsx", "mq"}


class TestTheShippedMapping:
    @pytest.mark.parametrize("kind", ["json", "csv"])
    def test_makes_every_row_of_the_shipped_book_at_its_price_and_unit(
        self, kind: str, tmp_path: Path
    ) -> None:
        shipped.write(tmp_path, kind)
        rows = read_all(tmp_path)
        for given in shipped.rows():
            row = rows[given["service"], given["sku_key"]]
            assert (row.price_usd, row.unit) == (Decimal(given["price_usd"]), given["unit"]), row.key
            assert row.effective_date == "2026-11-01"
            assert row.source.startswith("AWS price list ")
        assert len(shipped.rows()) > 100
        # One tier of S3 more than the shipped book has.
        assert len(rows) == len(shipped.rows()) + 1

    def test_keeps_the_tiers(self, tmp_path: Path) -> None:
        shipped.write(tmp_path)
        rows = read_all(tmp_path)
        assert rows["s3", "standard.storage.over-500tb"].tiers[0].begin == 512000
        free, paid = rows["kms", "request"].tiers
        assert (free.price_usd, free.end, paid.end) == (0, 20000, None)
        assert rows["kms", "request"].price_usd == paid.price_usd

    def test_can_make_every_key_of_the_shipped_book_in_its_unit_but_those_that_it_lists(self) -> None:
        made = [(rule, re.compile(re.sub(r"\\{\w+\\}", ".+", re.escape(rule.sku_key)))) for rule in RULES]
        with shipped.BOOK.open(newline="") as file:
            left = {
                f"{row['service']} {row['sku_key']}"
                for row in csv.DictReader(file)
                if not any(
                    rule.service == row["service"]
                    and rule.unit == row["unit"]
                    and (
                        key.fullmatch(row["sku_key"])
                        if not rule.tiers
                        else any(row["sku_key"] == f"{rule.sku_key}.{tier}" for tier in rule.tiers)
                    )
                    for rule, key in made
                )
            }
        assert {key.split()[0] for key in left} <= NOT_MAPPED

    def test_gives_no_two_rules_one_key(self) -> None:
        keys = [(rule.service, rule.sku_key) for rule in RULES]
        assert len(keys) == len(set(keys))


class TestAUsageType:
    @pytest.mark.parametrize(
        ("usage", "bare"),
        [
            ("BoxUsage:m5.large", "BoxUsage:m5.large"),
            ("EUW2-BoxUsage:m5.large", "BoxUsage:m5.large"),
            ("EU-NatGateway-Hours", "NatGateway-Hours"),
            ("us-east-1-KMS-Keys", "KMS-Keys"),
            ("us-gov-west-1-KMS-Keys", "KMS-Keys"),
            ("TS-LoadBalancerUsage", "TS-LoadBalancerUsage"),
            ("RegionalNatGateway-Hours", "RegionalNatGateway-Hours"),
        ],
    )
    def test_is_compared_without_its_region(self, usage: str, bare: str) -> None:
        assert without_region(usage) == bare


class TestAMapping:
    GOOD = """
        [[rule]]
        offer = "AmazonX"
        usage = "Thing"
        service = "x"
        sku_key = "thing"
        unit = "hour"
        per = "Hrs"
    """

    def test_is_read(self) -> None:
        (rule,) = read_mapping(tomllib.loads(self.GOOD))
        assert (rule.offer, rule.times, rule.per) == ("AmazonX", 1, ("Hrs",))

    @pytest.mark.parametrize(
        ("change", "text"),
        [
            (('usage = "Thing"', ""), "it would match every product"),
            (('unit = "hour"', ""), "unit is missing"),
            (('per = "Hrs"', 'pro = "Hrs"'), "no word 'pro'"),
            (('per = "Hrs"', 'per = "Hrs"\ntimes = "0"'), "'0' is not a factor above 0"),
            (('per = "Hrs"', 'per = "Hrs"\ndivide = "many"'), "'many' is not a factor"),
            (("[[rule]]", "[[rules]]"), "no section 'rules'"),
        ],
    )
    def test_is_refused_with_the_rule_and_the_word(self, change: tuple[str, str], text: str) -> None:
        with pytest.raises(MappingError, match=text):
            read_mapping(tomllib.loads(self.GOOD.replace(*change)))

    def test_without_rules_is_refused(self) -> None:
        with pytest.raises(MappingError, match="no \\[\\[rule\\]\\]"):
            read_mapping({})
