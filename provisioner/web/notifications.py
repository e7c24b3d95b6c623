"""What a person gets by mail, and the log of what was delivered."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from provisioner import notification_reads as reads
from provisioner import selectors
from provisioner.domain.delivery import Status
from provisioner.domain.errors import Refusal
from provisioner.domain.notification import DIGEST, EVENTS, TEST, Event
from provisioner.models import NotificationPreference
from provisioner.services import notification_preferences, notifications
from provisioner.web import words
from provisioner.web.order_form import add_errors
from provisioner.web.paging import newest_first
from provisioner.web.refusals import answers_refusals
from provisioner.web.requests import signed_in

HOURS = [(hour, f"{hour:02}:00 UTC") for hour in range(24)]
MODE_LABELS = {
    "at_once": "At once",
    "hourly": "In an hourly digest",
    "daily": "In the daily digest",
    "never": "Never",
}


class PreferencesForm(forms.Form):
    """One choice an event, and the hour of the digest."""

    digest_hour = forms.TypedChoiceField(
        choices=HOURS,
        coerce=int,
        label="Daily digest at",
        help_text="Nothing comes on a day on which there is nothing to say.",
    )

    def __init__(self, *args: Any, preference: NotificationPreference, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["digest_hour"].initial = preference.digest_hour
        for event in EVENTS.values():
            chosen = preference.modes.get(event.key)
            allowed = [mode.value for mode in event.modes]
            self.fields[event.key] = forms.ChoiceField(
                choices=[(mode, MODE_LABELS[mode]) for mode in allowed],
                label=event.label,
                initial=chosen if chosen in allowed else event.default.value,
                disabled=len(allowed) == 1,
            )

    def rows(self) -> list[tuple[Event, forms.BoundField]]:
        """Return each event with its field."""
        return [(event, self[event.key]) for event in EVENTS.values()]

    def modes(self) -> dict[str, str]:
        """Return what was chosen where there is a choice."""
        return {key: self.cleaned_data[key] for key, event in EVENTS.items() if len(event.modes) > 1}


@require_http_methods(["GET", "POST"])
@answers_refusals
def preferences(request: HttpRequest) -> HttpResponse:
    """Show and set what the person gets by mail."""
    user = signed_in(request)
    form = PreferencesForm(
        request.POST if request.method == "POST" else None, preference=reads.preference_of(user)
    )
    context: dict[str, Any] = {"form": form, "teams": reads.teams_of(user)}
    if request.method == "GET":
        return render(request, "notifications/preferences.html", context)
    if not form.is_valid():
        return render(request, "notifications/preferences.html", context, status=422)
    try:
        notification_preferences.choose(
            user, modes=form.modes(), digest_hour=form.cleaned_data["digest_hour"], now=timezone.now()
        )
    except Refusal as refusal:
        if not add_errors(refusal, form):
            context["refusal"] = refusal
        return render(request, "notifications/preferences.html", context, status=422)
    messages.success(request, "Your choice is kept; it counts for what happens from now on.")
    return redirect("notification-preferences")


@require_GET
def deliveries(request: HttpRequest) -> HttpResponse:
    """List the deliveries that the person may see, newest first."""
    user = signed_in(request)
    rows = reads.deliveries_visible_to(user)
    status, event = request.GET.get("status", ""), request.GET.get("event", "")
    channel = request.GET.get("channel", "")
    if status in {one.value for one in Status}:
        rows = rows.filter(status=status)
    if event in {*EVENTS, TEST, DIGEST}:
        rows = rows.filter(notification__event=event)
    if channel.isascii() and channel.isdigit() and len(channel) < 19:
        rows = rows.filter(channel_id=int(channel))
    page = newest_first(rows, request.GET.get("before", ""))
    context = {
        "page": page,
        "statuses": {one.value: words.DELIVERIES[one].label for one in Status},
        "events": {**{key: one.label for key, one in EVENTS.items()}, DIGEST: "Digest", TEST: "Test"},
        "channels": reads.channels_visible_to(user),
        "status": status,
        "event": event,
        "channel": channel,
        "filtered": bool(status or event or channel),
        "everybody": selectors.is_platform(user),
    }
    return render(request, "notifications/deliveries.html", context)


@require_POST
@answers_refusals
def redeliver(request: HttpRequest, delivery_id: uuid.UUID) -> HttpResponse:
    """Send a delivery again."""
    found = reads.delivery_visible(signed_in(request), delivery_id)
    notifications.redeliver(found, actor=signed_in(request), now=timezone.now())
    messages.success(request, f"“{found.notification.subject}” is sent again, under the same id.")
    return redirect("notification-deliveries")
