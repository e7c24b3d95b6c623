"""Documents of notification channels, deliveries and preferences."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from provisioner.api.serializers.base import StrictSerializer, TextField, WholeNumberField
from provisioner.domain.notification import EVENTS, Mode
from provisioner.models import NotificationChannel, NotificationDelivery
from provisioner.models.notification import CHANNEL_MODES, KINDS, STATUSES
from provisioner.outbound.call import URL_MAX_LENGTH
from provisioner.services.notification_channels import NAME_MAX

_CHANNEL = {
    "id": 3,
    "name": "FinOps on Slack",
    "kind": "slack",
    "address_hint": "https://hooks.slack.com/…",
    "group": "finops",
    "team": None,
    "events": ["run.needs_approval", "run.approval_escalated"],
    "hears_all": False,
    "mode": "at_once",
    "digest_hour": 7,
    "secret_at": None,
    "previous_secret_until": None,
    "disabled_at": None,
    "disabled_reason": "",
    "created_at": "2026-11-24T12:00:00Z",
    "created_by": "platform",
}


@extend_schema_serializer(examples=[OpenApiExample("A group's Slack", value=_CHANNEL, response_only=True)])
class ChannelSerializer(serializers.Serializer[Any]):
    """A channel. Its address and its secret are sealed and never given out."""

    id = serializers.IntegerField(read_only=True)
    name = serializers.CharField(read_only=True)
    kind = serializers.ChoiceField(choices=list(KINDS), read_only=True)
    address_hint = serializers.CharField(
        read_only=True, help_text="The part of the address that is no secret."
    )
    group = serializers.SerializerMethodField(help_text="The group whose channel it is, or null.")
    team = serializers.SerializerMethodField(help_text="Slug of the team whose channel it is, or null.")
    events = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="Empty: every event, later ones too."
    )
    hears_all = serializers.BooleanField(read_only=True, help_text="Also what is asked of other groups.")
    mode = serializers.ChoiceField(choices=CHANNEL_MODES, read_only=True)
    digest_hour = serializers.IntegerField(read_only=True, help_text="Hour (UTC) of the daily digest.")
    secret_at = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="When the secret was made; null where there is none."
    )
    previous_secret_until = serializers.DateTimeField(
        source="previous_until",
        read_only=True,
        allow_null=True,
        help_text="Until when the one before signs too.",
    )
    disabled_at = serializers.DateTimeField(read_only=True, allow_null=True)
    disabled_reason = serializers.CharField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    created_by = serializers.CharField(source="created_by.username", read_only=True)

    def get_group(self, channel: NotificationChannel) -> str | None:
        return channel.group or None

    def get_team(self, channel: NotificationChannel) -> str | None:
        return None if channel.team is None else channel.team.slug


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A signed webhook",
            value={
                **_CHANNEL,
                "name": "Ticket system",
                "kind": "webhook",
                "address_hint": "https://tickets.example.com/…",
                "secret_at": "2026-11-24T12:00:00Z",
                "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=",
            },
            response_only=True,
        )
    ]
)
class ChannelWithSecretSerializer(ChannelSerializer):
    """A channel with its secret, this once."""

    secret = serializers.CharField(
        read_only=True,
        allow_null=True,
        help_text="Shown once: null where there is none, and when a repeated call gets the same answer.",
    )


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A group's Slack",
            value={
                "name": "FinOps on Slack",
                "kind": "slack",
                "address": "https://hooks.slack.com/services/T000/B000/XXXX",
                "group": "finops",
                "events": ["run.needs_approval"],
            },
            request_only=True,
        ),
        OpenApiExample(
            "A team's webhook, once a day",
            value={
                "name": "Payments tickets",
                "kind": "webhook",
                "address": "https://tickets.example.com/hook",
                "team": "payments",
                "mode": "daily",
                "digest_hour": 6,
            },
            request_only=True,
        ),
    ]
)
class NewChannelSerializer(StrictSerializer):
    """What a channel is to be; group or team, one of the two."""

    name = TextField(max_length=NAME_MAX)
    kind = serializers.ChoiceField(choices=list(KINDS))
    address = TextField(
        max_length=URL_MAX_LENGTH,
        required=False,
        allow_blank=True,
        default="",
        help_text="URL or mail address; kept sealed. May be left out when a channel is changed: it keeps its own.",
    )
    group = TextField(max_length=150, required=False, allow_blank=True, default="")
    team = TextField(max_length=63, required=False, allow_blank=True, default="")
    events = serializers.ListField(
        child=serializers.ChoiceField(choices=list(EVENTS)),
        required=False,
        default=list,
        max_length=len(EVENTS),
    )
    hears_all = serializers.BooleanField(required=False, default=False)
    mode = serializers.ChoiceField(choices=CHANNEL_MODES, required=False, default=Mode.AT_ONCE.value)
    digest_hour = WholeNumberField(required=False, default=7, min_value=0, max_value=23)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Tried again later",
            value={
                "id": "4f1f7d3e-6f0e-4f0e-8a55-2a4d1f1f0a10",
                "notification_id": "b2b5ab7c-3c93-4a6f-9d7f-5d6e0a6f9c11",
                "event": "run.needs_approval",
                "subject": "finops must decide: provision of orders-db",
                "object_type": "run",
                "object_id": "0d7d2a9e-53c8-4a04-9a43-43a1f7f1c4b2",
                "kind": "slack",
                "channel_id": 3,
                "person": None,
                "team": None,
                "status": "failed",
                "attempts": 2,
                "last_error": "It answered 503.",
                "status_code": 503,
                "created_at": "2026-11-24T12:00:00Z",
                "last_attempt_at": "2026-11-24T12:00:41Z",
                "next_attempt_at": "2026-11-24T12:01:32Z",
                "give_up_at": "2026-11-25T12:00:00Z",
                "sent_at": None,
                "digest_id": None,
            },
            response_only=True,
        )
    ]
)
class DeliverySerializer(serializers.Serializer[Any]):
    """One notification on its way to one target. The id is that of every attempt (`webhook-id`)."""

    id = serializers.UUIDField(read_only=True)
    notification_id = serializers.UUIDField(read_only=True)
    event = serializers.CharField(source="notification.event", read_only=True)
    subject = serializers.CharField(source="notification.subject", read_only=True)
    object_type = serializers.CharField(source="notification.object_type", read_only=True)
    object_id = serializers.CharField(source="notification.object_id", read_only=True)
    kind = serializers.ChoiceField(choices=list(KINDS), read_only=True)
    channel_id = serializers.IntegerField(read_only=True, allow_null=True)
    person = serializers.SerializerMethodField(help_text="Whose mail it is, or null.")
    team = serializers.SerializerMethodField(help_text="Slug of the team whose mail it is, or null.")
    status = serializers.ChoiceField(
        choices=[value for value, _ in STATUSES],
        read_only=True,
        help_text="held waits for its digest; failed is tried again; gave_up is not.",
    )
    attempts = serializers.IntegerField(read_only=True)
    last_error = serializers.CharField(read_only=True)
    status_code = serializers.IntegerField(read_only=True, allow_null=True)
    created_at = serializers.DateTimeField(read_only=True)
    last_attempt_at = serializers.DateTimeField(read_only=True, allow_null=True)
    next_attempt_at = serializers.DateTimeField(read_only=True)
    give_up_at = serializers.DateTimeField(read_only=True)
    sent_at = serializers.DateTimeField(read_only=True, allow_null=True)
    digest_id = serializers.UUIDField(
        read_only=True, allow_null=True, help_text="The delivery of the digest that it went out in."
    )

    def get_person(self, delivery: NotificationDelivery) -> str | None:
        return None if delivery.person is None else delivery.person.get_username()

    def get_team(self, delivery: NotificationDelivery) -> str | None:
        return None if delivery.team is None else delivery.team.slug


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Approvals once a day, at six", value={"modes": {"run.needs_approval": "daily"}, "digest_hour": 6}
        )
    ]
)
class PreferenceSerializer(StrictSerializer):
    """How the caller gets each event by mail; events that are not named stay as they are."""

    modes = serializers.DictField(
        child=serializers.ChoiceField(choices=[mode.value for mode in Mode]), required=False, default=dict
    )
    digest_hour = WholeNumberField(required=False, allow_null=True, default=None, min_value=0, max_value=23)
