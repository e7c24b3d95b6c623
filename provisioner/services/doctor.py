"""What does not fit together: found after a restored backup, a lost key, or a sweep that does not run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Exists, F, Max, OuterRef, Q, Subquery

from provisioner import policy, policy_store
from provisioner.domain.policy.section import Problem
from provisioner.domain.run import LEASED
from provisioner.models import (
    PolicyStanding,
    Run,
    RunPlan,
    StateLock,
    StateVersion,
    Workspace,
    WorkspaceResource,
)
from provisioner.rulebook import names
from provisioner.services import lease, policies, seals

# A lease that ended this many sweeps ago should have been found by one.
_SWEEPS = 20


@dataclass(frozen=True)
class Trouble:
    """One thing that does not fit: what it is, and what to do."""

    check: str
    what: str
    fix: str


@dataclass(frozen=True)
class CloudObject:
    """Something that exists in the cloud with a workspace's tag."""

    type: str
    id: str
    workspace_id: str
    created_at: datetime


def examine(objects: Iterable[CloudObject] = ()) -> Iterator[Trouble]:
    """Look at everything; `objects` are those of the cloud, where somebody can list them."""
    yield from _sealed()
    yield from _states_older_than_plans()
    yield from _locks()
    yield from _resources_without_state()
    yield from _forgotten_runs()
    yield from _groups_without_members()
    yield from _newer_in_the_cloud(objects)
    yield from _policy()


def object_from(row: Mapping[str, Any]) -> CloudObject:
    """Read an object as the sandbox lists it."""
    return CloudObject(row["type"], row["id"], row["workspace"], datetime.fromisoformat(row["created_at"]))


def _sealed() -> Iterator[Trouble]:
    for name, reason in seals.broken():
        yield Trouble(
            "sealed values that do not open",
            f"The {name} does not open: {reason}.",
            "Add the missing key to DRAWBRIDGE_ENCRYPTION_KEYS, or take the row from a backup. An earlier state can be "
            "restored on the workspace's page of states; a run without its plan is planned anew.",
        )


def _states_older_than_plans() -> Iterator[Trouble]:
    newest = (
        StateVersion.objects.filter(workspace=OuterRef("run__workspace"))
        .order_by()
        .values("workspace")
        .annotate(newest=Max("serial"))
        .values("newest")
    )
    plans = (
        RunPlan.objects.filter(state_serial__isnull=False)
        .annotate(newest=Subquery(newest))
        .filter(Q(newest__isnull=True) | Q(newest__lt=F("state_serial")))
        .select_related("run__workspace")
        .only("state_serial", "run__status", "run__workspace__name")
        .order_by("pk")
    )
    for plan in plans:
        have = "there is none" if plan.newest is None else f"the newest is {plan.newest}"
        yield Trouble(
            "states older than a plan",
            f"Run {plan.run_id} on {plan.run.workspace.name} was planned on state serial {plan.state_serial}, "
            f"but {have}.",
            "The database's states come from before its runs. Restore both from one backup; before anything is applied "
            "to the workspace, compare its resources with the cloud.",
        )


def _locks() -> Iterator[Trouble]:
    for held in StateLock.objects.select_related("run", "workspace").order_by("created_at"):
        if held.run.finished_at is None and held.fencing_token == held.run.fencing_token:
            continue
        yield Trouble(
            "locks that nobody will release",
            f"The state of {held.workspace.name} is locked by run {held.run_id}, which is "
            f"{held.run.status.replace('_', ' ')}.",
            f"Look at the run, then open the lock: /workspaces/{held.workspace_id}/state-lock/force-unlock/.",
        )


def _resources_without_state() -> Iterator[Trouble]:
    workspaces = Workspace.objects.order_by("created_at").filter(
        Exists(WorkspaceResource.objects.filter(workspace=OuterRef("pk")))
    )
    for workspace in workspaces.filter(~Exists(StateVersion.objects.filter(workspace=OuterRef("pk")))):
        yield Trouble(
            "resources without a state",
            f"{workspace.name} ({workspace.pk}) has resources but no state.",
            "Its states are lost: take them from a backup. Without them, the next apply would make everything again.",
        )
    for workspace in workspaces.filter(closed_at__isnull=False):
        yield Trouble(
            "closed workspaces with resources",
            f"{workspace.name} ({workspace.pk}) is closed, but resources of it are recorded.",
            "Compare them with the cloud; what still exists is paid for and owned by nobody.",
        )


def _forgotten_runs() -> Iterator[Trouble]:
    before = lease.database_now() - timedelta(
        seconds=settings.DRAWBRIDGE_LEASE_S + _SWEEPS * settings.DRAWBRIDGE_SWEEP_S
    )
    leased = [status.value for status in LEASED]
    runs = Run.objects.filter(status__in=leased).filter(
        Q(lease_expires_at__lt=before) | Q(lease_expires_at__isnull=True)
    )
    for run in runs.select_related("workspace").order_by("created_at"):
        yield Trouble(
            "runs that no worker holds",
            f"Run {run.pk} on {run.workspace.name} is {run.status}, but its worker ({run.worker or 'unknown'}) is gone "
            f"since {run.lease_expires_at or 'ever'}.",
            "The sweep should have found it: see that beat and a worker of the queue `control` run.",
        )


def _policy() -> Iterator[Trouble]:
    standing = PolicyStanding.objects.select_related("version").first()
    if standing is None:
        return
    if standing.refused:
        origin = standing.refused["origin"]
        reasons = "; ".join(str(Problem(**problem)) for problem in standing.refused["problems"][:5])
        yield Trouble(
            "a policy that is refused",
            f"{origin.get('url') or origin.get('path')} cannot be used as it is now: {reasons}",
            f"The policy {standing.version.digest[:12]} stays in force. Mend the edit; /policy/ shows all of it.",
        )
    if (switched := policies.source_problem()) is not None:
        yield Trouble("a policy from another source", switched.what, switched.fix)
    if policy.file_is_behind():
        yield Trouble(
            "a policy file that is behind",
            f"{settings.DRAWBRIDGE_POLICY_FILE} holds a policy that was in force before; "
            f"{standing.version.digest[:12]} came after it.",
            "Put the newer text into the file, or write the file anew (touch) to take its policy up.",
        )
    try:
        candidate = policy_store.loaded(standing.version.digest)
    except ImproperlyConfigured as error:
        yield Trouble(
            "a policy that cannot be read", str(error), "Nothing is judged until another is in force."
        )
        return
    for problem in names.unknown_groups(candidate, set(Group.objects.values_list("name", flat=True))):
        yield Trouble(
            "a policy that asks a group that nobody is in", str(problem), "Make the group in /admin/."
        )


def _groups_without_members() -> Iterator[Trouble]:
    members = User.objects.filter(is_active=True)
    have = set(members.values_list("groups__name", flat=True).distinct())
    if members.filter(is_superuser=True).exists():
        have.add("platform")
    for group in policy.current().groups:
        if group not in have:
            yield Trouble(
                "groups that nobody is in",
                f"The policy's rules may ask the group {group}, and it has no member who can sign in.",
                "Plans that need it wait until they expire. Add members in the administration, or take it out of the "
                "policy.",
            )


def _newer_in_the_cloud(objects: Iterable[CloudObject]) -> Iterator[Trouble]:
    tagged = [one for one in objects if one.workspace_id]
    if not tagged:
        return
    names = {str(pk): name for pk, name in Workspace.objects.values_list("pk", "name")}
    written = {
        str(pk): at
        for pk, at in StateVersion.objects.order_by().values_list("workspace").annotate(at=Max("created_at"))
    }
    busy = {
        str(pk) for pk in Run.objects.filter(finished_at__isnull=True).values_list("workspace", flat=True)
    }
    for one in tagged:
        if one.workspace_id not in names:
            yield Trouble(
                "objects that the database does not know",
                f"{one.type} {one.id} carries the tag of workspace {one.workspace_id}, which does not exist here.",
                "The database is older than the cloud, or it is another installation's. Restore a newer backup, or "
                "delete the object once you know that nobody needs it.",
            )
        elif one.workspace_id not in busy and (
            one.workspace_id not in written or one.created_at > written[one.workspace_id]
        ):
            yield Trouble(
                "objects newer than their state",
                f"{one.type} {one.id} of {names[one.workspace_id]} was made after the newest state was written.",
                "The database is older than the cloud, or an apply was cut short. Restore a newer backup, or import "
                "the object before the next apply makes it a second time.",
            )
