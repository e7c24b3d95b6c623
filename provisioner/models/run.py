"""One execution on a workspace, its plan, its log and its history."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from provisioner.domain.run import ACTIVE, RunKind, RunStatus

STATUS_CHOICES = [(status.value, status.value.replace("_", " ")) for status in RunStatus]
KIND_CHOICES = [(kind.value, kind.value.replace("_", " ")) for kind in RunKind]


class Run(models.Model):
    """One execution on a workspace.

    `status` is written by services/transition.py alone. `fencing_token` rises with every claim: whoever holds
    an older one can write neither state nor log nor status. Lease times are the database's clock.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey("provisioner.Workspace", on_delete=models.PROTECT, related_name="runs")
    request = models.ForeignKey("provisioner.Request", on_delete=models.PROTECT, related_name="runs")
    retry_of = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="retries"
    )
    kind = models.CharField(max_length=16, choices=KIND_CHOICES)
    status = models.CharField(max_length=24, choices=STATUS_CHOICES)
    status_at = models.DateTimeField()
    requester = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="runs")
    item_version = models.ForeignKey("catalog.CatalogItemVersion", on_delete=models.PROTECT, related_name="+")
    # What Terraform gets (`variables`), and what people gave (`parameters`, with `size`).
    variables = models.JSONField(default=dict)
    parameters = models.JSONField(default=dict)
    tags = models.JSONField(default=dict)
    findings = models.JSONField(default=list)
    # The policy that judged it last: the order when it was taken, then its plan.
    policy_digest = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    error_summary = models.CharField(max_length=500, blank=True)
    error_detail = models.TextField(blank=True)

    # Of two that wait, the lower is taken up first (domain/queueing.py).
    priority = models.SmallIntegerField(default=0)
    fencing_token = models.PositiveIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=255, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    # How many workers were lost over it, and what is known of the apply that was cut short (services/recover.py).
    lost_workers = models.PositiveSmallIntegerField(default=0)
    interrupted_at = models.DateTimeField(null=True, blank=True)
    recovery = models.JSONField(default=dict)
    # The fencing tokens under which Terraform last took and released the state lock of this run: equal to each other,
    # Terraform ended by itself; below `fencing_token` at the interruption, it never began.
    lock_taken_token = models.PositiveIntegerField(null=True, blank=True)
    lock_released_token = models.PositiveIntegerField(null=True, blank=True)
    # Changes that the apply has made so far, as Terraform says them; services/runlog.py writes it and the next two.
    changes_done = models.PositiveIntegerField(default=0)
    # The newest line of the log, so that whoever has read the run knows whether there are new ones; the bytes of all.
    log_last_sequence = models.PositiveIntegerField(default=0)
    log_bytes = models.PositiveBigIntegerField(default=0)
    # The file in the storage `archive` that holds the log; empty: it is in chunks.
    log_archive = models.CharField(max_length=200, blank=True)
    stop_requested_at = models.DateTimeField(null=True, blank=True)
    stop_requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["-created_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace"],
                condition=Q(status__in=sorted(status.value for status in ACTIVE)),
                name="run_one_active_per_workspace",
            ),
            models.CheckConstraint(
                condition=Q(status__in=[status.value for status in RunStatus]), name="run_status_known"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=[kind.value for kind in RunKind]), name="run_kind_known"
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at", "id"], name="run_newest"),
            models.Index(fields=["status", "status_at"], name="run_by_status"),
            # The few that are not over, whatever the number of those that are.
            models.Index(
                fields=["status", "priority", "status_at"],
                condition=Q(status__in=sorted(status.value for status in ACTIVE)),
                name="run_active",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class RunTransition(models.Model):
    """One change of a run's status; appended in the same transaction, never changed."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="transitions")
    sequence = models.PositiveIntegerField()
    from_status = models.CharField(max_length=24, blank=True)
    to_status = models.CharField(max_length=24, choices=STATUS_CHOICES)
    at = models.DateTimeField()
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["run", "sequence"]
        constraints = [models.UniqueConstraint(fields=["run", "sequence"], name="transition_sequence")]

    def __str__(self) -> str:
        return f"{self.from_status} -> {self.to_status}"


class RunPlan(models.Model):
    """The saved plan of a run: applied byte for byte, and only while everything it binds to is the same.

    `plan_file`, `document` and `sensitive_values` are sealed (crypto.py). `document` is the redacted plan JSON,
    gzipped; `sensitive_values` is a JSON list of the texts that must not reach the log while applying.
    """

    run = models.OneToOneField(Run, on_delete=models.CASCADE, related_name="plan")
    digest = models.CharField(max_length=64)
    module_digest = models.CharField(max_length=64)
    variables_digest = models.CharField(max_length=64)
    state_serial = models.BigIntegerField(null=True, blank=True)
    state_lineage = models.CharField(max_length=64, blank=True)
    engine_name = models.CharField(max_length=32)
    engine_version = models.CharField(max_length=32)
    lock_file = models.TextField(blank=True)
    plan_file = models.BinaryField()
    document = models.BinaryField()
    sensitive_values = models.BinaryField()
    # The document that was being applied when the apply was cut short, while `document` is what is left.
    approved_document = models.BinaryField(null=True, blank=True)
    counts = models.JSONField(default=dict)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.digest


class RunLogChunk(models.Model):
    """Redacted lines of Terraform's output that were written together, or a stretch that was left out, saying so.

    `content` is gzipped JSON lines, one `{"at", "phase", "level", "address", "text"}` for each sequence number from
    `first_sequence` to `last_sequence`.
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="log_chunks")
    first_sequence = models.PositiveIntegerField()
    last_sequence = models.PositiveIntegerField()
    content = models.BinaryField()
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["run", "last_sequence"]
        constraints = [
            models.UniqueConstraint(fields=["run", "last_sequence"], name="log_chunk_sequence"),
            models.CheckConstraint(
                condition=Q(first_sequence__lte=models.F("last_sequence")), name="log_chunk_not_empty"
            ),
        ]
        indexes = [models.Index(fields=["created_at"], name="log_chunk_oldest")]

    def __str__(self) -> str:
        return f"{self.first_sequence}-{self.last_sequence}"
