"""The policies that were ever in force or proposed, which one is, and what was wrong with an edit."""

from django.conf import settings
from django.db import models
from django.db.models import Q

SOURCES = ("file", "git", "edited")
PROPOSAL_STATES = ("open", "approved", "rejected", "withdrawn")


class PolicyVersion(models.Model):
    """One text of the policy, known by its digest and never changed: what a stored decision was judged by.

    `origin` says where it was read: path, url, ref, commit and author, as far as they are known.
    """

    digest = models.CharField(max_length=64, unique=True)
    text = models.TextField()
    source = models.CharField(max_length=16)
    origin = models.JSONField(default=dict)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(source__in=SOURCES), name="policy_version_source_known")
        ]

    def __str__(self) -> str:
        return self.digest[:12]


class PolicyStanding(models.Model):
    """The one row that says which version is in force, and what the source last brought.

    `version` moves by a conditional update alone (policy_store.activate). `comes_from` is the source that people chose
    last: a process that is set to another one does not change what is in force by itself. `seen_digest` is the content
    that was last read from a Git repository; `refused` holds the newest edit that could not be taken up: `at`, `origin`
    and `problems` (place, line, what, fix), empty when there is none.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    version = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, related_name="+")
    activated_at = models.DateTimeField()
    activated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    comes_from = models.CharField(max_length=16)
    seen_digest = models.CharField(max_length=64, blank=True)
    looked_at = models.DateTimeField(null=True, blank=True)
    refused = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="policy_standing_one_row"),
            models.CheckConstraint(condition=Q(comes_from__in=SOURCES), name="policy_standing_source_known"),
        ]

    def __str__(self) -> str:
        return f"in force: {self.version_id}"


class PolicyActivation(models.Model):
    """One change of what is in force; appended in the same transaction, never changed."""

    version = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, related_name="activations")
    previous = models.ForeignKey(
        PolicyVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    at = models.DateTimeField()
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reason = models.CharField(max_length=500, blank=True)
    proposal = models.ForeignKey(
        "provisioner.PolicyProposal", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.version_id} at {self.at}"


class PolicyProposal(models.Model):
    """A change of the policy that waits for another platform engineer, or what became of it.

    `base` is the version that it was written against; `digest` the SHA-256 of `text`, which an approval names.
    """

    text = models.TextField()
    digest = models.CharField(max_length=64)
    base = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField()
    state = models.CharField(max_length=16, default="open")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    edited_at = models.DateTimeField()
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    comment = models.TextField(blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=PROPOSAL_STATES), name="policy_proposal_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state="open", decided_at__isnull=True) | Q(decided_at__isnull=False),
                name="policy_proposal_decided_when_closed",
            ),
        ]

    def __str__(self) -> str:
        return f"proposal {self.pk} ({self.state})"
