"""Who must decide on a plan, what they decided, and what stays of it: overrides in force, reviews that are due."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

DECIDED, BROKEN, WITHDRAWN = "decided", "break_glass", "withdrawn"
ACKNOWLEDGED, OBJECTED = "acknowledged", "objected"


class ApprovalStep(models.Model):
    """A decision that is needed on one plan, with the rule that asked for it: `quorum` people of its groups.

    Steps of an older plan digest stay as history and count for nothing. `settled_how`: by decisions, by break-glass, or
    withdrawn because the same plan was judged again and it is no longer asked for.
    """

    run = models.ForeignKey("provisioner.Run", on_delete=models.CASCADE, related_name="approval_steps")
    plan_digest = models.CharField(max_length=64)
    position = models.PositiveSmallIntegerField()
    group = models.CharField(max_length=64)
    # Further groups whose members may decide it, as ",sre,security,"; empty when there are none.
    others = models.CharField(max_length=1000, blank=True, default="")
    quorum = models.PositiveSmallIntegerField(default=1)
    rule = models.CharField(max_length=255)
    reason = models.TextField()
    verdict_needed = models.CharField(max_length=16)
    policy_digest = models.CharField(max_length=64, blank=True)  # the policy whose rule asked
    created_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_how = models.CharField(max_length=16, blank=True, default="")
    reminded_at = models.DateTimeField(null=True, blank=True)
    escalated_at = models.DateTimeField(null=True, blank=True)
    escalated_to = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        ordering = ["run", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "plan_digest", "group", "others", "rule", "verdict_needed"],
                name="step_once_per_plan",
            ),
            models.CheckConstraint(
                condition=Q(verdict_needed__in=["approve", "override"]), name="step_verdict_needed_known"
            ),
            models.CheckConstraint(condition=Q(quorum__gte=1), name="step_quorum_positive"),
            models.CheckConstraint(
                condition=Q(settled_at__isnull=True, settled_how="")
                | Q(settled_at__isnull=False, settled_how__in=[DECIDED, BROKEN, WITHDRAWN]),
                name="step_settled_says_how",
            ),
        ]
        indexes = [
            models.Index(fields=["created_at", "id"], condition=Q(settled_at=None), name="step_open_oldest")
        ]

    def __str__(self) -> str:
        return f"{self.group}: {self.rule}"

    @property
    def asked_groups(self) -> tuple[str, ...]:
        """The groups that the rule asks."""
        return (self.group, *(name for name in self.others.split(",") if name))

    @property
    def groups(self) -> tuple[str, ...]:
        """Every group whose members may decide, the one it was escalated to included."""
        return tuple(dict.fromkeys((*self.asked_groups, *filter(None, [self.escalated_to]))))

    @property
    def who(self) -> str:
        """Name the groups as people read them."""
        return " or ".join(self.groups)


class ApprovalDecision(models.Model):
    """One person's decision on one step, bound to the plan digest that they saw.

    `on_behalf_of`: whose part they took by delegation. `keep_days`: how long they let an override stay in force.
    """

    step = models.ForeignKey(ApprovalStep, on_delete=models.PROTECT, related_name="decisions")
    run = models.ForeignKey("provisioner.Run", on_delete=models.PROTECT, related_name="decisions")
    approver = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="decisions")
    on_behalf_of = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    verdict = models.CharField(max_length=16)
    comment = models.TextField(blank=True)
    keep_days = models.PositiveSmallIntegerField(null=True, blank=True)
    plan_digest = models.CharField(max_length=64)
    decided_at = models.DateTimeField()

    class Meta:
        ordering = ["decided_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["step", "approver"], name="decision_one_per_approver"),
            models.UniqueConstraint(fields=["step", "on_behalf_of"], name="decision_one_per_delegator"),
            models.CheckConstraint(
                condition=Q(verdict__in=["approve", "reject", "override", "request_changes"]),
                name="decision_verdict_known",
            ),
            models.CheckConstraint(
                condition=Q(on_behalf_of__isnull=True) | ~Q(on_behalf_of=F("approver")),
                name="decision_for_somebody_else",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.verdict} by {self.approver_id}"


class ApprovalComment(models.Model):
    """What somebody said about a plan without deciding on it."""

    run = models.ForeignKey("provisioner.Run", on_delete=models.CASCADE, related_name="comments")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    text = models.TextField()
    plan_digest = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return f"{self.author_id} on {self.run_id}"


class Delegation(models.Model):
    """A person's decisions for one group, handed to another from one instant to another."""

    delegator = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="delegations_given"
    )
    delegate = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="delegations_held"
    )
    group = models.CharField(max_length=64)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.TextField()
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="delegation_ends_later"),
            models.CheckConstraint(condition=~Q(delegator=F("delegate")), name="delegation_to_another"),
        ]

    def __str__(self) -> str:
        return f"{self.group} of {self.delegator_id} to {self.delegate_id}"


class Override(models.Model):
    """A soft-mandatory finding on a workspace that was set aside until a day (domain/overrides.py)."""

    workspace = models.ForeignKey("provisioner.Workspace", on_delete=models.CASCADE, related_name="overrides")
    step = models.ForeignKey(ApprovalStep, on_delete=models.PROTECT, related_name="overrides")
    rule = models.CharField(max_length=100)
    where = models.CharField(max_length=512)
    what = models.TextField()
    value = models.JSONField(null=True)
    suggested = models.JSONField(null=True)
    group = models.CharField(max_length=64)
    reason = models.TextField()
    created_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["ends_at", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("created_at")), name="override_ends_later")
        ]
        indexes = [models.Index(fields=["workspace", "ends_at"], name="override_in_force")]

    def __str__(self) -> str:
        return f"{self.rule} at {self.where}"


class OverrideUse(models.Model):
    """A plan that was not asked about because of an override; revoked, the plan is judged again."""

    override = models.ForeignKey(Override, on_delete=models.PROTECT, related_name="uses")
    run = models.ForeignKey("provisioner.Run", on_delete=models.CASCADE, related_name="override_uses")
    plan_digest = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["run", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "plan_digest", "override"], name="override_use_once_per_plan"
            )
        ]

    def __str__(self) -> str:
        return f"{self.override_id} in {self.run_id}"


class GlassBreak(models.Model):
    """One person's part in having a plan applied before it was approved."""

    run = models.ForeignKey("provisioner.Run", on_delete=models.PROTECT, related_name="glass_breaks")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    plan_digest = models.CharField(max_length=64)
    reason = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["run", "plan_digest", "person"], name="glass_once_per_person")
        ]

    def __str__(self) -> str:
        return f"{self.person_id} on {self.run_id}"


class DueReview(models.Model):
    """A step that was skipped by break-glass and is looked at afterwards."""

    step = models.OneToOneField(ApprovalStep, on_delete=models.PROTECT, related_name="review")
    run = models.ForeignKey("provisioner.Run", on_delete=models.PROTECT, related_name="due_reviews")
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True, blank=True)
    verdict = models.CharField(max_length=16, blank=True, default="")
    comment = models.TextField(blank=True, default="")
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    on_behalf_of = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["due_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(verdict="", decided_at__isnull=True, reviewer__isnull=True)
                | Q(
                    verdict__in=[ACKNOWLEDGED, OBJECTED],
                    decided_at__isnull=False,
                    reviewer__isnull=False,
                ),
                name="review_decided_by_somebody",
            )
        ]

    def __str__(self) -> str:
        return f"{self.step_id} until {self.due_at}"
