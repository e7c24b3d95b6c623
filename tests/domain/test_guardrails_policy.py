# ruff: noqa: E501  (tables: a row a line)
from dataclasses import replace

import pytest

from provisioner.domain import guardrails_policy
from provisioner.domain.context import Context
from provisioner.domain.finding import Finding, Level
from provisioner.domain.guardrails_own import no_evaluator
from provisioner.domain.plan import SENSITIVE
from provisioner.domain.policy.guardrail_rules import POINTS, Point, no_data_loss
from provisioner.domain.policy.guardrail_settings import READERS, Kind
from provisioner.domain.run import RunKind
from tests.domain.documents import change, estimate_with, resource
from tests.domain.guardrail_rows import (
    CONTEXT,
    Matter,
    advice,
    has,
    later,
    matter,
    objects,
    rule,
    say,
)

DB = "aws_db_instance"
HERE = "aws_db_instance.this"
# For each kind: what it is told, and something that breaks it, planned and promised.
SIZE = resource(DB, instance_class="db.m5.large", multi_az=False, backup_retention_period=0, deletion_protection=False, storage_encrypted=False, publicly_accessible=True)  # fmt: skip
BREAKS: dict[Kind, tuple[dict[str, object], dict[str, object]]] = {
    Kind.ALLOWED_SIZES: ({"allowed": ["db.t4g.large"]}, {}),
    Kind.INSTANCE_FAMILY: ({"allowed": ["t4g"]}, {}),
    Kind.ALLOWED_REGIONS: ({"allowed": ["eu-west-1"]}, {}),
    Kind.MULTI_AZ: ({}, {}),
    Kind.BACKUP_RETENTION: ({"minimum_days": 7}, {}),
    Kind.DELETION_PROTECTION: ({}, {}),
    Kind.ENCRYPTION: ({}, {}),
    Kind.PUBLIC_EXPOSURE: ({}, {}),
    Kind.TIME_TO_LIVE: ({"required": True}, {}),
    Kind.NO_DATA_LOSS: ({}, {}),
    Kind.MONTHLY_COST: ({"maximum_usd_month": "1"}, {}),
    Kind.BUDGET_LEFT: ({}, {}),
    Kind.COUNT_LIMIT: ({"maximum": 1}, {}),
    Kind.CEL: ({"expression": "false"}, {}),
    Kind.REGO: ({"module": "package main\ndeny[x] { x := 1 }"}, {}),
}
POOR = replace(CONTEXT, facts=replace(CONTEXT.facts, budget_left_usd_month=CONTEXT.facts.team_usd_month))


def breaking(point: Point) -> Matter:
    """Return what breaks every kind of rule."""
    if point is Point.PARAMETERS:
        return matter(promises=[SIZE], context=POOR, estimate=estimate_with(usd_month="1000.00"), plan=False)
    planned = change(["delete", "create"], {"id": 1}, dict(SIZE.attributes))
    return matter(planned, context=POOR, estimate=estimate_with(usd_month="1000.00"))


class TestEveryKind:
    @pytest.mark.parametrize("level", [*Level])
    @pytest.mark.parametrize(
        ("kind", "point"), [(kind, point) for kind in Kind for point in sorted(POINTS[kind])]
    )
    def test_objects_at_its_level_at_each_point(self, kind: Kind, point: Point, level: Level) -> None:
        group = {"override_group": "sre"} if level is Level.SOFT_MANDATORY else {}
        a_rule = rule(kind.value, BREAKS[kind][0], level=level.value, **group)
        found = say(a_rule, breaking(point))
        assert found, kind
        for finding in found:
            assert (finding.rule, finding.level, finding.override_group) == (
                "a-rule",
                level,
                group.get("override_group"),
            )
            assert ("Or ask sre to override." in finding.fix or "ask sre to override" in finding.fix) is bool(
                group
            )
            assert finding.what.endswith(".")
            assert finding.fix.endswith(".")
            assert finding.where

    @pytest.mark.parametrize("level", [*Level])
    @pytest.mark.parametrize("kind", [*Kind])
    def test_that_raises_lets_nothing_pass(
        self, kind: Kind, level: Level, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fall(*_: object) -> None:
            raise ZeroDivisionError("x")

        heard: list[tuple[str, Exception]] = []
        monkeypatch.setattr(guardrails_policy, "_judge", fall)
        group = {"override_group": "sre"} if level is Level.SOFT_MANDATORY else {}
        a_rule = rule(kind.value, BREAKS[kind][0], level=level.value, **group)
        found = guardrails_policy.check(
            [a_rule],
            breaking(Point.PLAN),
            evaluate=no_evaluator,
            on_broken=lambda name, error: heard.append((name, error)),
        )
        where = "plan" if Point.PLAN in POINTS[kind] else "order"
        assert found == (
            objects(
                "The rule a-rule could not be evaluated: it raised an error, which is in the log.",
                "Tell the platform team; run it again when the rule is mended.",
                where=where,
                level=Level.ADVISORY if level is Level.ADVISORY else Level.HARD_MANDATORY,
            ),
        )
        assert [(name, type(error)) for name, error in heard] == [("a-rule", ZeroDivisionError)]

    def test_is_read_and_has_a_row_here(self) -> None:
        assert set(BREAKS) == set(Kind) == set(READERS) == set(POINTS)

    def test_that_raises_does_not_keep_the_others_from_being_judged(self) -> None:
        bad = replace(rule("encryption"), settings=rule("time-to-live", {"required": True}).settings)
        heard: list[str] = []
        found = guardrails_policy.check(
            [bad, replace(rule("multi-az"), rule="other")],
            matter(has(DB)),
            evaluate=no_evaluator,
            on_broken=lambda name, _: heard.append(name),
        )
        assert [(one.rule, one.level) for one in found] == [
            ("a-rule", Level.HARD_MANDATORY),
            ("other", Level.HARD_MANDATORY),
        ]
        assert heard == ["a-rule"]


class TestPoints:
    @pytest.mark.parametrize(
        ("at", "at_parameters", "at_plan"),
        [
            ("parameters", 1, 1),  # judged once more with the plan, by the parameters
            ("plan", 0, 1),
            ("both", 1, 1),
            (None, 1, 1),
        ],
    )
    def test_are_where_a_rule_is_judged(self, at: str | None, at_parameters: int, at_plan: int) -> None:
        a_rule = rule("multi-az", **({} if at is None else {"at": at}))
        promise = [resource(DB, multi_az=False)]
        assert len(say(a_rule, matter(promises=promise, plan=False))) == at_parameters
        assert len(say(a_rule, matter(has(DB, multi_az=False), promises=promise))) == at_plan

    def test_take_the_plans_word_where_there_is_one(self) -> None:
        what = matter(has(DB, multi_az=True), promises=[resource(DB, multi_az=False)])
        assert say(rule("multi-az"), what) == ()
        assert len(say(rule("multi-az", at="parameters"), what)) == 1

    @pytest.mark.parametrize("actions", [["create"], ["update"], ["no-op"], ["delete", "create"]])
    def test_look_at_all_that_exists_afterwards(self, actions: list[str]) -> None:
        before = None if actions == ["create"] else {"id": 1}
        assert len(say(rule("multi-az"), matter(change(actions, before, {"multi_az": False})))) == 1

    @pytest.mark.parametrize("actions", [["delete"], ["forget"]])
    def test_look_at_nothing_that_is_gone(self, actions: list[str]) -> None:
        assert say(rule("multi-az"), matter(change(actions, {"multi_az": False}, None))) == ()


class TestScope:
    @pytest.mark.parametrize(
        ("scope", "count"),
        [
            ({}, 1),
            ({"environments": ["production", "x"]}, 1),
            ({"environments": ["staging"]}, 0),
            ({"items": ["postgres"]}, 1),
            ({"items": ["redis-cache"]}, 0),
            ({"teams": ["payments"]}, 1),
            ({"teams": ["search"]}, 0),
            ({"criticalities": ["tier-1"]}, 1),
            ({"criticalities": ["tier-3"]}, 0),
            ({"kinds": ["provision"]}, 1),
            ({"kinds": ["update", "upgrade"]}, 0),
            ({"environments": ["production"], "teams": ["search"]}, 0),
        ],
    )
    def test_says_what_a_rule_is_about(self, scope: dict, count: int) -> None:
        assert len(say(rule("multi-az", **scope), matter(has(DB)))) == count

    @pytest.mark.parametrize("kind", [*RunKind])
    def test_leaves_destroys_and_checks_out_unless_told(self, kind: RunKind) -> None:
        making = kind in (RunKind.PROVISION, RunKind.UPDATE, RunKind.UPGRADE)
        assert len(say(rule("multi-az"), matter(has(DB), kind=kind))) == making
        assert len(say(rule("multi-az", kinds=[kind.value]), matter(has(DB), kind=kind))) == 1

    @pytest.mark.parametrize(
        ("scope", "with_", "missing"),
        [
            ({"environments": ["x"]}, {}, "environment"),
            ({"teams": ["x"]}, {}, "team"),
            ({"criticalities": ["x"]}, {}, "criticality"),
            ({"criticalities": ["x"], "environments": ["x"]}, {}, "environment"),
            ({}, {"maximum_usd_month": {"production": "1"}}, "environment"),
            ({"teams": ["x"]}, {"maximum_usd_month": {"production": "1"}}, "team"),
        ],
    )
    @pytest.mark.parametrize("plan", [True, False])
    def test_that_cannot_be_told_is_said(self, scope: dict, with_: dict, missing: str, plan: bool) -> None:
        a_rule = rule("monthly-cost", with_ or {"maximum_usd_month": "1"}, **scope)
        found = say(a_rule, matter(context=Context(), plan=plan))
        assert found == (
            advice(
                f"The rule depends on the {missing}, which is not known here, so a-rule could not be judged.",
                f"Say the {missing}.",
                where="plan" if plan else "order",
            ),
        )

    def test_of_items_is_about_nothing_that_comes_from_none(self) -> None:
        assert say(rule("multi-az", items=["postgres"]), matter(has(DB), context=Context())) == ()

    def test_that_is_known_not_to_hold_needs_nothing_else(self) -> None:
        a_rule = rule("multi-az", environments=["x"], teams=["search"])
        assert say(a_rule, matter(has(DB), context=Context(team="payments"))) == ()


class TestWhatIsNotKnown:
    def test_breaks_a_rule_that_says_so(self) -> None:
        strict = rule("multi-az", when_unknown="break", level="soft-mandatory", override_group="sre")
        expected = later("multi_az", HERE)
        assert say(strict, matter(has(DB, unknown={"multi_az": True}))) == (
            replace(
                expected,
                level=Level.SOFT_MANDATORY,
                override_group="sre",
                fix=f"{expected.fix} Or ask sre to override.",
            ),
        )

    @pytest.mark.parametrize(
        ("unknown", "attributes"),
        [(True, {}), ({"multi_az": True}, {}), ({}, {"multi_az": SENSITIVE})],
    )
    def test_is_said(self, unknown: object, attributes: dict) -> None:
        (found,) = say(rule("multi-az"), matter(has(DB, unknown=unknown, **attributes)))
        assert (found.level, found.where) == (Level.ADVISORY, HERE)
        assert "only after the apply, or keeps it secret" in found.what


class TestNoDataLoss:
    DELETE = change(["delete"], {"id": 1}, None)

    def test_stops_what_would_be_lost(self) -> None:
        assert say(no_data_loss(), matter(self.DELETE)) == (
            Finding(
                "no-data-loss",
                Level.SOFT_MANDATORY,
                HERE,
                f"The plan would delete {HERE}.",
                "A aws_db_instance holds data or the key to data; what it holds is lost with it.",
                "Undo the change that causes it, or ask sre to override after making sure that a backup exists.",
                override_group="sre",
            ),
        )

    def test_names_nobody_who_overrides_what_nobody_may(self) -> None:
        (found,) = say(rule("no-data-loss"), matter(self.DELETE))
        assert (found.rule, found.level, found.fix, found.override_group) == (
            "a-rule",
            Level.HARD_MANDATORY,
            "Undo the change that causes it.",
            None,
        )

    @pytest.mark.parametrize(
        ("with_", "type_", "count"),
        [
            ({}, DB, 1),
            ({}, "aws_lb", 0),
            ({"more_types": ["aws_lb"]}, "aws_lb", 1),
            ({"more_types": ["aws_lb"]}, DB, 1),
            ({"except_types": [DB]}, DB, 0),
        ],
    )
    def test_knows_more_types_or_fewer(self, with_: dict, type_: str, count: int) -> None:
        entry = change(["delete"], {"id": 1}, None, kind=type_)
        assert len(say(rule("no-data-loss", with_), matter(entry))) == count

    def test_lets_a_destroy_be_one_unless_told(self) -> None:
        assert say(rule("no-data-loss"), matter(self.DELETE, kind=RunKind.DESTROY)) == ()
        told = rule("no-data-loss", kinds=["destroy"])
        assert len(say(told, matter(self.DELETE, kind=RunKind.DESTROY))) == 1
