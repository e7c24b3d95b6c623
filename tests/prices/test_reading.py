"""Price lists as files: both forms, packed or not, whole or refused with the place."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from provisioner.domain.price_import import BookRow, PriceListRefused
from provisioner.price_lists import files
from provisioner.price_lists.read import read
from tests.prices.collecting import collector
from tests.prices.offers import PriceList, Product, database, machine, product


def machines() -> PriceList:
    """Return two machines, one of them with a reserved price too, and one that is not mapped."""
    kept, other = machine("A", "m7g.large", "0.0816000000"), machine("B", "m7g.xlarge", "0.1632000000")
    kept.reserved = True
    return PriceList("AmazonEC2", [kept, other, machine("C", "m7g.large", "0.09", tenancy="Dedicated")])


def rows_of(path: Path) -> list[BookRow]:
    (file,) = files.find(path)
    return read(file, lambda head: collector(head, name=file.name)).rows()


def packed(path: Path, content: bytes) -> Path:
    target = path.with_name(path.name + ".gz")
    target.write_bytes(content)
    path.unlink()
    return target


class TestAList:
    @pytest.mark.parametrize("kind", ["json", "csv"])
    def test_reads_the_same_in_each_form_and_packed(self, kind: str, tmp_path: Path) -> None:
        path = machines().write(tmp_path, kind=kind)
        rows = rows_of(path)
        assert [(row.sku_key, str(row.price_usd)) for row in rows] == [
            ("linux.m7g.large", "0.0816000000"),
            ("linux.m7g.xlarge", "0.1632000000"),
        ]
        assert rows_of(packed(path, gzip.compress(path.read_bytes()))) == rows

    def test_may_have_its_terms_before_its_products(self, tmp_path: Path) -> None:
        path = machines().write(tmp_path)
        document = json.loads(path.read_text())
        order = ["formatVersion", "offerCode", "version", "publicationDate", "terms", "products"]
        path.write_text(json.dumps({key: document[key] for key in order}))
        assert len(rows_of(path)) == 2

    def test_counts_what_was_read(self, tmp_path: Path) -> None:
        for kind in ("json", "csv"):
            (file,) = files.find(machines().write(tmp_path / kind, kind=kind))
            made = read(file, collector)
            made.rows()
            tally = made.tally
            assert (tally.products, tally.rates, tally.rows) == (3, 3, 2)
            assert tally.unmapped == {"no rule for Compute Instance": 1}

    def test_has_tiers_in_csv_too(self, tmp_path: Path) -> None:
        storage = product("S", "Storage", "TimedStorage-ByteHrs", "0", "GB-Mo", volumeType="Standard")
        storage.tiers = (("0", "51200", "0.023"), ("51200", "512000", "0.022"), ("512000", "Inf", "0.021"))
        path = PriceList("AmazonS3", [storage]).write(tmp_path, kind="csv")
        assert [row.sku_key for row in rows_of(path)] == [
            f"standard.storage.{tier}" for tier in ("first-50tb", "next-450tb", "over-500tb")
        ]


class TestAListThatIsCutShort:
    @pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95])
    @pytest.mark.parametrize("kind", ["json", "csv"])
    def test_is_refused_wherever_it_ends(self, kind: str, share: float, tmp_path: Path) -> None:
        path = machines().write(tmp_path, kind=kind)
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(PriceListRefused, match=r"index\.(json|csv)"):
            rows_of(path)

    def test_is_refused_when_nothing_is_left(self, tmp_path: Path) -> None:
        path = machines().write(tmp_path)
        path.write_bytes(b"")
        with pytest.raises(PriceListRefused, match="ends too early"):
            rows_of(path)

    @pytest.mark.parametrize("kind", ["json", "csv"])
    def test_is_refused_while_packed(self, kind: str, tmp_path: Path) -> None:
        path = machines().write(tmp_path, kind=kind)
        content = gzip.compress(path.read_bytes())
        with pytest.raises(PriceListRefused, match="packed file ends too early"):
            rows_of(packed(path, content[:-20]))

    def test_is_refused_when_it_was_damaged_while_packed(self, tmp_path: Path) -> None:
        path = machines().write(tmp_path)
        content = bytearray(gzip.compress(path.read_bytes()))
        content[-6] ^= 1  # the sum at its end
        with pytest.raises(PriceListRefused, match="cannot be unpacked"):
            rows_of(packed(path, bytes(content)))

    def test_of_csv_is_refused_with_the_line(self, tmp_path: Path) -> None:
        path = machines().write(tmp_path, kind="csv")
        lines = path.read_text().splitlines()
        path.write_text("\n".join([*lines[:-1], lines[-1].rpartition(",")[0]]))
        with pytest.raises(PriceListRefused, match=r"line 10: it has \d+ cells where the columns are"):
            rows_of(path)


class TestAListThatIsNone:
    @pytest.mark.parametrize(
        ("change", "text"),
        [
            ({"formatVersion": "v2.0"}, "format version is v2.0"),
            ({"formatVersion": None}, "format version is not given"),
            ({"offerCode": ""}, "names no offer code"),
            ({"products": {"A": "text"}}, "products.A: there is no product"),
            ({"terms": {}}, "no OnDemand terms"),
        ],
    )
    def test_is_refused(self, change: dict[str, Any], text: str, tmp_path: Path) -> None:
        path = machines().write(tmp_path)
        path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
        with pytest.raises(PriceListRefused, match=text):
            rows_of(path)

    @pytest.mark.parametrize(
        "content", [b"<html>Access denied</html>", b'"text"', b"[]", b'{"a": 1} {"b": 2}']
    )
    def test_is_refused_whatever_it_is(self, content: bytes, tmp_path: Path) -> None:
        path = tmp_path / "index.json"
        path.write_bytes(content)
        with pytest.raises(PriceListRefused):
            rows_of(path)

    @pytest.mark.parametrize(
        ("before", "after", "text"),
        [
            ('"PricePerUnit"', '"Price"', "no column for priceperunit"),
            ('"FormatVersion","v1.0"', '"FormatVersion","v9"', "format version is v9"),
            ('"SKU","OfferTermCode"', '"SKU","Offer"TermCode"', "not CSV"),
        ],
    )
    def test_of_csv_is_refused(self, before: str, after: str, text: str, tmp_path: Path) -> None:
        path = machines().write(tmp_path, kind="csv")
        path.write_text(path.read_text().replace(before, after))
        with pytest.raises(PriceListRefused, match=text):
            rows_of(path)

    def test_in_another_encoding_is_refused(self, tmp_path: Path) -> None:
        path = machines().write(tmp_path, kind="csv")
        path.write_bytes(path.read_bytes().replace(b"what it is", b"what \xff is", 1))
        with pytest.raises(PriceListRefused, match="not UTF-8"):
            rows_of(path)

    @pytest.mark.parametrize("kind", ["json", "csv"])
    def test_of_a_region_in_china_is_refused_with_the_place(self, kind: str, tmp_path: Path) -> None:
        priced = database("A", "db.t4g.micro", "0.1")
        path = PriceList(
            "AmazonRDS", [Product("A", priced.family, priced.attributes, tiers=priced.tiers, currency="CNY")]
        ).write(tmp_path, kind=kind)
        with pytest.raises(PriceListRefused, match=r"(line 7|terms\.OnDemand\.A\.).*the price is in CNY"):
            rows_of(path)

    def test_that_unpacks_to_more_than_a_price_list_has_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = machines().write(tmp_path)
        monkeypatch.setattr(files, "MAX_BYTES", 1000)
        with pytest.raises(PriceListRefused, match="more than a price list has"):
            rows_of(packed(path, gzip.compress(path.read_bytes())))


class TestAFolder:
    def test_is_looked_through_in_the_layout_of_the_price_list(self, tmp_path: Path) -> None:
        machines().write(tmp_path)
        PriceList("AmazonRDS", [database("A", "db.t4g.micro", "0.1")]).write(
            tmp_path, region="eu-west-1", kind="csv"
        )
        found = files.find(tmp_path)
        assert [(file.region, file.is_json) for file in found] == [("us-east-1", True), ("eu-west-1", False)]
        assert found[0].name == "offers/v1.0/aws/AmazonEC2/current/us-east-1/index.json"

    def test_takes_one_form_of_a_list_that_is_there_in_two(self, tmp_path: Path) -> None:
        machines().write(tmp_path)
        machines().write(tmp_path, kind="csv")
        assert [file.path.name for file in files.find(tmp_path)] == ["index.json"]

    def test_without_lists_or_that_is_missing_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(PriceListRefused, match=r"no index\.json"):
            files.find(tmp_path)
        with pytest.raises(PriceListRefused, match="no such file"):
            files.find(tmp_path / "missing")
        (tmp_path / "prices.txt").write_text("x")
        with pytest.raises(PriceListRefused, match="ends in one of"):
            files.find(tmp_path / "prices.txt")


class TestASum:
    def test_is_compared_with_what_is_given_or_stands_beside(self, tmp_path: Path) -> None:
        (file,) = files.find(machines().write(tmp_path))
        right = hashlib.sha256(file.path.read_bytes()).hexdigest()
        beside = file.path.with_name("index.json.sha256")
        assert files.check_sum(file, None) == files.check_sum(file, right.upper()) == right
        with pytest.raises(PriceListRefused, match="its SHA-256 is"):
            files.check_sum(file, "0" * 64)
        beside.write_text(f"{right}  index.json\n")
        assert files.check_sum(file, None) == right
        shutil.copy(file.path, tmp_path / "copy")
        file.path.write_bytes(file.path.read_bytes() + b" ")
        with pytest.raises(PriceListRefused, match="is expected"):
            files.check_sum(file, None)
