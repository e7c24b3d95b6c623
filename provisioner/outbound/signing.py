"""Signatures of webhooks as Standard Webhooks describes them (https://www.standardwebhooks.com).

HMAC-SHA256 over `id.timestamp.body` with the bytes behind `whsec_`; while a secret is rotated, one signature for each.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime

PREFIX = "whsec_"
SECRET_BYTES = 32


def new_secret() -> str:
    """Return a fresh secret."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signature(secret: str, *, message_id: str, timestamp: int, body: bytes) -> str:
    """Return one entry of the signature header: `v1,` and base64."""
    key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def headers(secrets_: Iterable[str], *, message_id: str, body: bytes, now: datetime) -> dict[str, str]:
    """Return the headers that a receiver verifies; the id stays the same in every attempt, the time is this one's."""
    timestamp = int(now.timestamp())
    signed = [signature(one, message_id=message_id, timestamp=timestamp, body=body) for one in secrets_]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signed),
    }
