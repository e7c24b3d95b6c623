"""Judge an order and a plan by the policy in force: what the portal knows, handed to the pure rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import structlog
from django.contrib.auth.models import User

from catalog import manifest as catalog_manifest
from catalog.manifest import Manifest
from catalog.models import CatalogItem, CatalogItemVersion, Environment, Service
from provisioner import deciding, policy, selectors
from provisioner.domain import judging, recovery
from provisioner.domain import plan as plans
from provisioner.domain.context import Context
from provisioner.domain.cost import PricedResource
from provisioner.domain.finding import Level
from provisioner.domain.guardrails import ParameterRule, RuleKind
from provisioner.domain.judging import Judgement, Tools
from provisioner.domain.plan import Plan
from provisioner.domain.run import RunKind
from provisioner.engine.types import PlanOutcome
from provisioner.models import Run, Workspace
from provisioner.rulebook import own_rules
from provisioner.services import facts, lifecycle, recover
from provisioner.services.estimator import NOBODY, Outside

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class JudgedPlan:
    """A plan with what the rules say about it, and the digests that its approvals bind to."""

    plan: Plan
    document: Mapping[str, object]  # redacted
    digest: str
    variables_digest: str
    said: Judgement
    price_book_digest: str  # "" where the estimate is not the price book's
    policy_digest: str
    estimated_by: str


def plan_of(run: Run, result: PlanOutcome, *, outside: Outside = NOBODY, now: datetime) -> JudgedPlan:
    """Check a plan against tags and guardrails, price it, and find who must approve it.

    `outside` is what somebody else than the price book makes of its cost.
    """
    rules = policy.current()
    workspace = run.workspace
    manifest = catalog_manifest.from_json(run.item_version.manifest)
    document = plans.redact_plan(result.document)
    plan = plans.parse_plan(document)
    tools = tools_for(manifest, run_id=str(run.pk))
    said = judging.judge_plan(
        plan,
        parameters=run.variables,
        context=context_of(
            RunKind(run.kind),
            item=workspace.item,
            version=run.item_version,
            service=workspace.service,
            environment=workspace.environment,
            region=manifest.region,
            requester=run.requester,
            workspace=workspace,
            ttl_days=run.request.ttl_days,
            now=now,
        ),
        policy=rules,
        rules=parameter_rules(manifest),
        expected_tags=run.tags,
        # What was said of the version when it was ordered stays for those who decide.
        said_before=tuple(found for found in selectors.findings_of(run) if found.rule == lifecycle.RULE)
        + (() if outside.finding is None else (outside.finding,)),
        # Two estimates are compared only where the same one made them.
        before_usd_month=(
            workspace.estimate_usd_month or Decimal(0) if outside.before is None else outside.before.usd_month
        ),
        estimated=outside.estimate,
        estimated_before=outside.before,
        kept=deciding.kept_overrides(workspace, now),
        resources=skeleton(manifest, run.variables),
        sources=sources(manifest, run.variables),
        document=document,
        tools=tools,
    )
    variables_digest = plans.variables_digest(run.variables)
    digest = plans.plan_digest(document, run.item_version.module_digest, variables_digest)
    if recover.is_recovering(run):
        digest = recovery.digest_of_left(digest, str(run.interrupted_at))
    book_digest = tools.book.digest if outside.estimate is None else ""
    return JudgedPlan(
        plan, document, digest, variables_digest, said, book_digest, rules.digest, outside.estimated_by
    )


def context_of(
    kind: RunKind,
    *,
    item: CatalogItem,
    version: CatalogItemVersion,
    service: Service,
    environment: Environment,
    region: str,
    requester: User,
    workspace: Workspace | None,
    ttl_days: int | None,
    now: datetime,
) -> Context:
    """Return what the rules may look at. `workspace` None: it is not ordered yet."""
    return Context(
        kind=kind,
        item=item.slug,
        version=version.version,
        service=service.slug,
        team=service.owner_team.slug,
        cost_center=service.cost_center.slug,
        environment=environment.slug,
        is_production=environment.is_production,
        criticality=service.criticality,
        region=region,
        requester=requester.get_username(),
        ttl_days=ttl_days,
        ttl_known=True,
        facts=facts.of_order(item=item, service=service, environment=environment, workspace=workspace),
    )


def tools_for(manifest: Manifest, *, run_id: str = "") -> Tools:
    """Return the prices and the provider's schema for an item's region."""

    def on_broken(rule: str, error: Exception) -> None:
        log.error("guardrail.broke", run_id=run_id, rule=rule, exc_info=error)

    return Tools(
        book=policy.price_book(manifest.region),
        taggable=policy.taggable,
        on_broken=on_broken,
        evaluate=own_rules.evaluate,
        expression=own_rules.evaluate.holds,
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


def sources(manifest: Manifest, variables: Mapping[str, object]) -> Mapping[str, Mapping[plans.Path, str]]:
    """Return which parameters the attributes of the promised resources come from, by address."""
    return {row.address: row.sources for row in manifest.estimate_resources(variables)}


def skeleton(manifest: Manifest, variables: Mapping[str, object]) -> tuple[PricedResource, ...]:
    """Return the resources that the manifest promises for these variables, as far as pricing cares."""
    return tuple(
        PricedResource(address=row.address, type=row.type, attributes=row.attributes)
        for row in manifest.estimate_resources(variables)
    )


def present(workspace: Workspace) -> tuple[PricedResource, ...]:
    """Return what the version that was applied last promised for the variables that it was applied with."""
    if not workspace.variables:
        return ()
    manifest = catalog_manifest.from_json(workspace.item_version.manifest)
    return skeleton(manifest, workspace.variables)
