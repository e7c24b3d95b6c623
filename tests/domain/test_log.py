"""Lines of a log as they are stored."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from provisioner.domain.log import LogEntry, chunk_of, from_json, pack, to_json, unpack

AT = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)


def line(sequence: int = 1, text: str = "a line", **changed: str) -> LogEntry:
    return LogEntry(sequence, AT, "plan", "info", changed.get("address", "module.this.x.y"), text)


class TestALine:
    @pytest.mark.parametrize(
        "text", ["", "\0", "a\nb\r\nc\x0b\x85\u2028d", "\u202egnp", "\x1b[31m", "🐘 é", '"\\', "x" * 100_000]
    )
    def test_comes_back_as_it_was(self, text: str) -> None:
        assert list(unpack(pack([line(7, text), line(8)]), 7)) == [line(7, text), line(8)]

    def test_is_one_line_of_json_without_nul(self) -> None:
        row = to_json(line(text="\0\r\n\u2028"))
        assert b"\0" not in row
        assert len(row.splitlines()) == 1

    def test_with_half_a_character_is_stored_without_it(self) -> None:
        [stored] = unpack(pack([line(text="a\ud800b")]), 1)
        assert stored.text == "a?b"

    def test_knows_its_sequence_where_it_stands_alone(self) -> None:
        assert from_json(to_json(line(41), with_sequence=True)) == line(41)

    def test_keeps_the_beginning_of_an_endless_address(self) -> None:
        [stored] = unpack(pack([line(address="a" * 1000)]), 1)
        assert stored.address == "a" * 512


class TestAChunk:
    def test_is_the_same_bytes_for_the_same_lines(self) -> None:
        assert pack([line(1), line(2)]) == pack([line(1), line(2)])

    @pytest.mark.parametrize(
        ("after", "limit", "found"),
        [
            (0, 9, [11, 12, 14]),
            (11, 9, [12, 14]),
            (12, 1, [14]),
            (13, 9, [14]),
            (14, 9, []),
            (0, 2, [11, 12]),
        ],
    )
    def test_gives_lines_above_a_sequence(self, after: int, limit: int, found: list[int]) -> None:
        chunk = chunk_of((line(11), line(12), line(14)))
        assert (chunk.first, chunk.last) == (11, 14)
        assert [entry.sequence for entry in chunk.between(after, limit)] == found
        assert chunk.size > 3 * 400
