"""Reads for pages and the API; visibility is part of each."""

from __future__ import annotations

import gzip
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import BooleanField, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Now

from catalog.models import Service, Team
from provisioner import crypto
from provisioner.domain import groups
from provisioner.domain.errors import Refusal
from provisioner.domain.finding import Finding, Level
from provisioner.domain.log import LogEntry
from provisioner.domain.plan import Plan, parse_plan
from provisioner.domain.run import ACTIVE, RunKind, RunStatus
from provisioner.logs import reading
from provisioner.models import (
    ApprovalStep,
    Delegation,
    Request,
    Run,
    RunPlan,
    StateLock,
    StateVersion,
    Workspace,
    WorkspaceTransfer,
)
from provisioner.models.review import WITHDRAWN

Person = User | AnonymousUser

LOG_LOOK_S = reading.LOOK_EVERY_S
PLATFORM = groups.PLATFORM
SEES_ALL = groups.SEES_ALL


class NotVisible(Refusal):
    """There is no such object for this person; whether it exists for others is not told."""

    code = "not_found"
    status = 404
    title = "Not found"


def groups_of(user: Person) -> frozenset[str]:
    """Return the names of the user's groups; a superuser is in `platform`."""
    return _groups(user)[0]


def deciding_groups_of(user: Person) -> frozenset[str]:
    """Return the groups for which the user may decide now: their own, and those that others delegated to them."""
    own, delegated = _groups(user)
    return own | delegated


def _groups(user: Person) -> tuple[frozenset[str], frozenset[str]]:
    """Return the user's own groups and those delegated to them, in one query for this request."""
    if not user.is_authenticated:
        return frozenset(), frozenset()
    cached: tuple[frozenset[str], frozenset[str]] | None = user.__dict__.get("_drawbridge_groups")
    if cached is None:
        own = user.groups.annotate(own=Value(True)).values_list("name", "own")
        in_force = Delegation.objects.filter(
            delegate=user, revoked_at__isnull=True, starts_at__lte=Now(), ends_at__gt=Now()
        )
        delegated = in_force.annotate(own=Value(False)).order_by().values_list("group", "own")
        rows = list(own.union(delegated))
        mine = frozenset(name for name, is_own in rows if is_own)
        if user.is_superuser:
            mine |= {PLATFORM}
        cached = (mine, frozenset(name for name, is_own in rows if not is_own))
        user.__dict__["_drawbridge_groups"] = cached
    return cached


def is_platform(user: Person) -> bool:
    """Tell whether the user is a platform engineer."""
    return PLATFORM in groups_of(user)


def owns(user: Person, service: Service) -> bool:
    """Tell whether the user may order for a service: a member of its owner team, or a platform engineer."""
    if is_platform(user):
        return True
    return user.is_authenticated and service.owner_team.members.filter(pk=user.pk).exists()


def orderable_services(user: Person) -> QuerySet[Service]:
    """Return the services the user may order for, without archived ones."""
    services = Service.objects.filter(archived_at__isnull=True).select_related("owner_team", "cost_center")
    if not is_platform(user):
        services = services.filter(owner_team__in=_teams(user))
    return services.order_by("slug")


def all_runs() -> QuerySet[Run]:
    """Return every run, newest first, with what a list shows: for operators at the machine, whom no team bounds."""
    runs = Run.objects.select_related(
        "workspace__service__owner_team",
        "workspace__service__cost_center",
        "workspace__environment",
        "workspace__item",
        "workspace__held_by",
        "item_version__item",
        "requester",
        "request",
        "estimate",
    ).defer("item_version__content", "item_version__readme")
    return runs.order_by("-created_at", "id")


def runs_visible_to(user: Person) -> QuerySet[Run]:
    """Return the runs the user may see, newest first, with what a list shows."""
    runs = all_runs()
    if not groups_of(user) & SEES_ALL:
        visible = Q(workspace__service__owner_team__in=_teams(user))
        if groups := deciding_groups_of(user):
            # What they are asked about, they see; of other teams' runs nothing else.
            visible |= Q(Exists(ApprovalStep.objects.filter(asks(groups), run=OuterRef("pk"))))
        runs = runs.filter(visible)
    return runs


def asks(groups: Iterable[str], prefix: str = "") -> Q:
    """Return the condition that a step may be decided by one of these groups; `prefix` leads to the step."""
    names = sorted(groups)
    asked = Q(**{f"{prefix}group__in": names}) | Q(**{f"{prefix}escalated_to__in": names})
    for name in names:
        asked |= Q(**{f"{prefix}others__contains": f",{name},"})
    return asked


def teams_seen_by(user: Person) -> frozenset[int] | None:
    """Return the teams whose runs the user may see, or None for every team's."""
    if groups_of(user) & SEES_ALL:
        return None
    return frozenset(_teams(user).values_list("pk", flat=True))


def without_checks(runs: QuerySet[Run]) -> QuerySet[Run]:
    """Leave drift checks out: they change nothing, and there is one for every workspace and day."""
    return runs.exclude(kind=RunKind.DRIFT_CHECK.value)


def newest_check_of(workspace: Workspace) -> Run | None:
    """Return the newest drift check of a workspace, whatever became of it, or None."""
    return workspace.runs.filter(kind=RunKind.DRIFT_CHECK.value).order_by("-created_at", "-id").first()


def run_visible(user: Person, run_id: uuid.UUID | str) -> Run:
    """Return one run. Raises NotVisible."""
    run = runs_visible_to(user).filter(pk=uuid_of(run_id)).first()
    if run is None:
        raise NotVisible(
            f"There is no run {run_id} that you can see. Check the address; runs of other teams are not shown."
        )
    return run


def requests_visible_to(user: Person) -> QuerySet[Request]:
    """Return the requests the user may see, newest first."""
    requests = Request.objects.select_related(
        "workspace__item", "service__owner_team", "environment", "item_version__item", "requester"
    ).defer("item_version__content", "item_version__readme")
    if not groups_of(user) & SEES_ALL:
        requests = requests.filter(service__owner_team__in=_teams(user))
    return requests.order_by("-created_at", "id")


def workspaces_visible_to(user: Person) -> QuerySet[Workspace]:
    """Return the workspaces the user may see, newest first, closed ones too; each says whether it is `orphaned`."""
    workspaces = (
        Workspace.objects.select_related(
            "service__owner_team",
            "service__cost_center",
            "environment",
            "item",
            "item_version",
            "created_by",
            "held_by",
        )
        .defer("item_version__content", "item_version__readme")
        .annotate(orphaned=ExpressionWrapper(without_owner(), output_field=BooleanField()))
    )
    if not groups_of(user) & SEES_ALL:
        workspaces = workspaces.filter(service__owner_team__in=_teams(user))
    return workspaces.order_by("-created_at", "id")


def workspace_visible(user: Person, workspace_id: uuid.UUID | str) -> Workspace:
    """Return one workspace. Raises NotVisible."""
    workspace = workspaces_visible_to(user).filter(pk=uuid_of(workspace_id)).first()
    if workspace is None:
        raise NotVisible(
            f"There is no workspace {workspace_id} that you can see. Check the address; "
            "workspaces of other teams are not shown."
        )
    return workspace


def without_owner() -> Q:
    """Return the condition of an orphaned workspace: it is open, and nobody answers for it any more.

    Its service is archived, or the owner team has no member who can still sign in.
    """
    members = User.objects.filter(teams=OuterRef("service__owner_team"), is_active=True)
    nobody = Q(service__archived_at__isnull=False) | Q(~Exists(members))
    return Q(closed_at__isnull=True) & nobody


def orphaned_count(user: Person) -> int:
    """Return how many orphaned workspaces the user may see."""
    return workspaces_visible_to(user).filter(without_owner()).count()


def transfers_visible_to(user: Person) -> QuerySet[WorkspaceTransfer]:
    """Return the transfers whose giving or receiving team the user is in, newest first."""
    transfers = WorkspaceTransfer.objects.select_related(
        "workspace__item_version",
        "workspace__item",
        "workspace__environment",
        "workspace__service__owner_team",
        "workspace__held_by",
        "from_service__owner_team",
        "to_service__owner_team",
        "to_service__cost_center",
        "offered_by",
        "decided_by",
    ).defer("workspace__item_version__content", "workspace__item_version__readme")
    if not groups_of(user) & SEES_ALL:
        teams = _teams(user)
        transfers = transfers.filter(
            Q(from_service__owner_team__in=teams) | Q(to_service__owner_team__in=teams)
        )
    return transfers.order_by("-offered_at", "-id")


def transfer_visible(user: Person, transfer_id: int) -> WorkspaceTransfer:
    """Return one transfer. Raises NotVisible."""
    # Larger than any key that a database hands out.
    known = transfers_visible_to(user).filter(pk=transfer_id) if transfer_id < 2**63 else None
    transfer = known.first() if known is not None else None
    if transfer is None:
        raise NotVisible(
            f"There is no transfer {transfer_id} that you can see. Check the address; only the team that gives a "
            "workspace away and the one that is to receive it see its transfer."
        )
    return transfer


def transfers_to_answer(user: Person) -> QuerySet[WorkspaceTransfer]:
    """Return the open offers to the user's own teams, newest first."""
    return transfers_visible_to(user).filter(
        to_service__owner_team__in=_teams(user),
        decided_at__isnull=True,
        workspace__closed_at__isnull=True,
    )


def open_transfer_of(workspace: Workspace) -> WorkspaceTransfer | None:
    """Return the transfer of the workspace that waits for an answer, or None."""
    return (
        WorkspaceTransfer.objects.filter(workspace=workspace, decided_at__isnull=True)
        .select_related("from_service__owner_team", "to_service__owner_team", "offered_by")
        .first()
    )


def steps_of(run: Run) -> list[ApprovalStep]:
    """Return the approval steps of the run's current plan, each with its decisions, in order.

    Those that were withdrawn without a decision are left out.
    """
    plan = plan_of(run)
    if plan is None:
        return []
    steps = (
        ApprovalStep.objects.filter(run=run, plan_digest=plan.digest)
        .select_related("review__reviewer", "review__on_behalf_of")
        .prefetch_related("decisions__approver", "decisions__on_behalf_of")
        .order_by("position", "id")
    )
    return [step for step in steps if step.settled_how != WITHDRAWN or step.decisions.all()]


def approval_steps_visible_to(user: Person, *, group: str | None = None) -> QuerySet[ApprovalStep]:
    """Return the steps of waiting runs that are not settled, oldest first.

    Approvers see every step; others see those of their own teams' runs and those that they may decide.
    """
    steps = (
        ApprovalStep.objects.filter(
            run__status=RunStatus.NEEDS_APPROVAL.value,
            plan_digest=F("run__plan__digest"),
            settled_at__isnull=True,
        )
        .select_related(
            "run__workspace__service__owner_team",
            "run__workspace__service__cost_center",
            "run__workspace__environment",
            "run__workspace__item",
            "run__requester",
            "run__request",
            "run__estimate",
            "run__plan",
        )
        .defer(
            "run__plan__plan_file",
            "run__plan__document",
            "run__plan__approved_document",
            "run__plan__lock_file",
        )
    )
    if group is not None:
        steps = steps.filter(asks([group]))
    if not groups_of(user) & SEES_ALL:
        visible = Q(run__workspace__service__owner_team__in=_teams(user))
        if groups := deciding_groups_of(user):
            visible |= asks(groups)
        steps = steps.filter(visible)
    return steps.order_by("created_at", "id")


def plan_of(run: Run) -> RunPlan | None:
    """Return the run's plan without its sealed contents, or None before it is planned."""
    return RunPlan.objects.filter(run=run).defer("plan_file", "document", "approved_document").first()


def plan_identity(run_id: uuid.UUID, part: str) -> str:
    """Name a sealed part of a run's plan: `file` or `document`."""
    return f"plan-{part}:{run_id}"


def state_identity(workspace_id: uuid.UUID, serial: int) -> str:
    """Name a sealed state version."""
    return f"state:{workspace_id}:{serial}"


def plan_document(run: Run) -> dict[str, Any] | None:
    """Return the redacted plan JSON, or None before the run is planned."""
    sealed = RunPlan.objects.filter(run=run).values_list("document", flat=True).first()
    if sealed is None:
        return None
    document: dict[str, Any] = json.loads(
        gzip.decompress(crypto.open_sealed(sealed, identity=plan_identity(run.pk, "document")))
    )
    return document


def approved_view(run: Run) -> Plan | None:
    """Return the plan that was being applied when the run was interrupted, or None when it never was."""
    sealed = RunPlan.objects.filter(run=run).values_list("approved_document", flat=True).first()
    if sealed is None:
        return None
    return parse_plan(
        json.loads(gzip.decompress(crypto.open_sealed(sealed, identity=plan_identity(run.pk, "document"))))
    )


def plan_view(run: Run) -> Plan | None:
    """Return the plan as frozen types, or None before the run is planned."""
    document = plan_document(run)
    return None if document is None else parse_plan(document)


@dataclass(frozen=True)
class Progress:
    """How many of a plan's changes are made; a replacement is two, a deletion and a creation."""

    done: int
    total: int


def progress_of(run: Run, plan: RunPlan | None) -> Progress | None:
    """Return how far the apply is, by what Terraform said so far; None before there is a plan."""
    if plan is None:
        return None
    weights = {"create": 1, "update": 1, "delete": 1, "replace": 2}
    total = sum(weight * plan.counts.get(verb, 0) for verb, weight in weights.items())
    if run.status == RunStatus.APPLIED:
        return Progress(total, total)
    return Progress(min(run.changes_done, total), total)


def log_lines(run: Run, *, after: int = 0, limit: int = 1000) -> list[LogEntry]:
    """Return the lines above `after` that the run had when it was read, in order: at most `limit`, fewer when long.

    There are more while the last one's sequence is below `run.log_last_sequence`. Raises LogUnreadable.
    """
    return reading.lines(run, after, limit)


def whole_log(run: Run) -> Iterator[LogEntry]:
    """Yield every line that the run has now, whenever it was read. Raises LogUnreadable."""
    return reading.all_lines(run)


def log_end(run_id: uuid.UUID) -> tuple[int, bool]:
    """Return the sequence of the newest line and whether the run is over, as of LOG_LOOK_S ago at most.

    For those who wait, after `run_visible`: they share one query.
    """
    return reading.newest(run_id)


def newest_state(workspace_id: uuid.UUID) -> StateVersion | None:
    """Return the newest state version of a workspace, or None."""
    return StateVersion.objects.filter(workspace_id=workspace_id).order_by("-serial").first()


def states_of(workspace: Workspace) -> QuerySet[StateVersion]:
    """Return the workspace's state versions without their content, newest first, with who wrote them."""
    return (
        StateVersion.objects.filter(workspace=workspace)
        .defer("content")
        .select_related("run__requester", "restored_by")
        .order_by("-serial")
    )


def state_version(workspace: Workspace, serial: int) -> StateVersion:
    """Return one version with its content. Raises NotVisible."""
    version = None
    if serial < 2**63:  # what the column holds
        version = StateVersion.objects.filter(workspace=workspace, serial=serial).first()
    if version is None:
        raise NotVisible(
            f"{workspace.name} has no state version with serial {serial}. Take one from the list of its states."
        )
    return version


def state_lock_of(workspace: Workspace) -> StateLock | None:
    """Return the lock on the workspace's state with the run that holds it, or None."""
    return StateLock.objects.filter(workspace=workspace).select_related("run__requester").first()


def state_content(version: StateVersion) -> bytes:
    """Return the plain bytes of a state version: they hold secrets, hand them to Terraform only."""
    return crypto.open_sealed(version.content, identity=state_identity(version.workspace_id, version.serial))


def finding_from(document: Mapping[str, Any]) -> Finding:
    """Read a stored finding."""
    return Finding(**{**document, "level": Level(document["level"])})


def findings_of(run: Run) -> tuple[Finding, ...]:
    """Return the run's stored findings."""
    return tuple(finding_from(document) for document in run.findings)


def active_run_of(workspace: Workspace) -> Run | None:
    """Return the run that holds the workspace, or None."""
    return (
        Run.objects.filter(workspace=workspace, status__in=sorted(ACTIVE)).select_related("requester").first()
    )


def _teams(user: Person) -> QuerySet[Team]:
    return Team.objects.filter(members__pk=user.pk) if user.is_authenticated else Team.objects.none()


def uuid_of(value: uuid.UUID | str) -> uuid.UUID:
    """Read an id; what is none becomes one that nothing has."""
    if isinstance(value, uuid.UUID):
        return value
    try:
        return uuid.UUID(value)
    except ValueError:
        return uuid.UUID(int=0)  # nobody's id
