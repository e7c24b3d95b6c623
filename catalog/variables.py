"""Read a module's variables.tf into a typed ParameterSpec."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import hcl2
from hcl2 import SerializationOptions
from lark.exceptions import LarkError, UnexpectedInput

from catalog import hcl
from catalog.constraints import Constraint, recognise
from catalog.parameter_types import ParameterType, TypeSyntaxError, check_value, parse_type
from catalog.problems import ManifestProblem
from catalog.spec import MISSING, Condition, Parameter, ParameterSpec

MAX_FILE_BYTES = 256 * 1024

_OPTIONS = SerializationOptions(
    strip_string_quotes=True,
    explicit_blocks=False,
    preserve_heredocs=False,
    preserve_scientific_notation=False,
    with_comments=False,
)


@dataclass(frozen=True)
class ReadVariables:
    """The outcome of reading a variables file: what could be read, every problem, and where each variable stands."""

    spec: ParameterSpec
    problems: tuple[ManifestProblem, ...]
    lines: dict[str, int]


def read_variables(text: str, file: str = "variables.tf") -> ReadVariables:
    """Return the parameters that `text` declares, in the order of their declaration; never raises for bad input."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_FILE_BYTES:
        return _failed(file, 0, f"is larger than {MAX_FILE_BYTES // 1024} KiB; split the module")
    try:
        document = hcl2.loads(text, serialization_options=_OPTIONS)
    except UnexpectedInput as error:
        line = error.line if isinstance(error.line, int) and error.line > 0 else 0
        return _failed(file, line, "is no valid Terraform; `terraform validate` explains it")
    except (LarkError, RuntimeError, ValueError) as error:
        return _failed(
            file, 0, f"is no valid Terraform ({type(error).__name__}); `terraform validate` explains it"
        )
    lines = _variable_lines(text)
    parameters: list[Parameter] = []
    problems: list[ManifestProblem] = []
    seen: set[str] = set()
    for block in document.get("variable", []):
        for name, body in block.items():
            line = lines.get(name, 0)
            if name in seen:
                problems.append(ManifestProblem(file, line, f"variable {name} is declared twice"))
                continue
            seen.add(name)
            try:
                parameters.append(_parameter(name, body))
            except (TypeSyntaxError, hcl.HclSyntaxError) as error:
                problems.append(ManifestProblem(file, line, f"variable {name}: {error}"))
    return ReadVariables(ParameterSpec(tuple(parameters)), tuple(problems), lines)


def _parameter(name: str, body: dict[str, Any]) -> Parameter:
    of = parse_type(_source(body["type"])) if "type" in body else ParameterType("any")
    default = _default(of, body["default"]) if "default" in body else MISSING
    constraints: list[Constraint] = []
    conditions: list[Condition] = []
    for validation in body.get("validation", []):
        condition = _source(validation.get("condition", ""))
        message = _text(validation.get("error_message", ""))
        found = recognise(condition, name, message)
        if found is None or not all(_suits(constraint, of) for constraint in found):
            conditions.append(Condition(condition, message))
        else:
            constraints.extend(found)
    nullable = body.get("nullable", True)
    return Parameter(
        name=name,
        type=of,
        default=default,
        # Terraform lets every variable be null unless it says otherwise, but a module means it only where null is
        # the default or `nullable = true` is written out.
        nullable=nullable is not False and (default is None or "nullable" in body),
        sensitive=body.get("sensitive", False) is not False or body.get("ephemeral", False) is not False,
        description=_text(body.get("description", "")),
        constraints=tuple(constraints),
        conditions=tuple(conditions),
    )


def _suits(constraint: Constraint, of: ParameterType) -> bool:
    """Tell whether the constraint can be judged on values of this type."""
    match constraint.kind:
        case "one_of":
            return of.kind in ("string", "number", "bool") and all(
                value is None or not check_value(of, value)[1] for value in constraint.value
            )
        case "minimum" | "maximum" | "above" | "below" | "whole":
            return of.kind == "number"
        case "min_length" | "max_length":
            return of.kind == "string" or of.is_collection
        case "pattern" | "not_pattern":
            return of.kind == "string"
        case "each":
            return (
                of.kind in ("list", "set")
                and of.element is not None
                and all(_suits(inner, of.element) for inner in constraint.value)
            )
    return False


def _source(value: Any) -> str:
    """Return an expression as its source: python-hcl2 wraps it in `${...}`, but not a plain name or literal."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text[2:-1] if text.startswith("${") and text.endswith("}") else text


def _text(value: Any) -> str:
    """Return a description or message; one with a live template is kept as written."""
    if not isinstance(value, str):
        return ""
    try:
        return hcl.unescape_template(value).strip()
    except hcl.HclSyntaxError:
        return value.strip()


def _default(of: ParameterType, raw: Any) -> Any:
    value = _constant(raw)
    if value is None:
        return None
    value = _converted(of, value)
    normal, problems = check_value(of, value, multiline=True)
    if problems:
        raise hcl.HclSyntaxError(f"the default{problems[0].path} {problems[0].message}")
    return normal


def _constant(raw: Any) -> Any:
    if isinstance(raw, str):
        try:
            return hcl.unescape_template(raw)
        except hcl.HclSyntaxError:
            raise hcl.HclSyntaxError("the default must be a constant, without expressions") from None
    if isinstance(raw, list):
        return [_constant(item) for item in raw]
    if isinstance(raw, dict):
        return {_constant(str(key)): _constant(value) for key, value in raw.items()}
    return raw


def _converted(of: ParameterType, value: Any) -> Any:
    """Convert as Terraform does between text, numbers and bools: `default = "5"` is fine for a number."""
    if of.kind == "number" and isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return value
        return int(number) if number.is_integer() else number
    if of.kind == "string" and isinstance(value, bool):
        return "true" if value else "false"
    if of.kind == "string" and isinstance(value, int | float):
        return str(value)
    if of.kind == "bool" and value in ("true", "false"):
        return value == "true"
    return value


def variable_blocks(text: str) -> list[tuple[int, str]]:
    """Return (line, name) of each variable block, found by its first line, without parsing the file."""
    found: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        match = re.match(r'\s*variable\s+"?([A-Za-z_][A-Za-z0-9_-]*)"?\s*\{', line)
        if match:
            found.append((number, match.group(1)))
    return found


def _variable_lines(text: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for number, name in variable_blocks(text):
        found.setdefault(name, number)
    return found


def _failed(file: str, line: int, reason: str) -> ReadVariables:
    return ReadVariables(ParameterSpec(), (ManifestProblem(file, line, reason),), {})
