"""The section `approvals` of the policy: what it reads as, and what is refused with its place."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from provisioner.domain.approval import ApprovalRule, ApprovalRules, AutoApproval
from provisioner.domain.approval_when import (
    Above,
    AnyOf,
    BudgetShare,
    Expressed,
    Limits,
    Measure,
    OneOf,
    Shows,
    Sign,
)
from provisioner.domain.policy import document
from provisioner.domain.policy.approval_rules import ApprovalPolicy, BreakGlass, OverridePolicy
from provisioner.domain.policy.section import PolicyError, Problem

SHIPPED = Path(__file__).parents[3] / "portal/policy/default.yaml"
RULE: Mapping[str, object] = {"rule": "a", "groups": "finops"}


def policy(approvals: object, **more: object) -> document.Policy:
    return document.read({"version": 1, "approvals": approvals, **more}, digest="d")


def read(**approvals: object) -> ApprovalPolicy:
    return policy({"rules": [], **approvals}).approvals


def problems(approvals: object, **more: object) -> list[tuple[str, str]]:
    with pytest.raises(PolicyError) as refused:
        policy(approvals, **more)
    found: tuple[Problem, ...] = refused.value.problems
    return [(problem.place.removeprefix("approvals."), problem.what) for problem in found]


class TestTheSection:
    def test_has_defaults_for_all_but_the_rules(self) -> None:
        assert read() == ApprovalPolicy(
            rules=ApprovalRules((), (), "sre"),
            allow_same_person=False,
            overrides=OverridePolicy(30, frozenset()),
            expire_after_days=14,
            remind_after_hours=0,
            escalate_after_hours=0,
            escalate_to="",
            recovery_group="sre",
            break_glass=None,
        )

    def test_reads_everything(self) -> None:
        found = read(
            rules=[
                {
                    "rule": "all-of-it",
                    "groups": ["finops", "sre"],
                    "quorum": 2,
                    "when": {
                        "delta_above_usd_month": {"production": "300", "default": 100},
                        "delta_at_most_usd_month": "5000",
                        "total_above_usd_month": "1.50",
                        "total_at_most_usd_month": 7,
                        "budget_share_above_percent": 10,
                        "environments": "production",
                        "criticalities": ["tier-1", "tier-2"],
                        "teams": ["payments"],
                        "items": ["postgres"],
                        "run_kinds": ["destroy"],
                        "production": True,
                        "destructive": False,
                        "cel": "delta > 1",
                        "any": [{"first_use": True}, {"unpriced": True, "unit_cost_breached": True}],
                    },
                    "when_unknown": "skip",
                    "why": "{delta} a month.",
                },
                {"rule": "each", "groups": "sre", "quorum": "all"},
                {"rule": "one", "groups": "sre", "quorum": "any", "when_unknown": "ask"},
            ],
            auto_approve=[{"rule": "small", "when": {"environments": ["development"]}}],
            allow_same_person=True,
            override_group="platform",
            overrides={"max_days": 0, "once_only": ["no-data-loss"]},
            expire_after_days=3,
            remind_after_hours=24,
            escalate_after_hours=71,
            escalate_to="platform",
            recovery_group="platform",
            break_glass={
                "groups": ["sre"],
                "people": 3,
                "review_within_hours": 12,
                "environments": ["production"],
            },
        )
        when = (
            Above(Measure.DELTA, Limits({"production": Decimal(300)}, Decimal(100))),
            Above(Measure.DELTA, Limits({}, Decimal(5000)), within=True),
            Above(Measure.TOTAL, Limits({}, Decimal("1.50"))),
            Above(Measure.TOTAL, Limits({}, Decimal(7)), within=True),
            BudgetShare(Decimal(10)),
            OneOf("environment", "environment", ("production",)),
            OneOf("criticality", "criticality", ("tier-1", "tier-2")),
            OneOf("team", "team", ("payments",)),
            OneOf("item", "item", ("postgres",)),
            OneOf("kind", "kind of run", ("destroy",)),
            Shows(Sign.PRODUCTION),
            Shows(Sign.DESTRUCTIVE, wanted=False),
            Expressed("delta > 1"),
            AnyOf(
                (
                    (Shows(Sign.FIRST_USE),),
                    (Shows(Sign.UNPRICED), Shows(Sign.UNIT_COST_BREACHED)),
                )
            ),
        )
        assert found == ApprovalPolicy(
            rules=ApprovalRules(
                (
                    ApprovalRule("all-of-it", ("finops", "sre"), 2, when, False, "{delta} a month."),
                    ApprovalRule("each", ("sre",), None),
                    ApprovalRule("one", ("sre",), 1),
                ),
                (AutoApproval("small", (OneOf("environment", "environment", ("development",)),)),),
                "platform",
            ),
            allow_same_person=True,
            overrides=OverridePolicy(0, frozenset({"no-data-loss"})),
            expire_after_days=3,
            remind_after_hours=24,
            escalate_after_hours=71,
            escalate_to="platform",
            recovery_group="platform",
            break_glass=BreakGlass(("sre",), 3, 12, ("production",)),
        )

    @pytest.mark.parametrize(
        ("approvals", "place", "what"),
        [
            ({}, "approvals", "The key rules is missing."),
            ({"rules": [{"rule": "a"}]}, "rules[0]", "The key groups is missing."),
            ({"rules": [{"groups": "sre"}]}, "rules[0]", "The key rule is missing."),
            ({"rules": [{**RULE, "groups": []}]}, "rules[0].groups", "No group is named."),
            ({"rules": [{**RULE, "groups": "finop"}]}, "rules[0].groups", "There is no group finop."),
            ({"rules": [RULE, RULE]}, "rules[1].rule", "There is a rule 'a' already."),
            ({"rules": [{**RULE, "rule": "A b"}]}, "rules[0].rule", "'A b' is no name of a rule."),
            ({"rules": [{**RULE, "quorum": 0}]}, "rules[0].quorum", "0 is not a whole number from 1 to 50."),
            ({"rules": [{**RULE, "quorum": "most"}]}, "rules[0].quorum", "'most' is no quorum."),
            ({"rules": [{**RULE, "quorum": True}]}, "rules[0].quorum", "true is no quorum."),
            ({"rules": [{**RULE, "why": "{dleta}"}]}, "rules[0].why", "Nobody fills in {dleta}."),
            (
                {"rules": [{**RULE, "when": {"run_kinds": ["destory"]}}]},
                "rules[0].when.run_kinds",
                "There is no kind of run 'destory'.",
            ),
            (
                {"rules": [{**RULE, "when": {"teams": []}}]},
                "rules[0].when.teams",
                "Nothing is named, so this never holds.",
            ),
            (
                {"rules": [{**RULE, "when": {"delta_above_usd_month": {}}}]},
                "rules[0].when.delta_above_usd_month",
                "No amount is given, so this never holds.",
            ),
            (
                {"rules": [{**RULE, "when": {"delta_above_usd_month": 1.5}}]},
                "rules[0].when.delta_above_usd_month",
                "1.5 is not an amount of USD.",
            ),
            (
                {"rules": [{**RULE, "when": {"any": [{}]}}]},
                "rules[0].when.any",
                "A group without a condition says nothing.",
            ),
            (
                {"rules": [{**RULE, "when": {"any": []}}]},
                "rules[0].when.any",
                "A group without a condition says nothing.",
            ),
            (
                {"rules": [{**RULE, "when": {"any": [{"first_use": 1}]}}]},
                "rules[0].when.any[0].first_use",
                "1 is neither true nor false.",
            ),
            (
                {"rules": [{**RULE, "when": {"dleta": 1}}]},
                "rules[0].when.dleta",
                "The key 'dleta' is not known.",
            ),
            ({"rules": [RULE] * 201}, "rules[1].rule", "There is a rule 'a' already."),
            (
                {"rules": [], "auto_approve": [{"rule": "a", "when": {}}]},
                "auto_approve[0].when",
                "Without a condition nobody would ever be asked.",
            ),
            (
                {"rules": [], "escalate_after_hours": 5},
                "escalate_to",
                "It is missing, while escalate_after_hours is set.",
            ),
            (
                {"rules": [], "escalate_to": "sre"},
                "escalate_after_hours",
                "It is missing, while escalate_to is set.",
            ),
            (
                {"rules": [], "expire_after_days": 2, "remind_after_hours": 48},
                "remind_after_hours",
                "A plan expires after 2 days, so this never comes.",
            ),
            ({"rules": [], "override_group": "nobody"}, "override_group", "There is no group nobody."),
            ({"rules": [], "recovery_group": "nobody"}, "recovery_group", "There is no group nobody."),
            ({"rules": [], "break_glass": {}}, "break_glass", "The key groups is missing."),
            (
                {"rules": [], "break_glass": {"groups": ["sre"], "people": 1}},
                "break_glass.people",
                "1 is not a whole number from 2 to 50.",
            ),
            (
                {"rules": [], "break_glass": {"groups": ["sr"]}},
                "break_glass.groups",
                "There is no group sr.",
            ),
        ],
    )
    def test_is_refused_with_the_place(self, approvals: object, place: str, what: str) -> None:
        found = problems(approvals)
        assert (place, what) in found
        if place != "rules[1].rule":
            assert len(found) == 1

    def test_takes_no_more_rules_than_anybody_reads(self) -> None:
        many = [{**RULE, "rule": f"r{number}"} for number in range(201)]
        assert problems({"rules": many}) == [("rules", "There are more than 200 rules.")]
        assert len(read(rules=many[:200]).rules.rules) == 200


class TestGroups:
    def test_are_those_that_rules_may_name(self) -> None:
        found = policy({"rules": [{**RULE, "groups": ["security"]}], "override_group": "security",
                        "recovery_group": "security"}, groups=["security"])  # fmt: skip
        assert found.groups == ("security",)
        assert document.read({"version": 1, "approvals": {"rules": []}}, digest="d").groups == (
            "finops",
            "sre",
            "platform",
        )

    @pytest.mark.parametrize(
        ("groups", "what"),
        [
            ([], "No group is named."),
            (["a,b"], "'a,b' cannot be the name of a group."),
            (["x" * 65], f"'{'x' * 65}' cannot be the name of a group."),
        ],
    )
    def test_have_names_that_can_be_kept(self, groups: list[str], what: str) -> None:
        assert ("groups", what) in problems({"rules": []}, groups=groups)

    def test_are_checked_for_guardrails_too(self) -> None:
        found = problems({"rules": []}, guardrails={"destructive_override_group": "sra"})
        assert found == [("guardrails.destructive_override_group", "There is no group sra.")]


class TestTheShippedPolicy:
    def test_asks_as_it_always_did(self) -> None:
        found = document.read(yaml.safe_load(SHIPPED.read_bytes()), digest="d").approvals
        assert [(rule.rule, rule.groups) for rule in found.rules.rules] == [
            ("cost-limit", ("finops",)),
            ("unpriced", ("finops",)),
            ("production-criticality", ("sre",)),
        ]
        assert (found.expire_after_days, found.recovery_group, found.rules.override_group) == (
            14,
            "sre",
            "sre",
        )
        assert not found.allow_same_person
        assert found.overrides.once_only == {"no-data-loss"}


class TestBreakGlass:
    def test_reaches_the_environments_that_it_names_or_all(self) -> None:
        some = BreakGlass(("sre",), environments=("production",))
        assert (some.reaches("production"), some.reaches("staging")) == (True, False)
        assert BreakGlass(("sre",)).reaches("staging")
