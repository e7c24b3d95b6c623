"""What a price book would do to the estimates of open workspaces, before it is put in force."""

from __future__ import annotations

from django.db.models import OuterRef, Subquery

from catalog import manifest as catalog_manifest
from provisioner import policy, selectors
from provisioner.domain import cost
from provisioner.domain.price_import_diff import Effect, Impact
from provisioner.domain.pricing import PriceBook
from provisioner.domain.run import RunKind, RunStatus
from provisioner.models import Run, Workspace

# Runs whose plan says what a workspace is made of.
_MAKES = [RunKind.PROVISION.value, RunKind.UPDATE.value, RunKind.UPGRADE.value]
_DONE = [RunStatus.APPLIED.value, RunStatus.PLANNED_AND_FINISHED.value]


def of(region: str, before: PriceBook, after: PriceBook) -> Impact:
    """Estimate every open workspace of a region at both books, from the plan that was last applied to it.

    Use is expected as the policy's usage profiles say. One plan is opened at a time. A workspace without one (nothing
    was applied yet) is counted as unknown.
    """
    last = (
        Run.objects.filter(workspace=OuterRef("pk"), kind__in=_MAKES, status__in=_DONE, plan__isnull=False)
        .order_by("-created_at", "id")
        .values("pk")[:1]
    )
    effects, unknown = [], 0
    expected = policy.current().usage
    open_ones = (
        Workspace.objects.filter(closed_at__isnull=True)
        .select_related("item_version", "environment", "item")
        .annotate(last_run=Subquery(last))
        .order_by("name", "pk")
    )
    for workspace in open_ones.iterator():
        if catalog_manifest.from_json(workspace.item_version.manifest).region != region:
            continue
        plan = None if workspace.last_run is None else selectors.plan_view(Run(pk=workspace.last_run))
        if plan is None:
            unknown += 1
            continue
        resources = cost.resources_from_plan(plan)
        usage = expected.profile(workspace.environment.slug, workspace.item.slug)
        effects.append(
            Effect(
                workspace.name,
                cost.estimate(resources, before, usage).usd_month,
                cost.estimate(resources, after, usage).usd_month,
            )
        )
    return Impact(tuple(effects), unknown)
