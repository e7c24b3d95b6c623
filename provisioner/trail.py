"""Append to the audit trail: the one place that writes it. Services reach it as services/audit.py."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser

from provisioner.models import AuditEvent


def record(
    action: str,
    *,
    object_type: str,
    object_id: object,
    actor: AbstractBaseUser | None,
    now: datetime,
    detail: Mapping[str, object] | None = None,
) -> None:
    """Write one audit event. `detail` holds JSON values without secrets."""
    AuditEvent.objects.create(
        at=now,
        actor_id=None if actor is None else actor.pk,
        action=action,
        object_type=object_type,
        object_id=str(object_id),
        detail=dict(detail or {}),
    )
