"""A person's stop on a workspace: nothing new is ordered and nothing that waits is taken up until it is released.

The owner team, sre, finops and platform may hold. A hold is put on behalf of a group: of platform, sre or finops
when the person is in one of them (in this order), else of the owner team. It is released by who put it, by another
member of that group, or by a platform engineer; so the owner team cannot lift the hold of sre. Whoever may release a
hold may give it another reason.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from django.contrib.auth.models import User
from django.db import transaction

from provisioner import queue, selectors
from provisioner.domain.errors import Refusal
from provisioner.domain.run import RunStatus
from provisioner.models import Workspace
from provisioner.services import audit, standing
from provisioner.services.ask import InvalidAsk, text_problems

# Who decides about everybody's workspaces; the first that a person is in is the one whose hold it is.
_GROUPS = (selectors.PLATFORM, "sre", "finops")


class AlreadyHeld(Refusal):
    """Somebody else's hold stands already."""

    code = "already_on_hold"
    status = 409
    title = "The workspace is on hold already"


class NotHeld(Refusal):
    """There is no hold."""

    code = "not_on_hold"
    status = 409
    title = "The workspace is not on hold"


class NotYourHold(Refusal):
    """The hold is not this person's to release."""

    code = "not_your_hold"
    status = 403
    title = "You cannot release this hold"


def hold(workspace_id: uuid.UUID | str, *, reason: str, actor: User, now: datetime) -> Workspace:
    """Put a workspace on hold, or give one's hold another reason.

    Whoever sees a workspace may hold it: its owners, and the groups that decide about everybody's. A run that is being
    applied goes on to its end. Raises NotVisible, InvalidAsk, WorkspaceClosed and AlreadyHeld.
    """
    workspace = selectors.workspace_visible(actor, workspace_id)
    if problems := text_problems("reason", "reason of a hold", reason, required=True):
        raise InvalidAsk(problems[0].message, errors=tuple(problems))
    standing.refuse_closed(workspace)
    _refuse_other(workspace, actor)
    groups = selectors.groups_of(actor)
    held_for = next((group for group in _GROUPS if group in groups), "")
    if workspace.held_at is not None and workspace.held_by_id == actor.pk:
        held_for = workspace.held_for or held_for  # another reason makes no hold easier to release
    with transaction.atomic():
        # The hold that was looked at, so that of two at once the second is told of the first.
        written = Workspace.objects.filter(
            pk=workspace.pk, closed_at__isnull=True, held_at=workspace.held_at, held_by=workspace.held_by
        ).update(held_at=now, held_by=actor, hold_reason=reason.strip(), held_for=held_for)
        if not written:
            current = selectors.workspace_visible(actor, workspace.pk)
            standing.refuse_closed(current)
            _refuse_other(current, actor)
            raise AlreadyHeld(f"Somebody held or released {workspace.name} a moment ago. Look at it again.")
        audit.record(
            "workspace.hold",
            object_type="workspace",
            object_id=workspace.pk,
            actor=actor,
            now=now,
            detail={"reason": reason.strip(), "for": held_for or workspace.service.owner_team.slug},
        )
    return selectors.workspace_visible(actor, workspace.pk)


def release(workspace_id: uuid.UUID | str, *, actor: User, now: datetime) -> Workspace:
    """Release a hold; what waited goes on. Raises NotVisible, NotHeld and NotYourHold."""
    workspace = selectors.workspace_visible(actor, workspace_id)
    if workspace.held_at is None:
        raise NotHeld(f"{workspace.name} is not on hold, so there is nothing to release.")
    if not may_release(workspace, actor):
        audit.record(
            "workspace.release_refused",
            object_type="workspace",
            object_id=workspace.pk,
            actor=actor,
            now=now,
        )
        raise NotYourHold(
            f"{_by(workspace)} put {workspace.name} on hold: {workspace.hold_reason} "
            f"Ask {_by(workspace)}, {standing.who_may_release(workspace)}, to release it."
        )
    with transaction.atomic():
        released = Workspace.objects.filter(pk=workspace.pk, held_at=workspace.held_at).update(
            held_at=None, held_by=None, hold_reason="", held_for="", expiry_obstacle=""
        )
        if not released:
            raise NotHeld(f"The hold on {workspace.name} changed a moment ago. Look at it again.")
        audit.record(
            "workspace.release",
            object_type="workspace",
            object_id=workspace.pk,
            actor=actor,
            now=now,
            detail={
                "reason": workspace.hold_reason,
                "held_by": _by(workspace),
                "held_at": workspace.held_at.astimezone(UTC).isoformat(),
            },
        )
        waiting = selectors.active_run_of(workspace)
        if waiting is not None and waiting.status in (RunStatus.PLAN_QUEUED, RunStatus.APPLY_QUEUED):
            queue.ring(queue.PLAN if waiting.status == RunStatus.PLAN_QUEUED else queue.APPLY, waiting.pk)
    return selectors.workspace_visible(actor, workspace.pk)


def may_release(workspace: Workspace, person: User) -> bool:
    """Tell whether the person may release the hold that stands."""
    if workspace.held_by_id == person.pk or selectors.is_platform(person):
        return True
    if workspace.held_for:
        return workspace.held_for in selectors.groups_of(person)
    return selectors.owns(person, workspace.service)


def _refuse_other(workspace: Workspace, actor: User) -> None:
    if workspace.held_at is not None and not may_release(workspace, actor):
        raise AlreadyHeld(
            f"{_by(workspace)} holds {workspace.name} already: {workspace.hold_reason} "
            "It stays on hold; nothing more is needed."
        )


def _by(workspace: Workspace) -> str:
    return workspace.held_by.get_username() if workspace.held_by else "Somebody"
