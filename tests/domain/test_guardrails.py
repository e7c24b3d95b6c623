from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.domain.guardrails import (
    Finding,
    Level,
    ParameterRule,
    RuleKind,
    check_parameters,
    check_plan,
)
from provisioner.domain.plan import parse_plan
from tests.domain.documents import change, load, plan_of

CLASSES = ("db.t4g.medium", "db.r6g.large", "db.r6g.xlarge", "db.r6g.16xlarge")


def rule(kind: RuleKind, value: object, **fields: object) -> ParameterRule:
    defaults: dict[str, object] = {
        "rule": "a-rule",
        "kind": kind,
        "parameter": "p",
        "level": Level.HARD_MANDATORY,
        "environments": {"development": value},
        "why": "Because.",
    }
    return ParameterRule(**{**defaults, **fields})  # type: ignore[arg-type]


def check(a_rule: ParameterRule, value: object, environment: str = "development") -> Finding | None:
    findings = check_parameters([a_rule], environment, {"p": value})
    assert len(findings) <= 1
    return findings[0] if findings else None


class TestCheckParameters:
    def test_names_the_rule_the_reason_and_the_way_out(self) -> None:
        finding = check(rule(RuleKind.ALLOWED, ["db.t4g.medium"], order=CLASSES), "db.r6g.16xlarge")
        assert finding == Finding(
            rule="a-rule",
            level=Level.HARD_MANDATORY,
            where="p",
            what="p is db.r6g.16xlarge, but development allows only: db.t4g.medium.",
            why="Because.",
            fix="Choose db.t4g.medium.",
            suggested="db.t4g.medium",
        )

    def test_says_nothing_about_other_environments(self) -> None:
        assert check(rule(RuleKind.ALLOWED, ["x"]), "y", environment="production") is None

    def test_checks_every_rule(self) -> None:
        rules = [rule(RuleKind.MINIMUM, 1, parameter="a"), rule(RuleKind.MAXIMUM, 2, parameter="b")]
        assert [f.where for f in check_parameters(rules, "development", {"a": 0, "b": 3})] == ["a", "b"]

    @pytest.mark.parametrize(
        ("allowed", "value", "suggested"),
        [
            (CLASSES[:3], "db.r6g.16xlarge", "db.r6g.xlarge"),
            (CLASSES[1:], "db.t4g.medium", "db.r6g.large"),
            ((CLASSES[0], CLASSES[2]), "db.r6g.large", "db.t4g.medium"),
            (CLASSES[:2], "db.unheard.of", "db.t4g.medium"),
            (CLASSES[:2], 7, "db.t4g.medium"),
            (CLASSES[:2], ["db.t4g.medium"], "db.t4g.medium"),
            (["x", "y"], "z", None),
            (["x"], "z", "x"),
            ([10, 20, 40], 33, 40),
            ([10, 20, 40], 30, 20),
            ([10, 20], "many", None),
            ([True, "x"], 1, None),
        ],
    )
    def test_suggests_the_nearest_allowed_value(
        self, allowed: list[object], value: object, suggested: object
    ) -> None:
        finding = check(rule(RuleKind.ALLOWED, allowed, order=CLASSES), value)
        assert finding is not None
        assert finding.suggested == suggested
        assert finding.fix.startswith("Choose ")

    @pytest.mark.parametrize(
        ("kind", "bound", "good", "bad"),
        [
            (
                RuleKind.MINIMUM,
                7,
                [7, 7.5, Decimal(8)],
                [6, 6.99, -1, float("nan"), float("inf"), "8", True, [8], {}],
            ),
            (RuleKind.MAXIMUM, 100, [100, 0, -5], [101, 100.01, "5", False, [1], float("-inf")]),
        ],
    )
    def test_holds_numbers_to_bounds_and_suggests_the_bound(
        self, kind: RuleKind, bound: int, good: list[object], bad: list[object]
    ) -> None:
        assert [value for value in good if check(rule(kind, bound), value)] == []
        for value in bad:
            finding = check(rule(kind, bound), value)
            assert finding is not None, value
            assert finding.suggested == bound

    @pytest.mark.parametrize("kind", [RuleKind.ALLOWED, RuleKind.MINIMUM, RuleKind.MAXIMUM])
    def test_leaves_what_is_not_set_to_the_default(self, kind: RuleKind) -> None:
        assert check(rule(kind, [1] if kind == RuleKind.ALLOWED else 1), None) is None
        assert check_parameters([rule(kind, [1] if kind == RuleKind.ALLOWED else 1)], "development", {}) == ()

    @pytest.mark.parametrize(
        ("wanted", "value", "text"),
        [
            (True, False, "p is false, but development asks for true."),
            (True, None, "p is not set, but development asks for true."),
            (True, 1, "p is 1, but development asks for true."),
            (1, True, "p is true, but development asks for 1."),
            (True, "true", "p is true, but development asks for true."),
            ("a", "b" * 100, f"p is {'b' * 77}..., but development asks for a."),
        ],
    )
    def test_asks_for_a_required_value(self, wanted: object, value: object, text: str) -> None:
        finding = check(rule(RuleKind.REQUIRED_VALUE, wanted), value)
        assert finding is not None
        assert (finding.what, finding.suggested) == (text, wanted)

    def test_takes_the_required_value(self) -> None:
        assert check(rule(RuleKind.REQUIRED_VALUE, True), True) is None

    def test_says_who_may_override(self) -> None:
        soft = rule(RuleKind.REQUIRED_VALUE, True, level=Level.SOFT_MANDATORY, override_group="sre")
        finding = check(soft, False)
        assert finding is not None
        assert finding.override_group == "sre"
        assert finding.fix == "Set it to true. Or ask sre to override."

    @pytest.mark.parametrize(
        ("kind", "value"),
        [(RuleKind.ALLOWED, "x"), (RuleKind.ALLOWED, []), (RuleKind.MINIMUM, "x"), (RuleKind.MAXIMUM, None)],
    )
    def test_counts_a_broken_rule_as_broken_by_the_parameter(self, kind: RuleKind, value: object) -> None:
        finding = check(rule(kind, value), 5)
        assert finding is not None
        assert finding.level == Level.HARD_MANDATORY
        assert "cannot be judged" in finding.what

    @given(
        st.sampled_from(RuleKind),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda c: st.lists(c) | st.dictionaries(st.text(), c),
        ),
        st.none() | st.booleans() | st.floats() | st.text() | st.lists(st.integers() | st.text()),
    )
    def test_never_crashes(self, kind: RuleKind, value: object, bound: object) -> None:
        check(rule(kind, bound, order=("a", "b")), value)


class TestCheckPlan:
    def test_stops_the_replacement_of_a_database_and_names_the_cause(self) -> None:
        document = plan_of(
            change(["delete", "create"], {"db_name": "a"}, {"db_name": "b"}, replace_paths=[["db_name"]])
        )
        (finding,) = check_plan(parse_plan(document), destroying=False)
        assert finding.what == (
            "The plan would replace aws_db_instance.this because db_name cannot be changed in place."
        )
        assert (finding.level, finding.override_group) == (Level.SOFT_MANDATORY, "sre")

    def test_stops_a_deletion(self) -> None:
        (finding,) = check_plan(parse_plan(plan_of(change(["delete"], {"id": "x"}))), destroying=False)
        assert finding.what == "The plan would delete aws_db_instance.this."

    def test_lets_a_destroy_run_destroy(self) -> None:
        assert check_plan(parse_plan(plan_of(change(["delete"], {}))), destroying=True) == ()

    def test_lets_read_replicas_and_stateless_resources_go(self) -> None:
        document = plan_of(
            change(["delete"], {"replicate_source_db": "orders"}),
            change(["delete"], {}, kind="aws_security_group"),
            change(["update"], {}, {}),
        )
        assert check_plan(parse_plan(document), destroying=False) == ()

    def test_takes_other_types_level_and_group(self) -> None:
        (finding,) = check_plan(
            parse_plan(load("update-1.11.json")),
            destroying=False,
            stateful_types=frozenset({"terraform_data"}),
            level=Level.HARD_MANDATORY,
            override_group="platform",
        )[:1]
        assert (finding.level, finding.override_group) == (Level.HARD_MANDATORY, "platform")
