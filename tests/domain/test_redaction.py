import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.domain.plan import SENSITIVE, parse_plan, redact_plan
from provisioner.domain.plan_json import PlanFormatError
from tests.domain.documents import change, load, plan_of

CANARY = "CANARY"


def masked(before: object, after: object, before_mark: object, after_mark: object) -> tuple[object, object]:
    document = plan_of(
        change(["update"], before, after, before_sensitive=before_mark, after_sensitive=after_mark)
    )
    result = redact_plan(document)["resource_changes"][0]["change"]  # type: ignore[index]
    return result["before"], result["after"]


# A JSON value together with Terraform's marks for it. Marked leaves hold the canary, the others never do.
def _leaf() -> st.SearchStrategy[tuple[object, object]]:
    plain = st.tuples(st.none() | st.booleans() | st.integers() | st.text("ab", max_size=3), st.just(False))
    secret = st.tuples(st.text("ab", max_size=20).map(lambda text: CANARY + text), st.just(True))
    return plain | secret


def _nest(children: st.SearchStrategy[tuple[object, object]]) -> st.SearchStrategy[tuple[object, object]]:
    lists = st.lists(children, max_size=3).map(lambda pairs: ([v for v, _ in pairs], [m for _, m in pairs]))
    objects = st.dictionaries(st.sampled_from("abc"), children, max_size=3).map(
        lambda pairs: (
            {key: value for key, (value, _) in pairs.items()},
            {key: mark for key, (_, mark) in pairs.items() if mark},  # Terraform leaves unmarked keys out
        )
    )
    return lists | objects


MARKED = st.dictionaries(st.sampled_from("pqr"), st.recursive(_leaf(), _nest, max_leaves=8), max_size=3).map(
    lambda pairs: ({k: v for k, (v, _) in pairs.items()}, {k: m for k, (_, m) in pairs.items()})
)


class TestRedactPlan:
    @pytest.mark.parametrize("name", ["create-1.11.json", "update-1.11.json", "update-1.15.json"])
    def test_leaves_no_canary_in_a_real_plan(self, name: str) -> None:
        document = load(name)
        assert CANARY in json.dumps(document)
        assert CANARY not in json.dumps(redact_plan(document))

    @given(before=MARKED, after=MARKED)
    def test_never_leaks(self, before: tuple[object, object], after: tuple[object, object]) -> None:
        entry = change(
            ["update"],
            before[0],
            after[0],
            before_sensitive=before[1],
            after_sensitive=after[1],
            address="a.b",
        )
        values = {
            "root_module": {
                "child_modules": [
                    {"resources": [{"address": "a.b", "values": before[0], "sensitive_values": after[1]}]}
                ]
            }
        }
        document = plan_of(entry, resource_drift=[entry], prior_state={"values": values})
        redacted = redact_plan(document)
        assert CANARY not in json.dumps(redacted)
        assert redact_plan(redacted) == redacted
        assert parse_plan(redacted) == parse_plan(document)

    def test_keeps_everything_that_is_not_sensitive(self) -> None:
        document = plan_of(change(["create"], None, {"p": 1, "q": ["x", None]}))
        assert redact_plan(document) == document

    def test_does_not_touch_its_input(self) -> None:
        document = load("update-1.11.json")
        redact_plan(document)
        assert document == load("update-1.11.json")

    def test_masks_both_sides_when_one_is_marked(self) -> None:
        assert masked({"a": "x"}, {"a": "x"}, {}, {"a": True}) == ({"a": SENSITIVE}, {"a": SENSITIVE})

    @pytest.mark.parametrize(
        "mark",
        [True, [True], {"b": True}, "yes", [{"x": True}], {"b": {"c": True}}],
        ids=str,
    )
    def test_masks_all_of_a_value_that_its_mark_does_not_fit(self, mark: object) -> None:
        before, _ = masked({"a": "secret"}, {"a": None}, {"a": mark}, {})
        assert before == {"a": SENSITIVE}
        before, _ = masked({"a": [["secret"]]}, {"a": None}, {"a": {"b": mark}}, {})
        assert before == {"a": SENSITIVE}

    def test_keeps_a_value_whose_misfit_mark_marks_nothing(self) -> None:
        assert masked({"a": "x"}, {"a": "x"}, {"a": [False]}, {"a": {"b": False}})[0] == {"a": "x"}

    def test_combines_marks_of_different_shapes(self) -> None:
        before, _ = masked(
            {"a": "x", "b": [1, 2]}, {}, {"a": [True], "b": [True]}, {"a": {"c": True}, "b": [0, 1]}
        )
        assert before == {"a": SENSITIVE, "b": [SENSITIVE, SENSITIVE]}
        before, _ = masked({"a": [1]}, {}, {"a": [True]}, {"a": {"c": False}})
        assert before == {"a": [SENSITIVE]}
        before, _ = masked({"a": [1]}, {}, {"a": {"c": False}}, {"a": [True]})
        assert before == {"a": [SENSITIVE]}

    def test_masks_attribute_by_attribute_when_the_whole_resource_is_marked(self) -> None:
        before, after = masked({"a": "x", "b": None}, {"a": "y"}, True, False)
        assert before == {"a": SENSITIVE, "b": None}
        assert after == {"a": SENSITIVE}
        assert masked(None, None, True, True) == (None, None)
        values = {"resources": [{"address": "x", "values": {"a": "x"}, "sensitive_values": True}]}
        planned = redact_plan({"planned_values": {"root_module": values}})["planned_values"]
        assert planned["root_module"]["resources"][0]["values"] == {"a": SENSITIVE}  # type: ignore[index]

    def test_keeps_null_so_that_unset_stays_unset(self) -> None:
        assert masked({"a": None}, {}, {"a": True}, {})[0] == {"a": None}

    def test_remembers_which_masked_values_differ(self) -> None:
        document = plan_of(
            change(
                ["update"],
                {"a": "1", "b": "1", "c": [{"d": 1}]},
                {"a": "2", "b": "1", "c": [{"d": 2}]},
                before_sensitive={"a": True, "b": True, "c": [{"d": True}]},
                after_sensitive={"a": True, "b": True, "c": [{"d": True}]},
            )
        )
        assert parse_plan(document).changes[0].sensitive_changed == (("a",), ("c", 0, "d"))

    def test_masks_long_secrets_where_a_provider_repeats_them_unmarked(self) -> None:
        after = {"input": "a-long-enough-secret", "copy": ["a-long-enough-secret"], "engine": "postgres"}
        assert masked({}, after, {}, {"input": True})[1] == {
            "input": SENSITIVE,
            "copy": [SENSITIVE],
            "engine": "postgres",
        }

    def test_takes_short_secrets_for_ordinary_words_elsewhere(self) -> None:
        after = {"user": "postgres", "engine": "postgres"}
        assert masked({}, after, {}, {"user": True})[1] == {"user": SENSITIVE, "engine": "postgres"}

    def test_masks_variables_that_are_not_declared_plain(self) -> None:
        variables = {"a": {"value": "x"}, "b": {"value": "y"}, "c": {"value": "z"}, "d": {}, "e": 1}
        declared = {"a": {}, "b": {"sensitive": True}}
        configuration = {"root_module": {"variables": declared}}
        result = redact_plan({"variables": variables, "configuration": configuration})
        assert result["variables"] == {
            "a": {"value": "x"},
            "b": {"value": SENSITIVE},
            "c": {"value": SENSITIVE},
            "d": {},
            "e": 1,
        }
        assert redact_plan({"variables": {"a": {"value": "x"}}})["variables"] == {"a": {"value": SENSITIVE}}

    def test_masks_outputs_in_every_place(self) -> None:
        declared = {
            "a": {"sensitive": False, "value": "s3cret"},
            "b": {"sensitive": True, "value": [1]},
            "c": 1,
        }
        document = plan_of(
            output_changes={
                "a": {"actions": ["update"], "before": "s3cret", "after": 1, "before_sensitive": True},
                "d": 7,
            },
            planned_values={"outputs": declared},
            prior_state={"values": {"outputs": declared}},
        )
        result = redact_plan(document)
        assert result["output_changes"]["a"]["before"] == SENSITIVE  # type: ignore[index]
        for values in (result["planned_values"], result["prior_state"]["values"]):  # type: ignore[index]
            assert values["outputs"] == {  # type: ignore[index]
                "a": {"sensitive": False, "value": SENSITIVE},
                "b": {"sensitive": True, "value": SENSITIVE},
                "c": 1,
            }

    def test_masks_what_newer_documents_add(self) -> None:
        entry = change(["create"], None, {"a": "x"}, after_sensitive={"a": True}, generated_config='a = "x"')
        result = redact_plan(
            {
                "deferred_changes": [{"reason": "unknown", "resource_change": entry}, {}],
                "action_invocations": [
                    {"config_values": {"a": "x", "b": "y"}, "config_sensitive": {"a": True}},
                    {"address": "action.x.y"},
                ],
                "proposed_unknown": {
                    "root_module": {"resources": [{"address": "aws_db_instance.this", "values": {"a": "x"}}]}
                },
            }
        )
        deferred = result["deferred_changes"][0]["resource_change"]["change"]  # type: ignore[index]
        assert deferred["after"] == {"a": SENSITIVE}
        assert deferred["generated_config"] == SENSITIVE
        assert result["action_invocations"][0]["config_values"] == {"a": SENSITIVE, "b": "y"}  # type: ignore[index]
        resources = result["proposed_unknown"]["root_module"]["resources"]  # type: ignore[index]
        assert resources[0]["values"] == {"a": SENSITIVE}

    @pytest.mark.parametrize(
        "document",
        [
            {
                "resource_changes": [1, {"change": 1}, {"change": {"before": 1}}],
                "variables": 1,
                "configuration": 1,
            },
            {
                "planned_values": {
                    "outputs": 1,
                    "root_module": {"resources": [{"address": 1}], "child_modules": 1},
                }
            },
            {"prior_state": 1, "planned_values": 1, "output_changes": 1},
            {"configuration": {"root_module": 1}, "variables": {"a": {"value": None}}},
            {"planned_values": {"root_module": {"child_modules": [1]}}},
        ],
    )
    def test_passes_through_what_it_does_not_understand(self, document: dict[str, object]) -> None:
        assert redact_plan(document) == document

    def test_refuses_deep_nesting(self) -> None:
        value: object = 1
        for _ in range(1000):
            value = {"a": value}
        with pytest.raises(PlanFormatError, match="levels deep"):
            redact_plan({"a": value})
