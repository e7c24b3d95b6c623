import json

import pytest

from provisioner.domain.state import (
    Difference,
    Output,
    StateDifference,
    StateFormatError,
    compare,
    parse_state,
    with_serial,
)
from tests.domain.documents import load


def state_of(*instances: dict[str, object], **fields: object) -> dict[str, object]:
    resource = {
        "mode": "managed",
        "type": "aws_db_instance",
        "name": "this",
        "instances": list(instances),
        **({"module": fields.pop("module")} if "module" in fields else {}),
    }
    return {"version": 4, "serial": 1, "lineage": "x-y", "resources": [resource], **fields}


class TestParseState:
    def test_reads_a_state_that_terraform_wrote(self) -> None:
        view = parse_state(load("state.json"))
        assert view.serial == 6
        assert view.lineage == "68defd77-66d9-0d2d-f0b0-6e07af47d0e4"
        assert view.terraform_version == "1.11.4"
        assert view.outputs == {
            "secret": Output("CANARY-first", True, "string"),
            "size": Output(20, False, "number"),
        }
        assert [(r.address, r.module_address) for r in view.resources] == [
            ('terraform_data.each["a"]', ""),
            ('terraform_data.each["b.c"]', ""),
            ("terraform_data.gone[0]", ""),
            ("terraform_data.plain", ""),
            ("module.db.terraform_data.this[0]", "module.db"),
        ]
        assert view.resources[0].id == "91be106f-da89-231e-5d31-473eaf2d067c"

    def test_masks_sensitive_attributes_even_where_terraform_repeats_them_unmarked(self) -> None:
        assert "CANARY" not in str(parse_state(load("state.json")).resources)

    def test_reads_identity_and_tags(self) -> None:
        attributes = {
            "id": "db-1",
            "arn": "arn:aws:rds:…",
            "tags": {"a": "1"},
            "tags_all": {"a": "1", "b": "2", "c": 3},
        }
        resource = parse_state(state_of({"attributes": attributes})).resources[0]
        assert (resource.id, resource.arn, resource.tags) == ("db-1", "arn:aws:rds:…", {"a": "1", "b": "2"})

    def test_takes_resources_without_identity_or_tags(self) -> None:
        resource = parse_state(state_of({"attributes": {"id": 7}}, module="module.a")).resources[0]
        assert (resource.id, resource.arn, dict(resource.tags)) == ("", "", {})
        assert resource.address == "module.a.aws_db_instance.this"

    @pytest.mark.parametrize(
        ("instance", "suffix"),
        [
            ({}, ""),
            ({"index_key": 0}, "[0]"),
            ({"index_key": 'a"b'}, '["a\\"b"]'),
            ({"deposed": "deadbeef"}, " (deposed object deadbeef)"),
        ],
    )
    def test_spells_addresses_as_terraform_does(self, instance: dict[str, object], suffix: str) -> None:
        assert parse_state(state_of(instance)).resources[0].address == f"aws_db_instance.this{suffix}"

    @pytest.mark.parametrize(
        ("path", "expected"),
        [
            (["password"], {"password": "(sensitive)", "list": [{"key": "v"}, 2], "none": None}),
            (["list", 0, "key"], {"password": "p", "list": [{"key": "(sensitive)"}, 2], "none": None}),
            (
                ["list", {"value": 1, "type": "number"}],
                {"password": "p", "list": [{"key": "v"}, "(sensitive)"], "none": None},
            ),
            (["list", 0], {"password": "p", "list": ["(sensitive)", 2], "none": None}),
            (["list", 9], {"password": "p", "list": "(sensitive)", "none": None}),
            (["list", 0, "other"], {"password": "p", "list": ["(sensitive)", 2], "none": None}),
            (["list", None], {"password": "p", "list": "(sensitive)", "none": None}),
            (["none"], {"password": "p", "list": [{"key": "v"}, 2], "none": None}),
            (["none", "x"], {"password": "p", "list": [{"key": "v"}, 2], "none": None}),
        ],
    )
    def test_masks_at_a_path_or_at_the_last_place_the_path_reaches(
        self, path: list[object], expected: dict[str, object]
    ) -> None:
        attributes = {"password": "p", "list": [{"key": "v"}, 2], "none": None}
        steps = [{"type": "get_attr", "value": step} for step in path]
        instance = {"attributes": attributes, "sensitive_attributes": [steps]}
        assert parse_state(state_of(instance)).resources[0].attributes == expected

    def test_masks_everything_when_one_path_includes_another(self) -> None:
        steps = [
            [{"value": "a"}],
            [{"value": "a"}, {"value": "b"}],
            [{"value": "a"}, {"value": "c"}, {"value": "d"}],
        ]
        for order in (steps, steps[::-1]):
            instance = {"attributes": {"a": {"b": 1, "c": {"d": 2}}}, "sensitive_attributes": order}
            assert parse_state(state_of(instance)).resources[0].attributes == {"a": "(sensitive)"}

    @pytest.mark.parametrize(
        "paths", [None, 7, [7], [[]], [[7]], [[{"value": None}]], [[{"value": "gone"}]]], ids=str
    )
    def test_takes_paths_that_lead_nowhere(self, paths: object) -> None:
        instance = {"attributes": {"a": 1}, "sensitive_attributes": paths}
        view = parse_state(state_of(instance))
        assert set(view.resources[0].attributes) == {"a"}

    def test_leaves_data_sources_out(self) -> None:
        document = {"version": 4, "serial": 1, "lineage": "x", "resources": [{"mode": "data", "type": 1}]}
        assert parse_state(document).resources == ()

    def test_reads_the_state_after_a_destroy(self) -> None:
        view = parse_state({"version": 4, "serial": 9, "lineage": "x", "outputs": None, "resources": None})
        assert (view.serial, view.outputs, view.resources, view.terraform_version) == (9, {}, (), "")

    @pytest.mark.parametrize(
        ("document", "text"),
        [
            ([], "not a JSON object"),
            ({}, "version None"),
            ({"version": 3}, "version 3"),
            (state_of(serial="1"), "serial"),
            (state_of(serial=True), "serial"),
            (state_of(serial=-1), "serial"),
            (state_of(lineage=""), "lineage"),
            (state_of(outputs=[]), "outputs of state is not an object"),
            (state_of(outputs={"a": 1}), "output 'a' is not an object"),
            (state_of(resources={}), "resources of state is not a list"),
            (state_of(resources=[1]), r"resources\[0\] is not an object"),
            (state_of(resources=[{"mode": "managed", "type": "t"}]), "no type or name"),
            (state_of(resources=[{"mode": "managed", "type": 1, "name": "n"}]), "no type or name"),
            (state_of(1), "instance that is not an object"),  # type: ignore[arg-type]
            (state_of({"attributes": []}), r"attributes of resources\[0\] is not an object"),
        ],
    )
    def test_refuses_what_is_no_state(self, document: dict[str, object], text: str) -> None:
        with pytest.raises(StateFormatError, match=text):
            parse_state(document)

    def test_refuses_deep_nesting(self) -> None:
        value: object = 1
        for _ in range(10_000):
            value = [value]
        with pytest.raises(StateFormatError, match="terraform state pull"):
            parse_state(state_of({"attributes": {"a": value}}))


def two(old: dict[str, object], new: dict[str, object]) -> tuple[StateDifference, ...]:
    """Compare two states of one resource with these instances."""
    return compare(state_of(old), state_of(new))


class TestCompare:
    def test_finds_nothing_between_equal_states(self) -> None:
        assert compare(load("state.json"), load("state.json")) == ()

    def test_names_what_was_added_removed_and_changed_in_order(self) -> None:
        before = state_of(
            {"index_key": 0, "attributes": {"id": "a"}}, {"index_key": 1, "attributes": {"id": "b"}}
        )
        after = state_of(
            {"index_key": 1, "attributes": {"id": "c"}}, {"index_key": 2, "attributes": {"id": "d"}}
        )
        assert [(d.address, d.difference, d.attributes) for d in compare(before, after)] == [
            ("aws_db_instance.this[0]", Difference.REMOVED, ()),
            ("aws_db_instance.this[1]", Difference.CHANGED, ("id",)),
            ("aws_db_instance.this[2]", Difference.ADDED, ()),
        ]

    def test_names_attributes_that_came_went_or_differ_inside(self) -> None:
        old = {"attributes": {"same": [1], "gone": 1, "deep": {"a": [1, {"b": 2}]}}}
        new = {"attributes": {"same": [1], "come": 1, "deep": {"a": [1, {"b": 3}]}}}
        assert two(old, new)[0].attributes == ("come", "deep", "gone")

    def test_tells_a_sensitive_change_without_its_value(self) -> None:
        marks = [[{"type": "get_attr", "value": "password"}]]
        found = two(
            {"attributes": {"password": "canary-1", "size": 1}, "sensitive_attributes": marks},
            {"attributes": {"password": "canary-2", "size": 2}, "sensitive_attributes": marks},
        )
        assert found[0].attributes == ("password", "size")
        assert found[0].sensitive == ("password",)
        assert "canary" not in repr(found)

    def test_takes_a_mark_on_either_side_and_on_the_whole_resource(self) -> None:
        mark = [[{"type": "get_attr", "value": "a"}]]
        old, new = {"attributes": {"a": 1, "b": 1}}, {"attributes": {"a": 2, "b": 2}}
        assert two(old, {**new, "sensitive_attributes": mark})[0].sensitive == ("a",)
        assert two({**old, "sensitive_attributes": [[]]}, new)[0].sensitive == ("a", "b")

    def test_names_outputs(self) -> None:
        before = state_of(
            outputs={"a": {"value": 1}, "b": {"value": 1, "sensitive": True}, "c": {"value": 1}}
        )
        after = state_of(outputs={"a": {"value": 2}, "b": {"value": 2}, "d": {"value": 1}})
        assert compare(before, after) == (
            StateDifference("output.a", "output", Difference.CHANGED, ("value",)),
            StateDifference("output.b", "output", Difference.CHANGED, ("value",), ("value",)),
            StateDifference("output.c", "output", Difference.REMOVED),
            StateDifference("output.d", "output", Difference.ADDED),
        )

    def test_refuses_what_is_no_state(self) -> None:
        with pytest.raises(StateFormatError):
            compare(state_of(), {"version": 3})


class TestWithSerial:
    def test_changes_the_serial_and_no_other_byte(self) -> None:
        content = b'{\n  "version": 4,\n  "serial": 7,\n  "n": 1.10, "big": 12345678901234567890.5\n}\n'
        assert with_serial(content, 12) == content.replace(b": 7,", b": 12,")

    def test_finds_the_states_own_among_others(self) -> None:
        content = json.dumps(
            {"resources": [{"serial": 7}, {"serial": 8}], "serial": 7, "text": '"serial": 7'}
        )
        changed = json.loads(with_serial(content.encode(), 12))
        assert changed == {"resources": [{"serial": 7}, {"serial": 8}], "serial": 12, "text": '"serial": 7'}

    def test_gives_up_where_terraform_would_not_write_it(self) -> None:
        content = json.dumps({"resources": [{"serial": 7}] * 20, "serial": 7})
        with pytest.raises(StateFormatError, match="not where Terraform writes it"):
            with_serial(content.encode(), 12)
