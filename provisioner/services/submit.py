"""Take an order: check it, make its workspace, request and run, and queue the planning."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from provisioner import queue, selectors
from provisioner.domain.errors import FieldError, Refusal
from provisioner.domain.queueing import PRIORITY_EXPIRY
from provisioner.domain.run import ACTIVE, RETRYABLE, RunKind, RunStatus
from provisioner.models import Request, Run, Workspace
from provisioner.services import audit, give_way, lifetime, standing, system, transition, upgrade
from provisioner.services.ask import Ask, InvalidAsk, NotYourService
from provisioner.services.evaluate import Evaluation, derived_tags, evaluate
from provisioner.services.findings import documents
from provisioner.services.standing import NotApplied, OnHold, Protected, WorkspaceBusy, WorkspaceClosed

__all__ = ["NotApplied", "OnHold", "Protected", "WorkspaceBusy", "WorkspaceClosed"]


class GuardrailRefused(Refusal):
    """A hard-mandatory guardrail refuses the parameters."""

    code = "guardrail_refused"
    status = 422
    title = "A guardrail refuses this order"


class NameTaken(Refusal):
    """Another open workspace has the name."""

    code = "name_taken"
    status = 409
    title = "The name is taken"

    def __init__(self, detail: str, *, run_id: uuid.UUID | None = None) -> None:
        super().__init__(detail, errors=(FieldError("name", "name_taken", detail),))
        self.run_id = run_id  # the holder's newest run, when the same person ordered it


class NotRetryable(Refusal):
    """The run cannot be run again."""

    code = "not_retryable"
    status = 409
    title = "This run cannot be retried"


def submit(ask: Ask, *, requester: User, now: datetime) -> Run:
    """Order something new. Raises InvalidAsk, NotYourService, GuardrailRefused and NameTaken."""
    evaluation = evaluate(ask, requester=requester, now=now)
    refuse_bad(evaluation)
    resolved = evaluation.resolved
    lifetime.refuse_ttl(ask.ttl_days, resolved.environment)
    workspace_id, request_id = uuid.uuid4(), uuid.uuid4()
    tags = derived_tags(resolved, workspace_id=str(workspace_id), request_id=str(request_id))
    workspace = Workspace(
        id=workspace_id,
        item=resolved.item,
        item_version=resolved.version,
        service=resolved.service,
        environment=resolved.environment,
        name=ask.name,
        origin_request_id=request_id,
        created_by=requester,
        created_at=now,
        tags=tags,
    )
    try:
        with transaction.atomic():
            workspace.save(force_insert=True)
            return start(workspace, evaluation, ask, RunKind.PROVISION, requester, now, request_id)
    except IntegrityError as error:
        raise name_taken(workspace, requester) from error


def submit_update(
    workspace_id: uuid.UUID | str,
    *,
    parameters: Mapping[str, object],
    justification: str,
    requester: User,
    now: datetime,
) -> Run:
    """Order a change of parameters. Those not named stay; None sets one back to what is filled in.

    Raises what `submit` raises, and NotVisible, WorkspaceClosed, NotApplied and WorkspaceBusy.
    """
    workspace = standing.applied(workspace_id, requester)
    given = {key: value for key, value in {**workspace.parameters, **parameters}.items() if value is not None}
    ask = Ask(
        item=workspace.item.slug,
        version=workspace.item_version.version,
        service=workspace.service.slug,
        environment=workspace.environment.slug,
        name=workspace.name,
        parameters=given,
        justification=justification,
    )
    evaluation = evaluate(
        ask,
        requester=requester,
        now=now,
        kind=RunKind.UPDATE,
        workspace=workspace,
    )
    refuse_bad(evaluation)
    try:
        with transaction.atomic():
            return start(workspace, evaluation, ask, RunKind.UPDATE, requester, now, uuid.uuid4())
    except IntegrityError as error:
        raise standing.busy(workspace) from error


def submit_upgrade(
    workspace_id: uuid.UUID | str,
    *,
    version: str | None,
    parameters: Mapping[str, object],
    justification: str,
    requester: User,
    now: datetime,
) -> Run:
    """Order a newer version (None: the newest published one) for a workspace.

    Parameters are kept as `upgrade.preview` says. Raises what `submit_update` raises, and NothingNewer.
    """
    workspace = standing.applied(workspace_id, requester)
    wanted = upgrade.preview(
        workspace,
        version=version,
        parameters=parameters,
        requester=requester,
        now=now,
        justification=justification,
    )
    refuse_bad(wanted.evaluation)
    try:
        with transaction.atomic():
            return start(
                workspace, wanted.evaluation, wanted.ask, RunKind.UPGRADE, requester, now, uuid.uuid4()
            )
    except IntegrityError as error:
        raise standing.busy(workspace) from error


def submit_destroy(
    workspace_id: uuid.UUID | str, *, justification: str, requester: User, now: datetime
) -> Run:
    """Order the destruction of a workspace.

    Raises NotVisible, WorkspaceClosed, OnHold, Protected (while the module's deletion protection is on) and
    WorkspaceBusy.
    """
    workspace = standing.changeable(workspace_id, requester)
    return _destroy(workspace, justification, requester, now)


def destroy_expired(workspace: Workspace, *, justification: str, now: datetime) -> Run:
    """Order, as the portal itself, the destruction of a workspace whose time to live has ended.

    Raises WorkspaceClosed, OnHold, Protected and WorkspaceBusy.
    """
    standing.refuse_unless_free(workspace)
    return _destroy(workspace, justification, system.account(), now, priority=PRIORITY_EXPIRY)


def retag(workspace: Workspace, *, justification: str, requester: User, now: datetime) -> Run:
    """Order an update that changes nothing but the tags, to those that the workspace has been given.

    What was decided stays as it is; the plan is judged as any other. Raises WorkspaceBusy.
    """
    return _repeat(workspace, RunKind.UPDATE, workspace.parameters, justification, requester, now)


def _destroy(
    workspace: Workspace, justification: str, requester: User, now: datetime, *, priority: int = 0
) -> Run:
    standing.refuse_protected(workspace)
    return _repeat(workspace, RunKind.DESTROY, {}, justification, requester, now, priority=priority)


def _repeat(
    workspace: Workspace,
    kind: RunKind,
    asked: Mapping[str, object],
    justification: str,
    requester: User,
    now: datetime,
    *,
    priority: int = 0,
) -> Run:
    """Queue a run with the version and the variables that the workspace has."""
    last = workspace.runs.order_by("-created_at").first()
    request = Request(
        workspace=workspace,
        item_version=workspace.item_version,
        service=workspace.service,
        environment=workspace.environment,
        name=workspace.name,
        parameters=dict(asked),
        justification=justification,
        requester=requester,
        created_at=now,
    )
    run = Run(
        workspace=workspace,
        request=request,
        kind=kind.value,
        requester=requester,
        item_version=workspace.item_version,
        variables=workspace.variables or (last.variables if last else {}),
        parameters=workspace.parameters or (last.parameters if last else {}),
        tags=workspace.tags,
        priority=priority,
    )
    try:
        with transaction.atomic():
            request.save(force_insert=True)
            return _queue(run, requester, now)
    except IntegrityError as error:
        raise standing.busy(workspace) from error


def retry(run_id: uuid.UUID | str, *, requester: User, now: datetime) -> Run:
    """Run a failed ask again as a new run.

    Raises NotVisible, NotYourService, NotRetryable, WorkspaceClosed, OnHold, WorkspaceBusy and NameTaken.
    """
    old = selectors.run_visible(requester, run_id)
    workspace = old.workspace
    if not selectors.owns(requester, workspace.service):
        raise NotYourService(standing.not_owner(workspace))
    status = RunStatus(old.status)
    if status not in RETRYABLE:
        raise NotRetryable(f"The run is {status.value.replace('_', ' ')}. {_instead_of_retry(status)}")
    runs = workspace.runs.order_by("-created_at", "-id")
    if old.kind != RunKind.DRIFT_CHECK.value:
        runs = runs.exclude(kind=RunKind.DRIFT_CHECK.value)  # changes nothing, so it outdates nothing
    newest = runs.first()
    if newest is not None and newest.pk != old.pk:
        raise NotRetryable(f"A newer run exists on {workspace.name}: {newest.pk}. Look at that one.")
    if workspace.closed_at is not None and workspace.applied_at is not None:
        raise WorkspaceClosed(f"{workspace.name} is destroyed. Order it anew.")
    standing.refuse_held(workspace)
    run = Run(
        workspace=workspace,
        request=old.request,
        retry_of=old,
        kind=old.kind,
        requester=requester,
        item_version=old.item_version,
        variables=old.variables,
        parameters=old.parameters,
        tags=workspace.tags,  # not the old run's: the workspace may have another owner by now
    )
    try:
        with transaction.atomic():
            Workspace.objects.filter(pk=workspace.pk).update(closed_at=None)
            return _queue(run, requester, now, reason=f"retry of {old.pk}")
    except IntegrityError as error:
        if selectors.active_run_of(workspace) is not None:
            raise standing.busy(workspace) from error
        raise name_taken(workspace, requester) from error


def _instead_of_retry(status: RunStatus) -> str:
    if status is RunStatus.REJECTED:
        return "An approver said no to it: settle that with them, then order the change anew."
    if status is RunStatus.INTERRUPTED:
        return "What it left behind is looked at first; decide on that instead."
    if status in ACTIVE:
        return "It is still under way: wait until it ends, or cancel it."
    return "It did what it was ordered for. Only a run that failed or was stopped can be retried."


def refuse_bad(evaluation: Evaluation) -> None:
    """Raise InvalidAsk or GuardrailRefused when the order cannot be taken."""
    if evaluation.problems:
        raise InvalidAsk(
            "Some fields cannot be taken as they are; see each.",
            errors=tuple(FieldError(p.field, p.code, p.message) for p in evaluation.problems),
            findings=evaluation.findings,
        )
    if evaluation.refusing:
        first = evaluation.refusing[0]
        raise GuardrailRefused(f"{first.what} {first.why} {first.fix}", findings=evaluation.findings)


def start(
    workspace: Workspace,
    evaluation: Evaluation,
    ask: Ask,
    kind: RunKind,
    requester: User,
    now: datetime,
    request_id: uuid.UUID,
) -> Run:
    """Write the request and its run. The caller holds the transaction."""
    resolved = evaluation.resolved
    request = Request.objects.create(
        id=request_id,
        workspace=workspace,
        item_version=resolved.version,
        service=resolved.service,
        environment=resolved.environment,
        name=ask.name,
        parameters=dict(ask.parameters),
        justification=ask.justification,
        ttl_days=ask.ttl_days,
        requester=requester,
        created_at=now,
    )
    run = Run(
        workspace=workspace,
        request=request,
        kind=kind.value,
        requester=requester,
        item_version=resolved.version,
        variables=dict(resolved.filled.variables),
        parameters=resolved.filled.given,
        tags=workspace.tags,
        findings=documents(evaluation.findings),
        policy_digest=evaluation.policy_digest,
    )
    return _queue(run, requester, now)


def _queue(run: Run, requester: User, now: datetime, *, reason: str = "ordered") -> Run:
    give_way.give_way(run.workspace, actor=requester, now=now)
    transition.begin(run, now=now, actor=requester, reason=reason)
    transition.move(run.pk, RunStatus.PENDING, RunStatus.PLAN_QUEUED, now=now, reason="waits for a worker")
    run.status, run.status_at = RunStatus.PLAN_QUEUED.value, now
    audit.record(
        f"run.{run.kind}",
        object_type="run",
        object_id=run.pk,
        actor=requester,
        now=now,
        detail={"workspace": str(run.workspace_id), "name": run.workspace.name},
    )
    queue.ring(queue.PLAN, run.pk)
    return run


def name_taken(workspace: Workspace, requester: User) -> NameTaken:
    """Return the refusal of a name; it names the holder's run to whoever ordered that."""
    holder = Workspace.objects.filter(
        item=workspace.item, environment=workspace.environment, name=workspace.name, closed_at__isnull=True
    ).first()
    run_id = None
    if holder is not None and holder.created_by_id == requester.pk:
        run_id = holder.runs.order_by("-created_at").values_list("pk", flat=True).first()
    return NameTaken(
        f"The name {workspace.name} is taken: another {workspace.item.name} in {workspace.environment.slug} has it. "
        "Choose another name.",
        run_id=run_id,
    )
