"""The organisation in Django's admin where the provisioner has something to say to it."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from catalog.admin import ServiceAdmin as PlainServiceAdmin
from catalog.models import Service
from provisioner.domain.errors import Refusal
from provisioner.services import archive
from provisioner.services.archive import Archived

NAMES_SHOWN = 10

admin.site.unregister(Service)


@admin.register(Service)
class ServiceAdmin(PlainServiceAdmin):
    """Services: archived and restored by actions, which say what becomes orphaned."""

    readonly_fields = ["archived_at"]
    actions = ["archive", "restore"]

    @admin.action(description="Archive: nothing more can be ordered for them", permissions=["change"])
    def archive(self, request: HttpRequest, queryset: QuerySet[Service]) -> None:
        """Archive the selected services."""
        for slug in queryset.values_list("slug", flat=True):
            left = self._act(request, slug, archive.archive)
            if left is None:
                continue
            if not left.orphaned:
                self.message_user(request, f"{slug} is archived.", messages.SUCCESS)
                continue
            names = ", ".join(f"{one.name} ({one.environment.slug})" for one in left.orphaned[:NAMES_SHOWN])
            more = (
                "" if len(left.orphaned) <= NAMES_SHOWN else f" and {len(left.orphaned) - NAMES_SHOWN} more"
            )
            self.message_user(
                request,
                f"{slug} is archived, and leaves {len(left.orphaned)} orphaned: {names}{more}. "
                "Transfer each to another service, or destroy it.",
                messages.WARNING,
            )

    @admin.action(description="Restore: orders are taken again", permissions=["change"])
    def restore(self, request: HttpRequest, queryset: QuerySet[Service]) -> None:
        """Restore the selected services."""
        for slug in queryset.values_list("slug", flat=True):
            if self._act(request, slug, archive.restore) is not None:
                self.message_user(request, f"{slug} is in use again.", messages.SUCCESS)

    def _act(self, request: HttpRequest, slug: str, act: Callable[..., Archived]) -> Archived | None:
        assert isinstance(request.user, User)
        try:
            return act(slug, actor=request.user, now=timezone.now())
        except Refusal as refusal:
            self.message_user(request, f"{slug}: {refusal.detail}", messages.ERROR)
            return None
