"""Approval rules with an expression of their own, evaluated as the portal does."""

from __future__ import annotations

from decimal import Decimal

import pytest

from provisioner.domain.approval_when import Case, Expressed
from provisioner.domain.context import Context, Facts
from provisioner.domain.cost import Estimate
from provisioner.domain.plan import PlanCounts
from provisioner.domain.policy.section import PolicyError
from provisioner.rulebook import file, own_rules
from provisioner.rulebook.own_rules import ExpressionFailed

CASE = Case(
    Context(service="orders", environment="production", criticality="tier-1", facts=Facts(team_workspaces=7)),
    Estimate((), (), Decimal("412.00")),
    Decimal("90.50"),
    counts=PlanCounts(create=2, delete=1),
)

POLICY = """version: 1
groups: [sre]
approvals:
  rules:
    - rule: many
      groups: sre
      when: {cel: %s}
"""


class TestAnExpression:
    @pytest.mark.parametrize(
        ("expression", "holds"),
        [
            ("order.service == 'orders' && cost.delta_usd_month > 90.0", True),
            ("cost.usd_month > 412.0", False),
            ("facts.team_workspaces >= 7", True),
            ("counts.delete > 0 && at == 'plan'", True),
            ("order.criticality != 'tier-1'", False),
        ],
    )
    def test_sees_the_order_its_cost_what_is_known_and_what_changes(
        self, expression: str, holds: bool
    ) -> None:
        assert own_rules.evaluate.holds(expression, CASE) is holds

    @pytest.mark.parametrize(
        ("expression", "reason"),
        [
            ("order.nothing == 1", "there is no nothing"),
            ("'because'", "it gave a text"),
            ("1 + 1", "it gave neither true, false"),
            ("order.service > 1", "."),
        ],
    )
    def test_that_gives_no_answer_cannot_be_told(self, expression: str, reason: str) -> None:
        with pytest.raises(ExpressionFailed, match=reason):
            own_rules.evaluate.holds(expression, CASE)
        held = Expressed(expression).judge(CASE, own_rules.evaluate.holds)
        assert held.verdict is None
        assert held.said.startswith("its expression could not be evaluated")

    @pytest.mark.parametrize("expression", ["'1 +'", "unheard_of > 1"])
    def test_that_is_none_is_refused_with_its_line(self, expression: str) -> None:
        with pytest.raises(PolicyError) as raised:
            file.read((POLICY % expression).encode())
        assert [(problem.place, problem.line) for problem in raised.value.problems] == [
            ("approvals.rules[0].when.cel", 7)
        ]

    def test_of_a_policy_is_read(self) -> None:
        [rule] = file.read((POLICY % "cost.usd_month > 1.0").encode()).approvals.rules.rules
        assert rule.when == (Expressed("cost.usd_month > 1.0"),)
