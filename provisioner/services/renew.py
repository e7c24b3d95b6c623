"""Give a workspace a new time to live, counted from now. Nothing changes in the cloud, so nothing is planned."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction

from provisioner import selectors
from provisioner.domain.run import RunKind
from provisioner.models import Workspace
from provisioner.services import audit, lifetime, standing
from provisioner.services.ask import InvalidAsk, NotYourService, text_problems


def renew(
    workspace_id: uuid.UUID | str, *, ttl_days: int | None, justification: str, actor: User, now: datetime
) -> Workspace:
    """Let a workspace live `ttl_days` from now; None takes the end away, where the policy allows that.

    Warnings begin anew. A workspace on hold may be renewed. Raises NotVisible, NotYourService, InvalidAsk,
    WorkspaceClosed, NotApplied, and WorkspaceBusy while a run destroys it.
    """
    workspace = selectors.workspace_visible(actor, workspace_id)
    if not selectors.owns(actor, workspace.service):
        raise NotYourService(standing.not_owner(workspace))
    if problems := text_problems("justification", "justification", justification):
        raise InvalidAsk(problems[0].message, errors=tuple(problems))
    standing.refuse_closed(workspace)
    if workspace.applied_at is None:
        raise standing.NotApplied(
            f"{workspace.name} was never applied; its time to live begins when it is. Retry its last run."
        )
    lifetime.refuse_ttl(ttl_days, workspace.environment)
    expires_at = None if ttl_days is None else now + timedelta(days=ttl_days)
    with transaction.atomic():
        # Under the row's lock, so that the beat either sees the new end or has ordered the destruction already.
        locked = Workspace.objects.select_for_update().get(pk=workspace.pk)
        standing.refuse_closed(locked)
        active = selectors.active_run_of(workspace)
        if active is not None and active.kind == RunKind.DESTROY.value:
            raise standing.WorkspaceBusy(
                f"The destroy run {active.pk} of {active.requester.get_username()} is under way "
                f"({active.status.replace('_', ' ')}). Discard or cancel it first, then renew {workspace.name}."
            )
        Workspace.objects.filter(pk=workspace.pk).update(
            expires_at=expires_at, warned_days=None, expiry_obstacle="", expiry_told_at=None
        )
        audit.record(
            "workspace.renew",
            object_type="workspace",
            object_id=workspace.pk,
            actor=actor,
            now=now,
            detail={
                "expired_at": _text(locked.expires_at),
                "expires_at": _text(expires_at),
                "justification": justification,
            },
        )
    return selectors.workspace_visible(actor, workspace.pk)


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()
