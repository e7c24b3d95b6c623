"""The command: what it reads, what it writes, and how it ends."""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from provisioner.rulebook import command
from tests.domain.documents import PRICES, change, plan_of

ROOT = Path(__file__).parents[2]
PLANS = ROOT / "tests" / "data" / "plans"
TAGS = {
    "service": "orders",
    "team-owner": "shop",
    "cost-center": "cc-100",
    "environment": "production",
    "criticality": "tier-1",
}
ORGANISATION = {
    "services": {"orders": {"team": "shop", "cost_center": "cc-100", "criticality": "tier-1"}},
    "environments": ["staging", "production"],
}
NESTED = ("main.tf", "modules/app/main.tf", "modules/queue/main.tf")
Run = Callable[..., SimpleNamespace]


# Asks for the shipped tags and for nothing else.
POLICY = (
    "version: 1\n"
    "approvals: {rules: [{rule: cost-limit, groups: finops, when: {delta_above_usd_month: '1'}}]}\n"
)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DRAWBRIDGE_POLICY", "DRAWBRIDGE_ORGANISATION", "DRAWBRIDGE_TOKEN", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tags.yaml").write_text(POLICY)
    monkeypatch.setenv("DRAWBRIDGE_POLICY", "tags.yaml")


@pytest.fixture
def run(capfdbinary: Any) -> Run:
    """Return what runs the command here and answers with its exit code and what it wrote."""

    def run(*arguments: object) -> SimpleNamespace:
        try:
            code = command.main(["check", *map(str, arguments)])
        except SystemExit as stopped:  # argparse
            code = int(str(stopped.code))
        out, err = capfdbinary.readouterr()
        assert b"Traceback" not in err
        return SimpleNamespace(code=code, out=out.decode(), err=err.decode())

    return run


class _Portal(BaseHTTPRequestHandler):
    """Gives the shipped policy to who has the token; redirects from one address to another host."""

    seen: list[tuple[str, str | None]] = []

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers["Authorization"]))
        if self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", f"http://localhost:{self.server.server_port}/open")  # type: ignore[attr-defined]
            self.end_headers()
        elif self.path == "/open" or self.headers["Authorization"] == "Bearer secret":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(POLICY.encode())
        else:
            self.send_error(401)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def portal() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Portal)
    _Portal.seen.clear()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def plan(path: Path, tags: dict[str, object] | None = None, **change_fields: Any) -> Path:
    row = change(
        ["create"], after={"tags_all": TAGS if tags is None else tags}, kind="aws_sqs_queue", **change_fields
    )
    path.write_text(json.dumps(plan_of(row)))
    return path


class TestTheExitCode:
    def test_is_0_when_nothing_is_found(self, run: Run, tmp_path: Path) -> None:
        done = run(plan(tmp_path / "plan.json"))
        assert (done.code, done.err) == (0, "")
        assert done.out.splitlines()[-1].startswith(
            "Passed: 1 advisory; 1 resource in the plan, tags of 1 checked."
        )

    def test_is_1_when_something_is_found(self, run: Run, tmp_path: Path) -> None:
        done = run(plan(tmp_path / "plan.json", {}))
        assert (done.code, done.err) == (1, "")
        assert "aws_sqs_queue.this\n  hard-mandatory  required-tags\n" in done.out

    @pytest.mark.parametrize(("limit", "code"), [("hard", 0), ("soft", 0), ("advisory", 1)])
    def test_is_1_from_the_limit_on(self, run: Run, tmp_path: Path, limit: str, code: int) -> None:
        assert run(plan(tmp_path / "plan.json"), "--fail-on", limit).code == code

    @pytest.mark.parametrize(
        ("content", "arguments", "text"),
        [
            (None, [], "plan.json cannot be read: No such file or directory."),
            (b"PK\x03\x04", [], "Run terraform show -json PLANFILE > plan.json and check plan.json."),
            (b'{"format_version": "2.0", "resource_changes": []}', [], "only 1.x can be read"),
            (b'{"format_version": "1.2", "resource_changes": [', [], "The plan is cut off"),
            (b"{}", ["--policy", "none.yaml"], "none.yaml cannot be read: No such file or directory."),
            (b"{}", ["--organisation", "none.yaml"], "none.yaml cannot be read"),
            (b"{}", ["--baseline", "none.json"], "none.json cannot be read"),
            (b"{}", ["--prices", "none.csv"], "format_version is missing"),
            (b"{}", ["--format", "html"], "invalid choice: 'html'"),
            (b"{}", ["--max-mib", "0"], "'0' is not a number of MiB from 1 to 1000000"),
            (b"{}", ["--colour"], "unrecognized arguments: --colour"),
            (b"{}", ["--policy-digest", "ab"], "Look at what has changed in it, then name the new digest."),
        ],
    )
    def test_is_2_when_nothing_can_be_judged(
        self, run: Run, tmp_path: Path, content: bytes | None, arguments: list[str], text: str
    ) -> None:
        if content is not None:
            (tmp_path / "plan.json").write_bytes(content)
        done = run("plan.json", *arguments)
        assert (done.code, done.out) == (2, "")
        assert text in done.err

    def test_is_2_for_a_plan_that_is_larger_than_is_taken(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "plan.json").write_bytes(b'{"a":"' + b" " * 1024**2 + b'"}')
        done = run("plan.json", "--max-mib", "1")
        assert (done.code, done.err) == (
            2,
            "drawbridge-policy: The plan is larger than 1 MiB, which is more than is taken here. Plan a part of it, "
            "or check it with drawbridge-policy check --max-mib.\n",
        )

    def test_is_2_where_the_report_cannot_be_written(self, run: Run, tmp_path: Path) -> None:
        done = run(plan(tmp_path / "plan.json"), "--output", "none/report.txt")
        assert (done.code, done.err) == (
            2,
            "drawbridge-policy: none/report.txt cannot be written: No such file or directory.\n",
        )


class TestThePolicy:
    def test_that_is_broken_is_told_with_every_place_and_line(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "policy.yaml").write_text(
            f"{POLICY}tags:\n  required:\n    tier: {{allowed: [a], pattern: b}}\n    owner: {{reference: person}}\n"
        )
        done = run(plan(tmp_path / "plan.json"), "--policy", "policy.yaml")
        assert (done.code, done.out) == (2, "")
        assert done.err == (
            "drawbridge-policy: The policy policy.yaml cannot be used.\n"
            "  line 5: tags.required.tier.allowed: The allowed value 'a' does not match the pattern 'b'. "
            "Change one of the two: as they stand, the value can never be right.\n"
            "  line 6: tags.required.owner.reference: 'person' is not one of the choices. "
            "Choose: service, team, cost_center, environment, criticality.\n"
        )

    @pytest.mark.parametrize("raw", [b"", b"\xff", b"a: [", b"x" * 300_000])
    def test_that_is_no_yaml_is_refused(self, run: Run, tmp_path: Path, raw: bytes) -> None:
        (tmp_path / "policy.yaml").write_bytes(raw)
        assert run(plan(tmp_path / "plan.json"), "--policy", "policy.yaml").code == 2

    def test_comes_from_the_environment_and_an_argument_goes_before_it(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "lax.yaml").write_text(f"{POLICY}tags: {{level: advisory}}\n")
        monkeypatch.setenv("DRAWBRIDGE_POLICY", "lax.yaml")
        path = plan(tmp_path / "plan.json", {})
        assert run(path).code == 0
        assert run(path, "--policy", ROOT / "portal" / "policy" / "default.yaml").code == 1

    def test_is_the_shipped_one_where_none_is_named(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("DRAWBRIDGE_POLICY")
        done = run(plan(tmp_path / "plan.json", {}), "--format", "json")
        assert done.code == 1
        assert json.loads(done.out)["policy_digest"] == hashlib.sha256(command.shipped_policy()).hexdigest()

    def test_may_be_pinned_by_its_digest(self, run: Run, tmp_path: Path) -> None:
        digest = hashlib.sha256(POLICY.encode()).hexdigest()
        path = plan(tmp_path / "plan.json")
        assert run(path, "--policy-digest", digest.upper()).code == 0
        assert run(path, "--policy-digest", digest[:-1] + "x").code == 2

    def test_comes_from_an_address_with_the_token(
        self, run: Run, tmp_path: Path, portal: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = plan(tmp_path / "plan.json")
        done = run(path, "--policy", f"{portal}/policy")
        assert (done.code, done.out) == (2, "")
        assert done.err == (
            f"drawbridge-policy: {portal}/policy answered 401 Unauthorized. "
            "Set DRAWBRIDGE_TOKEN to a token of the portal.\n"
        )
        monkeypatch.setenv("DRAWBRIDGE_TOKEN", "secret")
        assert run(path, "--policy", f"{portal}/policy").code == 0

    def test_takes_its_token_to_no_place_that_it_is_sent_on_to(
        self, run: Run, tmp_path: Path, portal: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DRAWBRIDGE_TOKEN", "secret")
        assert run(plan(tmp_path / "plan.json"), "--policy", f"{portal}/elsewhere").code == 0
        assert _Portal.seen == [("/elsewhere", "Bearer secret"), ("/open", None)]

    def test_at_an_address_that_nobody_answers_is_refused(self, run: Run, tmp_path: Path) -> None:
        done = run(plan(tmp_path / "plan.json"), "--policy", "http://127.0.0.1:9/p")
        assert (done.code, done.err) == (
            2,
            "drawbridge-policy: http://127.0.0.1:9/p cannot be read: [Errno 111] Connection refused.\n",
        )


class TestTheOrganisation:
    @pytest.mark.parametrize("wrapped", [False, True])
    def test_lets_what_tags_name_be_judged(self, run: Run, tmp_path: Path, wrapped: bool) -> None:
        document = {"organisation": ORGANISATION, "digest": "x"} if wrapped else ORGANISATION
        (tmp_path / "organisation.json").write_text(json.dumps(document))
        path = plan(tmp_path / "plan.json")
        done = run(path, "--organisation", "organisation.json")
        assert (done.code, done.out.splitlines()[-1].partition(";")[0]) == (0, "Passed: nothing found")
        done = run(
            plan(tmp_path / "plan.json", {**TAGS, "team-owner": "others"}),
            "--organisation",
            "organisation.json",
        )
        assert done.code == 1
        assert 'The tag team-owner is "others", but the team of the service "orders" is "shop".' in done.out

    def test_may_be_yaml(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "organisation.yaml").write_text(
            "services:\n  orders: {team: shop, cost_center: cc-100, criticality: tier-1}\nenvironments: [production]\n"
        )
        done = run(
            plan(tmp_path / "plan.json"), "--organisation", "organisation.yaml", "--fail-on", "advisory"
        )
        assert done.code == 0

    @pytest.mark.parametrize(
        ("arguments", "text"),
        [
            (["--service", "nobody"], "There is no service 'nobody' in the organisation. Correct --service."),
            (
                ["--environment", "moon"],
                "There is no environment 'moon' in the organisation. Correct --environment.",
            ),
        ],
    )
    def test_must_know_what_is_asked_for(
        self, run: Run, tmp_path: Path, arguments: list[str], text: str
    ) -> None:
        (tmp_path / "organisation.json").write_text(json.dumps(ORGANISATION))
        done = run(plan(tmp_path / "plan.json"), "--organisation", "organisation.json", *arguments)
        assert (done.code, done.err) == (2, f"drawbridge-policy: {text}\n")

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("{", "It can be read neither as JSON nor as YAML"),
            ("a: [", "The file is no valid YAML"),
            ("{}", "The key services is missing."),
            ('{"services": {"a": {"team": 1}}, "environments": []}', "services.a.team: 1 is no text."),
            ("[" * 100_000, "The file is nested"),
        ],
    )
    def test_that_is_broken_is_refused_with_its_place(
        self, run: Run, tmp_path: Path, text: str, problem: str
    ) -> None:
        (tmp_path / "organisation.json").write_text(text)
        done = run(plan(tmp_path / "plan.json"), "--organisation", "organisation.json")
        assert done.code == 2
        assert done.err.startswith("drawbridge-policy: The organisation organisation.json cannot be used.\n")
        assert problem in done.err

    def test_tells_what_belongs_there(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "organisation.json").write_text(json.dumps(ORGANISATION))
        done = run(
            plan(tmp_path / "plan.json", {}),
            *("--organisation", "organisation.json", "--service", "orders", "--environment", "production"),
            *("--format", "json"),
        )
        found = json.loads(done.out)
        assert (found["service"], found["environment"]) == ("orders", "production")
        assert found["findings"][0]["suggested"] == TAGS


class TestTheReport:
    def test_is_written_as_asked(self, run: Run, tmp_path: Path) -> None:
        path = plan(tmp_path / "plan.json")
        assert json.loads(run(path, "--format", "json").out)["passed"] is True
        assert json.loads(run(path, "--format", "sarif").out)["version"] == "2.1.0"
        assert run(path, "--format", "junit").out.startswith(
            '<?xml version="1.0" encoding="utf-8"?>\n<testsuites'
        )

    def test_goes_to_a_file_and_its_last_line_to_standard_error(self, run: Run, tmp_path: Path) -> None:
        done = run(plan(tmp_path / "plan.json", {}), "--format", "sarif", "--output", "report.sarif")
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith("Failed: 1 hard-mandatory, 1 advisory; 1 resource in the plan")
        (run_,) = json.loads((tmp_path / "report.sarif").read_text())["runs"]
        assert len(run_["results"]) == 2

    def test_counts_nothing_that_its_baseline_has(self, run: Run, tmp_path: Path) -> None:
        path = plan(tmp_path / "plan.json", {})
        run(path, "--format", "json", "--output", "before.json")
        done = run(path, "--baseline", "before.json")
        assert done.code == 0
        assert "2 known from the baseline." in done.out
        (tmp_path / "other.json").write_text("{}")
        done = run(path, "--baseline", "other.json")
        assert (done.code, done.err) == (
            2,
            "drawbridge-policy: The baseline other.json cannot be used. "
            "This is no report of this checker: write one with --format json.\n",
        )

    def test_shows_the_cost_where_there_are_prices(self, run: Run, tmp_path: Path) -> None:
        done = run(PLANS / "data_heavy.json", "--prices", PRICES)
        assert re.search(
            r"Cost: [1-9][\d.,]* USD a month at list price in us-east-1 \([+-][\d.,]+ by this plan\)",
            done.out,
        )
        (tmp_path / "prices.csv").write_text("a,b\n")
        done = run(PLANS / "data_heavy.json", "--prices", "prices.csv")
        assert done.code == 2
        assert done.err.startswith("drawbridge-policy: The price book prices.csv cannot be used: line 1:")

    def test_names_file_and_line_where_the_configuration_is_there(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(PLANS)
        monkeypatch.setenv("DRAWBRIDGE_POLICY", str(ROOT / "portal" / "policy" / "default.yaml"))
        done = run("nested.json", "--configuration", "nested", "--format", "sarif")
        lines = {name: (PLANS / "nested" / name).read_text().splitlines() for name in NESTED}
        found = set()
        for result in json.loads(done.out)["runs"][0]["results"]:
            if result["ruleId"] == "required-tags":
                place = result["locations"][0]["physicalLocation"]
                uri = place["artifactLocation"]["uri"].removeprefix("nested/")
                address = result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"]
                found.add(
                    (address.replace('"billing"', '"orders"'), lines[uri][place["region"]["startLine"] - 1])
                )
        assert found == {
            ('module.app["orders"].aws_s3_bucket.this', 'resource "aws_s3_bucket" "this" {'),
            ('module.app["orders"].aws_s3_bucket.replica', 'resource "aws_s3_bucket" "replica" {'),
            ("module.events.aws_cloudwatch_metric_alarm.depth[0]", 'module "events" {'),
            ('module.events.aws_sqs_queue.this["main"]', 'module "events" {'),
            ('module.events.aws_sqs_queue.this["failed"]', 'module "events" {'),
        }
        text = run("nested.json", "--configuration", "nested").out
        number = lines["main.tf"].index('module "events" {') + 1
        assert f"module.events.aws_cloudwatch_metric_alarm.depth[0]\n  nested/main.tf:{number}\n" in text

    def test_names_the_plan_where_the_configuration_does_not_have_it(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        path = plan(tmp_path / "plan.json", {})
        done = run("plan.json", "--configuration", "empty", "--format", "sarif")
        for result in json.loads(done.out)["runs"][0]["results"]:
            place = result["locations"][0]["physicalLocation"]
            assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == (path.name, 1)
        done = run("plan.json", "--configuration", "none")
        assert (done.code, done.err) == (
            2,
            "drawbridge-policy: none is no folder. Name the root module's with --configuration.\n",
        )

    def test_reads_standard_input(self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        raw = plan(tmp_path / "plan.json", {}).read_bytes()
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(raw)))
        done = run("-", "--format", "sarif")
        assert done.code == 1
        location = json.loads(done.out)["runs"][0]["results"][0]["locations"][0]
        assert location["physicalLocation"]["artifactLocation"]["uri"] == "plan.json"

    def test_finds_that_a_rule_broke_and_stays_closed(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def breaks(*_: object, **__: object) -> None:
            raise KeyError("x")

        monkeypatch.setattr("provisioner.domain.tags_policy.check_plan", breaks)
        done = run(plan(tmp_path / "plan.json"))
        assert done.code == 1
        assert done.err == "drawbridge-policy: the rule required-tags broke: KeyError: 'x'\n"
        assert "The rule required-tags could not be evaluated on this plan." in done.out

    @pytest.mark.parametrize(
        ("environment", "terminal", "coloured"),
        [
            ({}, True, True),
            ({"NO_COLOR": "1"}, True, False),
            ({"TERM": "dumb"}, True, False),
            ({}, False, False),
        ],
    )
    def test_is_coloured_on_a_terminal_alone(
        self, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], terminal: bool, coloured: bool
    ) -> None:
        monkeypatch.setenv("TERM", "xterm")
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        stream: Any = SimpleNamespace(isatty=lambda: terminal)
        assert command._takes_colour(stream) is coloured


class TestTheChecker:
    def test_imports_nothing_of_the_portal(self) -> None:
        code = (
            "import sys, provisioner.rulebook.command; "
            "print([name for name in ('django', 'rest_framework', 'celery', 'structlog', 'jsonschema', 'httpx') "
            "if name in sys.modules])"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert done.stdout == "[]\n"

    def test_runs_as_a_module_and_is_never_in_the_way_of_a_pipe(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("DRAWBRIDGE_POLICY")
        argv = [sys.executable, "-m", "provisioner.rulebook", "check", str(PLANS / "plain.json")]
        process = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.close()  # as head does
        _, error = process.communicate(timeout=60)
        assert b"Traceback" not in error
        assert process.returncode == 1
