import pytest

from provisioner.domain.plan import (
    AttributeDiff,
    PlanCounts,
    PlanFormatError,
    attribute_diff,
    parse_plan,
    redact_plan,
)
from tests.domain.documents import change, load, plan_of


def diffs(document: dict[str, object]) -> list[AttributeDiff]:
    return list(attribute_diff(parse_plan(plan_of(document)).changes[0]))


def row(path: str, before: str | None, after: str | None, **flags: bool) -> AttributeDiff:
    return AttributeDiff(path, before, after, flags.get("unknown", False), flags.get("forces_replace", False))


class TestParsePlan:
    def test_reads_a_first_plan(self) -> None:
        plan = parse_plan(load("create-1.11.json"))
        assert plan.terraform_version == "1.11.4"
        assert plan.counts() == PlanCounts(create=5)
        assert plan.output_names == plan.changed_outputs == ("secret", "size")
        assert [c.address for c in plan.after_resources()] == [
            'terraform_data.each["a"]',
            'terraform_data.each["b.c"]',
            "terraform_data.gone[0]",
            "terraform_data.plain",
            "module.db.terraform_data.this[0]",
        ]
        assert plan.before_resources() == ()
        assert plan.changes[-1].module_address == "module.db"
        assert plan.complete

    @pytest.mark.parametrize("name", ["update-1.11.json", "update-1.15.json"])
    def test_reads_an_update_of_either_version(self, name: str) -> None:
        plan = parse_plan(load(name))
        assert {c.address: c.verb for c in plan.changes} == {
            'terraform_data.each["a"]': "no-op",
            'terraform_data.each["b.c"]': "no-op",
            "terraform_data.gone[0]": "delete",
            "terraform_data.plain": "replace",
            "module.db.terraform_data.this[0]": "update",
        }
        assert plan.counts() == PlanCounts(update=1, replace=1, delete=1, no_op=2)

    def test_reads_a_redacted_plan_as_the_same_plan(self) -> None:
        document = load("update-1.11.json")
        assert parse_plan(redact_plan(document)) == parse_plan(document)

    def test_leaves_data_sources_out(self) -> None:
        document = load("postgres.json")
        assert any(entry["mode"] == "data" for entry in document["resource_changes"])  # type: ignore[attr-defined]
        assert not [c for c in parse_plan(document).changes if c.address.startswith("data.")]

    def test_keeps_drift_apart(self) -> None:
        drift = change(["update"], {"a": 1}, {"a": 2})
        plan = parse_plan(plan_of(resource_drift=[drift]))
        assert not plan.has_changes
        assert [c.address for c in plan.drift] == ["aws_db_instance.this"]

    def test_sees_no_change_in_a_plan_of_no_ops(self) -> None:
        document = plan_of(change(["no-op"], {}, {}), output_changes={"a": {"actions": ["no-op"]}})
        assert not parse_plan(document).has_changes

    @pytest.mark.parametrize(
        "document",
        [
            plan_of(change(["no-op"], {}, {}, importing={"id": "x"})),
            plan_of(change(["no-op"], {}, {}, entry={"previous_address": "aws_db_instance.old"})),
            plan_of(change(["forget"], {"id": "x"})),
            plan_of(output_changes={"a": {"actions": ["create"], "after": 1}}),
        ],
        ids=["import", "move", "forget", "output"],
    )
    def test_sees_changes_that_touch_only_the_state(self, document: dict[str, object]) -> None:
        plan = parse_plan(document)
        assert plan.has_changes
        assert plan.counts().create == 0

    def test_reads_a_plan_without_resources(self) -> None:
        assert parse_plan({"format_version": "1.2", "planned_values": {}}).changes == ()

    def test_reports_a_plan_that_defers_something(self) -> None:
        assert not parse_plan(plan_of(complete=False)).complete

    @pytest.mark.parametrize(
        ("document", "text"),
        [
            ([], "not a JSON object"),
            ({}, "format_version is missing"),
            ({"format_version": "2.0"}, "only 1.x"),
            ({"format_version": 1.2}, "only 1.x"),
            ({"format_version": "1." + "9" * 5000}, "only 1.x"),
            ({"format_version": "1.2", "values": {}}, "it is no plan"),
            (plan_of(errored=True), "ended it with errors"),
            (plan_of(resource_changes={}), "resource_changes is an object, not a list"),
            (plan_of(resource_changes=[7]), r"resource_changes\[0\] is 7"),
            (plan_of({"change": None}), r"resource_changes\[0\].change is missing"),
            (plan_of(change(["explode"])), "is unknown"),
            (plan_of(change("create")), "is unknown"),
            (plan_of(change([])), "actions is an empty list"),
            (plan_of(change(["create"], address="", entry={"address": 3})), "address is 3"),
            (plan_of(change(["create"], entry={"type": ""})), "type is ''"),
            (plan_of(change(["create"], entry={"name": ["x"]})), "name is a list of 1"),
            (plan_of(change(["create"], entry={"module_address": 5})), "module_address is 5"),
            (plan_of(change(["create"], after="text")), "after is 'text', not an object"),
            (plan_of(change(["create"], replace_paths=[["a", None]])), "not a list of paths"),
            (plan_of(change(["create"], replace_paths="a")), "not a list of paths"),
            (plan_of(output_changes=[1]), "output_changes is a list of 1"),
            (plan_of(output_changes={"a": 1}), "output_changes.a is 1"),
        ],
    )
    def test_refuses_what_is_no_plan_and_says_where(self, document: dict[str, object], text: str) -> None:
        with pytest.raises(PlanFormatError, match=text):
            parse_plan(document)

    def test_refuses_deep_nesting_without_recursing(self) -> None:
        value: object = "x"
        for _ in range(100_000):
            value = [value]
        with pytest.raises(PlanFormatError, match="nested more than"):
            parse_plan(plan_of(change(["create"], after={"a": value})))

    def test_reads_large_plans(self) -> None:
        changes = [
            change(["create"], after={"id": str(n)}, address=f"aws_s3_bucket.b[{n}]") for n in range(5000)
        ]
        plan = parse_plan(plan_of(*changes))
        assert plan.counts().create == 5000


class TestAttributeDiff:
    def test_shows_nested_changes_unknowns_and_what_forces_a_replacement(self) -> None:
        plan = parse_plan(load("update-1.11.json"))
        by_address = {c.address: attribute_diff(c) for c in plan.changes}
        plain = {d.path: d for d in by_address["terraform_data.plain"]}
        assert plain["input.size"] == row("input.size", "20", "40")
        assert plain["triggers_replace[0]"] == row("triggers_replace[0]", "20", "40", forces_replace=True)
        assert plain["output"].unknown
        assert plain["output"].after is None
        assert by_address['terraform_data.each["a"]'] == ()
        nested = [d.path for d in by_address["module.db.terraform_data.this[0]"]]
        assert nested == ["input.nested[0].token", "input.password", "output"]

    def test_shows_that_a_sensitive_value_changed_without_showing_it(self) -> None:
        plan = parse_plan(load("update-1.15.json"))
        rows = attribute_diff(plan.changes[-1])
        assert row("input.password", "(sensitive)", "(sensitive)") in rows
        assert "CANARY" not in str(rows)

    @pytest.mark.parametrize(
        ("before", "after", "expected"),
        [
            ({"a": 1}, {"a": 1}, []),
            ({"a": 1}, {"a": 1.0}, []),
            ({"a": 1}, {"a": True}, [row("a", "1", "true")]),
            ({"a": "1"}, {"a": 1}, [row("a", "1", "1")]),
            ({"a": None}, {"a": ""}, [row("a", None, "")]),
            ({"a": {"b.c": "x"}}, {"a": {"b.c": "y"}}, [row('a["b.c"]', "x", "y")]),
            ({"a": [1, 2]}, {"a": [1]}, [row("a[1]", "2", None)]),
            ({"a": None}, {"a": [{"b": 1}]}, [row("a[0].b", None, "1")]),
            ({"a": {"b": 1}}, {"a": None}, [row("a.b", "1", None)]),
            ({"a": [1]}, {"a": {"b": 1}}, [row("a", "[1]", '{"b": 1}')]),
            ({"a": []}, {"a": None}, []),
            (
                {"0a": "\u202eevil\x00"},
                {"0a": "two\nlines"},
                [row('["0a"]', "\\u202eevil\\u0000", "two\nlines")],
            ),
        ],
    )
    def test_compares_values(
        self, before: dict[str, object], after: dict[str, object], expected: list[AttributeDiff]
    ) -> None:
        assert diffs(change(["update"], before, after)) == expected

    def test_lists_what_a_create_sets_and_a_delete_takes_away(self) -> None:
        assert diffs(change(["create"], None, {"a": 1, "b": None})) == [row("a", None, "1")]
        assert diffs(change(["delete"], {"a": 1, "b": None}, None)) == [row("a", "1", None)]

    def test_names_unknowns_inside_lists_and_objects(self) -> None:
        document = change(
            ["update"],
            {"a": [{"x": "1", "y": "2"}]},
            {"a": [{"y": "2"}]},
            after_unknown={"a": [{"x": True}], "b": True, "c": {"d": [True]}},
        )
        assert diffs(document) == [
            row("a[0].x", "1", None, unknown=True),
            row("b", None, None, unknown=True),
            row("c", None, None, unknown=True),
        ]

    def test_ignores_known_parts_of_the_unknown_structure(self) -> None:
        assert diffs(change(["create"], None, {"a": 1}, after_unknown={"b": {"c": [False]}})) == [
            row("a", None, "1")
        ]

    def test_takes_a_wholly_unknown_resource(self) -> None:
        assert diffs(change(["create"], None, {}, after_unknown=True)) == []

    def test_marks_what_lies_on_or_under_a_replacing_path(self) -> None:
        document = change(
            ["delete", "create"],
            {"a": {"b": 1}, "c": [1], "d": "x"},
            {"a": {"b": 2}, "d": "y"},
            after_unknown={"c": True},
            replace_paths=[["a"], ["c", 0]],
        )
        assert [(d.path, d.forces_replace) for d in diffs(document)] == [
            ("a.b", True),
            ("c", True),
            ("d", False),
        ]

    @pytest.mark.parametrize("actions", [["no-op"], ["read"], ["forget"]])
    def test_is_empty_where_nothing_is_written(self, actions: list[str]) -> None:
        assert diffs(change(actions, {"a": 1}, {"a": 2})) == []


class TestVerb:
    @pytest.mark.parametrize(
        ("actions", "verb"),
        [
            (["create"], "create"),
            (["update"], "update"),
            (["delete"], "delete"),
            (["delete", "create"], "replace"),
            (["create", "delete"], "replace"),
            (["no-op"], "no-op"),
            (["read"], "read"),
        ],
    )
    def test_names_terraforms_actions(self, actions: list[str], verb: str) -> None:
        assert parse_plan(plan_of(change(actions))).changes[0].verb == verb

    def test_is_counted(self) -> None:
        plan = parse_plan(plan_of(*[change([verb]) for verb in ("read", "forget", "no-op", "create")]))
        assert plan.counts() == PlanCounts(create=1, no_op=2)
