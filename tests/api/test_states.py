"""State versions and the lock through the API."""

from __future__ import annotations

from typing import Any

import pytest

from provisioner import crypto, selectors
from provisioner.domain.run import RunStatus
from provisioner.models import AuditEvent, Run, StateLock, StateVersion
from tests.api.rows import make_run
from tests.conftest import NOW, Organisation
from tests.state.backend import LINEAGE, state


@pytest.fixture
def run(org: Organisation, published: Any) -> Run:
    """Make an ended run with three state versions."""
    made = make_run(org, published, status=RunStatus.APPLIED)
    for serial in (1, 2, 3):
        StateVersion.objects.create(
            workspace=made.workspace, run=made, serial=serial, lineage=LINEAGE, sha256="s" * 64, size_bytes=9,
            terraform_version="1.11.4", created_at=NOW,
            content=crypto.seal(
                state(serial, outputs={"n": {"value": serial}}),
                identity=selectors.state_identity(made.workspace_id, serial),
            ),
        )  # fmt: skip
    return made


def address(run: Run, rest: str = "") -> str:
    return f"/api/v1/workspaces/{run.workspace_id}/states/{rest}"


class TestTheList:
    def test_says_who_wrote_what_and_when_without_content(
        self, run: Run, org: Organisation, with_token: Any
    ) -> None:
        rows = with_token(org.developer, "state:read").get(address(run)).json()["results"]
        assert [row["serial"] for row in rows] == [3, 2, 1]
        assert rows[0] == {
            "serial": 3,
            "lineage": LINEAGE,
            "terraform_version": "1.11.4",
            "sha256": "s" * 64,
            "size_bytes": 9,
            "run_id": str(run.pk),
            "created_at": "2026-11-24T12:00:00Z",
            "restored_from": None,
            "restored_by": None,
            "restore_reason": "",
        }

    def test_comes_in_pages(
        self, run: Run, org: Organisation, with_token: Any, django_assert_max_num_queries: Any
    ) -> None:
        client = with_token(org.developer)
        first = client.get(address(run, "?page_size=2")).json()
        assert [row["serial"] for row in first["results"]] == [3, 2]
        second = client.get(first["next"]).json()
        assert [row["serial"] for row in second["results"]] == [1]
        with django_assert_max_num_queries(5):
            client.get(address(run))


class TestADownload:
    def test_is_the_plain_state_as_a_file_that_nobody_keeps(
        self, run: Run, org: Organisation, with_token: Any
    ) -> None:
        answer = with_token(org.developer, "state:read").get(address(run, "2/"))
        assert answer.content == state(2, outputs={"n": {"value": 2}})
        assert answer["Cache-Control"] == "no-store"
        assert answer["Content-Disposition"] == 'attachment; filename="db-0-2.tfstate"'
        assert AuditEvent.objects.get().action == "state.download"

    @pytest.mark.parametrize(("who", "status"), [("finops", 403), ("outsider", 404), ("platform", 200)])
    def test_is_for_owners(self, run: Run, org: Organisation, with_token: Any, who: str, status: int) -> None:
        assert with_token(org.users[who]).get(address(run, "2/")).status_code == status

    @pytest.mark.parametrize("serial", ["9", "99999999999999999999999999", "0"])
    def test_of_an_unknown_version_is_404(
        self, run: Run, org: Organisation, with_token: Any, serial: str
    ) -> None:
        answer = with_token(org.developer).get(address(run, f"{serial}/"))
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


class TestDifferences:
    def test_are_listed_without_values(self, run: Run, org: Organisation, with_token: Any) -> None:
        answer = with_token(org.finops).get(address(run, "3/differences/?since=1"))
        assert answer.json() == [
            {
                "address": "output.n",
                "type": "output",
                "difference": "changed",
                "attributes": ["value"],
                "sensitive": [],
            }
        ]

    @pytest.mark.parametrize("query", ["", "?since=x", "?since=-1", "?since=1&until=2", f"?since={2**63}"])
    def test_need_to_know_since_when(self, run: Run, org: Organisation, with_token: Any, query: str) -> None:
        assert with_token(org.developer).get(address(run, f"3/differences/{query}")).status_code == 400


class TestARestoration:
    def test_answers_with_the_new_version(self, run: Run, org: Organisation, with_token: Any) -> None:
        answer = with_token(org.developer, "state:write").post(
            address(run, "1/restore/"), {"reason": "drill"}, format="json"
        )
        assert answer.status_code == 201
        told = answer.json()
        assert (told["serial"], told["restored_from"], told["restored_by"]) == (4, 1, "developer")
        assert told["restore_reason"] == "drill"

    @pytest.mark.parametrize(
        "body", [{}, {"reason": ""}, {"reason": " "}, {"reason": 7}, {"reason": "x", "force": True}]
    )
    def test_needs_a_reason_and_nothing_else(
        self, run: Run, org: Organisation, with_token: Any, body: dict[str, Any]
    ) -> None:
        answer = with_token(org.developer).post(address(run, "1/restore/"), body, format="json")
        assert answer.status_code == 400
        assert {error["field"] for error in answer.json()["errors"]} <= {"reason", "force"}

    def test_is_refused_to_a_token_that_only_reads(
        self, run: Run, org: Organisation, with_token: Any
    ) -> None:
        client = with_token(org.developer, "state:read", "requests:write")
        answer = client.post(address(run, "1/restore/"), {"reason": "x"}, format="json")
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


class TestTheLock:
    @pytest.fixture(autouse=True)
    def _locked(self, run: Run) -> None:
        StateLock.objects.create(
            workspace=run.workspace, run=run, fencing_token=1, lock_id="l1", created_at=NOW,
            info={"ID": "l1", "Who": "w@host", "Operation": "OperationTypeApply"},
        )  # fmt: skip

    def test_is_shown_with_the_workspace(self, run: Run, org: Organisation, with_token: Any) -> None:
        shown = with_token(org.developer).get(f"/api/v1/workspaces/{run.workspace_id}/").json()["state_lock"]
        assert shown == {
            "run_id": str(run.pk),
            "lock_id": "l1",
            "operation": "OperationTypeApply",
            "who": "w@host",
            "created_at": "2026-11-24T12:00:00Z",
        }

    @pytest.mark.parametrize(
        ("who", "status"), [("platform", 204), ("developer", 403), ("finops", 403), ("outsider", 404)]
    )
    def test_is_opened_by_platform_engineers(
        self, run: Run, org: Organisation, with_token: Any, who: str, status: int
    ) -> None:
        answer = with_token(org.users[who]).post(
            f"/api/v1/workspaces/{run.workspace_id}/state-lock/force-unlock/", {"reason": "x"}, format="json"
        )
        assert answer.status_code == status
        assert StateLock.objects.exists() == (status != 204)
