"""Who must decide on a plan, and what they decided."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class ApprovalStep(models.Model):
    """A group that must decide on one plan, with the rule that asked for it.

    Steps of an older plan digest stay as history and count for nothing.
    """

    run = models.ForeignKey("provisioner.Run", on_delete=models.CASCADE, related_name="approval_steps")
    plan_digest = models.CharField(max_length=64)
    position = models.PositiveSmallIntegerField()
    group = models.CharField(max_length=64)
    rule = models.CharField(max_length=100)
    reason = models.TextField()
    verdict_needed = models.CharField(max_length=16)
    policy_digest = models.CharField(max_length=64, blank=True)  # the policy whose rule asked
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["run", "position"]
        constraints = [
            models.UniqueConstraint(fields=["run", "plan_digest", "group"], name="step_one_per_group"),
            models.CheckConstraint(
                condition=Q(verdict_needed__in=["approve", "override"]), name="step_verdict_needed_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.group}: {self.rule}"


class ApprovalDecision(models.Model):
    """One decision on one step, bound to the plan digest the approver saw."""

    step = models.OneToOneField(ApprovalStep, on_delete=models.PROTECT, related_name="decision")
    run = models.ForeignKey("provisioner.Run", on_delete=models.PROTECT, related_name="decisions")
    approver = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="decisions")
    verdict = models.CharField(max_length=16)
    comment = models.TextField(blank=True)
    plan_digest = models.CharField(max_length=64)
    decided_at = models.DateTimeField()

    class Meta:
        ordering = ["decided_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "plan_digest", "approver"], name="decision_one_per_approver"
            ),
            models.CheckConstraint(
                condition=Q(verdict__in=["approve", "reject", "override"]), name="decision_verdict_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.verdict} by {self.approver_id}"
