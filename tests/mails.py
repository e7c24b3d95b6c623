"""The mails that are on their way: what the outbox holds, delivered as the worker would."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.core import mail
from django.core.mail import EmailMessage

from provisioner.models import Notification
from provisioner.services import notification_send, notifications

# The tests' days are not today: whatever they write is due by then.
LATER = datetime.now(UTC) + timedelta(days=3650)


def forget() -> None:
    """Drop what waits to be sent and what was sent."""
    Notification.objects.all().delete()
    mail.outbox = []


def sent() -> list[EmailMessage]:
    """Send what waits and return everything sent since `forget`, oldest first: each message once."""
    for one in Notification.objects.all():
        one.deliveries.update(next_attempt_at=LATER, give_up_at=LATER + timedelta(days=1))
    while notifications.deliver(clock=lambda: LATER, send=notification_send.send):
        pass
    found: dict[str, EmailMessage] = {}
    for one in mail.outbox:
        first = found.setdefault(one.extra_headers["Message-ID"], one)
        if first is not one:
            first.to = [*dict.fromkeys([*first.to, *one.to])]
    return list(found.values())


def subjects() -> list[str]:
    """Return the subjects of what was sent, without the prefix that all share."""
    return [one.subject.removeprefix("[Drawbridge] ") for one in sent()]
