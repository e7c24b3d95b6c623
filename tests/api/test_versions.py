"""Lifecycles and upgrades through the API."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from catalog.models import CatalogItemVersion
from provisioner.models import Run, Workspace
from tests.api.conftest import small
from tests.conftest import Organisation
from tests.fakes import FakeEngine
from tests.services.conftest import applied, planned
from tests.versions import next_version, stand, without_retention


@pytest.fixture
def client(org: Organisation, postgres: Any, with_token: Any) -> APIClient:
    return with_token(org.developer)


@pytest.fixture
def workspace(client: APIClient) -> Workspace:
    sent = small(parameters={"backup_retention_days": 5})
    run = Run.objects.get(pk=client.post("/api/v1/requests/", sent, format="json").json()["id"])
    return applied(planned(run, FakeEngine()), FakeEngine()).workspace


class TestTheCatalog:
    def test_tells_how_each_version_stands(self, client: APIClient, postgres: CatalogItemVersion) -> None:
        next_version(postgres, "9.0.0")
        stand(
            postgres,
            "deprecated",
            deprecated_since="2026-11-01",
            successor="postgres@9.0.0",
            deprecation_reason="Old.",
        )
        item = client.get("/api/v1/catalog/items/postgres/").json()
        assert (item["lifecycle"], item["maturity"], item["deprecation"]) == ("published", "production", None)
        newest, old = item["versions"][0], item["versions"][-1]
        assert (newest["version"], newest["lifecycle"]) == ("9.0.0", "published")
        assert old["deprecation"] == {
            "since": "2026-11-01", "until": None, "successor": "postgres@9.0.0", "reason": "Old.",
        }  # fmt: skip

    def test_shows_drafts_to_platform_engineers_alone(
        self, client: APIClient, postgres: CatalogItemVersion, org: Organisation, with_token: Any
    ) -> None:
        address = "/api/v1/catalog/items/postgres/"
        stand(postgres, "draft")
        assert client.get(address).status_code == 404
        assert client.get(f"{address}versions/{postgres.version}/schema/").status_code == 404
        slugs = [row["slug"] for row in client.get("/api/v1/catalog/items/").json()["results"]]
        assert "postgres" not in slugs
        assert with_token(org.platform).get(address).json()["lifecycle"] == "draft"
        answer = client.post("/api/v1/requests/", small(), format="json").json()
        assert [(e["field"], e["code"]) for e in answer["errors"]] == [("item", "unknown_item")]


class TestAnUpgrade:
    def test_is_evaluated_and_ordered(
        self, client: APIClient, workspace: Workspace, postgres: CatalogItemVersion
    ) -> None:
        next_version(postgres, "9.0.0", without_retention)
        address = f"/api/v1/workspaces/{workspace.pk}"
        assert client.get(f"{address}/").json()["newest_version"] == "9.0.0"
        answer = client.post(f"{address}/upgrade-evaluations/", {}, format="json")
        assert answer.status_code == 200, answer.content
        found = answer.json()
        assert (found["from_version"], found["version"], found["orderable"]) == (
            postgres.version, "9.0.0", False,
        )  # fmt: skip
        assert found["changelog"] == [{"version": "9.0.0", "notes": "What 9.0.0 brings."}]
        more = Decimal(found["estimate_usd_month"]) - (workspace.estimate_usd_month or 0)
        assert Decimal(found["delta_usd_month"]) == more
        added = next(one for one in found["differences"] if one["name"] == "contact")
        assert (added["difference"], added["required"], added["after"]) == ("added", True, None)
        wanted = {"kind": "upgrade", "version": "9.0.0"}
        refused = client.post(f"{address}/runs/", wanted, format="json")
        assert refused.status_code == 400
        assert {e["field"] for e in refused.json()["errors"]} == {"backup_retention_days", "contact"}
        wanted["parameters"] = {"backup_retention_days": None, "contact": "ada"}
        assert client.post(
            f"{address}/upgrade-evaluations/", {"parameters": wanted["parameters"]}, format="json"
        ).json()["orderable"]
        run = client.post(f"{address}/runs/", wanted, format="json")
        assert (run.status_code, run.json()["kind"], run.json()["version"]) == (201, "upgrade", "9.0.0")

    @pytest.mark.parametrize(
        ("body", "field", "code"),
        [
            (
                {"kind": "update", "version": "9.0.0", "parameters": {"size": "small"}},
                "version",
                "not_allowed",
            ),
            ({"kind": "destroy", "version": "9.0.0"}, "version", "not_allowed"),
            ({"kind": "upgrade", "version": "x"}, "version", "unknown_version"),
            ({"kind": "upgrade", "version": "a\0b"}, "version", None),
            ({"kind": "upgrade", "version": 9}, "version", "not_text"),
            ({"kind": "upgrade", "version": "9.0.0", "ttl": 3}, "ttl", "not_allowed"),
        ],
    )
    def test_names_what_cannot_be_taken(
        self,
        client: APIClient,
        workspace: Workspace,
        postgres: CatalogItemVersion,
        body: Any,
        field: str,
        code: Any,
    ) -> None:
        next_version(postgres, "9.0.0")
        answer = client.post(f"/api/v1/workspaces/{workspace.pk}/runs/", body, format="json")
        assert answer.status_code == 400
        [error] = answer.json()["errors"]
        assert error["field"] == field
        assert code is None or error["code"] == code

    def test_is_refused_when_nothing_is_newer(self, client: APIClient, workspace: Workspace) -> None:
        address = f"/api/v1/workspaces/{workspace.pk}"
        for answer in (
            client.post(f"{address}/runs/", {"kind": "upgrade"}, format="json"),
            client.post(f"{address}/upgrade-evaluations/", {}, format="json"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (409, "nothing_newer")

    def test_of_another_teams_workspace_is_not_found(
        self, workspace: Workspace, org: Organisation, with_token: Any
    ) -> None:
        address = f"/api/v1/workspaces/{workspace.pk}/upgrade-evaluations/"
        assert with_token(org.outsider).post(address, {}, format="json").status_code == 404
        assert with_token(org.developer, "catalog:read").post(address, {}, format="json").status_code == 403

    def test_is_waited_for_by_the_workspaces_that_are_outdated(
        self, client: APIClient, workspace: Workspace, postgres: CatalogItemVersion
    ) -> None:
        def names(**query: str) -> list[str]:
            return [row["name"] for row in client.get("/api/v1/workspaces/", query).json()["results"]]

        assert (names(outdated="true"), names(outdated="false")) == ([], [workspace.name])
        next_version(postgres, "9.0.0")
        assert (names(outdated="true"), names(outdated="false")) == ([workspace.name], [])
