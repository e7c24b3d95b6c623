"""A dry run: what an order would get, cost and need, without planning it and without any effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from django.contrib.auth.models import User

from catalog.parameters import ParameterProblem
from provisioner import deciding, policy
from provisioner.domain import judging, tags
from provisioner.domain.approval import StepSpec
from provisioner.domain.cost import Estimate
from provisioner.domain.cost_change import CostChange
from provisioner.domain.finding import Finding, Level
from provisioner.domain.overrides import Covered
from provisioner.domain.run import RunKind
from provisioner.models import Workspace
from provisioner.services import judge, lifecycle
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
    change: CostChange
    approvals_expected: tuple[StepSpec, ...]
    policy_digest: str
    # Within which limits it stays, where nobody is asked; the findings that an earlier override covers.
    unasked: tuple[str, ...] = ()
    covered: tuple[Covered, ...] = ()

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
    workspace: Workspace | None = None,
) -> Evaluation:
    """Evaluate an ask. `workspace` is the one that an update or an upgrade is about.

    Raises InvalidAsk and NotYourService; problems with parameters are part of the answer.
    """
    resolved = resolve(ask, requester=requester, kind=kind)
    variables = resolved.filled.variables
    context = judge.context_of(
        kind,
        item=resolved.item,
        version=resolved.version,
        service=resolved.service,
        environment=resolved.environment,
        region=resolved.manifest.region,
        requester=requester,
        workspace=workspace,
        ttl_days=ask.ttl_days,
        now=now,
    )
    rules = policy.current()
    said = judging.judge_parameters(
        resolved.filled.shown,
        judge.skeleton(resolved.manifest, variables),
        context=context,
        policy=rules,
        rules=judge.parameter_rules(resolved.manifest),
        said_before=lifecycle.findings(
            resolved.item, resolved.version, kind, today=now.astimezone(UTC).date()
        ),
        before_usd_month=Decimal(0) if workspace is None else workspace.estimate_usd_month or Decimal(0),
        sources=judge.sources(resolved.manifest, variables),
        present=() if workspace is None else judge.present(workspace),
        kept=deciding.kept_overrides(workspace, now),
        tools=judge.tools_for(resolved.manifest),
    )
    return Evaluation(
        resolved=resolved,
        parameters=resolved.filled.shown,
        tags=derived_tags(resolved, workspace_id=ASSIGNED_LATER, request_id=ASSIGNED_LATER),
        problems=resolved.filled.problems,
        findings=said.findings,
        estimate=said.estimate,
        change=said.change,
        approvals_expected=said.steps,
        policy_digest=rules.digest,
        unasked=said.unasked,
        covered=said.covered,
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
