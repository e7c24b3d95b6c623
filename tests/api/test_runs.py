"""Runs through the API: read, wait, stop, retry."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from django.db import connection, connections
from django.db.backends.signals import connection_created
from django.utils import timezone
from rest_framework.test import APIClient

from provisioner.api import runs as api_runs
from provisioner.domain.run import TERMINAL, RunStatus
from provisioner.models import Run
from provisioner.services import transition
from tests.api.conftest import small
from tests.api.rows import DIGEST, FINDING, make_run, state_of
from tests.conftest import Organisation, process_queued
from tests.fakes import FakeEngine
from tests.logs import write_log


@pytest.fixture
def client(org: Organisation, with_token: Any) -> APIClient:
    return with_token(org.developer)


@pytest.fixture
def run(org: Organisation, published: Any) -> Run:
    return make_run(org, published)


class TestARun:
    def test_shows_its_plan_cost_findings_and_approvals(self, client: APIClient, run: Run) -> None:
        document = client.get(f"/api/v1/runs/{run.pk}/").json()
        assert document["target"] == "sandbox"
        assert (document["status"], document["estimate_usd_month"]) == ("needs_approval", "351.50")
        assert document["plan"]["digest"] == DIGEST
        # The row is one of those that are older than coverage and changes by resource.
        assert (document["coverage"], document["changes"], document["change_usd_month"]) == (None, [], None)
        assert document["findings"] == [FINDING]
        assert [(step["group"], step["decision"]) for step in document["approvals"]] == [
            ("finops", None), ("sre", None),
        ]  # fmt: skip
        assert document["approvals"][0]["plan_digest"] == DIGEST
        assert (document["cancelable"], document["retryable"]) == (True, False)
        assert document["created_at"] == "2026-11-24T12:00:00Z"

    def test_tells_what_is_known_of_an_apply_that_was_cut_short(self, client: APIClient, run: Run) -> None:
        assert client.get(f"/api/v1/runs/{run.pk}/").json()["recovery"] is None
        suspect = {"address": "", "type": "aws_sqs_queue", "reason": "It exists.", "ids": ["q-1"]}
        Run.objects.filter(pk=run.pk).update(
            interrupted_at=timezone.now(),
            lost_workers=1,
            recovery={"ended": "unknown", "verdict": "asks", "reasons": ["One."], "suspects": [suspect]},
        )
        recovery = client.get(f"/api/v1/runs/{run.pk}/").json()["recovery"]
        assert (recovery["ended"], recovery["verdict"], recovery["lost_workers"]) == ("unknown", "asks", 1)
        assert (recovery["reasons"], recovery["suspects"]) == (["One."], [suspect])

    def test_has_a_history_oldest_first(self, client: APIClient, run: Run) -> None:
        page = client.get(f"/api/v1/runs/{run.pk}/history/").json()
        assert [row["to_status"] for row in page["results"]] == ["pending", "needs_approval"]
        assert page["results"][0]["actor"] == "developer"

    def test_gives_its_log_from_where_one_stopped(self, client: APIClient, run: Run) -> None:
        write_log(run, [f"line {number}" for number in range(1, 5)])
        write_log(run, ["line 5"])
        address = f"/api/v1/runs/{run.pk}/logs/"
        first = client.get(address, {"limit": 3}).json()
        assert [line["sequence"] for line in first["lines"]] == [1, 2, 3]
        assert (first["next_after"], first["complete"]) == (3, False)
        rest = client.get(address, {"after": first["next_after"]}).json()
        assert [line["text"] for line in rest["lines"]] == ["line 4", "line 5"]
        assert client.get(address, {"after": 5}).json()["next_after"] == 5

    def test_without_a_plan_says_so(self, client: APIClient, org: Organisation, published: Any) -> None:
        waiting = make_run(org, published, status=RunStatus.PLAN_QUEUED, number=1)
        answer = client.get(f"/api/v1/runs/{waiting.pk}/plan/")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_planned")
        assert client.get(f"/api/v1/runs/{waiting.pk}/").json()["estimate_usd_month"] is None

    @pytest.mark.parametrize(
        ("address", "field"),
        [
            ("logs/?after=-1", "after"), ("logs/?after=x", "after"), ("logs/?limit=0", "limit"),
            ("logs/?after=99999999999999999999", "after"), ("logs/?after=1&after=2", "after"),
            ("wait/?timeout=61", "timeout"), ("wait/?timeout=1.5", "timeout"), ("wait/?until=soon", "until"),
            ("history/?page_size=0", "page_size"), ("history/?cursor=%00", "cursor"), ("?x=1", "x"),
            ("history/?cursor=nonsense", "cursor"),
        ],
    )  # fmt: skip
    def test_refuses_a_query_it_does_not_know(
        self, client: APIClient, run: Run, address: str, field: str
    ) -> None:
        answer = client.get(f"/api/v1/runs/{run.pk}/{address}")
        assert answer.status_code == 400, answer.content
        assert field in {error["field"] for error in answer.json()["errors"]}


class TestThePlan:
    def test_is_changes_by_resource(self, org: Organisation, postgres: Any, client: APIClient) -> None:
        made = client.post("/api/v1/requests/", small(environment="production"), format="json").json()
        process_queued(FakeEngine())
        plan = client.get(f"/api/v1/runs/{made['id']}/plan/").json()
        assert (plan["target"], plan["run_id"]) == ("sandbox", made["id"])
        assert plan["counts"]["create"] == 1
        [change] = plan["changes"]
        assert (change["verb"], change["type"]) == ("create", "aws_db_instance")
        assert {row["path"] for row in change["attributes"]} > {"instance_class", "multi_az"}


class TestStopping:
    def test_cancels_and_the_run_is_over(self, client: APIClient, run: Run) -> None:
        answer = client.post(f"/api/v1/runs/{run.pk}/cancel/", {}, format="json")
        assert (answer.status_code, answer.json()["status"]) == (200, "canceled")
        again = client.post(f"/api/v1/runs/{run.pk}/cancel/")
        assert (again.status_code, again.json()["code"]) == (409, "not_cancelable")

    def test_discards_a_plan(self, client: APIClient, run: Run) -> None:
        answer = client.post(f"/api/v1/runs/{run.pk}/discard/")
        assert (answer.status_code, answer.json()["status"]) == (200, "discarded")

    def test_takes_no_fields(self, client: APIClient, run: Run) -> None:
        for verb in ("cancel", "discard", "retry"):
            answer = client.post(f"/api/v1/runs/{run.pk}/{verb}/", {"force": True}, format="json")
            assert answer.status_code == 400
            assert answer.json()["errors"][0]["field"] == "force"
        assert state_of(run) == "needs_approval"

    def test_can_be_followed_by_a_retry(self, client: APIClient, run: Run) -> None:
        refused = client.post(f"/api/v1/runs/{run.pk}/retry/")
        assert (refused.status_code, refused.json()["code"]) == (409, "not_retryable")
        client.post(f"/api/v1/runs/{run.pk}/cancel/")
        answer = client.post(f"/api/v1/runs/{run.pk}/retry/")
        assert answer.status_code == 201
        assert (answer.json()["retry_of"], answer.json()["status"]) == (str(run.pk), "plan_queued")


class TestWaiting:
    def test_ends_at_once_when_the_run_is_there(self, client: APIClient, run: Run) -> None:
        address = f"/api/v1/runs/{run.pk}/wait/"
        assert client.get(address, {"until": "needs_approval", "timeout": 60}).json()["reached"] is True
        late = client.get(address, {"until": "terminal", "timeout": 0}).json()
        assert (late["reached"], late["status"]) == (False, "needs_approval")

    def test_for_approval_also_ends_when_the_run_is_over(
        self, client: APIClient, org: Organisation, published: Any
    ) -> None:
        over = make_run(org, published, status=RunStatus.ERRORED, number=1)
        answer = client.get(f"/api/v1/runs/{over.pk}/wait/", {"until": "needs_approval", "timeout": 60})
        assert answer.json()["reached"] is True

    @pytest.mark.django_db(transaction=True)
    def test_ends_when_the_run_gets_there_and_holds_nothing_meanwhile(
        self, client: APIClient, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        looked, seen = threading.Event(), []
        real_sleep = time.sleep

        def sleep(seconds: float) -> None:
            seen.append(connection.in_atomic_block or connection.needs_rollback)
            looked.set()
            real_sleep(seconds)

        monkeypatch.setattr(api_runs.time, "sleep", sleep)

        def finish() -> None:
            try:
                assert looked.wait(timeout=30)
                transition.move(run.pk, RunStatus.NEEDS_APPROVAL, RunStatus.CANCELED, now=timezone.now())
            finally:
                connections.close_all()

        other = threading.Thread(target=finish)
        other.start()
        answer = client.get(f"/api/v1/runs/{run.pk}/wait/", {"timeout": 60})
        other.join(timeout=30)
        assert (answer.json()["reached"], answer.json()["status"]) == (True, "canceled")
        assert seen
        assert not any(seen)

    @pytest.mark.django_db(transaction=True)
    def test_looks_many_times_over_one_connection(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        opened, looks = [], []

        def note(**_: object) -> None:
            opened.append(1)

        monkeypatch.setattr(api_runs.time, "sleep", lambda _: looks.append(1))
        monkeypatch.setattr(api_runs.time, "monotonic", lambda: float(len(looks)))
        connections.close_all()
        connection_created.connect(note)
        try:
            assert not api_runs.wait_until(run.pk, TERMINAL, timeout_s=20)
        finally:
            connection_created.disconnect(note)
        assert (len(opened), len(looks)) == (1, 20)
