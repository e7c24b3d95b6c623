"""Shortcuts to runs at every stage, without Terraform."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from catalog.models import CatalogItemVersion
from provisioner import selectors
from provisioner.models import Run
from provisioner.services import apply, approve, plan, submit
from provisioner.services.ask import Ask
from tests.conftest import Organisation
from tests.fakes import FakeEngine


def now() -> datetime:
    return datetime.now(UTC)


def ask(
    environment: str = "development", service: str = "orders", name: str = "orders-db", **given: object
) -> Ask:
    """Return an order for a database."""
    return Ask(item="postgres", service=service, environment=environment, name=name, parameters=given)


Order = Callable[..., Run]


@pytest.fixture
def order(org: Organisation, postgres: CatalogItemVersion) -> Order:
    """Return a function that orders a database as the developer."""

    def make(environment: str = "development", **given: object) -> Run:
        return submit.submit(ask(environment, **given), requester=org.developer, now=now())

    return make


@pytest.fixture
def fake() -> FakeEngine:
    return FakeEngine()


def planned(run: Run, engine: FakeEngine) -> Run:
    """Let a worker plan the run; return it as it is then."""
    plan.plan(run.pk, engine=engine, worker="w1", clock=now)
    run.refresh_from_db()
    return run


def applied(run: Run, engine: FakeEngine) -> Run:
    """Let a worker apply the run; return it as it is then."""
    apply.apply(run.pk, engine=engine, worker="w1", clock=now)
    run.refresh_from_db()
    return run


def decide(run: Run, org: Organisation, group: str, verdict: str = "approve", **changed: object) -> object:
    """Decide a group's step of the run's current plan with the user of that name."""
    step = next(step for step in selectors.steps_of(run) if step.group == group)
    words = {
        "step_id": step.pk,
        "verdict": verdict,
        "comment": "looked at it",
        "plan_digest": step.plan_digest,
        "approver": org.users[group],
        "now": now(),
        **changed,
    }
    return approve.decide(run.pk, **words)  # type: ignore[arg-type]
