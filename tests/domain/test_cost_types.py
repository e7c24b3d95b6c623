"""What each type costs, line by line: the cases are in data/costs, their amounts those of Infracost's golden files
where it prices the same resource with the same rate."""

from typing import Any

import pytest

from provisioner.domain.cost import FREE_TYPES, MODELS, SOURCES, USAGE_KEYS, PricedResource, estimate
from tests.domain.cost_case import BOOK, cases, resources_of, told
from tests.domain.documents import resource

CASES = cases()

# Attributes that some model reads, for values of the wrong type.
READ = sorted({name for case in CASES for given in case["resources"] for name in given.get("attributes", {})})
BAD = [None, True, -1, 10**16, "x", "NaN", "-1", "1e400", [], [1], {"a": 1}, [{"metric": 1}], [[]], [{}]]


class TestPrices:
    @pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
    def test_of_each_type_are(self, case: dict[str, Any]) -> None:
        assert told(resources_of(case), case.get("usage", {})) == case["lines"]

    def test_have_a_case_for_every_type(self) -> None:
        tried = {given["type"] for case in CASES for given in case["resources"]}
        assert set(MODELS) <= tried

    def test_cover_forty_types_beyond_those_of_the_golden_paths(self) -> None:
        assert len(MODELS) >= 60
        assert len(FREE_TYPES) >= 150

    def test_name_their_page(self) -> None:
        assert set(SOURCES) == set(MODELS)
        assert all(page.startswith("https://aws.amazon.com/") for page in SOURCES.values())

    def test_take_usage_of_known_types_only(self) -> None:
        assert set(USAGE_KEYS) < set(MODELS)
        assert all(keys and len(set(keys)) == len(keys) for keys in USAGE_KEYS.values())

    @pytest.mark.parametrize("kind", sorted(MODELS))
    def test_never_crash_on_a_wrong_type(self, kind: str) -> None:
        for value in BAD:
            result = estimate([PricedResource("a.b", kind, dict.fromkeys(READ, value))], BOOK)
            assert result.usd_month >= 0
            assert all(len(row.reason) < 400 for row in result.unpriced)

    @pytest.mark.parametrize("kind", sorted(MODELS))
    def test_say_of_everything_unknown_that_it_is(self, kind: str) -> None:
        result = estimate([PricedResource("a.b", kind, {}, frozenset(READ))], BOOK)
        assert all("not set" not in row.reason for row in result.unpriced)

    def test_of_a_replaced_free_type_are_nothing(self) -> None:
        assert told([resource("aws_iam_role")], {}) == []
