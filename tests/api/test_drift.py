"""Drift through the API: ordering a check, reading what it found, correcting and accepting."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from provisioner.models import Run, Workspace
from tests.api.conftest import small
from tests.conftest import Organisation
from tests.fakes import FakeEngine
from tests.services.conftest import applied, planned
from tests.web.test_drift import CLASS, NOTHING, let_drift


@pytest.fixture
def client(org: Organisation, postgres: Any, with_token: Any) -> APIClient:
    return with_token(org.developer)


@pytest.fixture
def workspace(client: APIClient) -> Workspace:
    run = Run.objects.get(pk=client.post("/api/v1/requests/", small(), format="json").json()["id"])
    return applied(planned(run, FakeEngine()), FakeEngine()).workspace


def address(workspace: Workspace, part: str = "") -> str:
    return f"/api/v1/workspaces/{workspace.pk}/{part}"


class TestACheck:
    def test_is_a_run_of_its_kind_that_lists_leave_out_unless_asked(
        self, client: APIClient, workspace: Workspace
    ) -> None:
        answer = client.post(address(workspace, "runs/"), {"kind": "drift_check"}, format="json")
        assert answer.status_code == 201, answer.content
        run = Run.objects.get(pk=answer.json()["id"])
        assert planned(run, FakeEngine(document=lambda spec: {**NOTHING})).status == "planned_and_finished"
        kinds = [row["kind"] for row in client.get("/api/v1/runs/").json()["results"]]
        assert kinds == ["provision"]
        asked = client.get("/api/v1/runs/", {"kind": "drift_check"}).json()["results"]
        assert [row["id"] for row in asked] == [str(run.pk)]
        [request] = client.get("/api/v1/requests/").json()["results"]
        assert str(run.pk) not in str(request)
        assert client.get(address(workspace)).json()["drift_checked_at"] is not None

    @pytest.mark.parametrize("field", [{"parameters": {"multi_az": True}}, {"version": "1.0.0"}])
    def test_takes_nothing_else(self, field: dict[str, Any], client: APIClient, workspace: Workspace) -> None:
        answer = client.post(address(workspace, "runs/"), {"kind": "drift_check", **field}, format="json")
        assert answer.status_code == 400
        assert "A drift check takes no" in answer.content.decode()

    def test_is_for_owners_sre_and_platform(
        self, workspace: Workspace, org: Organisation, with_token: Any
    ) -> None:
        for name, status in (("finops", 403), ("outsider", 404), ("sre", 201)):
            answer = with_token(org.users[name]).post(
                address(workspace, "runs/"), {"kind": "drift_check"}, format="json"
            )
            assert answer.status_code == status


class TestDrift:
    def test_is_told_with_what_could_be_accepted(self, client: APIClient, workspace: Workspace) -> None:
        assert client.get(address(workspace, "drift/")).json() == {
            "checked_at": None, "drifted_at": None, "resources": [], "acceptable": {},
        }  # fmt: skip
        let_drift(workspace, CLASS)
        told = client.get(address(workspace, "drift/")).json()
        assert told["resources"][0]["differences"] == [CLASS]
        assert told["acceptable"] == {"instance_class": "db.t4g.large"}
        assert told["drifted_at"] is not None

    def test_is_a_filter(self, client: APIClient, workspace: Workspace) -> None:
        for drifted, found in ((False, 1), (True, 0)):
            rows = client.get("/api/v1/workspaces/", {"drifted": drifted}).json()["results"]
            assert len(rows) == found
        let_drift(workspace, CLASS)
        [row] = client.get("/api/v1/workspaces/", {"drifted": True}).json()["results"]
        assert row["drifted_at"] is not None
        assert client.get("/api/v1/workspaces/", {"drifted": False}).json()["results"] == []

    @pytest.mark.parametrize(
        ("part", "class_"), [("drift/corrections/", None), ("drift/acceptances/", "db.t4g.large")]
    )
    def test_is_settled_by_an_update(
        self, part: str, class_: str | None, client: APIClient, workspace: Workspace
    ) -> None:
        answer = client.post(address(workspace, part), {}, format="json")
        assert (answer.status_code, answer.json()["code"]) == (409, "not_drifted")
        let_drift(workspace, CLASS)
        answer = client.post(address(workspace, part), {"justification": "So be it."}, format="json")
        assert answer.status_code == 201
        run = Run.objects.get(pk=answer.json()["id"])
        assert (run.kind, run.parameters.get("instance_class")) == ("update", class_)

    def test_that_a_guardrail_forbids_is_not_accepted(self, client: APIClient, workspace: Workspace) -> None:
        let_drift(workspace, {**CLASS, "value": "db.r6g.16xlarge"})
        answer = client.post(address(workspace, "drift/acceptances/"), {}, format="json")
        assert (answer.status_code, answer.json()["code"]) == (422, "guardrail_refused")
        assert answer.json()["findings"]
