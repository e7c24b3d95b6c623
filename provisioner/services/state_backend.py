"""Terraform's http backend: the portal keeps every workspace's state, locked, versioned and sealed.

Protocol: https://developer.hashicorp.com/terraform/language/backend/http

A credential is good for one run under one fencing token. Everything that changes something compares both again in the
transaction that changes it, with the run's row locked: whoever takes the run from its worker updates that row, so the
change is committed before that or refused after it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth.models import User
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
# What Terraform's LockInfo holds, in Terraform's order (internal/states/statemgr/locker.go).
_LOCK_INFO = ("ID", "Operation", "Info", "Who", "Version", "Created", "Path")
_SERIAL_MAX = 2**63 - 1  # of the database's column; Terraform counts from 0 or 1
_DEAD = (
    "This credential belongs to no run that works on this workspace now. "
    "Each run gets its own from the portal, and it dies with the run."
)


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
    """Somebody holds the lock; `info` is the holder's LockInfo with the run, empty when nobody does."""

    code = "state_locked"
    status = 423
    title = "The state is locked"

    def __init__(self, detail: str, held: StateLock | None, *, named: bool = False) -> None:
        """`named`: the holder's name follows its ID, all that Terraform prints of a lock that it did not get."""
        super().__init__(detail)
        self.info: dict[str, str] = {}
        if held is not None:
            self.info = {**held.info, "Info": held.info.get("Info") or f"Drawbridge run {held.run_id}"}
            if named:
                who = held.info.get("Who") or "an unnamed process"
                self.info["ID"] = f"{held.lock_id} (held by {who}, run {held.run_id})"


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


class StateTooLarge(Refusal):
    """The body is larger than a state may be."""

    code = "state_too_large"
    status = 413
    title = "The state is too large"


@dataclass(frozen=True)
class Holder:
    """The run whose credential was shown, as it was then."""

    run: Run


def authenticate(workspace_id: uuid.UUID, username: str, password: str) -> Holder:
    """Accept the credential of the run that works on the workspace now. Raises BadCredential."""
    run = None
    with contextlib.suppress(ValueError):
        run = Run.objects.filter(pk=uuid.UUID(username), workspace_id=workspace_id).first()
    if run is None or run.status not in _READS or not is_state_password(password, run.pk, run.fencing_token):
        raise BadCredential(_DEAD)
    return Holder(run)


def read(workspace_id: uuid.UUID) -> bytes | None:
    """Return the newest state, or None when there is none."""
    version = selectors.newest_state(workspace_id)
    return None if version is None else selectors.state_content(version)


def lock(workspace_id: uuid.UUID, holder: Holder, body: bytes, *, now: datetime) -> None:
    """Take the lock; taking it again with the same id is fine (a reply may have been lost).

    A lock that the same run left under an older fencing token is worthless, and is taken over.
    Raises BadCredential, BadState and Locked.
    """
    info = _lock_info(body)
    run, token = holder.run, holder.run.fencing_token
    with transaction.atomic():
        if _hold(run.pk, token, _READS).status == RunStatus.INTERRUPTED.value:
            raise StateWriteRefused("The run was interrupted: nothing is begun for it any more.")
        held = StateLock.objects.select_for_update().filter(workspace_id=workspace_id).first()
        if held is not None and held.run_id == run.pk and held.fencing_token < token:
            log.warning("state.lock_taken_over", run_id=str(run.pk), lock_id=held.lock_id)
            held.delete()
            held = None
        if held is None:
            StateLock.objects.create(
                workspace_id=workspace_id,
                run=run,
                fencing_token=token,
                lock_id=info["ID"],
                info=info,
                created_at=now,
            )
        elif held.lock_id != info["ID"] or held.run_id != run.pk:
            raise Locked(f"Run {held.run_id} holds the lock.", held, named=True)
        Run.objects.filter(pk=run.pk).update(lock_taken_token=token)


def unlock(workspace_id: uuid.UUID, holder: Holder, body: bytes) -> None:
    """Release the lock; an empty body is Terraform's force-unlock, which proves nothing about how Terraform ended.

    Releasing what is not held is fine (a reply may have been lost).
    Raises BadCredential, BadState, and Locked when another lock is held.
    """
    lock_id = _lock_info(body)["ID"] if body.strip() else None
    run, token = holder.run, holder.run.fencing_token
    with transaction.atomic():
        _hold(run.pk, token, _READS)
        held = StateLock.objects.select_for_update().filter(workspace_id=workspace_id).first()
        if held is None:
            return
        if lock_id is None:
            log.warning("state.force_unlocked", run_id=str(run.pk), lock_id=held.lock_id)
        elif lock_id != held.lock_id:
            raise Locked("Another lock is held; it is not yours to release.", held)
        elif (held.run_id, held.fencing_token) == (run.pk, token):
            Run.objects.filter(pk=run.pk).update(lock_released_token=token)
        held.delete()


def write(workspace_id: uuid.UUID, holder: Holder, body: bytes, *, lock_id: str, now: datetime) -> None:
    """Store a new version. Raises BadCredential, StateWriteRefused, Locked, BadState and StateConflict."""
    if holder.run.status not in _WRITES:
        raise StateWriteRefused("A plan never writes state; only the run that applies does.")
    sealed = _seal(workspace_id, body)
    with transaction.atomic():
        _hold(holder.run.pk, holder.run.fencing_token, _WRITES)
        held = StateLock.objects.filter(workspace_id=workspace_id).first()
        own = (lock_id, holder.run.pk, holder.run.fencing_token)
        if held is None or (held.lock_id, held.run_id, held.fencing_token) != own:
            raise Locked("The state may only be written under the lock that is held; this one is not.", held)
        _store(workspace_id, holder.run.pk, sealed, now=now)


def rescue(run: Run, claim: Claim, errored_state: bytes | None, *, now: datetime) -> bool:
    """Store the state that Terraform could not hand over, while the run is still ours; return whether it is kept."""
    if errored_state is None or claim.lost:
        return False
    try:
        with transaction.atomic():
            _hold(run.pk, claim.fencing_token, _READS)
            return keep(run, errored_state, now=now)
    except BadCredential as refusal:
        log.error("state.rescue_refused", run_id=str(run.pk), reason=refusal.detail)
        return False


def keep(run: Run, errored_state: bytes, *, now: datetime) -> bool:
    """Store a state that was left on a worker's disk; False, with the reason logged, when it does not follow.

    The caller holds the run's row.
    """
    try:
        _store(run.workspace_id, run.pk, _seal(run.workspace_id, errored_state), now=now)
    except (BadState, StateTooLarge, StateConflict) as refusal:
        log.error("state.rescue_refused", run_id=str(run.pk), reason=refusal.detail)
        return False
    log.warning("state.rescued", run_id=str(run.pk), size_bytes=len(errored_state))
    return True


def keep_restored(
    old: StateVersion, content: bytes, *, reason: str, actor: User, now: datetime
) -> StateVersion:
    """Store an earlier version's content, its serial raised, as the newest. Raises BadState and StateConflict."""
    return _store(
        old.workspace_id,
        None,
        _seal(old.workspace_id, content),
        now=now,
        restored={"restored_from": old.serial, "restored_by": actor, "restore_reason": reason},
    )


def _hold(run_id: uuid.UUID, fencing_token: int, statuses: frozenset[str]) -> Run:
    """Lock the run's row until the transaction ends. Raises BadCredential when the token is no longer the run's."""
    run = Run.objects.select_for_update(no_key=True).only("fencing_token", "status").get(pk=run_id)
    if run.fencing_token != fencing_token or run.status not in statuses:
        raise BadCredential(_DEAD)
    return run


@dataclass(frozen=True)
class _Sealed:
    """A state that can be stored: sealed before the transaction begins, so that this stays short."""

    serial: int
    lineage: str
    terraform_version: str
    sha256: str
    size_bytes: int
    content: bytes = field(repr=False)


def _seal(workspace_id: uuid.UUID, body: bytes) -> _Sealed:
    document = _document(body)
    serial = document["serial"]
    version = document.get("terraform_version")
    return _Sealed(
        serial=serial,
        lineage=document["lineage"],
        terraform_version=version if isinstance(version, str) and is_line(version, 32) else "",
        sha256=hashlib.sha256(body).hexdigest(),
        size_bytes=len(body),
        content=crypto.seal(body, identity=selectors.state_identity(workspace_id, serial)),
    )


def _store(
    workspace_id: uuid.UUID,
    run_id: uuid.UUID | None,
    sealed: _Sealed,
    *,
    now: datetime,
    restored: Mapping[str, Any] = MappingProxyType({}),
) -> StateVersion:
    newest = selectors.newest_state(workspace_id)
    if newest is not None:
        if (sealed.serial, sealed.lineage, sealed.sha256) == (newest.serial, newest.lineage, newest.sha256):
            return newest  # the same state again: a reply was lost
        if sealed.lineage != newest.lineage:
            raise StateConflict(
                f"The state's lineage is {sealed.lineage}; this workspace's is {newest.lineage}."
            )
        if sealed.serial <= newest.serial:
            raise StateConflict(
                f"The state's serial is {sealed.serial}; the newest version has {newest.serial}."
            )
    try:
        with transaction.atomic():
            return StateVersion.objects.create(
                workspace_id=workspace_id,
                run_id=run_id,
                serial=sealed.serial,
                lineage=sealed.lineage,
                terraform_version=sealed.terraform_version,
                sha256=sealed.sha256,
                size_bytes=sealed.size_bytes,
                content=sealed.content,
                created_at=now,
                **restored,
            )
    except IntegrityError as error:
        raise StateConflict(f"Another state with serial {sealed.serial} was stored a moment ago.") from error


def _document(body: bytes) -> dict[str, Any]:
    """Return the state with serial and lineage checked."""
    if len(body) > settings.DRAWBRIDGE_STATE_MAX_BYTES:
        raise StateTooLarge(f"The state is larger than {settings.DRAWBRIDGE_STATE_MAX_BYTES:,} bytes.")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadState(f"The body is not a Terraform state: {_cause(error)}.") from error
    serial = document.get("serial") if isinstance(document, dict) else None
    if (
        not isinstance(document, dict)
        or document.get("version") != 4
        or isinstance(serial, bool)
        or not isinstance(serial, int)
        or not 0 <= serial < _SERIAL_MAX
    ):
        raise BadState("The body is not a Terraform state of version 4 with serial and lineage.")
    if not is_line(document.get("lineage"), 64):
        raise BadState("The state's lineage is not a text of 1 to 64 characters.")
    return document


def _lock_info(body: bytes) -> dict[str, str]:
    """Return Terraform's LockInfo: what it writes of it, as texts that any database takes."""
    try:
        info = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadState(f"The body is not a Terraform LockInfo document: {_cause(error)}.") from error
    if not isinstance(info, dict) or not is_line(info.get("ID"), 128):
        raise BadState("The LockInfo has no ID.")
    return {name: _readable(info.get(name)) for name in _LOCK_INFO} | {"ID": info["ID"]}


def is_line(value: object, limit: int) -> bool:
    """Tell whether a value is one line of text with 1 to `limit` printable characters."""
    return isinstance(value, str) and 0 < len(value) <= limit and value.isprintable()


def _readable(value: object) -> str:
    if not isinstance(value, str):
        return ""
    return "".join(character if character.isprintable() else " " for character in value)[:512]


def _cause(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else "it is not JSON"
