"""The pages of price books: read by everybody, put in force by platform engineers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.urls import reverse

from provisioner import policy, price_books
from provisioner.domain.price_import import digest_of
from provisioner.models import PriceBookVersion
from provisioner.services import prices
from tests.web.conftest import Order, SignIn, fields, now

REGION = "us-east-1"
PAGE = "/prices/"


@pytest.fixture
def books(db: None) -> list[PriceBookVersion]:
    """Put the shipped book on record, and a second version in which everything costs a tenth more."""
    (first,) = prices.load_shipped(now=now())
    rows = [replace(row, price_usd=row.price_usd * 11 / 10) for row in price_books.book_rows(first)]
    second, _ = prices.store(
        REGION, rows, digest=digest_of(REGION, rows), kind="imported", source="AmazonRDS 20261120180000",
        sources=[
            {"offer": "AmazonRDS", "version": "2026112", "published": "2026-11-20", "rows": 9, "sha256": "a" * 64}
        ],
        actor=None, now=now(),
    )  # fmt: skip
    return [first, second]


def activation(number: int = 2) -> str:
    return reverse("prices-activate", args=[REGION, number])


class TestTheList:
    def test_shows_versions_and_which_is_in_force(self, sign_in: SignIn, books: Any) -> None:
        answer = sign_in("developer").get(PAGE)
        text = answer.content.decode()
        assert [version.number for version in answer.context["versions"]] == [2, 1]
        assert text.count("in force</span>") == 1
        assert "Put in force<span" not in text
        assert "comes with Drawbridge" in text

    def test_offers_platform_engineers_to_put_one_in_force(self, sign_in: SignIn, books: Any) -> None:
        assert activation() in sign_in("platform").get(PAGE).content.decode()

    def test_says_what_to_do_while_there_is_none(self, sign_in: SignIn) -> None:
        assert "manage.py prices load" in sign_in("developer").get(PAGE).content.decode()

    def test_is_for_those_who_are_signed_in(self, client: Any, books: Any) -> None:
        for address in (PAGE, f"/prices/{REGION}/1/", activation()):
            assert client.get(address).status_code == 302


class TestAVersion:
    ADDRESS = f"/prices/{REGION}/2/"

    def test_has_every_row_with_source_and_date_a_page_at_a_time(self, sign_in: SignIn, books: Any) -> None:
        client = sign_in("developer")
        seen, after = [], ""
        while True:
            answer = client.get(self.ADDRESS, {"after": after} if after else {})
            seen += [(row.service, row.sku_key) for row in answer.context["rows"]]
            after = answer.context["next"]
            if not after:
                break
        assert seen == [(row.service, row.sku_key) for row in price_books.rows(books[1])]
        assert b"second-hand: " in answer.content
        assert b"2026112" in answer.content

    @pytest.mark.parametrize(
        ("query", "keys"),
        [
            ({"service": "kms"}, ["key", "request"]),
            ({"q": "NAT-gateway"}, ["nat-gateway.data", "nat-gateway.hour"]),
            ({"service": "kms", "q": "nat"}, []),
            ({"q": "nothing \0 like it"}, []),
            ({"after": "zzz"}, []),
        ],
    )
    def test_is_searched_by_service_and_key(
        self, query: dict[str, str], keys: list[str], sign_in: SignIn, books: Any
    ) -> None:
        answer = sign_in("developer").get(self.ADDRESS, query)
        assert [row.sku_key for row in answer.context["rows"]] == keys

    def test_goes_on_after_a_row(self, sign_in: SignIn, books: Any) -> None:
        answer = sign_in("developer").get(self.ADDRESS, {"after": "vpc~nat-gateway.data"})
        assert answer.context["rows"][0].sku_key == "nat-gateway.hour"
        assert {row.service for row in answer.context["rows"]} >= {"vpc"}

    def test_asks_the_database_as_often_for_many_rows_as_for_few(
        self, sign_in: SignIn, books: Any, django_assert_max_num_queries: Any
    ) -> None:
        client = sign_in("developer")
        for query in ({}, {"service": "kms"}):
            with django_assert_max_num_queries(8):
                client.get(self.ADDRESS, query)

    def test_that_is_not_there_is_404(self, sign_in: SignIn, books: Any) -> None:
        client = sign_in("developer")
        assert client.get(f"/prices/{REGION}/9/").status_code == 404
        assert client.get(f"/prices/{REGION}/price/", {"service": "kms", "sku": "x\0"}).status_code == 404

    def test_leads_to_the_history_of_a_price(self, sign_in: SignIn, books: Any) -> None:
        text = (
            sign_in("developer")
            .get(f"/prices/{REGION}/price/", {"service": "kms", "sku": "key"})
            .content.decode()
        )
        assert text.index("$1.10") < text.index("$1.00")


class TestPuttingAVersionInForce:
    def test_says_first_what_it_changes(self, sign_in: SignIn, books: Any, order: Order) -> None:
        order(to="applied")
        text = sign_in("platform").get(activation()).content.decode()
        assert "This book changes the estimates of 1 of 1 open workspaces" in text
        assert "(+10.0 %)" in text
        assert "orders-db" in text
        assert "Changed, the largest first" in text

    def test_is_done_with_a_reason_and_recorded(self, sign_in: SignIn, books: Any) -> None:
        client = sign_in("platform")
        form = fields(client.get(activation()))
        assert client.post(activation(), form).status_code == 422
        answer = client.post(activation(), {**form, "reason": "November"}, follow=True)
        assert b"Version 2 of us-east-1 is in force" in answer.content
        assert policy.price_book(REGION).prices["kms", "key"].price_usd == policy.shortest(
            price_books.rows(books[1]).get(service="kms", sku_key="key").price_usd
        )
        assert "platform: November" in sign_in("developer").get(PAGE).content.decode()

    def test_is_refused_when_another_version_came_first(self, sign_in: SignIn, books: Any) -> None:
        client = sign_in("platform")
        form = {**fields(client.get(activation())), "reason": "November"}
        prices.put_in_force(REGION, 2, replacing=1, actor=None, reason="", now=now())
        answer = client.post(activation(1), {**form, "reason": "back"})
        assert answer.status_code == 409
        assert b"version 2 is in force" in answer.content
        assert price_books.active(REGION) == books[1]

    def test_is_for_platform_engineers(self, sign_in: SignIn, books: Any) -> None:
        for name in ("developer", "finops", "sre"):
            client = sign_in(name)
            assert client.get(activation()).status_code == 403
            assert client.post(activation(), {"reason": "mine", "replacing": "1"}).status_code == 403
        assert price_books.active(REGION) == books[0]


class TestTheRunPage:
    def test_leads_to_the_book_of_its_estimate(self, sign_in: SignIn, books: Any, order: Order) -> None:
        run = order()
        text = sign_in("developer").get(reverse("run", args=[run.pk])).content.decode()
        assert f'href="/prices/{REGION}/1/"' in text
