"""Real receivers on this machine: an HTTP server and a mail server, each in a thread, that do as they are told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass(frozen=True)
class Call:
    """One request that arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class HttpReceiver:
    """An HTTP server; `status`, `headers` and `body` are what it answers."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"ok"
    # Called with the socket's file instead of an answer.
    answer: Callable[[Any], None] | None = None
    calls: list[Call] = field(default_factory=list)
    port: int = 0

    def url(self, path: str = "/hook", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"


@contextmanager
def http_receiver() -> Iterator[HttpReceiver]:
    """Run an HTTP server on a free port of 127.0.0.1."""
    told = HttpReceiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            told.calls.append(Call(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            if told.answer is not None:
                told.answer(self.wfile)
                self.close_connection = True
                return
            self.send_response(told.status)
            for name, value in {"Content-Length": str(len(told.body)), **told.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(told.body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

        def handle(self) -> None:
            try:
                super().handle()
            except (ConnectionError, ValueError):  # the caller hung up
                return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    told.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)


@dataclass
class MailServer:
    """A mail server; `refuse` maps an address to the reply that it gets instead of 250."""

    refuse: dict[str, str] = field(default_factory=dict)
    refuse_data: str = ""
    mails: list[Envelope] = field(default_factory=list)
    port: int = 0

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.refuse_data:
            return self.refuse_data
        self.mails.append(envelope)
        return "250 OK"


class _AnyPort(Controller):
    """A controller on a port that the system chose."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """Run a mail server on a free port of 127.0.0.1."""
    told = MailServer()
    controller = _AnyPort(told, hostname="127.0.0.1", port=0)
    controller.start()
    told.port = controller.port
    try:
        yield told
    finally:
        controller.stop()
