"""Notifications: channels of groups and teams, the log of deliveries, the caller's own mail."""

import uuid
from typing import Any, ClassVar

import django_filters
from django.db.models import QuerySet
from django.urls import path
from drf_spectacular.utils import OpenApiResponse, extend_schema

from provisioner import notification_reads as reads
from provisioner.api.serializers import notifications as documents
from provisioner.api.serializers.runs import NothingSerializer
from provisioner.api.view import ApiView, ListView, Request, Response
from provisioner.domain.notification import EVENTS, mode_for
from provisioner.models import NotificationChannel, NotificationDelivery, NotificationPreference
from provisioner.models.notification import KINDS, STATUSES
from provisioner.services import notification_channels as service
from provisioner.services import notification_preferences, notifications

READ, WRITE = "notifications:read", "notifications:write"


class ChannelFilter(django_filters.FilterSet):
    """Filters of the channel list."""

    kind = django_filters.ChoiceFilter(choices=[(kind, kind) for kind in KINDS])
    group = django_filters.CharFilter(label="Name of the group.")
    team = django_filters.CharFilter(field_name="team__slug", label="Slug of the team.")
    disabled = django_filters.BooleanFilter(
        field_name="disabled_at",
        lookup_expr="isnull",
        exclude=True,
        label="Only disabled ones (true), or not.",
    )


class Channels(ListView):
    """Channels that the caller sees: all to platform engineers, those of their own teams to others."""

    required_scopes: ClassVar[dict[str, str]] = {"GET": READ, "POST": WRITE}
    serializer_class = documents.ChannelSerializer
    filterset_class = ChannelFilter
    queryset = NotificationChannel.objects.none()
    ordering = ("name",)

    def get_queryset(self) -> QuerySet[NotificationChannel]:
        return reads.channels_visible_to(self.request.user)

    def get_serializer_class(self) -> Any:
        return (
            documents.NewChannelSerializer if self.request.method == "POST" else documents.ChannelSerializer
        )

    @extend_schema(operation_id="notification_channels_list")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="notification_channels_create",
        request=documents.NewChannelSerializer,
        responses={201: documents.ChannelWithSecretSerializer},
    )
    def post(self, request: Request) -> Response:
        channel, secret = service.create(
            service.Ask(**self.body(request)), actor=self.caller(), now=self.now()
        )
        return _with_secret(channel, secret, status=201)


class Channel(ApiView):
    """One channel; PUT changes it, all but its kind."""

    required_scopes: ClassVar[dict[str, str]] = {"GET": READ, "PUT": WRITE, "DELETE": WRITE}
    serializer_class = documents.NewChannelSerializer

    @extend_schema(
        operation_id="notification_channels_retrieve", responses={200: documents.ChannelSerializer}
    )
    def get(self, request: Request, channel_id: int) -> Response:
        return Response(documents.ChannelSerializer(reads.channel_visible(request.user, channel_id)).data)

    @extend_schema(operation_id="notification_channels_update", responses={200: documents.ChannelSerializer})
    def put(self, request: Request, channel_id: int) -> Response:
        reads.channel_visible(request.user, channel_id)
        channel = service.update(
            channel_id, service.Ask(**self.body(request)), actor=self.caller(), now=self.now()
        )
        return Response(documents.ChannelSerializer(channel).data)

    @extend_schema(
        operation_id="notification_channels_delete",
        request=None,
        responses={204: OpenApiResponse(description="Deleted, with the log of its deliveries.")},
    )
    def delete(self, request: Request, channel_id: int) -> Response:
        service.remove(channel_id, actor=self.caller(), now=self.now())
        return Response(status=204)


class _Act(ApiView):
    """Something that is done to a channel."""

    required_scopes: ClassVar[dict[str, str]] = {"POST": WRITE}
    serializer_class = NothingSerializer


class ChannelRotate(_Act):
    """Give a webhook another secret; the one before signs too for 24 hours."""

    @extend_schema(
        operation_id="notification_channels_rotate_secret",
        responses={200: documents.ChannelWithSecretSerializer},
    )
    def post(self, request: Request, channel_id: int) -> Response:
        self.body(request)
        channel, secret = service.rotate_secret(channel_id, actor=self.caller(), now=self.now())
        return _with_secret(channel, secret, status=200)


class ChannelTest(_Act):
    """Send a message that says that it is a test; follow its delivery."""

    @extend_schema(operation_id="notification_channels_test", responses={202: documents.DeliverySerializer})
    def post(self, request: Request, channel_id: int) -> Response:
        self.body(request)
        delivery = service.send_test(channel_id, actor=self.caller(), now=self.now())
        return Response(documents.DeliverySerializer(delivery).data, status=202)


class ChannelDisable(_Act):
    """Send nothing more there; what waits is given up."""

    @extend_schema(operation_id="notification_channels_disable", responses={200: documents.ChannelSerializer})
    def post(self, request: Request, channel_id: int) -> Response:
        self.body(request)
        channel = service.disable(channel_id, actor=self.caller(), now=self.now())
        return Response(documents.ChannelSerializer(channel).data)


class ChannelEnable(_Act):
    """Send there again."""

    @extend_schema(operation_id="notification_channels_enable", responses={200: documents.ChannelSerializer})
    def post(self, request: Request, channel_id: int) -> Response:
        self.body(request)
        channel = service.enable(channel_id, actor=self.caller(), now=self.now())
        return Response(documents.ChannelSerializer(channel).data)


class DeliveryFilter(django_filters.FilterSet):
    """Filters of the delivery log."""

    status = django_filters.ChoiceFilter(choices=STATUSES)
    event = django_filters.CharFilter(field_name="notification__event", label="Key of the event.")
    channel = django_filters.NumberFilter(
        field_name="channel_id", min_value=1, max_value=2**63 - 1, label="Id of the channel."
    )
    object_id = django_filters.CharFilter(
        field_name="notification__object_id", label="Id of the run, workspace or transfer."
    )


class Deliveries(ListView):
    """Deliveries that the caller sees, newest first: all to platform engineers, else their own and their teams'."""

    required_scopes: ClassVar[dict[str, str]] = {"GET": READ}
    serializer_class = documents.DeliverySerializer
    filterset_class = DeliveryFilter
    queryset = NotificationDelivery.objects.none()

    def get_queryset(self) -> QuerySet[NotificationDelivery]:
        return reads.deliveries_visible_to(self.request.user)


class Delivery(ApiView):
    """One delivery."""

    required_scopes: ClassVar[dict[str, str]] = {"GET": READ}
    serializer_class = documents.DeliverySerializer

    @extend_schema(operation_id="notification_deliveries_retrieve")
    def get(self, request: Request, delivery_id: uuid.UUID) -> Response:
        return Response(self.get_serializer(reads.delivery_visible(request.user, delivery_id)).data)


class DeliveryRedeliver(_Act):
    """Send it again, under the same id."""

    @extend_schema(
        operation_id="notification_deliveries_redeliver", responses={202: documents.DeliverySerializer}
    )
    def post(self, request: Request, delivery_id: uuid.UUID) -> Response:
        found = reads.delivery_visible(request.user, delivery_id)
        self.body(request)
        notifications.redeliver(found, actor=self.caller(), now=self.now())
        return Response(
            documents.DeliverySerializer(reads.delivery_visible(request.user, delivery_id)).data, status=202
        )


class Preferences(ApiView):
    """How the caller gets each event by mail."""

    required_scopes: ClassVar[dict[str, str]] = {"GET": READ, "PATCH": WRITE}
    serializer_class = documents.PreferenceSerializer

    @extend_schema(operation_id="notification_preferences_retrieve")
    def get(self, request: Request) -> Response:
        return _preferences(reads.preference_of(self.caller()))

    @extend_schema(operation_id="notification_preferences_update")
    def patch(self, request: Request) -> Response:
        wanted = self.body(request)
        return _preferences(
            notification_preferences.choose(
                self.caller(), modes=wanted["modes"], digest_hour=wanted["digest_hour"], now=self.now()
            )
        )


def _preferences(preference: NotificationPreference) -> Response:
    modes = {
        key: mode_for(event, preference.modes.get(key), urgent=False).value for key, event in EVENTS.items()
    }
    return Response({"modes": modes, "digest_hour": preference.digest_hour})


def _with_secret(channel: NotificationChannel, secret: str | None, *, status: int) -> Response:
    response = Response({**documents.ChannelSerializer(channel).data, "secret": secret}, status=status)
    response.shown_once = ("secret",)  # type: ignore[attr-defined]  # never kept for a repeated call
    return response


urlpatterns: list[Any] = [
    path("notification-channels/", Channels.as_view(), name="notification-channels"),
    path("notification-channels/<int:channel_id>/", Channel.as_view(), name="notification-channel"),
    path(
        "notification-channels/<int:channel_id>/rotate-secret/",
        ChannelRotate.as_view(),
        name="notification-channel-rotate",
    ),
    path(
        "notification-channels/<int:channel_id>/test/",
        ChannelTest.as_view(),
        name="notification-channel-test",
    ),
    path(
        "notification-channels/<int:channel_id>/disable/",
        ChannelDisable.as_view(),
        name="notification-channel-disable",
    ),
    path(
        "notification-channels/<int:channel_id>/enable/",
        ChannelEnable.as_view(),
        name="notification-channel-enable",
    ),
    path("notification-deliveries/", Deliveries.as_view(), name="notification-deliveries"),
    path("notification-deliveries/<uuid:delivery_id>/", Delivery.as_view(), name="notification-delivery"),
    path(
        "notification-deliveries/<uuid:delivery_id>/redeliver/",
        DeliveryRedeliver.as_view(),
        name="notification-delivery-redeliver",
    ),
    path("notification-preferences/", Preferences.as_view(), name="notification-preferences"),
]
