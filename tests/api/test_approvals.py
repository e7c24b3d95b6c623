"""The approval queue and decisions through the API."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from provisioner.domain.run import RunStatus
from provisioner.models import ApprovalDecision, ApprovalStep, Run
from tests.api.rows import DIGEST, make_run, state_of
from tests.conftest import Organisation


@pytest.fixture
def run(org: Organisation, published: Any) -> Run:
    return make_run(org, published)


def step_of(run: Run, group: str) -> int:
    return ApprovalStep.objects.get(run=run, group=group).pk


def decision(run: Run, group: str, **changes: Any) -> dict[str, Any]:
    return {"step": step_of(run, group), "verdict": "approve", "plan_digest": DIGEST, **changes}


class TestTheQueue:
    def test_is_oldest_first_with_cost_and_risk(
        self, org: Organisation, published: Any, with_token: Any
    ) -> None:
        for number in (2, 1):
            make_run(org, published, number=number)
        results = with_token(org.finops).get("/api/v1/approvals/", {"group": "finops"}).json()["results"]
        assert [row["run"]["name"] for row in results] == ["db-1", "db-2"]
        first = results[0]
        assert first["run"]["estimate_usd_month"] == "351.50"
        assert (first["criticality"], first["counts"], first["can_decide"]) == ("tier-1", {"create": 1}, True)
        assert first["justification"] == "Black Friday"
        assert first["findings"][0]["rule"] == "production-multi-az"

    def test_filters(self, org: Organisation, published: Any, with_token: Any, run: Run) -> None:
        make_run(org, published, number=1, groups=("sre",))
        client = with_token(org.sre)

        def count(**query: str) -> int:
            return len(client.get("/api/v1/approvals/", query).json()["results"])

        assert (count(), count(state="pending"), count(group="sre"), count(decidable="true")) == (3, 3, 2, 2)
        assert (count(team="growth"), count(environment="production"), count(decidable="false")) == (0, 3, 1)
        assert client.get("/api/v1/approvals/", {"state": "all"}).status_code == 400

    def test_shows_the_requester_that_they_cannot_decide(
        self, org: Organisation, run: Run, with_token: Any
    ) -> None:
        results = with_token(org.developer).get("/api/v1/approvals/").json()["results"]
        assert [row["can_decide"] for row in results] == [False, False]


class TestADecision:
    def test_binds_to_the_plan_and_the_last_one_queues_the_apply(
        self, org: Organisation, run: Run, with_token: Any
    ) -> None:
        address = f"/api/v1/runs/{run.pk}/approvals/"
        first = with_token(org.finops).post(address, decision(run, "finops"), format="json")
        assert (first.status_code, first.json()["run"]["status"]) == (201, "needs_approval")
        assert (first.json()["approver"], first.json()["plan_digest"]) == ("finops", DIGEST)
        last = with_token(org.sre).post(address, decision(run, "sre"), format="json")
        assert (last.status_code, last.json()["run"]["status"]) == (201, "apply_queued")
        decided = with_token(org.developer).get(f"/api/v1/runs/{run.pk}/").json()["approvals"]
        assert [step["decision"]["approver"] for step in decided] == ["finops", "sre"]

    @pytest.mark.parametrize(
        ("who", "changes", "status", "code"),
        [
            ("developer", {}, 403, "self_approval"),
            ("teammate", {}, 403, "not_an_approver"),
            ("sre", {}, 403, "not_an_approver"),
            ("finops", {"plan_digest": "0" * 64}, 409, "plan_changed"),
            ("finops", {"step": 10**9}, 404, "unknown_step"),
            ("finops", {"verdict": "reject"}, 400, "invalid_input"),
            ("finops", {"verdict": "maybe"}, 400, "invalid_input"),
            ("finops", {"verdict": ["approve"]}, 400, "invalid_input"),
            ("finops", {"step": "1"}, 400, "invalid_input"),
            ("finops", {"step": True}, 400, "invalid_input"),
            ("finops", {"step": 10**30}, 400, "invalid_input"),
            ("finops", {"comment": "x" * 1_000_000}, 400, "invalid_input"),
            ("finops", {"comment": 7}, 400, "invalid_input"),
            ("finops", {"plan_digest": "x" * 1_000_000}, 400, "invalid_input"),
            ("finops", {"force": True}, 400, "invalid_input"),
        ],
    )
    def test_is_refused(
        self, org: Organisation, run: Run, with_token: Any, who: str, changes: Any, status: int, code: str
    ) -> None:
        body = decision(run, "finops", **changes)
        answer = with_token(getattr(org, who)).post(f"/api/v1/runs/{run.pk}/approvals/", body, format="json")
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        if status == 400:
            field = next(iter(changes))
            expected = {"reject": "comment"}.get(str(changes.get("verdict")), field)
            assert expected in {error["field"] for error in answer.json()["errors"]}
        assert not ApprovalDecision.objects.exists()
        assert state_of(run) == "needs_approval"

    def test_is_taken_once(self, org: Organisation, run: Run, with_token: Any) -> None:
        address = f"/api/v1/runs/{run.pk}/approvals/"
        with_token(org.finops).post(address, decision(run, "finops"), format="json")
        again = with_token(org.finops).post(address, decision(run, "finops"), format="json")
        assert (again.status_code, again.json()["code"]) == (409, "already_decided")

    def test_against_ends_the_run_and_keeps_hostile_text_as_text(
        self, org: Organisation, run: Run, with_token: Any
    ) -> None:
        comment = "${no} %{no} <script>alert(1)</script>\n🐘 \u202e"
        body = decision(run, "finops", verdict="reject", comment=comment)
        answer = with_token(org.finops).post(f"/api/v1/runs/{run.pk}/approvals/", body, format="json")
        assert (answer.status_code, answer.json()["run"]["status"]) == (201, "rejected")
        assert ApprovalDecision.objects.get().comment == comment


class TestBulk:
    def test_answers_each_decision_for_itself(
        self, org: Organisation, published: Any, run: Run, with_token: Any
    ) -> None:
        over = make_run(org, published, status=RunStatus.ERRORED, number=1)
        other = make_run(org, published, number=2, groups=("finops",))
        decisions = [
            {"run": str(run.pk), **decision(run, "finops")},
            {"run": str(over.pk), **decision(run, "finops")},
            {"run": str(uuid.uuid4()), **decision(run, "finops")},
            {"run": str(other.pk), **decision(other, "finops")},
        ]
        answer = with_token(org.finops).post(
            "/api/v1/approvals/bulk/", {"decisions": decisions}, format="json"
        )
        assert answer.status_code == 200
        results = answer.json()["results"]
        assert [row["status"] for row in results] == [201, 404, 404, 201]
        assert results[1]["problem"]["code"] == "unknown_step"
        assert results[3]["decision"]["run"]["status"] == "apply_queued"

    def test_is_refused_as_a_whole_when_it_cannot_be_read(
        self, org: Organisation, run: Run, with_token: Any
    ) -> None:
        good = {"run": str(run.pk), **decision(run, "finops")}
        client = with_token(org.finops)
        for decisions, field in (
            ([], "decisions"),
            ([good] * 51, "decisions"),
            ("x", "decisions"),
            ([good, {**good, "run": "x"}], "decisions.1.run"),
            ([{**good, "force": 1}], "decisions.0.force"),
        ):
            answer = client.post("/api/v1/approvals/bulk/", {"decisions": decisions}, format="json")
            assert answer.status_code == 400
            assert field in {error["field"] for error in answer.json()["errors"]}, answer.json()
        assert not ApprovalDecision.objects.exists()
