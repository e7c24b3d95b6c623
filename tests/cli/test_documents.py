"""What the client reads is what the API documents."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from portal.cli import documents
from portal.cli.documents import Document
from tests.cli import answers

OPENAPI = json.loads((Path(__file__).parents[2] / "docs" / "openapi.json").read_text())


# A step that waits has no decision.
LEFT_OUT = {("WaitingStep", "decision")}


class TestTheDocumentsOfTheseTests:
    @pytest.mark.parametrize(("component", "document"), answers.COMPONENTS)
    def test_are_what_the_api_documents(self, component: str, document: dict[str, Any]) -> None:
        validator = Draft202012Validator({**OPENAPI, "$ref": f"#/components/schemas/{component}"})
        # What the API adds, these documents need not have; and a value of any type that may be null is described as
        # exactly one of "null" and "anything": null is both.
        errors = [
            error.message
            for error in validator.iter_errors(document)
            if error.validator != "required" and error.instance is not None
        ]
        assert errors == []

    @pytest.mark.parametrize(("component", "document"), answers.COMPONENTS)
    def test_are_read_into_their_type_with_every_field(
        self, component: str, document: dict[str, Any]
    ) -> None:
        read = msgspec.convert(document, getattr(documents, {"Log": "LogPage"}.get(component, component)))
        for field in dataclasses.fields(read):
            if (component, field.name) not in LEFT_OUT and field.name != "document":
                assert field.name in document, f"{component} has no {field.name}"


class TestTheTypes:
    @pytest.mark.parametrize(
        "kind",
        [
            value
            for value in vars(documents).values()
            if isinstance(value, type) and dataclasses.is_dataclass(value)
        ],
    )
    def test_are_frozen(self, kind: type) -> None:
        assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]

    def test_hold_money_as_decimal(self) -> None:
        run = msgspec.convert(answers.RUN_DETAIL, documents.RunDetail)
        assert str(run.estimate_usd_month) == "378.30"
        assert issubclass(documents.RunDetail, Document)

    def test_take_fields_that_a_newer_portal_adds(self) -> None:
        run = msgspec.convert({**answers.RUN, "of_the_future": {"a": 1}}, documents.Run)
        assert run.name == "orders-db"
