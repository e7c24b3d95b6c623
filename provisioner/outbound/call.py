"""One guarded POST: to the address that was judged, no redirects, no proxies, bounded in time and in what is read.

httpx builds the request; its transport here is httpcore with a network of our own, because the guard and the deadline
belong where the connection is made.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

import httpcore
import httpx
from django.conf import settings

from provisioner.domain.delivery import Outcome, Verdict, http_outcome
from provisioner.outbound.guard import Forbidden, Guard, Unresolved, networks, parse

DEADLINE_S = 15.0
CONNECT_S = 5.0
ANSWER_MAX_BYTES = 64 * 1024
URL_MAX_LENGTH = 2000


class AddressRefused(ValueError):
    """What was given is no address that can be called; the text says what to give."""


class _TooLate(Exception):
    """The whole call took too long."""


class _TooLarge(Exception):
    """The answer is larger than any that is needed."""


@dataclass
class Deadline:
    """The end of a call, by a clock that only goes forward."""

    at: float

    def left(self, most: float | None = None) -> float:
        """Return the seconds that are left. Raises _TooLate when there are none."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise _TooLate
        return left if most is None else min(left, most)


class _Stream(httpcore.NetworkStream):
    """A connection whose every read and write ends by the deadline, however slowly the other side drips."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._deadline.left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(
            self._inner.start_tls(ssl_context, server_hostname, self._deadline.left(timeout)), self._deadline
        )

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Network(httpcore.NetworkBackend):
    """Connects to what the guard found, trying each address, and to nothing else."""

    def __init__(self, guard: Guard, deadline: Deadline, *, secure: bool) -> None:
        self._guard = guard
        self._deadline = deadline
        self._secure = secure
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception | None = None
        for address in self._guard.addresses(host, port, secure=self._secure):
            try:
                stream = self._sockets.connect_tcp(
                    address, port, self._deadline.left(CONNECT_S), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _Stream(stream, self._deadline)
        raise failure or Unresolved("The host name has no address.")

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        raise Forbidden("Only network addresses are called.")


class _Body(httpx.SyncByteStream):
    """The answer's body, cut off when it is too large."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for part in self._inner:
            size += len(part)
            if size > ANSWER_MAX_BYTES:
                raise _TooLarge
            yield part

    def close(self) -> None:
        self._inner.close()


class _Transport(httpx.BaseTransport):
    """httpcore behind httpx, with our network."""

    def __init__(self, network: _Network) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=_tls(), max_connections=1, network_backend=network, http1=True, http2=False
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Body(answer.stream),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        self._pool.close()


@cache
def _tls() -> ssl.SSLContext:
    """Verify certificates and host names; SSL_CERT_FILE names other authorities than the usual ones."""
    return httpx.create_ssl_context(trust_env=True)


def configured_guard() -> Guard:
    """Return the guard that the settings describe."""
    return Guard(networks(settings.DRAWBRIDGE_WEBHOOK_ALLOW))


def check_url(text: str, guard: Guard) -> httpx.URL:
    """Return a URL that could be called, without looking a name up. Raises AddressRefused."""
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, UnicodeError) as error:
        raise AddressRefused("Give a URL, such as https://hooks.example.com/path.") from error
    if len(text) > URL_MAX_LENGTH or any(char.isspace() or not char.isprintable() for char in text):
        raise AddressRefused(f"Give a URL of at most {URL_MAX_LENGTH} characters, without spaces.")
    if url.scheme not in ("https", "http") or not url.host:
        raise AddressRefused("Give a URL that begins with https:// and names a host.")
    if url.userinfo:
        raise AddressRefused("Leave the user name and the password out of the URL.")
    if url.fragment:
        raise AddressRefused("Leave the part after # out of the URL.")
    try:
        literal = str(parse(url.host.strip("[]")))
    except Forbidden:
        if url.scheme == "http" and not guard.allowed:
            raise AddressRefused("Use https: plain http would show the message on its way.") from None
        return url
    try:
        Guard(guard.allowed, lambda host, port: [literal]).addresses(
            url.host, 0, secure=url.scheme == "https"
        )
    except Forbidden as error:
        raise AddressRefused(str(error).replace("The host name leads to", "This is")) from error
    return url


def post(
    url: str, body: bytes, headers: Mapping[str, str], *, guard: Guard, deadline_s: float = DEADLINE_S
) -> Outcome:
    """Send `body` once and judge the answer. Nothing is raised for what a receiver or a network does.

    Texts of the outcome hold neither the URL nor what was answered: both may hold secrets.
    """
    deadline = Deadline(time.monotonic() + deadline_s)
    try:
        target = check_url(url, guard)
        network = _Network(guard, deadline, secure=target.scheme == "https")
        with (
            httpx.Client(transport=_Transport(network), trust_env=False, timeout=deadline_s) as client,
            client.stream(
                "POST",
                target,
                content=body,
                headers={"User-Agent": "Drawbridge", "Accept-Encoding": "identity", **headers},
            ) as answer,
        ):
            for _ in answer.iter_raw():
                deadline.left()
            return http_outcome(answer.status_code, wait_s=retry_after_s(answer.headers))
    except (AddressRefused, Forbidden) as error:
        return Outcome(Verdict.NEVER, str(error))
    except _TooLarge:
        return Outcome(
            Verdict.NEVER, f"Its answer is larger than {ANSWER_MAX_BYTES // 1024} KiB.", answer.status_code
        )
    except Unresolved as error:
        return _later(str(error))
    except (_TooLate, httpcore.TimeoutException, httpx.TimeoutException):
        return _later(f"It did not answer within {deadline_s:.0f} seconds.")
    except (httpcore.ConnectError, httpx.ConnectError) as error:
        return _later(
            "Its certificate or its TLS was not accepted."
            if isinstance(error.__cause__ or error.__context__, ssl.SSLError)
            or "SSL" in str(error)
            or "CERTIFICATE" in str(error)
            else "No connection could be made."
        )
    except (httpcore.NetworkError, httpx.NetworkError, ssl.SSLError, OSError):
        return _later("The connection broke off.")
    except (httpcore.ProtocolError, httpx.ProtocolError, httpx.HTTPError):
        return _later("Its answer is no HTTP.")


def _later(error: str) -> Outcome:
    return Outcome(Verdict.AGAIN, error, all_wait=True)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Read Retry-After: seconds, or an HTTP date seen from the answer's own Date (RFC 9110, 10.2.3)."""
    given = headers.get("retry-after", "").strip()
    if not given:
        return None
    if given.isascii() and given.isdigit():
        return float(given[:9])
    try:
        until = parsedate_to_datetime(given)
        since = parsedate_to_datetime(headers["date"]) if "date" in headers else datetime.now(UTC)
        return max(0.0, (until.replace(tzinfo=UTC) - since.replace(tzinfo=UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None
