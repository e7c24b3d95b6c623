"""The main job by people in a browser: order, watch, approve twice, see it applied; and the form without scripts."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from catalog.models import CatalogItemVersion
from tests.conftest import PASSWORD, LivePortal, Organisation, has_terraform

playwright = pytest.importorskip("playwright.sync_api", reason="needs the Python package playwright")
expect = playwright.expect


def chromium() -> str | None:
    """Find a Chromium or Chrome that is installed on this machine."""
    candidates = [os.environ.get("CHROMIUM", ""), "/usr/bin/chromium", "chromium", "google-chrome"]
    return next((found for one in candidates if one and (found := shutil.which(one))), None)


pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        chromium() is None, reason="needs Chromium: install Debian's chromium, or point CHROMIUM at one"
    ),
]

ARGUMENTS = ["--no-sandbox", "--headless=new", "--disable-gpu", "--disable-dev-shm-usage"]
WITHIN_MS = 60_000
FIRST_PLAN_MS = 180_000  # the first plan on a machine lays out the module's working directory


@pytest.fixture(autouse=True)
def _allow_the_orm_beside_the_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Playwright's sync interface runs an event loop in this thread, which Django takes for an async view."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@pytest.fixture
def browser() -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        yield opened
        opened.close()


Visit = Callable[..., playwright.Page]


@pytest.fixture
def visit(browser: playwright.Browser, tmp_path: Path) -> Iterator[Visit]:
    """Return a function that signs a person in at a portal, in a browser of their own; their console stays clean."""
    complaints: list[str] = []

    def heard(kind: str, text: str) -> None:
        # htmx reports as an error that a newer request took the place of an older one, which is what we ask for.
        if kind == "error" and not text.startswith(("htmx:sendAbort", "htmx:afterRequest")):
            complaints.append(text)

    def enter(url: str, name: str, **context: object) -> playwright.Page:
        page = browser.new_context(**context).new_page()
        page.set_default_timeout(WITHIN_MS)
        page.on("console", lambda message: heard(message.type, message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{url}/")
        page.get_by_label("Username").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name=f"Hello, {name}")).to_be_visible()
        return page

    yield enter
    assert not complaints, f"the browser complained: {complaints}"


def see_status(page: playwright.Page, status: str, *, timeout: int = WITHIN_MS) -> None:
    expect(page.get_by_label("Status").get_by_role("status")).to_contain_text(status, timeout=timeout)


def approve(page: playwright.Page, name: str, group: str) -> None:
    """Decide in the queue."""
    page.get_by_role("link", name="Approvals", exact=True).click()
    card = page.get_by_role("article").filter(has_text=f"Provision {name}").filter(has_text=group)
    card.get_by_label("Comment").fill(f"{group} has looked at it")
    card.get_by_role("button", name=f"Approve as {group}").click()
    expect(page.get_by_text(f"{name}: approved for {group}.")).to_be_visible()


@pytest.mark.skipif(not has_terraform(), reason="needs terraform or tofu on PATH")
class TestAProductionPostgres:
    @pytest.mark.thorough
    def test_is_ordered_planned_approved_by_two_and_applied(
        self,
        live_portal: LivePortal,
        org: Organisation,
        postgres: CatalogItemVersion,
        visit: Visit,
        tmp_path: Path,
    ) -> None:
        developer = visit(live_portal.url, "developer")
        expect(developer.get_by_text("no AWS account is touched")).to_be_visible()
        developer.get_by_role("link", name="Order something").click()
        developer.get_by_role("link", name="Order Postgres").click()

        developer.get_by_label("Service").select_option("orders")
        developer.get_by_label("Environment").select_option("production")
        expect(developer.get_by_label("Size", exact=True)).to_have_value("medium")
        expect(developer.get_by_label("Standby in a second zone")).to_be_checked()
        answer = developer.locator("#order-answer")
        expect(answer).to_contain_text("finops")
        expect(answer).to_contain_text("sre")
        expect(answer).to_contain_text("tier-1")

        retention = developer.get_by_label("Backup retention")
        retention.fill("2")
        expect(answer).to_contain_text("Would be refused")
        expect(developer.locator("#id_backup_retention_days-notes")).to_contain_text(
            "Backup", ignore_case=True
        )
        retention.fill("21")
        expect(answer).not_to_contain_text("Would be refused")

        developer.get_by_label("Name", exact=True).fill("orders-main")
        developer.get_by_label("Justification").fill("Orders move off the shared cluster.")
        developer.get_by_role("button", name="Order", exact=True).click()
        expect(developer.get_by_role("heading", name="Provision orders-main")).to_be_visible()
        see_status(developer, "needs approval", timeout=FIRST_PLAN_MS)
        expect(
            developer.locator("code", has_text=re.compile(r"^aws_db_instance\.this$")).first
        ).to_be_visible()
        expect(developer.get_by_role("region", name="Monthly cost")).to_contain_text("+$")
        expect(developer.get_by_role("log")).to_contain_text("aws")

        approve(visit(live_portal.url, "finops"), "orders-main", "finops")
        expect(developer.get_by_role("region", name="Approvals")).to_contain_text("finops has looked at it")
        approve(visit(live_portal.url, "sre"), "orders-main", "sre")

        see_status(developer, "applied", timeout=FIRST_PLAN_MS)
        expect(developer.locator("[hx-get]")).to_have_count(0)
        developer.get_by_role("link", name="Outputs and how to connect").click()
        expect(developer.get_by_role("region", name="Outputs")).to_contain_text(".rds.amazonaws.com")
        expect(developer.get_by_role("region", name="Monthly cost")).to_contain_text(
            re.compile(r"\$\d{3}\.\d\d")
        )
        expect(developer.get_by_role("region", name="Tags")).to_contain_text("cc-100")

        developer.get_by_role("link", name="Destroy").click()
        expect(developer.get_by_text("Deletion protection is on")).to_be_visible()
        developer.get_by_role("link", name="Update with protection off").click()
        expect(developer.get_by_label("Deletion protection")).not_to_be_checked()
        expect(developer.locator("#order-answer")).to_contain_text("override")


class TestTheForm:
    def test_works_without_javascript(
        self, live_server: object, org: Organisation, postgres: CatalogItemVersion, visit: Visit
    ) -> None:
        page = visit(live_server.url, "developer", java_script_enabled=False)  # type: ignore[attr-defined]
        page.goto(f"{live_server.url}/catalog/postgres/order/")  # type: ignore[attr-defined]
        page.get_by_label("Environment").select_option("production")
        page.get_by_role("button", name="Fill in for this choice").click()
        expect(page.get_by_label("Size", exact=True)).to_have_value("medium")
        page.get_by_label("Name", exact=True).fill("orders-main")
        page.get_by_role("button", name="Order", exact=True).click()
        expect(page.get_by_role("heading", name="Provision orders-main")).to_be_visible()
        expect(page.get_by_role("link", name="Refresh")).to_be_visible()

    def test_gives_one_run_for_a_double_click(
        self, live_server: object, org: Organisation, postgres: CatalogItemVersion, visit: Visit
    ) -> None:
        page = visit(live_server.url, "developer")  # type: ignore[attr-defined]
        page.goto(f"{live_server.url}/catalog/postgres/order/")  # type: ignore[attr-defined]
        page.get_by_label("Name", exact=True).fill("orders-main")
        page.get_by_role("button", name="Order", exact=True).dblclick()
        expect(page.get_by_role("heading", name="Provision orders-main")).to_be_visible()
        page.goto(f"{live_server.url}/runs/")  # type: ignore[attr-defined]
        expect(page.get_by_role("link", name="Provision orders-main")).to_have_count(1)


class TestEveryPage:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_fits_a_phone_and_follows_the_system(
        self, live_server: object, org: Organisation, postgres: CatalogItemVersion, visit: Visit, scheme: str
    ) -> None:
        url = live_server.url  # type: ignore[attr-defined]
        page = visit(url, "developer", viewport={"width": 390, "height": 844}, color_scheme=scheme)
        for path in ("/", "/catalog/", "/catalog/postgres/", "/catalog/postgres/order/", "/runs/", "/approvals/",
                     "/workspaces/"):  # fmt: skip
            page.goto(url + path)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
            assert page.evaluate("document.documentElement.dataset.bsTheme") == scheme

    def test_changes_its_theme_at_a_click_and_remembers(
        self, live_server: object, org: Organisation, visit: Visit
    ) -> None:
        page = visit(live_server.url, "developer", color_scheme="light")  # type: ignore[attr-defined]
        page.get_by_role("button", name="Dark mode").click()
        assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"
        page.reload()
        assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"
