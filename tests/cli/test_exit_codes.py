"""Each way a command can end, and its exit code."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from portal.cli.failures import ExitCode
from tests.cli import answers
from tests.cli.answers import DIGEST, FINDING, RUN_DETAIL, RUN_ID, STEP, WORKSPACE_ID, page, problem
from tests.cli.conftest import Call

ORDER = ("order", "postgres", "-s", "orders", "-e", "production", "-n", "orders-db")


class TestDone:
    @pytest.mark.parametrize(
        ("argv", "says"),
        [
            (["whoami"], "developer"),
            (["catalog"], "A database."),
            (["catalog", "list"], "postgres"),
            (["catalog", "show", "postgres"], "From 0 to 5"),
            (["runs", "list"], "needs approval"),
            (["runs", "show", RUN_ID], "Go-live"),
            (["runs", "show", RUN_ID[:8]], "Go-live"),
            (["runs", "show", "orders-db"], "Go-live"),
            (["runs", "plan", RUN_ID], "multi_az: false → true"),
            (["runs", "log", RUN_ID], "planning\nit broke"),
            (["approvals"], "+378.30"),
            (["approvals", "list", "--mine"], "finops"),
            (["workspaces", "list"], "ready"),
            (["workspaces", "show", "orders-db"], "aws_db_instance"),
            (["outputs", "orders-db"], "(sensitive)"),
            (["costs", "--by", "team"], "payments"),
            (["export", "--format", "csv"], "orders-db,postgres"),
            (["completion", "fish"], "_DRAWBRIDGE_COMPLETE"),
        ],
    )
    def test_is_0(self, argv: list[str], says: str, signed_in: Call, portal: HTTPServer) -> None:
        ended = signed_in(*argv)
        assert (ended.code, says in ended.out) == (ExitCode.DONE, True), ended
        assert ended.err == "" or argv[0] == "costs"

    @pytest.mark.parametrize(
        "argv",
        [
            ["whoami"],
            ["catalog", "list"],
            ["catalog", "show", "postgres"],
            ["runs", "list"],
            ["runs", "show", RUN_ID],
            ["runs", "plan", RUN_ID],
            ["approvals", "list"],
            ["workspaces", "list"],
            ["workspaces", "show", WORKSPACE_ID],
            ["outputs", WORKSPACE_ID],
            ["costs"],
            ["export"],
            ["profiles", "list"],
        ],
    )
    def test_writes_one_json_document_where_that_is_asked_for(
        self, argv: list[str], signed_in: Call, portal: HTTPServer
    ) -> None:
        first, second = signed_in(*argv, "--json"), signed_in(*argv, DRAWBRIDGE_OUTPUT="json")
        assert (first.code, first.err) == (0, "")
        assert json.loads(first.out) == json.loads(second.out)
        assert first.out.isascii()

    @pytest.mark.parametrize(
        ("name", "out"), [("endpoint", "db.example\n"), ("port", "5432\n"), ("readers", '["a", "b"]\n')]
    )
    def test_writes_an_output_as_scripts_need_it(
        self, name: str, out: str, signed_in: Call, portal: HTTPServer
    ) -> None:
        assert signed_in("outputs", "orders-db", name).out == out


class TestRefused:
    def test_is_1_with_what_why_and_what_to_do(self, signed_in: Call, portal: HTTPServer) -> None:
        portal.expect_request("/api/v1/requests/", method="POST").respond_with_json(
            problem(422, "guardrail_refused", "A guardrail refuses this order", findings=[FINDING]),
            status=422,
        )
        ended = signed_in(*ORDER)
        assert (ended.code, ended.out) == (ExitCode.REFUSED, "")
        assert ended.err == (
            "✗ A guardrail refuses this order  422 guardrail_refused\n"
            "  ✗ instance_class  hard-mandatory  instance-class-by-environment\n"
            "    instance_class is db.r6g.16xlarge.\n"
            "    The class is most of the bill.\n"
            "    → Choose db.t4g.large.\n"
        )

    def test_is_the_problem_document_under_json(self, signed_in: Call, portal: HTTPServer) -> None:
        body = problem(
            400, "invalid_input", errors=[{"field": "name", "code": "taken", "message": "It is taken."}]
        )
        portal.expect_request("/api/v1/requests/", method="POST").respond_with_json(body, status=400)
        ended = signed_in(*ORDER, "--json")
        assert (ended.code, ended.out) == (1, "")
        assert json.loads(ended.err) == {"exit_code": 1, **body}
        assert "name: It is taken." in signed_in(*ORDER).err

    def test_names_the_run_that_is_in_the_way(self, signed_in: Call, portal: HTTPServer) -> None:
        portal.expect_request("/api/v1/requests/", method="POST").respond_with_json(
            problem(409, "workspace_busy", run_id=RUN_ID), status=409
        )
        assert f"drawbridge runs show {RUN_ID}" in signed_in(*ORDER).err

    def test_is_1_for_what_could_not_be_ordered(self, signed_in: Call, portal: HTTPServer) -> None:
        portal.expect_request("/api/v1/evaluations/", method="POST").respond_with_json(answers.EVALUATION)
        ended = signed_in("evaluate", *ORDER[1:])
        assert ended.code == 1
        assert "Cost: 378.30 USD a month, of it 5.20 USD for assumed use" in ended.out
        assert "328.50" in ended.out
        assert "Paid by use, and so not in the sum: messages" in ended.out

    @pytest.mark.parametrize(
        ("argv", "what"),
        [
            (["policy", "check", "-"], "This portal has no check of plans yet"),
            (["export", "--format", "backstage"], "This portal has no Backstage export yet"),
            (["costs", "--from", "2026-11-01"], "This portal has no summary of costs yet"),
        ],
    )
    def test_is_1_for_what_this_portal_does_not_have(
        self, argv: list[str], what: str, signed_in: Call, portal: HTTPServer
    ) -> None:
        portal.expect_request("/api/v1/policy/check/").respond_with_json(
            problem(404, "not_found"), status=404
        )
        ended = signed_in(*argv, stdin="{}")
        assert (ended.code, what in ended.err) == (1, True)

    def test_is_1_for_a_plan_that_does_not_pass(self, signed_in: Call, portal: HTTPServer) -> None:
        report = {
            "passed": False, "fail_on": "soft", "findings": [FINDING], "cost": None,
            "summary": {"resources": 2, "checked": 1, "hard_mandatory": 1, "soft_mandatory": 0, "advisory": 0},
        }  # fmt: skip
        portal.expect_request("/api/v1/policy/check/", query_string="service=orders").respond_with_json(
            report
        )
        portal.expect_request(
            "/api/v1/policy/check/", query_string="service=orders&format=junit"
        ).respond_with_data("<testsuites/>", content_type="application/xml")
        ended = signed_in("policy", "check", "-", "--service", "orders", stdin='{"resource_changes": []}')
        assert (ended.code, "Choose db.t4g.large." in ended.out) == (1, True)
        written = signed_in("policy", "check", "-", "-s", "orders", "--format", "junit", stdin="{}")
        assert (written.code, written.out) == (1, "<testsuites/>")


class TestMisuse:
    @pytest.mark.parametrize(
        ("argv", "says"),
        [
            (["nothing"], "No such command"),
            (["order", "postgres"], "Missing option"),
            ([*ORDER, "--wait", "--timeout", "soon"], "no span of time"),
            ([*ORDER, "--timeout", "5m"], "Add --wait"),
            ([*ORDER, "--ttl", "-1"], "no number of days"),
            ([*ORDER, "-p", "size"], "no parameter"),
            ([*ORDER, "-p", "replicas=many"], "replicas is an integer"),
            ([*ORDER, "-f", "/nowhere/at/all.yaml"], "cannot be read"),
            (["update", "orders-db"], "It is not said what to change"),
            (["destroy", "orders-db"], "Nobody is there to confirm"),
            (["approve", RUN_ID], "Nobody is there to see the plan"),
            (["reject", RUN_ID, "--yes"], "A reason is needed"),
            (["override", RUN_ID, "--yes", "-m", "x"], "This step needs an approval"),
            (["policy", "check", "/nowhere/plan.json"], "cannot be read"),
            (["workspaces", "renew", "orders-db", "--ttl", "soon"], "no number of days"),
        ],
    )
    def test_is_2_and_nothing_is_sent(
        self, argv: list[str], says: str, signed_in: Call, portal: HTTPServer
    ) -> None:
        ended = signed_in(*argv)
        assert (ended.code, ended.out) == (ExitCode.USAGE, "")
        assert says in ended.err
        assert [request.method for request, _ in portal.log if request.method != "GET"] == []

    @pytest.mark.parametrize(
        "url",
        ["drawbridge.example.com", "ftp://x", "https://u:p@x.example", "http://portal.example", "https://x\x1b[2J.y",
         "http://[::1", "https://x:port"],
    )  # fmt: skip
    def test_is_2_for_an_address_that_takes_no_token(self, url: str, call: Call) -> None:
        ended = call("catalog", "list", DRAWBRIDGE_URL=url, DRAWBRIDGE_TOKEN="t")
        assert ended.code == 2
        assert "u:p" not in ended.err
        assert "\x1b" not in ended.err

    @pytest.mark.parametrize("token", ["two words", "new\nline", "schön", "x" * 500])
    def test_is_2_for_a_token_that_is_none(self, token: str, call: Call) -> None:
        ended = call("catalog", DRAWBRIDGE_URL="https://x.example", DRAWBRIDGE_TOKEN=token)
        assert ended.code == 2
        assert token not in ended.err

    def test_is_2_for_environment_variables_that_say_nothing_known(self, call: Call) -> None:
        assert call("catalog", DRAWBRIDGE_OUTPUT="xml").code == 2
        assert call("catalog", DRAWBRIDGE_TOKEN="t").code == 2


class TestUnreachable:
    def test_is_3_where_nothing_listens(self, call: Call) -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        ended = call("catalog", "list", DRAWBRIDGE_URL=url, DRAWBRIDGE_TOKEN="t")
        assert (ended.code, "cannot be reached" in ended.err) == (ExitCode.UNREACHABLE, True)

    @pytest.mark.parametrize(
        ("status", "content_type", "body", "says"),
        [
            (200, "text/html", "<html>Sign in</html>", "not as a portal does"),
            (200, "application/json", '{"username": 3}', "this client does not know"),
            (200, "application/json", "[" * 100_000, "not as a portal does"),
            (502, "text/html", "<html>Bad gateway</html>", "answered 502"),
            (
                500,
                "application/problem+json",
                json.dumps(problem(500, "internal_error", "Our side")),
                "Our side",
            ),
            (503, "application/problem+json", json.dumps(problem(503, "unavailable", "Not now")), "Not now"),
            (
                429,
                "application/problem+json",
                json.dumps(problem(429, "throttled", "Too many calls")),
                "Too many",
            ),
        ],
    )
    def test_is_3_for_what_no_portal_answers_or_not_now(
        self, status: int, content_type: str, body: str, says: str, signed_in: Call, httpserver: HTTPServer
    ) -> None:
        httpserver.expect_request("/api/v1/me/").respond_with_data(
            body, status=status, content_type=content_type
        )
        ended = signed_in("whoami")
        assert (ended.code, says in ended.err) == (3, True), ended.err

    def test_is_3_for_a_redirect_and_the_token_does_not_go_there(
        self, signed_in: Call, httpserver: HTTPServer
    ) -> None:
        httpserver.expect_request("/api/v1/me/").respond_with_data(
            "", status=302, headers={"Location": httpserver.url_for("/elsewhere/")}
        )
        ended = signed_in("whoami")
        assert (ended.code, "redirects elsewhere" in ended.err) == (3, True)
        assert [request.path for request, _ in httpserver.log] == ["/api/v1/me/"]


class TestNotAllowed:
    def test_is_4_without_a_token(self, call: Call) -> None:
        ended = call("catalog", "list")
        assert (ended.code, "drawbridge login" in ended.err) == (ExitCode.NOT_ALLOWED, True)

    @pytest.mark.parametrize(
        ("status", "code", "advice"),
        [
            (401, "invalid_token", "Make a new token"),
            (403, "scope_missing", "Make a token with that scope"),
            (403, "self_approval", "Because."),
        ],
    )
    def test_is_4_for_a_token_that_may_not(
        self, status: int, code: str, advice: str, signed_in: Call, httpserver: HTTPServer
    ) -> None:
        httpserver.expect_request("/api/v1/me/").respond_with_json(problem(status, code), status=status)
        ended = signed_in("whoami")
        assert (ended.code, advice in ended.err) == (4, True)

    def test_is_4_for_a_sensitive_output(self, signed_in: Call, portal: HTTPServer) -> None:
        assert signed_in("outputs", "orders-db", "password").code == 4

    def test_is_4_for_a_decision_of_others(self, signed_in: Call, httpserver: HTTPServer) -> None:
        httpserver.expect_request(f"/api/v1/runs/{RUN_ID}/").respond_with_json(RUN_DETAIL)
        httpserver.expect_request("/api/v1/approvals/").respond_with_json(
            page({**answers.WAITING_STEP, "can_decide": False, "barred": "own_order"})
        )
        ended = signed_in("approve", RUN_ID, "--yes")
        assert (ended.code, "You ordered it yourself." in ended.err) == (4, True)

    def test_is_4_where_nobody_is_asked_any_more(self, signed_in: Call, httpserver: HTTPServer) -> None:
        settled = {**STEP, "settled_at": answers.AT, "settled_how": "break_glass"}
        httpserver.expect_request(f"/api/v1/runs/{RUN_ID}/").respond_with_json(
            {**RUN_DETAIL, "approvals": [settled]}
        )
        ended = signed_in("approve", RUN_ID, "--yes")
        assert (ended.code, "There is nothing to decide" in ended.err) == (4, True)


class TestADecision:
    @pytest.mark.parametrize(
        ("argv", "body"),
        [
            (["approve"], {"verdict": "approve", "comment": ""}),
            (["approve", "--plan-digest", "d" * 12], {"verdict": "approve", "comment": ""}),
            (["approve", "--group", "finops"], {"verdict": "approve", "comment": ""}),
            (["reject", "--comment", "Too dear."], {"verdict": "reject", "comment": "Too dear."}),
            (["request-changes", "-m", "Smaller."], {"verdict": "request_changes", "comment": "Smaller."}),
        ],
    )
    def test_is_about_the_plan_that_was_shown(
        self, argv: list[str], body: dict[str, str], signed_in: Call, portal: HTTPServer
    ) -> None:
        portal.expect_request(
            f"/api/v1/runs/{RUN_ID}/approvals/",
            method="POST",
            json={"step": 7, "plan_digest": DIGEST, **body},
        ).respond_with_json(
            {"step": 7, "verdict": body["verdict"], "approver": "fin", "run": answers.RUN}, status=201
        )
        ended = signed_in(argv[0], RUN_ID, "--yes", *argv[1:])
        assert ended.code == 0, ended.err
        shown = ended.out
        assert shown.index("It adds 378.30 USD a month.") < shown.index("multi_az") < shown.index("as finops")

    def test_to_override_can_stay_in_force(self, signed_in: Call, httpserver: HTTPServer) -> None:
        override = {**STEP, "verdict_needed": "override"}
        httpserver.expect_request(f"/api/v1/runs/{RUN_ID}/").respond_with_json(
            {**RUN_DETAIL, "approvals": [override]}
        )
        httpserver.expect_request(f"/api/v1/runs/{RUN_ID}/plan/").respond_with_json(answers.PLAN)
        body = {
            "step": 7,
            "plan_digest": DIGEST,
            "verdict": "override",
            "comment": "Agreed.",
            "keep_days": 30,
        }
        decided = {"step": 7, "verdict": "override", "approver": "sre", "run": answers.RUN}
        httpserver.expect_request(
            f"/api/v1/runs/{RUN_ID}/approvals/", method="POST", json=body
        ).respond_with_json(decided, status=201)
        argv = ("override", RUN_ID, "--yes", "-g", "finops", "-m", "Agreed.", "--keep-days", "30")
        assert signed_in(*argv).code == 0

    @pytest.mark.parametrize(
        ("decided", "shown"),
        [(0, "is asked to approve  0 of 2"), (1, "is asked to approve  1 of 2"), (2, "approved by fin")],
    )
    def test_may_need_several_people(
        self, decided: int, shown: str, signed_in: Call, httpserver: HTTPServer
    ) -> None:
        decision = {"approver": "fin", "verdict": "approve", "comment": "Yes", "decided_at": answers.AT}
        step = {**STEP, "quorum": 2, "groups": ["finops", "lead"], "decisions": [decision] * decided}
        httpserver.expect_request(f"/api/v1/runs/{RUN_ID}/").respond_with_json(
            {**RUN_DETAIL, "approvals": [step]}
        )
        ended = signed_in("runs", "show", RUN_ID)
        assert f"finops or lead  {shown}" in ended.out
        assert ended.out.count("“Yes”") == decided

    def test_is_not_taken_on_another_plan(self, signed_in: Call, portal: HTTPServer) -> None:
        ended = signed_in("approve", RUN_ID, "--yes", "--plan-digest", "e" * 64)
        assert (ended.code, "409 plan_changed" in ended.err) == (1, True)
        assert all(request.method == "GET" for request, _ in portal.log)

    def test_is_not_taken_when_the_plan_changes_while_it_is_shown(
        self, signed_in: Call, httpserver: HTTPServer
    ) -> None:
        changed: dict[str, Any] = {**RUN_DETAIL, "approvals": [{**STEP, "plan_digest": "e" * 64}]}
        httpserver.expect_request(f"/api/v1/runs/{RUN_ID}/").respond_with_json(changed)
        httpserver.expect_request(f"/api/v1/runs/{RUN_ID}/plan/").respond_with_json(answers.PLAN)
        httpserver.expect_request("/api/v1/approvals/").respond_with_json(page(answers.WAITING_STEP))
        ended = signed_in("approve", RUN_ID, "--yes")
        assert (ended.code, "has just changed" in ended.err) == (1, True)

    def test_asks_as_which_group_where_there_are_several(
        self, signed_in: Call, httpserver: HTTPServer
    ) -> None:
        second = {**STEP, "step": 8, "group": "sre", "groups": ["sre", "oncall"]}
        httpserver.expect_request(f"/api/v1/runs/{RUN_ID}/").respond_with_json(
            {**RUN_DETAIL, "approvals": [STEP, second]}
        )
        waiting = answers.WAITING_STEP
        httpserver.expect_request("/api/v1/approvals/").respond_with_json(
            page(waiting, {**waiting, "step": 8, "group": "sre"})
        )
        ended = signed_in("approve", RUN_ID, "--yes")
        assert (ended.code, "finops and sre or oncall" in ended.err, "--group" in ended.err) == (
            2,
            True,
            True,
        )


class TestChanges:
    """What each command sends."""

    @pytest.mark.parametrize(
        ("argv", "body"),
        [
            (["update", "orders-db", "-p", "replicas=2", "-p", "size=007", "--unset", "multi_az"],
             {"kind": "update", "justification": "", "parameters": {"replicas": 2, "size": "007", "multi_az": None}}),
            (["upgrade", "orders-db", "--to", "1.2.0", "-j", "New"],
             {"kind": "upgrade", "justification": "New", "parameters": {}, "version": "1.2.0"}),
            (["destroy", "orders-db", "--yes", "-e", "production"], {"kind": "destroy", "justification": ""}),
        ],
    )  # fmt: skip
    def test_are_runs_on_the_workspace(
        self, argv: list[str], body: dict[str, Any], signed_in: Call, portal: HTTPServer
    ) -> None:
        portal.expect_request(
            f"/api/v1/workspaces/{WORKSPACE_ID}/runs/", method="POST", json=body
        ).respond_with_json(RUN_DETAIL, status=201)
        ended = signed_in(*argv)
        assert ended.code == 0, ended.err
        assert f"drawbridge runs watch {RUN_ID}" in ended.out

    @pytest.mark.parametrize(
        ("argv", "method", "path", "body"),
        [
            (["runs", "cancel", RUN_ID], "POST", f"runs/{RUN_ID}/cancel/", {}),
            (["runs", "discard", RUN_ID], "POST", f"runs/{RUN_ID}/discard/", {}),
            (["runs", "retry", RUN_ID], "POST", f"runs/{RUN_ID}/retry/", {}),
            (["workspaces", "hold", "orders-db", "-m", "Audit"], "PUT", f"workspaces/{WORKSPACE_ID}/hold/",
             {"reason": "Audit"}),
            (["workspaces", "release", "orders-db"], "DELETE", f"workspaces/{WORKSPACE_ID}/hold/", None),
            (["workspaces", "renew", "orders-db", "--ttl", "30d"], "POST", f"workspaces/{WORKSPACE_ID}/runs/",
             {"kind": "renew", "ttl": 30, "justification": ""}),
            (["workspaces", "renew", "orders-db", "--ttl", "never"], "POST", f"workspaces/{WORKSPACE_ID}/runs/",
             {"kind": "renew", "ttl": None, "justification": ""}),
        ],
    )  # fmt: skip
    def test_are_one_call_each_with_a_key_of_its_own(
        self, argv: list[str], method: str, path: str, body: object, signed_in: Call, portal: HTTPServer
    ) -> None:
        document = answers.WORKSPACE_DETAIL if argv[0] == "workspaces" else RUN_DETAIL
        portal.expect_request(f"/api/v1/{path}", method=method).respond_with_json(document)
        assert signed_in(*argv).code == 0
        [sent] = [request for request, _ in portal.log if request.method != "GET"]
        assert (sent.get_json(silent=True) if body is not None else None) == body
        assert len(sent.headers["Idempotency-Key"]) == 36

    def test_of_a_name_that_several_have_ask_which(self, signed_in: Call, httpserver: HTTPServer) -> None:
        httpserver.expect_request("/api/v1/workspaces/").respond_with_json(
            page(answers.WORKSPACE, {**answers.WORKSPACE, "id": RUN_ID, "environment": "staging"})
        )
        ended = signed_in("destroy", "orders-db", "--yes")
        assert (ended.code, "--environment" in ended.err, "staging" in ended.err) == (1, True, True)
