"""What of a channel is sealed: its address and the secrets that its webhooks are signed with."""

from __future__ import annotations

import uuid
from datetime import datetime

from provisioner import crypto
from provisioner.models import NotificationChannel


def identity(key: uuid.UUID, part: str) -> str:
    """Name a sealed part of a channel: `address`, `secret` or `previous-secret`."""
    return f"notification-channel-{part}:{key}"


def seal(key: uuid.UUID, part: str, text: str) -> bytes:
    """Seal a part."""
    return crypto.seal(text.encode(), identity=identity(key, part))


def address(channel: NotificationChannel) -> str:
    """Return the channel's address. Raises CannotOpen."""
    return crypto.open_sealed(channel.address, identity=identity(channel.key, "address")).decode()


def secrets(channel: NotificationChannel, *, now: datetime) -> list[str]:
    """Return the secrets that sign now, the newest first. Raises CannotOpen."""
    found = []
    if channel.secret is not None:
        found.append(crypto.open_sealed(channel.secret, identity=identity(channel.key, "secret")).decode())
    if (
        channel.previous_secret is not None
        and channel.previous_until is not None
        and now < channel.previous_until
    ):
        found.append(
            crypto.open_sealed(
                channel.previous_secret, identity=identity(channel.key, "previous-secret")
            ).decode()
        )
    return found
