"""Check a plan that another pipeline made, by the policy in force. Stores nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import structlog
from django.conf import settings

from catalog.models import CostCenter, Environment, Service, Team
from provisioner import policy
from provisioner.domain.context import Context
from provisioner.domain.errors import FieldError, Refusal
from provisioner.domain.organisation import Organisation, ServiceFacts
from provisioner.rulebook import plan_file
from provisioner.rulebook.checker import Checker, needs_document
from provisioner.rulebook.plan_file import ReadPlan, Stream, TooLarge, UnreadablePlan
from provisioner.rulebook.report import FailOn, Report

log = structlog.get_logger(__name__)

DEFAULT_REGION = "us-east-1"


class PlanUnreadable(Refusal):
    """What was sent is no plan that can be judged."""

    code: ClassVar[str] = "plan_unreadable"
    status: ClassVar[int] = 400
    title: ClassVar[str] = "The plan cannot be read"


class PlanTooLarge(Refusal):
    """The plan has more bytes than are taken here."""

    code: ClassVar[str] = "body_too_large"
    status: ClassVar[int] = 413
    title: ClassVar[str] = "The plan is too large"


class UnknownName(Refusal):
    """A service or an environment that the organisation does not have."""

    code: ClassVar[str] = "unknown_name"
    status: ClassVar[int] = 400
    title: ClassVar[str] = "There is no such name"


@dataclass(frozen=True)
class Asked:
    """What a pipeline says of itself; empty: nothing."""

    service: str = ""
    environment: str = ""
    region: str = ""
    fail_on: FailOn = FailOn.SOFT


def read(stream: Stream) -> ReadPlan:
    """Read a plan, or an object with the plan and what is said beside it. Raises PlanUnreadable and PlanTooLarge."""
    try:
        return plan_file.read(
            stream,
            max_bytes=settings.DRAWBRIDGE_PLAN_MAX_BYTES,
            beside=True,
            whole=needs_document(policy.current()),
        )
    except TooLarge as error:
        raise PlanTooLarge(str(error)) from None
    except UnreadablePlan as error:
        raise PlanUnreadable(str(error)) from None


def check(read: ReadPlan, asked: Asked, *, tags_only: bool = False) -> Report:
    """Judge a plan; what the portal knows of the service and the environment counts. Raises UnknownName."""
    known = organisation()
    environment = Environment.objects.filter(slug=asked.environment).first() if asked.environment else None
    unknown = [
        FieldError(field, "unknown", f"There is no {field} {name[:60]!r}. Correct it, or leave it out.")
        for field, name, there in (
            ("service", asked.service, asked.service in known.services),
            ("environment", asked.environment, environment is not None),
        )
        if name and not there
    ]
    if unknown:
        raise UnknownName(" ".join(error.message for error in unknown), errors=tuple(unknown))
    facts = known.services.get(asked.service)
    region = asked.region or read.region or DEFAULT_REGION
    context = Context(
        service=asked.service,
        team="" if facts is None else facts.team,
        cost_center="" if facts is None else facts.cost_center,
        criticality="" if facts is None else facts.criticality,
        environment=asked.environment,
        is_production=environment is not None and environment.is_production,
        region=region,
    )
    checker = Checker(
        policy=policy.current(),
        taggable=policy.taggable,
        organisation=known,
        book=None if tags_only else policy.price_book(region),
        on_broken=_log_broken,
    )
    return checker.check(read, context, guardrails_too=not tags_only, fail_on=asked.fail_on)


def organisation() -> Organisation:
    """Return who owns what; everyone who is signed in may read it. Archived services are no longer there."""
    services = Service.objects.filter(archived_at=None).values_list(
        "slug", "owner_team__slug", "cost_center__slug", "criticality"
    )
    return Organisation(
        services={slug: ServiceFacts(*facts) for slug, *facts in services},
        teams=frozenset(Team.objects.values_list("slug", flat=True)),
        cost_centers=frozenset(CostCenter.objects.values_list("slug", flat=True)),
        environments=frozenset(Environment.objects.values_list("slug", flat=True)),
    )


def _log_broken(rule: str, error: Exception) -> None:
    log.error("guardrail.broke", rule=rule, exc_info=error)
