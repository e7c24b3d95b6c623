"""Reads of notifications for pages and the API; visibility is part of each."""

from __future__ import annotations

import uuid

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from catalog.models import Team
from provisioner import selectors
from provisioner.models import NotificationChannel, NotificationDelivery, NotificationPreference
from provisioner.selectors import NotVisible, Person


def channels_visible_to(user: Person) -> QuerySet[NotificationChannel]:
    """Return the channels that the user may see, without what is sealed: all to platform, else their own teams'."""
    channels = NotificationChannel.objects.select_related("team", "created_by").defer(
        "address", "secret", "previous_secret"
    )
    if not selectors.is_platform(user):
        channels = channels.filter(team__in=teams_of(user))
    return channels.order_by("name")


def channel_visible(user: Person, channel_id: int) -> NotificationChannel:
    """Return one channel. Raises NotVisible."""
    found = channels_visible_to(user).filter(pk=channel_id).first() if channel_id < 2**63 else None
    if found is None:
        raise NotVisible(
            f"There is no notification channel {channel_id} that you can see. Platform engineers see all of them, "
            "others those of their own teams."
        )
    return found


def deliveries_visible_to(user: Person) -> QuerySet[NotificationDelivery]:
    """Return the deliveries that the user may see, newest first: all to platform, else their own and their teams'."""
    deliveries = NotificationDelivery.objects.select_related(
        "notification", "channel", "channel__team", "person", "team"
    ).defer("channel__address", "channel__secret", "channel__previous_secret")
    if not selectors.is_platform(user):
        teams = teams_of(user)
        deliveries = deliveries.filter(Q(person_id=user.pk) | Q(team__in=teams) | Q(channel__team__in=teams))
    return deliveries.order_by("-created_at", "id")


def delivery_visible(user: Person, delivery_id: uuid.UUID) -> NotificationDelivery:
    """Return one delivery. Raises NotVisible."""
    found = deliveries_visible_to(user).filter(pk=delivery_id).first()
    if found is None:
        raise NotVisible(
            f"There is no delivery {delivery_id} that you can see. Platform engineers see all of them, others their "
            "own and those of their teams."
        )
    return found


def preference_of(user: User) -> NotificationPreference:
    """Return the user's preferences, those of everybody who never chose where there are none; it may be unsaved."""
    found = NotificationPreference.objects.filter(user=user).first()
    return found or NotificationPreference(user=user)


def teams_of(user: Person) -> QuerySet[Team]:
    """Return the user's own teams."""
    return Team.objects.filter(members=user.pk) if user.is_authenticated else Team.objects.none()
