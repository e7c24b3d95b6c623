"""Own rules as they are really evaluated: in a process of their own, whatever they do."""
# ruff: noqa: E501  (tables: a row a line)

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

import pytest

from provisioner.domain.guardrails_own import Failed, Objection
from provisioner.rulebook import file, own_rules
from provisioner.rulebook.own_rules import OwnRules
from tests.rulebook.rules import own, problem, text

REGO = """\
package main
{0}
"""
PLAN = {
    "resource_changes": [
        {"address": "aws_s3_bucket.a", "type": "aws_s3_bucket", "change": {"actions": ["create"], "after": {"acl": "public-read"}}}
    ]
}  # fmt: skip
# Three messages as conftest's documentation has them: texts and objects, in the older spelling and in today's.
OLDER = """\
deny[msg] {
  resource := input.resource_changes[_]
  resource.change.after.acl == "public-read"
  msg := sprintf("%s is public", [resource.address])
}
violation[{"msg": msg, "details": {"address": resource.address}}] {
  resource := input.resource_changes[_]
  msg := "no buckets"
}
warn[msg] { msg := "mind the cost" }
"""
NEWER = """\
import rego.v1
deny contains msg if {
  some resource in input.resource_changes
  resource.change.after.acl == "public-read"
  msg := sprintf("%s is public", [resource.address])
}
violation contains {"msg": "no buckets", "details": {"address": resource.address}} if {
  some resource in input.resource_changes
}
warn contains "mind the cost"
"""
SAID = (
    Objection("aws_s3_bucket.a is public"),
    Objection("no buckets", "aws_s3_bucket.a"),
    Objection("mind the cost", advisory=True),
)
# Nested as deep as a policy may: without an end, this takes minutes over a thousand resources.
EXPLODES = "resources.map(a, resources.map(b, [a, b])).size() > 0"


@pytest.fixture(scope="module")
def evaluate() -> Iterator[OwnRules]:
    """Return an evaluator of these tests' own, which ends with them."""
    rules = OwnRules(deadline_cel_s=1, deadline_rego_s=20)
    yield rules
    rules.close()


class TestCel:
    @pytest.mark.parametrize(
        ("expression", "item", "answer"),
        [
            ("resource.after.size <= 10", {"resource": {"after": {"size": 10}}}, ()),
            ("resource.after.size <= 10", {"resource": {"after": {"size": 11}}}, (Objection(),)),
            ("resource.after.size <= 10", {"resource": {"after": {"size": 10.5}}}, (Objection(),)),
            ("resource.after.x != true", {"resource": {"after": {"x": None}}}, ()),
            ("resource.after.size > 1 ? 'Too big' : ''", {"resource": {"after": {"size": 2}}}, (Objection("Too big"),)),
            ("resource.after.size > 1 ? 'Too big' : ''", {"resource": {"after": {"size": 1}}}, ()),
            ("resources.filter(r, r.n > 1).map(r, r.a)", {"resources": [{"n": 1, "a": "x"}, {"n": 2, "a": "y"}, {"n": 3, "a": "z"}]}, (Objection("y"), Objection("z"))),
            ("[]", {}, ()),
            ("has(resource.after.x) && resource.after.x", {"resource": {"after": {}}}, (Objection(),)),
            ("cost.usd_month <= 10.5", {"cost": {"usd_month": Decimal("10.5")}}, ()),
            ("cost.usd_month <= 10.5", {"cost": {"usd_month": Decimal("10.51")}}, (Objection(),)),
            ("resource.after.a == 1", {"resource": {"after": MappingProxyType({"a": 1})}}, ()),
        ],
    )  # fmt: skip
    def test_is_evaluated(self, evaluate: OwnRules, expression: str, item: dict, answer: tuple) -> None:
        assert list(evaluate(own("cel", expression=expression), {}, [item])) == [answer]

    @pytest.mark.parametrize(
        ("expression", "reason", "missing"),
        [
            ("resource.after.x == 1", "there is no x in what it looks at; ask has(...) first.", "x"),
            ("resource.after.n == 1 / 0", "division by zero in CEL expression", ""),
            ("!resource.after.nothing", "No such overload", ""),
            ("resource.after.n", "it gave neither true, false, a text nor a list of texts.", ""),
            ("[1]", "it gave neither true, false, a text nor a list of texts.", ""),
            ("'a'.matches('(')", "Function 'matches' error", ""),
            ("resource.after.n + 9223372036854775807 > 0", "Arithmetic overflow", ""),
        ],
    )
    def test_that_fails_says_why(
        self, evaluate: OwnRules, expression: str, reason: str, missing: str
    ) -> None:
        item = {"resource": {"after": {"n": 1, "nothing": None}}}
        (answer,) = evaluate(own("cel", expression=expression), {}, [item])
        assert isinstance(answer, Failed)
        assert answer.reason.startswith(reason)
        assert answer.missing == missing

    def test_gives_one_answer_for_each_item_in_order(self, evaluate: OwnRules) -> None:
        items = [{"resource": {"after": {"n": number}}} for number in range(own_rules.BATCH * 2 + 1)]
        said = list(evaluate(own("cel", expression="resource.after.n != 200"), {"at": "plan"}, items))
        assert [index for index, answer in enumerate(said) if answer] == [200]

    def test_that_explodes_is_ended_and_holds_nobody_up(self, evaluate: OwnRules) -> None:
        resources = [{"address": f"aws_eip.a[{n}]", "after": {"x": "y" * 50}} for n in range(3000)]
        explodes = own("cel", expression=EXPLODES, each="plan")
        late = Failed("it took too long, or broke its process.")
        assert list(evaluate(explodes, {}, [{"resources": resources}])) == [late]
        # It is not asked again for a while, and others are answered as before.
        gone = evaluate.cel._process
        assert list(evaluate(explodes, {}, [{"resources": resources}] * 500)) == [late] * 500
        assert evaluate.cel._process is gone is None
        assert list(evaluate(own("cel", expression="true"), {}, [{}])) == [()]

    def test_that_takes_all_memory_is_ended(self, evaluate: OwnRules) -> None:
        doubles = " + ".join(["t"] * 60)
        grows = own(
            "cel", expression=f"resources.map(t, {doubles}).map(t, {doubles}).size() > 0", each="plan"
        )
        (answer,) = evaluate(grows, {}, [{"resources": ["x" * 1_000_000] * 20}])
        assert answer == Failed("it took too long, or broke its process.")

    def test_is_evaluated_again_after_its_process_died(self, evaluate: OwnRules) -> None:
        rule = own("cel", expression="true")
        assert list(evaluate(rule, {}, [{}])) == [()]
        process = evaluate.cel._process
        assert process is not None
        process.kill()
        process.wait()
        assert list(evaluate(rule, {}, [{}])) == [()]

    def test_leaves_the_process_of_its_parent_alone(self, evaluate: OwnRules) -> None:
        rule = own("cel", expression="true")
        assert list(evaluate(rule, {}, [{}])) == [()]
        mine = evaluate.cel._process
        assert mine is not None
        child = os.fork()
        if child == 0:
            right = list(evaluate(rule, {}, [{}])) == [()] and evaluate.cel._process is not mine
            evaluate.close()
            os._exit(0 if right else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert list(evaluate(rule, {}, [{}])) == [()]
        assert evaluate.cel._process is mine


class TestRego:
    @pytest.mark.parametrize("module", [OLDER, NEWER], ids=["older", "newer"])
    def test_policies_of_conftest_run_unchanged(self, evaluate: OwnRules, module: str) -> None:
        (answer,) = evaluate(own("rego", module=REGO.format(module)), PLAN, [{}])
        assert answer == SAID

    @pytest.mark.parametrize(
        "module",
        [
            OLDER.replace('warn[msg] { msg := "mind the cost" }', ""),
            NEWER.replace('warn contains "mind the cost"', ""),
        ],
        ids=["older", "newer"],
    )
    def test_policies_that_hold_say_nothing(self, evaluate: OwnRules, module: str) -> None:
        assert list(evaluate(own("rego", module=REGO.format(module)), {"resource_changes": []}, [{}])) == [()]

    @pytest.mark.parametrize(
        ("module", "query", "answer"),
        [
            ("deny { input.x }", "data.main.deny", (Objection(),)),
            ("deny { input.y }", "data.main.deny", ()),
            ('warning[msg] { msg := "w" }', "data.main.warning", (Objection("w", advisory=True),)),
            ('limit["big"] { input.x }', "data.main.limit", (Objection("big"),)),
            ('deny[{"msg": "m", "resource": "aws_eip.a"}] { input.x }', "data.main.deny", (Objection("m", "aws_eip.a"),)),
            ("count_ := 3", "data.main.count_", Failed("the query gave neither a set of messages nor true or false.")),
            ("deny contains 3 if { input.x }", "data.main.deny", Failed("a message is neither a text nor an object with msg.")),
        ],
    )  # fmt: skip
    def test_answers_a_query_of_its_own(
        self, evaluate: OwnRules, module: str, query: str, answer: object
    ) -> None:
        rule = own(
            "rego",
            module=REGO.format(f"import rego.v1\n{module}" if " contains " in module else module),
            query=query,
        )
        assert list(evaluate(rule, {"x": True}, [{}])) == [answer]

    def test_sees_nothing_of_the_portals_environment(
        self, evaluate: OwnRules, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DRAWBRIDGE_SECRET_KEY", "CANARY-secret")
        module = REGO.format('deny[msg] { msg := sprintf("%v", [opa.runtime()]) }')
        (answer,) = evaluate(own("rego", module=module), {}, [{}])
        assert "PATH" in str(answer)
        assert "CANARY" not in str(answer)
        assert "DRAWBRIDGE" not in str(answer)

    def test_that_takes_too_long_is_ended(self) -> None:
        rules = OwnRules(deadline_rego_s=0.3)
        module = REGO.format(
            "deny[msg] { a := numbers.range(1, 4000)[_]; b := numbers.range(1, 4000)[_]; a * b == -1; msg := 1 }"
        )
        try:
            assert list(rules(own("rego", module=module), {}, [{}])) == [
                Failed("it took too long, or broke its process.")
            ]
        finally:
            rules.close()

    def test_is_refused_without_its_package(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(own_rules, "rego_installed", lambda: False)
        assert problem("rego", module=REGO.format(OLDER)) == (
            "line 7: guardrails.rules[0].with.module: Rego needs the package regopy, which is not installed. "
            "Install Drawbridge with its extra rego. Mend it."
        )

    def test_that_calls_what_is_not_there_is_refused(self) -> None:
        said = problem("rego", module=REGO.format('deny[msg] { http.send({"url": "x"}); msg := "m" }'))
        assert "The function http.send, which policy.rego calls, is not available here." in said

    @pytest.mark.parametrize("body", ["msg := y", "nofun(1); msg := 1"])
    def test_that_makes_no_sense_counts_as_broken(self, evaluate: OwnRules, body: str) -> None:
        (answer,) = evaluate(own("rego", module=REGO.format(f"deny[msg] {{ {body} }}")), {}, [{}])
        assert isinstance(answer, Failed)

    def test_that_cannot_be_read_is_refused(self) -> None:
        said = problem("rego", module="package main\ndeny[msg] {")
        assert said.startswith(
            "line 7: guardrails.rules[0].with.module: It is no Rego policy: this is unclosed"
        )


class TestFiles:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        (tmp_path / "rego" / "more").mkdir(parents=True)
        (tmp_path / "rego" / "a.rego").write_text(REGO.format(OLDER))
        (tmp_path / "rego" / "a_test.rego").write_text("package main\ntest_it { false }")
        (tmp_path / "rego" / "more" / "b.rego").write_text('package main\ndeny[msg] { msg := "b" }')
        (tmp_path / "rego" / "data.json").write_text("{}")
        return tmp_path

    @pytest.mark.parametrize(
        ("named", "names"),
        [("rego/a.rego", ["rego/a.rego"]), ("rego", ["rego/a.rego", "rego/more/b.rego"]), (["rego/more", "rego/a.rego"], ["rego/more/b.rego", "rego/a.rego"])],
    )  # fmt: skip
    def test_are_read_from_beside_the_policy(self, folder: Path, named: object, names: list[str]) -> None:
        assert [name for name, _ in own("rego", beside=folder, file=named).settings.modules] == names  # type: ignore[union-attr]

    @pytest.mark.parametrize(
        ("named", "reason"),
        [
            ("none.rego", "There is no none.rego beside the policy, or nothing in it ends with .rego."),
            ("../x.rego", "../x.rego does not lie beside the policy."),
            ("/etc/passwd", "/etc/passwd does not lie beside the policy."),
        ],
    )
    def test_that_are_not_there_are_said(self, folder: Path, named: str, reason: str) -> None:
        assert reason in problem("rego", beside=folder, file=named)

    def test_that_are_too_large_or_no_text_are_said(self, folder: Path) -> None:
        (folder / "big.rego").write_bytes(b"#" * (file.FILE_MAX_BYTES + 1))
        (folder / "bad.rego").write_bytes(b"\xff")
        assert "big.rego is larger than 256 KiB." in problem("rego", beside=folder, file="big.rego")
        assert "bad.rego cannot be read" in problem("rego", beside=folder, file="bad.rego")

    def test_are_a_part_of_the_digest(self, folder: Path) -> None:
        raw = text("rego", file="rego/a.rego").encode()
        before = file.read(raw, beside=folder).digest
        assert file.read(raw, beside=folder).digest == before
        with (folder / "rego" / "a.rego").open("a") as module:
            module.write("\n# more\n")
        assert file.read(raw, beside=folder).digest != before


class TestDocuments:
    def test_of_a_large_plan_are_handed_over_whole(self, evaluate: OwnRules) -> None:
        resources = [{"address": f"aws_eip.a[{n}]", "after": {"text": "x" * 1000}} for n in range(5000)]
        assert len(json.dumps(resources)) > 5_000_000
        slow = OwnRules(deadline_cel_s=20)
        try:
            rule = own("cel", expression="size(resources) == 5000", each="plan")
            assert list(slow(rule, {}, [{"resources": resources}])) == [()]
        finally:
            slow.close()
