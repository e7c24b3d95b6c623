"""Conditions of approval rules: what holds, what does not, what cannot be told."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from provisioner.domain.approval_when import (
    Above,
    AnyOf,
    BudgetShare,
    Case,
    Condition,
    Expressed,
    Held,
    Limits,
    Measure,
    OneOf,
    Shows,
    Sign,
    destroyed_by,
    listed,
    signed,
    together,
)
from provisioner.domain.context import Context, Facts
from provisioner.domain.cost import Unpriced
from provisioner.domain.finding import Finding, Level
from provisioner.domain.plan import PlanCounts, parse_plan
from provisioner.domain.run import RunKind
from tests.domain.documents import change, estimate_with, plan_of

CONTEXT = Context(environment="staging", team="payments")
MISSING = Unpriced("a.b", "aws_thing", "size", "No price.")
USAGE = Unpriced("a.b", "aws_thing", "logs", "By size.", usage_based=True)
SOFT = Finding("r", Level.SOFT_MANDATORY, "p", "Broken.", "Because.", "Mend it.")


def case(*unpriced: Unpriced, delta: str = "0", counts: PlanCounts | None = None, **context: object) -> Case:
    return Case(
        replace(CONTEXT, **context),  # type: ignore[arg-type]
        estimate_with(*unpriced),
        Decimal(delta),
        counts=counts,
    )


def judged(condition: Condition, found: Case) -> Held:
    return condition.judge(found, None)


class TestAbove:
    LIMITS = Limits({"staging": Decimal(250)}, Decimal(100))

    @pytest.mark.parametrize(
        ("environment", "delta", "within", "held"),
        [
            ("staging", "250", False, Held(False, "+250.00 USD a month is within 250.00 USD", Decimal(250))),
            ("staging", "250.01", False, Held(True, "+250.01 USD a month is above 250.00 USD", Decimal(250))),
            ("staging", "250", True, Held(True, "+250.00 USD a month is within 250.00 USD", Decimal(250))),
            ("staging", "250.01", True, Held(False, "+250.01 USD a month is above 250.00 USD", Decimal(250))),
            ("other", "100.5", False, Held(True, "+100.50 USD a month is above 100.00 USD", Decimal(100))),
            ("other", "-1", False, Held(False, "-1.00 USD a month is within 100.00 USD", Decimal(100))),
        ],
    )
    def test_compares_what_is_added(self, environment: str, delta: str, within: bool, held: Held) -> None:
        condition = Above(Measure.DELTA, self.LIMITS, within)
        assert judged(condition, case(delta=delta, environment=environment)) == held

    def test_compares_the_whole(self) -> None:
        whole = replace(case(delta="0"), estimate=replace(estimate_with(), usd_month=Decimal("250.01")))
        said = "250.01 USD a month in all is above 250.00 USD"
        assert judged(Above(Measure.TOTAL, self.LIMITS), whole) == Held(True, said, Decimal(250))

    @pytest.mark.parametrize("within", [True, False])
    def test_does_not_hold_without_a_limit(self, within: bool) -> None:
        assert judged(Above(Measure.DELTA, Limits(), within), case()) == Held(False, "there is no limit")


class TestBudgetShare:
    @pytest.mark.parametrize(
        ("delta", "budget", "held"),
        [
            ("100", "1000", (False, "+100.00 USD a month is within 10 % of the budget of 1000.00 USD")),
            ("100.01", "1000", (True, "+100.01 USD a month is more than 10 % of the budget of 1000.00 USD")),
            ("0.01", "0", (True, "+0.01 USD a month is more than 10 % of the budget of 0.00 USD")),
            ("0.01", None, (None, "the budget of the cost center is not known")),
            ("0", None, (False, "it adds nothing to the bill")),
            ("-5", "0", (False, "it adds nothing to the bill")),
        ],
    )
    def test_is_taken_of_the_cost_centers_budget(
        self, delta: str, budget: str | None, held: tuple[bool | None, str]
    ) -> None:
        facts = Facts(budget_usd_month=None if budget is None else Decimal(budget))
        found = judged(BudgetShare(Decimal(10)), case(delta=delta, facts=facts))
        assert (found.verdict, found.said) == held
        compared = budget is not None and Decimal(delta) > 0
        assert found.limit == (Decimal(budget or 0) / 10 if compared else None)


class TestOneOf:
    def test_looks_the_context_up(self) -> None:
        condition = OneOf("team", "team", ("growth", "payments"))
        assert judged(condition, case()) == Held(True, "the team is payments")
        assert judged(condition, case(team="data")) == Held(False, "the team is data")
        assert judged(condition, case(team="")) == Held(None, "the team is not known")

    def test_knows_kinds_of_runs(self) -> None:
        condition = OneOf("kind", "kind of run", ("destroy",))
        assert judged(condition, case(kind=RunKind.DESTROY)) == Held(True, "the kind of run is destroy")
        assert judged(condition, case()).verdict is False


class TestShows:
    @pytest.mark.parametrize(
        ("sign", "found", "shown", "said"),
        [
            (Sign.PRODUCTION, case(is_production=True), True, "it is production"),
            (Sign.PRODUCTION, case(), False, "it is not production"),
            (
                Sign.PRODUCTION,
                case(environment=""),
                None,
                "it is not known whether this is production",
            ),
            (Sign.DESTRUCTIVE, case(), False, "it deletes nothing that holds data"),
            (
                Sign.DESTRUCTIVE,
                case(kind=RunKind.DESTROY),
                True,
                "it deletes or replaces what holds data",
            ),
            (
                Sign.DESTRUCTIVE,
                case(kind=RunKind.DESTROY, counts=PlanCounts(delete=1)),
                False,
                "it deletes nothing that holds data",
            ),
            (
                Sign.DESTRUCTIVE,
                replace(case(counts=PlanCounts(delete=1)), destroyed=("a",)),
                True,
                "it deletes or replaces what holds data",
            ),
            (Sign.SOFT_OVERRIDE, case(), False, "no guardrail must be overridden"),
            (
                Sign.SOFT_OVERRIDE,
                replace(case(), findings=(replace(SOFT, level=Level.ADVISORY), SOFT)),
                True,
                "a guardrail must be overridden",
            ),
            (
                Sign.SOFT_OVERRIDE,
                replace(case(), findings=(replace(SOFT, level=Level.HARD_MANDATORY),)),
                False,
                "no guardrail must be overridden",
            ),
            (Sign.UNPRICED, case(), False, "everything that it adds has a price"),
            (Sign.UNPRICED, case(MISSING), True, "a part of it has no price"),
            (Sign.UNPRICED, case(USAGE), False, "everything that it adds has a price"),
            (
                Sign.UNPRICED,
                case(MISSING, kind=RunKind.DESTROY),
                False,
                "everything that it adds has a price",
            ),
            (
                Sign.UNPRICED,
                case(MISSING, counts=PlanCounts(delete=1, no_op=3)),
                False,
                "everything that it adds has a price",
            ),
            (Sign.UNPRICED, case(MISSING, counts=PlanCounts(create=1)), True, "a part of it has no price"),
            (Sign.UNPRICED, case(MISSING, counts=PlanCounts(update=1)), True, "a part of it has no price"),
            (Sign.UNPRICED, case(MISSING, counts=PlanCounts(replace=1)), True, "a part of it has no price"),
            (
                Sign.UNIT_COST_BREACHED,
                case(facts=Facts(unit_cost_breached=True)),
                True,
                "the service's unit cost is above its target",
            ),
            (
                Sign.UNIT_COST_BREACHED,
                case(facts=Facts(unit_cost_breached=False)),
                False,
                "the service's unit cost is within its target",
            ),
            (
                Sign.UNIT_COST_BREACHED,
                case(),
                None,
                "it is not known whether the service's unit cost is within its target",
            ),
            (
                Sign.FIRST_USE,
                case(facts=Facts(first_use_of_item=True)),
                True,
                "the team uses this item for the first time",
            ),
            (
                Sign.FIRST_USE,
                case(facts=Facts(first_use_of_item=False)),
                False,
                "the team uses this item already",
            ),
            (Sign.FIRST_USE, case(), None, "it is not known whether the team used this item before"),
        ],
    )
    def test_looks_for_the_sign(self, sign: Sign, found: Case, shown: bool | None, said: str) -> None:
        assert judged(Shows(sign), found) == Held(shown, said)
        opposite = None if shown is None else not shown
        assert judged(Shows(sign, wanted=False), found) == Held(opposite, said)


class TestExpressed:
    def test_holds_as_it_is_evaluated_over_the_case(self) -> None:
        seen = []

        def evaluate(text: str, found: Case) -> bool:
            seen.append((text, found))
            return found.delta_usd_month > 1

        dear, cheap = case(delta="2"), case(delta="1")
        assert Expressed("a > b").judge(dear, evaluate) == Held(True, "the expression a > b is true")
        assert Expressed("a > b").judge(cheap, evaluate) == Held(False, "the expression a > b is false")
        assert seen == [("a > b", dear), ("a > b", cheap)]

    def test_cannot_be_told_when_it_breaks_or_nobody_evaluates_it(self) -> None:
        def broken(text: str, found: Case) -> bool:
            raise ZeroDivisionError("by zero")

        assert Expressed("x").judge(case(), broken) == Held(
            None, "its expression could not be evaluated (by zero)"
        )
        assert Expressed("x").judge(case(), None) == Held(None, "its expression cannot be evaluated here")


YES = Shows(Sign.SOFT_OVERRIDE, wanted=False)
NO = Shows(Sign.SOFT_OVERRIDE)
UNKNOWN = Shows(Sign.FIRST_USE)
SAID_NO = "no guardrail must be overridden"
SAID_UNKNOWN = "it is not known whether the team used this item before"


class TestAnyOf:
    @pytest.mark.parametrize(
        ("groups", "held"),
        [
            (((NO,), (YES,)), Held(True, SAID_NO)),
            (((UNKNOWN,), (YES,)), Held(True, SAID_NO)),
            (((NO,), (UNKNOWN,)), Held(None, SAID_UNKNOWN)),
            (((NO, YES), (UNKNOWN, NO)), Held(False, f"{SAID_NO}, and {SAID_NO}")),
            (((UNKNOWN, YES), (NO,)), Held(None, SAID_UNKNOWN)),
        ],
    )
    def test_holds_when_one_group_does(self, groups: tuple[tuple[Condition, ...], ...], held: Held) -> None:
        assert judged(AnyOf(groups), case()) == held

    def test_hands_the_evaluation_on(self) -> None:
        assert AnyOf(((Expressed("x"),),)).judge(case(), lambda text, found: True).verdict is True


class TestTogether:
    @pytest.mark.parametrize(
        ("verdicts", "held"),
        [
            ([True, True], Held(True, "a and b", Decimal(1))),
            ([True, None], Held(None, "b", Decimal(1))),
            ([None, False], Held(False, "b", Decimal(1))),
            ([False, False], Held(False, "a and b", Decimal(1))),
            ([None, None], Held(None, "a and b", Decimal(1))),
        ],
    )
    def test_holds_when_all_do_and_is_not_known_when_only_that_stands_in_the_way(
        self, verdicts: list[bool | None], held: Held
    ) -> None:
        limits = (Decimal(1), Decimal(2))
        rows = [Held(v, name, limit) for v, name, limit in zip(verdicts, "ab", limits, strict=True)]
        assert together(rows) == held

    def test_holds_when_there_is_nothing(self) -> None:
        assert together([]) == Held(True, "")

    def test_takes_the_first_limit_that_there_is(self) -> None:
        assert (
            together([Held(True, "a"), Held(True, "b", Decimal(0)), Held(True, "c", Decimal(3))]).limit == 0
        )


class TestDestroyedBy:
    def test_names_what_holds_data_and_goes(self) -> None:
        gone, there = {"id": "x"}, {"id": "y"}
        replica = {"id": "r", "replicate_source_db": "x"}
        rows = [
            change(["delete"], gone, address="aws_db_instance.gone"),
            change(["delete", "create"], gone, there, address="aws_db_instance.anew"),
            change(["create"], None, there, address="aws_db_instance.made"),
            change(["update"], gone, there, address="aws_db_instance.kept"),
            change(["delete"], gone, kind="aws_security_group"),
            change(["delete"], replica, address="aws_db_instance.replica"),
        ]
        assert destroyed_by(parse_plan(plan_of(*rows))) == ("aws_db_instance.gone", "aws_db_instance.anew")


class TestWords:
    def test_list_three_and_count_the_rest(self) -> None:
        assert [listed(list("abcd")[:n]) for n in range(5)] == [
            "",
            "a",
            "a, b",
            "a, b, c",
            "a, b, c and 1 more",
        ]

    @pytest.mark.parametrize(("amount", "text"), [("1", "+1.00"), ("-1.005", "-1.00"), ("0", "+0.00")])
    def test_write_amounts_with_their_sign(self, amount: str, text: str) -> None:
        assert signed(Decimal(amount)) == text
