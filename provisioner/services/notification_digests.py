"""Digests: what waited for one goes out as one message, by its kind; nothing goes out when nothing waited."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import transaction

from provisioner import notify
from provisioner.domain.delivery import GIVE_UP_AFTER, Status
from provisioner.domain.notification import DIGEST, EVENTS
from provisioner.models import NotificationDelivery
from provisioner.notify import outbox

SECTION_MAX = 25
GATHER_MAX = 1000  # rows of one digest; the rest makes the next one


@dataclass(frozen=True)
class Target:
    """Whose digest it is."""

    channel_id: int | None
    person_id: int | None
    kind: str


def send_due(*, now: datetime) -> int:
    """Make every digest whose time has come; returns how many. Two at once make each of them once."""
    targets = (
        NotificationDelivery.objects.filter(status=Status.HELD.value, next_attempt_at__lte=now)
        .order_by()
        .values_list("channel_id", "person_id", "kind")
        .distinct()
    )
    return sum(_make(Target(*target), now) for target in targets)


def _make(target: Target, now: datetime) -> bool:
    with transaction.atomic():
        held = list(
            NotificationDelivery.objects.select_related("notification")
            .select_for_update(of=("self",))
            .filter(
                status=Status.HELD.value,
                next_attempt_at__lte=now,
                channel_id=target.channel_id,
                person_id=target.person_id,
            )
            .order_by("created_at", "id")[:GATHER_MAX]
        )
        if not held:
            return False
        row = NotificationDelivery(
            id=uuid.uuid4(),
            channel_id=target.channel_id,
            person_id=target.person_id,
            kind=target.kind,
            status=Status.PENDING.value,
            created_at=now,
            next_attempt_at=now,
            give_up_at=now + GIVE_UP_AFTER,
        )
        # Named by its first row, which no second digest can hold.
        key = f"{DIGEST}:{held[0].pk}"
        if outbox.write(_message(held, now), [row], sameness=key, dedupe_key=key, now=now) is None:
            return False
        NotificationDelivery.objects.filter(pk__in=[one.pk for one in held], status=Status.HELD.value).update(
            status=Status.DIGESTED.value, digest=row
        )
    return True


def _message(held: Sequence[NotificationDelivery], now: datetime) -> notify.Message:
    count = len(held)
    what = "1 message" if count == 1 else f"{count} messages"
    return notify.Message(
        event=DIGEST,
        subject=f"{what} since the last digest",
        about=notify.About("digest", str(held[0].pk), now.astimezone(UTC).strftime("%d %b %Y")),
        link=notify.Link("Open the portal", notify.address("home")),
        sections=tuple(_sections(held)),
    )


def _sections(held: Sequence[NotificationDelivery]) -> Iterable[notify.Section]:
    """Group by kind, in the order in which the kinds are listed."""
    labels = {key: event.label for key, event in EVENTS.items()}
    for key, label in [*labels.items(), ("", "Other")]:
        rows = [
            one.notification
            for one in held
            if (one.notification.event if one.notification.event in labels else "") == key
        ]
        if rows:
            yield notify.Section(
                label,
                tuple(
                    notify.Entry(row.subject, row.document["link"]["address"], row.created_at.isoformat())
                    for row in rows[:SECTION_MAX]
                ),
                max(0, len(rows) - SECTION_MAX),
            )
