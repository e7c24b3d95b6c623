"""Terraform's state, kept by the portal through Terraform's own http backend."""

from django.db import models


class StateVersion(models.Model):
    """One version of a workspace's state; sealed, never changed, never deleted while the workspace lives."""

    workspace = models.ForeignKey("provisioner.Workspace", on_delete=models.PROTECT, related_name="states")
    run = models.ForeignKey(
        "provisioner.Run", on_delete=models.PROTECT, null=True, blank=True, related_name="states"
    )
    serial = models.BigIntegerField()
    lineage = models.CharField(max_length=64)
    sha256 = models.CharField(max_length=64)
    size_bytes = models.PositiveBigIntegerField()
    content = models.BinaryField()
    created_at = models.DateTimeField()

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
