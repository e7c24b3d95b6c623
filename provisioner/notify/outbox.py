"""The outbox: what people are to be told, in the database, written with the event itself."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from celery import current_app
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from kombu.exceptions import OperationalError

from catalog.models import Team
from provisioner.domain.delivery import GIVE_UP_AFTER, Status, digest_at
from provisioner.domain.groups import SEES_ALL
from provisioner.domain.notification import EVENTS, Message, Mode, mode_for
from provisioner.domain.notification_document import to_document
from provisioner.models import (
    Notification,
    NotificationChannel,
    NotificationDelivery,
    NotificationPreference,
)

log = structlog.get_logger(__name__)

DELIVER = "provisioner.notify_deliver"
QUEUE = "notify"
RINGS_MAX = 4  # more than a worker does at once says nothing new
DIGEST_HOUR = 7
# The same event on the same object and occasion within this time is one message.
SAME_WITHIN = timedelta(minutes=10)


@dataclass(frozen=True)
class Recipients:
    """Whom an event concerns. Each is told once, however many ways lead to them.

    `members_of`: groups whose members get it by mail, beside the channels of `groups`. `not_people` get no mail.
    """

    people: tuple[User, ...] = ()
    teams: tuple[Team, ...] = ()
    groups: tuple[str, ...] = ()
    members_of: tuple[str, ...] = ()
    not_people: tuple[User, ...] = ()


def tell(recipients: Recipients, message: Message, *, now: datetime) -> Notification | None:
    """Write the message and one delivery for each target, and ring for the workers after the commit.

    Returns None when nobody is to be told, or when the same was told a moment ago.
    """
    with transaction.atomic():
        sameness = _sameness(message)
        if Notification.objects.filter(
            sameness=sameness, created_at__gt=now - SAME_WITHIN, created_at__lte=now + SAME_WITHIN
        ).exists():
            return None
        targets = [*_channels(recipients, message), *_mail(recipients, message)]
        if not targets:
            log.info("notify.nobody_to_tell", event_kind=message.event, object=message.about.id)
            return None
        return write(
            message,
            [target.delivery(now) for target in targets],
            sameness=sameness,
            dedupe_key=f"{sameness[:48]}:{int(now.timestamp() // SAME_WITHIN.total_seconds())}",
            now=now,
        )


def write(
    message: Message,
    deliveries: Iterable[NotificationDelivery],
    *,
    sameness: str,
    dedupe_key: str,
    now: datetime,
) -> Notification | None:
    """Write one notification with its deliveries; None when its key is there already, also from another process."""
    document = to_document(message)
    notification = Notification(
        id=uuid.uuid4(),
        event=message.event,
        object_type=message.about.type,
        object_id=message.about.id,
        sameness=sameness,
        dedupe_key=dedupe_key,
        subject=document["subject"],
        document=document,
        created_at=now,
    )
    with transaction.atomic():
        Notification.objects.bulk_create([notification], ignore_conflicts=True)
        if not Notification.objects.filter(pk=notification.pk).exists():
            return None
        rows = list(deliveries)
        for row in rows:
            row.notification = notification
        NotificationDelivery.objects.bulk_create(rows)
        if any(row.status == Status.PENDING for row in rows):
            ring(min(len(rows), RINGS_MAX))
    return notification


def ring(times: int = 1) -> None:
    """Ask the workers to look at the outbox once the current transaction is committed."""
    transaction.on_commit(lambda: send_ring(times))


def send_ring(times: int = 1) -> None:
    """Ask now. A broker that is down is logged, never raised: the sweep looks by itself."""
    try:
        for _ in range(times):
            current_app.send_task(DELIVER, queue=QUEUE)
    except (OperationalError, OSError) as error:
        log.warning("queue.unreachable", task=DELIVER, error=str(error))


@dataclass(frozen=True)
class Target:
    """One place to send to, and when."""

    kind: str
    mode: Mode
    hour: int
    channel: NotificationChannel | None = None
    person: User | None = None
    team: Team | None = None

    def delivery(self, now: datetime) -> NotificationDelivery:
        """Return the row of a delivery that is not written yet."""
        held = self.mode in (Mode.HOURLY, Mode.DAILY)
        at = digest_at(self.mode, now=now, hour=self.hour) if held else now
        return NotificationDelivery(
            id=uuid.uuid4(),
            channel=self.channel,
            person=self.person,
            team=self.team,
            kind=self.kind,
            status=(Status.HELD if held else Status.PENDING).value,
            created_at=now,
            next_attempt_at=at,
            give_up_at=at + GIVE_UP_AFTER,
        )


def _sameness(message: Message) -> str:
    parts = (message.event, message.about.type, message.about.id, message.occasion)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _channels(recipients: Recipients, message: Message) -> list[Target]:
    """Return the channels that hear of it: of its teams, of its groups, and of groups that see every team."""
    event = EVENTS[message.event]
    mine = Q(group__in=recipients.groups) | Q(hears_all=True)
    if not event.directed:
        mine |= Q(group__in=SEES_ALL)
    found = NotificationChannel.objects.filter(disabled_at__isnull=True).filter(
        (Q(team__isnull=True) & mine) | Q(team__in=recipients.teams)
    )
    targets = []
    for channel in found.defer("secret", "previous_secret").order_by("pk"):
        if channel.events and message.event not in channel.events:
            continue
        mode = Mode.AT_ONCE if message.urgent else Mode(channel.mode)
        targets.append(Target(channel.kind, mode, channel.digest_hour, channel=channel))
    return targets


def _mail(recipients: Recipients, message: Message) -> list[Target]:
    """Return teams and persons with a mail address, each address once, persons as they prefer."""
    event = EVENTS[message.event]
    taken: set[str] = set()
    targets = []
    for team in recipients.teams:
        if team.email and team.email.lower() not in taken:
            taken.add(team.email.lower())
            targets.append(Target("email", Mode.AT_ONCE, 0, team=team))
    people = [*recipients.people]
    if recipients.members_of:
        people += User.objects.filter(groups__name__in=recipients.members_of, is_active=True).order_by("pk")
    left_out = {person.pk for person in recipients.not_people}
    people = [one for one in people if one.is_active and one.email and one.pk not in left_out]
    preferences = {
        one.user_id: one for one in NotificationPreference.objects.filter(user__in={p.pk for p in people})
    }
    for person in people:
        if person.email.lower() in taken:
            continue
        taken.add(person.email.lower())
        chosen = preferences.get(person.pk)
        mode = mode_for(event, None if chosen is None else chosen.modes.get(event.key), urgent=message.urgent)
        if mode is not Mode.NEVER:
            hour = DIGEST_HOUR if chosen is None else chosen.digest_hour
            targets.append(Target("email", mode, hour, person=person))
    return targets
