"""What is between two books, and what a book does to workspaces."""

from __future__ import annotations

from decimal import Decimal

import pytest

from provisioner.domain.price_import import BookRow
from provisioner.domain.price_import_diff import Effect, Impact, diff, merged


def row(key: str, price: str, *, service: str = "ec2", unit: str = "hour", source: str = "here") -> BookRow:
    return BookRow(service, key, unit, Decimal(price), "2026", source)


class TestTheDifference:
    def test_has_the_largest_change_first_and_what_cannot_be_compared_before_it(self) -> None:
        before = [row("a", "1"), row("b", "1"), row("c", "1"), row("d", "1"), row("e", "0"), row("same", "1")]
        after = [
            row("a", "1.1"), row("b", "0.5"), row("c", "1", unit="minute"), row("d", "1.2"), row("e", "1"),
            row("same", "1.0", source="there"),
        ]  # fmt: skip
        found = diff(before, after)
        assert [change.row.sku_key for change in found.changed] == ["c", "e", "b", "d", "a"]
        assert [change.percent for change in found.changed] == [None, None, -50, 20, 10]
        assert found.changed[2].percent_text == "-50.0 %"
        assert found.same == 1

    def test_has_new_and_removed_rows(self) -> None:
        found = diff([row("old", "1")], [row("new", "2")])
        assert [change.row.sku_key for change in found.added] == ["new"]
        assert [change.row.sku_key for change in found.removed] == ["old"]
        assert (found.added[0].percent, found.added[0].percent_text) == (None, "")
        assert not found.is_empty
        assert diff([row("a", "1")], [row("a", "1")]).is_empty


class TestMerging:
    KEPT = (row("old", "1"), row("both", "1"), row("key", "1", service="kms"))
    READ = (row("both", "2"), row("new", "3"))

    @pytest.mark.parametrize(
        ("services", "keep", "keys"),
        [
            ({"ec2"}, False, ["both", "new", "key"]),
            ({"ec2"}, True, ["both", "new", "old", "key"]),
            (set(), False, ["both", "new", "old", "key"]),
        ],
    )
    def test_replaces_services_that_were_read_completely(
        self, services: set[str], keep: bool, keys: list[str]
    ) -> None:
        rows = merged(self.KEPT, self.READ, replaced_services=frozenset(services), keep_missing=keep)
        assert [one.sku_key for one in rows] == keys
        assert next(one for one in rows if one.sku_key == "both").price_usd == 2


class TestTheImpact:
    def test_says_how_many_and_by_how_much(self) -> None:
        found = Impact(
            (
                Effect("a", Decimal(100), Decimal(110)),
                Effect("b", Decimal(50), Decimal(50)),
                Effect("c", Decimal(50), Decimal("46.20")),
            ),
            unknown=1,
        )
        assert [effect.workspace for effect in found.changed] == ["a", "c"]
        assert found.sentence == (
            "This book changes the estimates of 2 of 3 open workspaces, by +6.20 USD a month together (+3.1 %)."
        )

    @pytest.mark.parametrize(
        ("effects", "text"),
        [
            ((), "No open workspace has an estimate"),
            ((Effect("a", Decimal(1), Decimal(1)),), "changes the estimate of none of 1"),
            ((Effect("a", Decimal(0), Decimal(1)),), "by +1.00 USD a month together."),
        ],
    )
    def test_says_it_in_a_sentence(self, effects: tuple[Effect, ...], text: str) -> None:
        assert text in Impact(effects, 0).sentence
