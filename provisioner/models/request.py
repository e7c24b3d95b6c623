"""The immutable ask."""

import uuid

from django.conf import settings
from django.db import models


class Request(models.Model):
    """Who asked for what, in their own words; never changed after it is written.

    `parameters` is what the requester gave; what was filled in is on the run (`Run.variables`).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey("provisioner.Workspace", on_delete=models.PROTECT, related_name="requests")
    item_version = models.ForeignKey("catalog.CatalogItemVersion", on_delete=models.PROTECT, related_name="+")
    service = models.ForeignKey("catalog.Service", on_delete=models.PROTECT, related_name="requests")
    environment = models.ForeignKey("catalog.Environment", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=63)
    parameters = models.JSONField(default=dict)
    justification = models.TextField(blank=True)
    ttl_days = models.PositiveIntegerField(null=True, blank=True)
    requester = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="requests")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-created_at", "id"]
        indexes = [models.Index(fields=["-created_at", "id"], name="request_newest")]

    def __str__(self) -> str:
        return f"{self.name} ({self.id})"
