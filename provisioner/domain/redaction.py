"""Replace every sensitive value of a plan document, so that it may be stored and shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from provisioner.domain.plan_json import PLAIN, SENSITIVE, Path, check_depth

# Terraform never writes this key. It keeps what redaction would lose: which masked values differ before and
# after.
CHANGED_KEY = "sensitive_changed"

# Providers copy sensitive values into attributes that nobody marks (terraform_data.output for one). A text of
# this length or more that is sensitive in one place is masked everywhere; shorter ones may be ordinary words
# ("postgres").
_SCRUBBED_LENGTH = 12

_CHANGE_LISTS = ("resource_changes", "resource_drift")


def redact_plan(document: Mapping[str, object]) -> dict[str, object]:
    """Give a copy of a `terraform show -json` document with "(sensitive)" for every sensitive value.

    Terraform marks values in before_sensitive and after_sensitive; a value marked on one side is masked on
    both, since it is often the same value. The same marks are applied wherever the document repeats the
    resource (planned_values, prior_state). Variables are masked where the configuration declares them
    sensitive. Literals in the configuration carry no marks, so all of them are masked. A text of 12
    characters or more that is sensitive somewhere is masked wherever it is a whole value. Null stays null.
    Redacting twice changes nothing. Raises PlanFormatError when the document is nested too deep.
    """
    check_depth(document)
    result = {key: _copy(value) for key, value in document.items()}
    marks: dict[str, object] = {}
    found: set[str] = set()
    for key in _CHANGE_LISTS:
        for entry in _dicts(result.get(key)):
            _redact_change(entry, marks, found)
    for deferred in _dicts(result.get("deferred_changes")):
        if isinstance(change := deferred.get("resource_change"), dict):
            _redact_change(change, marks, found)
    for invocation in _dicts(result.get("action_invocations")):
        if "config_values" in invocation:
            invocation["config_values"] = _mask(
                invocation["config_values"], invocation.get("config_sensitive"), found
            )
    outputs = _redact_outputs(result.get("output_changes"), found)
    prior = result.get("prior_state")
    for values in (
        result.get("planned_values"),
        result.get("proposed_unknown"),  # OpenTofu
        prior.get("values") if isinstance(prior, dict) else None,
    ):
        if isinstance(values, dict):
            _redact_values(values, marks, outputs, found)
    _redact_variables(result, found)
    configuration = result.get("configuration")
    if isinstance(configuration, dict):
        _redact_literals(configuration, found)
    return {key: _scrub(value, found) for key, value in result.items()} if found else result


def redact_change(entry: Mapping[str, object], found: set[str]) -> dict[str, object]:
    """Give a copy of one entry of resource_changes with "(sensitive)" for its sensitive values.

    For documents too large to hold twice. The texts masked are added to `found`: `scrub` takes them out of what is read
    before and after.
    """
    copy = {key: _copy(value) for key, value in entry.items()}
    _redact_change(copy, {}, found)
    return copy


def redact_outside_changes(document: Mapping[str, object], found: set[str]) -> dict[str, object]:
    """Give a copy of a plan without its changes, redacted; the texts masked are added to `found`."""
    copy = {key: _copy(value) for key, value in document.items()}
    _redact_outputs(copy.get("output_changes"), found)
    _redact_variables(copy, found)
    return copy


def mask_paths(
    attributes: Mapping[str, object], paths: Iterable[Path], found: set[str] | None = None
) -> dict[str, object]:
    """Give a copy of `attributes` with "(sensitive)" at each path; the texts masked are added to `found`.

    A path that leads nowhere masks the innermost thing it reached: state wraps values of dynamic type once
    more, and too much is better than too little.
    """
    marks: dict[str | int, object] = {}
    for path in paths:
        _mark(marks, _reached(attributes, path))
    collected: set[str] = set() if found is None else found
    return {key: _mask(_copy(value), marks.get(key), collected) for key, value in attributes.items()}


def scrub(attributes: Mapping[str, object], found: set[str]) -> dict[str, object]:
    """Give a copy of `attributes` with "(sensitive)" for every text that is one of `found`."""
    return {key: _scrub(value, found) for key, value in attributes.items()}


def _reached(value: object, path: Path) -> Path:
    """Cut `path` down to the part that exists in `value`; () when there is nothing to mask."""
    for depth, step in enumerate(path):
        in_map = isinstance(value, Mapping) and step in value
        if not in_map and not (isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value)):
            return path[:depth] if value else ()
        value = value[step]  # type: ignore[index]
    return path


def _mark(marks: dict[str | int, object], path: Path) -> None:
    if not path:
        return
    node = marks
    for step in path[:-1]:
        child = node.setdefault(step, {})
        if not isinstance(child, dict):
            return  # an outer path already masks all of it
        node = child
    node[path[-1]] = True


def _redact_change(entry: dict[str, object], marks: dict[str, object], found: set[str]) -> None:
    change = entry.get("change")
    if not isinstance(change, dict):
        return
    before, after = change.get("before"), change.get("after")
    before_mark, after_mark = change.get("before_sensitive"), change.get("after_sensitive")
    mark = _union(before_mark, after_mark)
    if not isinstance(mark, Mapping) and _marks_any(mark):  # the whole resource: mask attribute by attribute
        mark = {key: True for side in (before, after) if isinstance(side, Mapping) for key in side} or True
    if CHANGED_KEY not in change:
        changed = _changed_paths(before, after, mark, ())
        if changed:
            change[CHANGED_KEY] = [list(path) for path in changed]
    for key, value in (("before", before), ("after", after)):
        if key in change:
            change[key] = _mask_top(value, mark, found)
    if "generated_config" in change and _marks_any(mark):
        change["generated_config"] = SENSITIVE
    address = entry.get("address")
    if isinstance(address, str):
        marks[address] = _union(marks.get(address), mark)


def _redact_outputs(outputs: object, found: set[str]) -> set[str]:
    sensitive: set[str] = set()
    if not isinstance(outputs, dict):
        return sensitive
    for name, change in outputs.items():
        if not isinstance(change, dict):
            continue
        mark = _union(change.get("before_sensitive"), change.get("after_sensitive"))
        if _marks_any(mark):
            sensitive.add(name)
        for key in ("before", "after"):
            if key in change:
                change[key] = _mask(change[key], mark, found)
    return sensitive


def _redact_values(
    values: dict[str, object], marks: Mapping[str, object], outputs: set[str], found: set[str]
) -> None:
    declared = values.get("outputs")
    for name, output in declared.items() if isinstance(declared, dict) else ():
        if isinstance(output, dict) and "value" in output and (output.get("sensitive") or name in outputs):
            output["value"] = _mask(output["value"], True, found)
    modules = [values.get("root_module")]
    while modules:
        module = modules.pop()
        if not isinstance(module, dict):
            continue
        for resource in _dicts(module.get("resources")):
            mark = _union(resource.get("sensitive_values"), marks.get(str(resource.get("address"))))
            if "values" in resource:
                resource["values"] = _mask_top(resource["values"], mark, found)
        children = module.get("child_modules")
        modules.extend(children if isinstance(children, list) else ())


def _redact_variables(result: dict[str, object], found: set[str]) -> None:
    variables = result.get("variables")
    if not isinstance(variables, dict):
        return
    configuration = result.get("configuration")
    root = configuration.get("root_module") if isinstance(configuration, dict) else None
    declared = root.get("variables") if isinstance(root, dict) else None
    for name, variable in variables.items():
        declaration = declared.get(name) if isinstance(declared, dict) else None
        plain = isinstance(declaration, dict) and not declaration.get("sensitive")
        if not plain and isinstance(variable, dict) and "value" in variable:
            variable["value"] = _mask(variable["value"], True, found if declared else set())


def _redact_literals(node: object, found: set[str]) -> None:
    """Mask literals in expressions, and the defaults of sensitive variables, in place."""
    stack = [node]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            if "constant_value" in item:
                item["constant_value"] = _mask(item["constant_value"], True, set())  # most are no secrets
            if item.get("sensitive") and "default" in item:
                item["default"] = _mask(item["default"], True, found)
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)


def _mask(value: object, mark: object, found: set[str]) -> object:
    """Mask `value` where `mark` says so: true, or the value's structure with true at the leaves."""
    if value is None or not mark:
        return value
    if isinstance(mark, Mapping) and isinstance(value, Mapping):
        return {key: _mask(item, mark.get(key), found) for key, item in value.items()}
    if isinstance(value, list) and isinstance(mark, list):
        return [
            _mask(item, mark[index] if index < len(mark) else None, found) for index, item in enumerate(value)
        ]
    if isinstance(value, list) and isinstance(mark, Mapping) and all(isinstance(key, int) for key in mark):
        return [_mask(item, mark.get(index), found) for index, item in enumerate(value)]
    if isinstance(mark, Mapping | list) and not _marks_any(mark):
        return value
    collect(value, found)
    return SENSITIVE  # true, or a mark whose shape does not fit: rather too much than too little


def _mask_top(value: object, mark: object, found: set[str]) -> object:
    """Mask an object's attributes; the object stays one, so that it can still be read as a resource."""
    if isinstance(value, Mapping) and not isinstance(mark, Mapping) and _marks_any(mark):
        return {key: _mask(item, True, found) for key, item in value.items()}
    return _mask(value, mark, found)


def _union(first: object, second: object) -> object:
    """Combine two marks: what either masks is masked."""
    if not first or not second:
        return first or second
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        return {key: _union(first.get(key), second.get(key)) for key in first.keys() | second.keys()}
    if isinstance(first, list) and isinstance(second, list):
        longer, shorter = (first, second) if len(first) >= len(second) else (second, first)
        return [
            _union(mark, shorter[index] if index < len(shorter) else None)
            for index, mark in enumerate(longer)
        ]
    return first if not _marks_any(second) else second if not _marks_any(first) else True


def _marks_any(mark: object) -> bool:
    if isinstance(mark, Mapping):
        return any(_marks_any(item) for item in mark.values())
    if isinstance(mark, list):
        return any(_marks_any(item) for item in mark)
    return bool(mark)


def _changed_paths(before: object, after: object, mark: object, path: Path) -> list[Path]:
    """Find the masked paths whose values differ; either side may be missing."""
    if not mark or before is None or after is None:
        return []
    if isinstance(mark, Mapping) and isinstance(before, Mapping) and isinstance(after, Mapping):
        return [
            found
            for key in sorted(mark)
            for found in _changed_paths(before.get(key), after.get(key), mark[key], (*path, key))
        ]
    if isinstance(mark, list) and isinstance(before, list) and isinstance(after, list):
        return [
            found
            for index, (old, new, item) in enumerate(zip(before, after, mark, strict=False))
            for found in _changed_paths(old, new, item, (*path, index))
        ]
    return [path] if _marks_any(mark) and before != after else []


def collect(value: object, found: set[str]) -> None:
    """Add the texts within a sensitive value to `found` that are too long to be ordinary words."""
    if isinstance(value, str):
        if len(value) >= _SCRUBBED_LENGTH:
            found.add(value)
    elif isinstance(value, Mapping):
        for item in value.values():
            collect(item, found)
    elif isinstance(value, list):
        for item in value:
            collect(item, found)


def _scrub(value: object, found: set[str]) -> object:
    if isinstance(value, str):
        return SENSITIVE if value in found else value
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, Mapping):
        return {key: _scrub(item, found) for key, item in value.items()}
    if isinstance(value, list):
        return [_scrub(item, found) for item in value]
    return value


def _copy(value: object) -> object:
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, Mapping):
        return {key: _copy(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_copy(item) for item in value]
    return value


def _dicts(value: object) -> list[dict[str, object]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
