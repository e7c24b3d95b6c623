"""What a person gets by mail, and when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from provisioner.domain.errors import FieldError, Refusal
from provisioner.domain.notification import EVENTS, one_line
from provisioner.models import NotificationPreference
from provisioner.services import audit


class InvalidPreference(Refusal):
    """A preference that cannot be taken."""

    code = "invalid_input"
    status = 400
    title = "These preferences cannot be taken"


def choose(
    user: User, *, modes: Mapping[str, str], digest_hour: int | None, now: datetime
) -> NotificationPreference:
    """Set how the user gets these events; those that are not named stay as they are. Raises InvalidPreference."""
    errors = []
    for key, mode in modes.items():
        event = EVENTS.get(key)
        if event is None:
            errors.append(
                FieldError(
                    "modes", "unknown", f"There is no event {one_line(key, 60)}. Events: {', '.join(EVENTS)}."
                )
            )
        elif mode not in {one.value for one in event.modes}:
            can = ", ".join(one.value for one in event.modes)
            errors.append(FieldError(f"modes.{key}", "not_allowed", f"{event.label}: takes {can}."))
    if digest_hour is not None and not 0 <= digest_hour <= 23:
        errors.append(FieldError("digest_hour", "out_of_range", "Give an hour from 0 to 23 (UTC)."))
    if errors:
        raise InvalidPreference(" ".join(error.message for error in errors), errors=tuple(errors))
    with transaction.atomic():
        NotificationPreference.objects.get_or_create(user=user)
        preference = NotificationPreference.objects.select_for_update().get(user=user)
        preference.modes = {**preference.modes, **modes}
        if digest_hour is not None:
            preference.digest_hour = digest_hour
        preference.save()
        audit.record(
            "notification_preference.choose",
            object_type="user",
            object_id=user.pk,
            actor=user,
            now=now,
            detail={"modes": preference.modes, "digest_hour": preference.digest_hour},
        )
    return preference
