"""Which finding of a later run an override covers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from provisioner.domain.finding import Finding, Level
from provisioner.domain.overrides import KeptOverride, covering

FINDING = Finding("max-size", Level.SOFT_MANDATORY, "gb", "gb is 90.", "Because.", "Mend it.", suggested=50)
KEPT = KeptOverride(
    1,
    "max-size",
    "gb",
    "gb is 90.",
    "sre",
    datetime(2026, 12, 24, tzinfo=UTC),
    frozenset({"ann", "bea"}),
    value=90,
    suggested=50,
)


def covers(finding: Finding = FINDING, kept: KeptOverride = KEPT, **given: object) -> bool:
    words: dict[str, object] = {"group": "sre", "parameters": {"gb": 90}, "requester": "developer"}
    return covering(finding, [kept], **{**words, **given}) is kept  # type: ignore[arg-type]


class TestCovering:
    def test_is_the_same_finding(self) -> None:
        assert covers()
        assert covers(parameters={})

    @pytest.mark.parametrize(
        "other",
        [
            replace(FINDING, rule="other"),
            replace(FINDING, where="other"),
            replace(FINDING, level=Level.HARD_MANDATORY),
            replace(FINDING, level=Level.ADVISORY),
        ],
    )
    def test_is_no_other_finding(self, other: Finding) -> None:
        assert not covers(other)

    def test_is_of_the_group_that_is_asked(self) -> None:
        assert not covers(group="security")

    @pytest.mark.parametrize("requester", ["ann", "bea"])
    def test_is_not_for_those_who_granted_it(self, requester: str) -> None:
        assert not covers(requester=requester)

    @pytest.mark.parametrize(
        ("value", "covered"),
        [
            (90, True),
            (89.5, True),
            (51, True),
            (50, True),
            (91, False),
            (49, False),
            (None, False),
            ("60", False),
            (True, False),
        ],
    )
    def test_is_the_same_or_a_smaller_violation_above_a_limit(self, value: object, covered: bool) -> None:
        assert covers(replace(FINDING, what="gb is something."), parameters={"gb": value}) is covered

    @pytest.mark.parametrize(
        ("value", "covered"), [(10, True), (11, True), (50, True), (9, False), (51, False)]
    )
    def test_is_the_same_or_a_smaller_violation_below_a_limit(self, value: object, covered: bool) -> None:
        kept = replace(KEPT, value=10)
        assert covers(replace(FINDING, what="gb is something."), kept, parameters={"gb": value}) is covered

    @pytest.mark.parametrize(
        ("suggested", "kept"),
        [
            (40, KEPT),
            (None, KEPT),
            ("a", replace(KEPT, suggested="a")),
            (True, replace(KEPT, suggested=True)),
            (50, replace(KEPT, value=None)),
            (50, replace(KEPT, value=True)),
        ],
    )
    def test_compares_numbers_with_the_same_limit_alone(self, suggested: object, kept: KeptOverride) -> None:
        smaller = replace(FINDING, what="gb is 60.", suggested=suggested)
        assert not covers(smaller, kept, parameters={"gb": 60})

    def test_is_the_first_that_covers(self) -> None:
        other, last = replace(KEPT, key=2, rule="other"), replace(KEPT, key=3)
        found = covering(FINDING, [other, KEPT, last], group="sre", parameters={}, requester="developer")
        assert found is KEPT
        own = replace(KEPT, key=4, granted_by=frozenset({"developer"}))
        found = covering(FINDING, [own, KEPT], group="sre", parameters={}, requester="developer")
        assert found is KEPT
        assert covering(FINDING, [], group="sre", parameters={}, requester="developer") is None
