"""All rules in one place: what they find, what it costs and who is asked."""

from __future__ import annotations

from decimal import Decimal

import pytest

from provisioner.domain import guardrails, judging
from provisioner.domain.context import Context
from provisioner.domain.cost import Price, PriceBook, PricedResource
from provisioner.domain.finding import Level
from provisioner.domain.guardrails import ParameterRule, RuleKind
from provisioner.domain.judging import Tools
from provisioner.domain.plan import parse_plan
from provisioner.domain.policy import document
from provisioner.domain.run import RunKind
from tests.domain.policy.test_document import least

POLICY = document.read(least(), digest="d")
KEY = Price("kms", "key", "key-month", Decimal(1), "2026-01-01", "list")
BOOK = PriceBook("us-east-1", {("kms", "key"): KEY}, "b")
RULE = ParameterRule("small", RuleKind.MAXIMUM, "size", Level.HARD_MANDATORY, {"production": 3}, "Dear.")
KEYS = (PricedResource("aws_kms_key.a", "aws_kms_key", {}),)


def context(kind: RunKind = RunKind.PROVISION, criticality: str = "tier-2") -> Context:
    return Context(kind=kind, environment="production", is_production=True, criticality=criticality)


class Broken:
    """Remembers which rules broke."""

    def __init__(self) -> None:
        self.rules: list[str] = []

    def __call__(self, rule: str, error: Exception) -> None:
        self.rules.append(rule)


def tools(broken: Broken | None = None) -> Tools:
    return Tools(book=BOOK, taggable=lambda type_: True, on_broken=broken or Broken())


def plan_that(*actions: str, tags: dict[str, str] | None = None) -> dict[str, object]:
    attributes = {"tags_all": tags or {}}
    change = {
        "actions": list(actions),
        "before": None if actions == ("create",) else attributes,
        "after": None if actions == ("delete",) else attributes,
        "after_unknown": {},
    }
    return {
        "format_version": "1.2",
        "resource_changes": [
            {
                "address": "aws_kms_key.a",
                "mode": "managed",
                "type": "aws_kms_key",
                "name": "a",
                "change": change,
            }
        ],
    }


class TestParameters:
    def test_of_a_critical_service_ask_sre_with_the_cost_beside_it(self) -> None:
        said = judging.judge_parameters(
            {"size": 3},
            KEYS,
            context=context(criticality="tier-1"),
            policy=POLICY,
            rules=(RULE,),
            before_usd_month=Decimal(3),
            tools=tools(),
        )
        assert said.findings == ()
        assert not said.refused
        assert said.estimate.usd_month == Decimal("1.00")
        assert said.delta_usd_month == Decimal("-2.00")
        assert [step.group for step in said.steps] == ["sre"]

    def test_that_are_refused_ask_nobody(self) -> None:
        said = judging.judge_parameters(
            {"size": 4},
            KEYS,
            context=context(criticality="tier-1"),
            policy=POLICY,
            rules=(RULE,),
            tools=tools(),
        )
        assert [finding.rule for finding in said.findings] == ["small"]
        assert said.refused
        assert said.steps == ()


class TestAPlan:
    def judged(
        self, document_: dict[str, object], kind: RunKind = RunKind.UPDATE, broken: Broken | None = None
    ) -> judging.Judgement:
        return judging.judge_plan(
            parse_plan(document_),
            parameters={"size": 4},
            context=context(kind),
            policy=POLICY,
            rules=(RULE,),
            expected_tags={"service": "orders"},
            before_usd_month=Decimal(0),
            tools=tools(broken),
        )

    def test_is_judged_by_parameters_tags_and_what_it_destroys(self) -> None:
        said = self.judged(plan_that("delete", "create"))
        assert {finding.rule for finding in said.findings} == {"small", "required-tags", "no-data-loss"}
        assert said.refused

    def test_that_only_destroys_is_not_judged_by_parameters(self) -> None:
        said = self.judged(plan_that("delete"), RunKind.DESTROY)
        assert said.findings == ()
        assert said.estimate.usd_month == Decimal("0.00")

    def test_is_refused_when_a_rule_breaks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def breaks(*_: object, **__: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(guardrails, "check_plan", breaks)
        broken = Broken()
        said = self.judged(plan_that("create", tags={"service": "orders"}), broken=broken)
        assert broken.rules == ["no-data-loss"]
        assert [finding.level for finding in said.findings if finding.rule == "no-data-loss"] == [
            Level.HARD_MANDATORY
        ]


class TestCost:
    USAGE = document.read(
        least(usage={"profiles": {"production": {"aws_kms_key": {"monthly_requests": 1000}}}}), digest="u"
    )
    PRICES = PriceBook(
        "us-east-1",
        {
            ("kms", "key"): KEY,
            ("kms", "request"): Price("kms", "request", "request", Decimal("0.01"), "d", "s"),
        },
        "b",
    )

    def tools(self) -> Tools:
        return Tools(book=self.PRICES, taggable=lambda type_: True, on_broken=Broken())

    def test_counts_what_the_environment_is_expected_to_use(self) -> None:
        said = judging.judge_parameters(
            {}, KEYS, context=context(), policy=self.USAGE, rules=(), tools=self.tools()
        )
        assert (said.estimate.fixed_usd_month, said.estimate.usage_usd_month) == (Decimal(1), Decimal(10))
        assert said.delta_usd_month == Decimal("11.00")
        other = judging.judge_parameters(
            {},
            KEYS,
            context=Context(environment="staging"),
            policy=self.USAGE,
            rules=(),
            tools=self.tools(),
        )
        assert other.estimate.usd_month == Decimal("1.00")

    def test_compares_parameters_with_those_that_hold_now(self) -> None:
        said = judging.judge_parameters(
            {}, KEYS, context=context(), policy=self.USAGE, rules=(), present=KEYS * 2, tools=self.tools()
        )
        assert (said.change.before_usd_month, said.change.delta_usd_month) == (Decimal(22), Decimal(-11))

    def test_compares_a_plan_with_what_exists(self) -> None:
        said = judging.judge_plan(
            parse_plan(plan_that("delete")),
            parameters={},
            context=context(RunKind.DESTROY),
            policy=self.USAGE,
            rules=(),
            expected_tags={},
            before_usd_month=Decimal(5),
            tools=self.tools(),
        )
        assert (said.delta_usd_month, said.change.delta_usd_month) == (Decimal(-5), Decimal(-11))
        assert [row.status.value for row in said.change.resources] == ["removed"]
