"""Evaluate own rules in a process beside this one, with an end to every evaluation."""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import IO

from provisioner.domain import policy_input
from provisioner.domain.approval_when import Case
from provisioner.domain.guardrails_own import Answer, Failed, Objection
from provisioner.domain.policy.guardrail_rules import GuardrailRule
from provisioner.domain.policy.guardrail_settings import Cel, Rego
from provisioner.rulebook import cel_rules

# Seconds that one batch may take. A rule that took longer is not asked again for a while, so that it cannot hold up
# everybody who types.
DEADLINE_CEL_S = 2.0
DEADLINE_REGO_S = 10.0
DEADLINE_REGO_MAX_S = 30.0  # for the largest plans; a worker's lease is longer
REGO_BYTES_S = 500_000  # of a plan, that a policy may take another second for
REST_S = 60.0
START_S = 10.0
READ_BYTES_S = 10_000_000  # of a document, by the process, on a slow machine
BATCH = 200

_PROCESS = Path(__file__).with_name("evaluator_process.py")


class ExpressionFailed(Exception):
    """An expression gave neither true nor false; the text says why."""


class EvaluatorGone(Exception):
    """The process ended without an answer: it took too long, or it broke."""


class EvaluatorProcess:
    """One process that evaluates: started when it is needed, and again after it was ended. Threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._left: subprocess.Popen[bytes] | None = None
        os.register_at_fork(after_in_child=self._leave_to_parent)

    def ask(self, asked: Mapping[str, object], deadline_s: float) -> object:
        """Return what the process answers. Raises EvaluatorGone when it does not."""
        text = json.dumps(asked, default=_plain)
        if asked["do"] == "rego":
            longest = max(DEADLINE_REGO_MAX_S, deadline_s)
            deadline_s = min(longest, deadline_s + len(text) / REGO_BYTES_S)
        line = f'{text[:-1]}, "deadline_s": {deadline_s}}}\n'.encode()
        # Whoever waits for its turn waits as long as an evaluation may take, and no longer.
        if not self._lock.acquire(timeout=deadline_s + START_S):
            raise EvaluatorGone("it is busy")
        try:
            process, started = self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                process.stdin.write(line)
                process.stdin.flush()
                answer = _read_line(
                    process.stdout, deadline_s + (START_S if started else 1.0) + len(line) / READ_BYTES_S
                )
            except (OSError, TimeoutError):
                answer = b""
            if not answer.endswith(b"\n"):
                self._end()
                raise EvaluatorGone("no answer")
            return json.loads(answer)
        finally:
            self._lock.release()

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _running(self) -> tuple[subprocess.Popen[bytes], bool]:
        """Return the process, and whether it was started just now."""
        if self._process is not None and self._process.poll() is None:
            return self._process, False
        self._end()
        self._process = subprocess.Popen(
            # -P: this folder's modules do not stand before those that are installed.
            [sys.executable, "-P", str(_PROCESS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            start_new_session=True,
        )
        return self._process, True

    def _leave_to_parent(self) -> None:
        """Forget the process in a fork of this one, and hold no end of its pipes."""
        self._lock = threading.Lock()
        process, self._process = self._process, None
        self._left = (
            process  # closed below its file objects, which must not be collected while the numbers live on
        )
        if process is not None:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    os.close(pipe.fileno())
            process.returncode = 0  # somebody else's child

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # what is left to write has no reader
                    pipe.close()


class OwnRules:
    """Asks own rules. Each language has a process of its own, so that nobody who types waits for a policy in Rego."""

    def __init__(
        self, *, deadline_cel_s: float = DEADLINE_CEL_S, deadline_rego_s: float = DEADLINE_REGO_S
    ) -> None:
        self._deadline_cel_s, self._deadline_rego_s = deadline_cel_s, deadline_rego_s
        self.cel, self.rego = EvaluatorProcess(), EvaluatorProcess()
        self._resting: dict[tuple[str, object], float] = {}

    def __call__(
        self, rule: GuardrailRule, base: Mapping[str, object], items: Sequence[Mapping[str, object]]
    ) -> Sequence[Answer]:
        """Ask a rule about each item; every failure is an answer too."""
        settings = rule.settings
        asked: dict[str, object] = {"base": base}
        if isinstance(settings, Cel):
            name: tuple[str, object] = rule.rule, settings.expression
            asked |= {"do": "cel", "expression": settings.expression}
            process, deadline_s = self.cel, self._deadline_cel_s
        elif isinstance(settings, Rego):
            name = rule.rule, settings.modules
            asked |= {"do": "rego", "modules": settings.modules, "queries": settings.queries}
            process, deadline_s = self.rego, self._deadline_rego_s
        else:
            raise TypeError(f"{rule.kind} has no expression")
        return self._ask(name, asked, items, process, deadline_s)

    def holds(self, expression: str, case: Case) -> bool:
        """Tell whether an expression in CEL holds for a case of approval. Raises ExpressionFailed."""
        asked = {"do": "cel", "expression": expression, "base": policy_input.of_case(case)}
        [answer] = self._ask(("", expression), asked, [{}], self.cel, self._deadline_cel_s)
        if isinstance(answer, Failed):
            raise ExpressionFailed(answer.reason)
        if any(objection.what for objection in answer):
            raise ExpressionFailed("it gave a text, neither true nor false.")
        return not answer

    def _ask(
        self,
        name: tuple[str, object],
        asked: Mapping[str, object],
        items: Sequence[Mapping[str, object]],
        process: EvaluatorProcess,
        deadline_s: float,
    ) -> Sequence[Answer]:
        until = self._resting.get(name, 0.0)
        answers: list[Answer] = []
        for start in range(0, len(items), BATCH):
            batch = items[start : start + BATCH]
            if time.monotonic() < until:
                answers.extend([Failed("it took too long, or broke its process.")] * len(batch))
                continue
            try:
                said = process.ask({**asked, "items": batch}, deadline_s)
            except EvaluatorGone:
                until = self._resting[name] = time.monotonic() + REST_S
                answers.extend([Failed("it took too long, or broke its process.")] * len(batch))
                continue
            answers.extend(_answers(said, len(batch)))
        return answers

    def problem(self, language: str, source: object) -> str | None:
        """Tell what is wrong with an expression or with modules; None when nothing is."""
        if language == "cel":
            return cel_rules.problem(str(source))
        if not rego_installed():
            return "Rego needs the package regopy, which is not installed. Install Drawbridge with its extra rego."
        try:
            said = self.rego.ask({"do": "check-rego", "modules": source}, self._deadline_rego_s)
        except EvaluatorGone:
            return f"Reading it took longer than {self._deadline_rego_s:g} s or broke the reader."
        return None if said is None else str(said)

    def close(self) -> None:
        """End the processes."""
        self.cel.close()
        self.rego.close()


def _read_line(pipe: IO[bytes], timeout_s: float) -> bytes:
    end, parts = time.monotonic() + timeout_s, []
    with DefaultSelector() as selector:
        selector.register(pipe, EVENT_READ)
        while (left := end - time.monotonic()) > 0 and selector.select(left):
            part = os.read(pipe.fileno(), 1 << 20)
            parts.append(part)
            if not part or part.endswith(b"\n"):
                return b"".join(parts)
    raise TimeoutError


def _answers(said: object, count: int) -> list[Answer]:
    if not isinstance(said, list) or len(said) != count:
        return [Failed("its process gave no answer.")] * count
    return [_answer(one) for one in said]


def _answer(said: object) -> Answer:
    if isinstance(said, dict):
        return Failed(str(said["failed"]), str(said.get("missing", "")))
    assert isinstance(said, list)
    return tuple(
        Objection(
            what=str(one.get("what", "")),
            where=str(one.get("where", "")),
            advisory=bool(one.get("advisory", False)),
        )
        for one in said
    )


def _plain(value: object) -> object:
    """Give JSON what it does not have. CEL has no decimal numbers, so amounts of money are doubles in expressions."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)


def rego_installed() -> bool:
    """Tell whether the extra for Rego is installed."""
    return importlib.util.find_spec("regopy") is not None


evaluate = OwnRules()
atexit.register(evaluate.close)
