"""What a change does, planned and applied by the real Terraform."""

import json

from tests.sandbox.terraform import HEADER, WorkingDirectory

DATABASE = """
variable "class" { default = "db.t4g.small" }
variable "protect" { default = false }
variable "skip" { default = true }
variable "snapshot" { default = null }
variable "encrypted" { default = true }
resource "aws_db_instance" "this" {
  identifier                = "orders"
  engine                    = "postgres"
  instance_class            = var.class
  allocated_storage         = 20
  username                  = "app"
  password                  = "canary-secret"
  storage_encrypted         = var.encrypted
  deletion_protection       = var.protect
  skip_final_snapshot       = var.skip
  final_snapshot_identifier = var.snapshot
  tags                      = { Name = "orders" }
}
"""
QUEUE = """
variable "seconds" { default = 60 }
resource "aws_sqs_queue" "this" {
  name                      = "orders"
  message_retention_seconds = var.seconds
  tags                      = { Name = "orders" }
}
"""
TOPIC = """
resource "aws_sns_topic" "t" {
  name = "t"
}
"""
RULE = """
resource "aws_security_group" "g" {
  name = "g"
}
resource "aws_vpc_security_group_ingress_rule" "r" {
  security_group_id = aws_security_group.g.id
  ip_protocol       = "-1"
"""
ROLE = """
resource "aws_iam_role" "r" {
  name               = "r"
  assume_role_policy = jsonencode({})
}
"""
ROLE_POLICY = """
resource "aws_iam_role_policy" "p" {
  role   = aws_iam_role.r.name
  name   = "p"
  policy = jsonencode({})
}
"""


class TestAnUpdate:
    def test_changes_in_place_what_the_provider_changes_in_place(self, directory: WorkingDirectory) -> None:
        directory.write(DATABASE)
        directory.init()
        directory.apply()
        before = directory.attributes("aws_db_instance.this")
        assert directory.plan("-var=class=db.t4g.large") == {"aws_db_instance.this": "update"}
        directory.apply("plan")
        after = directory.attributes("aws_db_instance.this")
        assert (after["id"], after["instance_class"]) == (before["id"], "db.t4g.large")
        assert after["password"] == "canary-secret"
        assert b"canary-secret" not in (directory.sandbox.home / "cloud.db").read_bytes()
        assert directory.sandbox.events("aws_db_instance") == ["create", "update"]

    def test_replaces_what_cannot_be_changed(self, directory: WorkingDirectory) -> None:
        directory.write(DATABASE)
        directory.init()
        directory.apply()
        assert directory.plan("-var=encrypted=false") == {"aws_db_instance.this": "replace"}
        document = json.loads(directory.run("show", "-json", "plan"))
        assert document["resource_changes"][0]["change"]["replace_paths"] == [["storage_encrypted"]]

    def test_keeps_a_policy_that_is_only_spelled_differently(self, directory: WorkingDirectory) -> None:
        role = 'resource "aws_iam_role" "r" {\n  name = "r"\n  assume_role_policy = "%s"\n}\n'
        directory.write(role % r"{\"Version\":\"2012-10-17\",\"Statement\":[]}")
        directory.init()
        directory.apply()
        directory.write(role % r"{ \"Statement\": [], \"Version\": \"2012-10-17\" }")
        assert directory.plan() == {}
        directory.write(role % r"{ \"Statement\": [], \"Version\": \"2008-10-17\" }")
        assert directory.plan() == {"aws_iam_role.r": "update"}

    def test_of_default_tags_reaches_every_taggable_resource(self, directory: WorkingDirectory) -> None:
        directory.write(QUEUE)
        directory.init()
        directory.apply()
        directory.write(QUEUE, header=HEADER.replace("ws-test", "ws-new"))
        assert directory.plan() == {"aws_sqs_queue.this": "update"}
        directory.apply("plan")
        tags = {"Name": "orders", "drawbridge-workspace": "ws-new"}
        assert directory.attributes("aws_sqs_queue.this")["tags_all"] == tags
        assert directory.sandbox.rows("log")[-1]["workspace"] == "ws-new"

    def test_of_a_rule_replaces_it_only_for_another_kind_of_source(self, directory: WorkingDirectory) -> None:
        directory.write(RULE + 'cidr_ipv4 = "10.0.0.0/16"\n}')
        directory.init()
        directory.apply()
        directory.write(RULE + 'cidr_ipv4 = "10.1.0.0/16"\n}')
        assert directory.plan() == {"aws_vpc_security_group_ingress_rule.r": "update"}
        directory.write(RULE + 'cidr_ipv6 = "fd00::/8"\n}')
        assert directory.plan() == {"aws_vpc_security_group_ingress_rule.r": "replace"}

    def test_merges_tags_that_are_known_only_after_apply(self, directory: WorkingDirectory) -> None:
        directory.write(QUEUE.replace('"orders" }', "aws_sns_topic.t.arn }") + TOPIC)
        directory.init()
        directory.apply()
        arn = directory.attributes("aws_sns_topic.t")["arn"]
        tags = {"Name": arn, "drawbridge-workspace": "ws-test"}
        assert directory.attributes("aws_sqs_queue.this")["tags_all"] == tags
        assert directory.plan() == {}


class TestDestroying:
    def test_a_protected_database_is_refused(self, directory: WorkingDirectory) -> None:
        directory.write(DATABASE)
        directory.init()
        directory.apply("-var=protect=true")
        printed = directory.run("destroy", "-auto-approve", "-var=protect=true", code=1)
        assert "Cannot delete protected DB Instance" in printed

    def test_a_database_takes_its_final_snapshot(self, directory: WorkingDirectory) -> None:
        directory.write(DATABASE)
        directory.init()
        directory.apply("-var=skip=false")
        printed = directory.run("destroy", "-auto-approve", code=1)
        assert "final_snapshot_identifier is required when skip_final_snapshot is false" in printed
        directory.apply("-var=skip=false", "-var=snapshot=orders-last")
        directory.run("destroy", "-auto-approve")
        (left,) = directory.sandbox.rows("list")
        assert (left["type"], left["id"]) == ("aws_db_snapshot", "orders-last")

    def test_what_is_still_used_is_refused(self, directory: WorkingDirectory) -> None:
        directory.write(ROLE + ROLE_POLICY)
        directory.init()
        directory.apply()
        directory.forget("aws_iam_role_policy.p")
        directory.write(ROLE)
        assert "DeleteConflict" in directory.run("destroy", "-auto-approve", code=1)

    def test_leaves_what_is_to_stay(self, directory: WorkingDirectory) -> None:
        directory.write('resource "aws_cloudwatch_log_group" "g" {\n  name = "g"\n  skip_destroy = true\n}\n')
        directory.init()
        directory.apply()
        directory.run("destroy", "-auto-approve")
        assert [row["id"] for row in directory.sandbox.rows("list")] == ["g"]


class TestDrift:
    def test_is_seen_and_corrected(self, directory: WorkingDirectory) -> None:
        directory.write(QUEUE)
        directory.init()
        directory.apply()
        done = directory.sandbox.run(
            "drift", "--type", "aws_sqs_queue", "--id", "orders", "--set", "message_retention_seconds=120"
        )
        assert done.returncode == 0, done.stderr
        assert directory.drift() == {"aws_sqs_queue.this": "update"}
        directory.apply("plan")
        assert directory.attributes("aws_sqs_queue.this")["message_retention_seconds"] == 60

    def test_of_tags_is_split_into_own_and_default_ones(self, directory: WorkingDirectory) -> None:
        directory.write(QUEUE)
        directory.init()
        directory.apply()
        new = '{"Name": "orders", "drawbridge-workspace": "ws-test", "by": "hand"}'
        directory.sandbox.run("drift", "--type", "aws_sqs_queue", "--id", "orders", "--set", f"tags={new}")
        directory.run("refresh")
        assert directory.attributes("aws_sqs_queue.this")["tags"] == {"Name": "orders", "by": "hand"}
        assert directory.plan() == {"aws_sqs_queue.this": "update"}

    def test_of_a_deleted_object_makes_it_again(self, directory: WorkingDirectory) -> None:
        directory.write(QUEUE)
        directory.init()
        directory.apply()
        directory.sandbox.run("drift", "--type", "aws_sqs_queue", "--id", "orders", "--delete")
        assert directory.plan() == {"aws_sqs_queue.this": "create"}
        directory.apply("plan")
        assert directory.sandbox.events("aws_sqs_queue") == ["create", "drift-delete", "create"]


class TestImport:
    def test_takes_over_what_is_there(self, directory: WorkingDirectory) -> None:
        directory.write(DATABASE)
        directory.init()
        directory.apply()
        directory.forget("aws_db_instance.this")
        printed = directory.apply(code=1)
        assert "AlreadyExists" in printed
        directory.run("import", "aws_db_instance.this", "orders")
        assert directory.attributes("aws_db_instance.this")["tags"] == {"Name": "orders"}
        assert directory.plan() == {"aws_db_instance.this": "update"}  # the password, which no API gives back

    def test_of_nothing_says_so(self, directory: WorkingDirectory) -> None:
        directory.write(QUEUE)
        directory.init()
        printed = directory.run("import", "aws_sqs_queue.this", "https://sqs/none", code=1)
        assert "Cannot import non-existent remote object" in printed


class TestValidation:
    def test_names_the_attribute(self, directory: WorkingDirectory) -> None:
        directory.write(
            """
            resource "aws_db_instance" "this" {
              identifier     = "Orders--"
              engine         = "postgres"
              instance_class = "large"
              password       = "x"
              manage_master_user_password = true
            }
            """
        )
        directory.init()
        printed = directory.run("validate", code=1)
        assert 'invalid value for "identifier"' in printed
        assert "must be a DB instance class such as db.t4g.medium" in printed
        assert '"manage_master_user_password" and "password" cannot be set together' in printed

    def test_of_a_missing_neighbour_says_which(self, directory: WorkingDirectory) -> None:
        directory.write(
            DATABASE.replace("allocated_storage ", 'db_subnet_group_name = "none"\nallocated_storage ')
        )
        directory.init()
        assert "DB subnet group 'none' does not exist" in directory.apply(code=1)
