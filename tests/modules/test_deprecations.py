"""The search for deprecated arguments finds them wherever they can stand."""

from __future__ import annotations

from pathlib import Path

from tests.modules.deprecations import deprecated_arguments

MAIN = """
resource "aws_iam_role" "this" {
  assume_role_policy  = "{}"
  managed_policy_arns = []
}
resource "aws_s3_bucket" "this" {
  versioning { enabled = true }
}
resource "aws_s3_bucket_lifecycle_configuration" "this" {
  bucket = aws_s3_bucket.this.id
  dynamic "rule" {
    for_each = var.rules
    content {
      id     = rule.key
      status = "Enabled"
      prefix = rule.value
    }
  }
}
resource "terraform_data" "this" {
  input = 1
}
"""
EXAMPLE = """
data "aws_iam_policy_document" "this" {
  source_json = "{}"
}
"""


class TestTheSearch:
    def test_finds_arguments_and_blocks_of_every_depth(self, tmp_path: Path) -> None:
        (tmp_path / "main.tf").write_text(MAIN)
        example = tmp_path / "examples" / "simple" / "main.tf"
        example.parent.mkdir(parents=True)
        example.write_text(EXAMPLE)
        assert deprecated_arguments(tmp_path) == [
            "examples/simple/main.tf: data aws_iam_policy_document.this source_json",
            "main.tf: resource aws_iam_role.this managed_policy_arns",
            "main.tf: resource aws_s3_bucket.this versioning",
            "main.tf: resource aws_s3_bucket_lifecycle_configuration.this rule.prefix",
        ]
