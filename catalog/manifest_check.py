"""Check a manifest against its module: everything that would make an order fail is said when the catalog is synced."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from catalog import manifest as manifests
from catalog.conditions import holds
from catalog.constraints import same_json, shown
from catalog.lifecycle import DEPRECATED, DRAFT, MATURITIES, PUBLISHED, Deprecation
from catalog.manifest import Guardrail, Manifest
from catalog.manifest_file import schema_problems
from catalog.problems import ManifestProblem
from catalog.spec import MISSING, ParameterSpec, thawed
from catalog.variables import ReadVariables
from catalog.versions import VERSION_MAX_LENGTH, VERSION_PATTERN, version_key
from catalog.yaml_file import LocatedDocument, UnreadableFile, did_you_mean, read_document


@dataclass(frozen=True)
class ReadManifest:
    """The outcome of reading a manifest; `manifest` and `spec` are None when anything is wrong."""

    manifest: Manifest | None
    spec: ParameterSpec | None
    problems: tuple[ManifestProblem, ...]
    document: LocatedDocument | None = None


def read_manifest(
    text: str,
    variables: ReadVariables,
    *,
    slug: str,
    file: str = "catalog.yaml",
    variables_file: str = "variables.tf",
) -> ReadManifest:
    """Return the manifest in `text` for the module that declares `variables`, or every problem with either."""
    try:
        document = read_document(text, file)
    except UnreadableFile as error:
        return ReadManifest(None, None, (*error.problems, *variables.problems))
    if isinstance(document.data, dict) and document.data.get("lifecycle") in MATURITIES:
        word = document.data["lifecycle"]
        reason = (
            f"{word} says how far it can be relied on; write `lifecycle: published` and `maturity: {word}`"
        )
        return ReadManifest(None, None, (document.problem(("lifecycle",), reason),), document)
    problems = schema_problems(document) or lifecycle_problems(document, slug)
    if problems:
        return ReadManifest(None, None, (*problems, *variables.problems), document)
    manifest = manifests.from_json(document.data | {"slug": slug})
    if variables.problems:
        # Cross-checks against half-read variables would blame the manifest for what the module did.
        return ReadManifest(None, None, variables.problems, document)
    check = _Check(document, manifest, variables, variables_file)
    found = check.run()
    if found:
        return ReadManifest(None, None, tuple(found), document)
    return ReadManifest(manifest, variables.spec.with_help(manifest.parameters), (), document)


def environment_problems(document: LocatedDocument, known: Iterable[str]) -> list[ManifestProblem]:
    """Return a problem for each environment that does not exist: a guardrail for `prodution` would guard nothing."""
    names = sorted(known)
    places: list[tuple[str | int, ...]] = [("presets", name) for name in document.data.get("presets", {})]
    sizes = document.data.get("sizes", {})
    places += [("sizes", part, name) for part in ("default", "choices") for name in sizes.get(part, {})]
    for index, guardrail in enumerate(document.data.get("guardrails", [])):
        places += [("guardrails", index, "environments", name) for name in guardrail["environments"]]
    return [
        document.problem(
            place,
            f"there is no environment {place[-1]}{did_you_mean(str(place[-1]), names)} (known: {', '.join(names)})",
        )
        for place in places
        if place[-1] not in names
    ]


def lifecycle_problems(document: LocatedDocument, slug: str) -> list[ManifestProblem]:
    """Return what is wrong with a manifest's lifecycle, whose form is right."""
    data = document.data
    found = _standing_problems(document, (), data, slug, data["version"])
    for version, standing in data.get("earlier_versions", {}).items():
        place = ("earlier_versions", version)
        if not re.match(VERSION_PATTERN, version) or len(version) > VERSION_MAX_LENGTH:
            found.append(document.problem(place, f"{shown(version)} is no semantic version such as 1.0.0"))
        elif re.match(VERSION_PATTERN, data["version"]) and version_key(version) >= version_key(
            data["version"]
        ):
            found.append(document.problem(place, f"is not earlier than this version, {data['version']}"))
        else:
            found += _standing_problems(document, place, standing, slug, version)
    return found


def _standing_problems(
    document: LocatedDocument, place: tuple[str | int, ...], data: Mapping[str, Any], slug: str, version: str
) -> list[ManifestProblem]:
    lifecycle, written = data["lifecycle"], data.get("deprecation")
    where = (*place, "deprecation")
    if written is None:
        if lifecycle != DEPRECATED:
            return []
        reason = "deprecated needs a deprecation: since when, until when, the successor and why"
        return [document.problem((*place, "lifecycle"), reason)]
    if lifecycle in (DRAFT, PUBLISHED):
        return [
            document.problem(where, f"the version is {lifecycle}; say lifecycle: deprecated, or leave it out")
        ]
    problems = []
    for key in ("since", "until"):
        try:
            date.fromisoformat(written.get(key, "2000-01-01"))
        except ValueError:
            problems.append(
                document.problem((*where, key), f"{shown(written[key])} is no date of the calendar")
            )
    if problems:
        return problems
    deprecation = Deprecation.from_json(written)
    if deprecation.until is not None and deprecation.until < deprecation.since:
        problems.append(document.problem((*where, "until"), "lies before since"))
    successor = deprecation.successor_version
    if successor and not re.match(VERSION_PATTERN, successor):
        problems.append(
            document.problem(
                (*where, "successor"), f"{shown(successor)} is no semantic version such as 1.0.0"
            )
        )
    if deprecation.successor_item == slug and successor in ("", version):
        what = "its own successor" if successor else "this item itself; name a version of it, as slug@version"
        problems.append(document.problem((*where, "successor"), f"is {what}"))
    return problems


class _Check:
    """All cross-checks of one manifest; collects problems with their places."""

    def __init__(
        self, document: LocatedDocument, manifest: Manifest, variables: ReadVariables, variables_file: str
    ) -> None:
        self.document = document
        self.manifest = manifest
        self.variables = variables
        self.spec = variables.spec
        self.variables_file = variables_file
        self.found: list[ManifestProblem] = []

    def run(self) -> list[ManifestProblem]:
        self.check_version()
        self.check_variables()
        self.check_named_variables()
        self.check_values(("presets",), self.manifest.presets)
        if self.manifest.sizes is not None:
            self.check_sizes()
        for index, guardrail in enumerate(self.manifest.guardrails):
            self.check_guardrail(("guardrails", index), guardrail)
        self.check_estimate()
        if not self.found:
            self.check_prefilled()
        return sorted(set(self.found), key=lambda p: (p.file, p.line, p.reason))

    def say(self, path: tuple[str | int, ...], reason: str) -> None:
        self.found.append(self.document.problem(path, reason))

    def known(self, path: tuple[str | int, ...], name: str) -> bool:
        if name in self.spec:
            return True
        self.say(path, f"the module has no variable {name}{did_you_mean(name, self.spec.names)}")
        return False

    def check_version(self) -> None:
        version = self.manifest.version
        if not re.match(VERSION_PATTERN, version) or len(version) > VERSION_MAX_LENGTH:
            self.say(("version",), f"{shown(version)} is no semantic version such as 1.0.0")
        changelog = [change.version for change in self.manifest.changelog]
        if changelog and version not in changelog:
            self.say(("changelog",), f"says nothing about version {version}; add an entry")

    def check_variables(self) -> None:
        sizes = self.manifest.sizes
        for parameter in self.spec:
            line = self.variables.lines.get(parameter.name, 0)
            if parameter.sensitive:
                self.found.append(
                    ManifestProblem(
                        self.variables_file,
                        line,
                        f"variable {parameter.name} is sensitive: secrets do not go through the portal's "
                        "parameters. Let the module make the secret, or read it by its name",
                    )
                )
            if sizes is not None and parameter.name == sizes.parameter:
                self.say(
                    ("sizes", "parameter"),
                    f"{sizes.parameter} is also a variable of the module; choose another name",
                )

    def check_named_variables(self) -> None:
        manifest = self.manifest
        if self.known(("name_variable",), manifest.name_variable):
            of = self.spec[manifest.name_variable].type
            if of.kind != "string":
                self.say(("name_variable",), f"{manifest.name_variable} must be a string, but is {of}")
        if manifest.environment_variable is not None:
            self.known(("environment_variable",), manifest.environment_variable)
        for index, name in enumerate(manifest.derived):
            if self.known(("derived", index), name) and name not in (
                manifest.name_variable,
                manifest.environment_variable,
            ):
                parameter = self.spec[name]
                if parameter.required:
                    self.say(
                        ("derived", index),
                        f"{name} has no default and the portal has nothing to fill it with",
                    )
        for name in manifest.parameters:
            self.known(("parameters", name), name)
            if name in self.spec and "example" in manifest.parameters[name]:
                self.check_value(("parameters", name, "example"), name, manifest.parameters[name]["example"])
        protection = manifest.protection
        if protection is None or not self.known(("protection", "parameter"), protection):
            return
        of = self.spec[protection].type
        if of.kind != "bool":
            self.say(("protection", "parameter"), f"{protection} must be a bool, but is {of}")

    def check_values(
        self, path: tuple[str | int, ...], by_environment: Mapping[str, Mapping[str, Any]]
    ) -> None:
        for environment, values in by_environment.items():
            for name, value in values.items():
                self.check_value((*path, environment, name), name, value)

    def check_value(self, path: tuple[str | int, ...], name: str, value: Any) -> None:
        if not self.known(path, name):
            return
        if name in self.manifest.hidden:
            self.say(path, f"{name} is filled in by the portal; leave it out")
            return
        for problem in self.spec[name].check(thawed(value))[1]:
            self.say(path, f"{name}{problem.path} {problem.message}")

    def check_sizes(self) -> None:
        sizes = self.manifest.sizes
        assert sizes is not None
        for environment, choices in sizes.choices.items():
            self.check_values(("sizes", "choices", environment), choices)
        for environment, size in sizes.default.items():
            path = ("sizes", "default", environment)
            if environment not in sizes.choices:
                self.say(path, f"there are no sizes for {environment}")
            elif size not in sizes.choices[environment]:
                self.say(path, f"{size} is no size of {environment}: {', '.join(sizes.choices[environment])}")
        for environment in sizes.choices:
            if environment not in sizes.default:
                self.say(("sizes", "choices", environment), f"sizes.default names no size for {environment}")

    def check_guardrail(self, path: tuple[str | int, ...], guardrail: Guardrail) -> None:
        rules = [other.rule for other in self.manifest.guardrails]
        if rules.count(guardrail.rule) > 1:
            self.say((*path, "rule"), f"the rule {guardrail.rule} is there twice")
        if guardrail.level == manifests.SOFT_MANDATORY and guardrail.override_group is None:
            self.say((*path, "level"), "a soft-mandatory rule needs an override_group")
        if not self.known((*path, "parameter"), guardrail.parameter):
            return
        if guardrail.parameter in self.manifest.hidden:
            self.say((*path, "parameter"), f"{guardrail.parameter} is filled in by the portal")
            return
        for environment, value in guardrail.environments.items():
            self.check_guardrail_value((*path, "environments", environment), guardrail, value)

    def check_guardrail_value(self, path: tuple[str | int, ...], guardrail: Guardrail, value: Any) -> None:
        parameter = self.spec[guardrail.parameter]
        if guardrail.kind in ("minimum", "maximum"):
            if parameter.type.kind != "number":
                self.say(
                    (*path[:2], "kind"),
                    f"{guardrail.kind} needs a number, but {parameter.name} is {parameter.type}",
                )
            elif isinstance(value, bool) or not isinstance(value, int | float):
                self.say(path, f"must be a number, but is {shown(value)}")
            return
        values = value if guardrail.kind == "allowed" else (value,)
        if not isinstance(values, tuple) or not values:
            self.say(path, "must be a list with at least one allowed value")
            return
        for one in values:
            for problem in parameter.check(thawed(one))[1]:
                self.say(path, f"{shown(one)}: {problem.message}")
            if guardrail.order and not any(same_json(one, other) for other in guardrail.order):
                self.say(path, f"{shown(one)} is missing in the rule's order")

    def check_estimate(self) -> None:
        for index, row in enumerate(self.manifest.estimate):
            path = ("estimate", index)
            for name in row.when:
                self.known((*path, "when", name), name)
            self.check_references((*path, "attributes"), row.attributes)
            if isinstance(row.count, str):
                self.check_references((*path, "count"), row.count)
                if not row.count.startswith("$"):
                    self.say((*path, "count"), "must be a number or $parameter")

    def check_references(self, path: tuple[str | int, ...], value: Any) -> None:
        if isinstance(value, str) and value.startswith("$") and not value.startswith("$$"):
            self.known(path, value[1:])
        elif isinstance(value, Mapping):
            for key, inner in value.items():
                self.check_references((*path, key), inner)
        elif isinstance(value, tuple):
            for index, inner in enumerate(value):
                self.check_references((*path, index), inner)

    def check_prefilled(self) -> None:
        """Refuse a preset or size that a hard guardrail of its own environment would refuse when ordered."""
        sizes = self.manifest.sizes
        for environment in self.manifest.environments:
            choices: Mapping[str, Mapping[str, Any]] = (
                {} if sizes is None else sizes.choices.get(environment, {})
            )
            for size, of_size in choices.items() or [("", {})]:
                values = {p.name: p.default for p in self.spec if p.default is not MISSING}
                preset = self.manifest.presets.get(environment, {})
                values |= thawed({**preset, **of_size})
                self.check_conditions(environment, size, values)
                for name, value in values.items():
                    for guardrail in self.manifest.hard_guardrails(name, environment):
                        if permits(guardrail, environment, value):
                            continue
                        place: tuple[str | int, ...] = (
                            "guardrails",
                            self.manifest.guardrails.index(guardrail),
                        )
                        if name in of_size:
                            place = ("sizes", "choices", environment, size, name)
                        elif name in preset:
                            place = ("presets", environment, name)
                        self.say(
                            place,
                            f"{name} is {shown(value)} in {environment} unless someone changes it, which the "
                            f"hard-mandatory rule {guardrail.rule} refuses; change the preset, the size or the rule",
                        )

    def check_conditions(self, environment: str, size: str, values: Mapping[str, Any]) -> None:
        place = ("sizes", "choices", environment, size) if size else ("presets", environment)
        for parameter in self.spec:
            for condition in parameter.conditions:
                if holds(condition.text, values) is False:
                    reason = condition.message or f"the condition {condition.text} fails"
                    self.say(
                        place, f"together with the module's defaults, {parameter.name} is refused: {reason}"
                    )


def permits(guardrail: Guardrail, environment: str, value: Any) -> bool:
    """Tell whether a rule lets the value pass in the environment."""
    wanted = guardrail.environments.get(environment, MISSING)
    if wanted is MISSING:
        return True
    if guardrail.kind == "allowed":
        return any(same_json(value, one) for one in wanted)
    if guardrail.kind == "required_value":
        return same_json(value, wanted)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return bool(value >= wanted) if guardrail.kind == "minimum" else bool(value <= wanted)
