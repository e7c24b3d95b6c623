"""Terraform's http backend, spoken to as Terraform and as somebody who means harm."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from django.test import Client

from provisioner.domain.run import RunStatus
from provisioner.models import Run, StateLock, StateVersion
from provisioner.services.runspec import state_password
from tests.services.conftest import Order

pytestmark = pytest.mark.django_db

LINEAGE = "11111111-2222-3333-4444-555555555555"


def state(serial: int, lineage: str = LINEAGE, **more: object) -> bytes:
    return json.dumps(
        {"version": 4, "serial": serial, "lineage": lineage, "outputs": {}, "resources": [], **more}
    ).encode()


class Backend:
    """Speaks to one workspace's state with one run's credential."""

    def __init__(self, run: Run) -> None:
        self.run, self.client = run, Client()
        self.username, self.password = str(run.pk), state_password(run.pk, run.fencing_token)

    def call(self, method: str, body: bytes = b"", query: str = "", **headers: str) -> Any:
        credential = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        return self.client.generic(
            method,
            f"/api/v1/state/{self.run.workspace_id}/{query}",
            body,
            content_type="application/json",
            headers={"Authorization": f"Basic {credential}", **headers},
        )

    def lock(self, lock_id: str = "l1") -> Any:
        return self.call("LOCK", json.dumps({"ID": lock_id, "Who": "me"}).encode())

    def post(self, body: bytes, lock_id: str = "l1", **headers: str) -> Any:
        return self.call("POST", body, f"?ID={lock_id}", **headers)


@pytest.fixture
def backend(order: Order) -> Backend:
    run = order()
    Run.objects.filter(pk=run.pk).update(status=RunStatus.APPLYING.value, fencing_token=1)
    run.refresh_from_db()
    return Backend(run)


class TestTheBackend:
    def test_has_no_state_at_first(self, backend: Backend) -> None:
        assert backend.call("GET").status_code == 404

    def test_keeps_what_is_written_under_the_lock_sealed_in_the_database(self, backend: Backend) -> None:
        body = state(1, secret="canary-7f3a")
        assert backend.lock().status_code == 200
        assert backend.post(body).status_code == 200
        assert backend.call("GET").content == body
        assert b"canary-7f3a" not in bytes(StateVersion.objects.get().content)
        assert backend.call("UNLOCK", json.dumps({"ID": "l1"}).encode()).status_code == 200
        assert not StateLock.objects.exists()

    def test_keeps_every_version(self, backend: Backend) -> None:
        backend.lock()
        for serial in (1, 2, 5):
            assert backend.post(state(serial)).status_code == 200
        assert [version.serial for version in StateVersion.objects.all()] == [5, 2, 1]

    def test_takes_the_lock_again_for_the_same_id_and_tells_others_who_holds_it(
        self, backend: Backend
    ) -> None:
        assert backend.lock().status_code == 200
        assert backend.lock().status_code == 200
        refused = backend.lock("l2")
        assert (refused.status_code, refused.json()["Who"]) == (423, "me")

    def test_releases_only_the_lock_that_is_named_or_any_when_forced(self, backend: Backend) -> None:
        backend.lock()
        assert backend.call("UNLOCK", json.dumps({"ID": "l2"}).encode()).status_code == 423
        assert StateLock.objects.exists()
        assert backend.call("UNLOCK").status_code == 200
        assert not StateLock.objects.exists()

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            (state(3), 409),
            (state(2, lineage="another"), 409),
            (state(2, more="changed"), 409),
            (b"", 400),
            (b"{", 400),
            (b"[]", 400),
            (b"[" * 200_000, 400),
            (b'{"version": 4, "serial": 4}', 400),
            (b'{"version": 3, "serial": 4, "lineage": "x"}', 400),
            (b'{"version": 4, "serial": "4", "lineage": "x"}', 400),
            (state(4)[:-10], 400),
        ],
    )
    def test_refuses_a_state_that_does_not_follow_and_keeps_the_newest(
        self, backend: Backend, body: bytes, status: int
    ) -> None:
        backend.lock()
        backend.post(state(2))
        backend.post(state(3, newest=True))
        refused = backend.post(body)
        assert refused.status_code == status
        assert refused.json()["detail"]
        assert backend.call("GET").json()["newest"] is True

    def test_takes_the_same_state_twice_because_a_reply_may_be_lost(self, backend: Backend) -> None:
        backend.lock()
        assert [backend.post(state(1)).status_code for _ in range(2)] == [200, 200]
        assert StateVersion.objects.count() == 1

    def test_refuses_a_body_that_does_not_match_its_md5(self, backend: Backend) -> None:
        backend.lock()
        good = base64.b64encode(hashlib.md5(state(1), usedforsecurity=False).digest()).decode()
        assert backend.post(state(1) + b" ", **{"Content-MD5": good}).status_code == 400
        assert backend.post(state(1), **{"Content-MD5": good}).status_code == 200

    def test_refuses_to_write_without_the_lock_or_under_another(self, backend: Backend) -> None:
        assert backend.post(state(1)).status_code == 423
        backend.lock()
        assert backend.post(state(1), lock_id="l2").status_code == 423
        assert not StateVersion.objects.exists()

    def test_notes_under_which_token_terraform_took_and_released_the_lock(self, backend: Backend) -> None:
        def tokens() -> tuple[int | None, int | None]:
            return Run.objects.values_list("lock_taken_token", "lock_released_token").get()

        assert tokens() == (None, None)
        backend.lock()
        assert tokens() == (1, None)
        backend.call("UNLOCK", json.dumps({"ID": "l1"}).encode())
        assert tokens() == (1, 1)

    def test_notes_no_release_when_the_lock_is_forced_open_or_another_is_named(
        self, backend: Backend
    ) -> None:
        backend.lock()
        backend.call("UNLOCK", json.dumps({"ID": "l2"}).encode())
        backend.call("UNLOCK")
        backend.call("UNLOCK", json.dumps({"ID": "l1"}).encode())
        assert Run.objects.get().lock_released_token is None

    def test_takes_over_what_the_same_run_left_locked_under_an_older_token(self, backend: Backend) -> None:
        backend.lock()
        Run.objects.update(fencing_token=2)
        backend.run.refresh_from_db()
        again = Backend(backend.run)
        assert again.lock("l2").status_code == 200
        assert StateLock.objects.get().lock_id == "l2"

    def test_never_deletes_a_state(self, backend: Backend) -> None:
        assert backend.call("DELETE").status_code == 403


class TestACredential:
    @pytest.mark.parametrize(
        "change",
        [
            {"password": "x"},
            {"password": ""},
            {"username": "x"},
            {"username": "00000000-0000-0000-0000-000000000000"},
        ],
    )
    def test_that_is_wrong_opens_nothing(self, backend: Backend, change: dict[str, str]) -> None:
        for name, value in change.items():
            setattr(backend, name, value)
        for method in ("GET", "LOCK", "UNLOCK", "POST", "DELETE"):
            refused = backend.call(method, b"{}")
            assert refused.status_code == 401
            assert refused["WWW-Authenticate"].startswith("Basic")

    def test_is_not_needed_to_be_told_that_none_was_shown(self, backend: Backend) -> None:
        assert Client().get(f"/api/v1/state/{backend.run.workspace_id}/").status_code == 401

    def test_dies_with_its_run_and_with_its_fencing_token(self, backend: Backend) -> None:
        Run.objects.update(fencing_token=2)
        assert backend.call("GET").status_code == 401
        Run.objects.update(fencing_token=1, status=RunStatus.ERRORED.value)
        assert backend.call("GET").status_code == 401

    def test_of_a_planning_run_reads_and_never_writes(self, backend: Backend) -> None:
        Run.objects.update(status=RunStatus.PLANNING.value)
        assert backend.lock().status_code == 200
        assert backend.call("GET").status_code == 404
        assert backend.post(state(1)).status_code == 403

    def test_of_another_workspaces_run_opens_nothing(self, backend: Backend, order: Order) -> None:
        other = order(environment="staging")
        backend.run = other
        assert backend.call("GET").status_code == 401
