"""The world of the tests: an organisation, the shipped catalog, and workers that run in the test's own process."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import connections

from catalog.models import CatalogItem, CatalogItemVersion, CostCenter, Environment, Service, Team
from catalog.sync import sync_catalog
from provisioner.domain.run import RunStatus
from provisioner.engine.terraform import configured_engine
from provisioner.engine.types import Engine
from provisioner.models import Run
from provisioner.services import apply as apply_stage
from provisioner.services import plan as plan_stage

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PASSWORD = "correct horse battery staple"


@dataclass
class Organisation:
    """Two teams with services, three environments, and everyone who has a part in an order."""

    users: dict[str, User] = field(default_factory=dict)
    teams: dict[str, Team] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)
    environments: dict[str, Environment] = field(default_factory=dict)

    def __getattr__(self, name: str) -> User:
        """Return a user by name: org.developer, org.finops."""
        try:
            return self.__dict__["users"][name]
        except KeyError:
            raise AttributeError(name) from None


@pytest.fixture
def org(db: None) -> Organisation:
    """Make the organisation: payments (orders tier-1, receipts tier-3) and growth (ads tier-2)."""
    made = Organisation()
    for name in ("developer", "teammate", "outsider", "finops", "sre", "platform"):
        made.users[name] = User.objects.create_user(
            name,
            f"{name}@example.com",
            PASSWORD,
            is_superuser=name == "platform",
            is_staff=name == "platform",
        )
    for group in ("finops", "sre", "platform"):
        Group.objects.create(name=group).user_set.add(made.users[group])
    for slug, name, members in (
        ("payments", "Payments", ("developer", "teammate")),
        ("growth", "Growth", ("outsider",)),
    ):
        made.teams[slug] = Team.objects.create(slug=slug, name=name, email=f"{slug}@example.com")
        made.teams[slug].members.set([made.users[member] for member in members])
    center = CostCenter.objects.create(slug="cc-100", name="Commerce")
    for slug, team, criticality in (
        ("orders", "payments", "tier-1"),
        ("receipts", "payments", "tier-3"),
        ("ads", "growth", "tier-2"),
    ):
        made.services[slug] = Service.objects.create(
            slug=slug,
            name=slug.title(),
            owner_team=made.teams[team],
            cost_center=center,
            criticality=criticality,
        )
    for position, (slug, is_production) in enumerate(
        (("development", False), ("staging", False), ("production", True))
    ):
        made.environments[slug] = Environment.objects.create(
            slug=slug, name=slug.title(), position=position, is_production=is_production
        )
    return made


# What the sync of the shipped catalog writes; reading its modules takes a second, so it is done once a process.
_published: list[CatalogItemVersion] = []


@pytest.fixture
def postgres(db: None) -> CatalogItemVersion:
    """Publish the shipped catalog and return the newest version of its Postgres."""
    if not _published:
        report = sync_catalog(settings.DRAWBRIDGE_MODULES_DIR, now=NOW)
        assert not report.refused
        _published.extend(CatalogItemVersion.objects.select_related("item").order_by("pk"))
    else:
        CatalogItem.objects.bulk_create({version.item_id: version.item for version in _published}.values())
        CatalogItemVersion.objects.bulk_create(_published)
    return CatalogItemVersion.objects.select_related("item").filter(item__slug="postgres").latest("pk")


def has_terraform() -> bool:
    """Tell whether a terraform or tofu is on PATH."""
    return bool(shutil.which("terraform") or shutil.which("tofu"))


def reachable(url: str) -> bool:
    """Tell whether something listens at a URL's host and port."""
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 0), timeout=1):
            return True
    except OSError:
        return False


@pytest.fixture(scope="session")
def engine() -> Engine:
    """Return the engine that the settings describe: real Terraform against the sandbox."""
    return configured_engine()


Pump = Callable[[], list[tuple[uuid.UUID, RunStatus]]]


def process_queued(engine: Engine) -> list[tuple[uuid.UUID, RunStatus]]:
    """Do what workers do, here and now, until nothing is queued; return each step's run and new status."""
    steps: list[tuple[uuid.UUID, RunStatus]] = []
    for _ in range(50):
        queued = Run.objects.filter(status__in=["plan_queued", "apply_queued"]).order_by("status_at").first()
        if queued is None:
            return steps
        stage = plan_stage.plan if queued.status == "plan_queued" else apply_stage.apply
        status = stage(queued.pk, engine=engine, worker="pump", clock=lambda: datetime.now(UTC))
        if status is not None:
            steps.append((queued.pk, status))
    raise AssertionError(f"the queue does not come to rest: {steps}")


@pytest.fixture
def pump(live_server: Any, settings: Any, engine: Engine) -> Pump:
    """Return a function that runs queued runs in this thread, their state going to a live server."""
    settings.DRAWBRIDGE_INTERNAL_URL = live_server.url
    return lambda: process_queued(engine)


@dataclass
class LivePortal:
    """A portal that answers at `url`, with a worker behind it."""

    url: str
    stop: threading.Event = field(default_factory=threading.Event)
    failures: list[BaseException] = field(default_factory=list)


@pytest.fixture
def live_portal(live_server: Any, settings: Any, engine: Engine) -> Iterator[LivePortal]:
    """Serve the portal and run queued runs in a background thread, until the test ends."""
    settings.DRAWBRIDGE_INTERNAL_URL = live_server.url
    portal = LivePortal(url=live_server.url)

    def work() -> None:
        try:
            while not portal.stop.wait(0.1):
                process_queued(engine)
        except BaseException as error:
            portal.failures.append(error)
        finally:
            connections.close_all()

    worker = threading.Thread(target=work, name="worker", daemon=True)
    worker.start()
    yield portal
    portal.stop.set()
    worker.join(timeout=60)
    assert not worker.is_alive(), "the worker did not end"
    if portal.failures:
        raise portal.failures[0]


@pytest.fixture
def sandbox_home() -> Path:
    """Return where the sandbox cloud keeps its objects."""
    return Path(settings.DRAWBRIDGE_SANDBOX_HOME)


# Scopes of few tests that wait for processes: `--dist loadscope` would take them last.
LONG_SCOPES = (
    "tests/operations/test_start.py",
    "tests/modules/test_every_module.py",
    "tests/state/test_terraform.py",
    "tests/flow/",
    "tests/sandbox/test_changes.py",
    "tests/modules/test_new_module.py",
    "tests/web/test_browser.py",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put what takes long first, so that no worker waits for it at the end; skip what has no PostgreSQL or Redis."""
    del config
    items.sort(key=lambda item: 0 if item.nodeid.startswith(LONG_SCOPES) else 1)
    services = bool(os.environ.get("DRAWBRIDGE_TEST_SERVICES"))
    database, broker = os.environ["DATABASE_URL"], settings.CELERY_BROKER_URL
    database_answers, broker_answers = services and reachable(database), services and reachable(broker)
    for item in items:
        on_sqlite = not services and item.get_closest_marker("postgres")
        if on_sqlite or (services and not database_answers):
            where = f"none answers at {database}" if services else "set DRAWBRIDGE_TEST_SERVICES=1"
            item.add_marker(pytest.mark.skip(reason=f"needs PostgreSQL: {where}"))
        elif item.get_closest_marker("redis") and not broker_answers:
            item.add_marker(pytest.mark.skip(reason=f"needs Redis: none answers at {broker}"))
