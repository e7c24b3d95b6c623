"""Record what became of a workspace: inventory, outputs, ownership, cost; and close it when nothing is left."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import transaction

from provisioner import notify, selectors
from provisioner.domain.run import RunKind, RunStatus
from provisioner.domain.state import StateView, parse_state
from provisioner.models import Run, Workspace, WorkspaceResource
from provisioner.services import transition
from provisioner.services.lease import Claim


def inventory(workspace_id: uuid.UUID) -> StateView | None:
    """Make the workspace's resources and outputs those of its newest state; return that state's view."""
    version = selectors.newest_state(workspace_id)
    if version is None:
        return None
    view = parse_state(json.loads(selectors.state_content(version)))
    outputs = {
        name: {"sensitive": True} if output.sensitive else {"sensitive": False, "value": output.value}
        for name, output in view.outputs.items()
    }
    with transaction.atomic():
        WorkspaceResource.objects.filter(workspace_id=workspace_id).delete()
        WorkspaceResource.objects.bulk_create(
            WorkspaceResource(
                workspace_id=workspace_id,
                address=resource.address[:512],
                type=resource.type[:128],
                provider_id=resource.id[:2048],
                arn=resource.arn[:2048],
                tags=dict(resource.tags),
            )
            for resource in view.resources
        )
        Workspace.objects.filter(pk=workspace_id).update(outputs=outputs)
    return view


def applied(run: Run, *, now: datetime) -> None:
    """Record a run whose plan is fully in place (applied, or found to need nothing). Same transaction as the move."""
    workspace = run.workspace
    if run.kind == RunKind.DESTROY.value:
        Workspace.objects.filter(pk=workspace.pk).update(
            closed_at=now,
            outputs={},
            estimate_usd_month=None,
            unpriced_count=0,
            drift=[],
            drifted_at=None,
        )
        return
    columns: dict[str, object] = {
        "applied_at": now,
        "item_version": run.item_version_id,
        "variables": run.variables,
        "parameters": run.parameters,
        "tags": run.tags,
        # The plan compared everything with what is there, and what differed is put right.
        "drift": [],
        "drifted_at": None,
    }
    estimate = getattr(run, "estimate", None)
    if estimate is not None:
        columns["estimate_usd_month"] = estimate.usd_month
        columns["unpriced_count"] = len(estimate.unpriced)
    if run.kind == RunKind.PROVISION.value and run.request.ttl_days is not None:
        columns["expires_at"] = now + timedelta(days=run.request.ttl_days)
    Workspace.objects.filter(pk=workspace.pk).update(**columns)


def finish(
    run: Run,
    frm: RunStatus,
    to: RunStatus,
    *,
    now: datetime,
    claim: Claim | None = None,
    actor: object = None,
    reason: str = "",
    fields: Mapping[str, object] | None = None,
    keep_open: bool = False,
) -> None:
    """End a run short of applied, and close its workspace when the run leaves nothing behind.

    `keep_open`: what it leaves behind is not known.
    """
    with transaction.atomic():
        transition.move(
            run.pk,
            frm,
            to,
            now=now,
            actor=actor,  # type: ignore[arg-type]
            reason=reason,
            holding=None if claim is None else claim.fencing_token,
            fields=fields,
        )
        workspace = Workspace.objects.filter(
            pk=run.workspace_id, closed_at__isnull=True, applied_at__isnull=True
        )
        if not keep_open and not WorkspaceResource.objects.filter(workspace_id=run.workspace_id).exists():
            workspace.update(closed_at=now)
        if to in (RunStatus.ERRORED, RunStatus.POLICY_FAILED):
            _tell(run.pk, refused=to is RunStatus.POLICY_FAILED, now=now)


def _tell(run_id: uuid.UUID, *, refused: bool, now: datetime) -> None:
    """Tell the run's people how it ended, as it is written."""
    run = Run.objects.select_related(
        "workspace__service__owner_team", "workspace__item", "workspace__environment", "requester", "request"
    ).get(pk=run_id)
    notify.run_errored(run, summary=run.error_summary, detail=run.error_detail, refused=refused, now=now)
