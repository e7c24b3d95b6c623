"""The probes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from portal import health
from provisioner.domain.run import RunStatus
from provisioner.models import Run
from tests.api.conftest import published  # noqa: F401  (a fixture)
from tests.api.rows import make_run
from tests.conftest import Organisation


@pytest.fixture(autouse=True)
def _no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_pinged", None)


def answers(monkeypatch: pytest.MonkeyPatch, pings: list[Any]) -> None:
    """Let a broker be there, with these answers to a ping."""
    monkeypatch.setattr(health, "broker_answers", lambda: True)
    monkeypatch.setattr("celery.app.control.Control.broadcast", lambda *_, **__: pings)


class TestHealthz:
    def test_needs_nothing_but_the_process(
        self, client: Any, django_assert_num_queries: Any, db: None
    ) -> None:
        with django_assert_num_queries(0):
            answer = client.get("/healthz")
        assert (answer.status_code, answer.content) == (200, b"ok\n")
        assert "no-cache" in answer["Cache-Control"]
        assert client.post("/healthz").status_code == 405


class TestReadyz:
    def test_is_ready_with_database_broker_and_a_worker(
        self, client: Any, db: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answers(monkeypatch, [{"worker@host": {"ok": "pong"}}])
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (200, "ready")

    def test_names_what_is_missing(self, client: Any, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
        answers(monkeypatch, [])
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["checks"] == {"database": "ok", "broker": "ok", "worker": "missing"}
        monkeypatch.setattr(health, "broker_answers", lambda: False)
        assert client.get("/readyz").json()["checks"]["broker"] == "missing"

    def test_says_so_without_details_when_the_database_is_away(
        self, client: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Away:
            def cursor(self) -> Any:
                raise OperationalError("refused on 10.0.0.7")

        answers(monkeypatch, [{"worker@host": {"ok": "pong"}}])
        monkeypatch.setattr(health, "connection", Away())
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["checks"]["database"] == "missing"
        assert b"10.0.0.7" not in answer.content

    def test_counts_a_worker_that_holds_a_lease(
        self,
        client: Any,
        org: Organisation,
        published: Any,  # noqa: F811
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        answers(monkeypatch, [])
        run = make_run(org, published, status=RunStatus.APPLYING)
        Run.objects.filter(pk=run.pk).update(lease_expires_at=timezone.now() + timedelta(minutes=1))
        assert client.get("/readyz").status_code == 200
        Run.objects.filter(pk=run.pk).update(lease_expires_at=timezone.now() - timedelta(minutes=1))
        assert client.get("/readyz").status_code == 503

    def test_remembers_a_good_ping_for_a_moment_and_a_bad_one_never(
        self, client: Any, db: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answers(monkeypatch, [])
        assert client.get("/readyz").status_code == 503
        answers(monkeypatch, [{"worker@host": {"ok": "pong"}}])
        assert client.get("/readyz").status_code == 200
        answers(monkeypatch, [])
        assert client.get("/readyz").status_code == 200
