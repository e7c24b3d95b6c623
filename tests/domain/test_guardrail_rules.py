# ruff: noqa: E501  (tables: a row a line)
from decimal import Decimal

import pytest

from provisioner.domain.finding import Level
from provisioner.domain.policy.guardrail_rules import (
    MAKING,
    RULES_MAX,
    GuardrailPolicy,
    GuardrailRule,
    Point,
    Scope,
    no_data_loss,
)
from provisioner.domain.policy.guardrail_settings import (
    BudgetLeft,
    ByEnvironment,
    Cel,
    CountLimit,
    DataLoss,
    Exposure,
    Families,
    Kind,
    MonthlyCost,
    Names,
    Rego,
    Retention,
    TimeToLive,
    Types,
)
from provisioner.domain.policy.section import PolicyError
from provisioner.domain.run import RunKind
from tests.domain.guardrail_rows import read, rule

MODULE = "package main\ndeny[msg] { msg := 1 }\nviolation[msg] { msg := 1 }"


def problems(*rules: dict[str, object], **section: object) -> list[str]:
    with pytest.raises(PolicyError) as raised:
        read(*rules, **section)
    return [f"{one.place.removeprefix('guardrails.')}: {one.what} {one.fix}" for one in raised.value.problems]


def one(kind: str = "multi-az", with_: object = None, **fields: object) -> dict[str, object]:
    given: dict[str, object] = {"rule": "r", "kind": kind, "level": "advisory", "why": "Because.", **fields}
    return given if with_ is None else {**given, "with": with_}


class TestARule:
    def test_is_read_with_all_it_says(self) -> None:
        (found,) = read(
            one(
                "cel",
                {"expression": "true", "each": "change", "types": ["aws_lb"]},
                level="soft-mandatory",
                override_group="sre",
                at="plan",
                environments=["staging"],
                items=["postgres"],
                teams=["payments"],
                criticalities=["tier-1"],
                kinds=["provision", "destroy"],
                message="No.",
                fix="Ask.",
                when_unknown="break",
            )
        )
        assert found == GuardrailRule(
            rule="r",
            kind=Kind.CEL,
            level=Level.SOFT_MANDATORY,
            why="Because.",
            settings=Cel("true", "change", frozenset({"aws_lb"})),
            points=frozenset({Point.PLAN}),
            scope=Scope(
                frozenset({"staging"}),
                frozenset({"postgres"}),
                frozenset({"payments"}),
                frozenset({"tier-1"}),
                frozenset({RunKind.PROVISION, RunKind.DESTROY}),
            ),
            override_group="sre",
            message="No.",
            fix="Ask.",
            unknown_breaks=True,
        )
        assert found.place == ("guardrails", "rules", 0)

    def test_is_about_everything_that_makes_something_if_it_does_not_say(self) -> None:
        (found,) = read(one())
        assert found.scope == Scope(kinds=MAKING)
        assert found.points == frozenset(Point)
        assert (found.override_group, found.message, found.fix, found.unknown_breaks) == (None, "", "", False)

    @pytest.mark.parametrize(
        ("kind", "with_", "settings"),
        [
            ("allowed-sizes", {"allowed": ["a", "b", "a"]}, Names(ByEnvironment(("a", "b")))),
            ("allowed-sizes", {"allowed": {"x": "a"}, "types": ["t"]}, Names(ByEnvironment(None, {"x": ("a",)}), frozenset({"t"}))),
            ("allowed-regions", {"allowed": "eu-*"}, Names(ByEnvironment(("eu-*",)))),
            ("instance-family", {"forbidden": ["m5"], "instead": {"m5": "m7g"}, "types": ["t"]}, Families(ByEnvironment(), ("m5",), {"m5": "m7g"}, frozenset({"t"}))),
            ("instance-family", {"allowed": {"x": ["m5"]}}, Families(ByEnvironment(None, {"x": ("m5",)}))),
            ("multi-az", {"types": ["t"], "except_types": ["u"]}, Types(frozenset({"t"}), frozenset({"u"}))),
            ("deletion-protection", None, Types()),
            ("encryption", {}, Types()),
            ("backup-retention", {"minimum_days": 7, "maximum_days": 7}, Retention(ByEnvironment(7), ByEnvironment(7))),
            ("backup-retention", {"minimum_days": {"x": 0}, "types": ["t"]}, Retention(ByEnvironment(None, {"x": 0}), ByEnvironment(), frozenset({"t"}))),
            ("public-exposure", {"ports": [443, "8000-8100", "0-65535"], "load_balancers": True}, Exposure(((443, 443), (8000, 8100), (0, 65535)), True)),
            ("public-exposure", None, Exposure()),
            ("time-to-live", {"required": True, "maximum_days": {"x": 3}}, TimeToLive(True, ByEnvironment(None, {"x": 3}))),
            ("no-data-loss", {"more_types": ["t"], "except_types": ["u"]}, DataLoss(frozenset({"t"}), frozenset({"u"}))),
            ("monthly-cost", {"maximum_usd_month": "12.50"}, MonthlyCost(ByEnvironment(Decimal("12.50")), "order")),
            ("monthly-cost", {"maximum_usd_month": {"x": 3}, "of": "team"}, MonthlyCost(ByEnvironment(None, {"x": Decimal(3)}), "team")),
            ("budget-left", {"keep_percent": 10}, BudgetLeft(10)),
            ("budget-left", None, BudgetLeft(0)),
            ("count-limit", {"maximum": {"x": 0}, "per": "item"}, CountLimit(ByEnvironment(None, {"x": 0}), "item")),
            ("cel", {"expression": "true"}, Cel("true", "resource")),
            ("cel", {"expression": "true", "each": "parameters", "parameter": "p", "suggested": 3}, Cel("true", "parameters", frozenset(), "p", 3)),
            ("rego", {"module": MODULE}, Rego((("policy.rego", MODULE),))),
            ("rego", {"module": MODULE, "query": "data.main.deny"}, Rego((("policy.rego", MODULE),), ("data.main.deny",))),
        ],
    )  # fmt: skip
    def test_is_told_what_its_kind_needs(self, kind: str, with_: object, settings: object) -> None:
        assert read(one(kind, with_))[0].settings == settings

    @pytest.mark.parametrize(
        ("kind", "with_", "at", "points"),
        [
            ("multi-az", {}, "parameters", {"parameters"}),
            ("multi-az", {}, "plan", {"plan"}),
            ("multi-az", {}, "both", {"parameters", "plan"}),
            ("multi-az", {}, None, {"parameters", "plan"}),
            ("no-data-loss", {}, None, {"plan"}),
            ("time-to-live", {"required": True}, None, {"parameters"}),
            ("rego", {"module": MODULE}, None, {"plan"}),
            ("cel", {"expression": "true"}, None, {"parameters", "plan"}),
            ("cel", {"expression": "true", "each": "plan"}, None, {"parameters", "plan"}),
            ("cel", {"expression": "true", "each": "change"}, None, {"plan"}),
            ("cel", {"expression": "true", "each": "parameters"}, None, {"parameters"}),
        ],
    )
    def test_is_judged_where_it_says_and_where_it_can_be(
        self, kind: str, with_: object, at: str | None, points: set
    ) -> None:
        fields = {} if at is None else {"at": at}
        assert {point.value for point in read(one(kind, with_, **fields))[0].points} == points

    @pytest.mark.parametrize(
        ("kind", "runs"),
        [
            ("time-to-live", {"provision"}),
            ("count-limit", {"provision"}),
            ("cel", {"provision", "update", "upgrade"}),
        ],
    )
    def test_is_about_the_runs_of_its_kind(self, kind: str, runs: set) -> None:
        with_ = {
            "time-to-live": {"required": True},
            "count-limit": {"maximum": 1},
            "cel": {"expression": "true"},
        }[kind]
        assert {run.value for run in rule(kind, with_).scope.kinds} == runs


class TestByEnvironment:
    @pytest.mark.parametrize(
        ("value", "at_x", "at_y", "needs"),
        [
            (ByEnvironment(1), 1, 1, False),
            (ByEnvironment(None, {"x": 2}), 2, None, True),
            (ByEnvironment(), None, None, False),
        ],
    )
    def test_gives_the_value_that_holds(
        self, value: ByEnvironment, at_x: object, at_y: object, needs: bool
    ) -> None:
        assert (value.at("x"), value.at("y"), value.needs_environment) == (at_x, at_y, needs)


class TestProblems:
    @pytest.mark.parametrize(
        ("given", "said"),
        [
            (one(levl="x"), "rules[0].levl: The key 'levl' is not known."),
            ({"kind": "multi-az"}, "rules[0]: The key rule is missing. Add rule."),
            (one("nope"), "rules[0].kind: 'nope' is not one of the choices. Choose: allowed-sizes, instance-family,"),
            (one(rule="A b"), "rules[0].rule: The name A b cannot stand in addresses. Use a-z, 0-9 and -, at most 63 characters."),
            (one(rule="x" * 64), "rules[0].rule: The name xxx"),
            (one(rule="-x"), "rules[0].rule: The name -x cannot"),
            (one(level="soft-mandatory"), "rules[0]: A soft-mandatory rule names no group that may override it. Add override_group, or another level."),
            (one(override_group="sre"), "rules[0].override_group: Nobody overrides what is advisory. Leave override_group out, or write level: soft-mandatory."),
            (one(level="hard-mandatory", override_group="sre"), "rules[0].override_group: Nobody overrides what is hard-mandatory."),
            (one(message="x"), "rules[0].message: The kind multi-az says itself what is wrong. Leave message out; say why in why."),
            (one(fix="x"), "rules[0].fix: The kind multi-az says itself what is wrong. Leave fix out; say why in why."),
            (one(when_unknown="x"), "rules[0].when_unknown: 'x' is not one of the choices. Choose: advise, break."),
            (one(at="never"), "rules[0].at: 'never' is not one of the choices. Choose: parameters, plan, both."),
            (one("no-data-loss", at="parameters"), "rules[0].at: The kind no-data-loss cannot be judged there. It is judged at: plan. Leave at out for that."),
            (one("time-to-live", {"required": True}, at="both"), "rules[0].at: The kind time-to-live cannot be judged there. It is judged at: parameters."),
            (one("cel", {"expression": "true", "each": "change"}, at="parameters"), "rules[0].at: The kind cel cannot be judged there. It is judged at: plan."),
            (one(environments=[]), "rules[0].environments: The list is empty, so the rule would be about nothing. Leave environments out for all."),
            (one(kinds=["provision", "made-up"]), "rules[0].kinds: made-up is no kind of run. Choose of: provision, update, upgrade, destroy, drift_check."),
            (one("allowed-sizes"), "rules[0].with: The key allowed is missing. Add allowed."),
            (one("allowed-sizes", {"allowed": []}), "rules[0].with.allowed: The list is empty, so nothing would be allowed. Name what is allowed."),
            (one("allowed-sizes", {"allowed": {"x": []}}), "rules[0].with.allowed.x: The list is empty, so nothing would be allowed."),
            (one("allowed-regions", {"allowed": ["x"], "types": ["t"]}), "rules[0].with.types: The key 'types' is not known."),
            (one("instance-family", {}), "rules[0].with: It names no family. Add allowed or forbidden."),
            (one("instance-family", {"allowed": {"x": ["m5"]}, "forbidden": ["m5"]}), "rules[0].with.forbidden: The family m5 is allowed and forbidden. Leave it in one of the lists."),
            (one("instance-family", {"forbidden": ["m5", "m6"], "instead": {"m5": "m6"}}), "rules[0].with.instead.m5: The family m6 is forbidden itself. Name one that is allowed."),
            (one("encryption", {"types": ["t"], "except_types": ["t"]}), "rules[0].with.except_types: The type t is looked at and left out. Leave it in one of the lists."),
            (one("backup-retention", {}), "rules[0].with: It sets no bound. Add minimum_days or maximum_days."),
            (one("backup-retention", {"minimum_days": 8, "maximum_days": 7}), "rules[0].with: The minimum of 8 days is above the maximum of 7. Correct one of them."),
            (one("backup-retention", {"minimum_days": {"x": 8}, "maximum_days": 7}), "rules[0].with: The minimum of 8 days in x is above the maximum of 7. Correct one of them."),
            (one("backup-retention", {"minimum_days": 3651}), "rules[0].with.minimum_days: 3651 is not a whole number from 0 to 3650."),
            (one("backup-retention", {"minimum_days": True}), "rules[0].with.minimum_days: true is not a whole number from 0 to 3650."),
            (one("public-exposure", {"ports": [65536]}), 'rules[0].with.ports[0]: It is no port. Write a port from 0 to 65535, or a range such as "8000-8100".'),
            (one("public-exposure", {"ports": ["9-8"]}), "rules[0].with.ports[0]: It is no port."),
            (one("public-exposure", {"ports": ["x"]}), "rules[0].with.ports[0]: It is no port."),
            (one("public-exposure", {"ports": ["1-"]}), "rules[0].with.ports[0]: It is no port."),
            (one("public-exposure", {"ports": [1, True]}), "rules[0].with.ports[1]: It is no port."),
            (one("public-exposure", {"ports": ["000001"]}), "rules[0].with.ports[0]: It is no port."),
            (one("time-to-live", {}), "rules[0].with: It asks for nothing. Write required: true or maximum_days."),
            (one("time-to-live", {"maximum_days": 0}), "rules[0].with.maximum_days: 0 is not a whole number from 1 to 3650."),
            (one("no-data-loss", {"more_types": ["t"], "except_types": ["t"]}), "rules[0].with.except_types: The type t is added and left out."),
            (one("monthly-cost", {"maximum_usd_month": 1.5}), "rules[0].with.maximum_usd_month: 1.5 is not an amount of USD."),
            (one("monthly-cost", {"maximum_usd_month": "1", "of": "x"}), "rules[0].with.of: 'x' is not one of the choices. Choose: order, increase, team, environment."),
            (one("budget-left", {"keep_percent": 100}), "rules[0].with.keep_percent: 100 is not a whole number from 0 to 99."),
            (one("count-limit", {"maximum": -1}), "rules[0].with.maximum: -1 is not a whole number from 0 to 100000."),
            (one("count-limit", {"maximum": 1, "per": "x"}), "rules[0].with.per: 'x' is not one of the choices. Choose: team, item."),
            (one("cel", {}), "rules[0].with: The key expression is missing. Add expression."),
            (one("cel", {"expression": "true", "each": "plan", "types": ["t"]}), "rules[0].with.types: An expression about the plan sees no single type. Leave types out."),
            (one("cel", {"expression": "true", "parameter": "p"}), "rules[0].with.parameter: Only an expression about the parameters is about one of them. Write each: parameters."),
            (one("cel", {"expression": "true", "each": "parameters", "suggested": 1}), "rules[0].with.suggested: It is not said of which parameter. Add parameter."),
            (one("rego", {}), "rules[0].with: It has no policy, or two. Write either module (the text) or file (names of files)."),
            (one("rego", {"module": MODULE, "file": "x"}), "rules[0].with: It has no policy, or two."),
            (one("rego", {"file": "x.rego"}), "rules[0].with.file: There is no folder to read files from. Write the text into the policy instead."),
            (one("rego", {"module": MODULE, "query": "main.deny"}), "rules[0].with.query: The query main.deny does not begin with data."),
            (one("rego", {"module": MODULE, "query": ["data.main.deny", "data.main.warn"]}), "rules[0].with.module: It has no rule for the query data.main.warn, so it would never object. Name its rule in query."),
            (one("rego", {"module": "package other\ndeny[x] { x := 1 }"}), "rules[0].with.module: It has no rule for the query data.main.deny,"),
            (one("monthly-cost", {"maximum_usd_month": {"x": "1"}}, environments=["y"]), "rules[0].with.maximum_usd_month.x: The rule is not about x, so this value would never count. Add it to environments, or leave it out here."),
        ],
    )  # fmt: skip
    def test_are_said_with_place_reason_and_fix(self, given: dict, said: str) -> None:
        assert any(text.startswith(said) for text in problems(given)), problems(given)

    def test_are_two_rules_of_one_name(self) -> None:
        assert problems(one(), one()) == [
            "rules[1].rule: The rule r is there twice; the first is number 0. Rename one."
        ]

    def test_are_too_many_rules(self) -> None:
        many = [one(rule=f"r{n}") for n in range(RULES_MAX)]
        assert len(read(*many)) == RULES_MAX
        assert problems(*many, one()) == [f"rules: There are more than {RULES_MAX} rules. Join some."]

    def test_are_a_group_for_data_loss_said_twice(self) -> None:
        assert problems(one("no-data-loss"), destructive_override_group="sre") == [
            "destructive_override_group: A rule of the kind no-data-loss has a group of its own. "
            "Leave destructive_override_group out."
        ]

    @pytest.mark.parametrize(
        ("low", "high", "impossible"),
        [
            ({}, {}, ""),
            ({"environments": ["x"]}, {}, " in x"),
            ({"environments": ["x"]}, {"environments": ["x", "y"]}, " in x"),
            ({"environments": ["x"]}, {"environments": ["y"]}, None),
            ({"items": ["x"]}, {"items": ["y"]}, None),
            ({"teams": ["x"]}, {"teams": ["y"]}, None),
            ({"criticalities": ["x"]}, {"criticalities": ["y"]}, None),
            ({"kinds": ["update"]}, {"kinds": ["provision"]}, None),
        ],
    )
    def test_are_two_rules_that_nothing_can_keep(self, low: dict, high: dict, impossible: str | None) -> None:
        rules = (
            one("backup-retention", {"minimum_days": 8}, rule="low", **low),
            one("backup-retention", {"maximum_days": 7}, rule="high", **high),
        )
        if impossible is None:
            assert len(read(*rules)) == 2
            return
        assert problems(*rules) == [
            f"rules[0]: Nothing can keep low and high at once{impossible}: one asks for at least 8 days, the other for "
            "at most 7. Correct one of them, or let them be about different environments."
        ]

    @pytest.mark.parametrize(
        ("low", "high"),
        [({"minimum_days": 7}, {"maximum_days": 7}), ({"minimum_days": 8, "types": ["a"]}, {"maximum_days": 7, "types": ["b"]}), ({"minimum_days": {"x": 8}}, {"maximum_days": {"y": 7}})],
    )  # fmt: skip
    def test_are_not_rules_that_something_can_keep(self, low: dict, high: dict) -> None:
        assert (
            len(read(one("backup-retention", low, rule="low"), one("backup-retention", high, rule="high")))
            == 2
        )

    def test_are_bounds_for_one_environment(self) -> None:
        rules = (
            one("backup-retention", {"minimum_days": {"x": 8}}, rule="low"),
            one("backup-retention", {"maximum_days": {"x": 7, "y": 9}}, rule="high"),
        )
        assert problems(*rules)[0].startswith("rules[0]: Nothing can keep low and high at once in x:")


class TestTheSection:
    def test_always_keeps_data(self) -> None:
        assert GuardrailPolicy().rules == (no_data_loss("sre"),)

    def test_names_its_groups_with_their_places(self) -> None:
        rules = read(one(), one(rule="s", level="soft-mandatory", override_group="platform"))
        assert list(GuardrailPolicy(rules).groups()) == [
            (("guardrails", "rules", 1, "override_group"), "platform")
        ]
