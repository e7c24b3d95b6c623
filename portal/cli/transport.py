"""HTTP to one portal: retries that cannot order twice, `Retry-After`, TLS, and no token where none belongs."""

from __future__ import annotations

import functools
import random
import re
import ssl
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from json import JSONDecodeError
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from portal.cli.failures import Misuse, NotOffered, Refused, Unreachable
from portal.cli.version import NAME, VERSION

API = "/api/v1/"
CONNECT_TIMEOUT_S, ANSWER_TIMEOUT_S = 10.0, 30.0
RETRIES = 4
FIRST_PAUSE_S, PAUSE_MAX_S = 0.5, 8.0
# Who is told to come back later than this is told so instead of being kept waiting.
RETRY_AFTER_MAX_S = 60.0
RETRIED = frozenset({429, 502, 503, 504})
SAFE = frozenset({"GET", "HEAD"})
_TOKEN = re.compile(r"[\x21-\x7e]{1,400}")

Query = Mapping[str, str | int | bool | None]


@dataclass(frozen=True)
class Call:
    """One call, told for --verbose: no header and no body is in it."""

    method: str
    path: str
    outcome: str
    took_s: float
    request_id: str = ""
    retry_in_s: float | None = None


def portal_url(text: str, *, allow_http: bool = False) -> str:
    """Return a portal's address without a slash at its end. Raises Misuse.

    A token sent over plain HTTP can be read by everyone on the way, so only this machine is called that way.
    """
    url = text.strip()
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    if parts.scheme not in ("http", "https") or not host or not url.isascii() or not url.isprintable():
        raise Misuse(
            "The portal's address cannot be used",
            why="It is not a complete http or https address.",
            fix="Give it like https://drawbridge.example.com.",
        )
    if parts.username is not None or parts.password is not None:
        raise Misuse(
            "The portal's address contains a user or a password",
            why="Addresses are shown and stored in plain text.",
            fix="Leave them out; a token says who you are.",
        )
    if parts.scheme == "http" and not allow_http and not is_loopback(host):
        raise Misuse(
            f"{parts.scheme}://{parts.netloc} is not encrypted",
            why="Your token could be read by everyone on the way.",
            fix="Use https, or set DRAWBRIDGE_ALLOW_HTTP=1 where the network itself is trusted.",
        )
    path = parts.path.rstrip("/").removesuffix(API.rstrip("/"))
    return f"{parts.scheme}://{parts.netloc}{path}"


@functools.cache
def _trusted() -> ssl.SSLContext:
    """Return whom to trust: the well-known authorities, or SSL_CERT_FILE; reading them takes a while."""
    return httpx.create_ssl_context()


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


class Transport:
    """Calls to one portal in one caller's name.

    A call is made again after a lost connection or a 429, 502, 503 or 504. That does nothing twice: it reads, has
    no effect, or carries an Idempotency-Key, which stays the same.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        retries: int = RETRIES,
        allow_http: bool = False,
        on_call: Callable[[Call], None] | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = portal_url(url, allow_http=allow_http)
        if not _TOKEN.fullmatch(token):
            raise Misuse(
                "The token cannot be used",
                why="A token is one line of letters, digits and signs.",
                fix="Copy it again from the tokens page, without spaces.",
            )
        self._retries, self._on_call, self._pause = retries, on_call or (lambda call: None), pause
        self._http = httpx.Client(
            base_url=self.url + API,
            headers={
                "Authorization": f"Bearer {token}",
                "User-Agent": f"{NAME}/{VERSION}",
                "Accept": "application/json, application/problem+json, */*;q=0.1",
            },
            verify=_trusted(),
            follow_redirects=False,  # a redirect could take the token elsewhere
            trust_env=not is_loopback(urlsplit(self.url).hostname or ""),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: object = None,
        content: bytes | None = None,
        key: str = "",
        repeatable: bool = False,
        held_s: float = 0,
        missing: str = "",
    ) -> httpx.Response:
        """Make a call and return its good answer. Raises Refused, Unreachable, NotOffered.

        `key` is sent as Idempotency-Key; a call that writes without one gets its own unless it is `repeatable`, that
        is, without effect. `held_s` is how long the portal may hold the answer back. `missing` names what a portal
        without this address lacks.
        """
        headers: dict[str, str] = {}
        if method not in SAFE and not repeatable:
            headers["Idempotency-Key"] = key or str(uuid.uuid4())
        if content is not None:
            headers["Content-Type"] = "application/json"
        request = self._http.build_request(
            method,
            path,
            params={name: _shown(value) for name, value in (query or {}).items() if value is not None},
            json=body if content is None and body is not None else None,
            content=content,
            headers=headers,
            timeout=httpx.Timeout(ANSWER_TIMEOUT_S + held_s, connect=CONNECT_TIMEOUT_S),
        )
        response = self._send(request)
        if response.is_success:
            return response
        if missing and response.status_code == 404:
            raise NotOffered(
                f"This portal has no {missing} yet",
                why=f"It does not know the address {API}{path}.",
                fix="Ask its operators for a newer version.",
            )
        raise refusal(response, self.url)

    def _send(self, request: httpx.Request) -> httpx.Response:
        for attempt in range(self._retries + 1):
            last = attempt == self._retries
            began = time.monotonic()
            try:
                response = self._http.send(request)
            except httpx.TransportError as error:
                again = not last and worth_another_try(error)
                pause_s = _backoff_s(attempt) if again else None
                self._tell(request, type(error).__name__, began, pause_s=pause_s)
                if pause_s is None:
                    raise unreachable(error, self.url) from None
            else:
                pause_s = None if last else _pause_for(response, attempt)
                self._tell(request, str(response.status_code), began, response, pause_s=pause_s)
                if pause_s is None:
                    return response
            self._pause(pause_s)
        raise AssertionError("the last attempt returns or raises")

    def _tell(
        self,
        request: httpx.Request,
        outcome: str,
        began: float,
        response: httpx.Response | None = None,
        *,
        pause_s: float | None,
    ) -> None:
        self._on_call(
            Call(
                method=request.method,
                path=request.url.raw_path.decode("ascii", "replace"),
                outcome=outcome,
                took_s=time.monotonic() - began,
                request_id="" if response is None else request_id(response),
                retry_in_s=pause_s,
            )
        )


def worth_another_try(error: httpx.TransportError) -> bool:
    """Tell whether a connection that failed may work the next time; a bad certificate will not."""
    return not isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError) and not _is_tls(error)


def unreachable(error: httpx.TransportError, url: str) -> Unreachable:
    """Return the failure behind a connection that could not be made or held."""
    if _is_tls(error):
        return Unreachable(
            f"{url} cannot be trusted",
            why=f"Its certificate was not accepted: {error}",
            fix="Where your organisation has a certificate authority of its own, name its file in SSL_CERT_FILE.",
        )
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
        return Unreachable(
            f"{url} cannot be reached",
            why=str(error) or type(error).__name__,
            fix="Check the address (drawbridge whoami shows the one in use), your network, and that the portal runs.",
        )
    return Unreachable(
        f"The connection to {url} broke off",
        why=str(error) or type(error).__name__,
        fix="Give the same command again. What it may have done shows in drawbridge runs list.",
    )


def refusal(response: httpx.Response, url: str) -> Refused | Unreachable:
    """Return the failure that an answer other than 2xx is."""
    status = response.status_code
    if response.is_redirect:
        return Unreachable(
            f"{url} redirects elsewhere",
            why=f"It points to {response.headers.get('Location', '')[:200]}; the token is not sent there.",
            fix="If that is the portal, sign in with its address: drawbridge login URL.",
        )
    try:
        problem = response.json()
    except (JSONDecodeError, UnicodeDecodeError, RecursionError):
        problem = None
    if isinstance(problem, dict) and isinstance(problem.get("title"), str):
        return Refused(status, problem, request_id=request_id(response))
    return Unreachable(
        f"{url} answered {status}, but not as a portal does",
        why="Something else may listen there, or a proxy in between answered.",
        fix="Check the address, and whether the portal runs.",
    )


def decoded(response: httpx.Response, url: str) -> Any:
    """Return the JSON of a good answer. Raises Unreachable when it is something else."""
    try:
        return response.json()
    except (JSONDecodeError, UnicodeDecodeError, RecursionError):
        raise Unreachable(
            f"{url} answered, but not as a portal does",
            why=f"The answer is {response.headers.get('Content-Type', 'of unknown type')[:80]} instead of JSON.",
            fix="Check the address: a sign-in page or another service may be there.",
        ) from None


def request_id(response: httpx.Response) -> str:
    """Return the id under which the portal's operators find this call."""
    return str(response.headers.get("X-Request-Id", ""))[:64]


def _is_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _pause_for(response: httpx.Response, attempt: int) -> float | None:
    """Return after how many seconds a call is to be made again, or None when its answer stands.

    Every call that reaches this reads, has no effect, or carries an Idempotency-Key.
    """
    in_progress = response.status_code == 409 and b'"idempotency_in_progress"' in response.content
    if response.status_code not in RETRIED and not in_progress:
        return None
    asked_s = retry_after_s(response.headers.get("Retry-After", ""), now=datetime.now(UTC))
    if asked_s is None:
        return _backoff_s(attempt)
    return asked_s if asked_s <= RETRY_AFTER_MAX_S else None


def retry_after_s(value: str, *, now: datetime) -> float | None:
    """Return the seconds of a Retry-After header, which is a number or a date (RFC 9110); None where it is neither."""
    text = value.strip()
    if text.isascii() and text.isdigit() and len(text) <= 9:
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds())


def _backoff_s(attempt: int) -> float:
    """Return a pause that doubles, up to 8 s, and differs between callers that failed together."""
    return float(min(FIRST_PAUSE_S * 2**attempt, PAUSE_MAX_S) * random.uniform(0.75, 1.25))  # noqa: S311


def _shown(value: str | int | bool | None) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
