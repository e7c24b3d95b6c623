"""Read the small part of HCL's expression language that variable types and validations are written in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

MAX_EXPRESSION_CHARS = 10_000
MAX_DEPTH = 40


class HclSyntaxError(ValueError):
    """The text is no expression that this reader understands; the caller keeps it as text."""


@dataclass(frozen=True)
class Literal:
    """A constant: text, number, bool or null (None)."""

    value: str | int | float | bool | None


@dataclass(frozen=True)
class Reference:
    """A dotted name such as `var.name`; inside a type expression also `string` or `number`."""

    name: str


@dataclass(frozen=True)
class Call:
    """A function call; type constructors such as `list(string)` read the same way."""

    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True)
class Sequence:
    """A tuple constructor, `[a, b]`."""

    items: tuple[Expression, ...]


@dataclass(frozen=True)
class ObjectLiteral:
    """An object constructor, `{a = b}`; keys are names or quoted text."""

    items: tuple[tuple[str, Expression], ...]


@dataclass(frozen=True)
class Unary:
    """`!x` or `-x`."""

    operator: str
    operand: Expression


@dataclass(frozen=True)
class Binary:
    """Two operands and an operator between them."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True)
class Conditional:
    """`condition ? yes : no`."""

    condition: Expression
    yes: Expression
    no: Expression


@dataclass(frozen=True)
class ForList:
    """`[for name in collection : body]` without key, grouping or `if`."""

    name: str
    collection: Expression
    body: Expression


Expression: TypeAlias = (
    Literal | Reference | Call | Sequence | ObjectLiteral | Unary | Binary | Conditional | ForList
)

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
    | (?P<name>[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z_][A-Za-z0-9_-]*)*)
    | (?P<string>"(?:[^"\\\n]|\\.)*")
    | (?P<operator>&&|\|\||==|!=|>=|<=|[><!+\-*/%?:()\[\]{},=])
    )""",
    re.VERBOSE,
)
_BINARY_LEVELS: tuple[tuple[str, ...], ...] = (
    ("||",),
    ("&&",),
    ("==", "!="),
    (">", "<", ">=", "<="),
    ("+", "-"),
    ("*", "/", "%"),
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}


def parse_expression(text: str) -> Expression:
    """Return the expression that `text` is.

    Raises HclSyntaxError for whatever is outside the supported part: templates, splats, indexes, heredocs.
    """
    if len(text) > MAX_EXPRESSION_CHARS:
        raise HclSyntaxError("the expression is too long")
    return _Parser(_tokens(text)).whole()


def unquote(source: str) -> str:
    """Return the value of a quoted HCL string, its quotes included in `source`; templates are refused."""
    return unescape_template(_unescape(source[1:-1]))


def unescape_template(text: str) -> str:
    """Turn `$${` and `%%{` into the literal `${` and `%{`; a live template raises HclSyntaxError."""
    if re.search(r"(?<!\$)\$\{|(?<!%)%\{", text):
        raise HclSyntaxError("a template is no constant")
    return text.replace("$${", "${").replace("%%{", "%{")


def _unescape(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        mark = match.group(1)
        if mark in _ESCAPES:
            return _ESCAPES[mark]
        if mark[0] in "uU" and len(mark) > 1 and int(mark[1:], 16) <= 0x10FFFF:
            return chr(int(mark[1:], 16))
        raise HclSyntaxError(f"unknown escape \\{mark}")

    return re.sub(r"\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)", one, text)


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    at = 0
    end = len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise HclSyntaxError(f"cannot read {text[at : at + 20]!r}")
        found.append((match.lastgroup, match.group(match.lastgroup)))
        at = match.end()
    return found


class _Parser:
    """Recursive descent over the tokens; depth-limited, so that no input exhausts the stack."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens = tokens
        self.at = 0
        self.depth = 0

    def whole(self) -> Expression:
        found = self.expression()
        if self.at != len(self.tokens):
            raise HclSyntaxError(f"unexpected {self.tokens[self.at][1]!r}")
        return found

    def expression(self) -> Expression:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise HclSyntaxError("the expression is nested too deeply")
        condition = self.binary(0)
        if self.take("?"):
            yes = self.expression()
            self.expect(":")
            condition = Conditional(condition, yes, self.expression())
        self.depth -= 1
        return condition

    def binary(self, level: int) -> Expression:
        if level == len(_BINARY_LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while (operator := self.peek_operator()) in _BINARY_LEVELS[level]:
            self.at += 1
            left = Binary(operator, left, self.binary(level + 1))
        return left

    def unary(self) -> Expression:
        for operator in ("!", "-"):
            if self.take(operator):
                self.depth += 1
                if self.depth > MAX_DEPTH:
                    raise HclSyntaxError("the expression is nested too deeply")
                operand = self.unary()
                self.depth -= 1
                if operator == "-" and isinstance(operand, Literal) and _is_number(operand.value):
                    return Literal(-operand.value)  # type: ignore[operator]
                return Unary(operator, operand)
        return self.primary()

    def primary(self) -> Expression:
        if self.at >= len(self.tokens):
            raise HclSyntaxError("the expression ends too early")
        kind, text = self.tokens[self.at]
        self.at += 1
        if kind == "number":
            return Literal(int(text) if text.isdigit() else float(text))
        if kind == "string":
            return Literal(unquote(text))
        if kind == "name":
            return self.named(text)
        if text == "(":
            inner = self.expression()
            self.expect(")")
            return inner
        if text == "[":
            if self.tokens[self.at : self.at + 1] == [("name", "for")]:
                return self.for_list()
            return Sequence(self.arguments("]"))
        if text == "{":
            return self.object_literal()
        raise HclSyntaxError(f"unexpected {text!r}")

    def named(self, text: str) -> Expression:
        if text in ("true", "false"):
            return Literal(text == "true")
        if text == "null":
            return Literal(None)
        if self.take("("):
            return Call(text, self.arguments(")"))
        return Reference(text)

    def arguments(self, closing: str) -> tuple[Expression, ...]:
        found: list[Expression] = []
        while not self.take(closing):
            found.append(self.expression())
            if not self.take(","):
                self.expect(closing)
                break
        return tuple(found)

    def for_list(self) -> Expression:
        self.at += 1
        name = self.expect_kind("name")
        if self.expect_kind("name") != "in":
            raise HclSyntaxError("only `for x in ...` is understood")
        collection = self.expression()
        self.expect(":")
        body = self.expression()
        self.expect("]")
        return ForList(name, collection, body)

    def object_literal(self) -> Expression:
        found: list[tuple[str, Expression]] = []
        while not self.take("}"):
            kind, text = self.tokens[self.at] if self.at < len(self.tokens) else ("", "")
            if kind not in ("name", "string"):
                raise HclSyntaxError("an object key must be a name or quoted text")
            self.at += 1
            if not self.take("="):
                self.expect(":")
            found.append((unquote(text) if kind == "string" else text, self.expression()))
            self.take(",")
        return ObjectLiteral(tuple(found))

    def peek_operator(self) -> str:
        kind, text = self.tokens[self.at] if self.at < len(self.tokens) else ("", "")
        return text if kind == "operator" else ""

    def take(self, operator: str) -> bool:
        if self.peek_operator() == operator:
            self.at += 1
            return True
        return False

    def expect(self, operator: str) -> None:
        if not self.take(operator):
            raise HclSyntaxError(f"expected {operator!r}")

    def expect_kind(self, kind: str) -> str:
        if self.at >= len(self.tokens) or self.tokens[self.at][0] != kind:
            raise HclSyntaxError(f"expected a {kind}")
        self.at += 1
        return self.tokens[self.at - 1][1]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
