"""People with a browser that runs no scripts, and runs at every stage without Terraform."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from django.http import HttpResponse
from django.test import Client

from catalog.models import CatalogItemVersion
from provisioner.models import Run
from provisioner.services import apply, plan, submit
from provisioner.services.ask import Ask
from tests.conftest import Organisation
from tests.fakes import FakeEngine

SignIn = Callable[[str], Client]
Order = Callable[..., Run]


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def sign_in(org: Organisation) -> SignIn:
    """Return a function that gives a signed-in client by user name."""

    def client(name: str) -> Client:
        made = Client()
        made.force_login(org.users[name])
        return made

    return client


@pytest.fixture
def fake() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def order(org: Organisation, postgres: CatalogItemVersion, fake: FakeEngine) -> Order:
    """Return a function that orders a database and takes it as far as `to`: queued, planned or applied."""

    def make(
        environment: str = "development",
        *,
        service: str = "orders",
        name: str = "orders-db",
        by: str = "developer",
        to: str = "planned",
        justification: str = "",
        **given: object,
    ) -> Run:
        run = submit.submit(
            Ask("postgres", service, environment, name, given, justification=justification),
            requester=org.users[by],
            now=now(),
        )
        if to in ("planned", "applied"):
            plan.plan(run.pk, engine=fake, worker="w1", clock=now)
        if to == "applied":
            apply.apply(run.pk, engine=fake, worker="w1", clock=now)
        run.refresh_from_db()
        return run

    return make


class _Fields(HTMLParser):
    """Collects what a browser would send for the page's forms."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self._select: str | None = None
        self._first: str | None = None
        self._area: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        name = found.get("name") or ""
        if tag == "input" and name and name != "csrfmiddlewaretoken":
            if found.get("type") == "checkbox":
                if "checked" in found:
                    self.values[name] = found.get("value") or "on"
            else:
                self.values[name] = found.get("value") or ""
        elif tag == "select" and name:
            self._select, self._first = name, None
        elif tag == "option" and self._select:
            value = found.get("value") or ""
            if self._first is None:
                self._first = value
                self.values[self._select] = value
            if "selected" in found:
                self.values[self._select] = value
        elif tag == "textarea" and name:
            self._area = name
            self.values[name] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = None
        elif tag == "textarea":
            self._area = None

    def handle_data(self, data: str) -> None:
        if self._area:
            self.values[self._area] += data.removeprefix("\n") if not self.values[self._area] else data


def fields(response: HttpResponse) -> dict[str, str]:
    """Return what a browser would send back for a page's form, untouched."""
    parser = _Fields()
    parser.feed(response.content.decode())
    return parser.values
