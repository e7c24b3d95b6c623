"""The catalog through the API."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from rest_framework.test import APIClient

from tests.conftest import Organisation


@pytest.fixture
def client(org: Organisation, postgres: Any, with_token: Any) -> APIClient:
    return with_token(org.developer, "catalog:read")


class TestAnItem:
    def test_has_versions_environments_and_a_readme(self, client: APIClient, postgres: Any) -> None:
        item = client.get("/api/v1/catalog/items/postgres/").json()
        assert (item["target"], item["slug"], item["latest_version"]) == (
            "sandbox",
            "postgres",
            postgres.version,
        )
        assert item["versions"][0]["module_digest"] == postgres.module_digest
        assert item["versions"][0]["git_commit"] is None
        assert [row["slug"] for row in item["environments"]] == ["development", "staging", "production"]
        assert item["readme_html"].startswith("<h2>")
        assert "<script" not in item["readme_html"]

    def test_that_is_unknown_or_retired_is_not_found(self, client: APIClient, postgres: Any) -> None:
        assert client.get("/api/v1/catalog/items/none/").json()["code"] == "not_found"
        postgres.item.retired_at = postgres.published_at
        postgres.item.save()
        assert client.get("/api/v1/catalog/items/postgres/").status_code == 404
        listed = client.get("/api/v1/catalog/items/").json()["results"]
        assert "postgres" not in [item["slug"] for item in listed]


class TestTheSchema:
    address = "/api/v1/catalog/items/postgres/versions/{}/schema/"

    def test_is_narrowed_by_the_environment(self, client: APIClient, postgres: Any) -> None:
        address = self.address.format(postgres.version)
        wide = client.get(address).json()
        narrow = client.get(address, {"environment": "development"}).json()
        for schema in (wide, narrow):
            jsonschema.Draft202012Validator.check_schema(schema)
        assert "db.t4g.large" in narrow["properties"]["instance_class"]["enum"]
        assert "db.r6g.16xlarge" not in narrow["properties"]["instance_class"]["enum"]

    @pytest.mark.parametrize("environment", ["none", "", "a\nb", "x" * 1000, "%00"])
    def test_refuses_an_environment_nobody_knows(
        self, client: APIClient, postgres: Any, environment: str
    ) -> None:
        answer = client.get(self.address.format(postgres.version), {"environment": environment})
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == "environment"

    def test_of_an_unknown_version_is_not_found(self, client: APIClient) -> None:
        for version in ("9.9.9", "x", "1.0.0%00"):
            assert client.get(self.address.format(version)).status_code == 404
