"""Archive a service: nothing more is ordered for it, and what it still has is orphaned until somebody takes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from catalog.models import Service
from provisioner import selectors
from provisioner.domain.errors import Refusal
from provisioner.models import Workspace
from provisioner.services import audit


class PlatformOnly(Refusal):
    """Platform engineers alone write the organisation."""

    code = "platform_only"
    status = 403
    title = "Platform engineers only"


@dataclass(frozen=True)
class Archived:
    """A service, and the workspaces that it leaves without an owner."""

    service: Service
    orphaned: tuple[Workspace, ...]


def archive(slug: str, *, actor: User, now: datetime) -> Archived:
    """Archive a service, whatever it still has; archived again, only say what that is.

    Raises NotVisible and PlatformOnly.
    """
    service = _service(slug, actor)
    with transaction.atomic():
        archived = Service.objects.filter(pk=service.pk, archived_at__isnull=True).update(archived_at=now)
        left = tuple(
            Workspace.objects.select_related("item", "environment")
            .filter(service=service, closed_at__isnull=True)
            .order_by("name", "pk")
        )
        if archived:
            _record("service.archive", service, actor, now, orphaned=[str(one.pk) for one in left])
    service.refresh_from_db(fields=["archived_at"])
    return Archived(service, left)


def restore(slug: str, *, actor: User, now: datetime) -> Archived:
    """Take a service into use again. Raises NotVisible and PlatformOnly."""
    service = _service(slug, actor)
    with transaction.atomic():
        if Service.objects.filter(pk=service.pk, archived_at__isnull=False).update(archived_at=None):
            _record("service.restore", service, actor, now)
    service.refresh_from_db(fields=["archived_at"])
    return Archived(service, ())


def _service(slug: str, actor: User) -> Service:
    if not selectors.is_platform(actor):
        raise PlatformOnly("Only a platform engineer archives services. Ask one of them.")
    service = Service.objects.select_related("owner_team", "cost_center").filter(slug=slug).first()
    if service is None:
        raise selectors.NotVisible(f"There is no service {slug}. Check its slug.")
    return service


def _record(action: str, service: Service, actor: User, now: datetime, **detail: object) -> None:
    audit.record(action, object_type="service", object_id=service.slug, actor=actor, now=now, detail=detail)
