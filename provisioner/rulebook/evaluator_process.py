"""The process in which own rules are evaluated: it can be ended at any time, whatever an expression does.

Reads one JSON document a line from standard input and answers one a line. The kernel ends it when an evaluation takes
longer than it may, also when nobody is left to do so. Uses nothing of the portal.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import cel

try:
    import regopy
except ImportError:
    regopy = None

MEMORY_MAX_BYTES = 4 * 1024**3


def main() -> None:
    """Answer until there is nobody to ask."""
    _limit_memory()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process also from within a library
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Libraries print what is wrong; the answer has a channel of its own.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        asked = json.loads(line)
        signal.setitimer(signal.ITIMER_REAL, asked["deadline_s"])
        answer = _DO[asked["do"]](asked)
        signal.setitimer(signal.ITIMER_REAL, 0)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _limit_memory() -> None:
    """Let memory grow by so much and no further; where the machine runs out before that, this process goes first.

    regopy reserves a quarter of a terabyte of addresses when it is loaded, so the limit starts from there.
    """
    with contextlib.suppress(OSError, ValueError):
        reserved = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
        limit = reserved + MEMORY_MAX_BYTES
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        Path("/proc/self/oom_score_adj").write_text("1000")


def _failed(reason: str, missing: str = "") -> dict[str, object]:
    return {"failed": reason[:600], "missing": missing}


@lru_cache(maxsize=500)
def _compiled(expression: str) -> Any:
    return cel.compile(expression)


def _cel(asked: dict[str, Any]) -> list[object]:
    return [_one_cel(asked["expression"], asked["base"] | item) for item in asked["items"]]


def _one_cel(expression: str, document: dict[str, Any]) -> object:
    try:
        return _said(_compiled(expression).execute(document))
    except KeyError as error:
        name = str(error.args[0]) if error.args else ""
        name = name.strip("'\"")
        return _failed(f"there is no {name} in what it looks at; ask has(...) first.", name)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of the library is no Exception
        return _failed(re.sub(r"\s+", " ", f"{error}") or type(error).__name__)


def _said(value: object) -> object:
    """Return the objections: none for true and for no text, one for false, those that a text or a list says."""
    if value is True:
        return []
    if value is False:
        return [{}]
    texts = [value] if isinstance(value, str) else value
    if isinstance(texts, list) and all(isinstance(text, str) for text in texts):
        return [{"what": text} for text in texts if text]
    return _failed("it gave neither true, false, a text nor a list of texts.")


def _rego(asked: dict[str, Any]) -> list[object]:
    return [_one_rego(asked, {**asked["base"], **item}) for item in asked["items"]]


def _interpreter(modules: list[list[str]]) -> Any:
    interpreter = regopy.Interpreter()
    for name, text in modules:
        interpreter.add_module(name, text)
    return interpreter


def _one_rego(asked: dict[str, Any], document: dict[str, Any]) -> object:
    if regopy is None:
        return _failed("the package regopy is not installed.")
    found: list[object] = []
    try:
        interpreter = _interpreter(asked["modules"])
        interpreter.set_input_term(json.dumps(document))
        for query in asked["queries"]:
            output = interpreter.query(query)
            advisory = query.rpartition(".")[2].startswith("warn")
            for result in (
                json.loads(str(output)).get("expressions", []) if str(output) != "undefined" else []
            ):
                found.extend(objection | {"advisory": advisory} for objection in _objections(result))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        return _failed(_readable(error))
    return found


def _objections(result: object) -> Iterator[dict[str, object]]:
    """Read what deny, violation and warn give: a set of texts or of objects with msg.

    The older spelling deny[msg] gives an object whose keys are the messages.
    """
    if isinstance(result, dict):
        result = [_key(key) for key, value in result.items() if value is True]
    if isinstance(result, bool):
        result = [{}] if result else []
    if not isinstance(result, list):
        raise ValueError("the query gave neither a set of messages nor true or false.")
    for one in result:
        if isinstance(one, str):
            if one.startswith("(error"):  # what the interpreter puts where a term has no value
                raise ValueError(_readable(ValueError(one)))
            yield {"what": one}
        elif isinstance(one, dict):
            details = one.get("details") if isinstance(one.get("details"), dict) else {}
            where = next(
                (
                    place[key]
                    for place in (one, details or {})
                    for key in ("address", "resource")
                    if isinstance(place.get(key), str)
                ),
                "",
            )
            yield {"what": _message(one), "where": where}
        else:
            raise ValueError("a message is neither a text nor an object with msg.")


def _message(said: dict[str, Any]) -> str:
    """Return the message; an object without one as it is, and nothing for true."""
    return said["msg"] if isinstance(said.get("msg"), str) else json.dumps(said) if said else ""


def _key(key: str) -> object:
    try:
        read = json.loads(key)
    except ValueError:
        return key
    return read if isinstance(read, dict) and "msg" in read else key


def _readable(error: BaseException) -> str:
    """Return the messages of a Rego error with their places."""
    text = str(error)
    messages = re.findall(r"\(errormsg \d+:(.*?)\)\s*(?:\(|$)", text, re.S) or [text]
    return re.sub(r"\s+", " ", "; ".join(messages)) or type(error).__name__


# https://www.openpolicyagent.org/docs/policy-reference/builtins: the first parts of names of functions.
_BUILTINS = frozenset(
    {
        "array",
        "base64",
        "base64url",
        "bits",
        "crypto",
        "glob",
        "graph",
        "graphql",
        "graphs",
        "hex",
        "http",
        "io",
        "json",
    }
    | {
        "jwt",
        "net",
        "numbers",
        "object",
        "opa",
        "providers",
        "rand",
        "regex",
        "rego",
        "semver",
        "strings",
        "time",
    }
    | {"units", "urlquery", "uuid", "yaml"}
)
_CALL = re.compile(r"(?<![\w.\"`])([a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)+)\(")


def _check_rego(asked: dict[str, Any]) -> object:
    """Tell what is wrong with modules, without evaluating them."""
    if regopy is None:
        return "The package regopy is not installed, so Rego cannot be evaluated."
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            interpreter = _interpreter(asked["modules"])
            interpreter.build("data")
        for name, text in asked["modules"]:
            for called in sorted(set(_CALL.findall(text))):
                # What is not there would be undefined, so that a rule with it never objects.
                if called.partition(".")[0] in _BUILTINS and not interpreter.is_builtin(called):
                    return f"The function {called}, which {name} calls, is not available here."
    except Exception as error:
        return f"It is no Rego policy: {_readable(error)}."
    return None


_DO: dict[str, Callable[[dict[str, Any]], object]] = {"cel": _cel, "rego": _rego, "check-rego": _check_rego}

if __name__ == "__main__":
    main()
