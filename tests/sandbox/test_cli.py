"""The command line with which people play the cloud's part."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.sandbox.cloud import Cloud, Key
from tests.sandbox.terraform import Sandbox, WorkingDirectory

QUEUE = Key("aws_sqs_queue", "https://sqs.example/orders", "us-east-1", "123456789012")
TOPIC = """
resource "aws_sns_topic" "first" {
  name = "first"
}
"""


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    opened = Cloud(str(tmp_path / "cloud"))
    yield opened
    opened.close()


@pytest.fixture
def stocked(cloud: Cloud, tmp_path: Path) -> Sandbox:
    """Return a cloud with one queue in it."""
    tags = {"drawbridge-workspace": "ws-1"}
    attributes = {"id": QUEUE.id, "name": "orders", "visibility_timeout_seconds": 30, "tags_all": tags}
    cloud.insert(QUEUE, attributes, ("id",), tags)
    return Sandbox(tmp_path / "cloud")


def queue(cloud: Cloud) -> dict[str, object]:
    found = cloud.get(QUEUE)
    assert found is not None
    return found


class TestListings:
    def test_are_aligned_for_people(self, stocked: Sandbox) -> None:
        assert stocked.run("list").stdout == f"aws_sqs_queue  {QUEUE.id}  us-east-1  ws-1\n"
        assert stocked.run("log").stdout.split()[1:] == ["create", "aws_sqs_queue", QUEUE.id, "ws-1"]

    def test_are_json_for_programs(self, stocked: Sandbox) -> None:
        (row,) = stocked.rows("list", "--workspace", "ws-1", "--type", "aws_sqs_queue")
        assert row["attributes"]["name"] == "orders"
        assert stocked.rows("log", "--workspace", "other") == []

    @pytest.mark.parametrize("command", ["list", "log"])
    def test_of_nowhere_say_so_and_make_nothing(self, command: str, tmp_path: Path) -> None:
        done = Sandbox(tmp_path / "nowhere").run(command)
        assert done.returncode == 1
        assert "There is no sandbox cloud in" in done.stderr
        assert not (tmp_path / "nowhere").exists()

    def test_of_a_mistyped_type_suggest_the_right_one(self, stocked: Sandbox) -> None:
        done = stocked.run("list", "--type", "aws_sqs_que")
        assert done.returncode == 1
        assert "Did you mean aws_sqs_queue" in done.stderr


class TestDrift:
    def change(self, sandbox: Sandbox, assignment: str) -> str:
        done = sandbox.run("drift", "--type", "aws_sqs_queue", "--id", "orders", "--set", assignment)
        assert done.returncode in (0, 1), done.stderr
        return done.stderr

    def test_changes_what_the_attribute_can_hold(self, stocked: Sandbox, cloud: Cloud) -> None:
        for assignment in (
            "visibility_timeout_seconds=60",
            "policy=none",
            "fifo_queue=true",
            'tags={"a": "b"}',
        ):
            assert self.change(stocked, assignment) == ""
        changed = queue(cloud)
        assert changed["visibility_timeout_seconds"] == 60
        assert (changed["policy"], changed["fifo_queue"]) == ("none", True)
        assert changed["tags_all"] == {"a": "b"}

    @pytest.mark.parametrize(
        ("assignment", "says"),
        [
            ("visibility_timeout_second=60", "Did you mean visibility_timeout_seconds"),
            ("visibility_timeout_seconds=soon", "is a number"),
            ("visibility_timeout_seconds=true", "is a number"),
            ("fifo_queue=perhaps", "is true or false"),
            ("tags=orders", "is a JSON object"),
            ("id=other", "keeps its id"),
        ],
    )
    def test_refuses_what_the_schema_has_not(
        self, stocked: Sandbox, cloud: Cloud, assignment: str, says: str
    ) -> None:
        before = queue(cloud)
        assert says in self.change(stocked, assignment)
        assert queue(cloud) == before

    def test_of_an_object_that_is_not_there_names_those_that_are(self, stocked: Sandbox) -> None:
        done = stocked.run("drift", "--type", "aws_sqs_queue", "--id", "missing", "--delete")
        assert done.returncode == 1
        assert QUEUE.id in done.stderr

    def test_needs_to_know_what_shall_change(self, stocked: Sandbox) -> None:
        done = stocked.run("drift", "--type", "aws_sqs_queue", "--id", "orders")
        assert done.returncode == 1
        assert "--set" in done.stderr


class TestFail:
    def test_lists_what_is_to_come_and_forgets_it(self, stocked: Sandbox) -> None:
        stocked.run("fail", "--type", "aws_sqs_queue", "--message", "no", "--count", "2")
        (row,) = stocked.rows("fail", "--list")
        assert (row["message"], row["remaining"]) == ("no", 2)
        stocked.run("fail", "--clear")
        assert stocked.rows("fail", "--list") == []

    def test_refuses_a_type_that_nothing_would_ever_use(self, stocked: Sandbox) -> None:
        done = stocked.run("fail", "--type", "aws_sqs_queues")
        assert done.returncode == 1
        assert stocked.rows("fail", "--list") == []


class TestDelay:
    def test_is_the_longest_that_matches(self, stocked: Sandbox, cloud: Cloud) -> None:
        stocked.run("delay", "--seconds", "0.5")
        stocked.run("delay", "--type", "aws_sqs_queue", "--op", "create", "--seconds", "9")
        assert cloud.delay_s("aws_sqs_queue", "create") == 9
        assert cloud.delay_s("aws_sqs_queue", "delete") == 0.5
        assert cloud.delay_s("aws_sns_topic", "create") == 0.5
        assert len(stocked.rows("delay", "--list")) == 2

    def test_goes_with_0_and_with_clear(self, stocked: Sandbox, cloud: Cloud) -> None:
        stocked.run("delay", "--type", "aws_sqs_queue", "--seconds", "9")
        stocked.run("delay", "--type", "aws_sqs_queue", "--seconds", "0")
        assert cloud.delay_s("aws_sqs_queue", "create") == 0
        stocked.run("delay", "--seconds", "9")
        stocked.run("delay", "--clear")
        assert cloud.delay_s("aws_sqs_queue", "create") == 0

    @pytest.mark.parametrize("seconds", ["-1", "nan", "soon", "1e9"])
    def test_refuses_what_is_no_time(self, stocked: Sandbox, seconds: str) -> None:
        assert stocked.run("delay", f"--seconds={seconds}").returncode == 2

    def test_reaches_a_running_terraform(self, directory: WorkingDirectory) -> None:
        directory.write(TOPIC)
        directory.init()
        directory.sandbox.run("delay", "--type", "aws_sns_topic", "--op", "create", "--seconds", "0.01")
        printed = directory.apply()
        assert "Apply complete! Resources: 1 added" in printed

    def test_finds_room_in_a_cloud_of_before_there_were_delays(self, tmp_path: Path) -> None:
        home = tmp_path / "old"
        Cloud(str(home)).close()
        with sqlite3.connect(home / "cloud.db") as database:
            database.execute("drop table delay")
            database.execute("pragma user_version = 1")
        database.close()
        reopened = Cloud(str(home))
        reopened.set_delay("*", "*", 1)
        assert json.dumps(list(reopened.delays()))
        reopened.close()


class TestHelp:
    @pytest.mark.parametrize("command", ["list", "log", "drift", "fail", "delay"])
    def test_shows_examples(self, command: str, stocked: Sandbox) -> None:
        assert "examples:" in stocked.run(command, "--help").stdout
