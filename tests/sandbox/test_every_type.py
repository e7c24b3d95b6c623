"""One module with every type the sandbox serves, all its life long; a file for each service."""

import json
import re
import sqlite3
from pathlib import Path

import pytest

from tests.sandbox.terraform import WorkingDirectory

FILES = sorted((Path(__file__).parent / "every_type").glob("*.tf"))
MODULE = "\n".join(path.read_text() for path in FILES)
TYPES = Path(__file__).resolve().parents[2] / "provisioner" / "sandbox" / "data" / "types.txt"


class TestEveryType:
    def test_is_in_the_module(self) -> None:
        wanted = {line for line in TYPES.read_text().splitlines() if line and not line.startswith("#")}
        resources = set(re.findall(r'^resource "(\w+)"', MODULE, re.M))
        sources = {f"data.{name}" for name in re.findall(r'^data "(\w+)"', MODULE, re.M)}
        assert wanted == resources | sources

    @pytest.mark.thorough
    def test_is_applied_stays_and_is_destroyed(self, directory: WorkingDirectory) -> None:
        directory.write(MODULE, header="")
        directory.init()
        printed = directory.apply()
        assert printed.count("Warning: Sandbox: no AWS account is touched") == 1
        assert "No changes" in directory.run("plan", "-detailed-exitcode")

        database = directory.attributes("aws_db_instance.this")
        (secret,) = database["master_user_secret"]
        assert secret["secret_arn"].startswith("arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-")
        assert database["tags_all"] == {"team-owner": "payments", "drawbridge-workspace": "ws-test"}
        assert database["engine_version"] == "16"
        assert database["engine_version_actual"].startswith("16.")
        replica = directory.attributes("aws_db_instance.replica")
        inherited = (
            "engine",
            "username",
            "allocated_storage",
            "db_subnet_group_name",
            "parameter_group_name",
        )
        assert all(replica[name] == database[name] for name in inherited)
        assert directory.attributes("aws_db_instance.password")["region"] == "us-east-1"
        self.check_that_no_secret_is_kept(directory)

        resized = directory.plan("-var=instance_class=db.m7g.large")
        # The policy's data source waits for the database, so that its users are planned as changed too.
        assert set(resized) == {
            "aws_db_instance.this",
            "aws_db_instance.replica",
            "aws_iam_policy.this",
            "aws_iam_role_policy.this",
        }
        assert all(verbs == "update" for verbs in resized.values())
        directory.apply("plan")
        assert "No changes" in directory.run("plan", "-detailed-exitcode", "-var=instance_class=db.m7g.large")

        renamed = directory.plan("-var=instance_class=db.m7g.large", "-var=name=bills")
        assert renamed["aws_db_instance.this"] == "update"
        assert renamed["aws_db_proxy.this"] == "update"
        assert renamed["aws_db_subnet_group.this"] == "replace"
        assert renamed["aws_db_parameter_group.this"] == "replace"

        assert "Destroy complete" in directory.run("destroy", "-auto-approve")
        assert [row["id"] for row in directory.sandbox.rows("list")] == ["plain-cache-final"]
        log = directory.sandbox.rows("log", "--workspace", "ws-test")
        made = [row["id"] for row in log if row["operation"] == "create"]
        gone = [row["id"] for row in log if row["operation"] == "delete"]
        assert len(made) == len(gone) + 1 > 30
        assert directory.sockets() == []

    def check_that_no_secret_is_kept(self, directory: WorkingDirectory) -> None:
        files = [path for path in directory.sandbox.home.rglob("*") if path.is_file()]
        assert not any(b"canary-secret" in path.read_bytes() for path in files)
        assert b"canary-secret" not in (directory.path / "terraform.tfstate").read_bytes()
        with sqlite3.connect(directory.sandbox.home / "cloud.db") as database:
            rows = [json.loads(row[0]) for row in database.execute("select attributes from object")]
        assert not any("password" in row for row in rows)
