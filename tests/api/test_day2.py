"""Hold, renewal, transfer and archiving through the REST API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from catalog.models import Service
from provisioner.domain.run import RunStatus
from provisioner.models import AuditEvent, Run, Workspace
from tests.api.rows import make_run, make_transfer
from tests.conftest import NOW, Organisation


@pytest.fixture
def workspace(org: Organisation, published: Any) -> Workspace:
    """Return an applied workspace of payments."""
    run = make_run(org, published, status=RunStatus.APPLIED)
    Workspace.objects.update(applied_at=NOW)
    return Workspace.objects.get(pk=run.workspace_id)


def address(workspace: Workspace, rest: str = "") -> str:
    return f"/api/v1/workspaces/{workspace.pk}/{rest}"


class TestAHold:
    @pytest.mark.parametrize("by", ["developer", "finops", "sre", "platform"])
    def test_is_put_and_released_with_the_workspace_as_the_answer(
        self, workspace: Workspace, org: Organisation, with_token: Any, by: str
    ) -> None:
        client = with_token(org.users[by])
        answer = client.put(address(workspace, "hold/"), {"reason": "An incident"}, format="json")
        assert answer.status_code == 200
        hold = answer.json()["hold"]
        assert (hold["by"], hold["reason"]) == (by, "An incident")
        assert hold["group"] == ("" if by == "developer" else by)
        assert client.get("/api/v1/workspaces/").json()["results"][0]["hold"] == hold
        assert client.get("/api/v1/runs/").json()["results"][0]["on_hold"] is True
        answer = client.delete(address(workspace, "hold/"))
        assert (answer.status_code, answer.json()["hold"]) == (200, None)

    def test_refuses_orders_with_409(self, workspace: Workspace, org: Organisation, with_token: Any) -> None:
        with_token(org.sre).put(address(workspace, "hold/"), {"reason": "An incident"}, format="json")
        client = with_token(org.developer)
        for body in ({"kind": "destroy"}, {"kind": "update", "parameters": {"a": 1}}, {"kind": "upgrade"}):
            answer = client.post(address(workspace, "runs/"), body, format="json")
            assert (answer.status_code, answer.json()["code"]) == (409, "on_hold"), body
            assert "sre put db-0 on hold" in answer.json()["detail"]
        Run.objects.update(status="errored")
        answer = client.post(f"/api/v1/runs/{workspace.runs.get().pk}/retry/", {}, format="json")
        assert (answer.status_code, answer.json()["code"]) == (409, "on_hold")

    def test_of_sre_is_not_released_by_the_owners(
        self, workspace: Workspace, org: Organisation, with_token: Any
    ) -> None:
        with_token(org.sre).put(address(workspace, "hold/"), {"reason": "x"}, format="json")
        answer = with_token(org.developer).delete(address(workspace, "hold/"))
        assert (answer.status_code, answer.json()["code"]) == (403, "not_your_hold")
        answer = with_token(org.developer).put(address(workspace, "hold/"), {"reason": "y"}, format="json")
        assert (answer.status_code, answer.json()["code"]) == (409, "already_on_hold")

    @pytest.mark.parametrize(
        ("body", "field"),
        [({}, "reason"), ({"reason": " "}, "reason"), ({"reason": 1}, "reason"), ({"why": "x"}, "why")],
    )
    def test_names_the_field_that_is_wrong(
        self, workspace: Workspace, org: Organisation, with_token: Any, body: dict[str, Any], field: str
    ) -> None:
        answer = with_token(org.developer).put(address(workspace, "hold/"), body, format="json")
        assert answer.status_code == 400
        assert field in {error["field"] for error in answer.json()["errors"]}

    def test_that_is_not_there_is_not_released(
        self, workspace: Workspace, org: Organisation, with_token: Any
    ) -> None:
        answer = with_token(org.developer).delete(address(workspace, "hold/"))
        assert (answer.status_code, answer.json()["code"]) == (409, "not_on_hold")


class TestARenewal:
    def test_answers_200_with_the_workspace(
        self, workspace: Workspace, org: Organisation, with_token: Any
    ) -> None:
        answer = with_token(org.developer).post(
            address(workspace, "runs/"), {"kind": "renew", "ttl": 30, "justification": "Used"}, format="json"
        )
        assert answer.status_code == 200
        assert answer.json()["id"] == str(workspace.pk)
        workspace.refresh_from_db()
        assert workspace.expires_at is not None
        assert timedelta(days=29) < workspace.expires_at - timezone.now() <= timedelta(days=30)
        assert Run.objects.count() == 1
        answer = with_token(org.developer).post(
            address(workspace, "runs/"), {"kind": "renew", "ttl": None}, format="json"
        )
        assert (answer.status_code, answer.json()["expires_at"]) == (200, None)

    @pytest.mark.parametrize(
        ("body", "field", "code"),
        [
            ({"kind": "renew"}, "ttl", "required"),
            ({"kind": "renew", "ttl": 0}, "ttl", "min_value"),
            ({"kind": "renew", "ttl": 3651}, "ttl", "max_value"),
            ({"kind": "renew", "ttl": "3"}, "ttl", "not_integer"),
            ({"kind": "renew", "ttl": 3, "parameters": {"a": 1}}, "parameters", "not_allowed"),
            ({"kind": "renew", "ttl": 3, "version": "1.0.0"}, "version", "not_allowed"),
            ({"kind": "destroy", "ttl": 3}, "ttl", "not_allowed"),
            ({"kind": "update", "parameters": {"a": 1}, "ttl": 3}, "ttl", "not_allowed"),
        ],
    )
    def test_names_what_cannot_be_taken(
        self,
        workspace: Workspace,
        org: Organisation,
        with_token: Any,
        body: dict[str, Any],
        field: str,
        code: str,
    ) -> None:
        answer = with_token(org.developer).post(address(workspace, "runs/"), body, format="json")
        assert answer.status_code == 400
        assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [(field, code)]
        workspace.refresh_from_db()
        assert workspace.expires_at is None

    @pytest.mark.parametrize("by", ["finops", "sre"])
    def test_is_for_the_owners(
        self, workspace: Workspace, org: Organisation, with_token: Any, by: str
    ) -> None:
        answer = with_token(org.users[by]).post(
            address(workspace, "runs/"), {"kind": "renew", "ttl": 3}, format="json"
        )
        assert (answer.status_code, answer.json()["code"]) == (403, "not_your_service")


class TestATransfer:
    def test_is_offered_shown_and_accepted(
        self, workspace: Workspace, org: Organisation, with_token: Any
    ) -> None:
        giver, taker = with_token(org.developer), with_token(org.outsider)
        body = {"service": "ads", "reason": "They run it."}
        answer = giver.post(address(workspace, "transfer/"), body, format="json")
        assert answer.status_code == 201
        offer = answer.json()
        assert (offer["verdict"], offer["run_id"], offer["to_team"]) == (None, None, "growth")
        assert giver.get(address(workspace)).json()["transfer"]["id"] == offer["id"]
        one = f"/api/v1/transfers/{offer['id']}/"
        for client in (giver, taker, with_token(org.sre)):
            assert client.get(one).json()["reason"] == "They run it."
        assert taker.get("/api/v1/transfers/?open=true").json()["results"][0]["id"] == offer["id"]
        assert taker.get(address(workspace)).status_code == 404, "an offer shows no more than itself"
        answer = giver.post(f"{one}accept/", {}, format="json")
        assert (answer.status_code, answer.json()["code"]) == (403, "not_your_transfer")
        answer = taker.post(f"{one}accept/", {}, format="json")
        assert (answer.status_code, answer.json()["verdict"]) == (200, "accepted")
        assert taker.get(f"/api/v1/runs/{answer.json()['run_id']}/").json()["tags"]["team-owner"] == "growth"
        assert giver.get(address(workspace)).status_code == 404
        answer = taker.post(f"{one}decline/", {}, format="json")
        assert (answer.status_code, answer.json()["code"]) == (409, "transfer_closed")

    @pytest.mark.parametrize(
        ("act", "by", "verdict"), [("decline", "outsider", "declined"), ("withdraw", "teammate", "withdrawn")]
    )
    def test_is_declined_and_withdrawn(
        self, workspace: Workspace, org: Organisation, with_token: Any, act: str, by: str, verdict: str
    ) -> None:
        offer = make_transfer(org, workspace.runs.get(), to="ads")
        answer = with_token(org.users[by]).post(f"/api/v1/transfers/{offer.pk}/{act}/", {}, format="json")
        assert (answer.status_code, answer.json()["verdict"]) == (200, verdict)

    def test_is_404_for_people_of_neither_team(
        self, workspace: Workspace, org: Organisation, with_token: Any
    ) -> None:
        offer = make_transfer(org, workspace.runs.get(), to="ads")
        client = with_token(type(org.sre).objects.create_user("stranger"))
        assert client.get(f"/api/v1/transfers/{offer.pk}/").status_code == 404
        for act in ("accept", "decline", "withdraw"):
            answer = client.post(f"/api/v1/transfers/{offer.pk}/{act}/", {}, format="json")
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert client.get(f"/api/v1/transfers/{10**30}/").status_code == 404

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "service"),
            ({"service": "ads"}, "reason"),
            ({"service": "none", "reason": "x"}, "service"),
            ({"service": 1, "reason": "x"}, "service"),
            ({"service": "ads", "reason": "x", "force": True}, "force"),
        ],
    )
    def test_names_the_field_that_is_wrong(
        self, workspace: Workspace, org: Organisation, with_token: Any, body: dict[str, Any], field: str
    ) -> None:
        answer = with_token(org.developer).post(address(workspace, "transfer/"), body, format="json")
        assert answer.status_code == 400
        assert field in {error["field"] for error in answer.json()["errors"]}

    @pytest.mark.parametrize("by", ["finops", "sre"])
    def test_is_offered_by_owners_alone(
        self, workspace: Workspace, org: Organisation, with_token: Any, by: str
    ) -> None:
        answer = with_token(org.users[by]).post(
            address(workspace, "transfer/"), {"service": "ads", "reason": "x"}, format="json"
        )
        assert (answer.status_code, answer.json()["code"]) == (403, "not_your_service")

    def test_by_platform_reassigns_an_orphan_at_once(
        self, workspace: Workspace, org: Organisation, with_token: Any
    ) -> None:
        Service.objects.filter(slug="orders").update(archived_at=NOW)
        client = with_token(org.platform)
        assert client.get(address(workspace)).json()["orphaned"] is True
        answer = client.post(
            address(workspace, "transfer/"), {"service": "ads", "reason": "Adopted"}, format="json"
        )
        assert (answer.status_code, answer.json()["verdict"]) == (201, "accepted")
        assert client.get(address(workspace)).json()["orphaned"] is False


class TestAService:
    def test_is_archived_with_open_workspaces_and_says_what_becomes_orphaned(
        self, workspace: Workspace, org: Organisation, with_token: Any
    ) -> None:
        client = with_token(org.platform)
        answer = client.post("/api/v1/services/orders/archive/", {}, format="json")
        assert answer.status_code == 200
        assert answer.json()["service"]["archived_at"] is not None
        assert answer.json()["orphaned"] == [
            {"id": str(workspace.pk), "name": "db-0", "item": "cache", "environment": "production"}
        ]
        again = client.post("/api/v1/services/orders/archive/", {}, format="json").json()
        assert again == answer.json(), "archived again, it says the same and changes nothing"
        event = AuditEvent.objects.get(action="service.archive")
        assert event.detail == {"orphaned": [str(workspace.pk)]}
        restored = client.post("/api/v1/services/orders/restore/", {}, format="json").json()
        assert restored["service"]["archived_at"] is None
        assert AuditEvent.objects.filter(action="service.restore").count() == 1

    @pytest.mark.parametrize("by", ["developer", "outsider", "finops", "sre"])
    def test_is_archived_by_platform_alone(self, org: Organisation, with_token: Any, by: str) -> None:
        for act in ("archive", "restore"):
            answer = with_token(org.users[by]).post(f"/api/v1/services/orders/{act}/", {}, format="json")
            assert (answer.status_code, answer.json()["code"]) == (403, "platform_only")
        assert Service.objects.get(slug="orders").archived_at is None

    def test_that_is_unknown_is_404(self, org: Organisation, with_token: Any) -> None:
        answer = with_token(org.platform).post("/api/v1/services/none/archive/", {}, format="json")
        assert answer.status_code == 404
