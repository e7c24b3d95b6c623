"""The order form as a page shows it: the portal's own fields, the parameters, and what the rules say to them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.http import QueryDict

from catalog.forms import ParameterForm
from provisioner.domain.errors import Refusal
from provisioner.domain.finding import Finding
from provisioner.domain.guardrails_order import TTL
from provisioner.services.ask import JUSTIFICATION_MAX, TTL_DAYS_MAX


class OpenChoiceField(forms.ChoiceField):
    """A choice that passes on what it does not offer, so that the service refuses it as it refuses the API."""

    def valid_value(self, value: Any) -> bool:
        """Take any value."""
        return True


class ReasonForm(forms.Form):
    """Why something is asked for."""

    justification = forms.CharField(
        required=False,
        strip=True,
        max_length=JUSTIFICATION_MAX,
        label="Justification",
        help_text="What it is for. Approvers read it, and it stays with the run.",
        widget=forms.Textarea(attrs={"rows": "2"}),
    )


class OrderForm(ReasonForm):
    """What an order needs beside its parameters."""

    service = OpenChoiceField(
        label="Service", help_text="Who it is for. Owner, cost center and criticality follow from it."
    )
    environment = OpenChoiceField(
        label="Environment", help_text="Fills in sizes, backups and protection for that stage."
    )
    name = forms.CharField(
        label="Name",
        strip=False,
        help_text="Unique among these in its environment.",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )

    ttl = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=TTL_DAYS_MAX,
        label="Time to live",
        help_text="Days until it is destroyed by itself; you are warned before and can renew it. Empty: no end.",
        widget=forms.NumberInput(attrs={"min": "1"}),
    )

    def __init__(
        self, *args: Any, services: list[tuple[str, str]], environments: list[tuple[str, str]], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        for name, choices in (("service", services), ("environment", environments)):
            field = self.fields[name]
            assert isinstance(field, OpenChoiceField)
            field.choices = choices


@dataclass(frozen=True)
class FieldRow:
    """One field and what the guardrails say to its value."""

    bound: BoundField
    findings: tuple[Finding, ...]

    @property
    def wide(self) -> bool:
        """Whether the field needs the full width."""
        return isinstance(self.bound.field.widget, forms.Textarea)


@dataclass(frozen=True)
class GroupRows:
    """A group of fields, the advanced ones apart. `open` when an advanced one needs to be seen."""

    name: str
    rows: tuple[FieldRow, ...]
    advanced: tuple[FieldRow, ...]
    rules: tuple[str, ...] = ()

    @property
    def open(self) -> bool:
        """Whether the advanced fields must be in view."""
        return any(row.findings or row.bound.errors for row in self.advanced)


@dataclass(frozen=True)
class Parameters:
    """The parameter form, laid out."""

    form: ParameterForm
    size: FieldRow | None
    groups: tuple[GroupRows, ...]

    @property
    def rows(self) -> tuple[FieldRow, ...]:
        """All fields, for the notes beside them."""
        inner = [row for group in self.groups for row in (*group.rows, *group.advanced)]
        return tuple(inner if self.size is None else [self.size, *inner])


def lay_out(form: ParameterForm, findings: Iterable[Finding]) -> Parameters:
    """Put each finding at its field; the size stands apart from the groups."""
    _keep_what_was_sent(form)
    at: dict[str, list[Finding]] = {}
    for finding in findings:
        at.setdefault(finding.where, []).append(finding)
    size_name = form.manifest.sizes.parameter if form.manifest.sizes is not None else None

    def rows(bounds: Iterable[BoundField]) -> tuple[FieldRow, ...]:
        return tuple(FieldRow(b, tuple(at.get(b.name, ()))) for b in bounds if b.name != size_name)

    groups = [GroupRows(g.name, rows(g.fields), rows(g.advanced), g.rules) for g in form.groups()]
    size = None
    if size_name is not None and size_name in form.fields:
        size = FieldRow(form[size_name], tuple(at.get(size_name, ())))
    return Parameters(form, size, tuple(group for group in groups if group.rows or group.advanced))


def _keep_what_was_sent(form: ParameterForm) -> None:
    """Let each select show the value that was sent even where it is not offered, beside the refusal of it."""
    if not form.is_bound:
        return
    for bound in form:
        widget, value = bound.field.widget, bound.value()
        if not isinstance(widget, forms.Select) or not isinstance(value, str) or not value:
            continue
        if value not in {str(choice) for choice, _ in widget.choices}:
            widget.choices = [*widget.choices, (value, value)]


def elsewhere(form: ParameterForm, findings: Iterable[Finding], *, ttl: bool = False) -> tuple[Finding, ...]:
    """Return the findings that no field can show; `ttl`: the page has a field for the time to live."""
    return tuple(
        finding
        for finding in findings
        if finding.where not in form.fields and not (ttl and finding.where == TTL)
    )


def at_ttl(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return what is said of the time to live."""
    return tuple(finding for finding in findings if finding.where == TTL)


def corrected(data: QueryDict) -> QueryDict:
    """Return what was sent with the correction that was chosen beside a finding; the page is then shown anew.

    The button of a finding sends `fix`: the field and the value that the rule suggests.
    """
    field, chosen, value = data.get("fix", "").partition("=")
    if not chosen:
        return data
    mended = data.copy()
    mended[field], mended["action"] = value, "refresh"
    return mended


def add_errors(refusal: Refusal, *bound: forms.Form) -> bool:
    """Put a refusal's errors at their fields; return whether every one found its place."""
    placed = bool(refusal.errors)
    for error in refusal.errors:
        field = error.field.partition(".")[0].partition("[")[0]
        form = next((one for one in bound if field in one.fields), None)
        if form is None:
            placed = False
        elif field not in form.errors:
            form.add_error(field, forms.ValidationError(sentence(error.message), code=error.code))
    return placed


def sentence(text: str) -> str:
    """Begin with a capital and end with a full stop."""
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."
