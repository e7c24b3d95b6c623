"""The order form's parameters: one field per parameter, filled in for the environment, judged as the API judges.

A field only turns text into a value; whether the value is allowed is decided by `catalog.parameters.fill` for the form
and the API alike. Rules that depend on the environment (guardrails) narrow the choices that are offered, but a value
outside them is passed on, so that the refusal names the rule and the nearest allowed value.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from django import forms
from django.forms.boundfield import BoundField

from catalog import manifest as manifests
from catalog.conditions import understood
from catalog.constraints import same_json, shown
from catalog.json_schema import allowed_values
from catalog.manifest import Manifest
from catalog.models import CatalogItemVersion
from catalog.parameter_types import MAX_STRING_CHARS
from catalog.parameters import Filled, fill, prefilled
from catalog.spec import MISSING, Parameter, ParameterSpec, thawed

MAX_TEXT_CHARS: Final = 64 * 1024
SHOWN_FOR: Final = "shown_for"
DEFAULT_GROUP: Final = "General"
_NOTHING: Final = object()


@dataclass(frozen=True)
class FieldGroup:
    """Fields that belong together; `advanced` are those that most people leave alone.

    `rules` are the module's rules about them that only Terraform can judge, when it plans.
    """

    name: str
    fields: tuple[BoundField, ...]
    advanced: tuple[BoundField, ...]
    rules: tuple[str, ...] = ()


class ParameterField(forms.Field):
    """One parameter. Cleans to its value, or to `_NOTHING` when the field was left empty."""

    def __init__(self, parameter: Parameter, widget: forms.Widget, *, prefill: Any, **kwargs: Any) -> None:
        super().__init__(required=False, widget=widget, **kwargs)
        self.parameter = parameter
        self.prefill = prefill
        self.group = parameter.group or DEFAULT_GROUP
        self.advanced = parameter.advanced
        self.unit = parameter.unit
        self.consequence = parameter.consequence
        self.example = "" if parameter.example is MISSING else _as_text(parameter, parameter.example)

    def prepare_value(self, value: Any) -> Any:
        """Return what the widget shows for a value; text that came from the browser is shown as it was typed."""
        if isinstance(self.widget, forms.CheckboxInput):
            return value is True
        return value if isinstance(value, str) else _as_text(self.parameter, value)

    def clean(self, value: Any) -> Any:
        """Return the value that the text stands for. Raises ValidationError when it stands for none."""
        return _from_text(self.parameter, value)

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Tell whether the text differs from the initial value."""
        return bool(self.prepare_value(initial) != data)


class ParameterForm(forms.Form):
    """The parameters of one version for one environment; made by `build_form`."""

    def __init__(
        self,
        manifest: Manifest,
        spec: ParameterSpec,
        environment: str,
        parameter_fields: Mapping[str, forms.Field],
        data: Mapping[str, Any] | None,
        prefix: str | None,
    ) -> None:
        super().__init__(data, prefix=prefix)
        self.manifest = manifest
        self.spec = spec
        self.environment = environment
        self.filled: Filled | None = None
        self._given: dict[str, Any] = {}
        self.fields.update(parameter_fields)

    def given(self) -> dict[str, Any]:
        """Return what the person decided, as the API would be given it: only what differs from what was filled in.

        A field that still holds what the form was shown with was not decided, so that choosing another size changes it.
        Call after is_valid().
        """
        return dict(self._given)

    def groups(self) -> list[FieldGroup]:
        """Return the fields by group, in the manifest's order; the size comes first."""
        names: dict[str, list[BoundField]] = {}
        for bound in self:
            if not bound.is_hidden:
                names.setdefault(getattr(bound.field, "group", DEFAULT_GROUP), []).append(bound)
        return [
            FieldGroup(
                name,
                tuple(b for b in bounds if not getattr(b.field, "advanced", False)),
                tuple(b for b in bounds if getattr(b.field, "advanced", False)),
                _rules_of(bounds),
            )
            for name, bounds in names.items()
        ]

    def clean(self) -> dict[str, Any]:
        """Judge the values together, exactly as the API does, and put each problem at its field."""
        cleaned = super().clean() or {}
        self._given = self._decided(cleaned)
        self.filled = fill(self.manifest, self.spec, self.environment, self._given, frozenset(self.errors))
        for problem in self.filled.problems:
            name = problem.field.partition(".")[0].partition("[")[0]
            where = name if name in self.fields else None
            if where is not None and where in self.errors:
                continue
            inside = problem.field[len(name) :]
            text = f"{inside}: {problem.message}" if inside else problem.message
            self.add_error(where, forms.ValidationError(_sentence(text), code=problem.code))
        return cleaned

    def _decided(self, cleaned: Mapping[str, Any]) -> dict[str, Any]:
        shown_for = str(cleaned.get(SHOWN_FOR) or "")
        environment, _, size = shown_for.partition(":")
        environment = environment or self.environment
        baseline = prefilled(self.manifest, self.spec, environment, size or None)
        found: dict[str, Any] = {}
        sizes = self.manifest.sizes
        if sizes is not None and cleaned.get(sizes.parameter):
            chosen = cleaned[sizes.parameter]
            if chosen != sizes.default.get(environment):
                found[sizes.parameter] = chosen
        for name, value in cleaned.items():
            if name not in self.spec:
                continue
            before = baseline.get(name, MISSING)
            if value is _NOTHING:
                if self.spec[name].type.kind in ("list", "set") and before:
                    found[name] = []
            elif before is MISSING or not _same(before, value):
                found[name] = value
        return found


def build_form(
    version: CatalogItemVersion,
    environment: str,
    *,
    data: Mapping[str, Any] | None = None,
    initial: Mapping[str, Any] | None = None,
    prefix: str | None = None,
) -> ParameterForm:
    """Return the form of a version's parameters for an environment.

    `data` is what a browser sent. `initial` is what was decided before, in the API's form (an earlier `given()`, or the
    parameters of a workspace), shown on top of what the environment and the size fill in.
    """
    manifest, spec = manifests.from_json(version.manifest), ParameterSpec.from_json(version.parameter_spec)
    decided = dict(initial or {})
    size = _shown_size(manifest, environment, decided)
    values = prefilled(manifest, spec, environment, size)
    fields: dict[str, forms.Field] = {}
    if manifest.sizes is not None and manifest.sizes.in_environment(environment):
        fields[manifest.sizes.parameter] = _size_field(manifest, spec, environment, size)
    for parameter in spec:
        if parameter.name not in manifest.hidden:
            value = decided.get(parameter.name, values.get(parameter.name, MISSING))
            fields[parameter.name] = _parameter_field(manifest, parameter, environment, value)
    # What the form was shown with: only a difference from that is a person's decision.
    fields[SHOWN_FOR] = forms.CharField(
        required=False, widget=forms.HiddenInput, initial=f"{environment}:{size or ''}", max_length=200
    )
    return ParameterForm(manifest, spec, environment, fields, data, prefix)


def _shown_size(manifest: Manifest, environment: str, decided: Mapping[str, Any]) -> str | None:
    if manifest.sizes is None:
        return None
    wanted = decided.get(manifest.sizes.parameter)
    if isinstance(wanted, str) and wanted in manifest.sizes.in_environment(environment):
        return wanted
    return manifest.sizes.default.get(environment)


def _rules_of(bounds: list[BoundField]) -> tuple[str, ...]:
    """Return the messages of what the portal cannot judge: somebody should know before the plan fails."""
    parameters = [b.field.parameter for b in bounds if isinstance(b.field, ParameterField)]
    messages = [
        _sentence(condition.message)
        for parameter in parameters
        for condition in parameter.conditions
        if condition.message and not understood(condition.text)
    ]
    return tuple(dict.fromkeys(messages))


class _OpenChoiceField(forms.ChoiceField):
    """A choice that passes on what it does not offer; the size is judged with everything else."""

    group = "Size"
    advanced = False
    unit = ""
    consequence = ""

    def valid_value(self, value: Any) -> bool:
        return True


def _size_field(manifest: Manifest, spec: ParameterSpec, environment: str, size: str | None) -> forms.Field:
    sizes = manifest.sizes
    assert sizes is not None
    choices = []
    for name in sizes.in_environment(environment):
        values = sizes.choices[environment][name]
        parts = [f"{shown(values[p.name])}{' ' + p.unit if p.unit else ''}" for p in spec if p.name in values]
        choices.append((name, f"{name} ({', '.join(parts)})" if parts else name))
    return _OpenChoiceField(
        choices=choices,
        initial=size,
        required=False,
        label="Size",
        help_text="Fills in several parameters at once; one that you change yourself wins.",
    )


def _parameter_field(
    manifest: Manifest, parameter: Parameter, environment: str, value: Any
) -> ParameterField:
    prefill = None if value is MISSING else value
    return ParameterField(
        parameter,
        _widget(manifest, parameter, environment, prefill),
        prefill=prefill,
        initial=prefill,
        label=parameter.label or parameter.name.replace("_", " ").capitalize(),
        help_text=parameter.help or parameter.description,
    )


def _widget(manifest: Manifest, parameter: Parameter, environment: str, value: Any) -> forms.Widget:
    kind = parameter.type.kind
    rules = manifest.hard_guardrails(parameter.name, environment)
    if kind == "bool":
        if not parameter.nullable and value is not None:
            return forms.CheckboxInput()
        return forms.Select(choices=[("", "---------"), ("true", "Yes"), ("false", "No")])
    allowed = allowed_values(parameter, rules, environment)
    if allowed is not None and kind in ("string", "number"):
        options = [one for one in allowed if one is not None]
        if value is not None and not any(same_json(value, one) for one in options):
            options.append(value)
        blank = [("", "---------")] if parameter.nullable or value is None else []
        return forms.Select(choices=[*blank, *((shown(one), shown(one)) for one in options)])
    if kind == "string" and not parameter.multiline:
        return forms.TextInput(attrs=_text_attributes(parameter))
    if kind == "number":
        return forms.NumberInput(attrs=_number_attributes(parameter, manifest, environment))
    if kind == "string" or _one_per_line(parameter):
        return forms.Textarea(attrs={"rows": "3"})
    return forms.Textarea(attrs={"rows": "5", "spellcheck": "false"})


def _text_attributes(parameter: Parameter) -> dict[str, str]:
    attributes = {"maxlength": str(min(parameter.max_length or MAX_STRING_CHARS, MAX_STRING_CHARS))}
    if parameter.example is not MISSING:
        attributes["placeholder"] = f"for example {_as_text(parameter, parameter.example)}"
    return attributes


def _number_attributes(parameter: Parameter, manifest: Manifest, environment: str) -> dict[str, str]:
    lows = [parameter.minimum] if parameter.minimum is not None else []
    highs = [parameter.maximum] if parameter.maximum is not None else []
    for rule in manifest.hard_guardrails(parameter.name, environment):
        if rule.kind == "minimum":
            lows.append(rule.environments[environment])
        elif rule.kind == "maximum":
            highs.append(rule.environments[environment])
    attributes = {"step": "1" if parameter.whole else "any"}
    if lows:
        attributes["min"] = str(max(lows))
    if highs:
        attributes["max"] = str(min(highs))
    return attributes


def _one_per_line(parameter: Parameter) -> bool:
    element = parameter.type.element
    return (
        parameter.type.kind in ("list", "set")
        and element is not None
        and element.kind in ("string", "number")
    )


def _as_text(parameter: Parameter, value: Any) -> Any:
    """Return the text that stands for a value in its field (empty for nothing)."""
    if value is None or value is MISSING or value is _NOTHING:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if _one_per_line(parameter) and isinstance(value, list | tuple):
        return "\n".join(str(item) for item in value)
    if isinstance(value, list | tuple | Mapping) or parameter.type.kind not in ("string", "number"):
        return json.dumps(thawed(value), indent=2, ensure_ascii=False)
    return str(value)


def _from_text(parameter: Parameter, raw: Any) -> Any:
    kind = parameter.type.kind
    if kind == "bool":
        if isinstance(raw, bool):
            return raw
        text = str(raw or "").strip().lower()
        if text in ("true", "false"):
            return text == "true"
        if not text:
            return _NOTHING
        raise forms.ValidationError("Choose yes or no.", code="wrong_type")
    text = "" if raw is None else str(raw).replace("\r\n", "\n").replace("\r", "\n")
    if len(text) > MAX_TEXT_CHARS:
        raise forms.ValidationError(
            f"Has {len(text)} characters; at most {MAX_TEXT_CHARS} are read.", code="too_long"
        )
    if not parameter.multiline or kind != "string":
        text = text.strip(" \n\t")
    if not text:
        return _NOTHING
    if kind == "string":
        return text
    if kind == "number":
        return _number(text)
    if _one_per_line(parameter):
        items = [line.strip(" \t") for line in text.split("\n") if line.strip(" \t")]
        assert parameter.type.element is not None
        return items if parameter.type.element.kind == "string" else [_number(item) for item in items]
    return _json(text)


def _number(text: str) -> int | float:
    try:
        number = Decimal(text) if len(text) <= 40 and text.isascii() and "_" not in text else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite() or abs(number.adjusted()) > 300:
        raise forms.ValidationError("Write a number such as 20 or 0.5.", code="wrong_type")
    return int(number) if number == number.to_integral_value() else float(number)


def _json(text: str) -> Any:
    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is no JSON")

    try:
        return json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise forms.ValidationError(
            f'Write JSON such as ["a", "b"] or {{"key": "value"}}: {shown(str(error))}', code="wrong_type"
        ) from error


def _same(left: Any, right: Any) -> bool:
    """Compare values as JSON does, deeply: 1 equals 1.0, true is not 1."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(_same(a, b) for a, b in zip(left, right, strict=True))
    return same_json(left, right)


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."
