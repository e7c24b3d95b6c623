"""Tell people by e-mail what happens to their workspaces: one function an event, plain text.

Each is called inside the transaction that makes it true, and posts after the commit: a Celery task sends, so that no
page waits for a mail server. A mail that cannot be posted or sent is logged and never raised; what it says stands on
the workspace's page too.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from smtplib import SMTPException

import structlog
from celery import current_app
from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db import transaction
from django.urls import reverse
from kombu.exceptions import OperationalError

from catalog.models import Service
from provisioner.models import Run, Workspace, WorkspaceTransfer

log = structlog.get_logger(__name__)

SEND = "provisioner.send_mail"
QUEUE = "default"


def workspace_expiring(workspace: Workspace, *, days: int) -> None:
    """Warn that a workspace will be destroyed within so many days."""
    soon = "tomorrow" if days == 1 else f"within {days} days"
    _post(
        _owners(workspace.service, workspace.created_by),
        f"{workspace.name} expires {soon}",
        f"{_named(workspace)} expires on {_instant(workspace.expires_at)}.",
        "It is destroyed then, with what is in it. If it is still needed, renew it before:",
        _address("workspace-renew", workspace.pk),
        f"The workspace: {_address('workspace', workspace.pk)}",
    )


def workspace_expired(workspace: Workspace, run: Run) -> None:
    """Say that the destruction of an expired workspace is ordered."""
    _post(
        _owners(workspace.service, workspace.created_by),
        f"{workspace.name} has expired and is being destroyed",
        f"{_named(workspace)} expired on {_instant(workspace.expires_at)}, and its destruction is ordered.",
        "It is planned first, and whoever must approve is asked. Until it is applied the run can be stopped:",
        _address("run", run.pk),
        "To keep the workspace, stop that run and renew it:",
        _address("workspace-renew", workspace.pk),
    )


def expiry_blocked(workspace: Workspace, why: str) -> None:
    """Say what stands in the way of the destruction of an expired workspace; sent once a day."""
    _post(
        _owners(workspace.service, workspace.created_by),
        f"{workspace.name} has expired and could not be destroyed",
        f"{_named(workspace)} expired on {_instant(workspace.expires_at)}. It is still there: {why}",
        "Nothing is forced; it is tried again. Renew it to keep it, or clear the way:",
        _address("workspace", workspace.pk),
    )


def plan_expired(run: Run, *, days: int) -> None:
    """Say that nobody decided on a plan in time."""
    workspace = run.workspace
    _post(
        _owners(workspace.service, run.requester),
        f"The plan for {workspace.name} has expired",
        f"The {run.kind.replace('_', ' ')} of {_named(workspace)} waited {days} days for its approval, and nobody "
        "decided. Nothing was changed.",
        "Retry it to have it planned and asked for anew:",
        _address("run", run.pk),
    )


def apply_interrupted(run: Run, *, group: str, reasons: Iterable[str]) -> None:
    """Say that an apply was cut short and that somebody must decide how it goes on."""
    workspace = run.workspace
    _post(
        _owners(workspace.service, run.requester),
        f"The {run.kind.replace('_', ' ')} of {workspace.name} was interrupted",
        f"The {run.kind.replace('_', ' ')} of {_named(workspace)} did not finish. {' '.join(reasons)}",
        f"A member of {group} decides how it goes on; what may be left behind is listed here:",
        _address("run", run.pk),
    )


def transfer_offered(transfer: WorkspaceTransfer) -> None:
    """Tell the receiving team what it is offered."""
    workspace = transfer.workspace
    _post(
        _owners(transfer.to_service),
        f"{workspace.name} is offered to {transfer.to_service.name}",
        f"{transfer.offered_by.get_username()} offers {_named(workspace)} of "
        f"{transfer.from_service.owner_team.name} to your service {transfer.to_service.name}.",
        f"Why: {transfer.reason}",
        "Accept or decline it:",
        _address("transfer", transfer.pk),
    )


def transfer_decided(transfer: WorkspaceTransfer) -> None:
    """Tell both teams how a transfer ended."""
    workspace = transfer.workspace
    by = transfer.decided_by.get_username() if transfer.decided_by else "somebody"
    owner = transfer.to_service if transfer.verdict == "accepted" else transfer.from_service
    _post(
        [*_owners(transfer.from_service, transfer.offered_by), *_owners(transfer.to_service)],
        f"The transfer of {workspace.name} was {transfer.verdict}",
        f"{by} {transfer.verdict} the transfer of {workspace.name} from {transfer.from_service.name} to "
        f"{transfer.to_service.name}. It belongs to {owner.name} ({owner.owner_team.name}).",
        _address("transfer", transfer.pk),
    )


def deliver(*, to: list[str], subject: str, text: str) -> bool:
    """Send one mail now; return whether the mail server took it."""
    try:
        EmailMessage(subject, text, settings.DEFAULT_FROM_EMAIL, to).send()
    except (OSError, SMTPException, ValueError) as error:
        log.warning("mail.not_sent", to=to, subject=subject, error=str(error))
        return False
    return True


def _post(to: Iterable[str], subject: str, *paragraphs: str) -> None:
    """Hand a mail to the workers once the current transaction is committed."""
    recipients = list(dict.fromkeys(to))
    if not recipients:
        log.info("mail.nobody_to_tell", subject=subject)
        return
    mail: dict[str, object] = {
        "to": recipients,
        "subject": f"[Drawbridge] {' '.join(subject.split())}",
        "text": "\n\n".join(paragraphs) + "\n",
    }
    transaction.on_commit(lambda: _send_task(mail))


def _send_task(mail: dict[str, object]) -> None:
    try:
        current_app.send_task(SEND, kwargs=mail, queue=QUEUE)
    except (OperationalError, OSError) as error:
        log.warning("mail.not_posted", to=mail["to"], subject=mail["subject"], error=str(error))


def _owners(service: Service, person: User | None = None) -> list[str]:
    """Return the addresses of the owner team and of the person who asked, those that there are."""
    addresses = [service.owner_team.email]
    if person is not None and person.is_active:
        addresses.append(person.email)
    return [address for address in addresses if address]


def _named(workspace: Workspace) -> str:
    return f"{workspace.name} ({workspace.item.name} in {workspace.environment.name})"


def _instant(at: datetime | None) -> str:
    return "an unknown day" if at is None else at.astimezone(UTC).strftime("%d %b %Y %H:%M UTC")


def _address(name: str, key: object) -> str:
    return f"{settings.DRAWBRIDGE_URL}{reverse(name, args=[key])}"
