# ruff: noqa: E501  (tables: a row a line)
from collections.abc import Mapping, Sequence

import pytest

from provisioner.domain.context import Context
from provisioner.domain.finding import Level
from provisioner.domain.guardrails_own import OBJECTIONS_MAX, Answer, Failed, Objection, no_evaluator
from provisioner.domain.policy.guardrail_rules import GuardrailRule
from tests.domain.documents import change, resource
from tests.domain.guardrail_rows import CONTEXT, advice, answers, has, matter, objects, rule, say, soft

HERE = "aws_db_instance.this"
FIX = "Change what it names."
REGO = {"module": "package main\ndeny[msg] { msg := 1 }"}


def cel(**with_: object) -> dict[str, object]:
    return {"expression": "true", **with_}


class Asked:
    """An evaluator that remembers what it was asked, and objects to nothing."""

    def __init__(self) -> None:
        self.base: Mapping[str, object] = {}
        self.items: list[Mapping[str, object]] = []

    def __call__(
        self, rule: GuardrailRule, base: Mapping[str, object], items: Sequence[Mapping[str, object]]
    ) -> Sequence[Answer]:
        self.base, self.items = base, list(items)
        return [()] * len(items)


class TestAnswers:
    @pytest.mark.parametrize(
        ("answer", "fields", "what", "fix", "where"),
        [
            (Objection(), {}, f"{HERE} does not keep the rule a-rule.", FIX, HERE),
            (Objection(), {"message": "No.", "fix": "Ask."}, "No.", "Ask.", HERE),
            (Objection("Too big"), {"message": "No."}, "Too big", FIX, HERE),
            (Objection("Too big", "aws_eip.x"), {}, "Too big", FIX, "aws_eip.x"),
        ],
    )
    def test_become_findings(self, answer: Objection, fields: dict, what: str, fix: str, where: str) -> None:
        found = say(rule("cel", cel(), **fields), matter(has("aws_db_instance")), evaluate=answers((answer,)))
        assert found == (objects(what, fix, where=where),)

    def test_without_an_objection_say_nothing(self) -> None:
        assert say(rule("cel", cel()), matter(has("aws_db_instance")), evaluate=answers(())) == ()

    def test_that_only_warn_are_advice(self) -> None:
        found = say(
            soft("rego", REGO), matter(), evaluate=answers((Objection("x", advisory=True), Objection("y")))
        )
        assert found == (
            objects(
                "y", f"{FIX} Or ask sre to override.", where="plan", level=Level.SOFT_MANDATORY, group="sre"
            ),
            objects("x", FIX, where="plan", level=Level.ADVISORY),
        )

    def test_about_a_parameter_carry_its_value(self) -> None:
        a_rule = rule("cel", cel(each="parameters", parameter="size", suggested="small"))
        order = matter(parameters={"size": "large"}, plan=False)
        assert say(a_rule, order, evaluate=answers((Objection("Too big"),))) == (
            objects("Too big", "Set it to small.", where="size", suggested="small"),
        )

    @pytest.mark.parametrize("level", [*Level])
    def test_that_fail_count_as_broken_at_their_level(self, level: Level) -> None:
        group = {"override_group": "sre"} if level is Level.SOFT_MANDATORY else {}
        a_rule = rule("cel", cel(), level=level.value, **group)
        ask = " Or ask sre to override." if group else ""
        assert say(a_rule, matter(has("aws_db_instance")), evaluate=answers(Failed("it looped."))) == (
            objects(
                "The rule a-rule could not be evaluated: it looped.",
                f"Tell those who keep the policy; run it again when the rule is mended.{ask}",
                where=HERE,
                level=level,
                group=group.get("override_group"),
            ),
        )

    def test_that_fail_alike_are_said_once(self) -> None:
        resources = [has("aws_db_instance"), has("aws_eip"), has("aws_lb")]
        found = say(
            rule("cel", cel()), matter(*resources), evaluate=answers(Failed("a."), Failed("b."), Failed("a."))
        )
        assert [(one.where, one.what.rpartition("evaluated: ")[2]) for one in found] == [
            (HERE, "a. The same at 1 more."),
            ("aws_eip.this", "b."),
        ]

    @pytest.mark.parametrize(
        ("unknown", "missing", "known"),
        [
            ({"engine": True}, "engine", False),
            ({"tags": {"a": True}}, "tags", False),
            ({"tags": {}}, "tags", True),
            ({"engine": True}, "size", True),
            ({"engine": True}, "", True),
        ],
    )
    def test_that_miss_what_is_not_known_yet_say_so(self, unknown: dict, missing: str, known: bool) -> None:
        what = matter(has("aws_db_instance", unknown=unknown))
        (found,) = say(rule("cel", cel()), what, evaluate=answers(Failed("there is none.", missing)))
        if known:
            assert (found.level, found.what) == (
                Level.HARD_MANDATORY,
                "The rule a-rule could not be evaluated: there is none.",
            )
        else:
            assert found == advice(
                f"Terraform knows {missing} of {HERE} only after the apply, so a-rule could not be judged.",
                "Set it to a value that is known when it is planned, or let the rule ask has(...) first.",
                where=HERE,
            )

    def test_of_too_few_count_as_broken(self) -> None:
        found = say(rule("cel", cel()), matter(has("aws_eip"), has("aws_lb")), evaluate=answers(()))
        assert [(one.where, one.level, one.what) for one in found] == [
            (
                "aws_eip.this",
                Level.HARD_MANDATORY,
                "The rule a-rule could not be evaluated: it gave no answer to some of what it was asked.",
            )
        ]

    @pytest.mark.parametrize(("count", "more"), [(OBJECTIONS_MAX, 0), (OBJECTIONS_MAX + 2, 2)])
    def test_of_many_are_cut_off_and_counted(self, count: int, more: int) -> None:
        given = (*(Objection(f"w{n}", advisory=True) for n in range(count - 1)), Objection("deny"))
        found = say(rule("rego", REGO), matter(), evaluate=answers(given))
        assert len(found) == OBJECTIONS_MAX + bool(more)
        assert (found[0].what, found[0].level) == ("deny", Level.HARD_MANDATORY)
        if more:
            assert found[-1] == objects(
                f"a-rule objects to {more} more.",
                "Mend those that are shown; the others show then.",
                where="plan",
                level=Level.ADVISORY,
            )

    def test_are_none_where_nothing_evaluates(self) -> None:
        (found,) = say(rule("cel", cel()), matter(has("aws_eip")), evaluate=no_evaluator)
        assert found.what == "The rule a-rule could not be evaluated: nothing here evaluates own rules."
        assert found.level is Level.HARD_MANDATORY


PLANNED = (
    has("aws_db_instance", engine="postgres"),
    change(["no-op"], {"a": 1}, {"a": 1}, kind="aws_eip"),
    change(["delete"], {"b": 1}, None, kind="aws_lb"),
    change(["update"], {"c": 1}, {"c": 2}, kind="aws_sqs_queue"),
)


class TestQuestions:
    @pytest.mark.parametrize(
        ("with_", "types"),
        [
            ({}, ["aws_db_instance", "aws_eip", "aws_sqs_queue"]),
            ({"each": "change"}, ["aws_db_instance", "aws_lb", "aws_sqs_queue"]),
            ({"types": ["aws_eip", "aws_lb"]}, ["aws_eip"]),
            ({"each": "change", "types": ["aws_eip", "aws_lb"]}, ["aws_lb"]),
        ],
    )
    def test_are_about_each_resource_or_change(self, with_: dict, types: list[str]) -> None:
        asked = Asked()
        assert say(rule("cel", cel(**with_)), matter(*PLANNED), evaluate=asked) == ()
        assert [item["resource"]["type"] for item in asked.items] == types  # type: ignore[index]
        assert all(("before" in item["resource"]) is ("each" in with_) for item in asked.items)  # type: ignore[operator]

    def test_are_about_the_whole_plan(self) -> None:
        asked = Asked()
        say(rule("cel", cel(each="plan")), matter(*PLANNED), evaluate=asked)
        (item,) = asked.items
        assert [(one["type"], one["action"]) for one in item["resources"]] == [  # type: ignore[attr-defined]
            ("aws_db_instance", "create"),
            ("aws_eip", "no-op"),
            ("aws_lb", "delete"),
            ("aws_sqs_queue", "update"),
        ]
        assert asked.base["counts"] == {"create": 1, "update": 1, "replace": 0, "delete": 1, "no_op": 1}
        assert asked.base["at"] == "plan"

    @pytest.mark.parametrize("each", ["resource", "plan", "parameters"])
    def test_are_about_what_is_promised_before_there_is_a_plan(self, each: str) -> None:
        asked = Asked()
        order = matter(
            promises=[resource("aws_eip", a=1), resource("aws_lb")], parameters={"x": 1}, plan=False
        )
        say(rule("cel", cel(each=each)), order, evaluate=asked)
        promised = (
            [item["resource"] for item in asked.items] if each == "resource" else asked.items[0]["resources"]
        )
        assert [(one["type"], one["action"], one["after"]) for one in promised] == [  # type: ignore[attr-defined, index]
            ("aws_eip", "promise", {"a": 1}),
            ("aws_lb", "promise", {}),
        ]
        assert asked.base["parameters"] == {"x": 1}
        assert asked.base["at"] == "parameters"
        assert "counts" not in asked.base

    def test_are_about_promised_resources_of_some_types(self) -> None:
        asked = Asked()
        order = matter(promises=[resource("aws_eip"), resource("aws_lb")], plan=False)
        say(rule("cel", cel(types=["aws_lb"])), order, evaluate=asked)
        assert [item["resource"]["address"] for item in asked.items] == ["aws_lb.this"]  # type: ignore[index]

    def test_about_parameters_are_asked_again_with_the_plan(self) -> None:
        a_rule = rule("cel", cel(each="parameters"))
        found = say(a_rule, matter(parameters={"x": 1}), evaluate=answers((Objection("no"),)))
        assert [(one.where, one.what) for one in found] == [("order", "no")]

    def test_about_parameters_have_no_answer_outside_the_portal(self) -> None:
        a_rule = rule("cel", cel(each="parameters"))
        assert say(a_rule, matter(context=Context()), evaluate=answers((Objection("no"),))) == (
            advice(
                "There are no parameters outside the portal, so a-rule could not be judged.",
                "Order it in the portal.",
                where="order",
            ),
        )

    def test_about_an_item_without_parameters_are_asked(self) -> None:
        a_rule = rule("cel", cel(each="parameters"))
        assert (
            len(say(a_rule, matter(context=CONTEXT, plan=False), evaluate=answers((Objection("no"),)))) == 1
        )

    def test_about_nothing_are_not_asked(self) -> None:
        def never(*_: object) -> Sequence[Answer]:
            raise AssertionError

        assert say(rule("cel", cel()), matter(), evaluate=never) == ()

    def test_of_rego_are_about_the_plan_as_it_is(self) -> None:
        asked = Asked()
        what = matter(*PLANNED)
        say(rule("rego", REGO), what, evaluate=asked)
        assert asked.base is what.document
        assert asked.items == [{}]

    def test_of_rego_have_no_answer_where_the_plan_is_not_kept(self) -> None:
        what = matter()
        without = type(what)(**{**vars(what), "document": None})
        (found,) = say(rule("rego", REGO), without, evaluate=Asked())
        assert found == advice(
            "Policies in Rego look at the whole document of a plan, which is not kept here, so a-rule could not be judged.",
            "Run conftest with the same policies there.",
            where="plan",
        )
