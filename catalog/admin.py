"""The catalog in Django's admin: the organisation can be edited, published versions only looked at."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from catalog.models import (
    CatalogItem,
    CatalogItemVersion,
    CostCenter,
    Environment,
    Service,
    TargetAccount,
    Team,
)

# Generic for the type checker only: Django's own class takes no type argument when it runs.
if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


@admin.register(Team)
class TeamAdmin(ModelAdmin):
    """Teams and their members."""

    list_display = ["slug", "name", "email"]
    search_fields = ["slug", "name"]
    filter_horizontal = ["members"]


@admin.register(CostCenter)
class CostCenterAdmin(ModelAdmin):
    """Cost centers."""

    list_display = ["slug", "name"]
    search_fields = ["slug", "name"]


@admin.register(TargetAccount)
class TargetAccountAdmin(ModelAdmin):
    """Target accounts; a lower limit ends nothing that runs, and counts for the next start."""

    list_display = ["slug", "name", "max_running"]
    search_fields = ["slug", "name"]


@admin.register(Environment)
class EnvironmentAdmin(ModelAdmin):
    """Environments in their order."""

    list_display = ["slug", "name", "position", "is_production", "account"]
    list_select_related = ["account"]
    autocomplete_fields = ["account"]


@admin.register(Service)
class ServiceAdmin(ModelAdmin):
    """Services with their owners."""

    list_display = ["slug", "name", "owner_team", "cost_center", "criticality", "archived_at"]
    list_filter = ["criticality", "owner_team", "cost_center"]
    list_select_related = ["owner_team", "cost_center"]
    search_fields = ["slug", "name"]
    autocomplete_fields = ["owner_team", "cost_center"]


class _ReadOnlyAdmin(ModelAdmin):
    """Written by sync_catalog alone."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(CatalogItem)
class CatalogItemAdmin(_ReadOnlyAdmin):
    """Items as their newest version describes them."""

    list_display = ["slug", "name", "category", "owner", "lifecycle", "maturity", "source", "retired_at"]
    list_filter = ["lifecycle", "maturity", "category", "source"]
    search_fields = ["slug", "name"]


@admin.register(CatalogItemVersion)
class CatalogItemVersionAdmin(_ReadOnlyAdmin):
    """Published versions without their archive."""

    list_display = ["item", "version", "lifecycle", "maturity", "short_digest", "published_at"]
    list_select_related = ["item"]
    list_filter = ["lifecycle", "item"]
    fields = [
        *("item", "version", "module_digest", "published_at", "lifecycle", "maturity"),
        *("deprecated_since", "deprecated_until", "successor", "deprecation_reason"),
        *("git_url", "git_ref", "git_subpath", "git_commit"),
        *("manifest_text", "parameter_text", "readme"),
    ]
    readonly_fields = ["manifest_text", "parameter_text"]

    @admin.display(description="digest")
    def short_digest(self, version: CatalogItemVersion) -> str:
        """Return the beginning of the digest, enough to tell two contents apart."""
        return version.module_digest[:12]

    @admin.display(description="manifest")
    def manifest_text(self, version: CatalogItemVersion) -> str:
        """Return the manifest as indented JSON."""
        return json.dumps(version.manifest, indent=2)

    @admin.display(description="parameters")
    def parameter_text(self, version: CatalogItemVersion) -> str:
        """Return the parameter spec as indented JSON."""
        return json.dumps(version.parameter_spec, indent=2)
