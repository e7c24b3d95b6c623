"""Faults on demand, as Terraform shows them."""

import pytest

from tests.sandbox.terraform import Sandbox, WorkingDirectory

TWO = """
resource "aws_sns_topic" "first" {
  name = "first"
}
resource "aws_db_instance" "second" {
  identifier          = aws_sns_topic.first.name
  engine              = "postgres"
  instance_class      = "db.t4g.small"
  allocated_storage   = 20
  username            = "app"
  skip_final_snapshot = true
}
"""


def fail(sandbox: Sandbox, *arguments: str) -> None:
    done = sandbox.run("fail", "--type", "aws_db_instance", *arguments)
    assert done.returncode == 0, done.stderr


class TestAFault:
    def test_fails_one_create_and_keeps_the_rest(self, directory: WorkingDirectory) -> None:
        directory.write(TWO)
        directory.init()
        fail(directory.sandbox, "--message", "InsufficientDBInstanceCapacity: none left")
        printed = directory.apply(code=1)
        assert "creating RDS DB Instance (first): InsufficientDBInstanceCapacity: none left" in printed
        assert [row["type"] for row in directory.sandbox.rows("list")] == ["aws_sns_topic"]
        assert directory.plan() == {"aws_db_instance.second": "create"}
        directory.apply("plan")

    def test_after_a_create_leaves_a_tainted_object(self, directory: WorkingDirectory) -> None:
        directory.write(TWO)
        directory.init()
        fail(directory.sandbox, "--kind", "error-after")
        assert "waiting for RDS DB Instance" in directory.apply(code=1)
        assert directory.plan() == {"aws_db_instance.second": "replace"}

    @pytest.mark.parametrize(("kind", "says"), [("crash", "plugin"), ("error", "AccessDenied: no")])
    def test_of_a_read_ends_the_plan(self, directory: WorkingDirectory, kind: str, says: str) -> None:
        directory.write(TWO)
        directory.init()
        directory.apply()
        fail(directory.sandbox, "--op", "read", "--kind", kind, "--message", "AccessDenied: no")
        assert says in directory.run("plan", code=1)
        assert directory.provider_processes() == []
        assert directory.plan() == {}
