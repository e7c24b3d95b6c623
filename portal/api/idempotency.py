"""Keep the answer of a call under its `Idempotency-Key`: one caller, 24 hours, the same call only.

The unique constraint on caller and key decides between twins: who inserts the row works, the others are told to
come back. Answers below 500 are kept, as they were given; identity refusals and throttling are not, because they
say nothing about the call.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import IntegrityError, transaction

from portal.models import IdempotencyKey

KEY_MAX_LENGTH = 255
KEEP = timedelta(hours=24)
# A call that has no answer after this long died with its process; the next one with its key may work.
ABANDONED_AFTER = timedelta(minutes=5)
RETRY_AFTER_S = 1
NOT_KEPT = frozenset({401, 403, 429})


@dataclass(frozen=True)
class Begun:
    """The caller works; the row waits for the answer."""

    row_id: int
    created_at: datetime


@dataclass(frozen=True)
class Kept:
    """The answer of the first call."""

    status: int
    body: Any


@dataclass(frozen=True)
class StillWorking:
    """A twin is at work."""


@dataclass(frozen=True)
class OtherCall:
    """The key belongs to another call."""


Outcome = Kept | StillWorking | OtherCall


def fingerprint(method: str, path: str, body: bytes) -> str:
    """Return SHA-256 hex over what makes two calls the same."""
    return hashlib.sha256(b"\0".join([method.encode(), path.encode(), body])).hexdigest()


def begin(caller_id: int, key: str, body_sha256: str, *, now: datetime) -> Begun | Outcome:
    """Claim the key, or say what became of it."""
    IdempotencyKey.objects.filter(caller_id=caller_id, created_at__lt=now - KEEP).delete()
    IdempotencyKey.objects.filter(
        caller_id=caller_id, key=key, response_status__isnull=True, created_at__lt=now - ABANDONED_AFTER
    ).delete()
    try:
        with transaction.atomic():
            row = IdempotencyKey.objects.create(
                caller_id=caller_id, key=key, body_sha256=body_sha256, created_at=now
            )
    except IntegrityError:
        first = IdempotencyKey.objects.filter(caller_id=caller_id, key=key).first()
        if first is None:  # forgotten between the two statements
            return StillWorking()
        if first.body_sha256 != body_sha256:
            return OtherCall()
        if first.response_status is None:
            return StillWorking()
        return Kept(first.response_status, first.response_body)
    return Begun(row.pk, now)


def keep(begun: Begun, status: int, body: Any) -> None:
    """Store the answer. Money and instants are stored as the text that was sent."""
    document = None if body is None else json.loads(json.dumps(body, cls=DjangoJSONEncoder))
    IdempotencyKey.objects.filter(pk=begun.row_id).update(response_status=status, response_body=document)


def forget(begun: Begun) -> None:
    """Free the key: nothing was answered that should be answered again."""
    IdempotencyKey.objects.filter(pk=begun.row_id).delete()
