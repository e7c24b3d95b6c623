"""Terraform's state, kept by the portal through Terraform's own http backend."""

from django.conf import settings
from django.db import models


class StateVersion(models.Model):
    """One version of a workspace's state; sealed, never changed, never deleted.

    It was written by a run, or by a person who restored an earlier version (`restored_from`, with a reason).
    """

    workspace = models.ForeignKey("provisioner.Workspace", on_delete=models.PROTECT, related_name="states")
    run = models.ForeignKey(
        "provisioner.Run", on_delete=models.PROTECT, null=True, blank=True, related_name="states"
    )
    serial = models.BigIntegerField()
    lineage = models.CharField(max_length=64)
    terraform_version = models.CharField(max_length=32, blank=True)
    sha256 = models.CharField(max_length=64)
    size_bytes = models.PositiveBigIntegerField()
    content = models.BinaryField()
    created_at = models.DateTimeField()
    restored_from = models.BigIntegerField(null=True, blank=True)
    restored_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    restore_reason = models.TextField(blank=True)

    class Meta:
        ordering = ["workspace", "-serial"]
        constraints = [models.UniqueConstraint(fields=["workspace", "serial"], name="state_one_per_serial")]

    def __str__(self) -> str:
        return f"serial {self.serial}"


class StateLock(models.Model):
    """Terraform's lock on a workspace's state; `info` is the LockInfo that Terraform sent."""

    workspace = models.OneToOneField(
        "provisioner.Workspace", on_delete=models.CASCADE, related_name="state_lock"
    )
    run = models.ForeignKey("provisioner.Run", on_delete=models.CASCADE, related_name="+")
    fencing_token = models.PositiveIntegerField()
    lock_id = models.CharField(max_length=128)
    info = models.JSONField()
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.lock_id
