"""Lists: constant numbers of queries, pages, filters, documents."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import override_settings

from catalog.models import CatalogItem, CatalogItemVersion, Environment, Service, TargetAccount, Team
from provisioner.domain.run import RunStatus
from provisioner.models import Run, Workspace
from tests.api.rows import make_run, make_transfer
from tests.conftest import NOW, Organisation

LISTS = [
    "/api/v1/runs/",
    "/api/v1/requests/",
    "/api/v1/workspaces/",
    "/api/v1/approvals/",
    "/api/v1/transfers/",
    "/api/v1/catalog/items/",
    "/api/v1/services/",
    "/api/v1/teams/",
    "/api/v1/cost-centers/",
    "/api/v1/environments/",
    "/api/v1/target-accounts/",
]
# token, groups, page, two prefetches at most
QUERIES = 5
# what a step is laid out with, too: delegations, decisions, other steps
MORE = {"/api/v1/approvals/": 3, "/api/v1/overrides/": 1}


@pytest.fixture
def many(org: Organisation, published: CatalogItemVersion) -> None:
    """Write more rows than a page of three holds, of everything that is listed."""
    for number in range(7):
        TargetAccount.objects.create(slug=f"account-{number}", name="A")
        make_transfer(org, make_run(org, published, number=number), to="ads", number=number)
        team = Team.objects.create(slug=f"team-{number}", name="T")
        Service.objects.create(
            slug=f"service-{number}",
            name="S",
            owner_team=team,
            cost_center=org.services["orders"].cost_center,
        )
        item = CatalogItem.objects.create(
            slug=f"item-{number}", name="Item", summary="s", category="c", owner="o", created_at=NOW
        )
        CatalogItemVersion.objects.create(
            item=item, version="1.0.0", module_digest=f"{number}" * 64, manifest={}, parameter_spec=[],
            content=b"x", published_at=NOW,
        )  # fmt: skip


class TestAList:
    @pytest.mark.parametrize("address", LISTS)
    def test_takes_the_same_few_queries_however_long(
        self, address: str, many: None, org: Organisation, with_token: Any, django_assert_max_num_queries: Any
    ) -> None:
        client = with_token(org.finops)
        client.get(address)  # notes that the token was used
        for page_size in (1, 200):
            with django_assert_max_num_queries(QUERIES + MORE.get(address, 0)):
                answer = client.get(address, {"page_size": page_size})
            assert answer.status_code == 200

    @pytest.mark.parametrize("address", LISTS)
    def test_gives_every_row_once_page_by_page(
        self, address: str, many: None, org: Organisation, with_token: Any
    ) -> None:
        client = with_token(org.finops)
        whole = client.get(address, {"page_size": 200}).json()
        assert whole["next"] is None
        found: list[Any] = []
        following: str | None = f"{address}?page_size=2"
        while following:
            page = client.get(following).json()
            assert len(page["results"]) <= 2
            found += page["results"]
            following = page["next"]
        assert found == whole["results"]

    @pytest.mark.parametrize("address", LISTS)
    def test_refuses_unknown_filters_and_bad_pages(
        self, address: str, org: Organisation, with_token: Any
    ) -> None:
        client = with_token(org.finops)
        for query, field in (
            ({"colour": "red"}, "colour"), ({"page_size": "0"}, "page_size"), ({"page_size": "201"}, "page_size"),
            ({"page_size": "x"}, "page_size"), ({"cursor": "x"}, "cursor"), ({"page_size": "\u0663"}, "page_size"),
        ):  # fmt: skip
            answer = client.get(address, query)
            assert answer.status_code == 400, query
            assert [error["field"] for error in answer.json()["errors"]] == [field]

    @pytest.mark.parametrize(
        ("address", "query"),
        [
            ("runs/", "status=x"), ("runs/", "workspace=x"), ("runs/", "service=%00"),
            ("workspaces/", "expiring_before=x"), ("workspaces/", "criticality=x"),
            ("requests/", "status=x"), ("requests/", "team=a%00b"),
            ("catalog/items/", "lifecycle=x"), ("approvals/", "state=x"), ("services/", "criticality=x"),
        ],
    )  # fmt: skip
    def test_refuses_filters_of_the_wrong_form(
        self, address: str, query: str, org: Organisation, with_token: Any
    ) -> None:
        answer = with_token(org.finops).get(f"/api/v1/{address}?{query}")
        assert answer.status_code == 400
        assert [error["field"] for error in answer.json()["errors"]] == [query.partition("=")[0]]


class TestFilters:
    @pytest.fixture
    def count(self, org: Organisation, published: Any, with_token: Any) -> Any:
        make_run(org, published, number=1)
        make_run(org, published, number=2, service="receipts", status=RunStatus.ERRORED)
        make_run(org, published, number=3, service="ads", status=RunStatus.APPLYING)
        Workspace.objects.filter(name="db-2").update(closed_at=NOW, expires_at=NOW)
        client = with_token(org.finops)
        return lambda address, **query: len(client.get(f"/api/v1/{address}/", query).json()["results"])

    def test_of_runs(self, count: Any) -> None:
        assert count("runs") == 3
        assert count("runs", status="errored") == 1
        assert count("runs", active="true") == 2
        assert count("runs", active="false") == 1
        assert count("runs", team="growth") == 1
        assert count("runs", service="receipts", environment="production", kind="provision") == 1
        assert count("runs", item="postgres") == 0
        assert count("runs", requester="developer") == 3
        assert count("runs", workspace=str(Workspace.objects.get(name="db-1").pk)) == 1

    def test_of_requests(self, count: Any) -> None:
        assert count("requests", status="errored") == 1
        assert count("requests", service="ads") == 1
        assert count("requests", team="payments") == 2
        assert count("requests", environment="staging") == 0
        assert count("requests", requester="sre") == 0

    def test_of_workspaces(self, count: Any) -> None:
        assert count("workspaces", open="true") == 2
        assert count("workspaces", open="false") == 1
        assert count("workspaces", criticality="tier-1") == 1
        assert count("workspaces", cost_center="cc-100") == 3
        assert count("workspaces", item="cache", team="growth", name="db-3") == 1
        assert count("workspaces", expiring_before="2026-12-01T00:00:00Z") == 1
        assert count("workspaces", expiring_before="2026-01-01T00:00:00Z") == 0

    def test_of_workspaces_on_hold_and_orphaned(self, count: Any, org: Organisation) -> None:
        assert count("workspaces", held="true") == 0
        Workspace.objects.filter(name="db-1").update(held_at=NOW)
        assert count("workspaces", held="true") == 1
        assert count("workspaces", held="false") == 2
        assert count("workspaces", orphaned="true") == 0
        org.outsider.is_active = False  # the only member of growth
        org.outsider.save()
        assert count("workspaces", orphaned="true") == 1
        Service.objects.filter(slug__in=["orders", "receipts"]).update(archived_at=NOW)
        assert count("workspaces", orphaned="true") == 2, "a closed one is nobody's worry"
        assert count("workspaces", orphaned="false") == 1

    def test_of_transfers(self, count: Any, org: Organisation) -> None:
        run = Run.objects.get(workspace__name="db-1")
        make_transfer(org, run, to="ads")
        assert count("transfers", open="true", from_team="payments", to_team="growth") == 1
        assert count("transfers", workspace=str(run.workspace_id)) == 1
        assert count("transfers", open="false") == 0

    def test_of_the_organisation(self, count: Any, org: Organisation, with_token: Any) -> None:
        assert count("services", team="payments") == 2
        assert count("services", orderable="true") == 0
        mine = with_token(org.developer).get("/api/v1/services/", {"orderable": "true"}).json()["results"]
        assert [service["slug"] for service in mine] == ["orders", "receipts"]


class TestTheOrganisation:
    def test_is_read_by_slug(self, org: Organisation, with_token: Any) -> None:
        client = with_token(org.outsider)
        service = client.get("/api/v1/services/orders/").json()
        assert service["owner_team"] == {"slug": "payments", "name": "Payments"}
        assert service["criticality"] == "tier-1"
        assert client.get("/api/v1/teams/payments/").json()["email"] == "payments@example.com"
        assert client.get("/api/v1/cost-centers/cc-100/").json()["name"] == "Commerce"
        assert client.get("/api/v1/environments/production/").json()["is_production"] is True
        slugs = [row["slug"] for row in client.get("/api/v1/environments/").json()["results"]]
        assert slugs == ["development", "staging", "production"]
        assert client.get("/api/v1/services/none/").status_code == 404

    def test_tells_the_account_of_an_environment_and_its_limit(
        self, org: Organisation, with_token: Any
    ) -> None:
        account = TargetAccount.objects.create(slug="shared", name="Shared", max_running=3)
        Environment.objects.filter(slug="production").update(account=account)
        client, document = with_token(org.outsider), {"slug": "shared", "name": "Shared", "max_running": 3}
        assert client.get("/api/v1/target-accounts/shared/").json() == document
        assert client.get("/api/v1/target-accounts/").json()["results"] == [document]
        assert client.get("/api/v1/environments/production/").json()["account"] == document
        assert client.get("/api/v1/environments/staging/").json()["account"] is None


class TestAWorkspace:
    def test_shows_outputs_without_sensitive_values_and_its_active_run(
        self, org: Organisation, published: Any, with_token: Any
    ) -> None:
        run = make_run(org, published)
        Workspace.objects.filter(pk=run.workspace_id).update(
            outputs={"endpoint": {"sensitive": False, "value": "db.example"}, "password": {"sensitive": True}}
        )
        document = with_token(org.developer).get(f"/api/v1/workspaces/{run.workspace_id}/").json()
        assert document["target"] == "sandbox"
        assert document["outputs"] == [
            {"name": "endpoint", "sensitive": False, "value": "db.example"},
            {"name": "password", "sensitive": True, "value": None},
        ]
        assert document["active_run"] == {"id": str(run.pk), "kind": "provision", "status": "needs_approval"}
        assert document["estimate_usd_month"] == "12.30"

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "kind"), ({"kind": "explode"}, "kind"), ({"kind": ["destroy"]}, "kind"),
            ({"kind": "update"}, "parameters"), ({"kind": "update", "parameters": {}}, "parameters"),
            ({"kind": "update", "parameters": [1]}, "parameters"),
            ({"kind": "destroy", "parameters": {"a": 1}}, "parameters"),
            ({"kind": "destroy", "justification": "x" * 1_000_000}, "justification"),
            ({"kind": "destroy", "force": True}, "force"),
        ],
    )  # fmt: skip
    def test_refuses_bad_runs(
        self, org: Organisation, published: Any, with_token: Any, body: dict[str, Any], field: str
    ) -> None:
        run = make_run(org, published, status=RunStatus.APPLIED)
        answer = with_token(org.developer).post(
            f"/api/v1/workspaces/{run.workspace_id}/runs/", body, format="json"
        )
        assert answer.status_code == 400
        assert field in {error["field"] for error in answer.json()["errors"]}
        assert run.workspace.runs.count() == 1

    def test_that_is_busy_names_the_run_that_holds_it(
        self, org: Organisation, published: Any, with_token: Any
    ) -> None:
        run = make_run(org, published)
        answer = with_token(org.developer).post(
            f"/api/v1/workspaces/{run.workspace_id}/runs/", {"kind": "destroy"}, format="json"
        )
        assert (answer.status_code, answer.json()["code"]) == (409, "workspace_busy")
        assert str(run.pk) in answer.json()["detail"]


class TestTheTarget:
    def test_is_named_in_every_answer(self, org: Organisation, published: Any, with_token: Any) -> None:
        run = make_run(org, published)
        client = with_token(org.developer)
        with override_settings(DRAWBRIDGE_TARGET="aws"):
            for address in ("runs/", f"runs/{run.pk}/", "workspaces/", f"workspaces/{run.workspace_id}/"):
                answer = client.get(f"/api/v1/{address}")
                assert answer["Drawbridge-Target"] == "aws"
                document = answer.json()
                assert document.get("results", [document])[0]["target"] == "aws"
            assert client.get("/api/v1/nothing/")["Drawbridge-Target"] == "aws"
