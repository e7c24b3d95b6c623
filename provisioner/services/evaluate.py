"""A dry run: what an order would get, cost and need, without planning it and without any effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from django.contrib.auth.models import User

from catalog.manifest import Manifest
from catalog.parameters import ParameterProblem
from provisioner import policy
from provisioner.domain import approval, cost, guardrails, tags
from provisioner.domain.approval import StepSpec
from provisioner.domain.cost import Estimate, PricedResource
from provisioner.domain.finding import Finding, Level
from provisioner.domain.guardrails import ParameterRule, RuleKind
from provisioner.domain.run import RunKind
from provisioner.services import lifecycle
from provisioner.services.ask import Ask, Resolved, resolve

# Stands in tags for ids that only an order gets.
ASSIGNED_LATER = "(assigned when ordered)"


@dataclass(frozen=True)
class Evaluation:
    """The answer to "what if I ordered this?"."""

    resolved: Resolved
    parameters: Mapping[str, object]
    tags: Mapping[str, str]
    problems: tuple[ParameterProblem, ...]
    findings: tuple[Finding, ...]
    estimate: Estimate
    approvals_expected: tuple[StepSpec, ...]

    @property
    def variables(self) -> Mapping[str, object]:
        """What Terraform would get."""
        return self.resolved.filled.variables

    @property
    def refusing(self) -> tuple[Finding, ...]:
        """The findings that would refuse the order."""
        return tuple(finding for finding in self.findings if finding.level is Level.HARD_MANDATORY)


def evaluate(
    ask: Ask,
    *,
    requester: User,
    now: datetime,
    kind: RunKind = RunKind.PROVISION,
    before: Decimal = Decimal(0),
) -> Evaluation:
    """Evaluate an ask. `before` is what the workspace costs now (USD a month), for an update.

    Raises InvalidAsk and NotYourService; problems with parameters are part of the answer.
    """
    resolved = resolve(ask, requester=requester, kind=kind)
    variables = resolved.filled.variables
    findings = lifecycle.findings(
        resolved.item, resolved.version, kind, today=now.astimezone(UTC).date()
    ) + guardrails.check_parameters(
        parameter_rules(resolved.manifest), resolved.environment.slug, resolved.filled.shown
    )
    estimate = cost.estimate(
        skeleton(resolved.manifest, variables), policy.price_book(resolved.manifest.region)
    )
    steps: tuple[StepSpec, ...] = ()
    if not any(finding.level is Level.HARD_MANDATORY for finding in findings):
        steps = approval.route(
            kind=kind,
            environment=resolved.environment.slug,
            is_production=resolved.environment.is_production,
            criticality=resolved.service.criticality,
            estimate=estimate,
            delta_usd_month=estimate.usd_month - before,
            findings=findings,
            counts=None,
            rules=policy.current().approvals,
        )
    return Evaluation(
        resolved=resolved,
        parameters=resolved.filled.shown,
        tags=derived_tags(resolved, workspace_id=ASSIGNED_LATER, request_id=ASSIGNED_LATER),
        problems=resolved.filled.problems,
        findings=findings,
        estimate=estimate,
        approvals_expected=steps,
    )


def derived_tags(resolved: Resolved, *, workspace_id: str, request_id: str) -> dict[str, str]:
    """Return the tags that the order's resources get."""
    return tags.derive_tags(
        service=resolved.service.slug,
        team=resolved.service.owner_team.slug,
        cost_center=resolved.service.cost_center.slug,
        environment=resolved.environment.slug,
        criticality=resolved.service.criticality,
        workspace_id=workspace_id,
        request_id=request_id,
        item=resolved.item.slug,
        version=resolved.version.version,
    )


def parameter_rules(manifest: Manifest) -> tuple[ParameterRule, ...]:
    """Return the manifest's guardrails as domain rules."""
    return tuple(
        ParameterRule(
            rule=rule.rule,
            kind=RuleKind(rule.kind),
            parameter=rule.parameter,
            level=Level(rule.level),
            environments=rule.environments,
            why=rule.why,
            order=tuple(rule.order),
            override_group=rule.override_group,
        )
        for rule in manifest.guardrails
    )


def skeleton(manifest: Manifest, variables: Mapping[str, object]) -> tuple[PricedResource, ...]:
    """Return the resources that the manifest promises for these variables, as far as pricing cares."""
    return tuple(
        PricedResource(address=row.address, type=row.type, attributes=row.attributes)
        for row in manifest.estimate_resources(variables)
    )
