"""What stands in the way of a run on a workspace: it is closed, on hold, busy or protected, or not the person's."""

from __future__ import annotations

import uuid
from datetime import UTC

from django.contrib.auth.models import User

from catalog import manifest as catalog_manifest
from provisioner import selectors
from provisioner.domain.errors import Refusal
from provisioner.models import Workspace
from provisioner.services import give_way
from provisioner.services.ask import NotYourService


class WorkspaceBusy(Refusal):
    """Another run holds the workspace."""

    code = "workspace_busy"
    status = 409
    title = "The workspace is busy"


class WorkspaceClosed(Refusal):
    """Nothing is left of the workspace."""

    code = "workspace_closed"
    status = 409
    title = "The workspace is closed"


class NotApplied(Refusal):
    """The workspace was never applied, so there is nothing to change."""

    code = "not_applied"
    status = 409
    title = "Nothing to change yet"


class Protected(Refusal):
    """Deletion protection is on."""

    code = "deletion_protected"
    status = 409
    title = "Deletion protection is on"


class ServiceArchived(Refusal):
    """The service takes nothing any more."""

    code = "service_archived"
    status = 409
    title = "The service is archived"


class OnHold(Refusal):
    """Somebody holds the workspace."""

    code = "on_hold"
    status = 409
    title = "The workspace is on hold"


def changeable(workspace_id: uuid.UUID | str, requester: User) -> Workspace:
    """Return a workspace on which the person may order a run now.

    Raises NotVisible, NotYourService, WorkspaceClosed, OnHold and WorkspaceBusy.
    """
    workspace = selectors.workspace_visible(requester, workspace_id)
    if not selectors.owns(requester, workspace.service):
        raise NotYourService(not_owner(workspace))
    refuse_unless_free(workspace)
    return workspace


def applied(workspace_id: uuid.UUID | str, requester: User) -> Workspace:
    """Return a workspace as `changeable` does, to be changed. Raises ServiceArchived and NotApplied too."""
    workspace = changeable(workspace_id, requester)
    if workspace.service.archived_at is not None:
        raise ServiceArchived(
            f"{workspace.name} belongs to {workspace.service.slug}, which is archived, so nothing is changed on it any "
            "more. Let a platform engineer transfer it to a service in use first, or destroy it."
        )
    if workspace.applied_at is None:
        raise NotApplied(
            f"{workspace.name} was never applied. Retry its last run, or destroy it to free the name."
        )
    return workspace


def refuse_unless_free(workspace: Workspace) -> None:
    """Raise WorkspaceClosed, OnHold or WorkspaceBusy when one of them stands in the way."""
    refuse_closed(workspace)
    refuse_held(workspace)
    if give_way.holder_of(workspace) is not None:
        raise busy(workspace)


def refuse_closed(workspace: Workspace) -> None:
    """Raise WorkspaceClosed when nothing is left of the workspace."""
    if workspace.closed_at is not None:
        raise WorkspaceClosed(
            f"Nothing is left of {workspace.name}: it was destroyed or never made. Order it anew."
        )


def refuse_held(workspace: Workspace) -> None:
    """Raise OnHold while somebody holds the workspace."""
    if workspace.held_at is None:
        return
    by = workspace.held_by.get_username() if workspace.held_by else "somebody"
    since = workspace.held_at.astimezone(UTC).strftime("%d %b %Y %H:%M UTC")
    reason = workspace.hold_reason.strip()
    raise OnHold(
        f"{by} put {workspace.name} on hold on {since}: {reason}{'' if reason.endswith(('.', '!', '?')) else '.'} "
        f"Nothing is changed on it until the hold is released, by {by}, {who_may_release(workspace)}."
    )


def who_may_release(workspace: Workspace) -> str:
    """Name who may release the hold besides the one who put it."""
    if workspace.held_for == selectors.PLATFORM:
        return "or by a platform engineer"
    whose = workspace.held_for or workspace.service.owner_team.name
    return f"another member of {whose} or a platform engineer"


def refuse_protected(workspace: Workspace) -> None:
    """Raise Protected while the module's deletion protection is on."""
    protection = catalog_manifest.from_json(workspace.item_version.manifest).protection
    if protection is not None and workspace.variables.get(protection) is True:
        raise Protected(
            f"{workspace.name} has deletion protection on ({protection} = true), so the cloud would refuse "
            "to delete it. "
            f"Order an update with {protection} = false first; when that is applied, order the destruction again."
        )


def busy(workspace: Workspace) -> WorkspaceBusy:
    """Return the refusal that names the run that holds the workspace."""
    holder = selectors.active_run_of(workspace)
    if holder is None:
        return WorkspaceBusy(f"Another run held {workspace.name} a moment ago. Try again.")
    return WorkspaceBusy(
        f"The {holder.kind.replace('_', ' ')} run {holder.pk} of {holder.requester.get_username()} "
        f"holds {workspace.name} "
        f"({holder.status.replace('_', ' ')}). Wait until it ends, or cancel it."
    )


def not_owner(workspace: Workspace) -> str:
    """Say that the person is not one of the owners, and whom to ask."""
    team = workspace.service.owner_team.name
    return f"{workspace.name} belongs to {team}, and you are not a member of that team. Ask one of them."
