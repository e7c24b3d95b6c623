"""catalog.yaml becomes a frozen manifest, or every problem with its place."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from jsonschema import Draft202012Validator

from catalog import manifest as manifests
from catalog.manifest_check import environment_problems, read_manifest
from catalog.manifest_file import _SCHEMA
from catalog.variables import ReadVariables, read_variables
from catalog.versions import version_key
from catalog.yaml_file import UnreadableFile, read_document

from .conftest import MODULES, read_bucket

YAML = (MODULES / "bucket" / "catalog.yaml").read_text()
VARIABLES = (MODULES / "bucket" / "variables.tf").read_text()
READ = read_variables(VARIABLES)


def problems_of(yaml: str, variables: ReadVariables | None = None) -> list[str]:
    read = read_manifest(yaml, variables or READ, slug="bucket")
    assert (read.manifest is None) is bool(read.problems)
    return [str(problem) for problem in read.problems]


def line_of(yaml: str, text: str) -> int:
    return next(number for number, line in enumerate(yaml.splitlines(), start=1) if text in line)


class TestReadDocument:
    @pytest.mark.parametrize(
        ("text", "line", "reason"),
        [
            ("a: 1\na: 2", 2, "the key a is repeated"),
            ("a: &x 1\nb: *x", 1, "anchors"),
            ("a: 1\nb: !!python/object/apply:os.system [x]", 2, "tag"),
            ("a: 1\n---\nb: 2", 2, "another document"),
            ("a:\n - b\n  c: d", 3, "no valid YAML"),
            ("? [a]\n: b", 1, "key must be plain text"),
            ('a: 1\nb: "\\ud800"', 2, "cannot be stored"),
            ('a: 1\nb: "\\0"', 2, "cannot be stored"),
            ("a: \x00", 0, "no valid YAML"),
            ("a: !!int x", 1, "cannot be read"),
            ("[" * 20, 1, "no valid YAML"),
            ("[" * 50_000, 1, "levels deep"),
            ("", 0, "empty"),
            ("#" * 300_000, 0, "larger"),
        ],
    )
    def test_refuses_with_line_and_reason(self, text, line, reason):
        with pytest.raises(UnreadableFile) as caught:
            read_document(text, "catalog.yaml")
        problem = caught.value.problems[0]
        assert (problem.line, problem.file) == (line, "catalog.yaml")
        assert reason in problem.reason

    def test_reads_only_what_looks_like_data_as_data(self):
        document = read_document(
            "a: no\nb: 1.0.0\nc: 1.5\nd: 012\ne: 2026-01-01\nf: true\ng: ~\nh: 7\ni: 1:30", "f"
        )
        assert document.data == {
            "a": "no",
            "b": "1.0.0",
            "c": 1.5,
            "d": "012",
            "e": "2026-01-01",
            "f": True,
            "g": None,
            "h": 7,
            "i": "1:30",
        }

    def test_knows_the_line_of_everything(self):
        document = read_document("a:\n  b:\n    - c: 1\n    - {d: 2}\n", "f")
        assert document.line_of(("a", "b", 1, "d")) == 4
        assert document.line_of(("a", "b", 0, "nothing")) == 3
        assert document.line_of(("nothing",)) == 1


class TestReadManifest:
    def test_takes_the_good_one(self):
        manifest, spec = read_bucket()
        assert manifest.slug == "bucket"
        assert manifest.hidden == {"name", "environment"}
        assert manifest.environments == ("development", "production")
        assert spec.names[:4] == ("owner_contact", "storage_class", "retention_days", "comment")
        assert spec["retention_days"].unit == "days"
        assert spec["comment"].multiline

    def test_survives_its_journey_through_json_that_forgets_the_order_of_keys(self):
        manifest, _ = read_bucket()
        stored = json.loads(json.dumps(manifests.to_json(manifest), sort_keys=True))
        assert manifests.from_json(stored) == manifest
        assert manifests.from_json(stored).sizes.in_environment("production") == ("medium", "large")
        assert manifests.from_json(stored).sizes.in_environment(None) == ("small", "medium", "large")

    def test_cannot_be_changed(self):
        manifest, _ = read_bucket()
        with pytest.raises(TypeError):
            manifest.presets["development"]["versioned"] = True

    def test_resolves_the_estimate(self):
        manifest, _ = read_bucket()
        found = manifest.estimate_resources(
            {"storage_class": "archive", "retention_days": 7, "versioned": True}
        )
        assert [row.address for row in found] == ["aws_s3_bucket.this", "aws_s3_bucket_versioning.this"]
        assert found[0].attributes == {"class": "archive", "price": "$5", "nested": {"days": 7}}
        assert len(manifest.estimate_resources({"versioned": False})) == 1

    @pytest.mark.parametrize(
        ("count", "addresses"), [(2, ["b[0]", "b[1]"]), (0, []), (None, []), (True, []), (-1, [])]
    )
    def test_counts_the_estimates_rows(self, count, addresses):
        manifest, _ = read_bucket()
        data = manifests.to_json(manifest) | {"estimate": [{"address": "b", "type": "t", "count": "$n"}]}
        assert [
            row.address for row in manifests.from_json(data).estimate_resources({"n": count})
        ] == addresses

    def test_has_a_valid_schema(self):
        Draft202012Validator.check_schema(_SCHEMA)


Edit = Callable[[str], str]


def swap(old: str, new: str) -> Edit:
    def edit(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return edit


class TestRefuse:
    @pytest.mark.parametrize(
        ("old", "new", "at", "reason"),
        [
            ("category: storage\n", "", "schema:", "missing category"),
            (
                "lifecycle: published",
                "lifecycel: production",
                "lifecycel:",
                "unknown key; did you mean lifecycle?",
            ),
            ("lifecycle: published", "lifecycle: done", "lifecycle:", "'done' is not one of"),
            ("name: Bucket", "name: 5", "name: 5", "is not of type 'string'"),
            ("version: 1.0.0\nchange", "version: 1.0\nchange", "version: 1.0", "is not of type 'string'"),
            ("version: 1.0.0\nchange", 'version: "1.0"\nchange', 'version: "1.0"', "no semantic version"),
            (
                "version: 1.0.0\nchange",
                "version: 1.0.1\nchange",
                "changelog:",
                "says nothing about version 1.0.1",
            ),
            ("schema: drawbridge/v1", "schema: drawbridge/v9", "schema:", "drawbridge/v1"),
            ("region: us-east-1", "region: US East", "region:", "does not match"),
            (
                "name_variable: name",
                "name_variable: nam",
                "name_variable:",
                "no variable nam; did you mean name?",
            ),
            (
                "name_variable: name",
                "name_variable: versioned",
                "name_variable:",
                "must be a string, but is bool",
            ),
            (
                "environment_variable: environment",
                "environment_variable: stage",
                "environment_variable:",
                "no variable stage",
            ),
            ("derived: [name, environment]", "derived: [name, region]", "derived:", "no variable region"),
            (
                "derived: [name, environment]",
                "derived: [name, owner_contact]",
                "derived:",
                "nothing to fill it with",
            ),
            ("  comment: {label", "  coment: {label", "coment:", "no variable coment; did you mean comment?"),
            ("example: a@example.com", "example: nobody", "owner_contact:", "must be an e-mail address"),
            (
                "help: Who is asked.",
                "hlp: Who is asked.",
                "owner_contact:",
                "unknown key; did you mean help?",
            ),
            (
                "development: {versioned: false}",
                "development: {versoned: false}",
                "versoned",
                "did you mean versioned?",
            ),
            (
                "development: {versioned: false}",
                "development: {versioned: 1}",
                "versioned: 1",
                "must be true or false",
            ),
            (
                "development: {versioned: false}",
                "development: {name: x}",
                "{name: x}",
                "filled in by the portal",
            ),
            (
                "small: {retention_days: 30}",
                "small: {retention_days: 0}",
                "retention_days: 0",
                "must be at least 1",
            ),
            (
                "small: {retention_days: 30}",
                "small: {retention_days: 2.5}",
                "retention_days: 2.5",
                "whole number",
            ),
            (
                "medium: {retention_days: 60}",
                "medium: {retention_days: 91}",
                "retention_days: 91",
                "rule short-in-development refuses",
            ),
            (
                "medium: {retention_days: 60}",
                "medium: {archive_after_days: 60}",
                "medium: {arch",
                "cannot be archived after",
            ),
            (
                "default: {development: small",
                "default: {development: tiny",
                "default: {dev",
                "tiny is no size of development: small, medium",
            ),
            (
                "default: {development: small, ",
                "default: {",
                "    development:",
                "names no size for development",
            ),
            ("parameter: size", "parameter: versioned", "parameter: versioned", "also a variable"),
            (
                "production: {versioned: true}\nguard",
                "production: {versioned: false}\nguard",
                "production: {versioned: false}",
                "production-versioned refuses",
            ),
            ("kind: allowed", "kind: alowed", "kind: alowed", "is not one of"),
            ("parameter: storage_class", "parameter: class", "parameter: class", "no variable class"),
            (
                "environments: {development: [standard, infrequent]}",
                "environments: {development: [gold]}",
                "[gold]",
                "gold is not one of",
            ),
            (
                "environments: {development: [standard, infrequent]}",
                "environments: {development: standard}",
                "development: standard}",
                "must be a list",
            ),
            (
                "order: [archive, infrequent, standard]",
                "order: [archive, standard]",
                "environments: {development: [standard",
                "missing in the rule's order",
            ),
            (
                "environments: {development: 90}",
                "environments: {development: lots}",
                "lots",
                "must be a number",
            ),
            ("    override_group: sre\n", "", "level: soft-mandatory", "needs an override_group"),
            (
                "rule: not-public",
                "rule: production-versioned",
                "rule: production-versioned",
                "is there twice",
            ),
            (
                "protection: {parameter: versioned}",
                "protection: {parameter: labels}",
                "protection:",
                "must be a bool",
            ),
            ("class: $storage_class", "class: $storageclass", "$storageclass", "did you mean storage_class?"),
            ("days: $retention_days", "days: $days", "$days", "no variable days"),
            ("when: {versioned: true}", "when: {version: true}", "when:", "did you mean versioned?"),
            (
                "presets:\n  development:",
                "presets:\n  Dev elopment:",
                "Dev elopment",
                "is no valid name here",
            ),
        ],
    )
    def test_names_the_line_and_the_reason(self, old, new, at, reason):
        broken = swap(old, new)(YAML)
        found = problems_of(broken)
        assert any(
            text.startswith(f"catalog.yaml:{line_of(broken, at)}: ") and reason in text for text in found
        ), found

    def test_says_everything_at_once(self):
        broken = swap("lifecycle: published", "lifecycle: done")(swap("kind: allowed", "kind: x")(YAML))
        assert len(problems_of(broken)) == 2

    def test_refuses_a_sensitive_variable(self):
        secret = 'variable "password" {\n  type      = string\n  default   = null\n  sensitive = true\n}\n'
        (found,) = problems_of(YAML, read_variables(secret + VARIABLES))
        assert found.startswith("variables.tf:1: variable password is sensitive")
        assert "Let the module make the secret" in found

    def test_reports_the_modules_problems_too(self):
        found = problems_of(YAML, read_variables('variable "name" {\n  type = strin\n}'))
        assert found[0].startswith("variables.tf:1: variable name")

    @pytest.mark.parametrize(
        "text", ["[]", "just text", "5", "null", "- a", "guardrails: 5", "sizes: {choices: 3}"]
    )
    def test_never_raises_for_another_shape(self, text):
        assert problems_of(text)

    def test_finds_environments_that_do_not_exist(self):
        broken = swap("environments: {production: true}", "environments: {prodution: true}")(YAML)
        document = read_document(broken, "catalog.yaml")
        (found,) = environment_problems(document, ["development", "production"])
        assert found.line == line_of(broken, "prodution")
        assert "did you mean production?" in found.reason
        assert environment_problems(read_document(YAML, "f"), ["development", "production"]) == []


class TestVersionKey:
    def test_orders_as_semantic_versions_do(self):
        ordered = [
            "0.9.9",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "1.9.0",
            "1.10.0",
            "2.0.0",
        ]
        assert sorted(set(ordered), key=version_key) == ordered

    @pytest.mark.parametrize("text", ["1", "1.0", "v1.0.0", "01.0.0", "1.0.0+build", "1.0.0\n", ""])
    def test_refuses_what_is_none(self, text):
        with pytest.raises(ValueError, match="semantic version"):
            version_key(text)
