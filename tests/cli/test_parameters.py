"""Parameters as they are typed, and as they stand in files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from portal.cli.failures import Misuse
from portal.cli.parameters import from_file, gathered, typed

SCHEMA = {
    "properties": {
        "text": {"type": "string"},
        "text_or_null": {"type": ["string", "null"]},
        "whole": {"type": "integer"},
        "number": {"type": "number"},
        "flag": {"type": "boolean"},
        "list": {"type": "array"},
        "map": {"type": "object"},
        "either": {"type": ["integer", "string"]},
    }
}


class TestAValue:
    @pytest.mark.parametrize(
        ("name", "text", "value"),
        [
            ("text", "007", "007"),
            ("text", "true", "true"),
            ("text", "null", "null"),
            ("text", "", ""),
            ("text", "a=b", "a=b"),
            ("text_or_null", "null", None),
            ("text_or_null", "x", "x"),
            ("whole", "3", 3),
            ("whole", "-3", -3),
            ("number", "3", 3),
            ("number", "0.5", 0.5),
            ("flag", "true", True),
            ("list", '["a", 1]', ["a", 1]),
            ("list", "[]", []),
            ("map", '{"a": {"b": 1}}', {"a": {"b": 1}}),
            ("either", "3", 3),
            ("either", "three", "three"),
            ("either", "true", "true"),
            ("nobody_knows", "3", 3),
            ("nobody_knows", "three", "three"),
            ("nobody_knows", "NaN", "NaN"),
            ("nobody_knows", '{"a": 1, "a": 2}', '{"a": 1, "a": 2}'),
        ],
    )
    def test_is_what_the_schema_says(self, name: str, text: str, value: Any) -> None:
        read = typed(name, text, SCHEMA)
        assert (read, type(read)) == (value, type(value))

    @pytest.mark.parametrize(
        ("name", "text"),
        [("whole", "3.5"), ("whole", "true"), ("whole", ""), ("flag", "yes"), ("flag", "1"), ("list", "a,b"),
         ("map", "[]"), ("number", "Infinity"), ("list", "[" * 100_000)],
    )  # fmt: skip
    def test_of_another_type_is_refused_with_an_example(self, name: str, text: str) -> None:
        with pytest.raises(Misuse) as refused:
            typed(name, text, SCHEMA)
        assert f"-p '{name}=" in refused.value.fix

    def test_is_json_or_text_where_no_schema_is_known(self) -> None:
        assert (typed("a", "1", None), typed("a", "x y", {})) == (1, "x y")


class TestSources:
    def test_later_ones_win_and_what_is_unset_is_null(self, tmp_path: Path) -> None:
        first, second = tmp_path / "a.yaml", tmp_path / "b.json"
        first.write_text("a: 1\nb: [x, y]\nc: 'no'\n")
        second.write_text('{"b": [], "d": "text"}')
        found = gathered([str(first), str(second)], ["d=2", "e=3"], ["c"], None)
        assert found == {"a": 1, "b": [], "c": None, "d": 2, "e": 3}

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            ("a: 1\na: 2\n", "a is given twice"),
            ('{"a": {"b": 1, "b": 2}}', "b is given twice"),
            ("when: 2026-11-24\n", "put it in quotes"),
            ("1: one\n", "put it in quotes"),
            ("a: .nan\n", "no number"),
            ("a: !!python/object/apply:os.system ['true']\n", "cannot be read as YAML"),
            ("a: !!binary aGk=\n", "no JSON value"),
            ("- a\n- b\n", "holds no parameters"),
            ("", "holds no parameters"),
            ("a: [", "cannot be read as YAML"),
            ("a: " + "[" * 60 + "]" * 60, "nested too deeply"),
            ("a: " + "[" * 600, "cannot be read as YAML"),
            ("a: &x [*x]\n", "cannot be read as YAML"),
            ("a: \ud83d", "cannot be read as YAML"),
            ("#" * (1024 * 1024 + 1), "larger than 1 MiB"),
        ],
    )
    def test_that_say_nothing_clear_are_refused(self, content: str, says: str, tmp_path: Path) -> None:
        file = tmp_path / "p.yaml"
        file.write_bytes(content.encode("utf-8", "surrogatepass"))
        with pytest.raises(Misuse) as refused:
            from_file(str(file))
        assert says in f"{refused.value.what} {refused.value.why}"

    def test_read_what_an_alias_repeats(self, tmp_path: Path) -> None:
        file = tmp_path / "p.yaml"
        file.write_text("a: &x {b: 1}\nc: *x\n")
        assert from_file(str(file)) == {"a": {"b": 1}, "c": {"b": 1}}
