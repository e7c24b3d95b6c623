"""What the portal knows around an order: one query, and only what is asked for."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.models import CatalogItem, Environment, Service
from provisioner.domain.context import Facts
from provisioner.models import Workspace
from provisioner.services import facts
from tests.conftest import Organisation
from tests.services.conftest import now

pytestmark = pytest.mark.django_db


@pytest.fixture
def make(org: Organisation, postgres: Any) -> Any:
    """Return what makes a workspace of a service, with an estimate."""

    def make(
        name: str, service: str = "orders", environment: str = "development", **fields: Any
    ) -> Workspace:
        owner = Service.objects.get(slug=service)
        return Workspace.objects.create(
            **{
                "item": postgres.item,
                "item_version": postgres,
                "service": owner,
                "environment": Environment.objects.get(slug=environment),
                "name": name,
                "origin_request_id": "00000000-0000-0000-0000-000000000001",
                "created_by": org.developer,
                "created_at": now(),
                "applied_at": now(),
                "estimate_usd_month": Decimal("10.00"),
                **fields,
            }
        )

    return make


def of(workspace: Workspace | None = None, item: str = "postgres") -> Facts:
    return facts.of_order(
        item=CatalogItem.objects.get(slug=item),
        service=Service.objects.select_related("owner_team", "cost_center").get(slug="orders"),
        environment=Environment.objects.get(slug="development"),
        workspace=workspace,
    )


class TestFacts:
    def test_of_a_team_that_has_nothing(self, make: Any) -> None:
        nothing = Decimal("0.00")
        assert of() == Facts(
            first_use_of_item=True,
            team_workspaces=0,
            item_workspaces=0,
            team_usd_month=nothing,
            environment_usd_month=nothing,
            cost_center_usd_month=nothing,
        )

    def test_count_what_is_open_and_the_teams(self, make: Any) -> None:
        make("one")
        make("two", environment="production", estimate_usd_month=Decimal("20.50"))
        make(
            "three", service="receipts", estimate_usd_month=None
        )  # another service of the team, never priced
        make("four", closed_at=now(), estimate_usd_month=Decimal("999.00"))
        make("five", service="ads", estimate_usd_month=Decimal("5.00"))  # another team's
        found = of()
        assert (found.team_workspaces, found.item_workspaces) == (3, 2)
        assert (found.team_usd_month, found.environment_usd_month) == (Decimal("30.50"), Decimal("10.00"))
        assert found.first_use_of_item is False
        assert (found.budget_usd_month, found.budget_left_usd_month, found.unit_cost_breached) == (
            None,
            None,
            None,
        )

    def test_leave_out_the_one_that_is_judged(self, make: Any) -> None:
        mine = make("one")
        make("two")
        found = of(mine)
        assert (found.team_workspaces, found.item_workspaces) == (1, 1)
        assert found.team_usd_month == Decimal("10.00")

    @pytest.mark.parametrize(
        ("fields", "first"),
        [({"applied_at": None}, True), ({"closed_at": now()}, False), ({}, False)],
    )
    def test_tell_a_first_use_from_a_later_one(self, make: Any, fields: dict, first: bool) -> None:
        make("one", **fields)
        assert of().first_use_of_item is first

    def test_of_a_change_are_no_first_use(self, make: Any) -> None:
        assert of(make("one")).first_use_of_item is False

    def test_take_one_query_however_many_there_are(self, make: Any, org: Organisation) -> None:
        for number in range(5):
            make(f"db-{number}")
        item = CatalogItem.objects.get(slug="postgres")
        service = Service.objects.select_related("owner_team", "cost_center").get(slug="orders")
        environment = Environment.objects.get(slug="development")
        with CaptureQueriesContext(
            connection,
        ) as asked:
            facts.of_order(item=item, service=service, environment=environment, workspace=None)
        assert len(asked) == 1
