"""Deliver what the outbox holds: claim, send, record; again later what failed, until it is given up.

A claim is a conditional UPDATE with a lease, so that two workers send once. Whoever dies between sending and recording
leaves the lease to run out, and the same is sent again under the same id, by which receivers drop doubles.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from provisioner import notify
from provisioner.domain.delivery import DUE, GIVE_UP_AFTER, Outcome, Status, Verdict, next_attempt
from provisioner.domain.errors import Refusal
from provisioner.models import Notification, NotificationChannel, NotificationDelivery
from provisioner.models.notification import OPEN
from provisioner.services import audit

log = structlog.get_logger(__name__)

# Longer than any attempt takes (outbound/call.py, EMAIL_TIMEOUT), so that a living worker never loses its claim.
LEASE = timedelta(minutes=5)
BATCH = 50
FORGET_BATCH = 500

Clock = Callable[[], datetime]


class Send(Protocol):
    """Sends one delivery once and says what came of it."""

    def __call__(self, delivery: NotificationDelivery, *, now: datetime) -> Outcome: ...


def deliver(*, clock: Clock, send: Send) -> bool:
    """Send what is due, one after the other. Returns whether more may be due."""
    for _ in range(BATCH):
        delivery = claim_next(now=clock())
        if delivery is None:
            return False
        _attempt(delivery, send, clock)
    return True


def due_count(*, now: datetime, at_most: int) -> int:
    """Return how many deliveries could be sent now, counting no further than `at_most`."""
    return _due(now)[:at_most].count()


def claim_next(*, now: datetime) -> NotificationDelivery | None:
    """Claim the delivery that has waited longest, or return None. What is claimed is this caller's for LEASE."""
    while True:
        pk = _due(now).order_by("next_attempt_at").values_list("pk", flat=True).first()
        if pk is None:
            return None
        claim = uuid.uuid4()
        taken = (
            _due(now)
            .filter(pk=pk)
            .update(
                claim=claim,
                leased_until=Now() + LEASE,
                attempts=F("attempts") + 1,
                last_attempt_at=now,
            )
        )
        if taken:
            return (
                NotificationDelivery.objects.select_related("notification", "channel", "person", "team")
                .filter(pk=pk, claim=claim)
                .first()
            )


def _due(now: datetime) -> QuerySet[NotificationDelivery]:
    return NotificationDelivery.objects.filter(
        Q(leased_until__isnull=True) | Q(leased_until__lt=Now()),
        status__in=DUE,
        next_attempt_at__lte=now,
    )


def _attempt(delivery: NotificationDelivery, send: Send, clock: Clock) -> None:
    channel = delivery.channel
    if channel is not None and channel.disabled_at is not None:
        outcome = Outcome(Verdict.NEVER, f"The channel is disabled. {channel.disabled_reason}".strip())
    elif delivery.give_up_at <= clock():
        outcome = Outcome(Verdict.NEVER, delivery.last_error or "It could not be sent within its time.")
    else:
        try:
            outcome = send(delivery, now=clock())
        except Exception:
            # A defect of ours must not end the worker's round; it is tried again, and given up in the end.
            log.exception("notify.attempt_broke", delivery=str(delivery.pk), kind=delivery.kind)
            outcome = Outcome(Verdict.AGAIN, "The portal failed while it sent this; operators see why.")
    record(delivery, outcome, now=clock(), fraction=random.random())  # noqa: S311 - jitter is no secret


def record(
    delivery: NotificationDelivery, outcome: Outcome, *, now: datetime, fraction: float
) -> Status | None:
    """Write what an attempt came to; None when the claim was lost meanwhile."""
    columns: dict[str, object] = {
        "leased_until": None,
        "claim": None,
        "last_error": outcome.error[:300],
        "status_code": outcome.status_code,
    }
    status = Status.GAVE_UP
    if outcome.verdict is Verdict.SENT:
        status = Status.SENT
        columns["sent_at"] = now
    elif outcome.verdict is Verdict.AGAIN:
        again_at = next_attempt(
            delivery.attempts,
            now=now,
            give_up_at=delivery.give_up_at,
            fraction=fraction,
            wait_s=outcome.wait_s,
        )
        if again_at is not None:
            status = Status.FAILED
            columns["next_attempt_at"] = again_at
            if outcome.all_wait:
                _let_others_wait(delivery, again_at)
    written = NotificationDelivery.objects.filter(pk=delivery.pk, claim=delivery.claim).update(
        status=status.value, **columns
    )
    if not written:
        log.warning("notify.lease_lost", delivery=str(delivery.pk))
        return None
    if outcome.verdict is Verdict.GONE and delivery.channel is not None:
        _disable_gone(delivery.channel, now)
    if status is not Status.SENT:
        log.warning(
            "notify.not_sent",
            delivery=str(delivery.pk),
            kind=delivery.kind,
            status=status.value,
            attempts=delivery.attempts,
            error=outcome.error,
            status_code=outcome.status_code,
        )
    return status


def _let_others_wait(delivery: NotificationDelivery, until: datetime) -> None:
    """Let what else goes to a receiver that is down wait with this one, so that it keeps no worker busy."""
    others = NotificationDelivery.objects.filter(
        status__in=DUE, next_attempt_at__lt=until, leased_until__isnull=True
    )
    same = Q(kind="email") if delivery.kind == "email" else Q(channel=delivery.channel)
    others.filter(same).exclude(pk=delivery.pk).filter(give_up_at__gt=until).update(next_attempt_at=until)


def _disable_gone(channel: NotificationChannel, now: datetime) -> None:
    disabled = NotificationChannel.objects.filter(pk=channel.pk, disabled_at__isnull=True).update(
        disabled_at=now, disabled_reason="It answered 410: it is gone."
    )
    if disabled:
        audit.record(
            "notification_channel.gone",
            object_type="notification_channel",
            object_id=channel.pk,
            actor=None,
            now=now,
            detail={"name": channel.name},
        )


class NotRedeliverable(Refusal):
    """The delivery is under way, waits for its digest, or went out in one."""

    code = "not_redeliverable"
    status = 409
    title = "This cannot be sent again"


def redeliver(delivery: NotificationDelivery, *, actor: User, now: datetime) -> None:
    """Put a delivery back, as if it had never been tried; it keeps its id. Raises NotRedeliverable."""
    put_back = NotificationDelivery.objects.filter(
        pk=delivery.pk, status__in=[Status.SENT, Status.FAILED, Status.GAVE_UP, Status.PENDING]
    ).filter(Q(leased_until__isnull=True) | Q(leased_until__lt=Now()))
    with transaction.atomic():
        if not put_back.update(
            status=Status.PENDING.value, next_attempt_at=now, give_up_at=now + GIVE_UP_AFTER, attempts=0
        ):
            raise NotRedeliverable(
                "It is being sent just now, waits for its digest, or went out in one. Look at it again in a minute; "
                "of a digest, send the digest again."
            )
        audit.record(
            "notification.redeliver",
            object_type="notification_delivery",
            object_id=delivery.pk,
            actor=actor,
            now=now,
        )
        notify.ring()


def forget(*, older_than: datetime) -> int:
    """Remove notifications of before an instant with their deliveries, but none that is still to be sent."""
    count = 0
    while True:
        old = list(
            Notification.objects.filter(created_at__lt=older_than)
            .exclude(deliveries__status__in=OPEN)
            .order_by("created_at")
            .values_list("pk", flat=True)[:FORGET_BATCH]
        )
        if not old:
            return count
        Notification.objects.filter(pk__in=old).delete()
        count += len(old)
