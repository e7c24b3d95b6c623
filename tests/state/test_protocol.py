"""Terraform's http backend, spoken to as Terraform and as somebody who means harm.

What is tested comes from:

- The backend's documentation (https://developer.hashicorp.com/terraform/language/backend/http): GET, POST, DELETE, LOCK
  and UNLOCK on one address, `ID` in the query of a write under a lock, 423 or 409 with the holder's lock for a lock
  that is held, 200 for one that is taken, Basic authentication.
- hashicorp/terraform, internal/backend/remote-state/http: client.go (Content-MD5 of every body; what GET takes as
  "no state": 404, 204, an empty body; 401 and 403 told apart; an UNLOCK without a body when forced, sent in chunks
  without a length), client_test.go (locks of two clients; the holder in the lock's error; a server that answers 500
  every other time is in test_terraform.py), server_test.go (an UNLOCK with another ID is refused with the lock that is
  held).
- hashicorp/terraform, internal/states/statemgr/locker.go: the members of LockInfo.
- GitLab's state API, lib/api/terraform/state.rb, its handler app/services/terraform/remote_state_handler.rb and their
  specs: what an ended job's token opens (nothing), reading and writing told apart by role (403), a serial that exists,
  a body above the limit (413), IDs that are too long, force-unlock without ID, the run behind each version. Here
  differently: an empty POST is refused rather than passed over with 204, because no Terraform sends one; there are no
  names of states beside the workspace; a state is never deleted.
"""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from provisioner.domain.run import RunStatus
from provisioner.models import Run, StateLock, StateVersion
from tests.services.conftest import Order
from tests.state.backend import Backend, lock_info, md5, state

pytestmark = pytest.mark.django_db


class TestGet:
    def test_is_404_while_there_is_no_state(self, backend: Backend) -> None:
        assert backend.get().status_code == 404

    def test_returns_the_newest_state_byte_for_byte_and_is_never_kept_on_the_way(
        self, backend: Backend
    ) -> None:
        body = state(1, spaced="  kept  ") + b"\n"
        backend.lock()
        backend.post(body)
        answer = backend.get()
        assert (answer.status_code, answer.content) == (200, body)
        assert answer["Content-Type"] == "application/json"
        assert answer["Cache-Control"] == "no-store"

    def test_needs_no_lock_and_is_not_kept_from_readers_by_one(self, backend: Backend) -> None:
        backend.lock()
        backend.post(state(1))
        assert backend.get().status_code == 200
        backend.unlock()
        assert backend.get().status_code == 200


class TestPost:
    def test_keeps_the_state_sealed_with_the_run_that_wrote_it(self, backend: Backend) -> None:
        backend.lock()
        assert backend.post(state(1, terraform_version="1.11.4", secret="canary-7f3a")).status_code == 200
        kept = StateVersion.objects.get()
        assert b"canary-7f3a" not in bytes(kept.content)
        assert (kept.run_id, kept.terraform_version, kept.serial) == (backend.run.pk, "1.11.4", 1)

    def test_keeps_every_version(self, backend: Backend) -> None:
        backend.lock()
        for serial in (0, 1, 2, 5):
            assert backend.post(state(serial)).status_code == 200
        assert [version.serial for version in StateVersion.objects.all()] == [5, 2, 1, 0]

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            pytest.param(state(3), 409, id="the newest serial with another content"),
            pytest.param(state(2), 409, id="the serial before, as it was stored"),
            pytest.param(state(4, lineage="another"), 409, id="another lineage"),
            pytest.param(state(2, lineage="another"), 409, id="an old serial of another lineage"),
            pytest.param(b"", 400, id="nothing"),
            pytest.param(b"{", 400, id="half an object"),
            pytest.param(b"[]", 400, id="a list"),
            pytest.param(b'"version"', 400, id="a text"),
            pytest.param(b"null", 400, id="null"),
            pytest.param(b"\x00", 400, id="NUL"),
            pytest.param(b"\xff\xfe{}", 400, id="no UTF-8"),
            pytest.param(b"[" * 200_000, 400, id="nested deeply"),
            pytest.param(b'{"a":' * 100_000, 400, id="nested deeply in objects"),
            pytest.param(b'{"version": 4, "serial": ' + b"9" * 5000 + b"}", 400, id="a very long number"),
            pytest.param(b'{"version": 4, "serial": 4}', 400, id="no lineage"),
            pytest.param(b'{"version": 4, "lineage": "x"}', 400, id="no serial"),
            pytest.param(b'{"version": 3, "serial": 4, "lineage": "x"}', 400, id="version 3"),
            pytest.param(state(4).replace(b": 4, ", b": 4.5, "), 400, id="a broken version"),
            pytest.param(b'{"version": 4, "serial": "4", "lineage": "x"}', 400, id="serial as text"),
            pytest.param(b'{"version": 4, "serial": true, "lineage": "x"}', 400, id="serial as truth"),
            pytest.param(b'{"version": 4, "serial": 4.0, "lineage": "x"}', 400, id="serial as fraction"),
            pytest.param(state(-1), 400, id="a negative serial"),
            pytest.param(state(2**63), 400, id="a serial that no column holds"),
            pytest.param(state(4, lineage=""), 400, id="an empty lineage"),
            pytest.param(state(4, lineage="x" * 65), 400, id="a long lineage"),
            pytest.param(state(4, lineage="x\x00y"), 400, id="NUL in the lineage"),
            pytest.param(state(4, lineage="\ud800"), 400, id="half a surrogate pair in the lineage"),
            pytest.param(state(4)[:-10], 400, id="cut short"),
        ],
    )
    def test_refuses_what_does_not_follow_and_keeps_the_newest(
        self, backend: Backend, body: bytes, status: int
    ) -> None:
        backend.lock()
        backend.post(state(2))
        backend.post(state(3, newest=True))
        refused = backend.post(body)
        assert refused.status_code == status
        assert refused["Content-Type"] == "application/problem+json"
        assert refused.json()["detail"]
        assert backend.get().json()["newest"] is True
        assert StateVersion.objects.count() == 2

    def test_takes_the_same_state_twice_because_a_reply_may_be_lost(self, backend: Backend) -> None:
        backend.lock()
        assert [backend.post(state(1)).status_code for _ in range(2)] == [200, 200]
        assert StateVersion.objects.count() == 1

    def test_takes_nul_and_deep_values_inside_a_state_as_terraform_may_write_them(
        self, backend: Backend
    ) -> None:
        value: object = "a\x00b\u202e"
        for _ in range(100):
            value = [value]
        backend.lock()
        assert backend.post(state(1, deep=value, terraform_version="1\x00")).status_code == 200
        assert backend.get().json()["deep"] == value
        assert StateVersion.objects.get().terraform_version == ""

    def test_compares_the_body_with_its_md5(self, backend: Backend) -> None:
        backend.lock()
        changed = backend.post(state(1) + b" ", **{"Content-MD5": md5(state(1))})
        assert (changed.status_code, changed.json()["code"]) == (400, "bad_state")
        assert backend.post(state(1), **{"Content-MD5": "nonsense"}).status_code == 400
        assert not StateVersion.objects.exists()
        assert backend.post(state(1)).status_code == 200

    def test_needs_no_md5(self, backend: Backend) -> None:
        backend.lock()
        assert backend.call("POST", state(1), "?ID=l1").status_code == 200

    def test_is_refused_above_the_limit_and_taken_at_it(self, backend: Backend, settings: Any) -> None:
        backend.lock()
        settings.DRAWBRIDGE_STATE_MAX_BYTES = len(state(1))
        assert backend.post(state(1) + b" ").status_code == 413
        assert backend.post(state(1)).status_code == 200

    def test_is_refused_without_the_lock_and_under_another(self, backend: Backend) -> None:
        refused = backend.post(state(1))
        assert (refused.status_code, refused.json()) == (423, {})
        backend.lock()
        assert backend.call("POST", state(1)).status_code == 423, "no ID"
        refused = backend.post(state(1), lock_id="l2")
        assert (refused.status_code, refused.json()["ID"]) == (423, "l1")
        assert not StateVersion.objects.exists()

    def test_is_refused_to_a_run_that_plans(self, backend: Backend) -> None:
        Run.objects.update(status=RunStatus.PLANNING.value)
        assert backend.lock().status_code == 200
        assert backend.get().status_code == 404
        assert backend.post(state(1)).status_code == 403


class TestAnInterruptedRun:
    def test_saves_its_state_and_releases_its_lock_and_begins_nothing(self, backend: Backend) -> None:
        backend.lock()
        Run.objects.update(status=RunStatus.INTERRUPTED.value)
        assert backend.get().status_code == 404
        assert backend.lock().status_code == 403
        assert backend.post(state(1)).status_code == 200
        assert backend.unlock().status_code == 200
        assert Run.objects.get().lock_released_token == 1


class TestLock:
    def test_is_taken_and_released(self, backend: Backend) -> None:
        assert backend.lock().status_code == 200
        held = StateLock.objects.get()
        assert (held.lock_id, held.run_id, held.fencing_token) == ("l1", backend.run.pk, 1)
        assert backend.unlock().status_code == 200
        assert not StateLock.objects.exists()

    def test_is_taken_again_under_the_same_id_because_a_reply_may_be_lost(self, backend: Backend) -> None:
        assert [backend.lock().status_code for _ in range(3)] == [200, 200, 200]
        assert StateLock.objects.count() == 1

    def test_that_is_held_is_refused_with_the_holders_info_and_its_run(self, backend: Backend) -> None:
        backend.lock()
        refused = backend.lock("l2")
        told = refused.json()
        assert refused.status_code == 423
        assert told["ID"] == f"l1 (held by me@host, run {backend.run.pk})", "all that Terraform prints of it"
        assert (told["Who"], told["Operation"]) == ("me@host", "OperationTypeApply")
        assert told["Created"] == "2026-11-24T12:00:00.5Z", "Terraform parses it as a time"
        assert str(backend.run.pk) in told["Info"]

    def test_keeps_what_terraform_writes_of_itself_as_text(self, backend: Backend) -> None:
        hostile = lock_info("l1", Who="a\x00\u202eb\n", Operation=["x"], Extra={"a": 1}, Path="p" * 9999)
        assert backend.call("LOCK", hostile).status_code == 200
        assert backend.lock("l2").json()["Who"] == "a  b "
        info = StateLock.objects.get().info
        assert (info["Operation"], len(info["Path"]), "Extra" in info) == ("", 512, False)

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"[]",
            b"null",
            b"{}",
            b'{"ID": ""}',
            b'{"ID": 7}',
            b'{"ID": null}',
            lock_info("a\x00b"),
            lock_info("a\nb"),
            lock_info("\ud800"),
            lock_info("x" * 129),
            b"[" * 200_000,
        ],
    )
    def test_is_refused_without_a_usable_id(self, backend: Backend, body: bytes) -> None:
        refused = backend.call("LOCK", body)
        assert (refused.status_code, refused.json()["code"]) == (400, "bad_state")
        assert not StateLock.objects.exists()

    def test_notes_under_which_token_terraform_took_and_released_it(self, backend: Backend) -> None:
        def tokens() -> tuple[int | None, int | None]:
            return Run.objects.values_list("lock_taken_token", "lock_released_token").get()

        assert tokens() == (None, None)
        backend.lock()
        assert tokens() == (1, None)
        backend.unlock()
        assert tokens() == (1, 1)

    def test_of_the_same_run_under_an_older_token_is_taken_over(self, backend: Backend) -> None:
        backend.lock()
        Run.objects.update(fencing_token=2)
        backend.run.refresh_from_db()
        assert Backend(backend.run).lock("l2").status_code == 200
        assert StateLock.objects.get().lock_id == "l2"

    def test_that_an_ended_run_left_is_not_taken_over(self, backend: Backend, order: Order) -> None:
        backend.lock()
        Run.objects.update(status=RunStatus.ERRORED.value)
        after = order(environment="staging")
        Run.objects.filter(pk=after.pk).update(
            status=RunStatus.APPLYING.value, fencing_token=1, workspace=backend.run.workspace_id
        )
        after.refresh_from_db()
        refused = Backend(after).lock("l2")
        assert refused.status_code == 423
        assert str(backend.run.pk) in refused.json()["Info"]


class TestUnlock:
    def test_of_what_is_not_held_is_fine_because_a_reply_may_be_lost(self, backend: Backend) -> None:
        backend.lock()
        assert [backend.unlock().status_code for _ in range(2)] == [200, 200]
        assert backend.force_unlock().status_code == 200

    def test_with_another_id_is_refused_with_the_lock_that_is_held(self, backend: Backend) -> None:
        backend.lock()
        refused = backend.unlock("l2")
        assert (refused.status_code, refused.json()["ID"]) == (423, "l1")
        assert StateLock.objects.exists()

    def test_without_a_body_is_forced_and_proves_no_end_of_terraform(self, backend: Backend) -> None:
        backend.lock()
        assert backend.force_unlock().status_code == 200
        assert not StateLock.objects.exists()
        backend.unlock()
        assert Run.objects.get().lock_released_token is None

    @pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'{"ID": 1}'])
    def test_with_a_body_that_names_no_lock_is_no_force(self, backend: Backend, body: bytes) -> None:
        backend.lock()
        assert backend.call("UNLOCK", body).status_code == 400
        assert StateLock.objects.exists()


class TestEverythingElse:
    def test_delete_is_refused_because_states_are_kept(self, backend: Backend) -> None:
        backend.lock()
        backend.post(state(1))
        for query in ("", "?ID=l1"):
            refused = backend.call("DELETE", query=query)
            assert (refused.status_code, refused["Cache-Control"]) == (403, "no-store")
        assert StateVersion.objects.exists()

    @pytest.mark.parametrize("method", ["HEAD", "PUT", "PATCH", "OPTIONS", "PROPFIND", "TRACE"])
    def test_is_no_method_of_the_backend(self, backend: Backend, method: str) -> None:
        refused = backend.call(method, state(1))
        assert refused.status_code == 405
        assert set(refused["Allow"].split(", ")) == {"GET", "POST", "DELETE", "LOCK", "UNLOCK"}

    @pytest.mark.parametrize("address", ["/api/v1/state/", "/api/v1/state/x/", "/api/v1/state/../runs/"])
    def test_is_no_address_of_a_state(self, backend: Backend, address: str) -> None:
        assert Client().get(address).status_code == 404


class TestACredential:
    @pytest.mark.parametrize(
        "change",
        [
            {"password": "x"},
            {"password": ""},
            {"password": "ü\u202e"},
            {"username": "x"},
            {"username": ""},
            {"username": "00000000-0000-0000-0000-000000000000"},
            {"username": "a\x00b"},
        ],
    )
    def test_that_is_wrong_opens_nothing(self, backend: Backend, change: dict[str, str]) -> None:
        for name, value in change.items():
            setattr(backend, name, value)
        for method in ("GET", "LOCK", "UNLOCK", "POST", "DELETE"):
            refused = backend.call(method, b"{}")
            assert refused.status_code == 401
            assert refused["WWW-Authenticate"].startswith("Basic")
            assert refused["Cache-Control"] == "no-store"

    @pytest.mark.parametrize("header", ["", "Basic", "Basic !", "Basic /w==", "Bearer x", "Basic Og=="])
    def test_that_is_none_opens_nothing(self, backend: Backend, header: str) -> None:
        assert Client().get(backend.address).status_code == 401
        assert Client().get(backend.address, headers={"Authorization": header}).status_code == 401

    def test_is_the_only_thing_that_opens_a_state(self, backend: Backend) -> None:
        client = Client()
        client.force_login(backend.run.requester)
        assert client.get(backend.address).status_code == 401

    def test_dies_with_its_run_and_with_its_fencing_token(self, backend: Backend) -> None:
        backend.lock()
        Run.objects.update(fencing_token=2)
        calls = [
            lambda: backend.get(),
            lambda: backend.lock(),
            lambda: backend.unlock(),
            lambda: backend.force_unlock(),
            lambda: backend.post(state(1)),
        ]
        assert [call().status_code for call in calls] == [401] * 5
        Run.objects.update(fencing_token=1, status=RunStatus.ERRORED.value)
        assert [call().status_code for call in calls] == [401] * 5
        assert StateLock.objects.exists()
        assert not StateVersion.objects.exists()

    def test_of_another_workspaces_run_opens_nothing(self, backend: Backend, order: Order) -> None:
        other = order(environment="staging")
        backend.run = other
        assert backend.get().status_code == 401


@pytest.mark.django_db(transaction=True)
class TestOverTheWire:
    def speak(self, url: str, head: str, body: bytes = b"") -> tuple[int, bytes]:
        """Send a request as it is, say that nothing more comes, and return status and body of the answer."""
        parts = urlsplit(url)
        with socket.create_connection((parts.hostname, parts.port), timeout=30) as wire:
            wire.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
            wire.shutdown(socket.SHUT_WR)
            answer = http.client.HTTPResponse(wire)
            answer.begin()
            return answer.status, answer.read()

    def test_a_body_that_is_cut_short_is_refused(self, backend: Backend, live_server: Any) -> None:
        backend.lock()
        body = state(1)
        head = (
            f"POST {backend.address}?ID=l1 HTTP/1.1\nHost: localhost\nAuthorization: {backend.authorization}\n"
            f"Content-Type: application/json\nConnection: close\nContent-Length: {len(body) + 100}"
        )
        status, told = self.speak(live_server.url, head, body)
        assert (status, json.loads(told)["code"]) == (400, "bad_state")
        assert not StateVersion.objects.exists()

    def test_a_forced_unlock_in_chunks_without_a_length_is_taken(
        self, backend: Backend, live_server: Any
    ) -> None:
        backend.lock()
        head = (
            f"UNLOCK {backend.address} HTTP/1.1\nHost: localhost\nAuthorization: {backend.authorization}\n"
            f"Content-Type: application/json\nContent-MD5: {md5(b'')}\nConnection: close\nTransfer-Encoding: chunked"
        )
        status, _ = self.speak(live_server.url, head, b"0\r\n\r\n")
        assert status == 200
        assert not StateLock.objects.exists()
