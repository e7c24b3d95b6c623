# ruff: noqa: E501  (tables: a row a line)
from dataclasses import replace
from decimal import Decimal

import pytest

from provisioner.domain.context import Context, Facts
from provisioner.domain.cost import Unpriced
from provisioner.domain.finding import Level
from provisioner.domain.run import RunKind
from tests.domain.documents import estimate_with
from tests.domain.guardrail_rows import CONTEXT, advice, matter, objects, rule, say, soft

ORDER_IT = "Order it in the portal."
COUNT = Unpriced("aws_x.this", "aws_x", "", "There is no price model for aws_x.")


class TestTimeToLive:
    @pytest.mark.parametrize("plan", [True, False])
    @pytest.mark.parametrize(
        ("with_", "days", "what", "fix", "suggested"),
        [
            ({"required": True}, 5, "", "", None),
            ({"required": True}, None, "It has no time to live, but production asks for one.", "Say after how many days it is destroyed.", None),
            ({"maximum_days": 30}, 30, "", "", None),
            ({"maximum_days": 30}, 31, "Its time to live is 31 days, but production allows at most 30.", "Set it to 30; it can be renewed before it ends.", 30),
            ({"maximum_days": 30}, None, "It has no time to live, but production asks for one of at most 30 days.", "Set the time to live to 30 days or less.", 30),
            ({"maximum_days": {"staging": 3}}, None, "", "", None),
            ({"maximum_days": {"staging": 3}}, 31, "", "", None),
            ({"maximum_days": {"production": 3}}, 4, "Its time to live is 4 days, but production allows at most 3.", "Set it to 3; it can be renewed before it ends.", 3),
            ({"required": True, "maximum_days": {"staging": 3}}, None, "It has no time to live, but production asks for one.", "Say after how many days it is destroyed.", None),
        ],
    )  # fmt: skip
    def test_is_asked_for(
        self, with_: dict, days: int | None, what: str, fix: str, suggested: int | None, plan: bool
    ) -> None:
        order = matter(context=replace(CONTEXT, ttl_days=days), plan=plan)
        expected = (objects(what, fix, where="ttl", suggested=suggested),) if what else ()
        assert say(rule("time-to-live", with_), order) == expected

    @pytest.mark.parametrize(
        ("with_", "said"),
        [
            ({"required": True}, True),
            ({"maximum_days": 9}, True),
            ({"required": False, "maximum_days": {"x": 1}}, False),
        ],
    )
    def test_is_not_known_outside_the_portal(self, with_: dict, said: bool) -> None:
        outside = matter(context=Context(environment="production"))
        expected = advice(
            "How long it is to live is not known here, so a-rule could not be judged.", ORDER_IT, where="ttl"
        )
        assert say(rule("time-to-live", with_), outside) == ((expected,) if said else ())

    @pytest.mark.parametrize("kind", [RunKind.UPDATE, RunKind.UPGRADE, RunKind.DESTROY, RunKind.DRIFT_CHECK])
    def test_is_asked_of_new_things_alone(self, kind: RunKind) -> None:
        assert say(rule("time-to-live", {"required": True}), matter(kind=kind)) == ()


class TestMonthlyCost:
    @pytest.mark.parametrize("plan", [True, False])
    @pytest.mark.parametrize(
        ("of", "cap", "what", "over"),
        [
            ("order", "100.00", "", ""),
            ("order", "99.99", "It costs 100.00 USD a month, above the cap of 99.99.", "0.01"),
            ("increase", "40", "", ""),
            ("increase", "39.5", "What it adds costs 40.00 USD a month, above the cap of 39.50.", "0.50"),
            ("team", "1000", "", ""),
            ("team", "999", "With it, all of payments costs 1000.00 USD a month, above the cap of 999.00.", "1.00"),
            ("environment", "500", "", ""),
            ("environment", "499", "With it, all of payments in production costs 500.00 USD a month, above the cap of 499.00.", "1.00"),
        ],
    )  # fmt: skip
    def test_is_capped(self, of: str, cap: str, what: str, over: str, plan: bool) -> None:
        order = matter(estimate=estimate_with(usd_month="100.00"), delta="40.00", plan=plan)
        destroy = ", or destroy what is no longer used." if of in ("team", "environment") else "."
        expected = objects(
            what, f"Choose something smaller, by {over} USD a month at least{destroy}", where="cost"
        )
        found = say(rule("monthly-cost", {"of": of, "maximum_usd_month": cap}), order)
        assert found == ((expected,) if what else ())

    def test_is_overridden_by_the_named_group(self) -> None:
        (found,) = say(
            soft("monthly-cost", {"maximum_usd_month": {"production": "1"}}),
            matter(estimate=estimate_with(usd_month="2.00")),
        )
        assert (found.level, found.override_group) == (Level.SOFT_MANDATORY, "sre")
        assert found.fix == "Choose something smaller, by 1.00 USD a month at least. Or ask sre to override."

    def test_has_no_cap_in_an_environment_that_is_not_named(self) -> None:
        order = matter(estimate=estimate_with(usd_month="2.00"))
        assert say(rule("monthly-cost", {"maximum_usd_month": {"staging": "1"}}), order) == ()

    @pytest.mark.parametrize("of", ["team", "environment"])
    def test_of_others_is_not_known_outside_the_portal(self, of: str) -> None:
        outside = matter(context=Context(environment="production"), estimate=estimate_with(usd_month="2.00"))
        assert say(rule("monthly-cost", {"of": of, "maximum_usd_month": "1"}), outside) == (
            advice(
                "What the team's other workspaces cost is not known here, so a-rule could not be judged.",
                ORDER_IT,
                where="cost",
            ),
        )

    @pytest.mark.parametrize(
        ("parts", "words"),
        [((COUNT,), "1 part of it has no price"), ((COUNT, COUNT), "2 parts of it have no price")],
    )
    def test_says_what_has_no_price(self, parts: tuple, words: str) -> None:
        order = matter(estimate=estimate_with(*parts, usd_month="2.00"))
        assert say(rule("monthly-cost", {"maximum_usd_month": "3"}), order) == (
            advice(
                f"{words}; the rest costs 2.00 USD a month of at most 3.00. So a-rule could not be judged.",
                "Have the price imported, or ask finops.",
                where="cost",
            ),
        )
        (found,) = say(rule("monthly-cost", {"maximum_usd_month": "1"}), order)
        assert found.level is Level.HARD_MANDATORY

    @pytest.mark.parametrize("kind", ["monthly-cost", "budget-left"])
    def test_is_not_known_where_nothing_is_priced(self, kind: str) -> None:
        unpriced = replace(matter(context=budget("5", "9")), estimate=None)
        with_ = {"maximum_usd_month": "1"} if kind == "monthly-cost" else {}
        assert say(rule(kind, with_), unpriced) == (
            advice(
                "Nothing is priced here, so a-rule could not be judged.",
                "Check it where there is a price book.",
                where="cost",
            ),
        )

    def test_names_what_it_has_no_name_for(self) -> None:
        nameless = replace(CONTEXT, team="", environment="")
        order = matter(context=nameless, estimate=estimate_with(usd_month="2.00"))
        (team,) = say(rule("monthly-cost", {"of": "team", "maximum_usd_month": "1"}), order)
        (here,) = say(rule("monthly-cost", {"of": "environment", "maximum_usd_month": "1"}), order)
        assert team.what.startswith("With it, all of the team costs 902.00")
        assert here.what.startswith("With it, all of the team in the environment costs 402.00")


def budget(left: str | None, of: str | None = None) -> Context:
    facts = Facts(
        budget_usd_month=None if of is None else Decimal(of),
        budget_left_usd_month=None if left is None else Decimal(left),
    )
    return replace(CONTEXT, facts=facts)


class TestBudgetLeft:
    @pytest.mark.parametrize("plan", [True, False])
    @pytest.mark.parametrize(
        ("left", "of", "keep", "what"),
        [
            ("100", "500", 0, ""),
            ("99.99", "500", 0, "It costs 100.00 USD a month, but the budget of cc-1 has 99.99 left."),
            ("150", "500", 10, ""),
            ("149.99", "500", 10, "It costs 100.00 USD a month, but the budget of cc-1 has 149.99 left, of which 50.00 must stay free."),
            ("-5", "500", 0, "It costs 100.00 USD a month, but the budget of cc-1 has -5.00 left."),
            ("100", None, 0, ""),
        ],
    )  # fmt: skip
    def test_is_enough(self, left: str, of: str | None, keep: int, what: str, plan: bool) -> None:
        order = matter(context=budget(left, of), estimate=estimate_with(usd_month="100.00"), plan=plan)
        expected = objects(
            what,
            "Choose something smaller, destroy what is no longer used, or have the budget raised.",
            where="cost",
        )
        assert say(rule("budget-left", {"keep_percent": keep}), order) == ((expected,) if what else ())

    def test_takes_what_costs_nothing_though_the_budget_is_spent(self) -> None:
        assert say(rule("budget-left"), matter(context=budget("-5", "10"))) == ()

    @pytest.mark.parametrize(("left", "of", "keep"), [(None, None, 0), (None, "5", 0), ("5", None, 1)])
    def test_is_not_known_without_a_budget(self, left: str | None, of: str | None, keep: int) -> None:
        order = matter(context=budget(left, of), estimate=estimate_with(usd_month="100.00"))
        assert say(rule("budget-left", {"keep_percent": keep}), order) == (
            advice(
                "The budget of the cost center is not known here, so a-rule could not be judged.",
                "Set a budget for the cost center.",
                where="cost",
            ),
        )

    def test_speaks_of_a_cost_center_without_a_name(self) -> None:
        order = matter(context=replace(budget("1"), cost_center=""), estimate=estimate_with(usd_month="2.00"))
        (found,) = say(rule("budget-left"), order)
        assert "the budget of its cost center has 1.00 left" in found.what


class TestCountLimit:
    FIX = "Destroy one that is no longer used, or use one that is there."

    @pytest.mark.parametrize("plan", [True, False])
    @pytest.mark.parametrize(
        ("per", "most", "what"),
        [
            ("team", 5, ""),
            ("team", 4, "payments would have 5 workspaces, but may have 4."),
            ("item", 3, ""),
            ("item", 2, "payments would have 3 workspaces of postgres in production, but may have 2."),
            ("item", 0, "payments would have 3 workspaces of postgres in production, but may have 0."),
            ("team", {"staging": 1}, ""),
            ("team", {"production": 1}, "payments would have 5 workspaces, but may have 1."),
        ],
    )
    def test_is_kept(self, per: str, most: object, what: str, plan: bool) -> None:
        expected = objects(what, self.FIX, where="count")
        found = say(rule("count-limit", {"per": per, "maximum": most}), matter(plan=plan))
        assert found == ((expected,) if what else ())

    @pytest.mark.parametrize("per", ["team", "item"])
    def test_is_not_known_outside_the_portal(self, per: str) -> None:
        outside = matter(context=Context(environment="production"))
        assert say(rule("count-limit", {"per": per, "maximum": 1}), outside) == (
            advice(
                "How many there are is not known here, so a-rule could not be judged.",
                ORDER_IT,
                where="count",
            ),
        )

    def test_counts_nothing_new_for_a_change(self) -> None:
        changing = rule("count-limit", {"maximum": 4}, kinds=["provision", "update"])
        assert say(changing, matter(kind=RunKind.UPDATE)) == ()
        assert len(say(changing, matter(kind=RunKind.PROVISION))) == 1

    def test_is_asked_of_new_things_alone(self) -> None:
        assert say(rule("count-limit", {"maximum": 1}), matter(kind=RunKind.UPDATE)) == ()

    def test_names_what_it_has_no_name_for(self) -> None:
        nameless = replace(CONTEXT, team="", item="", environment="")
        (found,) = say(rule("count-limit", {"per": "item", "maximum": 1}), matter(context=nameless))
        assert (
            found.what == "The team would have 3 workspaces of the item in the environment, but may have 1."
        )
