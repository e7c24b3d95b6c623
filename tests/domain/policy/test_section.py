"""Reading a part of a policy: what is taken, what is refused, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from provisioner.domain.finding import Level
from provisioner.domain.policy.section import PolicyError, Problem, Reading, Section, show, spell

USD = 'Quote it as a decimal number that is not negative, such as "300.00".'


def section(value: object) -> Section:
    return Section(value, ("limits", 0, "amount"), Reading({("limits",): 3, ("limits", 0, "amount"): 5}))


def problems(part: Section) -> list[tuple[str, int, str, str]]:
    return [(p.place, p.line, p.what, p.fix) for p in part.reading.problems]


class TestAValue:
    @pytest.mark.parametrize(
        ("read", "value", "expected"),
        [
            (lambda s: s.text("else"), None, "else"),
            (lambda s: s.text(), None, ""),
            (lambda s: s.text(), "words", "words"),
            (lambda s: s.text(maximum=3), "abc", "abc"),
            (lambda s: s.names(("a",)), None, ("a",)),
            (lambda s: s.names(), None, ()),
            (lambda s: s.names(), "one", ("one",)),
            (lambda s: s.names(), ["b", "a", "b"], ("b", "a")),
            (lambda s: s.flag(True), None, True),
            (lambda s: s.flag(), None, False),
            (lambda s: s.flag(), True, True),
            (lambda s: s.flag(True), False, False),
            (lambda s: s.whole(7), None, 7),
            (lambda s: s.whole(), None, 0),
            (lambda s: s.whole(), 0, 0),
            (lambda s: s.whole(minimum=2, maximum=4), 2, 2),
            (lambda s: s.whole(minimum=2, maximum=4), 4, 4),
            (lambda s: s.whole(), 1_000_000_000, 1_000_000_000),
            (lambda s: s.days(3), None, 3),
            (lambda s: s.days(), 1, 1),
            (lambda s: s.days(), 3650, 3650),
            (lambda s: s.usd(), None, None),
            (lambda s: s.usd(Decimal(1)), None, Decimal(1)),
            (lambda s: s.usd(), "300.50", Decimal("300.50")),
            (lambda s: s.usd(), 0, Decimal(0)),
            (lambda s: s.choice("a", "b"), "b", "b"),
            (lambda s: s.choice("a", "b", default="a"), None, "a"),
            (lambda s: s.choice("a"), None, ""),
            (lambda s: s.level(Level.ADVISORY), None, Level.ADVISORY),
            (lambda s: s.level(Level.ADVISORY), "hard-mandatory", Level.HARD_MANDATORY),
            (lambda s: s.pattern(), "^a+$", "^a+$"),
            (lambda s: s.pattern(".*"), None, ".*"),
            (lambda s: dict(s.fields()), None, {}),
            (lambda s: dict(s.fields()), {"a": 1}, {"a": 1}),
            (lambda s: [key for key, _ in s.each()], {"a": 1, "b": 2}, ["a", "b"]),
            (lambda s: [one.value for one in s.items()], [1, 2], [1, 2]),
            (lambda s: [one.place[-1] for one in s.items()], [1, 2], [0, 1]),
            (lambda s: list(s.items()), None, []),
            (lambda s: s.present, None, False),
            (lambda s: s.present, False, True),
            (lambda s: s.at("a").value, {"a": 1}, 1),
            (lambda s: s.at("b").value, {"a": 1}, None),
            (lambda s: s.at(0).value, ["x"], "x"),
            (lambda s: s.at(1).value, ["x"], None),
            (lambda s: s.at("a").value, "text", None),
        ],
    )
    def test_is_taken_as_it_is(self, read: Callable[[Section], Any], value: object, expected: object) -> None:
        part = section(value)
        found = read(part)
        assert found == expected
        assert type(found) is type(expected)
        assert problems(part) == []

    @pytest.mark.parametrize(
        ("read", "value", "what", "fix", "instead"),
        [
            (lambda s: s.text("else"), 3, "3 is no text.", "Write a text.", "else"),
            (lambda s: s.text(), " ", "' ' is no text.", "Write a text.", ""),
            (
                lambda s: s.text("d", maximum=3),
                "abcd",
                "The text is longer than 3 characters.",
                "Shorten it.",
                "d",
            ),
            (lambda s: s.text(), "a" * 1001, "The text is longer than 1000 characters.", "Shorten it.", ""),
            (lambda s: s.names(), 3, "3 is no list.", "Write a list.", ()),
            (lambda s: s.flag(True), "yes", "'yes' is neither true nor false.", "Write true or false.", True),
            (lambda s: s.flag(), 1, "1 is neither true nor false.", "Write true or false.", False),
            (
                lambda s: s.whole(3, minimum=2, maximum=4),
                5,
                "5 is not a whole number from 2 to 4.",
                "Write such a number.",
                3,
            ),
            (
                lambda s: s.whole(3, minimum=2, maximum=4),
                1,
                "1 is not a whole number from 2 to 4.",
                "Write such a number.",
                3,
            ),
            (
                lambda s: s.whole(),
                True,
                "true is not a whole number from 0 to 1000000000.",
                "Write such a number.",
                0,
            ),
            (
                lambda s: s.whole(),
                1.5,
                "1.5 is not a whole number from 0 to 1000000000.",
                "Write such a number.",
                0,
            ),
            (lambda s: s.days(2), 0, "0 is not a whole number from 1 to 3650.", "Write such a number.", 2),
            (
                lambda s: s.days(2),
                3651,
                "3651 is not a whole number from 1 to 3650.",
                "Write such a number.",
                2,
            ),
            (lambda s: s.usd(), 0.1, "0.1 is not an amount of USD.", USD, None),
            (lambda s: s.usd(), "-1", "'-1' is not an amount of USD.", USD, None),
            (lambda s: s.usd(), "NaN", "'NaN' is not an amount of USD.", USD, None),
            (lambda s: s.usd(), True, "true is not an amount of USD.", USD, None),
            (lambda s: s.usd(Decimal(2)), "much", "'much' is not an amount of USD.", USD, Decimal(2)),
            (lambda s: s.choice("a", "b"), "c", "'c' is not one of the choices.", "Choose: a, b.", ""),
            (
                lambda s: s.level(Level.ADVISORY),
                "hard",
                "'hard' is not one of the choices.",
                "Choose: advisory, soft-mandatory, hard-mandatory.",
                Level.ADVISORY,
            ),
            (
                lambda s: s.pattern("d"),
                "(",
                "'(' is no regular expression: missing ), unterminated subpattern at position 0.",
                "Mend it.",
                "d",
            ),
            (lambda s: dict(s.fields()), [1], "A list is no mapping.", "Write key: value pairs.", {}),
            (lambda s: list(s.items()), {"a": 1}, "A mapping is no list.", "Write a list.", []),
        ],
    )
    def test_that_cannot_be_taken_is_named_with_its_place(
        self, read: Callable[[Section], Any], value: object, what: str, fix: str, instead: object
    ) -> None:
        part = section(value)
        assert read(part) == instead
        assert problems(part) == [("limits[0].amount", 5, what, fix)]


class TestKeys:
    def test_that_are_not_known_are_named_with_the_nearest_known(self) -> None:
        part = Section({"expire": 1, "other": 2}, ("a",), Reading({("a",): 2, ("a", "expire"): 4}))
        part.keys("expires", "when")
        assert problems(part) == [
            (
                "a.expire",
                4,
                "The key 'expire' is not known.",
                "Known here: expires, when. Did you mean expires?",
            ),
            ("a.other", 2, "The key 'other' is not known.", "Known here: expires, when."),
        ]

    def test_that_are_missing_are_named(self) -> None:
        part = Section({"when": 1}, ("a",), Reading({("a",): 2}))
        part.keys("expires", "when", required=["expires", "when"])
        assert problems(part) == [("a", 2, "The key expires is missing.", "Add expires.")]


class TestALine:
    @pytest.mark.parametrize(
        ("place", "line"), [(("a", 0, "b"), 4), (("a", 0, "b", "c"), 4), (("a", 1), 2), (("z",), 0), ((), 0)]
    )
    def test_is_that_of_the_nearest_part(self, place: tuple[str | int, ...], line: int) -> None:
        assert Reading({("a",): 2, ("a", 0, "b"): 4}).line_of(place) == line


class TestAProblem:
    @pytest.mark.parametrize(
        ("problem", "text"),
        [
            (Problem("a.b", 3, "It is wrong.", "Mend it."), "line 3: a.b: It is wrong. Mend it."),
            (Problem("a.b", 0, "It is wrong.", "Mend it."), "a.b: It is wrong. Mend it."),
            (Problem("", 3, "It is wrong.", "Mend it."), "line 3: It is wrong. Mend it."),
            (Problem("", 0, "It is wrong.", "Mend it."), "It is wrong. Mend it."),
        ],
    )
    def test_says_where_what_and_what_to_do(self, problem: Problem, text: str) -> None:
        assert str(problem) == text

    def test_stands_with_all_others_in_the_error(self) -> None:
        one, two = Problem("a", 1, "X.", "Y."), Problem("b", 2, "Z.", "W.")
        error = PolicyError(one, two)
        assert error.problems == (one, two)
        assert str(error) == "line 1: a: X. Y.\nline 2: b: Z. W."


class TestWords:
    @pytest.mark.parametrize(
        ("place", "text"), [((), ""), (("a",), "a"), (("a", 0, "b"), "a[0].b"), (("a", "b", 12), "a.b[12]")]
    )
    def test_spell_a_place(self, place: tuple[str | int, ...], text: str) -> None:
        assert spell(place) == text

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (None, "nothing"),
            ({}, "A mapping"),
            ([], "A list"),
            ("a\nb", "'a\\nb'"),
            (False, "false"),
            (1.5, "1.5"),
            ("x" * 78, "'" + "x" * 78 + "'"),
            ("x" * 79, "'" + "x" * 76 + "..."),
        ],
    )
    def test_show_a_value_on_one_short_line(self, value: object, text: str) -> None:
        assert show(value) == text
