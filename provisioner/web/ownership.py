"""What the workspace page shows of its hold, its end, its owner and its transfer."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User

from provisioner import selectors
from provisioner.domain.run import RunKind
from provisioner.models import Run, Workspace
from provisioner.services import hold as hold_service


def ownership_context(workspace: Workspace, user: User, active: Run | None, *, owner: bool) -> dict[str, Any]:
    """Return the context of workspaces/_ownership.html and of the actions that belong to it."""
    is_open = workspace.closed_at is None
    held = workspace.held_at is not None
    return {
        "can_hold": is_open and not held,
        "can_release": held and hold_service.may_release(workspace, user),
        "can_renew": owner
        and is_open
        and workspace.applied_at is not None
        and (active is None or active.kind != RunKind.DESTROY.value),
        "can_transfer": owner and is_open and active is None and not held,
        "transfer": selectors.open_transfer_of(workspace) if is_open else None,
    }
