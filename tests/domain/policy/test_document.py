"""A whole policy: read, or refused with everything that is wrong with it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from provisioner.domain.approval_when import Above, Limits, Measure
from provisioner.domain.policy import document
from provisioner.domain.policy.section import PolicyError


def least(**other: Any) -> dict[str, Any]:
    return {"version": 1, "approvals": approvals(), **other}


def approvals() -> dict[str, Any]:
    return {
        "rules": [
            {
                "rule": "cost-limit",
                "groups": "finops",
                "when": {"delta_above_usd_month": {"production": "300", "default": "100"}},
            },
            {
                "rule": "production-criticality",
                "groups": "sre",
                "when": {"production": True, "criticalities": ["tier-1"]},
            },
        ]
    }


class TestAPolicy:
    def test_has_what_its_file_says_and_defaults_elsewhere(self) -> None:
        policy = document.read(least(time_to_live={"max_days": {"development": 90}}), digest="abc")
        assert policy.digest == "abc"
        assert policy.lifetime.max_days == {"development": 90}
        assert policy.approvals.expire_after_days == 14
        assert policy.approvals.recovery_group == "sre"
        limits = Limits({"production": Decimal(300)}, Decimal(100))
        assert policy.approvals.rules.rules[0].when == (Above(Measure.DELTA, limits),)

    @pytest.mark.parametrize("version", [2, "1", True, 1.5])
    def test_of_another_format_is_refused(self, version: object) -> None:
        with pytest.raises(PolicyError) as raised:
            document.read({**least(), "version": version}, digest="", lines={("version",): 1})
        assert [(p.place, p.line, p.fix) for p in raised.value.problems] == [
            ("version", 1, "Write version: 1.")
        ]

    def test_is_refused_with_every_problem_in_the_order_of_the_file(self) -> None:
        with pytest.raises(PolicyError) as raised:
            document.read(
                {"aprovals": {}, "time_to_live": {"max_days": {"development": 0}}},
                digest="",
                lines={("aprovals",): 7, ("time_to_live", "max_days", "development"): 2},
            )
        assert [(p.place, p.line) for p in raised.value.problems][-2:] == [
            ("time_to_live.max_days.development", 2),
            ("aprovals", 7),
        ]
        assert "Did you mean approvals?" in str(raised.value)
