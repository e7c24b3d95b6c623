"""Check a manifest against its JSON Schema, with the place of each problem."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from catalog.problems import ManifestProblem
from catalog.yaml_file import MAX_PROBLEMS, LocatedDocument, did_you_mean, shorten

_SCHEMA: Final = json.loads(Path(__file__).with_name("manifest.schema.json").read_text(encoding="utf-8"))
_VALIDATOR: Final = Draft202012Validator(_SCHEMA)


def schema_problems(document: LocatedDocument) -> list[ManifestProblem]:
    """Return every place where the document breaks the manifest's JSON Schema, in the order of the file."""
    found: list[ManifestProblem] = []
    for error in _VALIDATOR.iter_errors(document.data):
        found.extend(_schema_problem(document, error))
    return sorted(set(found), key=lambda p: (p.line, p.reason))[:MAX_PROBLEMS]


def _schema_problem(document: LocatedDocument, error: ValidationError) -> Iterable[ManifestProblem]:
    path = tuple(error.absolute_path)
    schema: Any = error.schema
    wanted: Any = error.validator_value
    found: Any = error.instance
    if "propertyNames" in error.absolute_schema_path:
        yield document.problem((*path, str(found)), "is no valid name here: " + shorten(error.message))
    elif error.validator == "additionalProperties":
        known = schema.get("properties", {})
        for key in found.keys() - known.keys():
            yield document.problem((*path, key), f"unknown key{did_you_mean(key, known)}")
    elif error.validator == "required":
        missing = [key for key in wanted if key not in found]
        yield document.problem(path, f"missing {', '.join(missing)}")
    elif error.validator == "pattern":
        yield document.problem(path, f"{shorten(repr(found))} does not match {wanted}")
    else:
        yield document.problem(path, shorten(error.message))
