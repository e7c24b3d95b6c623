"""The long-lived thing that was ordered."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q


class Workspace(models.Model):
    """One Terraform state, one owner service, a name, an inventory and a cost.

    `variables` and `item_version` are those of the last applied run; `closed_at` is set when nothing is left
    of it (destroyed, or never made), which frees the name.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    item = models.ForeignKey("catalog.CatalogItem", on_delete=models.PROTECT, related_name="workspaces")
    item_version = models.ForeignKey("catalog.CatalogItemVersion", on_delete=models.PROTECT, related_name="+")
    service = models.ForeignKey("catalog.Service", on_delete=models.PROTECT, related_name="workspaces")
    environment = models.ForeignKey(
        "catalog.Environment", on_delete=models.PROTECT, related_name="workspaces"
    )
    name = models.CharField(max_length=63)
    # The provisioning request: a tag on every resource, so it never changes over the workspace's life.
    origin_request_id = models.UUIDField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    applied_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    variables = models.JSONField(default=dict)
    parameters = models.JSONField(default=dict)
    tags = models.JSONField(default=dict)
    # Sensitive outputs are stored as {"sensitive": true} without a value; the value stays in the state.
    outputs = models.JSONField(default=dict)
    estimate_usd_month = models.DecimalField(max_digits=14, decimal_places=2, null=True, blank=True)
    unpriced_count = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-created_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["item", "environment", "name"],
                condition=Q(closed_at__isnull=True),
                name="workspace_one_open_per_name",
            ),
            models.CheckConstraint(
                condition=Q(estimate_usd_month__isnull=True) | Q(estimate_usd_month__gte=0),
                name="workspace_estimate_not_negative",
            ),
        ]
        indexes = [models.Index(fields=["-created_at", "id"], name="workspace_newest")]

    def __str__(self) -> str:
        return f"{self.name} ({self.id})"


class WorkspaceResource(models.Model):
    """A resource in the workspace's newest state, as recorded after the last apply."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="resources")
    address = models.CharField(max_length=512)
    type = models.CharField(max_length=128)
    provider_id = models.CharField(max_length=2048, blank=True)
    arn = models.CharField(max_length=2048, blank=True)
    tags = models.JSONField(default=dict)

    class Meta:
        ordering = ["address"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "address"], name="resource_one_per_address")
        ]

    def __str__(self) -> str:
        return self.address
