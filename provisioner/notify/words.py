"""What the messages of several events have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.urls import reverse

from catalog.models import Service
from provisioner.domain.finding import Finding, Level
from provisioner.domain.notification import About, Cost, Fact, Link
from provisioner.models import Run, RunEstimate, RunPlan, Workspace
from provisioner.notify.outbox import Recipients


def owners(service: Service, person: User | None = None, *, groups: tuple[str, ...] = ()) -> Recipients:
    """Return the owner team of a service and the person who asked."""
    people = (person,) if person is not None else ()
    return Recipients(people=people, teams=(service.owner_team,), groups=groups)


def about_workspace(workspace: Workspace) -> About:
    """Name a workspace as the object of a message."""
    return About("workspace", str(workspace.pk), workspace.name)


def about_run(run: Run) -> About:
    """Name a run as the object of a message."""
    return About("run", str(run.pk), f"{kind_of(run)} {run.workspace.name}")


def named(workspace: Workspace) -> str:
    """Name a workspace with what it is and where."""
    return f"{workspace.name} ({workspace.item.name} in {workspace.environment.name})"


def kind_of(run: Run) -> str:
    """Name a run's kind."""
    return run.kind.replace("_", " ")


def where(workspace: Workspace) -> tuple[Fact, ...]:
    """Return what a reader needs to know of a workspace to place it."""
    return (
        Fact("Workspace", named(workspace)),
        Fact("Service", f"{workspace.service.name} of {workspace.service.owner_team.name}"),
    )


def run_facts(run: Run) -> tuple[Fact, ...]:
    """Return what a reader needs to know of a run to place it."""
    facts = [*where(run.workspace), Fact("Ordered by", run.requester.get_username())]
    if run.request.justification:
        facts.append(Fact("Why it was ordered", run.request.justification))
    return tuple(facts)


def run_cost(run: Run) -> Cost | None:
    """Return the estimate of a run's plan, or None before there is one."""
    estimate = RunEstimate.objects.filter(run=run).first()
    if estimate is None:
        return None
    return Cost(estimate.usd_month, estimate.delta_usd_month, len(estimate.unpriced))


def run_changes(run: Run) -> tuple[tuple[str, int], ...]:
    """Return how many resources the run's plan creates, changes, replaces and deletes."""
    counts: Mapping[str, int] = RunPlan.objects.filter(run=run).values_list("counts", flat=True).first() or {}
    order = {"create": 0, "update": 1, "replace": 2, "delete": 3}
    return tuple(sorted(counts.items(), key=lambda item: (order.get(item[0], 9), item[0])))


def plan_digest(run: Run) -> str:
    """Return the digest of the run's plan, or "" before there is one."""
    return RunPlan.objects.filter(run=run).values_list("digest", flat=True).first() or ""


def run_findings(run: Run) -> tuple[Finding, ...]:
    """Return what the guardrails said to the run, the most binding first."""
    rank = {Level.HARD_MANDATORY: 0, Level.SOFT_MANDATORY: 1, Level.ADVISORY: 2}
    found = [_finding(one) for one in Run.objects.values_list("findings", flat=True).get(pk=run.pk)]
    return tuple(sorted(found, key=lambda finding: rank[finding.level]))


def _finding(stored: Mapping[str, Any]) -> Finding:
    known = {name: stored.get(name) for name in ("rule", "where", "what", "why", "fix")}
    return Finding(level=Level(stored["level"]), **{name: str(value or "") for name, value in known.items()})


def instant(at: datetime | None) -> str:
    """Write an instant in UTC."""
    return "an unknown day" if at is None else at.astimezone(UTC).strftime("%d %b %Y %H:%M UTC")


def address(name: str, *key: object) -> str:
    """Return the absolute address of a page."""
    return f"{settings.DRAWBRIDGE_URL}{reverse(name, args=key)}"


def link(label: str, name: str, *key: object) -> Link:
    """Return a link to a page."""
    return Link(label, address(name, *key))


def listed(names: Iterable[str]) -> str:
    """Join names for a sentence."""
    return " and ".join(names)
