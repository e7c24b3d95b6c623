"""Lifecycles in the catalog's pages, and the page that shows and orders an upgrade."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from catalog.models import CatalogItemVersion
from provisioner.domain.run import RunKind
from provisioner.models import Run, Workspace
from tests.versions import next_version, stand, without_retention
from tests.web.conftest import Order, SignIn, fields


@pytest.fixture
def workspace(order: Order) -> Workspace:
    return order(to="applied", backup_retention_days=5, database_name="app2").workspace


@pytest.fixture
def developer(sign_in: SignIn) -> Client:
    return sign_in("developer")


def address(workspace: Workspace, name: str = "workspace-upgrade") -> str:
    return reverse(name, args=[workspace.pk])


class TestTheCatalog:
    def test_marks_what_is_deprecated_and_names_what_to_order_instead(
        self, developer: Client, postgres: CatalogItemVersion
    ) -> None:
        stand(
            postgres, "deprecated", deprecated_since="2026-11-01", deprecated_until="2027-01-31",
            successor="object-store", deprecation_reason="It is old.",
        )  # fmt: skip
        page = developer.get(reverse("catalog-item", args=["postgres"])).content.decode()
        assert "is deprecated since 2026-11-01, and can be ordered until 2027-01-31" in page
        assert reverse("catalog-item", args=["object-store"]) in page
        assert "deprecated" in developer.get(reverse("catalog")).content.decode()
        assert b"Order object-store instead." in developer.get(reverse("order", args=["postgres"])).content

    def test_shows_a_draft_to_platform_engineers_alone(
        self, sign_in: SignIn, postgres: CatalogItemVersion
    ) -> None:
        next_version(postgres, "9.0.0", lifecycle="draft")
        item, order = reverse("catalog-item", args=["postgres"]), reverse("order", args=["postgres"])
        developer, platform = sign_in("developer"), sign_in("platform")
        assert b"9.0.0" not in developer.get(item).content
        assert f"{order}?version=9.0.0".encode() in platform.get(item).content
        assert developer.get(order, {"version": "9.0.0"}).status_code == 404
        shown = fields(platform.get(order, {"version": "9.0.0"}))
        assert shown["version"] == "9.0.0"
        platform.post(order, {**shown, "name": "draft-db", "service": "orders", "action": "order"})
        assert Run.objects.get().item_version.version == "9.0.0"

    def test_has_no_page_for_a_retired_version(self, developer: Client, postgres: CatalogItemVersion) -> None:
        next_version(postgres, "9.0.0")
        stand(postgres, "retired", deprecated_since="2026-11-01")
        order = reverse("order", args=["postgres"])
        assert developer.get(order, {"version": postgres.version}).status_code == 404
        assert developer.get(order).status_code == 200


class TestAWorkspace:
    def test_says_when_a_newer_version_is_there(
        self, developer: Client, workspace: Workspace, postgres: CatalogItemVersion
    ) -> None:
        shown = address(workspace, "workspace")
        assert b"See what changes" not in developer.get(shown).content
        next_version(postgres, "9.0.0")
        page = developer.get(shown).content.decode()
        assert f"Version {postgres.version}, newest 9.0.0" in page
        assert address(workspace) in page

    def test_can_be_found_by_being_outdated(
        self, developer: Client, workspace: Workspace, postgres: CatalogItemVersion
    ) -> None:
        listed = reverse("workspaces")
        assert not developer.get(listed, {"outdated": "1"}).context["page"].rows
        next_version(postgres, "9.0.0")
        answer = developer.get(listed, {"outdated": "1"})
        assert [row.name for row in answer.context["page"].rows] == ["orders-db"]
        assert b"newest 9.0.0" in answer.content

    def test_says_when_its_version_is_deprecated(
        self, developer: Client, workspace: Workspace, postgres: CatalogItemVersion
    ) -> None:
        stand(postgres, "deprecated", deprecated_since="2026-11-01", deprecation_reason="It is old.")
        assert (
            b"This version is deprecated since 2026-11-01"
            in developer.get(address(workspace, "workspace")).content
        )


class TestAnUpgrade:
    def test_shows_changelog_and_differences_and_is_ordered(
        self, developer: Client, workspace: Workspace, postgres: CatalogItemVersion
    ) -> None:
        next_version(postgres, "8.0.0")
        next_version(postgres, "9.0.0", without_retention)
        answer = developer.get(address(workspace))
        page = answer.content.decode()
        assert f"From version {postgres.version} to 9.0.0" in page
        assert "What 9.0.0 brings." in page
        rows = {row.name: (row.word.label, row.note) for row in answer.context["differences"]}
        assert rows == {
            "contact": ("new", "must be given"),
            "database_name": ("filled in differently", "you gave app2, which stays"),
            "backup_retention_days": ("gone", "what you gave is dropped"),
        }
        assert "Something must be decided anew" in page
        shown = fields(answer)
        assert (shown["database_name"], shown["version"]) == ("app2", "9.0.0")
        refused = developer.post(address(workspace), {**shown, "action": "order"})
        assert refused.status_code == 422
        assert "contact" in refused.context["parameters"].form.errors
        sent = {**shown, "contact": "ada", "action": "order"}
        assert (
            b"a month"
            in developer.post(
                address(workspace, "workspace-upgrade-live"), {**sent, "part": "answer"}
            ).content
        )
        ordered = developer.post(address(workspace), sent)
        run = Run.objects.get(kind=RunKind.UPGRADE)
        assert ordered["Location"] == reverse("run", args=[run.pk])
        assert run.item_version.version == "9.0.0"
        assert run.parameters == {"database_name": "app2", "contact": "ada"}
        assert b"A run holds this workspace" in developer.get(address(workspace)).content

    def test_can_lead_to_a_version_in_between(
        self, developer: Client, workspace: Workspace, postgres: CatalogItemVersion
    ) -> None:
        next_version(postgres, "8.0.0")
        next_version(postgres, "9.0.0")
        shown = fields(developer.get(address(workspace), {"version": "8.0.0"}))
        bigger = developer.post(address(workspace, "workspace-upgrade-live"), {**shown, "size": "large"})
        assert fields(bigger)["instance_class"] == "db.t4g.large"
        assert fields(bigger)["version"] == "8.0.0"
        developer.post(address(workspace), {**shown, "action": "order"})
        assert Run.objects.get(kind=RunKind.UPGRADE).item_version.version == "8.0.0"

    def test_without_a_newer_version_says_so(
        self, developer: Client, sign_in: SignIn, workspace: Workspace, postgres: CatalogItemVersion
    ) -> None:
        answer = developer.get(address(workspace))
        assert answer.status_code == 409
        assert b"no newer version is published" in answer.content
        next_version(postgres, "9.0.0")
        assert developer.get(address(workspace), {"version": "nonsense"}).status_code == 400
        assert sign_in("outsider").get(address(workspace)).status_code == 404
        assert sign_in("finops").get(address(workspace)).status_code == 403
