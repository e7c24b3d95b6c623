"""Price books on PostgreSQL: two imports at once, two people who put a version in force at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner import policy, price_books
from provisioner.models import PriceBookActivation, PriceBookVersion, PriceRow
from provisioner.services import prices, prices_import
from tests.conftest import Organisation
from tests.prices import shipped
from tests.prices.offers import PriceList, database
from tests.races.test_races import at_once
from tests.services.conftest import now

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True),
]
REGION = "us-east-1"
RULES = prices_import.rules()


class TestImports:
    def test_of_the_same_lists_at_once_are_one_version_that_is_whole(self, tmp_path: Path) -> None:
        prices.load_shipped(now=now())
        shipped.write(tmp_path)
        made = prices_import.draft([tmp_path], mapping=RULES)
        outcomes = at_once(8, lambda index: prices_import.store(made, actor=None, now=now()))
        assert outcomes == {"ok": 8}
        version = PriceBookVersion.objects.get(kind="imported")
        assert (version.number, version.rows.count()) == (2, version.row_count)
        assert PriceRow.objects.count() == sum(one.row_count for one in PriceBookVersion.objects.all())

    def test_of_different_lists_at_once_are_versions_of_their_own(self, tmp_path: Path) -> None:
        prices.load_shipped(now=now())
        drafts = []
        for index in range(4):
            PriceList("AmazonRDS", [database("A", "db.m7g.large", f"0.{index + 1}")]).write(
                tmp_path / str(index)
            )
            drafts.append(prices_import.draft([tmp_path / str(index)], mapping=RULES))
        outcomes = at_once(4, lambda index: prices_import.store(drafts[index], actor=None, now=now()))
        assert outcomes == {"ok": 4}
        assert sorted(PriceBookVersion.objects.values_list("number", flat=True)) == [1, 2, 3, 4, 5]

    def test_that_each_want_to_be_in_force_leave_one_that_is(self, tmp_path: Path) -> None:
        prices.load_shipped(now=now())
        drafts = []
        for index in range(4):
            PriceList("AmazonRDS", [database("A", "db.m7g.large", f"0.{index + 1}")]).write(
                tmp_path / str(index)
            )
            drafts.append(prices_import.draft([tmp_path / str(index)], mapping=RULES))
        outcomes = at_once(
            4, lambda index: prices_import.store(drafts[index], actor=None, activate=True, now=now())
        )
        assert outcomes == {"ok": 1, "price_book_changed": 3}
        assert PriceBookVersion.objects.filter(is_active=True).count() == 1
        assert PriceBookActivation.objects.count() == 2
        active = price_books.active(REGION)
        assert active is not None
        assert policy.price_book(REGION).digest == active.digest

    def test_of_the_shipped_files_at_once_are_one_version_in_force(self) -> None:
        assert at_once(6, lambda index: prices.load_shipped(now=now())) == {"ok": 6}
        version = PriceBookVersion.objects.get()
        assert (version.is_active, PriceBookActivation.objects.count()) == (True, 1)


class TestPuttingInForce:
    def test_by_eight_people_at_once_lets_one_and_tells_the_others(
        self, org: Organisation, tmp_path: Path
    ) -> None:
        prices.load_shipped(now=now())
        for index in range(8):
            PriceList("AmazonRDS", [database("A", "db.m7g.large", f"0.{index + 1}")]).write(
                tmp_path / str(index)
            )
            prices_import.store(
                prices_import.draft([tmp_path / str(index)], mapping=RULES), actor=None, now=now()
            )

        def act(index: int) -> PriceBookVersion:
            return prices.activate(
                REGION, index + 2, replacing=1, actor=org.platform, reason="mine", now=now()
            )

        assert at_once(8, act) == {"ok": 1, "price_book_changed": 7}
        assert PriceBookVersion.objects.filter(is_active=True).count() == 1
        last = PriceBookActivation.objects.first()
        assert last is not None
        assert last.version == price_books.active(REGION)
        assert last.replaced is not None
        assert last.replaced.number == 1
