"""Rows written directly, for tests of reading."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from catalog.models import CatalogItem, CatalogItemVersion
from provisioner.domain.run import RunStatus
from provisioner.models import (
    ApprovalStep,
    Request,
    Run,
    RunEstimate,
    RunPlan,
    RunTransition,
    Workspace,
    WorkspaceTransfer,
)
from tests.conftest import NOW, Organisation

DIGEST = "d" * 64
FINDING = {
    "rule": "production-multi-az",
    "level": "advisory",
    "where": "multi_az",
    "what": "multi_az is false.",
    "why": "One zone fails now and then.",
    "fix": "Set it to true.",
    "suggested": True,
    "override_group": None,
}


def make_version() -> CatalogItemVersion:
    """Write an item and its one version, without a module."""
    item = CatalogItem.objects.create(
        slug="cache", name="Cache", summary="Fast.", category="database", owner="data", created_at=NOW
    )
    return CatalogItemVersion.objects.create(
        item=item, version="1.0.0", module_digest="a" * 64, manifest={}, parameter_spec=[], content=b"",
        published_at=NOW,
    )  # fmt: skip


def make_run(
    org: Organisation,
    version: CatalogItemVersion,
    *,
    service: str = "orders",
    status: RunStatus = RunStatus.NEEDS_APPROVAL,
    number: int = 0,
    groups: tuple[str, ...] = ("finops", "sre"),
    **columns: Any,
) -> Run:
    """Write a workspace, its request and a run; a run that waits for approval gets plan, estimate and steps."""
    at = NOW + timedelta(seconds=number)
    shared = {
        "service": org.services[service],
        "environment": org.environments["production"],
        "item_version": version,
    }
    request_id = uuid.uuid4()
    workspace = Workspace.objects.create(
        item=version.item, name=f"db-{number}", origin_request_id=request_id, created_by=org.developer,
        created_at=at, estimate_usd_month="12.30", tags={"service": service}, **shared,
    )  # fmt: skip
    request = Request.objects.create(
        id=request_id, workspace=workspace, name=workspace.name, requester=org.developer, created_at=at,
        justification="Black Friday", **shared,
    )  # fmt: skip
    run = Run.objects.create(
        workspace=workspace, request=request, kind="provision", status=status.value, status_at=at,
        requester=org.developer, item_version=version, created_at=at, findings=[FINDING], **columns,
    )  # fmt: skip
    for sequence, (frm, to) in enumerate((("", "pending"), ("pending", status.value)), start=1):
        RunTransition.objects.create(
            run=run, sequence=sequence, from_status=frm, to_status=to, at=at, actor=org.developer
        )
    if status is RunStatus.NEEDS_APPROVAL:
        RunPlan.objects.create(
            run=run, digest=DIGEST, module_digest="m" * 64, variables_digest="v" * 64, engine_name="terraform",
            engine_version="1.11.4", plan_file=b"", document=b"", counts={"create": 1}, created_at=at,
        )  # fmt: skip
        RunEstimate.objects.create(
            run=run, usd_month="351.50", delta_usd_month="351.50", price_book_digest="p" * 64, created_at=at,
            line_items=[], unpriced=[],
        )  # fmt: skip
        for position, group in enumerate(groups, start=1):
            ApprovalStep.objects.create(
                run=run, plan_digest=DIGEST, position=position, group=group, rule="cost-limit",
                reason="Above the limit.", verdict_needed="approve", created_at=at,
            )  # fmt: skip
    return run


def make_transfer(org: Organisation, run: Run, *, to: str, number: int = 0) -> WorkspaceTransfer:
    """Write an offer of the run's workspace to a service."""
    return WorkspaceTransfer.objects.create(
        workspace=run.workspace, from_service=run.workspace.service, to_service=org.services[to],
        reason="They run it by now.", offered_by=org.developer, offered_at=NOW + timedelta(seconds=number),
    )  # fmt: skip


def state_of(run: Run) -> str:
    """Return the run's status as the database has it."""
    return str(Run.objects.values_list("status", flat=True).get(pk=run.pk))
