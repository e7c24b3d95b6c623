"""Fetching from a real server on this machine: whole, bounded, or nothing."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from provisioner.domain.price_import import PriceListRefused
from provisioner.price_lists import fetch

LIST = b'{"formatVersion": "v1.0"}' * 100
ADDRESS = "/offers/v1.0/aws/AmazonRDS/current/us-east-1/index.json"


class Server(ThreadingHTTPServer):
    """Answers with what `answers` says: (status, headers, body); what was asked for is in `asked`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        status, headers, body = self.server.answers.get(self.path, (404, {}, b""))
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    thread.join(timeout=10)
    made.server_close()


def get(server: Server, folder: Path, **options: int) -> list[Path]:
    return fetch.fetch(["AmazonRDS"], "us-east-1", folder, base_url=server.url + "/", **options)


def nothing_is_left(folder: Path) -> bool:
    return not [path for path in folder.rglob("*") if path.is_file()]


class TestAList:
    def test_is_written_in_its_own_layout(self, server: Server, tmp_path: Path) -> None:
        server.answers[ADDRESS] = (200, {}, LIST)
        (path,) = get(server, tmp_path)
        assert path == tmp_path / ADDRESS[1:]
        assert path.read_bytes() == LIST
        assert server.asked == [ADDRESS]

    def test_may_be_packed_on_its_way(self, server: Server, tmp_path: Path) -> None:
        server.answers[ADDRESS] = (200, {"Content-Encoding": "gzip"}, gzip.compress(LIST))
        (path,) = get(server, tmp_path)
        assert path.read_bytes() == LIST


class TestNothingIsLeftOfAList:
    @pytest.mark.parametrize(
        ("status", "headers", "body", "text"),
        [
            (404, {}, b"", "the server answers 404"),
            (403, {}, b"", "the server answers 403"),
            (302, {"Location": "http://127.0.0.1:9/elsewhere"}, b"", "the server answers 302"),
            (200, {"Content-Length": str(len(LIST) + 1)}, LIST, "could not be fetched"),
            (200, {"Content-Encoding": "gzip"}, LIST, "could not be fetched"),
        ],
    )
    def test_that_does_not_come_whole(
        self, status: int, headers: dict[str, str], body: bytes, text: str, server: Server, tmp_path: Path
    ) -> None:
        server.answers[ADDRESS] = (status, headers, body)
        with pytest.raises(PriceListRefused, match=text):
            get(server, tmp_path)
        assert nothing_is_left(tmp_path)
        assert server.asked == [ADDRESS]

    def test_that_says_it_is_too_large(self, server: Server, tmp_path: Path) -> None:
        server.answers[ADDRESS] = (200, {}, LIST)
        with pytest.raises(PriceListRefused, match="larger than the 1,000 bytes"):
            get(server, tmp_path, max_bytes=1000)
        assert nothing_is_left(tmp_path)

    def test_that_grows_too_large_when_unpacked(self, server: Server, tmp_path: Path) -> None:
        server.answers[ADDRESS] = (200, {"Content-Encoding": "gzip"}, gzip.compress(b"0" * 10_000_000))
        with pytest.raises(PriceListRefused, match="larger than the 100,000 bytes"):
            get(server, tmp_path, max_bytes=100_000)
        assert nothing_is_left(tmp_path)

    def test_of_a_server_that_is_not_there(self, server: Server, tmp_path: Path) -> None:
        url = server.url
        server.server_close()
        with pytest.raises(PriceListRefused, match="could not be fetched"):
            fetch.fetch(["AmazonRDS"], "us-east-1", tmp_path, base_url=url)
        assert nothing_is_left(tmp_path)


class TestWhatIsAskedFor:
    @pytest.mark.parametrize(
        ("offer", "region"),
        [
            ("../../etc", "us-east-1"),
            ("Amazon/RDS", "us-east-1"),
            ("AmazonRDS", "../.."),
            ("AmazonRDS", "us-east-1/x"),
        ],
    )
    def test_never_leads_elsewhere(self, offer: str, region: str, server: Server, tmp_path: Path) -> None:
        with pytest.raises(PriceListRefused, match="is not the code of"):
            fetch.fetch([offer], region, tmp_path, base_url=server.url)
        assert server.asked == []
