"""What happens to workspaces that have an end."""

from __future__ import annotations

from datetime import datetime

from provisioner.domain.notification import Message
from provisioner.models import Run, Workspace
from provisioner.notify.outbox import tell
from provisioner.notify.words import about_workspace, instant, link, named, owners, where


def workspace_expiring(workspace: Workspace, *, days: int, now: datetime) -> None:
    """Warn that a workspace will be destroyed within so many days."""
    soon = "tomorrow" if days == 1 else f"within {days} days"
    tell(
        owners(workspace.service, workspace.created_by),
        Message(
            event="workspace.expiring",
            subject=f"{workspace.name} expires {soon}",
            about=about_workspace(workspace),
            link=link("Renew it", "workspace-renew", workspace.pk),
            paragraphs=(
                f"{named(workspace)} expires on {instant(workspace.expires_at)}.",
                "It is destroyed then, with what is in it. If it is still needed, renew it before.",
            ),
            facts=where(workspace)[1:],
            more_links=(link("The workspace", "workspace", workspace.pk),),
            occasion=f"{days} days before {instant(workspace.expires_at)}",
            urgent=days <= 1,
        ),
        now=now,
    )


def workspace_expired(workspace: Workspace, run: Run, *, now: datetime) -> None:
    """Say that the destruction of an expired workspace is ordered."""
    tell(
        owners(workspace.service, workspace.created_by),
        Message(
            event="workspace.expired",
            subject=f"{workspace.name} has expired and is being destroyed",
            about=about_workspace(workspace),
            link=link("The run", "run", run.pk),
            paragraphs=(
                f"{named(workspace)} expired on {instant(workspace.expires_at)}, and its destruction is ordered.",
                "It is planned first, and whoever must approve is asked. Until it is applied the run can be stopped. "
                "To keep the workspace, stop that run and renew it.",
            ),
            facts=where(workspace)[1:],
            more_links=(link("Renew it", "workspace-renew", workspace.pk),),
            occasion=str(run.pk),
            urgent=True,
        ),
        now=now,
    )


def expiry_blocked(workspace: Workspace, why: str, *, now: datetime) -> None:
    """Say what stands in the way of the destruction of an expired workspace; sent once a day."""
    tell(
        owners(workspace.service, workspace.created_by),
        Message(
            event="workspace.expiry_blocked",
            subject=f"{workspace.name} has expired and could not be destroyed",
            about=about_workspace(workspace),
            link=link("The workspace", "workspace", workspace.pk),
            paragraphs=(
                f"{named(workspace)} expired on {instant(workspace.expires_at)}. It is still there: {why}",
                "Nothing is forced; it is tried again. Renew it to keep it, or clear the way.",
            ),
            facts=where(workspace)[1:],
            more_links=(link("Renew it", "workspace-renew", workspace.pk),),
        ),
        now=now,
    )
