"""What the policy's guardrails say on the order form, and the click that takes what they suggest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured
from django.test import Client
from django.urls import reverse

from catalog.models import CatalogItemVersion
from provisioner.models import Run
from tests.web.conftest import Order, SignIn, fields

ADDRESS = "/catalog/postgres/order/"
LIVE = f"{ADDRESS}live/"
RULES = """
    - rule: small-only
      kind: allowed-sizes
      level: hard-mandatory
      why: Tests are small.
      environments: [development]
      at: parameters
      with: {allowed: [db.t4g.medium]}
    - rule: short-lived
      kind: time-to-live
      level: soft-mandatory
      override_group: finops
      why: Nobody needs a test for ever.
      environments: [development]
      with: {required: true, maximum_days: 30}
    - rule: no-standby
      kind: multi-az
      level: advisory
      why: A standby is worth its price.
      at: parameters
    - rule: own
      kind: cel
      level: soft-mandatory
      override_group: sre
      why: The name is what people look for.
      message: The name is forbidden.
      with:
        each: parameters
        expression: "parameters.database_name != 'forbidden'"
        parameter: database_name
        suggested: orders
"""


@pytest.fixture
def developer(sign_in: SignIn, postgres: CatalogItemVersion, tmp_path: Path, settings: Any) -> Client:
    """Return a developer's browser; the shipped policy and more rules are in force."""
    shipped = Path(configured.DRAWBRIDGE_POLICY_FILE).read_text()
    settings.DRAWBRIDGE_POLICY_FILE = tmp_path / "policy.yaml"
    settings.DRAWBRIDGE_POLICY_FILE.write_text(
        shipped.replace("guardrails:\n  rules:\n", f"guardrails:\n  rules:{RULES}", 1)
    )
    return sign_in("developer")


def typed(client: Client, **changes: str) -> dict[str, str]:
    shown = fields(client.get(ADDRESS, {"environment": "development", "service": "orders"}))
    return {**shown, "name": "orders-db", "action": "order", **changes}


class TestTheForm:
    def test_shows_each_finding_at_its_field_with_the_click_that_mends_it(self, developer: Client) -> None:
        sent = typed(
            developer, instance_class="db.r6g.large", ttl="90", database_name="forbidden", part="answer"
        )
        answer = developer.post(LIVE, sent)
        text = answer.content.decode()
        rows = {
            row.bound.name: [found.rule for found in row.findings]
            for row in answer.context["parameters"].rows
        }
        assert "small-only" in rows["instance_class"]
        assert rows["database_name"] == ["own"]
        assert rows["multi_az"][-1] == "no-standby"
        assert [found.rule for found in answer.context["ttl_findings"]] == ["short-lived"]
        for value in ("instance_class=db.t4g.medium", "ttl=30", "database_name=orders", "multi_az=true"):
            assert f'name="fix"\n                      value="{value}"' in text
        assert "Its time to live is 90 days, but development allows at most 30." in text

    @pytest.mark.parametrize(
        ("field", "bad", "fix", "shown"),
        [
            ("instance_class", "db.r6g.large", "instance_class=db.t4g.medium", "db.t4g.medium"),
            ("ttl", "90", "ttl=30", "30"),
            ("database_name", "forbidden", "database_name=orders", "orders"),
            ("multi_az", "", "multi_az=true", "on"),
            ("justification", "a=b", "justification=x=y", "x=y"),
        ],
    )
    def test_takes_the_suggested_value_and_orders_nothing(
        self, developer: Client, field: str, bad: str, fix: str, shown: str
    ) -> None:
        sent = typed(developer, justification="For a test.")
        sent = {key: value for key, value in sent.items() if key != "action"} | ({field: bad} if bad else {})
        page = developer.post(ADDRESS, {**sent, "fix": fix})
        assert page.status_code == 200
        assert fields(page)[field] == shown
        assert fields(page)["name"] == "orders-db"
        assert not Run.objects.exists()

    def test_refuses_what_is_refused_while_it_is_typed(self, developer: Client) -> None:
        page = developer.post(ADDRESS, typed(developer, instance_class="db.r6g.large", ttl="10"))
        assert page.status_code == 422
        assert (
            "instance_class is db.r6g.large, but development allows only: db.t4g.medium."
            in page.content.decode()
        )
        assert not Run.objects.exists()

    def test_says_beforehand_who_must_override(self, developer: Client) -> None:
        answer = developer.post(LIVE, typed(developer, ttl="90", database_name="forbidden", part="answer"))
        groups = {step.group: step.verdict_needed for step in answer.context["evaluation"].approvals_expected}
        assert groups == {"finops": "override", "sre": "override"}


class TestAPlan:
    def test_is_judged_once_more_by_what_was_said_of_the_parameters(
        self, developer: Client, order: Order
    ) -> None:
        run = order(database_name="forbidden", instance_class="db.t4g.medium")
        found = {one["rule"]: one for one in run.findings}
        assert found["own"]["what"] == "The name is forbidden."
        assert found["own"]["suggested"] == "orders"
        assert set(run.approval_steps.values_list("group", "verdict_needed")) == {
            ("finops", "override"),
            ("sre", "override"),
        }

    def test_of_an_update_takes_a_suggestion_too(self, developer: Client, order: Order) -> None:
        workspace = order(instance_class="db.t4g.medium").workspace
        workspace.applied_at = workspace.created_at
        workspace.save()
        address = reverse("workspace-update", args=[workspace.pk])
        page = developer.post(address, {**fields(developer.get(address)), "fix": "database_name=other"})
        assert page.status_code == 200
        assert fields(page)["database_name"] == "other"
        assert Run.objects.count() == 1
