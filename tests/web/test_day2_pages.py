"""Hold, renewal, transfer and orphans on the pages; and archiving in the admin."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from catalog.models import Service
from provisioner.domain.run import RunKind, RunStatus
from provisioner.models import AuditEvent, Run, Workspace, WorkspaceTransfer
from tests.conftest import Organisation
from tests.web.conftest import Order, SignIn, fields, now


@pytest.fixture
def workspace(order: Order) -> Workspace:
    return order(to="applied").workspace


@pytest.fixture
def developer(sign_in: SignIn) -> Client:
    return sign_in("developer")


def address(workspace: Workspace, name: str = "workspace") -> str:
    return reverse(name, args=[workspace.pk])


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


class TestAHold:
    def test_is_put_on_a_form_and_shown_on_workspace_run_and_lists(
        self, developer: Client, workspace: Workspace
    ) -> None:
        assert "Put on hold" in text(developer.get(address(workspace, "workspace-hold")))
        answer = developer.post(address(workspace, "workspace-hold"), {"reason": "We look into <a leak>"})
        assert answer["Location"] == address(workspace)
        page = text(developer.get(address(workspace)))
        assert "We look into &lt;a leak&gt;" in page
        assert "developer, since" in page
        assert "Release the hold" in page
        assert reverse("workspace-update", args=[workspace.pk]) not in page
        assert "on hold" in text(developer.get(reverse("workspaces")))
        assert "is on hold" in text(developer.get(reverse("run", args=[workspace.runs.get().pk])))

    def test_needs_a_reason(self, developer: Client, workspace: Workspace) -> None:
        answer = developer.post(address(workspace, "workspace-hold"), {"reason": " "})
        assert answer.status_code == 422
        workspace.refresh_from_db()
        assert workspace.held_at is None

    def test_of_sre_cannot_be_released_by_the_owners(self, sign_in: SignIn, workspace: Workspace) -> None:
        sign_in("sre").post(address(workspace, "workspace-hold"), {"reason": "An incident"})
        client = sign_in("developer")
        page = text(client.get(address(workspace)))
        assert "a member of sre or a platform engineer" in page
        assert "Release the hold" not in page
        answer = client.post(address(workspace, "workspace-release"))
        assert answer.status_code == 403
        assert "You cannot release this hold" in text(answer)
        assert client.post(address(workspace, "workspace-hold"), {"reason": "x"}).status_code == 409
        assert sign_in("sre").post(address(workspace, "workspace-release")).status_code == 302
        workspace.refresh_from_db()
        assert workspace.held_at is None

    def test_refuses_orders_in_the_same_words_as_the_api(
        self, developer: Client, workspace: Workspace
    ) -> None:
        shown = fields(developer.get(address(workspace, "workspace-update")))
        developer.post(address(workspace, "workspace-hold"), {"reason": "An incident"})
        for name, sent in (
            ("workspace-update", {**shown, "database_name": "app2", "action": "order"}),
            ("workspace-destroy", {"confirmation": "orders-db"}),
        ):
            answer = developer.post(address(workspace, name), sent)
            assert answer.status_code == 409
            assert "The workspace is on hold" in text(answer)
            assert "developer put orders-db on hold" in text(answer)
        run = workspace.runs.get()
        Run.objects.update(status=RunStatus.ERRORED)
        assert developer.post(reverse("run-retry", args=[run.pk])).status_code == 409
        assert Run.objects.count() == 1

    def test_is_said_where_one_decides(self, sign_in: SignIn, order: Order) -> None:
        run = order("production")
        sign_in("developer").post(address(run.workspace, "workspace-hold"), {"reason": "An incident"})
        client = sign_in("finops")
        assert "you can decide, and an approved plan is applied once" in text(
            client.get(reverse("approvals"))
        )
        assert "on hold" in text(client.get(reverse("runs")))


class TestAnEnd:
    def test_that_is_near_is_shown_with_renew_and_marked_in_lists(
        self, developer: Client, workspace: Workspace
    ) -> None:
        assert "expiring" not in text(developer.get(reverse("workspaces")))
        Workspace.objects.update(expires_at=now() + timedelta(days=3))
        assert "expiring" in text(developer.get(reverse("workspaces")))
        page = text(developer.get(address(workspace)))
        assert "Expires on" in page
        assert address(workspace, "workspace-renew") in page

    def test_that_is_over_says_what_stands_in_the_way(self, developer: Client, workspace: Workspace) -> None:
        Workspace.objects.update(
            expires_at=now() - timedelta(hours=1), expiry_obstacle="It is protected <b>."
        )
        page = text(developer.get(address(workspace)))
        assert "Expired on" in page
        assert "It could not be destroyed: It is protected &lt;b&gt;. Nothing is forced" in page
        assert "expired" in text(developer.get(reverse("workspaces")))

    def test_is_renewed_on_a_form(self, developer: Client, workspace: Workspace) -> None:
        shown = fields(developer.get(address(workspace, "workspace-renew")))
        assert shown["ttl"] == "30"
        answer = developer.post(address(workspace, "workspace-renew"), shown)
        assert answer["Location"] == address(workspace)
        workspace.refresh_from_db()
        assert workspace.expires_at is not None
        developer.post(address(workspace, "workspace-renew"), {**shown, "forever": "on"})
        workspace.refresh_from_db()
        assert workspace.expires_at is None

    @pytest.mark.parametrize("ttl", ["", "0", "x", "3651"])
    def test_needs_a_number_of_days(self, developer: Client, workspace: Workspace, ttl: str) -> None:
        answer = developer.post(address(workspace, "workspace-renew"), {"ttl": ttl})
        assert answer.status_code == 422
        assert "ttl" in answer.context["form"].errors
        workspace.refresh_from_db()
        assert workspace.expires_at is None

    def test_is_not_renewed_by_others(self, sign_in: SignIn, workspace: Workspace) -> None:
        client = sign_in("finops")
        assert address(workspace, "workspace-renew") not in text(client.get(address(workspace)))
        assert client.post(address(workspace, "workspace-renew"), {"ttl": "3"}).status_code == 403

    def test_is_ordered_on_the_order_form(self, developer: Client, postgres: Any) -> None:
        page = reverse("order", args=["postgres"])
        shown = fields(developer.get(page))
        sent = {**shown, "name": "orders-db", "ttl": "14", "action": "order"}
        assert developer.post(page, sent).status_code == 302
        assert Run.objects.get().request.ttl_days == 14
        answer = developer.post(page, {**sent, "name": "orders-db2", "ttl": "9999"})
        assert answer.status_code == 422
        assert "ttl" in answer.context["form"].errors


class TestATransfer:
    def test_waits_on_a_page_that_both_teams_see_and_is_accepted_there(
        self, sign_in: SignIn, workspace: Workspace
    ) -> None:
        giver, taker = sign_in("developer"), sign_in("outsider")
        assert "Ads (Growth)" in text(giver.get(address(workspace, "workspace-transfer")))
        answer = giver.post(
            address(workspace, "workspace-transfer"), {"service": "ads", "reason": "They <run> it"}
        )
        page = answer["Location"]
        assert page == reverse("transfer", args=[WorkspaceTransfer.objects.get().pk])
        shown = text(giver.get(page))
        assert "They &lt;run&gt; it" in shown
        assert "Withdraw the offer" in shown
        assert "Accept for" not in shown
        assert "Offered to Ads" in text(giver.get(address(workspace)))
        assert "Offered to your team" in text(taker.get(reverse("home")))
        shown = text(taker.get(page))
        assert "Accept for Ads" in shown
        assert "team-owner" in shown
        assert address(workspace) not in shown
        answer = taker.post(f"{page}accept/")
        run = Run.objects.get(kind=RunKind.UPDATE)
        assert answer["Location"] == reverse("run", args=[run.pk])
        assert giver.get(address(workspace)).status_code == 404
        assert "accepted" in text(giver.get(page))
        assert taker.post(f"{page}decline/").status_code == 409

    def test_is_404_for_people_of_neither_team(
        self, sign_in: SignIn, workspace: Workspace, org: Organisation
    ) -> None:
        sign_in("developer").post(address(workspace, "workspace-transfer"), {"service": "ads", "reason": "x"})
        page = reverse("transfer", args=[WorkspaceTransfer.objects.get().pk])
        stranger = Client()
        stranger.force_login(type(org.sre).objects.create_user("stranger"))
        assert stranger.get(page).status_code == 404
        for act in ("accept", "decline", "withdraw", "explode"):
            assert stranger.post(f"{page}{act}/").status_code == 404
        assert WorkspaceTransfer.objects.get().decided_at is None

    def test_by_the_wrong_side_is_refused_on_its_page(self, sign_in: SignIn, workspace: Workspace) -> None:
        sign_in("developer").post(address(workspace, "workspace-transfer"), {"service": "ads", "reason": "x"})
        page = reverse("transfer", args=[WorkspaceTransfer.objects.get().pk])
        answer = sign_in("developer").post(f"{page}accept/")
        assert answer.status_code == 403
        assert "Not yours to answer" in text(answer)

    @pytest.mark.parametrize(
        ("sent", "field"), [({"reason": "x"}, "service"), ({"service": "ads"}, "reason")]
    )
    def test_needs_a_service_and_a_reason(
        self, developer: Client, workspace: Workspace, sent: dict[str, str], field: str
    ) -> None:
        answer = developer.post(address(workspace, "workspace-transfer"), sent)
        assert answer.status_code == 422
        assert field in answer.context["form"].errors

    def test_of_a_busy_workspace_names_the_run(self, developer: Client, workspace: Workspace) -> None:
        developer.post(address(workspace, "workspace-destroy"), {"confirmation": "orders-db"})
        answer = developer.post(
            address(workspace, "workspace-transfer"), {"service": "receipts", "reason": "x"}
        )
        assert answer.status_code == 409
        assert "The workspace is busy" in text(answer)

    @pytest.mark.parametrize(
        "name", ["workspace-hold", "workspace-renew", "workspace-transfer", "workspace-release"]
    )
    def test_and_the_rest_are_404_for_another_team(
        self, sign_in: SignIn, workspace: Workspace, name: str
    ) -> None:
        client = sign_in("outsider")
        sent = {"reason": "x", "ttl": "3", "service": "ads"}
        assert client.post(address(workspace, name), sent).status_code == 404
        assert not AuditEvent.objects.filter(object_id=str(workspace.pk)).exists()


class TestAnOrphan:
    @pytest.fixture
    def orphan(self, workspace: Workspace) -> Workspace:
        Service.objects.filter(slug="orders").update(archived_at=now())
        return workspace

    def test_is_counted_for_platform_engineers_and_found_by_the_filter(
        self, sign_in: SignIn, orphan: Workspace, order: Order
    ) -> None:
        order(service="receipts", name="kept-db", to="queued")
        client = sign_in("platform")
        assert "1 orphaned workspace" in text(client.get(reverse("home")))
        assert "orphaned workspace" not in text(sign_in("finops").get(reverse("home")))
        listed = text(client.get(reverse("workspaces"), {"orphaned": "1"}))
        assert "orders-db" in listed
        assert "kept-db" not in listed

    def test_says_so_and_is_reassigned_by_platform(self, sign_in: SignIn, orphan: Workspace) -> None:
        client = sign_in("platform")
        page = text(client.get(address(orphan)))
        assert "The service Orders is archived." in page
        assert "Reassign" in page
        answer = client.post(address(orphan, "workspace-transfer"), {"service": "ads", "reason": "Adopted"})
        assert answer["Location"] == reverse("run", args=[Run.objects.get(kind=RunKind.UPDATE).pk])
        assert "Orphaned" not in text(client.get(address(orphan)))


class TestTheAdmin:
    def test_archives_and_says_what_becomes_orphaned(
        self, sign_in: SignIn, workspace: Workspace, org: Organisation
    ) -> None:
        client, page = sign_in("platform"), reverse("admin:catalog_service_changelist")
        sent = {"action": "archive", "_selected_action": [org.services["orders"].pk]}
        answer = client.post(page, sent, follow=True)
        assert "leaves 1 orphaned: orders-db (development)" in text(answer)
        assert AuditEvent.objects.get(action="service.archive").actor == org.platform
        answer = client.post(page, {**sent, "action": "restore"}, follow=True)
        assert "in use again" in text(answer)
        assert Service.objects.get(slug="orders").archived_at is None

    def test_refuses_who_is_no_platform_engineer(self, sign_in: SignIn, org: Organisation) -> None:
        org.finops.is_staff = True
        org.finops.save()
        allowed = Permission.objects.filter(codename__in=["view_service", "change_service"])
        org.finops.user_permissions.set(allowed)
        page = reverse("admin:catalog_service_changelist")
        sent = {"action": "archive", "_selected_action": [org.services["orders"].pk]}
        answer = sign_in("finops").post(page, sent, follow=True)
        assert "Only a platform engineer archives services" in text(answer)
        assert Service.objects.get(slug="orders").archived_at is None
