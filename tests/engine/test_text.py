"""Lines, redaction and log lines from Terraform's output."""

import json
import tracemalloc

import pytest

from provisioner.engine import diagnostics
from provisioner.engine.lines import TAIL_BYTES, Line, LineSplitter
from provisioner.engine.redact import Redactor, make_visible, sensitive_texts, texts_in
from provisioner.engine.stream import LINE_BYTES, LogBudget, Narrator
from provisioner.engine.types import Diagnostic, LogLine
from tests.engine.conftest import Lines


def narrate(*messages: object, secrets: tuple[str, ...] = (), phase: str = "apply") -> tuple[Lines, Narrator]:
    lines = Lines()
    narrator = Narrator(phase, Redactor(secrets), lines)
    for message in messages:
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        narrator.read_json(Line(data, len(data)))
    return lines, narrator


class TestLineSplitter:
    @pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
    def test_cuts_at_line_ends_whatever_the_chunks(self, size: int) -> None:
        text = b"one\r\n\ntwo\nthree"
        found: list[Line] = []
        splitter = LineSplitter(found.append)
        for start in range(0, len(text), size):
            splitter.feed(text[start : start + size])
        splitter.close()
        assert [line.data for line in found] == [b"one", b"", b"two", b"three"]
        assert not any(line.is_cut for line in found)

    def test_keeps_head_and_tail_of_a_long_line(self) -> None:
        found: list[Line] = []
        splitter = LineSplitter(found.append, max_line_bytes=10)
        for _ in range(50):
            splitter.feed(b"abcdefghij" * 1000)
        splitter.feed(b"end\nnext\n")
        assert found[0].data == b"abcdefghij"
        assert found[0].size == 500_003
        assert found[0].tail.endswith(b"jend")
        assert len(found[0].tail) == TAIL_BYTES
        assert found[1] == Line(b"next", 4)


class TestRedactor:
    @pytest.mark.parametrize(
        "text",
        ["a s3cr3t b", "s3cr3ts3cr3t", 'password="s3cr3t"'],
    )
    def test_replaces_every_occurrence(self, text: str) -> None:
        assert "s3cr3t" not in Redactor(["s3cr3t"])(text)

    def test_knows_how_others_write_it(self) -> None:
        redact = Redactor(['two\nlines "quoted"'])
        assert redact(r"two\nlines \"quoted\"") == "(sensitive)"
        assert redact('lines "quoted"') == "(sensitive)"

    def test_leaves_tiny_values_alone(self) -> None:
        assert Redactor(["", "1", "abc"])("abc 1") == "abc 1"

    def test_takes_the_longest_first(self) -> None:
        assert Redactor(["secret", "secret-longer"])("secret-longer") == "(sensitive)"

    def test_finds_texts_in_nested_values(self) -> None:
        value = {"a": ["x", {"b": 4711}], "c": None, "d": True, "e": "y"}
        assert list(texts_in(value)) == ["x", "4711", "y"]


class TestSensitiveTexts:
    def test_are_those_that_the_plan_marks(self) -> None:
        document = {
            "resource_changes": [
                {
                    "change": {
                        "before": None,
                        "before_sensitive": False,
                        "after": {
                            "name": "shown",
                            "password": "hidden-1",
                            "list": ["shown", {"key": "hidden-2"}],
                        },
                        "after_sensitive": {"password": True, "list": [False, {"key": True}], "absent": True},
                    }
                }
            ],
            "output_changes": {"token": {"after": {"a": "hidden-3", "b": "no"}, "after_sensitive": True}},
        }
        assert sensitive_texts(document) == ("hidden-1", "hidden-2", "hidden-3")

    def test_survive_documents_of_another_shape(self) -> None:
        assert sensitive_texts({"resource_changes": {}, "output_changes": [1], "resource_drift": [1]}) == ()


class TestMakeVisible:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("\0", "\\x00"),
            ("\x1b[2J", "\\x1b[2J"),
            ("\u202egnp", "\\u202egnp"),
            ("a\r\nb", "a\\x0d\\x0ab"),
            ("\ud800", "\\ud800"),
            ("tab\t é 🐘 👩‍🚀 עברית", "tab\t é 🐘 👩‍🚀 עברית"),
        ],
    )
    def test_shows_what_would_be_acted_on(self, text: str, shown: str) -> None:
        assert make_visible(text) == shown


class TestNarrator:
    def test_tells_messages_with_their_resource(self) -> None:
        lines, _ = narrate(
            {"@level": "info", "@message": "Terraform 1.11.4", "type": "version"},
            {
                "@level": "info",
                "@message": "module.this.x.y: Creating...",
                "@timestamp": "2026-11-24T06:00:00.5Z",
                "type": "apply_start",
                "hook": {"resource": {"addr": "module.this.x.y"}},
            },
        )
        [line] = lines
        assert (line.text, line.address, line.level) == (
            "module.this.x.y: Creating...",
            "module.this.x.y",
            "info",
        )
        assert line.at is not None
        assert line.at.isoformat() == "2026-11-24T06:00:00.500000+00:00"

    @pytest.mark.parametrize(
        ("kind", "action", "counted"),
        [
            ("apply_complete", "create", True),
            ("apply_complete", "update", True),
            ("apply_complete", "delete", True),
            ("apply_complete", "read", False),
            ("apply_start", "create", False),
            ("apply_errored", "create", False),
        ],
    )
    def test_says_of_a_line_whether_a_change_was_made(self, kind: str, action: str, counted: bool) -> None:
        lines, _ = narrate(
            {
                "@message": "x.y: Creation complete after 1s\n[id=two rows]",
                "type": kind,
                "hook": {"action": action, "resource": {"addr": "x.y"}},
            }
        )
        assert [line.change_done for line in lines] == [counted, False]

    def test_tells_diagnostics_with_their_place(self) -> None:
        lines, narrator = narrate(
            {
                "@level": "error",
                "@message": "Error: no",
                "type": "diagnostic",
                "diagnostic": {
                    "severity": "error",
                    "summary": "no\n",
                    "detail": "first pa55word\n\nsecond",
                    "address": "module.this.x.y",
                    "range": {"filename": "module/main.tf", "start": {"line": 3}},
                },
            },
            secrets=("pa55word",),
        )
        assert [line.text for line in lines] == [
            "Error: no (module.this.x.y, main.tf:3)",
            "first (sensitive)",
            "second",
        ]
        assert {line.level for line in lines} == {"error"}
        assert narrator.errors[0].file == "main.tf"
        assert "pa55word" not in narrator.errors[0].detail

    @pytest.mark.parametrize(
        "data", [b"plain", b"{", b'{"a": 1}', b"[" * 100_000, b'{"@message":' + b"[" * 100_000, b"\xff{"]
    )
    def test_tells_anything_else_as_it_is(self, data: bytes) -> None:
        lines, _ = narrate(data)
        assert len(lines) == 1
        assert len(lines[0].text) < 10_000

    def test_survives_messages_of_another_shape(self) -> None:
        narrate(
            {"@message": None, "type": "diagnostic", "diagnostic": []},
            {"@message": 7, "hook": [], "change": {"resource": 3}, "@timestamp": {}, "@level": []},
            {"@message": "x", "type": None},
            {"@message": "x", "type": "diagnostic", "diagnostic": {"range": {"start": 1}, "summary": None}},
        )


class TestLogBudget:
    def test_keeps_head_and_tail_and_says_what_is_missing(self) -> None:
        lines = Lines()
        budget = LogBudget(lines, head_bytes=3 * (10 + LINE_BYTES), tail_bytes=2 * (10 + LINE_BYTES))
        for number in range(100):
            budget(LogLine(phase="plan", level="info", text=f"line {number:05d}"))
        assert [line.text for line in lines] == ["line 00000", "line 00001", "line 00002"]
        budget.close()
        assert [line.text for line in lines][3:] == [
            "… 95 lines (950 bytes) left out …",
            "line 00098",
            "line 00099",
        ]

    def test_counts_what_is_left_out_of_what_was_left_out_before(self) -> None:
        lines = Lines()
        budget = LogBudget(lines, head_bytes=0, tail_bytes=10 + LINE_BYTES)
        budget(LogLine(phase="plan", level="warn", text="... 7 lines ...", left_out=(7, 70)))
        for number in range(3):
            budget(LogLine(phase="plan", level="info", text=f"line {number:05d}"))
        budget.close()
        assert lines.text == "… 9 lines (90 bytes) left out …\nline 00002"

    def test_tells_of_changes_at_once_and_once_where_lines_wait_for_the_end(self) -> None:
        lines = Lines()
        budget = LogBudget(lines, head_bytes=0, tail_bytes=1000)
        for number in range(3):
            budget(LogLine(phase="apply", level="info", text=f"made {number}", change_done=True))
        assert [(line.text, line.change_done) for line in lines] == [("", True)] * 3
        budget.close()
        assert [line.text for line in lines[3:]] == ["made 0", "made 1", "made 2"]
        assert not any(line.change_done for line in lines[3:])

    def test_keeps_a_flood_of_tiny_lines_small(self) -> None:
        budget = LogBudget(lambda line: None, head_bytes=0, tail_bytes=64 * 1024)
        tracemalloc.start()
        for number in range(100_000):
            budget(LogLine(phase="plan", level="info", text=f"{number}"))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 1024 * 1024


class TestDiagnostics:
    def test_are_read_from_framed_text(self) -> None:
        text = (
            "╷\n│ Error: Failed to query\n│ \n│   on main.tf line 1:\n│ because\n╵\n╷\n│ Error: Second\n╵\n"
        )
        first, second = diagnostics.from_text(text)
        assert first.summary == "Failed to query"
        assert "because" in first.detail
        assert second.summary == "Second"

    @pytest.mark.parametrize(
        ("summary", "detail", "retry"),
        [
            ("Error acquiring the state lock", "HTTP remote state already locked", True),
            ("Failed to refresh", "dial tcp 127.0.0.1:9: connect: connection refused", True),
            ("Invalid value for variable", "Too short.", False),
            ("Reference to undeclared resource", "", False),
        ],
    )
    def test_say_whether_trying_again_can_help(self, summary: str, detail: str, retry: bool) -> None:
        assert diagnostics.can_be_retried([Diagnostic("error", summary, detail)]) is retry
