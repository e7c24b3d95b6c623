"""What people are told and what became of it: the outbox, channels, preferences."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from provisioner.domain.delivery import Status
from provisioner.domain.notification import Mode

KINDS = ["email", "slack", "teams", "webhook"]
STATUSES = [(status.value, status.value.replace("_", " ")) for status in Status]
OPEN = [Status.HELD.value, Status.PENDING.value, Status.FAILED.value]
CHANNEL_MODES = [Mode.AT_ONCE.value, Mode.HOURLY.value, Mode.DAILY.value]


class NotificationChannel(models.Model):
    """Where the messages of a group or of a team go, beside the mail of persons.

    `address` (its URL, or a mail address) and the secrets are sealed: whoever knows a Slack address may post there.
    `previous_secret` signs too until `previous_until`, so that a receiver has time to take the new one.
    """

    key = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=80, unique=True)
    kind = models.CharField(max_length=16)
    group = models.CharField(max_length=150, blank=True)
    team = models.ForeignKey(
        "catalog.Team", on_delete=models.CASCADE, null=True, blank=True, related_name="notification_channels"
    )
    # Keys of events; empty: all of them.
    events = models.JSONField(default=list)
    # Also what is asked of other groups.
    hears_all = models.BooleanField(default=False)
    mode = models.CharField(max_length=16, default=Mode.AT_ONCE.value)
    digest_hour = models.PositiveSmallIntegerField(default=7)
    address = models.BinaryField()
    # What of the address is no secret.
    address_hint = models.CharField(max_length=255)
    secret = models.BinaryField(null=True, blank=True)
    secret_at = models.DateTimeField(null=True, blank=True)
    previous_secret = models.BinaryField(null=True, blank=True)
    previous_until = models.DateTimeField(null=True, blank=True)
    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=KINDS), name="channel_kind_known"),
            models.CheckConstraint(condition=Q(mode__in=CHANNEL_MODES), name="channel_mode_known"),
            models.CheckConstraint(condition=Q(digest_hour__lte=23), name="channel_digest_hour"),
            models.CheckConstraint(
                condition=(Q(group="") & Q(team__isnull=False)) | (~Q(group="") & Q(team__isnull=True)),
                name="channel_of_a_group_or_a_team",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class NotificationPreference(models.Model):
    """How a person wants each event by mail (`modes`: key of the event -> mode), and the hour (UTC) of the digest."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notification_preference"
    )
    modes = models.JSONField(default=dict)
    digest_hour = models.PositiveSmallIntegerField(default=7)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(digest_hour__lte=23), name="preference_digest_hour")
        ]

    def __str__(self) -> str:
        return f"preferences of {self.user_id}"


class Notification(models.Model):
    """One event, written in the transaction that makes it true. `document` is domain.notification_document's."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    event = models.CharField(max_length=40)
    object_type = models.CharField(max_length=32)
    object_id = models.CharField(max_length=64)
    # The same event on the same object and occasion; `dedupe_key` holds it with its time, and is there once.
    sameness = models.CharField(max_length=64)
    dedupe_key = models.CharField(max_length=100, unique=True)
    subject = models.CharField(max_length=255)
    document = models.JSONField(default=dict)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-created_at", "id"]
        indexes = [
            models.Index(fields=["created_at"], name="notification_oldest"),
            models.Index(fields=["sameness", "created_at"], name="notification_same"),
        ]

    def __str__(self) -> str:
        return f"{self.event}: {self.subject}"


class NotificationDelivery(models.Model):
    """One notification on its way to one target: a channel, a person's mail, or a team's mail address.

    The id is the same in every attempt, so that a receiver can drop a double. Lease times are the database's clock.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    notification = models.ForeignKey(Notification, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.ForeignKey(
        NotificationChannel, on_delete=models.CASCADE, null=True, blank=True, related_name="deliveries"
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="deliveries"
    )
    team = models.ForeignKey(
        "catalog.Team", on_delete=models.CASCADE, null=True, blank=True, related_name="deliveries"
    )
    kind = models.CharField(max_length=16)
    status = models.CharField(max_length=16, choices=STATUSES)
    created_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField()
    give_up_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    last_attempt_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True)
    status_code = models.PositiveSmallIntegerField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    claim = models.UUIDField(null=True, blank=True)
    # The digest that it went out in.
    digest = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="digested"
    )

    class Meta:
        ordering = ["-created_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=[status.value for status in Status]), name="delivery_status_known"
            ),
            models.CheckConstraint(condition=Q(kind__in=KINDS), name="delivery_kind_known"),
            models.CheckConstraint(
                condition=(
                    Q(channel__isnull=False, person__isnull=True, team__isnull=True)
                    | Q(channel__isnull=True, person__isnull=False, team__isnull=True)
                    | Q(channel__isnull=True, person__isnull=True, team__isnull=False)
                ),
                name="delivery_one_target",
            ),
            *(
                models.UniqueConstraint(
                    fields=["notification", target],
                    condition=Q(**{f"{target}__isnull": False}),
                    name=f"delivery_once_a_{target}",
                )
                for target in ("channel", "person", "team")
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at", "id"], name="delivery_newest"),
            # The few that are still to be sent, whatever the number of those that were.
            models.Index(
                fields=["status", "next_attempt_at"], condition=Q(status__in=OPEN), name="delivery_due"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"
