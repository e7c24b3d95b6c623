"""The readable API documents, in a browser, under the policy of every other page."""

from __future__ import annotations

from typing import Any

from django.test import Client

from tests.conftest import Organisation
from tests.web.test_browser import (
    _allow_the_orm_beside_the_browser,  # noqa: F401  (a fixture)
    browser,  # noqa: F401  (a fixture)
    pytestmark,  # noqa: F401
)


class TestTheDocuments:
    def test_show_every_operation_without_breaking_the_policy(
        self,
        live_server: Any,
        org: Organisation,
        browser: Any,  # noqa: F811
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
