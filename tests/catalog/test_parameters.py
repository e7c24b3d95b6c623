"""Parameters are filled in and judged; nothing that JSON can hold makes that raise."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from catalog import manifest as manifests
from catalog.conditions import holds, understood, variables_in
from catalog.json_schema import parameter_schema, version_schema
from catalog.models import CatalogItemVersion
from catalog.parameters import fill_parameters
from catalog.spec import Condition, ParameterSpec

from .conftest import unsaved_version

CONTACT = {"owner_contact": "a@example.com"}


def fill(
    version: CatalogItemVersion, given: object, *, environment: str = "development", name: object = "photos"
):
    return fill_parameters(version, environment, name, given)


def codes(version: CatalogItemVersion, given: object, **kwargs: object) -> list[tuple[str, str]]:
    return [(p.field, p.code) for p in fill(version, given, **kwargs).problems]


class TestFillParameters:
    def test_goes_from_default_over_preset_and_size_to_what_is_given(self, bucket):
        filled = fill(bucket, CONTACT | {"size": "medium", "archive_after_days": 7}, environment="production")
        assert filled.problems == ()
        assert filled.variables["storage_class"] == "standard"
        assert filled.variables["versioned"] is True
        assert filled.variables["retention_days"] == 365
        assert filled.variables["archive_after_days"] == 7

    def test_takes_the_environments_own_size_when_none_is_given(self, bucket):
        filled = fill(bucket, CONTACT, environment="production")
        assert filled.shown["size"] == "large"
        assert filled.variables["retention_days"] == 730

    def test_sends_name_and_environment_but_not_the_size_to_terraform(self, bucket):
        filled = fill(bucket, CONTACT)
        assert (filled.variables["name"], filled.variables["environment"]) == ("photos", "development")
        assert "size" not in filled.variables
        assert not {"name", "environment"} & filled.shown.keys()
        assert filled.variables.keys() == set(ParameterSpec.from_json(bucket.parameter_spec).names)

    def test_keeps_what_was_given_apart_from_what_was_filled_in(self, bucket):
        assert fill(bucket, CONTACT | {"size": "small", "retention_days": 5.0, "x": 1}).given == CONTACT | {
            "size": "small",
            "retention_days": 5,
        }

    def test_lets_the_given_value_win_over_the_size(self, bucket):
        given = CONTACT | {"size": "small", "retention_days": 45}
        assert fill(bucket, given).variables["retention_days"] == 45

    def test_works_in_an_environment_that_the_manifest_does_not_mention(self, bucket):
        filled = fill(bucket, CONTACT, environment="sandpit")
        assert filled.problems == ()
        assert "size" not in filled.shown
        assert codes(bucket, CONTACT | {"size": "small"}, environment="sandpit") == [("size", "not_allowed")]

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ({}, ("owner_contact", "required")),
            (CONTACT | {"storage_clas": 1}, ("storage_clas", "unknown_parameter")),
            (CONTACT | {"name": "x"}, ("name", "set_by_portal")),
            (CONTACT | {"environment": "x"}, ("environment", "set_by_portal")),
            (CONTACT | {"storage_class": "gold"}, ("storage_class", "not_allowed")),
            (CONTACT | {"storage_class": 1}, ("storage_class", "wrong_type")),
            (CONTACT | {"storage_class": None}, ("storage_class", "wrong_type")),
            (CONTACT | {"retention_days": 0}, ("retention_days", "out_of_range")),
            (CONTACT | {"retention_days": 1.5}, ("retention_days", "wrong_type")),
            (CONTACT | {"retention_days": True}, ("retention_days", "wrong_type")),
            (CONTACT | {"retention_days": "30"}, ("retention_days", "wrong_type")),
            (CONTACT | {"retention_days": 10**30}, ("retention_days", "out_of_range")),
            (CONTACT | {"retention_days": 20}, ("archive_after_days", "condition")),
            (CONTACT | {"versioned": 0}, ("versioned", "wrong_type")),
            (CONTACT | {"readers": ["ok", "Not"]}, ("readers", "pattern")),
            (CONTACT | {"readers": ["ok", 1]}, ("readers[1]", "wrong_type")),
            (CONTACT | {"comment": "x" * 201}, ("comment", "too_long")),
            (CONTACT | {"comment": "x\0"}, ("comment", "control_characters")),
            (CONTACT | {"comment": "\udfff"}, ("comment", "unpaired_surrogate")),
            (CONTACT | {"labels": {"a": "b\n"}}, ("labels.a", "control_characters")),
            (CONTACT | {"rules": [{"days": 1}]}, ("rules[0].prefix", "required")),
            (CONTACT | {"rules": [{"prefix": "a", "dys": 1}]}, ("rules[0].dys", "unknown_parameter")),
            (CONTACT | {"size": "huge"}, ("size", "not_allowed")),
            (CONTACT | {"size": ["small"]}, ("size", "wrong_type")),
            (CONTACT | {"size": None}, ("size", "wrong_type")),
            ({"owner_contact": "nobody"}, ("owner_contact", "pattern")),
            ({"owner_contact": "a@b\n"}, ("owner_contact", "control_characters")),
            (CONTACT | {1: 2}, ("parameters", "wrong_type")),
            (CONTACT | {"\0" * 50: 1}, ("\N{REPLACEMENT CHARACTER}" * 50, "unknown_parameter")),
            (CONTACT | {"": 1}, ("(empty)", "unknown_parameter")),
        ],
    )
    def test_names_the_field_and_the_reason(self, bucket, given, expected):
        assert codes(bucket, given) == [expected]

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ({"retention_days": 20}, {"owner_contact", "archive_after_days"}),
            (CONTACT | {"retention_days": 20, "versioned": 0}, {"versioned", "archive_after_days"}),
            (CONTACT | {"retention_days": 0}, {"retention_days"}),
            (CONTACT | {"retention_days": 20, "size": "huge"}, {"size"}),
        ],
    )
    def test_judges_what_ties_fields_together_unless_one_of_them_was_refused(self, bucket, given, expected):
        assert {field for field, _ in codes(bucket, given)} == expected

    def test_judges_what_ties_the_name_to_a_parameter(self, bucket):
        spec = with_condition(bucket, "retention_days", 'var.name != "forever" || var.retention_days > 99')
        version = CatalogItemVersion(version="1.0.0", manifest=bucket.manifest, parameter_spec=spec)
        assert codes(version, CONTACT, name="forever") == [("retention_days", "condition")]
        assert codes(version, CONTACT, name="orders") == []

    def test_reports_every_field_at_once(self, bucket):
        found = codes(bucket, {"retention_days": 0, "versioned": "yes", "nonsense": 1}, name="X")
        assert {field for field, _ in found} == {
            "name",
            "retention_days",
            "versioned",
            "nonsense",
            "owner_contact",
        }

    def test_suggests_the_closest_name(self, bucket):
        (problem,) = fill(bucket, CONTACT | {"retention_day": 1}).problems
        assert "did you mean retention_days?" in problem.message

    @pytest.mark.parametrize("given", [[], "text", 5, True, [["a", 1]]])
    def test_wants_an_object(self, bucket, given):
        assert ("parameters", "wrong_type") in codes(bucket, given)

    def test_cuts_floods_short(self, bucket):
        assert len(fill(bucket, CONTACT | {f"x{i}": 1 for i in range(400)}).problems) == 50
        assert codes(bucket, {str(i): 1 for i in range(5000)})[0] == ("parameters", "too_long")
        (problem,) = fill(bucket, CONTACT | {"x" * 1_000_000: 1}).problems
        assert len(problem.field) < 100
        assert len(problem.message) < 300

    @pytest.mark.parametrize(
        "text",
        [
            "${var.x}",
            "%{ if true }",
            "\"quoted\" 'text'",
            "\\n",
            "\N{PILE OF POO}",
            "\u202ertl",
            "<script>",
            "$(id)",
            "a\nb",
        ],
    )
    def test_takes_hostile_text_that_is_legal_as_data(self, bucket, text):
        filled = fill(bucket, CONTACT | {"comment": text, "labels": {"${k}": text.replace("\n", " ")}})
        assert filled.problems == ()
        assert filled.variables["comment"] == text

    @pytest.mark.parametrize(("given", "same"), [(1.0, 1), (1, 1), (0.5, 0.5)])
    def test_knows_one_as_one(self, bucket, given, same):
        value = fill(bucket, CONTACT | {"price_factor": given}).variables["price_factor"]
        assert repr(value) == repr(same)

    def test_takes_null_where_the_module_means_it(self, bucket):
        assert fill(bucket, CONTACT | {"comment": None, "public_read": None}).problems == ()

    def test_refuses_bottomless_nesting(self, bucket):
        deep: object = "x"
        for _ in range(20_000):
            deep = [deep]
        assert codes(bucket, CONTACT | {"rules": deep}) == [("rules", "too_deep")]


class TestName:
    @pytest.mark.parametrize("name", ["abc", "photos-2026", "a" * 40])
    def test_takes_what_fits(self, bucket, name):
        assert codes(bucket, CONTACT, name=name) == []

    @pytest.mark.parametrize(
        ("name", "code"),
        [
            ("ab", "pattern"),
            ("a" * 41, "pattern"),
            ("1abc", "pattern"),
            ("abc-", "pattern"),
            ("a--b", "pattern"),
            ("Abc", "pattern"),
            ("abc\n", "control_characters"),
            ("a\0c", "control_characters"),
            ("ä" * 5, "pattern"),
            ("x" * 1_000_000, "too_long"),
            ("\ud800abc", "unpaired_surrogate"),
            ("", "required"),
            (None, "wrong_type"),
            (5, "wrong_type"),
            (["abc"], "wrong_type"),
        ],
    )
    def test_refuses_what_does_not(self, bucket, name, code):
        assert codes(bucket, CONTACT, name=name) == [("name", code)]

    def test_explains_the_rule(self, bucket):
        (problem,) = fill(bucket, CONTACT, name="Photos").problems
        assert "3 to 40 characters: lower-case letters, digits and single hyphens" in problem.message

    def test_follows_the_modules_own_rule_where_it_has_one(self, bucket):
        version = unsaved_version()
        first = next(p for p in version.parameter_spec["parameters"] if p["name"] == "name")
        first["constraints"] = [{"kind": "pattern", "value": "^[A-Z]{2}$", "message": "Two capitals."}]
        assert fill(version, CONTACT, name="AB").problems == ()
        assert [p.message for p in fill(version, CONTACT, name="abc").problems] == ["Two capitals."]
        assert version_schema(version)["x-drawbridge"]["name"] == {
            "pattern": "^[A-Z]{2}$",
            "rule": "Two capitals.",
        }


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
names = st.sampled_from(
    ["size", "name", *ParameterSpec.from_json(unsaved_version().parameter_spec).names, "unheard_of"]
)


class TestAnyInput:
    VERSION = unsaved_version()

    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        asked=st.dictionaries(names | st.text(max_size=8), json_values, max_size=6) | json_values,
        name=json_values,
    )
    def test_never_raises_and_passes_only_what_the_schema_passes(self, asked, name):
        for environment in ("development", "nowhere"):
            filled = fill_parameters(self.VERSION, environment, name, asked)
            if not filled.problems:
                schema = version_schema(self.VERSION)
                assert Draft202012Validator(schema).is_valid(filled.given)


def with_condition(version, parameter, condition, message="Not so."):
    """Return the version's parameters with one more validation."""
    spec = ParameterSpec.from_json(version.parameter_spec)
    added = (*spec[parameter].conditions, Condition(condition, message))
    return ParameterSpec(
        tuple(replace(one, conditions=added) if one.name == parameter else one for one in spec)
    ).to_json()


class TestHolds:
    VALUES = {
        "a": 1,
        "b": 2.5,
        "t": "text",
        "l": ["x"],
        "n": None,
        "y": True,
        "o": {"k": 3},
        "u": "é",
        "m": [0, "x"],
    }

    @pytest.mark.parametrize(
        ("condition", "expected"),
        [
            ("var.a < var.b", True),
            ("var.a * 3 >= ceil(var.b * 1.1)", True),
            ("var.a == 0 || var.a > var.b", False),
            ("var.y || length(var.l) > 5", True),
            ("!var.y", False),
            ('contains(["text"], var.t) && var.a != 2', True),
            ('can(regex("^x", var.t))', False),
            ("var.n == null", True),
            ("var.a == null ? true : var.a > 5", False),
            ("var.o.k == 3", True),
            ("max(var.a, var.b) - min(var.a, 0) == 2.5", True),
            ("-var.a < 0", True),
            ("floor(var.b) % 2 == 0", True),
            ('startswith(var.t, "te") && !endswith(var.t, "ing")', True),
            ('strcontains(var.t, "z")', False),
            ('alltrue([for e in var.l : strcontains(e, "x")])', True),
            ('alltrue([for k in keys(var.o) : can(regex("^a", k))])', False),
            ("alltrue([for e in var.m : e > 1])", None),
            ("alltrue([for e in var.l : other > 1])", None),
            ("alltrue([for e in var.t : true])", None),
            ("keys(var.l) == 1", None),
            ("startswith(var.a, var.t)", None),
            # What cannot be judged for certain:
            ("var.n > 1", None),
            ("var.unknown > 1", None),
            ("var.t > 1", None),
            ("local.x == 1", None),
            ("cidrhost(var.t, 1) == 1", None),
            ("var.a / 0 > 1", None),
            ("var.a", None),
            ("var.a[0] == 1", None),
            ("var.o.z == 1", None),
            ('var.a == "1"', None),
            ("var.y == 1", None),
            ("var.l == []", None),
            ('contains(["1"], var.a)', None),
            ("length(var.u) > 1", None),
        ],
    )
    def test_judges_only_what_is_certain(self, condition, expected):
        assert holds(condition, self.VALUES) is expected

    @pytest.mark.parametrize(
        ("condition", "expected"),
        [
            ("var.a == 0 || var.a >= ceil(var.b * 1.1)", True),
            ('!var.y || (var.n == null ? true : contains(["x"], -var.a))', True),
            ('alltrue([for e in var.l : can(regex("^x", e)) && length(e) < max(var.a, 3)])', True),
            ("length(setintersection(keys(var.o), var.l)) == 0", False),
            ('length("${var.t}-${var.u}") < 64', False),
            ('can(regex("(?i)x", var.t))', False),
            ("local.windows_apart", False),
            ("alltrue([for e in var.l : other])", False),
            ("[for e in var.l : e] == 1", False),
            ("{a = 1} == var.o", False),
            ("var.a ==", False),
        ],
    )
    def test_knows_which_conditions_it_judges(self, condition, expected):
        assert understood(condition) is expected

    def test_names_the_variables_of_any_condition(self):
        condition = 'length("${var.name}.${var.zone-name}") > length(setunion(var.a_1, local.var))'
        assert variables_in(condition) == {"name", "zone-name", "a_1"}


class TestJsonSchema:
    @pytest.mark.parametrize("environment", [None, "development", "production", "nowhere"])
    def test_is_a_valid_schema_whose_defaults_pass(self, bucket, environment):
        schema = version_schema(bucket, environment)
        Draft202012Validator.check_schema(schema)
        assert schema["additionalProperties"] is False
        assert schema["required"] == ["owner_contact"]
        defaults = {name: p["default"] for name, p in schema["properties"].items() if "default" in p}
        Draft202012Validator(schema).validate(defaults | CONTACT)

    def test_describes_each_parameter(self, bucket):
        found = version_schema(bucket)["properties"]
        assert found["retention_days"] | {"description": ""} == {
            "type": "integer",
            "title": "Retention",
            "description": "",
            "default": 30,
            "minimum": 1,
            "maximum": 3650,
            "x-drawbridge": {"label": "Retention", "group": "Size", "unit": "days", "advanced": False},
        }
        assert found["owner_contact"]["examples"] == ["a@example.com"]
        assert found["owner_contact"]["pattern"] == "^[^@ ]+@[^@ ]+$"
        assert found["comment"]["type"] == ["string", "null"]
        assert found["comment"]["maxLength"] == 200
        assert found["readers"]["items"]["pattern"] == "^[a-z]+$"
        assert found["rules"]["items"]["required"] == ["prefix"]
        assert found["storage_class"]["x-drawbridge"]["consequence"] == "The archive answers after hours."
        assert found["archive_after_days"]["x-drawbridge"]["conditions"]
        assert not {"name", "environment"} & found.keys()

    def test_offers_the_sizes_of_the_environment(self, bucket):
        size = version_schema(bucket, "production")["properties"]["size"]
        assert (size["enum"], size["default"]) == (["medium", "large"], "large")
        assert size["x-drawbridge"]["choices"]["medium"] == {"retention_days": 365}
        assert version_schema(bucket)["properties"]["size"]["enum"] == ["small", "medium", "large"]
        assert "size" not in version_schema(bucket, "nowhere")["properties"]

    def test_narrows_to_what_hard_guardrails_let_pass(self, bucket):
        development = version_schema(bucket, "development")["properties"]
        assert development["storage_class"]["enum"] == ["infrequent", "standard"]
        assert development["storage_class"]["x-drawbridge"]["guardrails"][0]["rule"] == "class-by-environment"
        assert development["retention_days"]["maximum"] == 90
        production = version_schema(bucket, "production")["properties"]
        assert production["storage_class"]["enum"] == ["standard", "infrequent", "archive"]
        assert production["versioned"]["enum"] == [True]
        assert "enum" not in production["public_read"]
        assert production["retention_days"]["default"] == 730

    def test_asks_for_nothing_that_some_environment_fills_in(self, bucket):
        data = manifests.to_json(manifests.from_json(bucket.manifest))
        data["presets"]["development"]["owner_contact"] = "a@b"
        manifest, spec = manifests.from_json(data), ParameterSpec.from_json(bucket.parameter_spec)
        assert "required" not in parameter_schema(manifest, spec)
        assert parameter_schema(manifest, spec, "production")["required"] == ["owner_contact"]
