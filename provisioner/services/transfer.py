"""Hand a workspace over to another service: at once where one person may answer for both sides, else by offer.

A member of the owner team or a platform engineer offers; a member of the receiving team or a platform engineer accepts.
Nobody else's workspace is given away, and nobody is given one unasked. A platform engineer stands for both sides,
which is how a workspace without an owner gets one again.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from catalog.models import Service
from provisioner import notify, selectors
from provisioner.domain import tags as tag_policy
from provisioner.domain.errors import FieldError, Refusal
from provisioner.models import Run, Workspace, WorkspaceTransfer
from provisioner.services import audit, standing, submit
from provisioner.services.ask import InvalidAsk, NotYourService, text_problems

ACCEPTED, DECLINED, WITHDRAWN = "accepted", "declined", "withdrawn"


class TransferOpen(Refusal):
    """An offer waits already."""

    code = "transfer_open"
    status = 409
    title = "A transfer waits already"


class TransferClosed(Refusal):
    """The offer was answered or withdrawn."""

    code = "transfer_closed"
    status = 409
    title = "The transfer is over"


class NotYourTransfer(Refusal):
    """The person is on the other side of the transfer, or on neither."""

    code = "not_your_transfer"
    status = 403
    title = "Not yours to answer"


class Moved(Refusal):
    """The workspace has another owner than the offer says."""

    code = "workspace_moved"
    status = 409
    title = "The workspace has another owner by now"


@dataclass(frozen=True)
class Outcome:
    """A transfer, and the run that carries the new tags to the resources when there is one."""

    transfer: WorkspaceTransfer
    run: Run | None = None


def offer(workspace_id: uuid.UUID | str, *, service: str, reason: str, actor: User, now: datetime) -> Outcome:
    """Offer a workspace to a service, or hand it over at once when the person may answer for that service too.

    Raises NotVisible, NotYourService, InvalidAsk, WorkspaceClosed, OnHold, WorkspaceBusy and TransferOpen.
    """
    workspace = selectors.workspace_visible(actor, workspace_id)
    if not selectors.owns(actor, workspace.service):
        raise NotYourService(standing.not_owner(workspace))
    receiver = _receiver(workspace, service, reason)
    standing.refuse_unless_free(workspace)
    at_once = selectors.owns(actor, receiver)
    transfer = WorkspaceTransfer(
        workspace=workspace,
        from_service=workspace.service,
        to_service=receiver,
        reason=reason.strip(),
        offered_by=actor,
        offered_at=now,
    )
    try:
        with transaction.atomic():
            transfer.save(force_insert=True)
            _record("workspace.transfer_offered", transfer, actor, now)
            if at_once:
                return _take_effect(transfer, actor, now)
            notify.transfer_offered(transfer, now=now)
    except IntegrityError as error:
        raise _open(workspace) from error
    return Outcome(transfer)


def accept(transfer_id: int, *, actor: User, now: datetime) -> Outcome:
    """Take over what was offered.

    Raises NotVisible, NotYourTransfer, TransferClosed, ServiceArchived, Moved, WorkspaceClosed, OnHold and
    WorkspaceBusy.
    """
    transfer = _answerable(transfer_id, actor)
    if not selectors.owns(actor, transfer.to_service):
        raise NotYourTransfer(
            f"{transfer.workspace.name} is offered to {transfer.to_service.owner_team.name}, and you are not a member "
            "of that team. One of them must accept it."
        )
    if transfer.to_service.archived_at is not None:
        raise standing.ServiceArchived(
            f"The service {transfer.to_service.slug} was archived meanwhile and takes nothing any more. "
            "Decline this, and let the workspace be offered to another service."
        )
    workspace = transfer.workspace
    if workspace.service_id != transfer.from_service_id:
        raise Moved(f"{workspace.name} belongs to {workspace.service.slug} by now. Decline this offer.")
    standing.refuse_unless_free(workspace)
    with transaction.atomic():
        return _take_effect(transfer, actor, now)


def decline(transfer_id: int, *, actor: User, now: datetime) -> Outcome:
    """Leave the workspace where it is. Raises NotVisible, NotYourTransfer and TransferClosed."""
    transfer = _answerable(transfer_id, actor)
    if not selectors.owns(actor, transfer.to_service):
        raise NotYourTransfer(
            f"{transfer.workspace.name} is offered to {transfer.to_service.owner_team.name}, and you are not a member "
            "of that team. Whoever offered it can withdraw it."
        )
    return _end(transfer, DECLINED, actor, now)


def withdraw(transfer_id: int, *, actor: User, now: datetime) -> Outcome:
    """Take an offer back. Raises NotVisible, NotYourTransfer and TransferClosed."""
    transfer = _answerable(transfer_id, actor)
    if not selectors.owns(actor, transfer.from_service):
        raise NotYourTransfer(
            f"{transfer.from_service.owner_team.name} offers {transfer.workspace.name}, and you are not a member of "
            "that team. Decline it instead."
        )
    return _end(transfer, WITHDRAWN, actor, now)


def tags_for(workspace: Workspace, service: Service) -> Mapping[str, str]:
    """Return the workspace's tags as they are under a service; where it came from stays what it was."""
    owner = tag_policy.derive_tags(
        service=service.slug,
        team=service.owner_team.slug,
        cost_center=service.cost_center.slug,
        environment=workspace.environment.slug,
        criticality=service.criticality,
        workspace_id="",
        request_id="",
        item="",
        version="",
    )
    return {**workspace.tags, **{name: owner[name] for name in tag_policy.REQUIRED}}


def _receiver(workspace: Workspace, slug: str, reason: str) -> Service:
    """Return the service that is to receive the workspace. Raises InvalidAsk."""
    errors = text_problems("reason", "reason of a transfer", reason, required=True)
    known = Service.objects.select_related("owner_team", "cost_center")
    receiver = None if "\0" in slug else known.filter(slug=slug).first()
    if receiver is None:
        problem = "There is no such service. Name the slug of the service that is to own the workspace."
        errors.append(FieldError("service", "unknown_service", problem))
    elif receiver.archived_at is not None:
        problem = f"The service {receiver.slug} is archived and takes nothing any more. Name another."
        errors.append(FieldError("service", "archived_service", problem))
    elif receiver.pk == workspace.service_id:
        problem = f"{workspace.name} belongs to {receiver.slug} already. Name another service."
        errors.append(FieldError("service", "same_service", problem))
    if errors or receiver is None:
        raise InvalidAsk(errors[0].message, errors=tuple(errors))
    return receiver


def _answerable(transfer_id: int, actor: User) -> WorkspaceTransfer:
    transfer = selectors.transfer_visible(actor, transfer_id)
    if transfer.decided_at is not None:
        raise _over(transfer)
    return transfer


def _take_effect(transfer: WorkspaceTransfer, actor: User, now: datetime) -> Outcome:
    """Change the owner, and order the run that changes the tags. The caller holds the transaction."""
    _decide(transfer, ACCEPTED, actor, now)
    workspace = transfer.workspace
    given = tags_for(workspace, transfer.to_service)
    moved = Workspace.objects.filter(
        pk=workspace.pk, service=transfer.from_service, closed_at__isnull=True, held_at__isnull=True
    ).update(service=transfer.to_service, tags=given)
    if not moved:
        workspace.refresh_from_db(fields=["service", "closed_at", "held_at", "held_by", "hold_reason"])
        standing.refuse_unless_free(workspace)
        raise Moved(f"{workspace.name} belongs to {workspace.service.slug} by now.")
    workspace.service, workspace.tags = transfer.to_service, dict(given)
    run = None
    if workspace.applied_at is not None:
        run = submit.retag(
            workspace,
            justification=(
                f"{workspace.name} went from {transfer.from_service.slug} to {transfer.to_service.slug}, "
                f"so its tags change. {transfer.reason}"
            ).strip(),
            requester=actor,
            now=now,
        )
    elif selectors.active_run_of(workspace) is not None:
        raise standing.busy(workspace)
    _record("workspace.transfer", transfer, actor, now, run_id=None if run is None else str(run.pk))
    notify.transfer_decided(transfer, now=now)
    return Outcome(transfer, run)


def _end(transfer: WorkspaceTransfer, verdict: str, actor: User, now: datetime) -> Outcome:
    with transaction.atomic():
        _decide(transfer, verdict, actor, now)
        _record(f"workspace.transfer_{verdict}", transfer, actor, now)
        notify.transfer_decided(transfer, now=now)
    return Outcome(transfer)


def _decide(transfer: WorkspaceTransfer, verdict: str, actor: User, now: datetime) -> None:
    """Close the transfer, once. The caller holds the transaction."""
    closed = WorkspaceTransfer.objects.filter(pk=transfer.pk, decided_at__isnull=True).update(
        decided_at=now, decided_by=actor, verdict=verdict
    )
    if not closed:
        transfer.refresh_from_db()
        raise _over(transfer)
    transfer.decided_at, transfer.decided_by, transfer.verdict = now, actor, verdict


def _record(action: str, transfer: WorkspaceTransfer, actor: User, now: datetime, **more: object) -> None:
    audit.record(
        action,
        object_type="workspace",
        object_id=transfer.workspace_id,
        actor=actor,
        now=now,
        detail={
            "transfer": transfer.pk,
            "from_service": transfer.from_service.slug,
            "from_team": transfer.from_service.owner_team.slug,
            "to_service": transfer.to_service.slug,
            "to_team": transfer.to_service.owner_team.slug,
            "reason": transfer.reason,
            **more,
        },
    )


def _open(workspace: Workspace) -> TransferOpen:
    waiting = selectors.open_transfer_of(workspace)
    if waiting is None:
        return TransferOpen(f"{workspace.name} was offered a moment ago. Look at it again.")
    return TransferOpen(
        f"{waiting.offered_by.get_username()} offered {workspace.name} to {waiting.to_service.slug} "
        f"({waiting.to_service.owner_team.name}), and nobody there has answered yet. Withdraw that offer first."
    )


def _over(transfer: WorkspaceTransfer) -> TransferClosed:
    by = transfer.decided_by.get_username() if transfer.decided_by else "somebody"
    return TransferClosed(
        f"The transfer of {transfer.workspace.name} was {transfer.verdict} by {by} already."
    )
