"""The readable API documents, in a browser, under the policy of every other page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from tests.conftest import Organisation

playwright = pytest.importorskip("playwright.sync_api", reason="needs the Python package playwright")
CHROMIUM = shutil.which(os.environ.get("CHROMIUM", "/usr/bin/chromium"))


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    # Playwright's sync interface runs an event loop in this thread, which Django takes for an async view.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield opened
        opened.close()


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(
    CHROMIUM is None, reason="needs Chromium: install Debian's chromium, or point CHROMIUM at one"
)
class TestTheDocuments:
    def test_show_every_operation_without_breaking_the_policy(
        self, live_server: Any, org: Organisation, browser: Any
    ) -> None:
        client = Client()
        client.force_login(org.developer)
        context = browser.new_context()
        context.add_cookies(
            [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}]
        )
        page = context.new_page()
        complaints: list[str] = []
        page.on(
            "console", lambda message: complaints.append(message.text) if message.type == "error" else None
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        foreign: list[str] = []
        page.on(
            "request",
            lambda request: (
                None if request.url.startswith((live_server.url, "data:")) else foreign.append(request.url)
            ),
        )
        page.goto(f"{live_server.url}/api/docs/")
        page.locator(".opblock").first.wait_for(timeout=60_000)
        page.locator(".opblock-summary-control").first.click()
        page.locator(".opblock-body").first.wait_for(timeout=60_000)
        assert page.locator(".opblock").count() > 30
        assert complaints == []
        assert foreign == []
