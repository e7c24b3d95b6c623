"""Read one section of a policy: every problem is collected with its place, none stops the reading."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from provisioner.domain.finding import Level

Place = tuple[str | int, ...]

DAYS_MAX = 3650


@dataclass(frozen=True)
class Problem:
    """One reason why a policy is refused. `line` is 1-based, 0 where the file has no such part."""

    place: str  # such as guardrails[2].with.maximum
    line: int
    what: str
    fix: str

    def __str__(self) -> str:
        at = f"line {self.line}: " if self.line else ""
        return f"{at}{self.place}: {self.what} {self.fix}" if self.place else f"{at}{self.what} {self.fix}"


class PolicyError(ValueError):
    """The policy cannot be used; `problems` says all that is wrong with it."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


@dataclass(frozen=True)
class Outside:
    """What reading a policy needs and the core does not have; without it, expressions are taken as they are.

    `compile(language, source)` tells what is wrong with an expression, None when nothing is. `texts(name, suffix)`
    reads a file beside the policy, or every file of a folder that ends so, as (name, text); it raises ValueError with a
    reason.
    """

    compile: Callable[[str, object], str | None] | None = None
    texts: Callable[[str, str], tuple[tuple[str, str], ...]] | None = None


@dataclass
class Reading:
    """What all sections of one document share: the lines of its parts, and the problems found so far."""

    lines: Mapping[Place, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    outside: Outside = field(default_factory=Outside)

    def line_of(self, place: Place) -> int:
        """Return the line of a part, or of the nearest part around it."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 0)


@dataclass(frozen=True)
class Section:
    """A part of the document and where it stands. Reading what is not there gives the default."""

    value: object
    place: Place
    reading: Reading

    def problem(self, what: str, fix: str) -> None:
        """Note that this part cannot be used."""
        self.reading.problems.append(Problem(spell(self.place), self.reading.line_of(self.place), what, fix))

    def keys(self, *known: str, required: Iterable[str] = ()) -> None:
        """Note every key that is not known, and every required one that is missing."""
        fields = self.fields()
        for key in fields:
            if key not in known:
                close = difflib.get_close_matches(key[:100], known, n=1)
                hint = f" Did you mean {close[0]}?" if close else ""
                names = ", ".join(known)
                self.at(key).problem(f"The key {show(key)} is not known.", f"Known here: {names}.{hint}")
        for key in required:
            if key not in fields:
                self.problem(f"The key {key} is missing.", f"Add {key}.")

    def at(self, key: str | int) -> Section:
        """Return the part under a key or an index; its value is None when it is not there."""
        inner: object = None
        if isinstance(self.value, Mapping) and isinstance(key, str):
            inner = self.value.get(key)
        elif isinstance(self.value, list) and isinstance(key, int) and key < len(self.value):
            inner = self.value[key]
        return Section(inner, (*self.place, key), self.reading)

    def inner(self, place: Place) -> Section:
        """Return the part at a place under this one."""
        part = self
        for step in place:
            part = part.at(step)
        return part

    def fields(self) -> Mapping[str, object]:
        """Return the part as a mapping; empty when it is not set or is none (which is a problem)."""
        if self.value is None:
            return {}
        if not isinstance(self.value, Mapping):
            self.problem(f"{show(self.value)} is no mapping.", "Write key: value pairs.")
            return {}
        return {str(key): value for key, value in self.value.items()}

    def each(self) -> Iterator[tuple[str, Section]]:
        """Yield the parts of a mapping with their keys."""
        for key in self.fields():
            yield key, self.at(key)

    def items(self) -> Iterator[Section]:
        """Yield the parts of a list."""
        if self.value is None:
            return
        if not isinstance(self.value, list):
            self.problem(f"{show(self.value)} is no list.", "Write a list.")
            return
        for index in range(len(self.value)):
            yield self.at(index)

    @property
    def present(self) -> bool:
        """Whether the file says anything here."""
        return self.value is not None

    def text(self, default: str = "", *, maximum: int = 1000) -> str:
        """Return a text."""
        if self.value is None:
            return default
        if not isinstance(self.value, str) or not self.value.strip():
            self.problem(f"{show(self.value)} is no text.", "Write a text.")
            return default
        if len(self.value) > maximum:
            self.problem(f"The text is longer than {maximum} characters.", "Shorten it.")
            return default
        return self.value

    def names(self, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Return a list of texts, each once; one text stands for a list of it."""
        if self.value is None:
            return default
        if isinstance(self.value, str):
            return (self.text(),)
        return tuple(dict.fromkeys(name for item in self.items() if (name := item.text())))

    def flag(self, default: bool = False) -> bool:
        """Return true or false."""
        if self.value is None:
            return default
        if not isinstance(self.value, bool):
            self.problem(f"{show(self.value)} is neither true nor false.", "Write true or false.")
            return default
        return self.value

    def whole(self, default: int = 0, *, minimum: int = 0, maximum: int = 1_000_000_000) -> int:
        """Return a whole number between two bounds."""
        if self.value is None:
            return default
        good = isinstance(self.value, int) and not isinstance(self.value, bool)
        if not good or not minimum <= int(str(self.value)) <= maximum:
            self.problem(
                f"{show(self.value)} is not a whole number from {minimum} to {maximum}.",
                "Write such a number.",
            )
            return default
        return int(str(self.value))

    def days(self, default: int = 0) -> int:
        """Return a number of days, 1 to 3650."""
        return self.whole(default, minimum=1, maximum=DAYS_MAX)

    def usd(self, default: Decimal | None = None) -> Decimal | None:
        """Return an amount of USD. A float would be rounded already, so amounts are quoted or whole."""
        if self.value is None:
            return default
        amount = _amount(self.value)
        if amount is None:
            self.problem(
                f"{show(self.value)} is not an amount of USD.",
                'Quote it as a decimal number that is not negative, such as "300.00".',
            )
            return default
        return amount

    def choice(self, *allowed: str, default: str = "") -> str:
        """Return one of the allowed texts."""
        if self.value is None:
            return default
        if self.value not in allowed:
            self.problem(f"{show(self.value)} is not one of the choices.", f"Choose: {', '.join(allowed)}.")
            return default
        return str(self.value)

    def level(self, default: Level) -> Level:
        """Return a level."""
        return Level(self.choice(*(level.value for level in Level), default=default.value))

    def pattern(self, default: str = "") -> str:
        """Return a regular expression that compiles."""
        text = self.text(default)
        try:
            re.compile(text)
        except re.error as error:
            self.problem(f"{show(text)} is no regular expression: {error}.", "Mend it.")
            return default
        return text

    def compiled(self, language: str, source: object) -> None:
        """Note what the language says is wrong with an expression or with modules."""
        compile_ = self.reading.outside.compile
        reason = compile_(language, source) if compile_ is not None and source else None
        if reason is not None:
            self.problem(reason, "Mend it.")

    def texts(self, suffix: str) -> tuple[tuple[str, str], ...]:
        """Return the texts of the files that are named here, each with its name."""
        read = self.reading.outside.texts
        found: list[tuple[str, str]] = []
        for name in self.names():
            if read is None:
                self.problem(
                    "There is no folder to read files from.", "Write the text into the policy instead."
                )
                break
            try:
                found.extend(read(name, suffix))
            except ValueError as error:
                self.problem(str(error), "Name a file beside the policy.")
        return tuple(found)


def _amount(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    try:
        amount = Decimal(value)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and amount >= 0 else None


def spell(place: Place) -> str:
    """Spell a place as guardrails[0].kind."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def show(value: object) -> str:
    """Show a value back to its author, short and on one line."""
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "A mapping"
    if isinstance(value, list):
        return "A list"
    text = (
        repr(value)
        if isinstance(value, str)
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
    )
    return text if len(text) <= 80 else f"{text[:77]}..."
