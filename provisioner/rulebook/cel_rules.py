"""Expressions in CEL: what is taken, before anything evaluates them."""

from __future__ import annotations

import re

import cel

# https://github.com/google/cel-spec/blob/master/doc/langdef.md#macros
MACROS = ("all", "exists", "exists_one", "filter", "map", "max", "min", "sortBy")
EXPRESSION_MAX = 4000
NESTED_MAX = 2  # loops within a loop: work grows with the size of the plan to the power of this
BRACKETS_MAX = 40
VARIABLES = frozenset({"at", "order", "facts", "cost", "parameters", "resources", "counts", "resource"})

_TOKEN = re.compile(
    r"""(?:[rRbB]{1,2})?(?:\"{3}.*?\"{3}|'{3}.*?'{3}|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|//[^\n]*|\.\s*(?P<call>\w+)\s*\(|[(\[{]|[)\]}]""",
    re.S,
)


def problem(expression: str) -> str | None:
    """Tell what is wrong with an expression; None when it can be evaluated.

    Loops over lists are limited in depth, since the language has no limit on what they cost.
    """
    if len(expression) > EXPRESSION_MAX:
        return f"The expression has {len(expression)} characters; at most {EXPRESSION_MAX} are evaluated."
    brackets, loops = _nesting(expression)
    if brackets > BRACKETS_MAX:
        return f"The expression nests {brackets} brackets; at most {BRACKETS_MAX} are evaluated."
    if loops > NESTED_MAX:
        return f"The expression has {loops} loops within each other; at most {NESTED_MAX} are evaluated."
    try:
        program = cel.compile(expression)
        named = program.variables()
    except Exception as error:
        return f"It is no CEL expression: {_short(error)}."
    unknown = sorted(name for name in named if name not in VARIABLES and not _is_bound(name, expression))
    if unknown:
        return f"It names {unknown[0]}, which is not there. There are: {', '.join(sorted(VARIABLES))}."
    return None


def _is_bound(name: str, expression: str) -> bool:
    """Tell whether a loop binds the name, or it is a type such as string."""
    loop = rf"\.\s*(?:{'|'.join(MACROS)})\s*\(\s*{re.escape(name)}\s*,"
    types = (
        "bool",
        "bytes",
        "double",
        "duration",
        "dyn",
        "int",
        "list",
        "map",
        "null_type",
        "string",
        "timestamp",
    )
    return bool(re.search(loop, expression)) or name in (*types, "type", "uint") or name.startswith("@")


def _nesting(expression: str) -> tuple[int, int]:
    """Return the depth of brackets, and of loops within each other; texts and comments do not count."""
    stack: list[bool] = []
    brackets = loops = 0
    for token in _TOKEN.finditer(expression):
        text = token.group()
        if text[-1:] in "([{" and (token["call"] or len(text) == 1):
            stack.append(token["call"] in MACROS)
        elif text in (")", "]", "}") and stack:
            stack.pop()
        brackets, loops = max(brackets, len(stack)), max(loops, sum(stack))
    return brackets, loops


def _short(error: Exception) -> str:
    """Return the reason without the expression, which the reader has in front of him."""
    text = str(error).rpartition("ERROR: ")[2].partition("\n")[0].strip() or str(error)
    return re.sub(r"\s+", " ", text)[:300].rstrip(".")
