"""Channels of groups and teams: made, changed, tried, disabled; their secrets shown once.

Platform engineers manage all of them; the members of a team those of their own team.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from catalog.models import Team
from provisioner import notification_reads as reads
from provisioner import notify, selectors
from provisioner.domain.delivery import GIVE_UP_AFTER, Status
from provisioner.domain.errors import FieldError, Refusal
from provisioner.domain.notification import EVENTS, TEST, Mode, one_line
from provisioner.models import Notification, NotificationChannel, NotificationDelivery
from provisioner.models.notification import CHANNEL_MODES, KINDS
from provisioner.notify import outbox
from provisioner.outbound import call, signing
from provisioner.services import audit
from provisioner.services import notification_secrets as sealed

NAME_MAX = 80
OVERLAP = timedelta(hours=24)
EMAIL, WEBHOOK = "email", "webhook"


class InvalidChannel(Refusal):
    """The channel cannot be as it was asked for."""

    code = "invalid_input"
    status = 400
    title = "The channel cannot be taken as it is"


class NotYourChannel(Refusal):
    """The person may not manage this channel."""

    code = "not_your_channel"
    status = 403
    title = "You cannot manage this channel"


class ChannelDisabled(Refusal):
    """Nothing is sent to a disabled channel."""

    code = "channel_disabled"
    status = 409
    title = "The channel is disabled"


class NoSecret(Refusal):
    """Only webhooks are signed."""

    code = "no_secret"
    status = 409
    title = "This channel has no secret"


@dataclass(frozen=True)
class Ask:
    """What a channel is to be. `address` may stay empty when one is changed: the one that it has is kept."""

    name: str
    kind: str
    address: str = ""
    group: str = ""
    team: str = ""
    events: Sequence[str] = ()
    hears_all: bool = False
    mode: str = Mode.AT_ONCE.value
    digest_hour: int = 7


def create(ask: Ask, *, actor: User, now: datetime) -> tuple[NotificationChannel, str | None]:
    """Make a channel; return it with the secret of a webhook, which cannot be had again.

    Raises InvalidChannel and NotYourChannel.
    """
    team = _check(ask, actor, address_needed=True)
    key = uuid.uuid4()
    secret = signing.new_secret() if ask.kind == WEBHOOK else None
    channel = NotificationChannel(
        key=key,
        kind=ask.kind,
        created_at=now,
        created_by=actor,
        secret=None if secret is None else sealed.seal(key, "secret", secret),
        secret_at=None if secret is None else now,
    )
    _save(channel, ask, team, actor=actor, now=now, action="notification_channel.create")
    return channel, secret


def update(channel_id: int, ask: Ask, *, actor: User, now: datetime) -> NotificationChannel:
    """Change everything but the kind. Raises InvalidChannel, NotYourChannel and NotVisible."""
    channel = _own(channel_id, actor)
    if ask.kind != channel.kind:
        raise InvalidChannel(
            "The kind of a channel stays what it is. Make another channel.",
            errors=(FieldError("kind", "not_changeable", "The kind of a channel stays what it is."),),
        )
    team = _check(ask, actor, address_needed=False)
    _save(channel, ask, team, actor=actor, now=now, action="notification_channel.update")
    return channel


def rotate_secret(channel_id: int, *, actor: User, now: datetime) -> tuple[NotificationChannel, str]:
    """Give a webhook another secret; the one before signs too for OVERLAP, so that the receiver can follow.

    Raises NoSecret, NotYourChannel and NotVisible.
    """
    channel = _own(channel_id, actor)
    if channel.kind != WEBHOOK:
        raise NoSecret("Only webhooks are signed. The address of the others is their secret: change that.")
    current = next(iter(sealed.secrets(channel, now=now)), None)
    secret = signing.new_secret()
    channel.secret, channel.secret_at = sealed.seal(channel.key, "secret", secret), now
    if current is not None:
        channel.previous_secret = sealed.seal(channel.key, "previous-secret", current)
        channel.previous_until = now + OVERLAP
    with transaction.atomic():
        channel.save(update_fields=["secret", "secret_at", "previous_secret", "previous_until"])
        _record("notification_channel.rotate_secret", channel, actor, now)
    return channel, secret


def disable(channel_id: int, *, actor: User, now: datetime) -> NotificationChannel:
    """Send nothing more there; what waits is given up. Doing it twice changes nothing."""
    channel = _own(channel_id, actor)
    with transaction.atomic():
        if NotificationChannel.objects.filter(pk=channel.pk, disabled_at__isnull=True).update(
            disabled_at=now, disabled_reason=f"{actor.get_username()} disabled it."
        ):
            _record("notification_channel.disable", channel, actor, now)
    return reads.channel_visible(actor, channel.pk)


def enable(channel_id: int, *, actor: User, now: datetime) -> NotificationChannel:
    """Send there again. Doing it twice changes nothing."""
    channel = _own(channel_id, actor)
    with transaction.atomic():
        if NotificationChannel.objects.filter(pk=channel.pk, disabled_at__isnull=False).update(
            disabled_at=None, disabled_reason=""
        ):
            _record("notification_channel.enable", channel, actor, now)
    return reads.channel_visible(actor, channel.pk)


def remove(channel_id: int, *, actor: User, now: datetime) -> None:
    """Delete a channel with its deliveries."""
    channel = _own(channel_id, actor)
    with transaction.atomic():
        _record("notification_channel.delete", channel, actor, now)
        NotificationChannel.objects.filter(pk=channel.pk).delete()


def send_test(channel_id: int, *, actor: User, now: datetime) -> NotificationDelivery:
    """Send a message that says that it is a test, as any other is sent. Raises ChannelDisabled."""
    channel = _own(channel_id, actor)
    if channel.disabled_at is not None:
        raise ChannelDisabled(f"{channel.disabled_reason} Enable the channel first; then it can be tried.")
    row = NotificationDelivery(
        id=uuid.uuid4(),
        channel=channel,
        kind=channel.kind,
        status=Status.PENDING.value,
        created_at=now,
        next_attempt_at=now,
        give_up_at=now + GIVE_UP_AFTER,
    )
    message = notify.Message(
        event=TEST,
        subject=f"A test of the channel {channel.name}",
        about=notify.About("notification_channel", str(channel.pk), channel.name),
        link=notify.Link(
            "Its deliveries", f"{notify.address('notification-deliveries')}?channel={channel.pk}"
        ),
        paragraphs=(f"{actor.get_username()} tries this channel. There is nothing to do.",),
    )
    key = f"{TEST}:{row.pk}"
    made: Notification | None = outbox.write(message, [row], sameness=key, dedupe_key=key, now=now)
    assert made is not None
    _record("notification_channel.test", channel, actor, now)
    return row


def may_manage(user: User, channel: NotificationChannel) -> bool:
    """Tell whether the user manages a channel."""
    if selectors.is_platform(user):
        return True
    return channel.team_id is not None and reads.teams_of(user).filter(pk=channel.team_id).exists()


def _own(channel_id: int, actor: User) -> NotificationChannel:
    """Return a channel that the person manages, with what is sealed. Raises NotVisible."""
    visible = reads.channel_visible(actor, channel_id)
    return NotificationChannel.objects.select_related("team").get(pk=visible.pk)


def _check(ask: Ask, actor: User, *, address_needed: bool) -> Team | None:
    errors: list[FieldError] = []
    if not ask.name.strip() or len(ask.name) > NAME_MAX or ask.name != one_line(ask.name):
        errors.append(
            FieldError("name", "invalid", f"Give a name of 1 to {NAME_MAX} characters on one line.")
        )
    if ask.kind not in KINDS:
        errors.append(FieldError("kind", "invalid_choice", f"The kind is one of {', '.join(KINDS)}."))
    if unknown := sorted(set(ask.events) - set(EVENTS)):
        errors.append(
            FieldError(
                "events",
                "invalid_choice",
                f"There is no event {one_line(unknown[0], 60)}. Events are: {', '.join(EVENTS)}.",
            )
        )
    if ask.mode not in CHANNEL_MODES:
        errors.append(FieldError("mode", "invalid_choice", f"The mode is one of {', '.join(CHANNEL_MODES)}."))
    if not 0 <= ask.digest_hour <= 23:
        errors.append(FieldError("digest_hour", "out_of_range", "Give an hour from 0 to 23 (UTC)."))
    team = _check_owner(ask, actor, errors)
    if ask.address or address_needed:
        _check_address(ask, errors)
    if errors:
        raise InvalidChannel(" ".join(error.message for error in errors), errors=tuple(errors))
    return team


def _check_owner(ask: Ask, actor: User, errors: list[FieldError]) -> Team | None:
    """Return the team that owns it, None for a group. Raises NotYourChannel."""
    if bool(ask.group) == bool(ask.team):
        errors.append(
            FieldError("group", "one_of", "Say whose channel it is: a group or a team, one of the two.")
        )
        return None
    if ask.group:
        if not selectors.is_platform(actor):
            raise NotYourChannel(
                "Platform engineers make the channels of groups. Name one of your teams instead."
            )
        if not Group.objects.filter(name=ask.group).exists():
            names = ", ".join(Group.objects.order_by("name").values_list("name", flat=True))
            errors.append(FieldError("group", "unknown", f"There is no such group. Groups are: {names}."))
        return None
    if ask.hears_all:
        errors.append(
            FieldError(
                "hears_all", "not_for_teams", "Only a group's channel may hear of other groups' approvals."
            )
        )
    team = Team.objects.filter(slug=ask.team).first()
    if not selectors.is_platform(actor) and (
        team is None or not reads.teams_of(actor).filter(pk=team.pk).exists()
    ):
        raise NotYourChannel("You can make channels for your own teams only.")
    if team is None:
        errors.append(FieldError("team", "unknown", "There is no such team."))
    return team


def _check_address(ask: Ask, errors: list[FieldError]) -> None:
    if ask.kind == EMAIL:
        try:
            validate_email(ask.address)
        except ValidationError:
            errors.append(FieldError("address", "invalid", "Give a mail address."))
        return
    try:
        call.check_url(ask.address, call.configured_guard())
    except call.AddressRefused as error:
        errors.append(FieldError("address", "invalid", str(error)))


def _save(
    channel: NotificationChannel, ask: Ask, team: Team | None, *, actor: User, now: datetime, action: str
) -> None:
    channel.name, channel.group, channel.team = ask.name.strip(), ask.group, team
    channel.events = [key for key in EVENTS if key in set(ask.events)]
    channel.hears_all, channel.mode, channel.digest_hour = ask.hears_all, ask.mode, ask.digest_hour
    if ask.address:
        channel.address = sealed.seal(channel.key, "address", ask.address)
        channel.address_hint = _hint(ask)
    try:
        with transaction.atomic():
            channel.save()
            _record(action, channel, actor, now, address_changed=bool(ask.address))
    except IntegrityError as error:
        raise InvalidChannel(
            "There is a channel of that name.",
            errors=(FieldError("name", "taken", "There is a channel of that name. Give it another."),),
        ) from error


def _hint(ask: Ask) -> str:
    """Return what of an address is no secret: the host, or the mail address."""
    if ask.kind == EMAIL:
        return ask.address
    url = call.check_url(ask.address, call.configured_guard())
    port = "" if url.port is None else f":{url.port}"
    return f"{url.scheme}://{url.host}{port}/…"[:255]


def _record(action: str, channel: NotificationChannel, actor: User, now: datetime, **detail: object) -> None:
    audit.record(
        action,
        object_type="notification_channel",
        object_id=channel.pk,
        actor=actor,
        now=now,
        detail={
            "name": channel.name,
            "kind": channel.kind,
            "for": channel.group or (channel.team.slug if channel.team else ""),
            "host": channel.address_hint,
            **detail,
        },
    )
