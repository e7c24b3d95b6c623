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
    # A human's stop: while it stands, no run of the workspace is taken up.
    held_at = models.DateTimeField(null=True, blank=True)
    held_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    hold_reason = models.TextField(blank=True)
    # The group on whose behalf it is held and whose members may release it; empty: the owner team.
    held_for = models.CharField(max_length=150, blank=True)
    # Days before `expires_at` of the last warning that was given; None after a renewal.
    warned_days = models.PositiveSmallIntegerField(null=True, blank=True)
    # What stands in the way of the destruction of an expired workspace, and when its people were last told.
    expiry_obstacle = models.TextField(blank=True)
    expiry_told_at = models.DateTimeField(null=True, blank=True)
    # `drift`: what the newest drift check found, one document per resource; empty when in sync.
    drift_checked_at = models.DateTimeField(null=True, blank=True)
    drifted_at = models.DateTimeField(null=True, blank=True)
    drift = models.JSONField(default=list)

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
        indexes = [
            models.Index(fields=["-created_at", "id"], name="workspace_newest"),
            models.Index(
                fields=["expires_at"],
                condition=Q(closed_at__isnull=True, expires_at__isnull=False),
                name="workspace_expiring",
            ),
            models.Index(
                fields=["drift_checked_at"], condition=Q(closed_at__isnull=True), name="workspace_drift_due"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.id})"


class WorkspaceTransfer(models.Model):
    """A workspace on its way from one owner service to another; open until `decided_at`."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="transfers")
    from_service = models.ForeignKey("catalog.Service", on_delete=models.PROTECT, related_name="+")
    to_service = models.ForeignKey("catalog.Service", on_delete=models.PROTECT, related_name="+")
    reason = models.TextField(blank=True)
    offered_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    offered_at = models.DateTimeField()
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    verdict = models.CharField(max_length=16, blank=True)

    class Meta:
        ordering = ["-offered_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace"], condition=Q(decided_at__isnull=True), name="transfer_one_open"
            ),
            models.CheckConstraint(
                condition=Q(verdict__in=["", "accepted", "declined", "withdrawn"]),
                name="transfer_verdict_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.from_service_id} -> {self.to_service_id}"


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
