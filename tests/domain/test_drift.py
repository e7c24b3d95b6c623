"""Drift, as tables: what was recorded, what was found, what a plan would put back."""

from __future__ import annotations

from typing import Any

import pytest

from provisioner.domain.drift import CHANGED, GONE, Difference, Drift, Drifted, read_drift
from provisioner.domain.plan_json import SENSITIVE
from tests.domain.documents import change, plan_of

QUEUE = "module.this.aws_sqs_queue.this"
NO_PARAMETER = "No single parameter of the module sets it. Correct it, or change the module."


def queue(actions: list[str], before: object, after: object, **fields: object) -> dict[str, object]:
    return change(
        actions, before, after, kind="aws_sqs_queue", address=QUEUE, entry={"module_address": "module.this"},
        **fields,
    )  # fmt: skip


def references(*names: str) -> dict[str, object]:
    return {"references": list(names)}


def configured(**expressions: object) -> dict[str, object]:
    """Return a configuration whose module sets these attributes of the queue; its variables come from the root."""
    resource = {"mode": "managed", "type": "aws_sqs_queue", "name": "this", "expressions": expressions}
    given = {name: references(f"var.{name}") for name in ("delay", "size", "labels", "name")}
    call = {"expressions": given, "module": {"resources": [resource]}}
    return {"root_module": {"module_calls": {"this": call}}}


def drift_of(
    recorded: dict[str, Any] | None,
    found: dict[str, Any] | None,
    wanted: dict[str, Any] | None,
    *,
    variables: dict[str, Any] | None = None,
    fixed: tuple[str, ...] = (),
    marks: dict[str, object] | None = None,
    planned: dict[str, object] | None = None,
    **expressions: object,
) -> Drift:
    """Read the drift of a queue that was recorded so, found so, and would be made so by an ordinary plan."""
    masked = {"before_sensitive": marks or {}, "after_sensitive": marks or {}}
    seen = queue(["delete"] if found is None else ["update"], recorded, found, **masked)
    does = ["create"] if found is None else ["no-op"] if wanted == found else ["update"]
    plan = queue(does, found, wanted, **masked, **(planned or {}))
    document = plan_of(plan, resource_drift=[seen], configuration=configured(**expressions))
    return read_drift(document, variables or {}, fixed)


def one(drift: Drift) -> Drifted:
    assert len(drift.resources) == 1, drift
    return drift.resources[0]


class TestWhatCounts:
    @pytest.mark.parametrize(
        ("recorded", "found", "wanted", "differences", "others"),
        [
            ({"delay": 5}, {"delay": 9}, {"delay": 5}, ["delay"], []),
            ({"delay": 5, "etag": "a"}, {"delay": 9, "etag": "b"}, {"delay": 5, "etag": "b"}, ["delay"], ["etag"]),
            ({"tags": {"a": "1"}}, {"tags": {"a": "2", "b": "3"}}, {"tags": {"a": "1"}}, ["tags.a", "tags.b"], []),
            ({"tags": {"a": "1"}}, {"tags": {}}, {"tags": {"a": "1"}}, ["tags.a"], []),
            (
                {"tags": None, "tags_all": {"a": "1"}},
                {"tags": {"a": "2"}, "tags_all": {"a": "2"}},
                {"tags": None, "tags_all": {"a": "1"}},
                ["tags.a"],
                [],
            ),
            ({"tags_all": {"a": "1"}}, {"tags_all": {"a": "2"}}, {"tags_all": {"a": "1"}}, ["tags.a"], []),
            # An entry of a set has another place on each side.
            ({"cidrs": ["a", "b"]}, {"cidrs": ["b", "c"]}, {"cidrs": ["a", "b"]}, ["cidrs[0]", "cidrs[1]"], []),
            # Put back on an object that has drifted, but not what has drifted.
            ({"delay": 5, "etag": "a"}, {"delay": 5, "etag": "b"}, {"delay": 6, "etag": "b"}, None, ["etag"]),
        ],
        ids=[
            "what a plan puts back", "beside what the provider fills in", "tags by key", "a tag that is gone",
            "tags and tags_all once", "default tags", "a set", "something else would change",
        ],
    )  # fmt: skip
    def test_is_what_an_ordinary_plan_would_put_back(
        self,
        recorded: dict[str, Any],
        found: dict[str, Any],
        wanted: dict[str, Any],
        differences: list[str] | None,
        others: list[str],
    ) -> None:
        drift = drift_of(recorded, found, wanted)
        if differences is None:
            assert drift.resources == ()
            read = drift.noise[0]
        else:
            read = one(drift)
            assert (read.verb, read.correction) == (CHANGED, "update")
            assert [row.path for row in read.differences] == differences
        assert [row.path for row in read.others] == others

    def test_leaves_out_what_the_plan_would_not_put_back(self) -> None:
        drift = drift_of({"latest_version": "1"}, {"latest_version": "2"}, {"latest_version": "2"})
        assert drift.resources == ()
        assert [row.path for row in drift.noise[0].others] == ["latest_version"]

    def test_says_before_and_after_as_recorded_and_found(self) -> None:
        [row] = one(drift_of({"delay": 5}, {"delay": None}, {"delay": 5})).differences
        assert (row.before, row.after) == ("5", None)

    def test_says_of_a_default_tag_what_it_was(self) -> None:
        [row] = one(
            drift_of(
                {"tags": {}, "tags_all": {"a": "1"}},
                {"tags": {"a": "2"}, "tags_all": {"a": "2"}},
                {"tags": {}, "tags_all": {"a": "1"}},
            )
        ).differences
        assert (row.path, row.before, row.after) == ("tags.a", "1", "2")

    def test_says_that_an_object_is_gone(self) -> None:
        assert one(drift_of({"id": "q"}, None, {"id": None})) == Drifted(
            QUEUE, "aws_sqs_queue", GONE, "create"
        )

    def test_takes_what_is_known_after_the_apply_for_the_providers_unless_the_configuration_sets_it(
        self,
    ) -> None:
        unknown = {"after_unknown": {"etag": True}}
        values = {"delay": 5, "etag": "a"}, {"delay": 9, "etag": "b"}, {"delay": 5}
        assert [d.path for d in one(drift_of(*values, planned=unknown)).others] == ["etag"]
        read = one(
            drift_of(*values, planned=unknown, etag=references("aws_kms_key.this.arn", "aws_kms_key.this"))
        )
        assert [d.path for d in read.differences] == ["delay", "etag"]

    def test_is_nothing_in_a_refresh_only_plan_alone(self) -> None:
        seen = queue(["update"], {"delay": 5}, {"delay": 9})
        assert read_drift(plan_of(resource_drift=[seen]), {}).resources == ()

    def test_leaves_out_what_only_moved_in_the_configuration(self) -> None:
        moved = queue(["no-op"], {"delay": 5}, {"delay": 5})
        assert read_drift(plan_of(resource_drift=[moved]), {}) == Drift()

    def test_masks_what_is_sensitive_and_cannot_take_it_over(self) -> None:
        read = one(
            drift_of(
                {"delay": "canary-one"}, {"delay": "canary-two"}, {"delay": "canary-one"},
                variables={"delay": "canary-one"}, marks={"delay": True}, delay=references("var.delay"),
            )
        )  # fmt: skip
        [row] = read.differences
        assert (row.before, row.after, row.parameter) == (SENSITIVE, SENSITIVE, "")
        assert "sensitive" in row.obstacle
        assert "canary" not in repr(read)


class TestAParameter:
    @staticmethod
    def row(recorded: object, found: object, variables: dict[str, Any], **how: Any) -> Difference:
        [row] = one(
            drift_of({"delay": recorded}, {"delay": found}, {"delay": recorded}, variables=variables, **how)
        ).differences
        return row

    @pytest.mark.parametrize(
        ("recorded", "found", "present", "value"),
        [
            (5, 9, 5, 9),
            ("5", "9", 5, 9),
            ("0.5", "1.5", 0.5, 1.5),
            (5, 9, "5", "9"),
            ("true", "false", True, False),
            (True, False, True, False),
            ("db.t4g.small", "db.t4g.large", "db.t4g.small", "db.t4g.large"),
            (["b", "a"], ["c"], ["a", "b"], ["c"]),
        ],
    )
    def test_takes_over_what_was_found_in_its_own_type(
        self, recorded: object, found: object, present: object, value: object
    ) -> None:
        drift = one(
            drift_of(
                {"delay": recorded}, {"delay": found}, {"delay": recorded},
                variables={"delay": present}, delay=references("var.delay"),
            )
        )  # fmt: skip
        assert {(row.parameter, repr(row.value)) for row in drift.differences} == {("delay", repr(value))}

    @pytest.mark.parametrize(
        ("recorded", "found", "variables", "expression", "said"),
        [
            (5, 9, {"delay": 5}, {"constant_value": 5}, NO_PARAMETER),
            (5, 9, {"delay": 5}, references("local.delay"), NO_PARAMETER),
            (5, 9, {"delay": 5}, references("var.delay", "var.size"), NO_PARAMETER),
            (5, 9, {"delay": 5}, references("var.delay.seconds", "var.delay"), NO_PARAMETER),
            (5, 9, {"delay": 5}, references("each.value"), NO_PARAMETER),
            (5, 9, {"delay": 5}, None, NO_PARAMETER),
            (10, 9, {"delay": 5}, references("var.delay"), "derives it from delay"),
            (5, None, {"delay": 5}, references("var.delay"), "Nothing is set there now"),
        ],
    )
    def test_is_not_found_where_nothing_or_more_than_one_variable_sets_it(
        self, recorded: object, found: object, variables: dict[str, Any], expression: Any, said: str
    ) -> None:
        how = {} if expression is None else {"delay": expression}
        row = self.row(recorded, found, variables, **how)
        assert (row.parameter, row.value) == ("", None)
        assert said in row.obstacle

    def test_that_the_portal_fills_in_stays_as_it_is(self) -> None:
        row = self.row("a", "b", {"name": "a"}, fixed=("name",), delay=references("var.name"))
        assert row.parameter == ""
        assert "filled in by the portal" in row.obstacle

    def test_takes_a_whole_map_over_when_one_of_its_keys_differs(self) -> None:
        drift = one(
            drift_of(
                {"tags": {"a": "1", "b": "2"}}, {"tags": {"a": "1", "b": "9"}}, {"tags": {"a": "1", "b": "2"}},
                variables={"labels": {"a": "1", "b": "2"}}, tags=references("var.labels"),
            )
        )  # fmt: skip
        assert [(row.path, row.parameter, row.value) for row in drift.differences] == [
            ("tags.b", "labels", {"a": "1", "b": "9"})
        ]

    def test_is_followed_into_blocks(self) -> None:
        drift = one(
            drift_of(
                {"redrive": [{"count": 5}]}, {"redrive": [{"count": 7}]}, {"redrive": [{"count": 5}]},
                variables={"size": 5}, redrive=[{"count": references("var.size")}],
            )
        )  # fmt: skip
        assert [(row.path, row.parameter, row.value) for row in drift.differences] == [
            ("redrive[0].count", "size", 7)
        ]

    def test_is_followed_through_the_modules_that_the_module_calls(self) -> None:
        resource = {
            "mode": "managed", "type": "aws_sqs_queue", "name": "this",
            "expressions": {"delay": references("var.seconds")},
        }  # fmt: skip
        inner = {"expressions": {"seconds": references("var.delay")}, "module": {"resources": [resource]}}
        outer = {
            "expressions": {"delay": references("var.delay")},
            "module": {"module_calls": {"queues": inner}},
        }
        entry = {"module_address": 'module.this.module.queues["a.b]"]'}
        address = 'module.this.module.queues["a.b]"].aws_sqs_queue.this'
        seen, plan = (
            change([verb], {"delay": old}, {"delay": new}, kind="aws_sqs_queue", address=address, entry=entry)
            for verb, old, new in (("update", 5, 9), ("update", 9, 5))
        )
        document = plan_of(
            plan, resource_drift=[seen], configuration={"root_module": {"module_calls": {"this": outer}}}
        )
        [row] = one(read_drift(document, {"delay": 5})).differences
        assert (row.parameter, row.value) == ("delay", 9)

    def test_with_two_values_is_taken_over_from_neither(self) -> None:
        pairs = [("a", 7), ("b", 8)]

        def entry(key: str) -> dict[str, object]:
            return {"module_address": "module.this", "index": key}

        def address(key: str) -> str:
            return f'{QUEUE}["{key}"]'

        document = plan_of(
            *(
                change(
                    ["update"],
                    {"delay": new},
                    {"delay": 5},
                    kind="aws_sqs_queue",
                    address=address(key),
                    entry=entry(key),
                )
                for key, new in pairs
            ),
            resource_drift=[
                change(
                    ["update"],
                    {"delay": 5},
                    {"delay": new},
                    kind="aws_sqs_queue",
                    address=address(key),
                    entry=entry(key),
                )
                for key, new in pairs
            ],
            configuration=configured(delay=references("var.delay")),
        )
        drift = read_drift(document, {"delay": 5})
        rows = [row for resource in drift.resources for row in resource.differences]
        assert [row.parameter for row in rows] == ["", ""]
        assert "different from each other" in rows[0].obstacle
