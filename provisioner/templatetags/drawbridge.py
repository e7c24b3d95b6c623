"""Template tags of the web door: icons, money, instants, chips."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms, template
from django.conf import settings
from django.forms.boundfield import BoundField
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

from provisioner.domain.run import RunKind, RunStatus
from provisioner.web import words

register = template.Library()

ENDS_SOON = timedelta(days=7)


@register.simple_tag
def icon(name: str) -> SafeString:
    """Draw a decorative icon of the sprite; the text beside it carries the meaning."""
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>',
        static("vendor/bootstrap-icons/sprite.svg"),
        name,
    )


@register.simple_tag(takes_context=True)
def here(context: Mapping[str, Any], names: str) -> SafeString:
    """Mark a navigation link as the current page when the request's route is one of `names`."""
    request = context.get("request")
    match = getattr(request, "resolver_match", None)
    current = match is not None and match.url_name in names.split()
    return format_html('aria-current="{}"', "page") if current else SafeString("")


@register.simple_tag
def target_is_sandbox() -> bool:
    """Tell whether the target is the sandbox, for the one page that Django renders without a context."""
    return bool(settings.DRAWBRIDGE_TARGET == "sandbox")


@register.simple_tag
def chip(word: words.Word) -> SafeString:
    """Draw a word with its tone and icon."""
    return format_html('<span class="chip {}">{} {}</span>', word.tone, icon(word.icon), word.label)


@register.simple_tag
def status_chip(status: str, kind: str = "") -> SafeString:
    """Draw a run status."""
    if kind == RunKind.DRIFT_CHECK and status == RunStatus.PLANNED_AND_FINISHED:
        return chip(words.CHECKED)
    return chip(words.STATUSES.get(status, words.UNKNOWN))


@register.simple_tag
def verb_chip(verb: str) -> SafeString:
    """Draw what a plan does to a resource."""
    return chip(words.VERBS.get(verb, words.UNKNOWN))


@register.simple_tag
def drift_chip(verb: str = "") -> SafeString:
    """Draw what became of an object, or that a workspace has drifted."""
    return chip(words.DRIFTS.get(verb, words.DRIFTED))


@register.simple_tag
def cost_chip(status: str) -> SafeString:
    """Draw what becomes of a cost."""
    return chip(words.COSTS.get(status, words.UNKNOWN))


@register.simple_tag
def verdict_chip(verdict: str) -> SafeString:
    """Draw an approver's verdict."""
    return chip(words.VERDICTS.get(verdict, words.UNKNOWN))


@register.simple_tag
def lifecycle_chip(lifecycle: str) -> SafeString:
    """Draw how far a version is offered."""
    return chip(words.LIFECYCLES.get(lifecycle, words.UNKNOWN))


@register.simple_tag
def delivery_chip(status: str) -> SafeString:
    """Draw where a delivery is."""
    return chip(words.DELIVERIES.get(status, words.UNKNOWN))


@register.filter
def get(found: object, key: object) -> object:
    """Look a key up; nothing where there is no mapping."""
    return found.get(key) if isinstance(found, Mapping) else None


@register.simple_tag
def control(field: BoundField) -> SafeString:
    """Draw a form field's control in our look, tied to its help and to the notes beside it."""
    widget = field.field.widget
    kind = "form-control"
    if isinstance(widget, forms.CheckboxInput):
        kind = "form-check-input"
    elif isinstance(widget, forms.Select):
        kind = "form-select"
    described = f"{field.auto_id}-help {field.auto_id}-notes"
    attrs: dict[str, str | bool] = {
        "class": f"{kind} is-invalid" if field.errors else kind,
        "aria-describedby": described if field.help_text else f"{field.auto_id}-notes",
    }
    if field.errors:
        attrs["aria-invalid"] = "true"
    return field.as_widget(attrs=attrs)


@register.filter
def is_checkbox(field: BoundField) -> bool:
    """Tell whether a field is a check box, whose label stands behind it."""
    return isinstance(field.field.widget, forms.CheckboxInput)


@register.filter
def field_text(value: object) -> str:
    """Spell a suggested value as the field of a form takes it; nothing where it is no single value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int) else ""


@register.filter
def kind_label(kind: str) -> str:
    """Name a run's kind."""
    return words.KINDS.get(kind, kind)


@register.filter
def level_word(level: str) -> words.Word:
    """Give the label, tone and icon of a finding's level."""
    return words.LEVELS.get(level, words.UNKNOWN)


@register.filter
def usd(amount: Decimal | str | None) -> str:
    """Write a monthly amount in US dollars to the cent; an unknown amount says so."""
    value = _decimal(amount)
    return "not known yet" if value is None else f"${value:,.2f}"


@register.filter
def usd_delta(amount: Decimal | str | None) -> str:
    """Write a change of a monthly amount with its sign."""
    value = _decimal(amount)
    if value is None:
        return "not known yet"
    sign = "+" if value > 0 else "\N{MINUS SIGN}" if value < 0 else "±"
    return f"{sign}${abs(value):,.2f}"


@register.filter
def unit_price(amount: Decimal | str | None) -> str:
    """Write a unit price with as many digits as the price list gives, at least cents."""
    value = _decimal(amount)
    if value is None:
        return ""
    short = value.normalize()
    places = -int(short.as_tuple().exponent)
    return f"${short:f}" if places > 2 else f"${short:.2f}"


@register.filter
def quantity(amount: Decimal | str | None) -> str:
    """Write a quantity without trailing zeros."""
    value = _decimal(amount)
    return "" if value is None else f"{value.normalize():,f}"


@register.filter
def instant(at: datetime | None) -> str | SafeString:
    """Write an instant in UTC, machine-readable too."""
    if at is None:
        return "—"
    utc = at.astimezone(timezone.get_fixed_timezone(0))
    return format_html('<time datetime="{}">{}</time>', utc.isoformat(), utc.strftime("%d %b %Y %H:%M UTC"))


@register.filter
def ago(at: datetime | None) -> str | SafeString:
    """Write how long ago an instant was; the instant itself is in the title."""
    if at is None:
        return "—"
    utc = at.astimezone(timezone.get_fixed_timezone(0))
    since = timesince(at, depth=1)
    text = "just now" if since.startswith("0") else f"{since} ago"
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', utc.isoformat(), utc.strftime("%d %b %Y %H:%M UTC"), text
    )


@register.filter
def ends(at: datetime | None) -> str:
    """Tell whether an end is over ("over") or within the time in which one is warned ("soon"); else nothing."""
    if at is None:
        return ""
    left = at - timezone.now()
    return "over" if left <= timedelta(0) else "soon" if left <= ENDS_SOON else ""


@register.filter
def address(full: str) -> str:
    """Write a resource's address without the one module that every workspace consists of."""
    return full.removeprefix("module.this.")


@register.filter
def duration(length: timedelta | None) -> str:
    """Write a duration in the two largest units that matter."""
    if length is None:
        return ""
    seconds = max(0, int(length.total_seconds()))
    if seconds < 1:
        return "under 1 s"
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s" if seconds else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


register.filter("readable", words.readable)


def _decimal(amount: Decimal | str | None) -> Decimal | None:
    if amount is None or amount == "":
        return None
    try:
        return Decimal(amount)
    except (InvalidOperation, TypeError):
        return None
