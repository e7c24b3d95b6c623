"""Read the structure of a Terraform file: its blocks, their labels and attributes, each with its line.

Expressions stay tokens. What ends a string, a heredoc or a comment is decided as HCL's own scanner decides it
(hashicorp/hcl, hclsyntax/scan_tokens.rl), because a reader that disagrees with Terraform about it would take code for
text: https://github.com/hashicorp/hcl/blob/main/hclsyntax/scan_tokens.rl
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

MAX_DEPTH: Final = 60

Kind: TypeAlias = Literal["name", "number", "string", "heredoc", "newline", "operator", "end"]

_BLANK: Final = re.compile(r"[ \t\r]+")
_COMMENT: Final = re.compile(r"(?:#|//)[^\n]*|/\*.*?\*/", re.DOTALL)
_NAME: Final = re.compile(r"[^\W\d][\w-]*")
_NUMBER: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_HEREDOC: Final = re.compile(r"<<-?([^\W\d][\w-]*)\r?\n")
_OPERATOR: Final = re.compile(r"\.\.\.|=>|::|&&|\|\||[=!<>]=|[-+*/%&|^~!<>=?:.,;()\[\]{}]")
# Terraform skips or refuses these; an editor shows the line differently from what a parser reads.
_CONTROL: Final = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u2028\u2029\u202a-\u202e\u2066-\u2069]|\r(?!\n)"
)
_OPENING: Final = {"(": ")", "[": "]", "{": "}"}


class StructureError(ValueError):
    """The text is no Terraform file; the message says what was expected, `line` where."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


@dataclass(frozen=True)
class Token:
    """A piece of the file as it is written; a string keeps its quotes, a heredoc its markers."""

    kind: Kind
    text: str
    line: int


@dataclass(frozen=True)
class Attribute:
    """`name = expression`; comments and the newlines inside are left out of `tokens`."""

    name: str
    line: int
    tokens: tuple[Token, ...]

    @property
    def source(self) -> str:
        """Return the expression on one line."""
        return " ".join(token.text for token in self.tokens)


@dataclass(frozen=True)
class Block:
    """`type "label" { … }` with what is directly in it; `line` is that of the type."""

    type: str
    labels: tuple[str, ...]
    line: int
    attributes: tuple[Attribute, ...]
    blocks: tuple[Block, ...]

    def attribute(self, name: str) -> Attribute | None:
        """Return the attribute of that name, or None."""
        return next((one for one in self.attributes if one.name == name), None)

    def walk(self) -> Iterator[Block]:
        """Yield this block and every block below it."""
        yield self
        for block in self.blocks:
            yield from block.walk()


def read_blocks(text: str) -> tuple[Block, ...]:
    """Return the top-level blocks of a file.

    Raises StructureError for what is no Terraform file, for invisible control characters, for escapes in a block's
    label and for nesting deeper than 60. Whether an expression makes sense is not looked at.
    """
    text = text.removeprefix("\ufeff")
    control = _CONTROL.search(text)
    if control is not None:
        line = text.count("\n", 0, control.start()) + 1
        raise StructureError(line, f"holds the invisible character U+{ord(control.group()):04X}; remove it")
    reader = _Reader(_Scanner(text).tokens())
    attributes, blocks = reader.body(closing=False, depth=0)
    if attributes:
        raise StructureError(attributes[0].line, f"{attributes[0].name} stands outside any block")
    return blocks


class _Scanner:
    """Split the text into tokens; every loop moves forward, and nesting is limited."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line = 1
        self.depth = 0

    def tokens(self) -> list[Token]:
        found = list(self.code(inside_template=False))
        found.append(Token("end", "", self.line))
        return found

    def fail(self, reason: str, line: int | None = None) -> StructureError:
        return StructureError(line or self.line, reason)

    def move(self, end: int) -> str:
        piece = self.text[self.at : end]
        self.line += piece.count("\n")
        self.at = end
        return piece

    def code(self, *, inside_template: bool) -> Iterator[Token]:
        """Yield tokens up to the end of the text, or up to and without the `}` that ends an interpolation."""
        braces = 0
        while self.at < len(self.text):
            line = self.line
            if match := _BLANK.match(self.text, self.at) or _COMMENT.match(self.text, self.at):
                self.move(match.end())
                continue
            character = self.text[self.at]
            if character == "\n":
                yield Token("newline", self.move(self.at + 1), line)
            elif character == '"':
                yield Token("string", self.string(), line)
            elif match := _HEREDOC.match(self.text, self.at):
                yield Token("heredoc", self.heredoc(match), line)
            elif match := _NAME.match(self.text, self.at):
                yield Token("name", self.move(match.end()), line)
            elif match := _NUMBER.match(self.text, self.at):
                yield Token("number", self.move(match.end()), line)
            elif self.text.startswith("/*", self.at):
                raise self.fail("a comment that begins here does not end")
            elif match := _OPERATOR.match(self.text, self.at):
                braces += (character == "{") - (character == "}")
                if braces < 0 and inside_template:
                    return
                yield Token("operator", self.move(match.end()), line)
            else:
                raise self.fail(f"cannot read {character!r}")

    def string(self) -> str:
        start, line = self.at, self.line
        self.move(self.at + 1)
        while self.at < len(self.text):
            character = self.text[self.at]
            if character == '"':
                self.move(self.at + 1)
                return self.text[start : self.at]
            if character == "\n":
                break
            if character == "\\":
                if self.text[self.at + 1 : self.at + 2] == "\n":
                    break
                self.move(min(self.at + 2, len(self.text)))
            else:
                self.template_part()
        raise self.fail("a quoted text that begins here does not end on its line", line)

    def heredoc(self, opening: re.Match[str]) -> str:
        start, line, marker = self.at, self.line, opening.group(1)
        self.move(opening.end())
        while self.at < len(self.text):
            # The marker ends the heredoc only alone on its line, and not where an interpolation ends on that line.
            line_end = self.text.find("\n", self.at)
            if line_end < 0:
                break
            if self.text[self.at : line_end].strip() == marker:
                self.move(line_end - self.text[self.at : line_end].endswith("\r"))
                return self.text[start : self.at]
            while self.at < len(self.text) and self.text[self.at] != "\n":
                self.template_part()
            if self.at < len(self.text):
                self.move(self.at + 1)
        raise self.fail(f"the heredoc <<{marker} that begins here does not end", line)

    def template_part(self) -> None:
        """Move past one character of text, one escape such as `$${`, or one whole interpolation or directive."""
        character = self.text[self.at]
        if character in "$%":
            if self.text.startswith(f"{character}{character}{{", self.at):
                self.move(self.at + 3)
                return
            if self.text.startswith(f"{character}{{", self.at):
                self.interpolation()
                return
        self.move(self.at + 1)

    def interpolation(self) -> None:
        line = self.line
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.fail("templates are nested too deeply")
        self.move(self.at + 2)
        for _ in self.code(inside_template=True):
            pass
        if self.at >= len(self.text):
            raise self.fail("an interpolation that begins here does not end", line)
        self.move(self.at + 1)
        self.depth -= 1


class _Reader:
    """Read bodies out of tokens: attributes and blocks, nothing else."""

    def __init__(self, tokens: list[Token]) -> None:
        self.all = tokens
        self.at = 0

    @property
    def next(self) -> Token:
        return self.all[self.at]

    def take(self) -> Token:
        token = self.all[self.at]
        self.at += 1
        return token

    def body(self, *, closing: bool, depth: int) -> tuple[tuple[Attribute, ...], tuple[Block, ...]]:
        if depth > MAX_DEPTH:
            raise StructureError(self.next.line, "blocks are nested too deeply")
        attributes: list[Attribute] = []
        blocks: list[Block] = []
        while True:
            token = self.take()
            if token.kind == "newline":
                continue
            if token.kind == "end":
                if closing:
                    raise StructureError(token.line, "the file ends inside a block; a } is missing")
                return tuple(attributes), tuple(blocks)
            if token.text == "}" and closing:
                return tuple(attributes), tuple(blocks)
            if token.kind != "name":
                raise StructureError(token.line, f"expected an argument or a block, not {token.text[:40]!r}")
            if self.next.text == "=":
                self.take()
                attributes.append(Attribute(token.text, token.line, self.expression()))
            else:
                blocks.append(self.block(token, depth))

    def expression(self) -> tuple[Token, ...]:
        """Return the tokens up to the end of the line, or to the } of a block on one line."""
        found: list[Token] = []
        open_: list[str] = []
        while True:
            token = self.next
            if not open_ and (token.kind in ("newline", "end") or token.text == "}"):
                if not found:
                    raise StructureError(token.line, "an expression is missing after the =")
                return tuple(found)
            if token.kind == "end":
                raise StructureError(token.line, f"the file ends inside brackets; a {open_[-1]} is missing")
            self.take()
            if token.kind == "newline":
                continue
            if token.kind == "operator" and token.text in _OPENING:
                open_.append(_OPENING[token.text])
            elif token.kind == "operator" and token.text in _OPENING.values() and open_[-1:] != [token.text]:
                raise StructureError(token.line, f"unexpected {token.text}")
            elif token.kind == "operator" and token.text in _OPENING.values():
                open_.pop()
            found.append(token)

    def block(self, first: Token, depth: int) -> Block:
        labels: list[str] = []
        while self.next.text != "{":
            token = self.take()
            if token.kind == "name":
                labels.append(token.text)
            elif token.kind == "string":
                labels.append(_label(token))
            else:
                raise StructureError(token.line, f"after {first.text}, expected = or a label and {{")
        self.take()
        attributes, blocks = self.body(closing=True, depth=depth + 1)
        if self.next.kind not in ("newline", "end") and self.next.text != "}":
            raise StructureError(self.next.line, "a block must be followed by a new line")
        return Block(first.text, tuple(labels), first.line, attributes, blocks)


def _label(token: Token) -> str:
    """Return a label's text; Terraform would resolve escapes, so `"\\u0065xternal"` is refused rather than read."""
    text = token.text[1:-1]
    if "\\" in text or "${" in text or "%{" in text:
        raise StructureError(token.line, f"the label {token.text} must be plain text; write it out")
    return text
