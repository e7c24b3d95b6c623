"""Which resources a module declares."""

from __future__ import annotations

from catalog.resources import declared_resources

FILES = {
    "main.tf": b"""
resource "aws_sqs_queue" "this" { name = "a" }
moved {
  from = aws_sqs_queue.old["x"]
  to   = aws_sqs_queue.this
}
moved {
  from = module.gone.aws_sqs_queue.this
  to   = aws_sqs_queue.this
}
data "aws_region" "current" {}
module "alarms" { source = "./modules/alarms" }
module "far" {
  source  = "terraform-aws-modules/vpc/aws"
  version = "1.2.3"
}
""",
    "modules/alarms/main.tf": b'resource "aws_cloudwatch_metric_alarm" "age" {}\nmodule "self" { source = "./" }\n',
    "examples/complete/main.tf": b'resource "aws_vpc" "other" {}\n',
    "README.md": b"# no HCL",
}


class TestDeclaredResources:
    def test_are_those_of_the_folder_and_what_moved_blocks_lead_on_from(self) -> None:
        declared = declared_resources(FILES)
        assert declared.resources == {("aws_sqs_queue", "this"), ("aws_sqs_queue", "old")}
        assert declared.names_of("aws_sqs_queue") == ["old", "this"]

    def test_know_the_modules_of_the_folder_and_not_those_from_elsewhere(self) -> None:
        modules = declared_resources(FILES).modules
        assert set(modules) == {"alarms", "far"}
        assert modules["far"] is None
        assert modules["alarms"] is not None
        assert modules["alarms"].resources == {("aws_cloudwatch_metric_alarm", "age")}

    def test_end_where_a_module_calls_itself(self) -> None:
        assert declared_resources({"main.tf": FILES["modules/alarms/main.tf"]}).modules["self"] is not None
