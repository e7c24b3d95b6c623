"""Terraform's http backend: the portal keeps every workspace's state, locked, versioned and sealed.

Protocol: https://developer.hashicorp.com/terraform/language/backend/http
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction

from provisioner import crypto, selectors
from provisioner.domain.errors import Refusal
from provisioner.domain.run import RunStatus
from provisioner.models import Run, StateLock, StateVersion
from provisioner.services.lease import Claim
from provisioner.services.runspec import is_state_password

log = structlog.get_logger(__name__)

# An interrupted apply may still save its state, until recovery takes the run.
_READS = frozenset({RunStatus.PLANNING.value, RunStatus.APPLYING.value, RunStatus.INTERRUPTED.value})
_WRITES = frozenset({RunStatus.APPLYING.value, RunStatus.INTERRUPTED.value})


class BadCredential(Refusal):
    """The credential is not the one of the run that holds the workspace."""

    code = "state_credential"
    status = 401
    title = "The state credential is not valid"


class StateWriteRefused(Refusal):
    """The run may not write state now."""

    code = "state_read_only"
    status = 403
    title = "State may only be written while applying"


class Locked(Refusal):
    """Somebody holds the lock; `info` is the holder's LockInfo."""

    code = "state_locked"
    status = 423
    title = "The state is locked"

    def __init__(self, detail: str, info: Mapping[str, Any]) -> None:
        super().__init__(detail)
        self.info = info


class StateConflict(Refusal):
    """The state does not follow on the newest version."""

    code = "state_conflict"
    status = 409
    title = "The state does not follow on the newest version"


class BadState(Refusal):
    """The body is not a state, or not the one that was sent."""

    code = "bad_state"
    status = 400
    title = "The body is not a Terraform state"


@dataclass(frozen=True)
class Holder:
    """The run whose credential was shown."""

    run: Run


def authenticate(workspace_id: uuid.UUID, username: str, password: str) -> Holder:
    """Accept the credential of the run that works on the workspace now. Raises BadCredential."""
    run = None
    with contextlib.suppress(ValueError):
        run = Run.objects.filter(pk=uuid.UUID(username), workspace_id=workspace_id).first()
    if run is None or run.status not in _READS or not is_state_password(password, run.pk, run.fencing_token):
        raise BadCredential(
            "This credential belongs to no run that works on this workspace now. "
            "Each run gets its own from the portal, and it dies with the run."
        )
    return Holder(run)


def read(workspace_id: uuid.UUID) -> bytes | None:
    """Return the newest state, or None when there is none."""
    version = selectors.newest_state(workspace_id)
    return None if version is None else selectors.state_content(version)


def lock(workspace_id: uuid.UUID, holder: Holder, body: bytes, *, now: datetime) -> None:
    """Take the lock; taking it again with the same id is fine (a reply may have been lost). Raises Locked."""
    info = _lock_info(body)
    if holder.run.status == RunStatus.INTERRUPTED.value:
        raise StateWriteRefused("The run was interrupted: nothing is begun for it any more.")
    try:
        with transaction.atomic():
            Run.objects.filter(pk=holder.run.pk).update(lock_taken_token=holder.run.fencing_token)
            StateLock.objects.create(
                workspace_id=workspace_id,
                run=holder.run,
                fencing_token=holder.run.fencing_token,
                lock_id=info["ID"],
                info=info,
                created_at=now,
            )
    except IntegrityError:
        held = StateLock.objects.filter(workspace_id=workspace_id).first()
        if held is None:  # released in between: Terraform tries again
            raise Locked("The lock changed hands. Try again.", info) from None
        if held.lock_id != info["ID"]:
            raise Locked(f"Run {held.run_id} holds the lock.", held.info) from None


def unlock(workspace_id: uuid.UUID, body: bytes) -> None:
    """Release the lock; an empty body is Terraform's force-unlock. Raises Locked when another lock is held."""
    held = StateLock.objects.filter(workspace_id=workspace_id).first()
    if held is None:
        return
    if body.strip() and _lock_info(body)["ID"] != held.lock_id:
        raise Locked("Another lock is held; it is not yours to release.", held.info)
    with transaction.atomic():
        StateLock.objects.filter(pk=held.pk, lock_id=held.lock_id).delete()
        if body.strip():
            Run.objects.filter(pk=held.run_id, fencing_token=held.fencing_token).update(
                lock_released_token=held.fencing_token
            )


def write(
    workspace_id: uuid.UUID, holder: Holder, body: bytes, *, lock_id: str, content_md5: str, now: datetime
) -> None:
    """Store a new version. Raises StateWriteRefused, Locked, BadState and StateConflict."""
    if holder.run.status not in _WRITES:
        raise StateWriteRefused("A plan never writes state; only the run that applies does.")
    if (
        content_md5
        and base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode() != content_md5
    ):
        raise BadState("The body does not match its Content-MD5: it was cut short or changed on the way.")
    held = StateLock.objects.filter(workspace_id=workspace_id).first()
    if held is None or held.lock_id != lock_id:
        raise Locked(
            "The state may only be written under the lock that is held; this one is not.",
            held.info if held else {},
        )
    _store(workspace_id, holder.run, body, now=now)


def rescue(run: Run, claim: Claim, errored_state: bytes | None, *, now: datetime) -> bool:
    """Store the state that Terraform could not hand over, while the run is still ours; return whether it is kept."""
    return errored_state is not None and not claim.lost and keep(run, errored_state, now=now)


def keep(run: Run, errored_state: bytes, *, now: datetime) -> bool:
    """Store a state that was left on a worker's disk; False, with the reason logged, when it does not follow."""
    try:
        _store(run.workspace_id, run, errored_state, now=now)
    except (BadState, StateConflict) as refusal:
        log.error("state.rescue_refused", run_id=str(run.pk), reason=refusal.detail)
        return False
    log.warning("state.rescued", run_id=str(run.pk), size_bytes=len(errored_state))
    return True


def _store(workspace_id: uuid.UUID, run: Run, body: bytes, *, now: datetime) -> None:
    serial, lineage = _head(body)
    sha256 = hashlib.sha256(body).hexdigest()
    newest = selectors.newest_state(workspace_id)
    if newest is not None:
        if (serial, lineage, sha256) == (newest.serial, newest.lineage, newest.sha256):
            return  # the same state again: a reply was lost
        if lineage != newest.lineage:
            raise StateConflict(f"The state's lineage is {lineage}; this workspace's is {newest.lineage}.")
        if serial <= newest.serial:
            raise StateConflict(f"The state's serial is {serial}; the newest version has {newest.serial}.")
    try:
        StateVersion.objects.create(
            workspace_id=workspace_id,
            run=run,
            serial=serial,
            lineage=lineage,
            sha256=sha256,
            size_bytes=len(body),
            content=crypto.seal(body, identity=selectors.state_identity(workspace_id, serial)),
            created_at=now,
        )
    except IntegrityError as error:
        raise StateConflict(f"Another state with serial {serial} was stored a moment ago.") from error


def _head(body: bytes) -> tuple[int, str]:
    if len(body) > settings.DRAWBRIDGE_STATE_MAX_BYTES:
        raise BadState(f"The state is larger than {settings.DRAWBRIDGE_STATE_MAX_BYTES:,} bytes.")
    try:
        document = json.loads(body)
        serial, lineage = document["serial"], document["lineage"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadState("The body is not a Terraform state of version 4 with serial and lineage.") from error
    if document.get("version") != 4 or isinstance(serial, bool) or not isinstance(serial, int) or serial < 0:
        raise BadState("The body is not a Terraform state of version 4 with serial and lineage.")
    if not isinstance(lineage, str) or not 0 < len(lineage) <= 64:
        raise BadState("The state's lineage is not a text of 1 to 64 characters.")
    return serial, lineage


def _lock_info(body: bytes) -> dict[str, Any]:
    try:
        info = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadState("The body is not a Terraform LockInfo document.") from error
    if not isinstance(info, dict) or not isinstance(info.get("ID"), str) or not 0 < len(info["ID"]) <= 128:
        raise BadState("The LockInfo has no ID.")
    return info
