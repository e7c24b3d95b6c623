"""JSON Schema 2020-12 of a version's parameters, as the form, the API and other tools read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from catalog import manifest as manifests
from catalog.constraints import Constraint, same_json
from catalog.manifest import Guardrail, Manifest
from catalog.manifest_check import permits
from catalog.parameter_types import MAX_STRING_CHARS, ParameterType
from catalog.parameters import name_rule, prefilled
from catalog.spec import MISSING, Parameter, ParameterSpec, thawed

if TYPE_CHECKING:
    from catalog.models import CatalogItemVersion

DIALECT = "https://json-schema.org/draft/2020-12/schema"
EXTENSION = "x-drawbridge"


def version_schema(version: CatalogItemVersion, environment: str | None = None) -> dict[str, Any]:
    """Return the schema of the parameters of a version; see `parameter_schema`."""
    return parameter_schema(
        manifests.from_json(version.manifest), ParameterSpec.from_json(version.parameter_spec), environment
    )


def parameter_schema(
    manifest: Manifest, spec: ParameterSpec, environment: str | None = None
) -> dict[str, Any]:
    """Return the JSON Schema of the `parameters` of an order.

    With an environment, enums and bounds are narrowed to what the hard-mandatory guardrails let pass there, and the
    defaults are those that the environment's preset and default size would fill in.
    """
    values = prefilled(manifest, spec, environment)
    properties: dict[str, Any] = {}
    if manifest.sizes is not None:
        size = _size_schema(manifest, environment)
        if size is not None:
            properties[manifest.sizes.parameter] = size
    required: list[str] = []
    for parameter in spec:
        if parameter.name in manifest.hidden:
            continue
        default = values.get(parameter.name, MISSING)
        rules = manifest.hard_guardrails(parameter.name, environment) if environment is not None else ()
        properties[parameter.name] = property_schema(parameter, default, rules, environment or "")
        if default is MISSING and (
            environment is not None or not _filled_somewhere(manifest, parameter.name)
        ):
            required.append(parameter.name)
    pattern, rule = name_rule(manifest, spec)
    about: dict[str, Any] = {
        "item": manifest.slug,
        "version": manifest.version,
        "name": {"pattern": pattern, "rule": rule},
    }
    if environment is not None:
        about["environment"] = environment
    schema: dict[str, Any] = {
        "$schema": DIALECT,
        "title": f"Parameters of {manifest.name} {manifest.version}",
        "description": manifest.summary,
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        EXTENSION: about,
    }
    if required:
        schema["required"] = required
    return schema


def property_schema(
    parameter: Parameter, default: Any, rules: tuple[Guardrail, ...] = (), environment: str = ""
) -> dict[str, Any]:
    """Return the schema of one parameter, narrowed by the rules."""
    schema = type_schema(parameter.type, nullable=parameter.nullable)
    if parameter.label:
        schema["title"] = parameter.label
    description = parameter.help or parameter.description
    if description:
        schema["description"] = description
    if default is not MISSING:
        schema["default"] = default
    if parameter.example is not MISSING:
        schema["examples"] = [thawed(parameter.example)]
    for constraint in parameter.constraints:
        _constrain(schema, constraint, parameter.type)
    allowed = allowed_values(parameter, rules, environment)
    if allowed is not None:
        schema["enum"] = [*allowed, None] if parameter.nullable and None not in allowed else list(allowed)
    for rule in rules:
        if rule.kind == "minimum":
            schema["minimum"] = max(
                schema.get("minimum", rule.environments[environment]), rule.environments[environment]
            )
        elif rule.kind == "maximum":
            schema["maximum"] = min(
                schema.get("maximum", rule.environments[environment]), rule.environments[environment]
            )
    extension = _extension(parameter)
    if rules:
        extension["guardrails"] = [{"rule": rule.rule, "why": rule.why} for rule in rules]
    if extension:
        schema[EXTENSION] = extension
    return schema


def allowed_values(
    parameter: Parameter, rules: tuple[Guardrail, ...] = (), environment: str = ""
) -> tuple[Any, ...] | None:
    """Return the values that the module and the rules leave to choose from, small to large where a rule orders them.

    None when the value is free.
    """
    allowed = parameter.enum
    for rule in rules:
        wanted: tuple[Any, ...]
        if rule.kind == "allowed":
            wanted = tuple(thawed(one) for one in rule.environments[environment])
        elif rule.kind == "required_value":
            wanted = (thawed(rule.environments[environment]),)
        else:
            if allowed is not None:
                allowed = tuple(value for value in allowed if permits(rule, environment, value))
            continue
        if rule.order:
            wanted = tuple(
                one for one in thawed(rule.order) if any(same_json(one, other) for other in wanted)
            )
        if allowed is not None:
            wanted = tuple(one for one in wanted if any(same_json(one, other) for other in allowed))
        allowed = wanted
    return allowed


def type_schema(of: ParameterType, *, nullable: bool = False) -> dict[str, Any]:
    """Return the schema that the type alone asks for."""
    schema: dict[str, Any]
    match of.kind:
        case "string":
            schema = {"type": "string", "maxLength": MAX_STRING_CHARS}
        case "number":
            schema = {"type": "number"}
        case "bool":
            schema = {"type": "boolean"}
        case "list" | "set":
            schema = {"type": "array", "items": type_schema(of.element or ParameterType("any"))}
        case "map":
            schema = {
                "type": "object",
                "additionalProperties": type_schema(of.element or ParameterType("any")),
            }
        case "tuple":
            schema = {
                "type": "array",
                "prefixItems": [type_schema(element) for element in of.elements],
                "minItems": len(of.elements),
                "maxItems": len(of.elements),
            }
        case "object":
            schema = {
                "type": "object",
                "properties": {a.name: type_schema(a.type, nullable=a.optional) for a in of.attributes},
                "required": [a.name for a in of.attributes if not a.optional],
                "additionalProperties": False,
            }
        case _:
            schema = {}
    if nullable and "type" in schema:
        schema["type"] = [schema["type"], "null"]
    return schema


def _constrain(schema: dict[str, Any], constraint: Constraint, of: ParameterType) -> None:
    """Add one constraint of the module; `enum` is added by `allowed_values`."""
    value = constraint.value
    match constraint.kind:
        case "minimum":
            schema["minimum"] = max(schema.get("minimum", value), value)
        case "maximum":
            schema["maximum"] = min(schema.get("maximum", value), value)
        case "above":
            schema["exclusiveMinimum"] = max(schema.get("exclusiveMinimum", value), value)
        case "below":
            schema["exclusiveMaximum"] = min(schema.get("exclusiveMaximum", value), value)
        case "min_length":
            key = _length_key("min", of)
            schema[key] = max(schema.get(key, value), value, 0)
        case "max_length":
            key = _length_key("max", of)
            schema[key] = max(min(schema.get(key, value), value), 0)
        case "pattern" if "pattern" not in schema:
            schema["pattern"] = value
        case "pattern":
            schema.setdefault("allOf", []).append({"pattern": value})
        case "not_pattern":
            schema.setdefault("allOf", []).append({"not": {"type": "string", "pattern": value}})
        case "whole":
            schema["type"] = ["integer", "null"] if isinstance(schema.get("type"), list) else "integer"
        case "each" if of.element is not None:
            for inner in value:
                if inner.kind == "one_of":
                    schema["items"]["enum"] = list(inner.value)
                else:
                    _constrain(schema["items"], inner, of.element)


def _length_key(which: str, of: ParameterType) -> str:
    if of.kind == "string":
        return f"{which}Length"
    return f"{which}Properties" if of.kind == "map" else f"{which}Items"


def _size_schema(manifest: Manifest, environment: str | None) -> dict[str, Any] | None:
    sizes = manifest.sizes
    assert sizes is not None
    choices = sizes.in_environment(environment)
    if not choices:
        return None
    schema: dict[str, Any] = {
        "type": "string",
        "title": "Size",
        "description": "Fills in several parameters at once; a parameter that is given itself wins.",
        "enum": list(choices),
    }
    extension: dict[str, Any] = {"label": "Size", "group": "Size", "advanced": False, "pseudo": True}
    if environment is not None:
        if environment in sizes.default:
            schema["default"] = sizes.default[environment]
        extension["choices"] = thawed(sizes.choices[environment])
    schema[EXTENSION] = extension
    return schema


def _filled_somewhere(manifest: Manifest, name: str) -> bool:
    if any(name in preset for preset in manifest.presets.values()):
        return True
    choices = manifest.sizes.choices.values() if manifest.sizes is not None else ()
    return any(name in values for sizes in choices for values in sizes.values())


def _extension(parameter: Parameter) -> dict[str, Any]:
    found: dict[str, Any] = {
        key: getattr(parameter, key)
        for key in ("label", "group", "unit", "consequence")
        if getattr(parameter, key)
    }
    found["advanced"] = parameter.advanced
    if parameter.multiline:
        found["multiline"] = True
    if parameter.conditions:
        found["conditions"] = [condition.message or condition.text for condition in parameter.conditions]
    return found
