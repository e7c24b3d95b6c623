from pathlib import Path

import pytest

from provisioner.domain import policy_input
from provisioner.domain.guardrails_subject import promised
from provisioner.domain.plan import parse_plan
from tests.domain.documents import change, estimate_with, plan_of, resource
from tests.domain.guardrail_rows import CONTEXT

DOC = Path(__file__).parents[2] / "docs" / "policy-input.md"


def documents() -> dict[str, dict[str, object]]:
    """Return one document for each way of asking."""
    plan = parse_plan(plan_of(change(["update"], {"a": 1}, {"a": 2})))
    (subject,) = promised([resource("aws_lb", "aws_lb.main")], {}, {})
    estimate = estimate_with()
    at_plan = policy_input.base("plan", CONTEXT, {}, estimate, estimate.usd_month, plan)
    at_parameters = policy_input.base("parameters", CONTEXT, {}, estimate, estimate.usd_month, None)
    (one,) = plan.changes
    return {
        "each: change": at_plan | {"resource": policy_input.of_change(one, before=True)},
        "each: resource": at_plan | {"resource": policy_input.of_change(one, before=False)},
        "promise": at_parameters | {"resource": policy_input.of_promise(subject)},
        "each: plan": at_plan | {"resources": []},
        "each: parameters": at_parameters | {"resources": []},
    }


class TestTheInput:
    @pytest.mark.parametrize("name", list(documents()))
    def test_has_no_field_that_is_not_documented(self, name: str) -> None:
        assert set(policy_input.paths(documents()[name])) <= {field.path for field in policy_input.FIELDS}

    def test_has_every_field_that_is_documented(self) -> None:
        there = {path for document in documents().values() for path in policy_input.paths(document)}
        assert there == {field.path for field in policy_input.FIELDS}

    def test_says_where_each_field_is_there(self) -> None:
        found = {name: set(policy_input.paths(document)) for name, document in documents().items()}
        for field in policy_input.FIELDS:
            names = {name for name in found if field.path in found[name]}
            expected = {
                policy_input.BOTH: set(found)
                if field.path != "resources"
                else {"each: plan", "each: parameters"},
                policy_input.PLAN: {"each: change", "each: resource", "each: plan"},
                policy_input.EACH: {"each: change", "each: resource", "promise"},
                policy_input.CHANGE: {"each: change"},
            }[field.at]
            assert names == expected, field.path

    def test_gives_what_the_order_is(self) -> None:
        order = documents()["promise"]["order"]
        assert order == {
            "kind": "provision",
            "item": "postgres",
            "version": "1.0.0",
            "service": "orders",
            "team": "payments",
            "cost_center": "cc-1",
            "environment": "production",
            "is_production": True,
            "criticality": "tier-1",
            "region": "us-east-1",
            "requester": "dev",
            "ttl_days": None,
            "ttl_known": True,
        }

    def test_gives_a_resource(self) -> None:
        assert documents()["each: change"]["resource"] == {
            "address": "aws_db_instance.this",
            "module_address": "",
            "type": "aws_db_instance",
            "name": "this",
            "action": "update",
            "before": {"a": 1},
            "after": {"a": 2},
            "after_unknown": {},
        }
        assert documents()["promise"]["resource"] == {
            "address": "aws_lb.main",
            "module_address": "",
            "type": "aws_lb",
            "name": "main",
            "action": "promise",
            "after": {},
            "after_unknown": {},
        }

    def test_is_in_the_documentation_as_it_is(self) -> None:
        assert policy_input.markdown() in DOC.read_text()
