"""A world in which something is to be told: receivers, channels, runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from catalog.models import CatalogItemVersion
from provisioner.models import NotificationChannel, NotificationDelivery, Run
from provisioner.services import notification_channels, notification_send, notifications
from tests.api.rows import make_run, make_version
from tests.conftest import NOW, Organisation
from tests.notifications.receivers import HttpReceiver, MailServer, http_receiver, mail_server

MakeChannel = Callable[..., NotificationChannel]


@pytest.fixture
def receiver(settings: Any) -> Iterator[HttpReceiver]:
    """Run an HTTP receiver that the settings allow."""
    settings.DRAWBRIDGE_WEBHOOK_ALLOW = ["127.0.0.0/8"]
    with http_receiver() as told:
        yield told


@pytest.fixture
def smtp(settings: Any) -> Iterator[MailServer]:
    """Run a mail server that mail is handed to."""
    with mail_server() as told:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", told.port
        yield told


@pytest.fixture
def version(db: None) -> CatalogItemVersion:
    return make_version()


@pytest.fixture
def run(org: Organisation, version: CatalogItemVersion) -> Run:
    """Return a run that waits for finops and sre: +351.50 a month, one finding."""
    return make_run(org, version)


@pytest.fixture
def make_channel(org: Organisation, receiver: HttpReceiver) -> MakeChannel:
    """Return a function that makes a channel to the receiver; group platform hears of everything."""

    def make(kind: str = "webhook", **given: Any) -> NotificationChannel:
        if "team" not in given:
            given.setdefault("group", "platform")
        given.setdefault("name", f"{kind} {NotificationChannel.objects.count()}")
        given.setdefault("address", "list@example.com" if kind == "email" else receiver.url(f"/{kind}"))
        ask = notification_channels.Ask(kind=kind, **given)
        return notification_channels.create(ask, actor=org.platform, now=NOW)[0]

    return make


def deliver(at: datetime = NOW + timedelta(seconds=1)) -> None:
    """Do what a worker does, as of an instant."""
    while notifications.deliver(clock=lambda: at, send=notification_send.send):
        continue


def only(**columns: object) -> NotificationDelivery:
    """Return the one delivery that there is."""
    return NotificationDelivery.objects.select_related("notification", "channel").get(**columns)
