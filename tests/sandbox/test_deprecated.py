"""What the provider deprecates, as Terraform gets to know it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.terraform import WorkingDirectory

DATA = Path(__file__).resolve().parents[2] / "provisioner" / "sandbox" / "data"
DEPRECATED: dict[str, dict[str, dict[str, Any]]] = json.loads((DATA / "deprecated.json").read_text())

BODY = """
variable "arns" { type = list(string) }

resource "aws_s3_bucket" "argument" {
  bucket = "orders-argument"
  acl    = "private"
}
resource "aws_s3_bucket" "block" {
  bucket = "orders-block"
  versioning {
    enabled = true
  }
}
resource "aws_s3_bucket_lifecycle_configuration" "nested" {
  bucket = "orders"
  rule {
    id     = "expire"
    status = "Enabled"
    prefix = "logs/"
  }
}
resource "aws_iam_role" "not_known_yet" {
  assume_role_policy  = "{}"
  managed_policy_arns = var.arns
}
data "aws_iam_policy_document" "source" {
  source_json = "{}"
}
"""


def message(type_name: str, path: str) -> str:
    """Return the provider's message for what is deprecated."""
    return str(DEPRECATED[type_name][path]["message"])


def validate(directory: WorkingDirectory, body: str) -> list[dict[str, Any]]:
    """Return the diagnostics of a module that is valid."""
    directory.write(body)
    directory.init()
    document = json.loads(directory.run("validate", "-json"))
    found: list[dict[str, Any]] = document["diagnostics"]
    return found


class TestADeprecatedArgument:
    def test_gets_a_warning_that_names_it(self, directory: WorkingDirectory) -> None:
        found = validate(directory, BODY)
        assert {diagnostic["severity"] for diagnostic in found} == {"warning"}
        assert {diagnostic["summary"] for diagnostic in found} == {"Argument is deprecated"}
        details = {diagnostic["address"]: diagnostic["detail"] for diagnostic in found}
        assert details == {
            "aws_s3_bucket.argument": message("aws_s3_bucket", "acl"),
            "aws_s3_bucket.block": message("aws_s3_bucket", "versioning"),
            "aws_s3_bucket_lifecycle_configuration.nested": message(
                "aws_s3_bucket_lifecycle_configuration", "rule.prefix"
            ),
            "aws_iam_role.not_known_yet": message("aws_iam_role", "managed_policy_arns"),
            "data.aws_iam_policy_document.source": message("data.aws_iam_policy_document", "source_json"),
        }
        # Terraform finds the lines of arguments by the path in the warning; of a block it shows the resource.
        source = (directory.path / "main.tf").read_text().splitlines()
        shown = {source[diagnostic["range"]["start"]["line"] - 1].split()[0] for diagnostic in found}
        assert shown == {"acl", "resource", "prefix", "managed_policy_arns", "source_json"}

    @pytest.mark.parametrize(
        "attribute", ["data.aws_region.this.name", "data.aws_region.this.id", "data.aws_partition.this.id"]
    )
    def test_gets_a_warning_where_it_is_read(self, directory: WorkingDirectory, attribute: str) -> None:
        type_name = attribute.split(".")[1]
        body = f'data "{type_name}" "this" {{}}\noutput "this" {{ value = {attribute} }}'
        (warning,) = validate(directory, body)
        assert warning["severity"] == "warning"
        assert f'The attribute "{attribute.split(".")[-1]}" is deprecated' in warning["detail"]

    def test_gets_none_where_it_is_not_given(self, directory: WorkingDirectory) -> None:
        body = """
        data "aws_region" "this" {}
        resource "aws_s3_bucket" "this" {
          bucket = "orders-${data.aws_region.this.region}"
          acl    = null
        }
        """
        assert validate(directory, body) == []


class TestEveryDeprecation:
    def test_is_in_the_schema_that_terraform_gets(self, directory: WorkingDirectory) -> None:
        directory.write("")
        directory.init()
        command = [*directory.terraform, "providers", "schema", "-json"]
        done = subprocess.run(
            command, cwd=directory.path, env=directory.environment, check=True, capture_output=True
        )
        document = json.loads(done.stdout)
        (schemas,) = document["provider_schemas"].values()
        marked = {
            *_marked("", schemas["resource_schemas"]),
            *_marked("data.", schemas["data_source_schemas"]),
        }
        assert marked == {(type_name, path) for type_name, entries in DEPRECATED.items() for path in entries}

    def test_has_a_message_and_a_source(self) -> None:
        entries = [entry for paths in DEPRECATED.values() for entry in paths.values()]
        assert all(entry["message"] and entry["sources"] for entry in entries)


def _marked(prefix: str, schemas: dict[str, Any]) -> set[tuple[str, str]]:
    """Return the type and dotted path of everything that is marked as deprecated."""
    return {
        (prefix + name, path) for name, schema in schemas.items() for path in _marked_in(schema["block"], "")
    }


def _marked_in(block: dict[str, Any], path: str) -> list[str]:
    found = [path + name for name, part in block.get("attributes", {}).items() if part.get("deprecated")]
    for name, part in block.get("block_types", {}).items():
        found += [path + name] if part["block"].get("deprecated") else []
        found += _marked_in(part["block"], f"{path}{name}.")
    return found
