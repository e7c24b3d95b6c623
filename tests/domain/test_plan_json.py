import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.domain.plan import plan_digest, read_document, redact_plan, variables_digest
from provisioner.domain.plan_json import MAX_DEPTH, PlanFormatError, canonical, check_depth
from tests.domain.documents import load

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=10,
)
OBJECTS = st.dictionaries(st.text(min_size=1), JSON, max_size=5)
MODULE, VARIABLES = "a" * 64, "b" * 64


def reordered(value: object) -> object:
    if isinstance(value, dict):
        return {key: reordered(item) for key, item in reversed(value.items())}
    return [reordered(item) for item in value] if isinstance(value, list) else value


class TestPlanDigest:
    @given(OBJECTS)
    def test_does_not_depend_on_the_order_of_keys_or_a_trip_through_json(
        self, document: dict[str, object]
    ) -> None:
        digest = plan_digest(document, MODULE, VARIABLES)
        assert plan_digest(reordered(document), MODULE, VARIABLES) == digest  # type: ignore[arg-type]
        assert plan_digest(json.loads(json.dumps(document)), MODULE, VARIABLES) == digest

    def test_does_not_depend_on_when_terraform_planned(self) -> None:
        document = load("update-1.11.json")
        later = {
            **document,
            "timestamp": "2027-01-01T00:00:00Z",
            "relevant_attributes": [],
            "prior_state": {},
        }
        assert plan_digest(document, MODULE, VARIABLES) == plan_digest(later, MODULE, VARIABLES)

    def test_differs_when_anything_that_is_decided_on_differs(self) -> None:
        document = redact_plan(load("create-1.11.json"))
        digests = {
            plan_digest(document, MODULE, VARIABLES),
            plan_digest(redact_plan(load("update-1.11.json")), MODULE, VARIABLES),
            plan_digest({**document, "terraform_version": "1.12.0"}, MODULE, VARIABLES),
            plan_digest(document, VARIABLES, MODULE),
            plan_digest(document, MODULE + VARIABLES, ""),
        }
        assert len(digests) == 5
        assert all(len(digest) == 64 for digest in digests)

    def test_refuses_values_that_json_does_not_have(self) -> None:
        for value in (float("nan"), Decimal(1), object(), {1: 2, "a": 3}):
            with pytest.raises(PlanFormatError, match="JSON does not have"):
                canonical({"a": value})


class TestVariablesDigest:
    def test_tells_values_and_types_apart(self) -> None:
        digests = {variables_digest(v) for v in ({}, {"a": 1}, {"a": "1"}, {"a": True}, {"b": 1}, {"a": [1]})}
        assert len(digests) == 6

    @given(OBJECTS)
    def test_does_not_depend_on_order(self, variables: dict[str, object]) -> None:
        assert variables_digest(variables) == variables_digest(reordered(variables))  # type: ignore[arg-type]


class TestCanonical:
    def test_refuses_nesting_that_the_encoder_cannot_take(self) -> None:
        value: object = 1
        for _ in range(200_000):
            value = [value]
        with pytest.raises(PlanFormatError, match="levels deep"):
            canonical(value)


class TestReadDocument:
    def test_reads_an_object(self) -> None:
        assert read_document('{"a": [1, null]}') == {"a": [1, None]}
        assert read_document(b'{"a": 1}') == {"a": 1}

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "not valid JSON"),
            ("{", "not valid JSON"),
            (b"\xff\xfe\xfd", "not valid JSON"),
            ("[]", "not an object"),
            ('{"a": NaN}', "holds NaN"),
            ('{"a": -Infinity}', "holds -Infinity"),
            ("[" * 200_000, "levels deep"),
            ('{"a":' * 900 + "1" + "}" * 900, "levels deep"),
        ],
        ids=range(8),
    )
    def test_refuses_everything_else(self, text: str | bytes, message: str) -> None:
        with pytest.raises(PlanFormatError, match=message):
            read_document(text)


class TestCheckDepth:
    def test_takes_what_is_just_shallow_enough(self) -> None:
        value: object = 1
        for _ in range(MAX_DEPTH):
            value = [value]
        check_depth({"a": value})
        with pytest.raises(PlanFormatError):
            check_depth({"a": [value]})
