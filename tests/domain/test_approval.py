"""Who must decide, and why: tables over whole steps."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from provisioner.domain.approval import (
    APPROVE,
    INTERRUPTED,
    OVERRIDE,
    PLACEHOLDERS,
    ApprovalRule,
    ApprovalRules,
    AutoApproval,
    Case,
    Route,
    StepSpec,
    route,
    unknown_placeholders,
    with_recovery,
)
from provisioner.domain.approval_when import Above, Expressed, Limits, Measure, OneOf, Shows, Sign
from provisioner.domain.context import Context
from provisioner.domain.cost import Unpriced
from provisioner.domain.finding import Finding, Level
from provisioner.domain.overrides import Covered, KeptOverride
from provisioner.domain.plan import PlanCounts
from provisioner.domain.run import RunKind
from tests.domain.documents import estimate_with

CONTEXT = Context(
    kind=RunKind.PROVISION,
    item="postgres",
    service="orders",
    team="payments",
    cost_center="cc-1",
    environment="development",
    criticality="tier-2",
    requester="developer",
)
LIMITS = Limits({"development": Decimal(100), "production": Decimal(500)}, Decimal(50))
ABOVE = Above(Measure.DELTA, LIMITS)
COST = ApprovalRule("cost-limit", ("finops",), when=(ABOVE,))
PRODUCTION = ApprovalRule(
    "production", ("sre",), when=(Shows(Sign.PRODUCTION), OneOf("criticality", "criticality", ("tier-1",)))
)
RULES = ApprovalRules(rules=(COST, PRODUCTION))
UNTIL = datetime(2026, 12, 24, tzinfo=UTC)


def case(*, delta: str = "0", findings: tuple[Finding, ...] = (), **context: object) -> Case:
    return Case(
        replace(CONTEXT, **context),  # type: ignore[arg-type]
        estimate_with(),
        Decimal(delta),
        findings,
        PlanCounts(create=1),
    )


CRITICAL = case(environment="production", is_production=True, criticality="tier-1")


def finding(
    level: Level = Level.SOFT_MANDATORY, rule: str = "a-rule", group: str | None = None, where: str = "p"
) -> Finding:
    return Finding(rule, level, where, f"{rule} is broken.", "Because.", "Mend it.", override_group=group)


class TestRoute:
    def test_asks_nobody_for_the_ordinary_and_says_within_which_limit(self) -> None:
        assert route(case(delta="40"), RULES) == Route(unasked=("+40.00 USD a month is within 100.00 USD.",))

    @pytest.mark.parametrize(
        ("environment", "delta", "said"),
        [
            ("development", "100.00", None),
            ("development", "100.01", "+100.01 USD a month is above 100.00 USD."),
            ("production", "500", None),
            ("production", "500.01", "+500.01 USD a month is above 500.00 USD."),
            ("staging", "50", None),
            ("staging", "50.01", "+50.01 USD a month is above 50.00 USD."),
            ("production", "-900", None),
        ],
    )
    def test_asks_above_the_limit_of_the_environment(
        self, environment: str, delta: str, said: str | None
    ) -> None:
        expected = () if said is None else (StepSpec("finops", "cost-limit", said, APPROVE),)
        assert route(case(environment=environment, delta=delta), RULES).steps == expected

    def test_knows_no_limit_where_none_is_set(self) -> None:
        rules = ApprovalRules((replace(COST, when=(Above(Measure.DELTA, Limits()),)),))
        assert route(case(delta="1000000"), rules) == Route()

    def test_needs_every_condition_of_a_rule(self) -> None:
        step = StepSpec("sre", "production", "It is production and the criticality is tier-1.", APPROVE)
        assert route(CRITICAL, RULES).steps == (step,)
        for other in (
            replace(CRITICAL.context, is_production=False),
            replace(CRITICAL.context, criticality="tier-2"),
        ):
            assert route(replace(CRITICAL, context=other), RULES).steps == ()

    def test_asks_always_by_a_rule_without_conditions(self) -> None:
        found = route(case(), ApprovalRules((ApprovalRule("everything", ("sre",)),)))
        assert found.steps == (
            StepSpec("sre", "everything", "The rule everything asks about every run.", APPROVE),
        )

    def test_asks_in_the_order_of_the_rules(self) -> None:
        expensive = replace(CRITICAL, delta_usd_month=Decimal(501))
        for rules, groups in ((RULES.rules, ["finops", "sre"]), (RULES.rules[::-1], ["sre", "finops"])):
            assert [step.group for step in route(expensive, ApprovalRules(rules)).steps] == groups

    def test_asks_nobody_for_a_drift_check(self) -> None:
        assert route(case(delta="9999", kind=RunKind.DRIFT_CHECK, findings=(finding(),)), RULES) == Route()
        assert route(case(delta="9999", kind=RunKind.DESTROY), RULES).steps != ()

    def test_says_nothing_about_limits_that_do_not_decide(self) -> None:
        """A rule that another condition rules out would not ask above its limit either."""
        rule = replace(COST, when=(Shows(Sign.PRODUCTION), ABOVE))
        assert route(case(delta="1"), ApprovalRules((rule,))) == Route()
        found = route(case(delta="1", is_production=True), ApprovalRules((rule, rule)))
        assert found == Route(unasked=("+1.00 USD a month is within 100.00 USD.",))

    def test_says_nothing_about_limits_when_anybody_is_asked(self) -> None:
        assert route(replace(CRITICAL, delta_usd_month=Decimal(1)), RULES).unasked == ()


class TestTheQuorum:
    @pytest.mark.parametrize(
        ("quorum", "steps"),
        [
            (1, [("finops", ("sre",), 1)]),
            (3, [("finops", ("sre",), 3)]),
            (None, [("finops", (), 1), ("sre", (), 1)]),
        ],
    )
    def test_is_of_all_groups_together_or_of_each(self, quorum: int | None, steps: list[object]) -> None:
        rule = ApprovalRule("r", ("finops", "sre"), quorum, (ABOVE,))
        found = route(case(delta="101"), ApprovalRules((rule,))).steps
        assert [(step.group, step.others, step.quorum) for step in found] == steps
        assert {step.rule for step in found} == {"r"}
        assert {step.reason for step in found} == {"+101.00 USD a month is above 100.00 USD."}

    def test_is_the_largest_of_rules_that_ask_the_same_groups(self) -> None:
        rules = tuple(
            ApprovalRule(name, groups, quorum)
            for name, groups, quorum in (
                ("a", ("finops", "sre"), 2),
                ("b", ("sre", "finops"), 3),
                ("c", ("finops",), 1),
            )
        )
        assert route(case(), ApprovalRules(rules)).steps == (
            StepSpec(
                "finops",
                "a, b",
                "The rule a asks about every run. The rule b asks about every run.",
                APPROVE,
                3,
                ("sre",),
            ),
            StepSpec("finops", "c", "The rule c asks about every run.", APPROVE, 1),
        )

    def test_names_every_group(self) -> None:
        assert StepSpec("a", "r", "", APPROVE, 1, ("b", "c")).groups == ("a", "b", "c")


class TestWhatIsNotKnown:
    FIRST = ApprovalRule("first-use", ("sre",), when=(Shows(Sign.FIRST_USE), ABOVE))

    def test_asks_and_says_so(self) -> None:
        assert route(case(delta="101"), ApprovalRules((self.FIRST,))).steps == (
            StepSpec(
                "sre",
                "first-use",
                "It is not known whether the team used this item before, so the rule first-use asks all the same.",
                APPROVE,
            ),
        )

    def test_asks_nobody_where_the_rule_says_so(self) -> None:
        rules = ApprovalRules((replace(self.FIRST, asks_unknown=False),))
        assert route(case(delta="101"), rules) == Route()

    def test_does_not_matter_where_another_condition_does_not_hold(self) -> None:
        assert route(case(delta="100"), ApprovalRules((self.FIRST,))) == Route()

    def test_waves_nothing_through(self) -> None:
        auto = AutoApproval("known-item", (Shows(Sign.FIRST_USE, wanted=False),))
        assert route(case(delta="101"), replace(RULES, auto_approve=(auto,))).steps != ()


class TestAutoApproval:
    SMALL = AutoApproval("small", (Above(Measure.DELTA, Limits(default=Decimal(250)), within=True),))

    @pytest.mark.parametrize(
        ("delta", "asked", "said"),
        [
            ("250", False, ("+250.00 USD a month is within 250.00 USD.",)),
            ("250.01", True, ()),
        ],
    )
    def test_lets_no_rule_ask_within_its_limits(self, delta: str, asked: bool, said: tuple[str, ...]) -> None:
        found = route(case(delta=delta), replace(RULES, auto_approve=(self.SMALL,)))
        assert (bool(found.steps), found.unasked) == (asked, said)

    def test_is_given_by_any_of_several(self) -> None:
        never = AutoApproval("never", (Shows(Sign.PRODUCTION),))
        found = route(case(delta="200"), replace(RULES, auto_approve=(never, self.SMALL)))
        assert (found.steps, found.unasked) == ((), ("+200.00 USD a month is within 250.00 USD.",))

    def test_does_not_set_a_guardrail_aside(self) -> None:
        found = route(case(delta="200", findings=(finding(),)), replace(RULES, auto_approve=(self.SMALL,)))
        assert found == Route((StepSpec("sre", "a-rule", "a-rule is broken.", OVERRIDE),))


class TestOverrides:
    def test_are_asked_of_the_group_of_each_soft_finding(self) -> None:
        found = route(case(findings=(finding(group="security"), finding(rule="b"))), RULES)
        assert found.steps == (
            StepSpec("security", "a-rule", "a-rule is broken.", OVERRIDE),
            StepSpec("sre", "b", "b is broken.", OVERRIDE),
        )

    def test_are_asked_of_the_policys_group_where_a_finding_names_none(self) -> None:
        found = route(case(findings=(finding(),)), replace(RULES, override_group="platform"))
        assert [step.group for step in found.steps] == ["platform"]

    def test_are_not_asked_for_other_findings(self) -> None:
        found = route(case(findings=(finding(Level.ADVISORY), finding(Level.HARD_MANDATORY))), RULES)
        assert found.steps == ()

    def test_make_one_step_with_the_approval_of_the_same_group(self) -> None:
        again = finding(rule="b", group="sre")
        asked = replace(
            CRITICAL, delta_usd_month=Decimal(1000), findings=(finding(group="sre"), again, again)
        )
        assert route(asked, RULES).steps == (
            StepSpec("finops", "cost-limit", "+1000.00 USD a month is above 500.00 USD.", APPROVE),
            StepSpec(
                "sre",
                "production, a-rule, b",
                "It is production and the criticality is tier-1. a-rule is broken. b is broken.",
                OVERRIDE,
            ),
        )

    def test_that_are_in_force_ask_nobody_and_are_named(self) -> None:
        kept = KeptOverride(7, "a-rule", "p", "a-rule is broken.", "sre", UNTIL, frozenset({"sre"}))
        broken = finding()
        found = route(case(delta="1", findings=(broken,)), RULES, kept=(kept,))
        assert found == Route((), ("+1.00 USD a month is within 100.00 USD.",), (Covered(broken, kept),))
        # Not for who granted it, nor for another group's finding.
        for other in (
            case(findings=(broken,), requester="sre"),
            case(findings=(finding(group="security"),)),
        ):
            assert [step.verdict_needed for step in route(other, RULES, kept=(kept,)).steps] == [OVERRIDE]

    def test_that_are_in_force_cover_a_smaller_violation_by_its_parameter(self) -> None:
        kept = KeptOverride(7, "r", "p", "p is 9.", "sre", UNTIL, frozenset(), value=9, suggested=5)
        smaller = replace(finding(rule="r"), what="p is 8.", suggested=5)
        asked = case(findings=(smaller,))
        assert route(asked, RULES, parameters={"p": 8}, kept=(kept,)).steps == ()
        assert route(asked, RULES, parameters={"p": 10}, kept=(kept,)).steps != ()
        assert route(asked, RULES, kept=(kept,)).steps != ()


class TestExpressions:
    def test_of_rules_and_auto_approvals_are_evaluated_over_the_case(self) -> None:
        rules = ApprovalRules((ApprovalRule("own", ("sre",), when=(Expressed("delta > 1"),)),))
        asked = case(delta="2")

        def evaluate(text: str, found: Case) -> bool:
            assert found is asked
            return text == "delta > 1"

        assert route(asked, rules, expression=evaluate).steps == (
            StepSpec("sre", "own", "The expression delta > 1 is true.", APPROVE),
        )
        auto = AutoApproval("auto", (Expressed("delta > 1"),))
        waved = replace(rules, auto_approve=(auto,))
        assert route(asked, waved, expression=evaluate) == Route(
            unasked=("The expression delta > 1 is true.",)
        )
        assert [step.reason for step in route(asked, waved).steps] == [
            "Its expression cannot be evaluated here, so the rule own asks all the same."
        ]


class TestTheReason:
    def filled(self, why: str, found: Case | None = None) -> str:
        rule = ApprovalRule("r", ("sre",), when=(ABOVE,), why=why)
        (step,) = route(found or case(delta="412.6"), ApprovalRules((rule,))).steps
        return step.reason

    @pytest.mark.parametrize(
        ("why", "said"),
        [
            ("{delta} above {limit} in {environment}", "412.60 above 100.00 in development"),
            (
                "{item} {service} {team} {cost_center} {criticality}",
                "postgres orders payments cc-1 tier-2",
            ),
            ("{total} in all{changes}.", "0.00 in all: 1 to create, 0 to update, 0 to replace, 0 to delete."),
            ("loses {destroyed}; not priced: {unpriced}", "loses everything; not priced: "),
            ("{other} stays", "{other} stays"),
        ],
    )
    def test_is_what_the_policy_writes_with_the_case_filled_in(self, why: str, said: str) -> None:
        assert self.filled(why) == said

    def test_names_no_changes_before_there_is_a_plan(self) -> None:
        assert self.filled("Changes{changes}", replace(case(delta="412.6"), counts=None)) == "Changes"

    def test_counts_every_verb(self) -> None:
        counted = replace(
            case(delta="412.6"), counts=PlanCounts(create=1, update=2, replace=3, delete=4, no_op=5)
        )
        said = ": 1 to create, 2 to update, 3 to replace, 4 to delete"
        assert self.filled("{changes}", counted) == said

    def test_lists_the_first_three_and_counts_the_rest(self) -> None:
        rows = [Unpriced(f"a.{n}", "aws_thing", "size" if n == 1 else "", "No price.") for n in range(5)]
        unpriced = replace(case(delta="412.6"), estimate=estimate_with(*rows))
        assert (
            self.filled("{unpriced}", unpriced) == "a.0 (aws_thing), a.1 (size), a.2 (aws_thing) and 2 more"
        )
        lost = replace(case(delta="412.6"), destroyed=("a", "b", "c"))
        assert self.filled("{destroyed}", lost) == "a, b, c"

    def test_says_no_limit_where_the_rule_compares_with_none(self) -> None:
        rule = ApprovalRule("r", ("sre",), why="{limit} limit, {delta}")
        (step,) = route(case(delta="-3"), ApprovalRules((rule,))).steps
        assert step.reason == "no limit, -3.00"

    def test_may_name_what_is_filled_in_and_nothing_else(self) -> None:
        assert unknown_placeholders(" ".join(f"{{{name}}}" for name in PLACEHOLDERS)) == ()
        assert unknown_placeholders("{delta} {dleta} {} {0}") == ("dleta", "", "0")


class TestWithRecovery:
    def test_adds_a_step_after_the_others(self) -> None:
        first = StepSpec("finops", "cost-limit", "Dear.", APPROVE)
        assert with_recovery((first,), ("Cut short.", "More is left."), group="sre") == (
            first,
            StepSpec("sre", INTERRUPTED, "Cut short. More is left.", APPROVE),
        )

    def test_joins_the_step_of_the_same_group_alone(self) -> None:
        own = StepSpec("sre", "no-data-loss", "Lost.", OVERRIDE, 2)
        pool = StepSpec("sre", "two", "Two.", APPROVE, 2, ("finops",))
        assert with_recovery((own, pool), ("Cut short.",), group="sre") == (
            pool,
            StepSpec("sre", f"{INTERRUPTED}, no-data-loss", "Cut short. Lost.", OVERRIDE, 2),
        )
