"""The form gives the API's parameters, and its judgement is the API's."""

from __future__ import annotations

import pytest

from catalog.forms import ParameterForm, build_form
from catalog.models import CatalogItemVersion
from catalog.parameters import fill_parameters

from .test_parameters import with_condition


def browser_data(form: ParameterForm) -> dict[str, str]:
    """Return what a browser sends for the form as it is shown."""
    data: dict[str, str] = {}
    for bound in form:
        value = bound.value()
        if bound.widget_type == "checkbox":
            if value:
                data[bound.html_name] = "on"
        else:
            data[bound.html_name] = "" if value is None else str(value)
    return data


def sent(
    version: CatalogItemVersion,
    changes: dict[str, str | None],
    *,
    environment: str = "development",
    **kwargs: object,
) -> ParameterForm:
    """Return the form after a person changed some fields and sent it; None unchecks a box."""
    data = browser_data(build_form(version, environment, **kwargs))
    for name, value in changes.items():
        if value is None:
            data.pop(name, None)
        else:
            data[name] = value
    return build_form(version, environment, data=data)


CONTACT = {"owner_contact": "a@example.com"}


class TestBuildForm:
    def test_shows_what_the_environment_fills_in(self, bucket):
        form = build_form(bucket, "production")
        assert form["retention_days"].value() == "730"
        assert form["versioned"].value() is True
        assert form["size"].value() == "large"
        assert form["comment"].value() == ""
        assert not {"name", "environment"} & form.fields.keys()

    def test_shows_what_was_decided_before(self, bucket):
        form = build_form(
            bucket, "development", initial={"size": "medium", "readers": ["a", "b"], "labels": {"k": "v"}}
        )
        assert form["size"].value() == "medium"
        assert form["retention_days"].value() == "60"
        assert form["readers"].value() == "a\nb"
        assert form["labels"].value() == '{\n  "k": "v"\n}'

    def test_groups_fields_and_keeps_advanced_ones_apart(self, bucket):
        groups = build_form(bucket, "development").groups()
        assert [g.name for g in groups] == ["Size", "Ownership", "General"]
        size = groups[0]
        assert [b.name for b in size.fields] == ["size", "retention_days"]
        assert [b.name for b in size.advanced] == ["storage_class"]
        assert size.fields[1].field.unit == "days"
        assert size.advanced[0].field.consequence == "The archive answers after hours."
        assert groups[1].fields[0].field.example == "a@example.com"

    def test_offers_what_guardrails_let_pass_small_to_large(self, bucket):
        choices = [
            value for value, _ in build_form(bucket, "development")["storage_class"].field.widget.choices
        ]
        assert choices == ["infrequent", "standard"]
        assert "archive" in str(build_form(bucket, "production")["storage_class"])
        assert 'max="90"' in str(build_form(bucket, "development")["retention_days"])

    def test_says_what_a_size_means(self, bucket):
        labels = dict(build_form(bucket, "production")["size"].field.choices)
        assert labels == {"medium": "medium (365 days)", "large": "large (730 days, 90)"}

    def test_leaves_out_sizes_where_there_are_none(self, bucket):
        assert "size" not in build_form(bucket, "nowhere").fields

    def test_escapes_hostile_text(self, bucket):
        assert "<script>" not in str(build_form(bucket, "development", initial={"comment": "<script>"}))


class TestGiven:
    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({}, {}),
            ({"size": "medium"}, {"size": "medium"}),
            ({"retention_days": "45"}, {"retention_days": 45}),
            ({"retention_days": "45.0"}, {"retention_days": 45}),
            ({"price_factor": "0.25"}, {"price_factor": 0.25}),
            ({"versioned": "on"}, {"versioned": True}),
            ({"public_read": "false"}, {"public_read": False}),
            ({"comment": "two\r\nlines"}, {"comment": "two\nlines"}),
            ({"comment": "${x} \N{PILE OF POO}"}, {"comment": "${x} \N{PILE OF POO}"}),
            ({"readers": " a \r\n\r\nb\r\n"}, {"readers": ["a", "b"]}),
            ({"labels": '{"a": "b"}'}, {"labels": {"a": "b"}}),
            ({"labels": "{}"}, {}),
            ({"rules": '[{"prefix": "x", "days": 1.0}]'}, {"rules": [{"prefix": "x", "days": 1}]}),
            ({"storage_class": "archive"}, {"storage_class": "archive"}),
            ({"retention_days": ""}, {}),
        ],
    )
    def test_holds_only_what_a_person_decided(self, bucket, changes, expected):
        form = sent(bucket, CONTACT | changes)
        assert form.is_valid(), form.errors
        assert form.given() == CONTACT | expected
        api = fill_parameters(bucket, "development", "photos", CONTACT | expected)
        assert api.problems == ()
        assert form.filled.shown == api.shown

    def test_lets_another_size_change_what_was_filled_in(self, bucket):
        form = sent(bucket, CONTACT | {"size": "medium"})
        assert form.is_valid()
        assert form.filled.shown["retention_days"] == 60

    def test_keeps_a_decision_when_the_size_changes(self, bucket):
        form = sent(bucket, CONTACT | {"size": "medium", "retention_days": "45"})
        assert form.is_valid()
        assert form.given() == CONTACT | {"size": "medium", "retention_days": 45}

    def test_compares_with_the_size_that_the_form_was_shown_with(self, bucket):
        form = sent(bucket, CONTACT | {"retention_days": "30"}, initial={"size": "medium"})
        assert form.is_valid()
        assert form.given() == CONTACT | {"size": "medium", "retention_days": 30}

    @pytest.mark.parametrize(("size", "decided"), [("small", {}), ("medium", {"size": "medium"})])
    def test_lets_another_environment_change_what_was_filled_in(self, bucket, size, decided):
        data = browser_data(build_form(bucket, "development")) | CONTACT | {"size": size}
        form = build_form(bucket, "production", data=data)
        assert form.is_valid(), form.errors
        assert form.given() == CONTACT | decided
        assert form.filled.shown["size"] == decided.get("size", "large")
        assert form.filled.shown["versioned"] is True

    def test_can_be_fed_back(self, bucket):
        first = sent(bucket, CONTACT | {"size": "medium", "readers": "x", "versioned": "on"})
        assert first.is_valid()
        again = sent(bucket, {}, initial=first.given())
        assert again.is_valid()
        assert again.given() == first.given()

    def test_takes_an_emptied_list_as_empty(self, bucket):
        version = CatalogItemVersion(
            version="1.0.0",
            manifest=bucket.manifest | {"presets": {"development": {"readers": ["a"]}}},
            parameter_spec=bucket.parameter_spec,
        )
        form = sent(version, CONTACT | {"readers": ""})
        assert form.is_valid()
        assert form.given() == CONTACT | {"readers": []}

    def test_sees_an_unchecked_box(self, bucket):
        form = sent(bucket, CONTACT | {"versioned": None}, environment="production")
        assert form.is_valid()
        assert form.given() == CONTACT | {"versioned": False}

    def test_works_with_a_prefix(self, bucket):
        data = browser_data(build_form(bucket, "development", prefix="p")) | {"p-owner_contact": "a@b"}
        form = build_form(bucket, "development", data=data, prefix="p")
        assert form.is_valid()
        assert form.given() == {"owner_contact": "a@b"}


class TestRules:
    def test_that_only_terraform_can_judge_stand_at_the_group(self, bucket):
        spec = with_condition(
            bucket, "readers", "length(setunion(var.readers, [])) < 5", "Four readers at most"
        )
        version = CatalogItemVersion(version="1.0.0", manifest=bucket.manifest, parameter_spec=spec)
        found = {group.name: group.rules for group in build_form(version, "development").groups()}
        (owner,) = [name for name, rules in found.items() if rules]
        assert found[owner] == ("Four readers at most.",)

    def test_about_a_field_that_cannot_be_read_are_not_judged_by_what_it_was_before(self, bucket):
        tied = CONTACT | {"archive_after_days": "36500"}
        assert "archive_after_days" in sent(bucket, tied).errors
        assert set(sent(bucket, tied | {"retention_days": "many"}).errors) == {"retention_days"}

    def test_that_the_form_judges_itself_do_not(self, bucket):
        assert all(group.rules == () for group in build_form(bucket, "development").groups())


class TestErrors:
    @pytest.mark.parametrize(
        ("changes", "field", "code"),
        [
            ({"owner_contact": ""}, "owner_contact", "required"),
            ({"owner_contact": "nobody"}, "owner_contact", "pattern"),
            ({"retention_days": "many"}, "retention_days", "wrong_type"),
            ({"retention_days": "1e999"}, "retention_days", "wrong_type"),
            ({"retention_days": "NaN"}, "retention_days", "wrong_type"),
            ({"retention_days": "٣"}, "retention_days", "wrong_type"),
            ({"retention_days": "0"}, "retention_days", "out_of_range"),
            ({"retention_days": "9" * 30}, "retention_days", "out_of_range"),
            ({"retention_days": "20"}, "archive_after_days", "condition"),
            ({"storage_class": "gold"}, "storage_class", "not_allowed"),
            ({"size": "huge"}, "size", "not_allowed"),
            ({"public_read": "maybe"}, "public_read", "wrong_type"),
            ({"comment": "a\0b"}, "comment", "control_characters"),
            ({"comment": "x" * 1_000_000}, "comment", "too_long"),
            ({"comment": "x" * 5000}, "comment", "too_long"),
            ({"labels": "{"}, "labels", "wrong_type"),
            ({"labels": "[" * 50_000}, "labels", "wrong_type"),
            ({"labels": "NaN"}, "labels", "wrong_type"),
            ({"labels": '{"a": 1}'}, "labels", "wrong_type"),
            ({"rules": '[{"prefix": "\\ud800"}]'}, "rules", "unpaired_surrogate"),
            ({"shown_for": "nowhere:huge", "readers": "NO"}, "readers", "pattern"),
        ],
    )
    def test_stand_at_the_field(self, bucket, changes, field, code):
        form = sent(bucket, CONTACT | changes)
        assert not form.is_valid()
        assert [(name, error.code) for name, errors in form.errors.as_data().items() for error in errors] == [
            (field, code)
        ]
        assert "Traceback" not in str(form)
