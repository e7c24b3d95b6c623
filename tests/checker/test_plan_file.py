"""Reading plans of any size: the same as the reader of whole documents, and a clear refusal of everything else."""

from __future__ import annotations

import codecs
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from provisioner.domain.plan import SENSITIVE, parse_plan
from provisioner.domain.redaction import redact_plan
from provisioner.rulebook import plan_file
from provisioner.rulebook.plan_file import TooLarge, UnreadablePlan
from provisioner.rulebook.sample_plans import sample_plan
from tests.domain.documents import change, load, plan_of

PLANS = Path(__file__).parents[1] / "data" / "plans"
SHOW = "Run terraform show -json PLANFILE > plan.json and check plan.json."
QUEUE = change(["create"], after={"tags_all": {}}, kind="aws_sqs_queue")


def read(raw: bytes | str | dict[str, Any], **limits: Any) -> plan_file.ReadPlan:
    if isinstance(raw, dict):
        raw = json.dumps(raw)
    return plan_file.read(io.BytesIO(raw.encode() if isinstance(raw, str) else raw), **limits)


def refusal(raw: bytes | str | dict[str, Any], **limits: Any) -> str:
    with pytest.raises(UnreadablePlan) as caught:
        read(raw, **limits)
    return str(caught.value)


class TestAPlan:
    @pytest.mark.parametrize(
        "name", ["postgres.json", "create-1.11.json", "update-1.11.json", "update-1.15.json"]
    )
    def test_is_read_as_the_reader_of_whole_documents_reads_it(self, name: str) -> None:
        assert read(load(name)).plan == parse_plan(load(name))

    @pytest.mark.parametrize("name", ["plain", "nested", "data_heavy"])
    def test_that_was_not_made_by_the_portal_is_read_so_too(self, name: str) -> None:
        raw = (PLANS / f"{name}.json").read_bytes()
        found = read(raw)
        assert found.plan == parse_plan(json.loads(raw))
        assert found.region == "us-east-1"

    def test_of_any_size_is_read_so_too(self) -> None:
        raw = b"".join(sample_plan(250))
        found = read(raw)
        assert found.plan == parse_plan(json.loads(raw))
        assert len(found.plan.changes) == 250

    def test_has_no_secret_left_in_it(self) -> None:
        secret = "a secret that is long enough"
        rows = [
            change(["create"], after={"copy": secret}, address="aws_a.before"),
            change(
                ["create"], after={"password": secret}, after_sensitive={"password": True}, address="aws_a.b"
            ),
            change(["update"], {"copy": secret}, {"copy": secret}, address="aws_a.after"),
        ]
        document = plan_of(*rows, resource_drift=[rows[2]])
        plan = read(document).plan
        assert secret not in repr(plan)
        assert plan == parse_plan(document)
        assert plan.changes[0].after == {"copy": SENSITIVE}

    def test_has_no_secret_of_a_variable_left_in_it(self) -> None:
        secret = "a variable that is sensitive"
        document = plan_of(
            change(["create"], after={"copy": secret}),
            variables={"key": {"value": secret}},
            configuration={"root_module": {"variables": {"key": {"sensitive": True}}}},
        )
        assert secret not in repr(read(document))

    @pytest.mark.parametrize(
        "encoded",
        [
            lambda text: codecs.BOM_UTF8 + text.encode(),
            lambda text: text.encode("utf-16"),
            lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
            lambda text: text.encode(),
        ],
    )
    def test_may_be_saved_as_powershell_does(self, encoded: Any) -> None:
        row = change(["create"], after={"tags_all": {"service": "größe 日本 😀"}})
        found = read(encoded(json.dumps(plan_of(row), ensure_ascii=False, indent=1)))
        assert found.plan == parse_plan(plan_of(row))

    def test_may_be_cut_anywhere_between_two_reads(self) -> None:
        class Drops(io.BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                return super().read(min(size or 1, 3))

        row = change(["create"], after={"tags_all": {"service": "größe 日本 😀"}})
        raw = json.dumps(plan_of(row), ensure_ascii=False).encode()
        assert plan_file.read(Drops(raw)).plan == parse_plan(plan_of(row))

    def test_without_changes_is_one(self) -> None:
        document = {"format_version": "1.0", "planned_values": {"root_module": {}}}
        assert read(document).plan.changes == ()
        assert read({"format_version": "1.0", "resource_changes": []}).plan.changes == ()

    def test_may_stand_in_an_object_with_other_fields(self) -> None:
        found = read({"service": "orders", "plan": plan_of(QUEUE), "more": {"a": [1]}}, beside=True)
        assert found.beside == {"service": "orders", "more": {"a": [1]}}
        assert len(found.plan.changes) == 1
        assert read(plan_of(QUEUE), beside=True).beside == {}

    def test_stands_in_an_object_only_where_that_is_asked_for(self) -> None:
        assert "format_version is missing" in refusal({"plan": plan_of(QUEUE)})

    @pytest.mark.parametrize("wrapped", [False, True])
    def test_is_kept_as_a_whole_without_secrets_where_that_is_asked_for(self, wrapped: bool) -> None:
        row = change(["create"], after={"password": "secret"}, after_sensitive={"password": True})
        document = plan_of(row, planned_values={"root_module": {}})
        found = read({"plan": document} if wrapped else document, beside=wrapped, whole=True)
        assert found.document == redact_plan(document)
        assert "'secret'" not in repr(found)
        assert read(document).document is None


class TestWhatIsNoPlan:
    @pytest.mark.parametrize(
        ("raw", "text"),
        [
            (b"", f"The plan is empty. {SHOW}"),
            (b" \n", f"The plan is empty. {SHOW}"),
            (b"PK\x03\x04binary", f"This is Terraform's own plan file, which is binary. {SHOW}"),
            (b"\x1f\x8b\x08x", "The plan is compressed. Unpack it: gunzip -c plan.json.gz > plan.json."),
            (
                b'{"@level":"info","@message":"Terraform 1.11.4"}\n{"@level":"info"}',
                f"This is the log of terraform plan -json, not the plan. {SHOW}",
            ),
            (
                b"Terraform used the selected providers",
                f"The plan is not JSON: a value is expected at line 1, column 1. {SHOW}",
            ),
            (b'{"a": "\xc3("}', f"The plan is not UTF-8 (near byte 7). {SHOW}"),
            (b'{"a": "\xc3', f"The plan ends within a character: it is cut off. {SHOW}"),
            (b"[1]", f"The document is JSON, but not an object, so it is no plan. {SHOW}"),
            (b'"plan"', f"The document is JSON, but not an object, so it is no plan. {SHOW}"),
            (
                b'{"version": 4, "terraform_version": "1.11.4", "serial": 3, "lineage": "x", "resources": []}',
                f"This is a state, not a plan: it tells what is, not what is to be. {SHOW}",
            ),
            (b"{}{}", f"line 1, column 3: something follows the end of the plan. {SHOW}"),
            (b"{'a': 1}", f"The plan is not JSON: a key in quotes is expected at line 1, column 2. {SHOW}"),
            (b'{"a" 1}', f"The plan is not JSON: a colon is expected at line 1, column 6. {SHOW}"),
            (
                b'{"a": 1\n "b": 2}',
                f"The plan is not JSON: a comma or }} is expected at line 2, column 2. {SHOW}",
            ),
            (b'{"a": 1,}', f"The plan is not JSON: a key in quotes is expected at line 1, column 9. {SHOW}"),
            (
                b'{"resource_changes": [1 2]}',
                "resource_changes[0] is 1, not an object. Send the unchanged output of terraform show -json PLANFILE.",
            ),
            (b'{"resource_changes": {}}', f"The plan's resource_changes is not a list. {SHOW}"),
        ],
    )
    def test_is_refused_with_its_place_and_what_to_do(self, raw: bytes, text: str) -> None:
        assert refusal(raw) == text

    @pytest.mark.parametrize("end", [30, 100, 200, -1, -2, -40])
    def test_is_refused_when_it_was_cut_off(self, end: int) -> None:
        raw = json.dumps(plan_of(QUEUE))[:end]
        assert re.fullmatch(
            rf"The plan is cut off: it ends at line 1, column \d+ in the middle of the JSON. {re.escape(SHOW)}",
            refusal(raw),
        )

    @pytest.mark.parametrize("version", ["0.1", "2.0", None, 1])
    def test_is_another_version_of_the_format(self, version: object) -> None:
        assert "but only 1.x can be read" in refusal({**plan_of(QUEUE), "format_version": version})

    def test_is_a_state_that_was_shown_as_json(self) -> None:
        document = {"format_version": "1.0", "terraform_version": "1.11.4", "values": {"root_module": {}}}
        assert "neither resource_changes nor planned_values" in refusal(document)

    def test_is_a_plan_that_ended_with_errors(self) -> None:
        assert "Terraform ended it with errors" in refusal({**plan_of(QUEUE), "errored": True})

    @pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
    @pytest.mark.parametrize("where", ["resource_changes", "planned_values", "variables", "unknown_to_us"])
    def test_holds_numbers_that_json_does_not_have(self, constant: str, where: str) -> None:
        raw = json.dumps({**plan_of(QUEUE), where: ["HERE"]}).replace('"HERE"', constant)
        assert f"The plan holds {constant}, which is not JSON." in refusal(raw)

    def test_holds_numbers_that_are_too_large(self) -> None:
        row = json.dumps(plan_of(change(["create"], after={"size": "HERE"})))
        assert refusal(row.replace('"HERE"', "1e999")) == (
            f"resource_changes[0]: The plan holds the number '1e999', which is too large. {SHOW}"
        )
        assert "in resource_changes[0]: a number has too many digits." in refusal(
            row.replace('"HERE"', "9" * 5000)
        )

    def test_says_a_key_twice(self) -> None:
        raw = json.dumps(plan_of(QUEUE, change(["create"], after={"size": 1})))
        assert refusal(raw.replace('"size": 1', '"size": 1, "size": 2')) == (
            f"resource_changes[1]: The key 'size' is there twice. {SHOW}"
        )
        assert refusal(raw[:-1] + ', "resource_changes": []}') == (
            f"The key 'resource_changes' is there twice. {SHOW}"
        )

    @pytest.mark.parametrize("depth", [200, 5_000, 200_000])
    @pytest.mark.parametrize(
        "where", ["resource_changes", "planned_values", "configuration", "unknown_to_us"]
    )
    def test_is_nested_too_deep(self, depth: int, where: str) -> None:
        nested = "[" * depth + "]" * depth
        raw = json.dumps({**plan_of(), where: ["HERE"]}).replace('"HERE"', nested)
        if depth == 200 and where in ("planned_values", "unknown_to_us"):
            assert read(raw).plan.changes == ()  # nobody looks there
        else:
            assert "deep" in refusal(raw)

    def test_is_nested_too_deep_in_modules(self) -> None:
        module = '{"child_modules":[' * 5_000 + "]}" * 5_000
        raw = json.dumps({**plan_of(), "planned_values": {"root_module": "HERE"}}).replace('"HERE"', module)
        assert "deep" in refusal(raw)

    def test_is_larger_than_is_taken_here(self) -> None:
        raw = json.dumps(plan_of(QUEUE)).encode()
        assert len(read(raw, max_bytes=len(raw)).plan.changes) == 1
        with pytest.raises(TooLarge) as caught:
            read(raw, max_bytes=len(raw) - 1)
        assert str(caught.value) == (
            f"The plan is larger than {len(raw) - 1} bytes, which is more than is taken here. "
            "Plan a part of it, or check it with drawbridge-policy check --max-mib."
        )

    @pytest.mark.parametrize(
        ("row", "text"),
        [
            ("x", "resource_changes[0] is 'x', not an object."),
            ({"change": {"actions": ["explode"]}}, "resource_changes[0].change.actions is a list of 1"),
            ({**QUEUE, "address": 3}, "resource_changes[0].address is 3, not a text."),
            ({**QUEUE, "change": {"actions": ["create"], "after": []}}, "resource_changes[0].change.after"),
        ],
    )
    def test_has_a_change_that_is_none(self, row: object, text: str) -> None:
        assert refusal({**plan_of(), "resource_changes": [row]}).startswith(text)
