"""Calls over real connections: what is tried again, and what is not."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from portal.cli.client import Ask, Client
from portal.cli.failures import NotOffered, Refused, Unreachable
from portal.cli.transport import Call, Transport, retry_after_s
from tests.cli import answers
from tests.cli.answers import RUN_DETAIL, page, problem

ASK = Ask("postgres", "orders", "production", "orders-db")


class Pauses(list[float]):
    """Takes pauses instead of making them."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
def client(httpserver: HTTPServer, pauses: Pauses) -> Iterator[Client]:
    transport = Transport(httpserver.url_for(""), "drb_x", pause=pauses)
    with Client(transport.url, "drb_x", transport=transport) as made:
        yield made


class Flaky:
    """Answers so often with a status, then well; keeps the keys that came."""

    def __init__(self, times: int, status: int, *, code: str = "unavailable", **headers: str) -> None:
        self.times, self.status, self.code, self.headers = times, status, code, headers
        self.keys: list[str] = []

    def __call__(self, request: Request) -> Response:
        self.keys.append(request.headers.get("Idempotency-Key", ""))
        if len(self.keys) <= self.times:
            return _json(problem(self.status, self.code), self.status, self.headers)
        return _json(RUN_DETAIL, 201, {})


def _json(document: object, status: int, headers: dict[str, str]) -> Response:
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(json.dumps(document), status=status, headers=headers, content_type="application/json")


class TestAnOrder:
    @pytest.mark.parametrize(
        ("status", "code"),
        [(429, "throttled"), (503, "unavailable"), (502, "x"), (504, "x"), (409, "idempotency_in_progress")],
    )
    def test_is_sent_again_under_the_same_key(
        self, status: int, code: str, client: Client, httpserver: HTTPServer, pauses: Pauses
    ) -> None:
        flaky = Flaky(2, status, code=code)
        httpserver.expect_request("/api/v1/requests/", method="POST").respond_with_handler(flaky)
        assert client.order(ASK).id == RUN_DETAIL["id"]
        assert len(flaky.keys) == 3
        assert len(set(flaky.keys)) == 1
        assert flaky.keys[0]
        first, second = pauses
        assert 0.3 < first < second < 2

    @pytest.mark.parametrize(
        ("status", "code"), [(500, "internal_error"), (422, "guardrail_refused"), (409, "workspace_busy")]
    )
    def test_is_not_sent_again_after_an_answer_that_stands(
        self, status: int, code: str, client: Client, httpserver: HTTPServer, pauses: Pauses
    ) -> None:
        flaky = Flaky(1, status, code=code)
        httpserver.expect_request("/api/v1/requests/", method="POST").respond_with_handler(flaky)
        with pytest.raises(Refused) as refused:
            client.order(ASK)
        assert (refused.value.status, refused.value.problem_code) == (status, code)
        assert (len(flaky.keys), pauses) == (1, [])

    def test_carries_the_key_that_is_given_else_one_of_its_own(
        self, client: Client, httpserver: HTTPServer
    ) -> None:
        flaky = Flaky(0, 200)
        httpserver.expect_request("/api/v1/requests/", method="POST").respond_with_handler(flaky)
        client.order(ASK, key="pipeline-7")
        client.order(ASK)
        client.order(ASK)
        assert flaky.keys[0] == "pipeline-7"
        assert len(set(flaky.keys)) == 3

    def test_is_sent_again_when_the_connection_breaks_off_before_the_answer(self, pauses: Pauses) -> None:
        with HangingUp(times=2) as (url, keys), Transport(url, "drb_x", pause=pauses) as transport:
            run = Client(url, "drb_x", transport=transport).order(ASK)
        assert run.id == RUN_DETAIL["id"]
        assert len(keys) == 3
        assert len(set(keys)) == 1


class TestPauses:
    @pytest.mark.parametrize(
        ("header", "paused"), [("7", 7.0), ("0", 0.0), ("Tue, 24 Nov 2020 12:00:00 GMT", 0.0)]
    )
    def test_are_as_long_as_the_portal_says(
        self, header: str, paused: float, client: Client, httpserver: HTTPServer, pauses: Pauses
    ) -> None:
        flaky = Flaky(1, 429, Retry_After=header)
        httpserver.expect_request("/api/v1/requests/", method="POST").respond_with_handler(flaky)
        client.order(ASK)
        assert pauses == [paused]

    def test_are_not_made_when_it_is_to_be_much_later(
        self, client: Client, httpserver: HTTPServer, pauses: Pauses
    ) -> None:
        flaky = Flaky(1, 503, Retry_After="3600")
        httpserver.expect_request("/api/v1/requests/", method="POST").respond_with_handler(flaky)
        with pytest.raises(Refused):
            client.order(ASK)
        assert pauses == []

    def test_end_after_some_attempts(self, client: Client, httpserver: HTTPServer, pauses: Pauses) -> None:
        flaky = Flaky(99, 503)
        httpserver.expect_request("/api/v1/requests/", method="POST").respond_with_handler(flaky)
        with pytest.raises(Refused):
            client.order(ASK)
        assert (len(flaky.keys), len(pauses)) == (5, 4)

    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            ("12", 12.0),
            (" 3 ", 3.0),
            ("Tue, 24 Nov 2026 12:00:30 GMT", 30.0),
            ("Tue, 24 Nov 2026 11:00:00 GMT", 0.0),
            ("", None),
            ("soon", None),
            ("-1", None),
            ("1.5", None),
            ("٣", None),
            ("9" * 40, None),
        ],
    )
    def test_are_read_from_both_forms_of_the_header(self, value: str, seconds: float | None) -> None:
        assert retry_after_s(value, now=datetime(2026, 11, 24, 12, tzinfo=UTC)) == seconds


class TestAList:
    def test_follows_the_cursor_on_this_portal_whatever_host_the_link_names(
        self, client: Client, httpserver: HTTPServer
    ) -> None:
        httpserver.expect_request("/api/v1/runs/", query_string="cursor=abc%3D").respond_with_json(
            page({**answers.RUN, "name": "second"})
        )
        httpserver.expect_request("/api/v1/runs/", query_string="").respond_with_json(
            page(answers.RUN, next_page="https://elsewhere.example/api/v1/runs/?cursor=abc%3D")
        )
        assert [run.name for run in client.runs()] == ["orders-db", "second"]

    def test_ends_where_the_cursor_stands_still(self, client: Client, httpserver: HTTPServer) -> None:
        httpserver.expect_request("/api/v1/runs/").respond_with_json(
            page(answers.RUN, next_page="?cursor=abc")
        )
        assert len(list(client.runs())) == 2

    def test_asks_for_a_page_only_when_it_is_needed(self, client: Client, httpserver: HTTPServer) -> None:
        httpserver.expect_request("/api/v1/runs/").respond_with_json(
            page(answers.RUN, next_page="?cursor=abc")
        )
        next(client.runs())
        assert len(httpserver.log) == 1


class TestACall:
    def test_takes_no_part_of_a_name_for_a_part_of_the_address(
        self, client: Client, httpserver: HTTPServer
    ) -> None:
        httpserver.expect_request("/never").respond_with_json({})
        with pytest.raises((Refused, Unreachable)):
            client.item("../../admin/?x=#y")
        [(request, _)] = httpserver.log
        assert request.environ["REQUEST_URI"].startswith(
            "/api/v1/catalog/items/..%2F..%2Fadmin%2F%3Fx%3D%23y/"
        )

    def test_is_told_without_headers_and_bodies(self, httpserver: HTTPServer) -> None:
        told: list[Call] = []
        httpserver.expect_request("/api/v1/me/").respond_with_json(
            answers.CALLER, headers={"X-Request-Id": "r-1"}
        )
        with Transport(httpserver.url_for(""), "drb_secret", on_call=told.append) as transport:
            Client(transport.url, "drb_secret", transport=transport).me()
        [call] = told
        assert (call.method, call.path, call.outcome, call.request_id) == ("GET", "/api/v1/me/", "200", "r-1")
        assert "secret" not in repr(told)

    def test_of_an_address_that_a_portal_may_lack_says_so(
        self, client: Client, httpserver: HTTPServer
    ) -> None:
        httpserver.expect_request("/api/v1/costs/summary/").respond_with_json(
            problem(404, "not_found"), status=404
        )
        with pytest.raises(NotOffered):
            client.cost_summary()

    def test_keeps_the_prefix_of_a_portal_that_lives_below_a_path(self, httpserver: HTTPServer) -> None:
        httpserver.expect_request("/infra/api/v1/me/").respond_with_json(answers.CALLER)
        with Client(httpserver.url_for("/infra/api/v1/"), "drb_x") as client:
            assert client.me().username == "developer"


class TestTls:
    def test_refuses_a_certificate_that_nobody_vouches_for_and_does_not_try_again(
        self, tmp_path: Path, pauses: Pauses
    ) -> None:
        with (
            TlsServer(tmp_path) as url,
            Transport(url, "drb_x", pause=pauses) as transport,
            pytest.raises(Unreachable, match="cannot be trusted") as refused,
        ):
            Client(url, "drb_x", transport=transport).me()
        assert "SSL_CERT_FILE" in refused.value.fix
        assert pauses == []


class HangingUp:
    """A server that reads a call and hangs up so often, then answers."""

    def __init__(self, times: int) -> None:
        self._times = times
        self.keys: list[str] = []

    def __enter__(self) -> tuple[str, list[str]]:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}", self.keys

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._thread.join(timeout=10)

    def _serve(self) -> None:
        for attempt in range(self._times + 1):
            connection, _ = self._socket.accept()
            with connection:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += connection.recv(65536)
                self.keys += [
                    line.partition(b":")[2].strip().decode()
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"idempotency-key:")
                ]
                if attempt == self._times:
                    body = json.dumps(RUN_DETAIL).encode()
                    connection.sendall(
                        b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nConnection: close\r\n"
                        + f"Content-Length: {len(body)}\r\n\r\n".encode()
                        + body
                    )


class TlsServer:
    """A server with a certificate of its own making."""

    def __init__(self, folder: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
            .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .sign(key, hashes.SHA256())
        )
        self._pem = folder / "server.pem"
        self._pem.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )

    def __enter__(self) -> str:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._pem)
        self._server = HTTPServer(host="localhost", ssl_context=context)
        self._server.start()  # type: ignore[no-untyped-call]
        return f"https://localhost:{self._server.port}"

    def __exit__(self, *_: object) -> None:
        self._server.stop()  # type: ignore[no-untyped-call]
