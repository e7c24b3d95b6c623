"""State versions in people's hands: read one, compare two, restore one, open a lock that nobody will open."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from provisioner import crypto, selectors
from provisioner.domain.errors import FieldError, Refusal
from provisioner.domain.run import LEASED, RunStatus
from provisioner.domain.state import StateDifference, StateFormatError, compare, with_serial
from provisioner.models import Run, StateLock, StateVersion, Workspace
from provisioner.services import audit, lease, record, state_backend
from provisioner.services.ask import NotYourService
from provisioner.services.submit import WorkspaceBusy, WorkspaceClosed

REASON_MAX = 4000


class PlatformOnly(Refusal):
    """Only platform engineers may do this."""

    code = "platform_only"
    status = 403
    title = "For platform engineers"


class ReasonRefused(Refusal):
    """The reason is missing or too long."""

    code = "invalid_input"
    status = 400
    title = "Give a reason"


class Unreadable(Refusal):
    """The version is there and cannot be read."""

    code = "state_unreadable"
    status = 409
    title = "The state version cannot be read"


class StateIsLocked(Refusal):
    """Somebody holds the lock."""

    code = "state_locked"
    status = 409
    title = "The state is locked"


class NotLocked(Refusal):
    """There is no lock to open."""

    code = "state_not_locked"
    status = 409
    title = "The state is not locked"


class LockInUse(Refusal):
    """A living run holds the lock."""

    code = "state_lock_in_use"
    status = 409
    title = "A living run holds the lock"


class NothingToRestore(Refusal):
    """The version is the newest one."""

    code = "already_newest"
    status = 409
    title = "This is the newest version"


@dataclass(frozen=True)
class Download:
    """A state version with its plain content, which holds secrets."""

    version: StateVersion
    content: bytes = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """What HTTP must say: a file, which nobody on the way keeps."""
        name = f"{self.version.workspace.name}-{self.version.serial}.tfstate"
        return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}


def download(workspace_id: uuid.UUID | str, serial: int, *, reader: User, now: datetime) -> Download:
    """Return a version's content to an owner; it is audited, because a state holds secrets.

    Raises NotVisible, NotYourService and Unreadable.
    """
    workspace = _own(workspace_id, reader, "download its states")
    version = selectors.state_version(workspace, serial)
    content = _content(version)
    audit.record(
        "state.download",
        object_type="workspace",
        object_id=workspace.pk,
        actor=reader,
        now=now,
        detail={"serial": serial, "sha256": version.sha256},
    )
    return Download(version, content)


def differences(
    workspace_id: uuid.UUID | str, since: int, serial: int, *, reader: User
) -> tuple[StateDifference, ...]:
    """Say what differs between two versions, by resource and without values. Raises NotVisible and Unreadable."""
    workspace = selectors.workspace_visible(reader, workspace_id)
    before = _document(selectors.state_version(workspace, since))
    after = _document(selectors.state_version(workspace, serial))
    try:
        return compare(before, after)
    except StateFormatError as error:
        raise Unreadable(str(error)) from error


def restore(
    workspace_id: uuid.UUID | str, serial: int, *, reason: str, actor: User, now: datetime
) -> StateVersion:
    """Make an earlier version the newest again, as a new version, and record the inventory that it knows.

    Nothing in the cloud changes: the workspace's next plan shows what differs.
    Raises NotVisible, NotYourService, ReasonRefused, WorkspaceClosed, WorkspaceBusy, StateIsLocked, NothingToRestore
    and Unreadable.
    """
    workspace = _own(workspace_id, actor, "restore its states")
    said = _reason(reason, "It stays with the version.")
    with transaction.atomic():
        # A new run takes a share of this row: it either is there already, or plans on what is restored.
        locked = Workspace.objects.select_for_update().get(pk=workspace.pk)
        if locked.closed_at is not None:
            raise WorkspaceClosed(
                f"{workspace.name} is destroyed. Its states are kept to be read; order it anew."
            )
        _refuse_in_use(locked)
        old, newest = selectors.state_version(locked, serial), selectors.newest_state(locked.pk)
        assert newest is not None
        if old.serial == newest.serial:
            raise NothingToRestore(f"Serial {serial} is the newest version already. Name an earlier one.")
        try:
            content = with_serial(_content(old), newest.serial + 1)
            version = state_backend.keep_restored(old, content, reason=said, actor=actor, now=now)
            record.inventory(locked.pk)
        except (StateFormatError, Refusal) as error:
            raise Unreadable(f"Serial {serial} cannot be restored: {error}") from error
        audit.record(
            "state.restore",
            object_type="workspace",
            object_id=workspace.pk,
            actor=actor,
            now=now,
            detail={
                "serial": version.serial,
                "restored_from": serial,
                "before": newest.serial,
                "reason": said,
            },
        )
    return version


def force_unlock(workspace_id: uuid.UUID | str, *, reason: str, actor: User, now: datetime) -> None:
    """Open the lock that a dead run left. Raises NotVisible, PlatformOnly, ReasonRefused, NotLocked and LockInUse."""
    workspace = selectors.workspace_visible(actor, workspace_id)
    if not selectors.is_platform(actor):
        raise PlatformOnly(
            "Only a platform engineer opens a lock by hand, because whoever holds it may still be at work. "
            "Ask one, and say which run left it."
        )
    said = _reason(reason, "It stays in the audit trail.")
    with transaction.atomic():
        held = StateLock.objects.filter(workspace=workspace).first()
        run = None if held is None else Run.objects.select_for_update(no_key=True).get(pk=held.run_id)
        held = StateLock.objects.select_for_update().filter(workspace=workspace, run=run).first()
        if held is None or run is None:
            raise NotLocked(
                f"Nobody holds the lock on the state of {workspace.name}; there is nothing to open."
            )
        if held.fencing_token == run.fencing_token and run.status == RunStatus.INTERRUPTED.value:
            raise LockInUse(
                f"Run {run.pk} was interrupted, and its Terraform may still be saving what it made. Recovery opens the "
                "lock as soon as it has taken the run; see that the control worker runs."
            )
        if is_living(held, run):
            raise LockInUse(
                f"Run {run.pk} is {run.status.replace('_', ' ')} on {run.worker or 'a worker'} and holds the lock. "
                "Cancel that run instead: its worker stops Terraform, which saves the state and releases the lock."
            )
        held.delete()
        audit.record(
            "state.force_unlock",
            object_type="workspace",
            object_id=workspace.pk,
            actor=actor,
            now=now,
            detail={"run": str(run.pk), "run_status": run.status, "lock": held.info, "reason": said},
        )


def is_living(held: StateLock, run: Run) -> bool:
    """Tell whether a worker may still be at work under the lock."""
    return (
        run.status in {status.value for status in LEASED}
        and held.fencing_token == run.fencing_token
        and run.lease_expires_at is not None
        and run.lease_expires_at >= lease.database_now()
    )


def _own(workspace_id: uuid.UUID | str, actor: User, what: str) -> Workspace:
    workspace = selectors.workspace_visible(actor, workspace_id)
    if not selectors.owns(actor, workspace.service):
        raise NotYourService(
            f"{workspace.name} belongs to {workspace.service.owner_team.name}; only its members may {what}. Ask one."
        )
    return workspace


def _reason(given: str, why: str) -> str:
    said = given.strip()
    if not said or len(said) > REASON_MAX:
        detail = f"Say why, in 1 to {REASON_MAX:,} characters. {why}"
        raise ReasonRefused(
            detail, errors=(FieldError("reason", "required" if not said else "too_long", detail),)
        )
    return said


def _refuse_in_use(workspace: Workspace) -> None:
    active = selectors.active_run_of(workspace)
    if active is not None:
        raise WorkspaceBusy(
            f"Run {active.pk} ({active.kind}, {active.status.replace('_', ' ')}) holds {workspace.name}. "
            "Restore when it has ended, or stop it first."
        )
    held = selectors.state_lock_of(workspace)
    if held is not None:
        raise StateIsLocked(
            f"Run {held.run_id} left the state of {workspace.name} locked, and may have changed more than the newest "
            "version knows. Let a platform engineer look at that run and open the lock first."
        )


def _content(version: StateVersion) -> bytes:
    try:
        return selectors.state_content(version)
    except crypto.CannotOpen as error:
        raise Unreadable(
            f"Serial {version.serial} does not open: {error}. The operators find the cause with "
            "`manage.py doctor`; every other version is untouched."
        ) from error


def _document(version: StateVersion) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(_content(version))
    return document
