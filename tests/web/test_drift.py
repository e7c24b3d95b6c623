"""Drift on pages: in sync or not, the differences, a check on demand, and both ways to settle it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from provisioner.domain.run import RunStatus
from provisioner.models import Run, Workspace
from provisioner.services import plan
from tests.fakes import FakeEngine
from tests.web.conftest import Order, SignIn, fields, now

CLASS = {
    "path": "instance_class",
    "before": "db.t4g.small",
    "after": "db.t4g.large",
    "parameter": "instance_class",
    "value": "db.t4g.large",
    "obstacle": "",
}
PORT = {
    "path": "port",
    "before": "5432",
    "after": "<b>6000</b>",
    "parameter": "",
    "value": None,
    "obstacle": "No single parameter of the module sets it.",
}


@pytest.fixture
def workspace(order: Order) -> Workspace:
    return order(to="applied").workspace


@pytest.fixture
def developer(sign_in: SignIn) -> Client:
    return sign_in("developer")


def address(workspace: Workspace, name: str = "workspace") -> str:
    return reverse(name, args=[workspace.pk])


def let_drift(workspace: Workspace, *differences: dict[str, object], verb: str = "changed") -> None:
    found = {
        "address": "module.this.aws_db_instance.this",
        "type": "aws_db_instance",
        "verb": verb,
        "correction": "create" if verb == "gone" else "update",
        "differences": list(differences),
        "others": [],
    }
    Workspace.objects.filter(pk=workspace.pk).update(
        drift=[found], drifted_at=now() - timedelta(days=2), drift_checked_at=now() - timedelta(hours=3)
    )


class TestAWorkspacesPage:
    def test_says_since_when_it_is_in_sync(self, developer: Client, workspace: Workspace) -> None:
        page = developer.get(address(workspace)).content.decode()
        assert "in sync" in page
        assert "since the last apply" in page
        Workspace.objects.update(
            applied_at=now() - timedelta(days=1), drift_checked_at=now() - timedelta(hours=3)
        )
        page = developer.get(address(workspace)).content.decode()
        assert "checked" in page
        assert "3\xa0hours ago" in page

    def test_shows_what_differs(self, developer: Client, workspace: Workspace) -> None:
        let_drift(workspace, CLASS, PORT)
        page = developer.get(address(workspace)).content.decode()
        assert "drifted" in page
        assert "db.t4g.small" in page
        assert "<ins>db.t4g.large</ins>" in page
        assert "<b>6000</b>" not in page
        assert reverse("workspace-drift", args=[workspace.pk]) in page

    def test_says_that_an_object_is_gone(self, developer: Client, workspace: Workspace) -> None:
        let_drift(workspace, verb="gone")
        assert "a correction makes it anew" in developer.get(address(workspace)).content.decode()

    @pytest.mark.parametrize(("name", "may"), [("developer", True), ("sre", True), ("finops", False)])
    def test_offers_a_check_to_whom_may_order_it(
        self, name: str, may: bool, sign_in: SignIn, workspace: Workspace
    ) -> None:
        page = sign_in(name).get(address(workspace)).content.decode()
        assert ("Check for drift" in page) is may

    def test_orders_a_check_and_shows_what_came_of_it(self, developer: Client, workspace: Workspace) -> None:
        answer = developer.post(address(workspace, "workspace-check-drift"))
        run = Run.objects.get(kind="drift_check")
        assert answer["Location"] == reverse("run", args=[run.pk])
        plan.plan(run.pk, engine=FakeEngine(document=lambda spec: {**NOTHING}), worker="w1", clock=now)
        run.refresh_from_db()
        assert run.status == RunStatus.PLANNED_AND_FINISHED
        page = developer.get(reverse("run", args=[run.pk])).content.decode()
        assert "was in sync" in page
        assert "checked" in page
        refused = developer.get(address(workspace, "workspace-check-drift"))
        assert refused.status_code == 405

    def test_names_a_check_that_failed(self, developer: Client, workspace: Workspace) -> None:
        developer.post(address(workspace, "workspace-check-drift"))
        Run.objects.filter(kind="drift_check").update(status="errored", error_summary="The token is expired")
        assert (
            "The newest check failed: The token is expired"
            in developer.get(address(workspace)).content.decode()
        )


NOTHING = {"format_version": "1.2", "terraform_version": "1.11.4", "planned_values": {}}


class TestLists:
    def test_mark_and_filter_what_has_drifted(
        self, developer: Client, workspace: Workspace, order: Order
    ) -> None:
        order(name="other-db", to="applied")
        let_drift(workspace, CLASS)
        page = developer.get(reverse("workspaces")).content.decode()
        assert page.count("drifted</span>") == 1
        only = developer.get(reverse("workspaces"), {"drifted": "1"}).content.decode()
        assert workspace.name in only
        assert "other-db" not in only

    def test_leave_checks_out_unless_they_are_asked_for(
        self, developer: Client, workspace: Workspace
    ) -> None:
        developer.post(address(workspace, "workspace-check-drift"))
        run = reverse("run", args=[Run.objects.get(kind="drift_check").pk])
        Run.objects.filter(kind="drift_check").update(status="planned_and_finished")
        assert run not in developer.get(reverse("runs")).content.decode()
        assert run not in developer.get(reverse("home")).content.decode()
        asked = developer.get(reverse("runs"), {"checks": "1"}).content.decode()
        assert run in asked
        assert "Drift check" in asked


class TestSettling:
    def test_shows_what_accepting_takes_over_and_what_it_cannot(
        self, developer: Client, workspace: Workspace
    ) -> None:
        let_drift(workspace, CLASS, PORT)
        page = developer.get(address(workspace, "workspace-drift")).content.decode()
        assert "Accepting sets <code>instance_class</code> to that." in page
        assert "No single parameter of the module sets it." in page
        assert "puts back the 1 difference that no parameter can take over" in page

    @pytest.mark.parametrize(("action", "class_"), [("correct", None), ("accept", "db.t4g.large")])
    def test_orders_an_update(
        self, action: str, class_: str | None, developer: Client, workspace: Workspace
    ) -> None:
        let_drift(workspace, CLASS)
        sent = {"action": action, "justification": "The load grew."}
        answer = developer.post(address(workspace, "workspace-drift"), sent)
        run = Run.objects.get(kind="update")
        assert answer["Location"] == reverse("run", args=[run.pk])
        assert run.parameters.get("instance_class") == class_
        assert run.request.justification == "The load grew."

    def test_shows_why_a_guardrail_refuses(self, developer: Client, workspace: Workspace) -> None:
        let_drift(workspace, {**CLASS, "value": "db.r6g.16xlarge"})
        answer = developer.post(address(workspace, "workspace-drift"), {"action": "accept"})
        assert answer.status_code == 422
        assert "development allows only" in answer.content.decode()

    def test_leads_to_an_update_with_what_was_found_filled_in(
        self, developer: Client, workspace: Workspace
    ) -> None:
        let_drift(workspace, CLASS)
        address_ = f"{address(workspace, 'workspace-update')}?found=1"
        assert address_ in developer.get(address(workspace, "workspace-drift")).content.decode()
        assert fields(developer.get(address_))["instance_class"] == "db.t4g.large"

    def test_says_that_there_is_nothing_to_settle(self, developer: Client, workspace: Workspace) -> None:
        assert "as it was ordered" in developer.get(address(workspace, "workspace-drift")).content.decode()
        answer = developer.post(address(workspace, "workspace-drift"), {"action": "correct"})
        assert answer.status_code == 409

    def test_is_not_shown_to_others(self, sign_in: SignIn, workspace: Workspace) -> None:
        outsider = sign_in("outsider")
        assert outsider.get(address(workspace, "workspace-drift")).status_code == 404
        assert outsider.post(address(workspace, "workspace-check-drift")).status_code == 404
        let_drift(workspace, CLASS)
        assert sign_in("sre").post(address(workspace, "workspace-drift")).status_code == 403
