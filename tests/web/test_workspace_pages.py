"""The workspace page, its update form and its destruction."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from provisioner.domain.run import RunKind
from provisioner.models import Run, Workspace
from provisioner.web.connect import connect_text, output_rows
from tests.web.conftest import Order, SignIn, fields


@pytest.fixture
def workspace(order: Order) -> Workspace:
    return order(to="applied", backup_retention_days=5).workspace


@pytest.fixture
def developer(sign_in: SignIn) -> Client:
    return sign_in("developer")


def address(workspace: Workspace, name: str = "workspace") -> str:
    return reverse(name, args=[workspace.pk])


class TestTheWorkspacePage:
    def test_shows_outputs_resources_tags_owner_cost_and_runs(
        self, developer: Client, workspace: Workspace
    ) -> None:
        text = developer.get(address(workspace)).content.decode()
        assert "Host db.example" in text, "how to connect"
        assert "arn:aws:rds:1" in text
        assert "cc-100" in text
        assert "Payments" in text
        assert "estimate at list prices" in text
        assert "Provision orders-db" in text

    def test_offers_changes_to_the_owners_alone(self, sign_in: SignIn, workspace: Workspace) -> None:
        assert b"Destroy" in sign_in("teammate").get(address(workspace)).content
        assert b"Destroy" not in sign_in("finops").get(address(workspace)).content

    def test_never_shows_a_sensitive_output(self) -> None:
        workspace = Workspace(
            outputs={
                "password": {"sensitive": True, "value": "canary"},
                "port": {"sensitive": False, "value": 5432},
            }
        )
        assert [row.text for row in output_rows(workspace)] == ["", "5432"]
        text = connect_text("{port} {password} {nothing} {port.__class__}", workspace)
        assert text == "5432 (sensitive) {nothing} {port.__class__}"

    def test_asks_the_database_a_fixed_number_of_times(
        self, developer: Client, workspace: Workspace, django_assert_max_num_queries: object
    ) -> None:
        with django_assert_max_num_queries(13):  # type: ignore[operator]
            developer.get(address(workspace))


class TestAnUpdate:
    def test_starts_from_what_was_decided(self, developer: Client, workspace: Workspace) -> None:
        shown = fields(developer.get(address(workspace, "workspace-update")))
        assert shown["backup_retention_days"] == "5"
        assert shown["size"] == "small"

    def test_changes_what_is_changed_and_keeps_the_rest(
        self, developer: Client, workspace: Workspace
    ) -> None:
        shown = fields(developer.get(address(workspace, "workspace-update")))
        answer = developer.post(
            address(workspace, "workspace-update"), {**shown, "database_name": "app2", "action": "order"}
        )
        run = Run.objects.get(kind=RunKind.UPDATE)
        assert answer["Location"] == reverse("run", args=[run.pk])
        assert run.parameters == {"backup_retention_days": 5, "database_name": "app2"}

    def test_sets_back_what_is_set_back(self, developer: Client, workspace: Workspace) -> None:
        shown = fields(developer.get(address(workspace, "workspace-update")))
        developer.post(
            address(workspace, "workspace-update"), {**shown, "backup_retention_days": "1", "action": "order"}
        )
        assert Run.objects.get(kind=RunKind.UPDATE).parameters == {}

    def test_with_a_bad_field_is_a_form_error(self, developer: Client, workspace: Workspace) -> None:
        shown = fields(developer.get(address(workspace, "workspace-update")))
        answer = developer.post(
            address(workspace, "workspace-update"),
            {**shown, "backup_retention_days": "999", "action": "order"},
        )
        assert answer.status_code == 422
        assert "backup_retention_days" in answer.context["parameters"].form.errors
        assert Run.objects.count() == 1

    def test_against_a_guardrail_is_refused_beside_the_field(
        self, developer: Client, workspace: Workspace
    ) -> None:
        shown = fields(developer.get(address(workspace, "workspace-update")))
        answer = developer.post(
            address(workspace, "workspace-update"),
            {**shown, "instance_class": "db.r6g.16xlarge", "action": "order"},
        )
        assert answer.status_code == 422
        assert b"instance-class-by-environment" in answer.content

    def test_is_answered_while_one_types(self, developer: Client, workspace: Workspace) -> None:
        shown = fields(developer.get(address(workspace, "workspace-update")))
        answer = developer.post(address(workspace, "workspace-update-live"), {**shown, "part": "answer"})
        assert b"a month" in answer.content
        bigger = developer.post(address(workspace, "workspace-update-live"), {**shown, "size": "large"})
        assert fields(bigger)["instance_class"] == "db.t4g.large"

    def test_of_a_busy_workspace_names_the_run_that_holds_it(
        self, developer: Client, workspace: Workspace
    ) -> None:
        shown = fields(developer.get(address(workspace, "workspace-update")))
        sent = {**shown, "database_name": "app2", "action": "order"}
        developer.post(address(workspace, "workspace-update"), sent)
        answer = developer.post(address(workspace, "workspace-update"), sent)
        assert answer.status_code == 409
        assert b"The workspace is busy" in answer.content
        assert b"A run holds this workspace" in answer.content

    def test_by_somebody_outside_the_team_is_forbidden(self, sign_in: SignIn, workspace: Workspace) -> None:
        client = sign_in("finops")
        shown = fields(client.get(address(workspace, "workspace-update")))
        answer = client.post(address(workspace, "workspace-update"), {**shown, "action": "order"})
        assert answer.status_code == 403
        assert Run.objects.count() == 1


class TestADestruction:
    def test_needs_the_name_typed(self, developer: Client, workspace: Workspace) -> None:
        answer = developer.post(address(workspace, "workspace-destroy"), {"confirmation": "orders"})
        assert answer.status_code == 422
        assert b"This is not the name" in answer.content
        assert not Run.objects.filter(kind=RunKind.DESTROY).exists()

    def test_is_planned_once_the_name_is_typed(self, developer: Client, workspace: Workspace) -> None:
        answer = developer.post(address(workspace, "workspace-destroy"), {"confirmation": "orders-db"})
        run = Run.objects.get(kind=RunKind.DESTROY)
        assert answer["Location"] == reverse("run", args=[run.pk])

    def test_of_a_protected_workspace_offers_the_update_that_lifts_the_protection(
        self, developer: Client, order: Order
    ) -> None:
        protected = order(to="applied", deletion_protection=True).workspace
        page = developer.get(address(protected, "workspace-destroy")).content.decode()
        assert "Deletion protection is on" in page
        assert "?unprotect=1" in page
        assert 'name="confirmation"' not in page

        answer = developer.post(address(protected, "workspace-destroy"), {"confirmation": "orders-db"})
        assert answer.status_code == 409
        assert not Run.objects.filter(kind=RunKind.DESTROY).exists()

        update = developer.get(address(protected, "workspace-update"), {"unprotect": "1"})
        assert "deletion_protection" not in fields(update)
