"""Calls to addresses that people gave: what they may reach, how long they may take, what is believed of the answer."""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from provisioner.domain.delivery import Verdict
from provisioner.outbound import call, signing
from provisioner.outbound.guard import Forbidden, Guard, Unresolved, is_public, networks, parse
from tests.notifications.receivers import HttpReceiver, http_receiver

LOCAL = networks(["127.0.0.0/8"])
PUBLIC = "93.184.216.34"


@pytest.fixture
def server() -> Iterator[HttpReceiver]:
    with http_receiver() as told:
        yield told


def answering(*answers: Sequence[str]) -> Any:
    """Return a resolver that gives these answers, one a call, and counts its calls."""
    given = list(answers)

    def resolve(host: str, port: int) -> Sequence[str]:
        resolve.calls += 1  # type: ignore[attr-defined]
        return given.pop(0) if len(given) > 1 else given[0]

    resolve.calls = 0  # type: ignore[attr-defined]
    return resolve


class TestAnAddress:
    @pytest.mark.parametrize(
        ("address", "public"),
        [
            (PUBLIC, True),
            ("2001:4860:4860::8888", True),
            ("64:ff9b::5db8:d822", True),  # a public one behind NAT64
            ("127.0.0.1", False),
            ("127.9.9.9", False),
            ("0.0.0.0", False),  # noqa: S104
            ("10.0.0.1", False),
            ("172.16.5.5", False),
            ("192.168.1.1", False),
            ("169.254.169.254", False),
            ("100.64.0.1", False),
            ("192.0.2.1", False),
            ("198.18.0.1", False),
            ("224.0.0.1", False),
            ("240.0.0.1", False),
            ("255.255.255.255", False),
            ("::", False),
            ("::1", False),
            ("fe80::1%eth0", False),
            ("fc00::1", False),
            ("ff02::1", False),
            ("::ffff:127.0.0.1", False),
            ("::ffff:10.0.0.1", False),
            ("::127.0.0.1", False),
            ("64:ff9b::7f00:1", False),
            ("64:ff9b::a9fe:a9fe", False),
            ("2002:7f00:1::", False),  # 6to4
            ("2001:0:4136:e378:8000:63bf:80ff:fffe", False),  # Teredo
        ],
    )
    def test_is_public_only_in_the_open_internet(self, address: str, public: bool) -> None:
        assert is_public(parse(address)) is public

    @pytest.mark.parametrize("text", ["", "localhost", "1.2.3", "0x7f000001"])
    def test_that_is_none_is_refused(self, text: str) -> None:
        with pytest.raises(Forbidden):
            parse(text)


class TestTheGuard:
    @pytest.mark.parametrize(
        "answers",
        [["127.0.0.1"], [PUBLIC, "10.0.0.1"], ["::1"], ["::ffff:169.254.169.254"], ["fe80::1%lo"]],
    )
    def test_refuses_a_name_that_leads_inside(self, answers: list[str]) -> None:
        with pytest.raises(Forbidden, match="DRAWBRIDGE_WEBHOOK_ALLOW"):
            Guard(resolve=answering(answers)).addresses("hooks.example.com", 443, secure=True)

    def test_lets_through_what_is_public_or_allowed(self) -> None:
        guard = Guard(networks(["10.1.0.0/16"]), answering([PUBLIC, "10.1.2.3"]))
        assert guard.addresses("hooks.example.com", 443, secure=True) == [PUBLIC, "10.1.2.3"]

    def test_takes_plain_http_to_allowed_networks_only(self) -> None:
        with pytest.raises(Forbidden, match="https"):
            Guard(LOCAL, answering([PUBLIC])).addresses("hooks.example.com", 80, secure=False)
        assert Guard(LOCAL, answering(["127.0.0.1"])).addresses("x", 80, secure=False)

    def test_says_when_a_name_has_no_address(self) -> None:
        with pytest.raises(Unresolved):
            Guard(resolve=answering([])).addresses("hooks.example.com", 443, secure=True)

    @pytest.mark.parametrize("entry", ["10.0.0.1/8", "internal", "10.0.0.0/33"])
    def test_reads_networks_only(self, entry: str) -> None:
        with pytest.raises(ValueError, match="no network"):
            networks([entry])


class TestAUrl:
    @pytest.mark.parametrize(
        "url",
        [
            "",
            "hooks.example.com",
            "ftp://example.com/",
            "file:///etc/passwd",
            "https://",
            "https://user:password@example.com/",
            "https://example.com/#fragment",
            "https://exa mple.com/",
            "https://example.com/\n",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://169.254.169.254/latest/meta-data/",
            "http://example.com/",
            "https://example.com/" + "a" * 2000,
        ],
    )
    def test_that_could_not_be_called_is_refused_at_once(self, url: str) -> None:
        with pytest.raises(call.AddressRefused):
            call.check_url(url, Guard())

    @pytest.mark.parametrize(
        "url", ["https://hooks.slack.com/services/T/B/x", "https://bücher.example:8443/a?b=c"]
    )
    def test_of_a_receiver_is_taken(self, url: str) -> None:
        assert call.check_url(url, Guard()).scheme == "https"


class TestACall:
    def post(self, server: HttpReceiver, **given: Any) -> Any:
        given.setdefault("guard", Guard(LOCAL))
        return call.post(server.url(), b'{"a":1}', {"Content-Type": "application/json"}, **given)

    def test_arrives_as_it_was_made(self, server: HttpReceiver) -> None:
        assert self.post(server).verdict is Verdict.SENT
        [got] = server.calls
        assert (got.path, got.body, got.headers["content-type"]) == ("/hook", b'{"a":1}', "application/json")
        assert got.headers["host"] == f"127.0.0.1:{server.port}"

    def test_goes_to_the_address_that_was_judged_and_to_no_other(self, server: HttpReceiver) -> None:
        """The name leads outside when it is asked again: only the first answer counts."""
        resolve = answering(["127.0.0.1"], ["10.9.9.9"])
        outcome = call.post(server.url(host="rebinding.example"), b"{}", {}, guard=Guard(LOCAL, resolve))
        assert outcome.verdict is Verdict.SENT
        assert resolve.calls == 1
        assert server.calls[0].headers["host"] == f"rebinding.example:{server.port}"

    def test_is_not_made_when_a_name_turns_inside_between_two_attempts(self, server: HttpReceiver) -> None:
        guard = Guard(networks(["127.0.0.2"]), answering(["127.0.0.1"]))
        outcome = call.post(server.url(host="rebinding.example"), b"{}", {}, guard=guard)
        assert outcome.verdict is Verdict.NEVER
        assert "DRAWBRIDGE_WEBHOOK_ALLOW" in outcome.error
        assert server.calls == []

    @pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "017700000001", "localhost"])
    def test_is_not_made_to_this_machine_however_it_is_written(self, server: HttpReceiver, host: str) -> None:
        outcome = call.post(f"https://{host}:{server.port}/", b"{}", {}, guard=Guard())
        assert outcome.verdict is Verdict.NEVER or outcome.error == "The host name could not be resolved."
        assert server.calls == []

    def test_follows_no_redirect(self, server: HttpReceiver) -> None:
        server.status, server.headers = 302, {"Location": server.url("/inside")}
        outcome = self.post(server)
        assert (outcome.verdict, outcome.status_code) == (Verdict.NEVER, 302)
        assert [got.path for got in server.calls] == ["/hook"]

    def test_does_not_look_for_proxies(self, server: HttpReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        assert self.post(server).verdict is Verdict.SENT

    def test_is_given_up_when_the_answer_is_too_large(self, server: HttpReceiver) -> None:
        server.body = b"x" * (call.ANSWER_MAX_BYTES + 1)
        assert self.post(server).verdict is Verdict.NEVER

    @pytest.mark.parametrize(("given", "seconds"), [("120", 120.0), ("0", 0.0), ("soon", None), ("-5", None)])
    def test_hears_how_long_to_wait(self, server: HttpReceiver, given: str, seconds: float | None) -> None:
        server.status, server.headers = 429, {"Retry-After": given}
        outcome = self.post(server)
        assert (outcome.verdict, outcome.wait_s) == (Verdict.AGAIN, seconds)

    def test_hears_until_when_to_wait_by_the_servers_own_clock(self) -> None:
        headers = {
            "date": "Tue, 24 Nov 2026 12:00:00 GMT",
            "retry-after": "Tue, 24 Nov 2026 12:05:00 GMT",
        }
        assert call.retry_after_s(headers) == 300.0

    def test_that_hangs_ends_by_its_deadline(self, server: HttpReceiver) -> None:
        hung = threading.Event()
        server.answer = lambda out: hung.wait(30)  # type: ignore[assignment, func-returns-value]
        outcome = self.post(server, deadline_s=0.3)
        hung.set()
        assert (outcome.verdict, outcome.all_wait) == (Verdict.AGAIN, True)
        assert "did not answer" in outcome.error

    def test_that_drips_ends_by_its_deadline(self, server: HttpReceiver) -> None:
        """Every byte comes in time; all of them never would."""
        stop = threading.Event()

        def drip(out: Any) -> None:
            out.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            try:
                while not stop.wait(0.05):
                    out.write(b"a")
                    out.flush()
            except OSError:
                return

        server.answer = drip
        outcome = self.post(server, deadline_s=0.5)
        stop.set()
        assert outcome.verdict is Verdict.AGAIN
        assert "did not answer" in outcome.error

    @pytest.mark.parametrize("answer", [b"", b"\x00\xff nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Le"])
    def test_that_is_answered_by_no_http_is_tried_again(self, server: HttpReceiver, answer: bytes) -> None:
        server.answer = lambda out: out.write(answer)
        assert self.post(server).verdict is Verdict.AGAIN

    def test_to_nobody_is_tried_again(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            outcome = call.post(
                f"http://127.0.0.1:{free.getsockname()[1]}/secret", b"{}", {}, guard=Guard(LOCAL)
            )
        assert outcome.verdict is Verdict.AGAIN
        assert "secret" not in outcome.error

    def test_to_a_certificate_that_nobody_vouches_for_is_not_made(self, tmp_path: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(datetime.now(UTC) - timedelta(days=1))
            .not_valid_after(datetime.now(UTC) + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .sign(key, hashes.SHA256())
        )
        pem = tmp_path / "server.pem"
        pem.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        with socket.create_server(("127.0.0.1", 0)) as listening:

            def serve() -> None:
                connection, _ = listening.accept()
                try:
                    context.wrap_socket(connection, server_side=True).recv(1)
                except OSError:
                    return

            threading.Thread(target=serve, daemon=True).start()
            port = listening.getsockname()[1]
            guard = Guard(LOCAL, answering(["127.0.0.1"]))
            outcome = call.post(f"https://localhost:{port}/", b"{}", {}, guard=guard)
        assert (outcome.verdict, outcome.error) == (
            Verdict.AGAIN,
            "Its certificate or its TLS was not accepted.",
        )


class TestASignature:
    NOW = datetime(2026, 11, 24, 12, 0, 0, 900_000, tzinfo=UTC)

    def test_is_what_a_receiver_computes(self) -> None:
        secret = signing.new_secret()
        got = signing.headers([secret], message_id="msg_1", body=b'{"a":1}', now=self.NOW)
        key = base64.b64decode(secret.removeprefix("whsec_"))
        signed = b'msg_1.%d.{"a":1}' % int(self.NOW.timestamp())
        expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert got == {
            "webhook-id": "msg_1",
            "webhook-timestamp": str(int(self.NOW.timestamp())),
            "webhook-signature": f"v1,{expected}",
        }

    def test_is_that_of_the_published_example(self) -> None:
        """The example of the Standard Webhooks libraries."""
        assert (
            signing.signature(
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
                timestamp=1614265330,
                body=b'{"test": 2432232314}',
            )
            == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        )

    def test_is_there_once_for_each_secret_in_use(self) -> None:
        old, new = signing.new_secret(), signing.new_secret()
        got = signing.headers([new, old], message_id="m", body=b"", now=self.NOW)["webhook-signature"]
        assert len(got.split(" ")) == 2
        assert old != new
