"""Channels of groups and teams: the list, the form, and what may be done to one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.contrib.auth.models import Group, User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from catalog.models import Team
from provisioner import notification_reads as reads
from provisioner import selectors
from provisioner.domain.errors import Refusal
from provisioner.domain.notification import EVENTS
from provisioner.models import NotificationChannel
from provisioner.models.notification import CHANNEL_MODES
from provisioner.services import notification_channels as service
from provisioner.web.notifications import HOURS, MODE_LABELS
from provisioner.web.order_form import OpenChoiceField, add_errors
from provisioner.web.refusals import answers_refusals
from provisioner.web.requests import signed_in

KIND_LABELS: Final = {
    "slack": "Slack (incoming webhook)",
    "teams": "Microsoft Teams (Workflows webhook)",
    "webhook": "Signed webhook",
    "email": "Mail",
}


class ChannelForm(forms.Form):
    """What a channel is to be."""

    name = forms.CharField(
        label="Name", max_length=service.NAME_MAX, help_text="Unique; people find its deliveries by it."
    )
    kind = OpenChoiceField(label="Kind", choices=list(KIND_LABELS.items()))
    owner = OpenChoiceField(
        label="For",
        help_text="A group's channel gets what the group must decide, and what happens in every team; a team's "
        "channel gets what happens to its own workspaces.",
    )
    address = forms.CharField(
        label="Address",
        required=False,
        strip=True,
        help_text="The URL that Slack, Teams or your receiver gave you, or a mail address. It is kept sealed and never "
        "shown again.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    mode = OpenChoiceField(label="When", choices=[(mode, MODE_LABELS[mode]) for mode in CHANNEL_MODES])
    digest_hour = forms.TypedChoiceField(label="Daily digest at", choices=HOURS, coerce=int, initial=7)
    hears_all = forms.BooleanField(
        required=False, label="Also what is asked of other groups", help_text="For groups only."
    )
    events = forms.MultipleChoiceField(
        required=False,
        label="Events",
        choices=[(key, event.label) for key, event in EVENTS.items()],
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
        help_text="None chosen: all of them, later ones too.",
    )

    def __init__(
        self, *args: Any, user: User, channel: NotificationChannel | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        owner = self.fields["owner"]
        assert isinstance(owner, OpenChoiceField)
        owner.choices = _owners(user)
        if channel is not None:
            self.fields["kind"].disabled = True
            self.fields["address"].help_text = f"Now {channel.address_hint} Leave it empty to keep it."

    def ask(self) -> service.Ask:
        """Return what was asked for."""
        data = self.cleaned_data
        sort, _, which = data["owner"].partition(":")
        return service.Ask(
            name=data["name"],
            kind=data["kind"],
            address=data["address"],
            group=which if sort == "group" else "",
            team=which if sort == "team" else "",
            events=data["events"],
            hears_all=data["hears_all"],
            mode=data["mode"],
            digest_hour=data["digest_hour"],
        )


def _owners(user: User) -> list[tuple[str, str]]:
    """Return the groups and teams that the person may make channels for."""
    teams = Team.objects.all() if selectors.is_platform(user) else reads.teams_of(user)
    found = [(f"team:{team.slug}", f"Team {team.name}") for team in teams.order_by("name")]
    if selectors.is_platform(user):
        names = Group.objects.order_by("name").values_list("name", flat=True)
        found = [*((f"group:{name}", f"Group {name}") for name in names), *found]
    return found


@require_GET
def channels(request: HttpRequest) -> HttpResponse:
    """List the channels that the person manages."""
    user = signed_in(request)
    context = {
        "channels": reads.channels_visible_to(user),
        "kinds": KIND_LABELS,
        "modes": MODE_LABELS,
        "may_make": bool(_owners(user)),
    }
    return render(request, "notifications/channels.html", context)


@require_http_methods(["GET", "POST"])
@never_cache
@answers_refusals
def new(request: HttpRequest) -> HttpResponse:
    """Make a channel; a webhook's secret is shown in the answer, and never again."""
    user = signed_in(request)
    form = ChannelForm(request.POST if request.method == "POST" else None, user=user)
    context: dict[str, Any] = {"form": form, "may_make": bool(_owners(user))}
    if request.method == "GET":
        return render(request, "notifications/channel.html", context)
    if not form.is_valid():
        return render(request, "notifications/channel.html", context, status=422)
    try:
        channel, secret = service.create(form.ask(), actor=user, now=timezone.now())
    except Refusal as refusal:
        return _again(request, context, form, refusal)
    if secret is not None:
        return render(request, "notifications/secret.html", {"channel": channel, "secret": secret})
    messages.success(request, f"{channel.name} is made. Try it before somebody relies on it.")
    return redirect("notification-channel", channel.pk)


@require_http_methods(["GET", "POST"])
@answers_refusals
def channel(request: HttpRequest, channel_id: int) -> HttpResponse:
    """Show and change one channel."""
    user = signed_in(request)
    found = reads.channel_visible(user, channel_id)
    initial = {
        "name": found.name,
        "kind": found.kind,
        "owner": f"group:{found.group}" if found.group else f"team:{found.team.slug if found.team else ''}",
        "mode": found.mode,
        "digest_hour": found.digest_hour,
        "hears_all": found.hears_all,
        "events": found.events,
    }
    form = ChannelForm(
        request.POST if request.method == "POST" else None, user=user, channel=found, initial=initial
    )
    context: dict[str, Any] = {
        "form": form,
        "channel": found,
        "kind_label": KIND_LABELS[found.kind],
        "recent": reads.deliveries_visible_to(user).filter(channel=found)[:5],
    }
    if request.method == "GET":
        return render(request, "notifications/channel.html", context)
    if not form.is_valid():
        return render(request, "notifications/channel.html", context, status=422)
    try:
        service.update(found.pk, form.ask(), actor=user, now=timezone.now())
    except Refusal as refusal:
        return _again(request, context, form, refusal)
    messages.success(request, f"{form.cleaned_data['name']} is changed.")
    return redirect("notification-channel", found.pk)


@require_POST
@never_cache
@answers_refusals
def rotate(request: HttpRequest, channel_id: int) -> HttpResponse:
    """Give a webhook another secret, shown in the answer and never again."""
    found, secret = service.rotate_secret(channel_id, actor=signed_in(request), now=timezone.now())
    return render(request, "notifications/secret.html", {"channel": found, "secret": secret, "rotated": True})


def _test(channel_id: int, user: User) -> str:
    service.send_test(channel_id, actor=user, now=timezone.now())
    return "The test is on its way; its delivery shows what came of it."


def _disable(channel_id: int, user: User) -> str:
    return f"{service.disable(channel_id, actor=user, now=timezone.now()).name} is disabled."


def _enable(channel_id: int, user: User) -> str:
    return f"{service.enable(channel_id, actor=user, now=timezone.now()).name} is used again."


ACTS: Final[dict[str, Callable[[int, User], str]]] = {"test": _test, "disable": _disable, "enable": _enable}


@require_POST
@answers_refusals
def act(request: HttpRequest, channel_id: int, what: str) -> HttpResponse:
    """Try, disable or enable a channel."""
    if what not in ACTS:
        raise Http404
    messages.success(request, ACTS[what](channel_id, signed_in(request)))
    return redirect("notification-channel", channel_id)


@require_POST
@answers_refusals
def remove(request: HttpRequest, channel_id: int) -> HttpResponse:
    """Delete a channel with the log of its deliveries."""
    service.remove(channel_id, actor=signed_in(request), now=timezone.now())
    messages.success(request, "The channel is deleted.")
    return redirect("notification-channels")


def _again(
    request: HttpRequest, context: dict[str, Any], form: ChannelForm, refusal: Refusal
) -> HttpResponse:
    """Show the form again with what was refused; the owner is one field here and two in the service."""
    for error in refusal.errors:
        if error.field in ("group", "team"):
            form.add_error("owner", error.message)
    rest = tuple(error for error in refusal.errors if error.field not in ("group", "team"))
    if rest or not refusal.errors:
        shown = type(refusal)(refusal.detail, errors=rest)
        if not add_errors(shown, form):
            context["refusal"] = refusal
    return render(
        request,
        "notifications/channel.html",
        context,
        status=422 if refusal.status == 400 else refusal.status,
    )
