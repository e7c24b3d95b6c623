from decimal import Decimal

import pytest

from provisioner.domain.approval import APPROVE, OVERRIDE, ApprovalRules, StepSpec, route
from provisioner.domain.cost import Unpriced
from provisioner.domain.finding import Finding, Level
from provisioner.domain.plan import PlanCounts
from provisioner.domain.run import RunKind
from tests.domain.documents import estimate_with

RULES = ApprovalRules(
    finops_above_usd_month={"development": Decimal(100), "production": Decimal(500)},
    finops_default_usd_month=Decimal(50),
)


def steps(**given: object) -> tuple[StepSpec, ...]:
    defaults: dict[str, object] = {
        "kind": RunKind.PROVISION,
        "environment": "development",
        "is_production": False,
        "criticality": "tier-2",
        "estimate": estimate_with(),
        "delta_usd_month": Decimal(0),
        "findings": (),
        "counts": PlanCounts(create=1),
        "rules": RULES,
    }
    return route(**{**defaults, **given})  # type: ignore[arg-type]


def finding(level: Level, rule: str = "a-rule", group: str | None = None) -> Finding:
    return Finding(rule, level, "p", f"{rule} is broken.", "Because.", "Mend it.", override_group=group)


class TestRoute:
    def test_asks_nobody_for_the_ordinary(self) -> None:
        assert steps() == ()

    @pytest.mark.parametrize(
        ("environment", "delta", "asked"),
        [
            ("development", "100.00", False),
            ("development", "100.01", True),
            ("production", "499.99", False),
            ("production", "500.01", True),
            ("staging", "50.01", True),
            ("staging", "50", False),
            ("production", "-900", False),
        ],
    )
    def test_asks_finops_above_the_limit_of_the_environment(
        self, environment: str, delta: str, asked: bool
    ) -> None:
        found = steps(environment=environment, delta_usd_month=Decimal(delta))
        assert [step.group for step in found] == (["finops"] if asked else [])

    def test_says_both_sums(self) -> None:
        (step,) = steps(delta_usd_month=Decimal("412.6"))
        assert step == StepSpec(
            "finops",
            "cost-limit",
            "It adds 412.60 USD a month, above the 100.00 USD that development allows unasked.",
            APPROVE,
        )

    def test_knows_no_limit_where_none_is_set(self) -> None:
        assert steps(rules=ApprovalRules(), delta_usd_month=Decimal(10**6)) == ()

    def test_asks_finops_when_something_has_no_price(self) -> None:
        rows = [Unpriced(f"a.{n}", "aws_thing", "", "No price.") for n in range(5)]
        (step,) = steps(estimate=estimate_with(*rows))
        assert (step.group, step.rule) == ("finops", "unpriced")
        assert "a.0 (aws_thing), a.1 (aws_thing), a.2 (aws_thing) and 2 more" in step.reason

    def test_does_not_ask_for_usage_or_when_rules_or_the_run_say_no(self) -> None:
        usage = estimate_with(Unpriced("a.b", "aws_thing", "logs", "By size.", usage_based=True))
        missing = estimate_with(Unpriced("a.b", "aws_thing", "size", "No price."))
        assert steps(estimate=usage) == ()
        assert steps(estimate=missing, rules=ApprovalRules(finops_when_unpriced=False)) == ()
        assert steps(estimate=missing, kind=RunKind.DESTROY) == ()
        assert steps(estimate=missing, counts=PlanCounts(delete=1, no_op=3)) == ()

    def test_asks_before_there_is_a_plan_as_if_everything_were_added(self) -> None:
        missing = estimate_with(Unpriced("a.b", "aws_thing", "size", "No price."))
        found = steps(estimate=missing, is_production=True, criticality="tier-1", counts=None)
        assert [(step.group, step.reason) for step in found] == [
            ("finops", "There is no price for a.b (size)."),
            ("sre", "It changes a tier-1 service in development."),
        ]

    @pytest.mark.parametrize(
        ("is_production", "criticality", "asked"),
        [(True, "tier-1", True), (True, "tier-2", False), (False, "tier-1", False)],
    )
    def test_asks_sre_for_critical_services_in_production(
        self, is_production: bool, criticality: str, asked: bool
    ) -> None:
        found = steps(is_production=is_production, criticality=criticality)
        assert [step.group for step in found] == (["sre"] if asked else [])

    def test_asks_sre_also_for_a_destroy_and_says_what_happens(self) -> None:
        (step,) = steps(
            kind=RunKind.DESTROY, is_production=True, criticality="tier-1", counts=PlanCounts(delete=9)
        )
        assert "0 to create, 0 to update, 0 to replace, 9 to delete" in step.reason

    def test_lets_rules_name_the_environments_that_sre_watches(self) -> None:
        rules = ApprovalRules(sre_environments=frozenset({"staging"}))
        assert steps(rules=rules, environment="staging", criticality="tier-1")[0].group == "sre"
        assert steps(rules=rules, is_production=True, criticality="tier-1") == ()

    def test_asks_the_group_of_each_soft_finding_to_override(self) -> None:
        found = steps(
            findings=(finding(Level.SOFT_MANDATORY, group="security"), finding(Level.SOFT_MANDATORY, "b"))
        )
        assert [(step.group, step.rule, step.verdict_needed) for step in found] == [
            ("security", "a-rule", OVERRIDE),
            ("sre", "b", OVERRIDE),
        ]

    def test_asks_nobody_for_other_findings(self) -> None:
        assert steps(findings=(finding(Level.ADVISORY), finding(Level.HARD_MANDATORY))) == ()

    def test_makes_one_step_of_approval_and_overrides_in_a_group(self) -> None:
        found = steps(
            is_production=True,
            criticality="tier-1",
            delta_usd_month=Decimal(1000),
            findings=(
                finding(Level.SOFT_MANDATORY, group="sre"),
                finding(Level.SOFT_MANDATORY, "b", "sre"),
                finding(Level.SOFT_MANDATORY, "b", "sre"),
            ),
        )
        assert [(step.group, step.rule, step.verdict_needed) for step in found] == [
            ("finops", "cost-limit", APPROVE),
            ("sre", "production-criticality, a-rule, b", OVERRIDE),
        ]
        assert found[1].reason.endswith("a-rule is broken. b is broken.")

    def test_asks_nobody_for_a_drift_check(self) -> None:
        assert (
            steps(
                kind=RunKind.DRIFT_CHECK,
                is_production=True,
                criticality="tier-1",
                delta_usd_month=Decimal(9999),
            )
            == ()
        )
