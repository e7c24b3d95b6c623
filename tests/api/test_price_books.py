"""Price books by API: versions and rows, in pages."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from provisioner.models import PriceBookVersion
from provisioner.services import prices
from tests.conftest import NOW, Organisation

BOOKS = "/api/v1/price-books/"


@pytest.fixture
def book(org: Organisation) -> PriceBookVersion:
    (version,) = prices.load_shipped(now=NOW)
    return version


@pytest.fixture
def client(org: Organisation, with_token: Any) -> APIClient:
    made: APIClient = with_token(org.developer, "costs:read")
    return made


class TestVersions:
    def test_are_listed_with_what_they_are(self, client: APIClient, book: PriceBookVersion) -> None:
        (found,) = client.get(BOOKS).json()["results"]
        assert found["digest"] == book.digest
        assert (found["region"], found["number"], found["active"], found["kind"]) == (
            "us-east-1",
            1,
            True,
            "shipped",
        )
        assert found["imported_by"] is None

    @pytest.mark.parametrize(
        ("query", "count"),
        [
            ({"region": "us-east-1"}, 1), ({"region": "eu-west-1"}, 0), ({"active": "true"}, 1),
            ({"active": "false"}, 0), ({"digest": "0" * 64}, 0),
        ],
    )  # fmt: skip
    def test_are_filtered(self, query: dict[str, str], count: int, client: APIClient, book: Any) -> None:
        assert len(client.get(BOOKS, query).json()["results"]) == count

    def test_are_found_by_the_digest_of_an_estimate(self, client: APIClient, book: PriceBookVersion) -> None:
        (found,) = client.get(BOOKS, {"digest": book.digest}).json()["results"]
        assert found["id"] == book.pk


class TestRows:
    def test_come_in_pages_without_loss(self, client: APIClient, book: PriceBookVersion) -> None:
        address: str | None = f"{BOOKS}{book.pk}/rows/?page_size=50"
        keys = []
        while address:
            page = client.get(address).json()
            keys += [(row["service"], row["sku_key"]) for row in page["results"]]
            address = page["next"]
        assert keys == sorted(keys)
        assert len(keys) == book.row_count

    def test_have_price_unit_source_and_date(self, client: APIClient, book: PriceBookVersion) -> None:
        (row,) = client.get(f"{BOOKS}{book.pk}/rows/", {"service": "kms", "sku": "request"}).json()["results"]
        assert (row["price_usd"], row["unit"], row["tiers"]) == ("0.000003", "request", [])
        assert row["effective_date"] == "2026-09-23"
        assert row["source"].startswith("second-hand: ")

    def test_of_a_book_that_is_not_there_are_404(self, client: APIClient, book: PriceBookVersion) -> None:
        assert client.get(f"{BOOKS}{book.pk + 1}/rows/").status_code == 404

    def test_take_no_unknown_filter(self, client: APIClient, book: PriceBookVersion) -> None:
        answer = client.get(f"{BOOKS}{book.pk}/rows/", {"sku_key": "key"})
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["code"] == "unknown"
