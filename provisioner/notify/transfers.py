"""Workspaces that go from one team to another."""

from __future__ import annotations

from datetime import datetime

from provisioner.domain.notification import About, Message
from provisioner.models import WorkspaceTransfer
from provisioner.notify.outbox import Recipients, tell
from provisioner.notify.words import link, named, owners


def transfer_offered(transfer: WorkspaceTransfer, *, now: datetime) -> None:
    """Tell the receiving team what it is offered."""
    workspace = transfer.workspace
    tell(
        owners(transfer.to_service),
        Message(
            event="transfer.offered",
            subject=f"{workspace.name} is offered to {transfer.to_service.name}",
            about=About("transfer", str(transfer.pk), workspace.name),
            link=link("Accept or decline it", "transfer", transfer.pk),
            paragraphs=(
                f"{transfer.offered_by.get_username()} offers {named(workspace)} of "
                f"{transfer.from_service.owner_team.name} to your service {transfer.to_service.name}.",
                f"Why: {transfer.reason}",
            ),
        ),
        now=now,
    )


def transfer_decided(transfer: WorkspaceTransfer, *, now: datetime) -> None:
    """Tell both teams how a transfer ended."""
    workspace = transfer.workspace
    by = transfer.decided_by.get_username() if transfer.decided_by else "somebody"
    owner = transfer.to_service if transfer.verdict == "accepted" else transfer.from_service
    tell(
        Recipients(
            people=(transfer.offered_by,),
            teams=(transfer.from_service.owner_team, transfer.to_service.owner_team),
        ),
        Message(
            event="transfer.decided",
            subject=f"The transfer of {workspace.name} was {transfer.verdict}",
            about=About("transfer", str(transfer.pk), workspace.name),
            link=link("The transfer", "transfer", transfer.pk),
            paragraphs=(
                f"{by} {transfer.verdict} the transfer of {workspace.name} from {transfer.from_service.name} to "
                f"{transfer.to_service.name}.",
                f"It belongs to {owner.name} of {owner.owner_team.name}.",
            ),
            occasion=transfer.verdict,
        ),
        now=now,
    )
