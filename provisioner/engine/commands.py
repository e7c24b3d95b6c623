"""Run one Terraform command in a directory and tell what it said."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from provisioner.engine import diagnostics, process
from provisioner.engine.config import EngineConfig
from provisioner.engine.lines import Collector, LineSplitter
from provisioner.engine.redact import Redactor
from provisioner.engine.stream import LogBudget, Narrator
from provisioner.engine.types import EngineFailure, OnTick, Phase, Stopped, TimedOut
from provisioner.engine.workdir import WorkDir

KILLED = (
    "Terraform was killed, because it did not end by itself in time: objects may exist that no state knows."
)
ENDED = "Terraform ended by itself after it was asked to."


@dataclass(frozen=True)
class Commands:
    """What the commands of one run share."""

    config: EngineConfig
    environment: dict[str, str] = field(repr=False)
    redactor: Redactor
    log: LogBudget
    on_tick: OnTick
    stop: threading.Event

    def run(
        self, phase: Phase, argv: Sequence[str], place: WorkDir, limit_s: float, *, as_json: bool
    ) -> None:
        """Run a command to its end. Raises EngineFailure unless it exits with 0."""
        narrator = Narrator(phase, self.redactor, self.log)
        ended = self._start(
            argv,
            place,
            limit_s,
            stdout=LineSplitter(narrator.read_json if as_json else narrator.read_text),
            stderr=LineSplitter(narrator.read_error),
        )
        if ended.code != 0:
            raise self._failure(phase, ended, narrator, limit_s)

    def read(self, phase: Phase, argv: Sequence[str], place: WorkDir, limit_s: float) -> bytes:
        """Run a command and return its standard output whole. Raises EngineFailure unless it exits with 0."""
        narrator = Narrator(phase, self.redactor, self.log)
        output = Collector(self.config.max_document_bytes)
        ended = self._start(argv, place, limit_s, stdout=output, stderr=LineSplitter(narrator.read_error))
        if ended.code != 0:
            raise self._failure(phase, ended, narrator, limit_s)
        if output.overflowed:
            raise EngineFailure(
                "The plan is too large",
                f"The plan as JSON has more than {self.config.max_document_bytes} bytes. Split the module.",
                permanent=True,
            )
        return output.data

    def _start(
        self,
        argv: Sequence[str],
        place: WorkDir,
        limit_s: float,
        *,
        stdout: process.Sink,
        stderr: process.Sink,
    ) -> process.Ended:
        if self.stop.is_set():
            raise Stopped("Stopped", "The run was stopped before Terraform was started.", permanent=False)
        try:
            return process.run(
                argv,
                cwd=place.path,
                environment=self.environment,
                stdout=stdout,
                stderr=stderr,
                stop=self.stop,
                limit_s=limit_s,
                grace_s=self.config.stop_grace_s,
                inherited_fds=(place.lock_fd,),
                on_tick=self.on_tick,
            )
        except FileNotFoundError as problem:
            raise EngineFailure(
                "Terraform could not be started",
                f"{argv[0]} is gone ({problem}). Install Terraform again or correct DRAWBRIDGE_TERRAFORM.",
                permanent=True,
            ) from problem

    def _failure(
        self, phase: Phase, ended: process.Ended, narrator: Narrator, limit_s: float
    ) -> EngineFailure:
        """Say why a command did not exit with 0."""
        errors = narrator.errors
        state = "" if not ended.reason else KILLED if ended.killed else ENDED
        said = diagnostics.summarise(errors)[1] or narrator.plain_errors[-diagnostics.MAX_DETAIL_CHARS :]
        detail = "\n\n".join(part for part in (state, said) if part)
        if ended.reason == "stop":
            summary = f"Stopped during {phase}"
            return Stopped(summary, detail, permanent=False, diagnostics=errors, graceful=not ended.killed)
        if ended.reason == "time limit":
            summary = f"The {phase} took longer than {limit_s:g} s"
            return TimedOut(
                summary, detail, permanent=phase != "init", diagnostics=errors, graceful=not ended.killed
            )
        if not errors:
            how = f"was killed by signal {-ended.code}" if ended.code < 0 else f"exited with {ended.code}"
            return EngineFailure(
                f"Terraform's {phase} ended without a diagnostic",
                f"The command {how}. {said or 'It wrote no error.'} Look at the log, then retry the run.",
                permanent=False,
                graceful=ended.code >= 0,
            )
        return EngineFailure(
            diagnostics.summarise(errors)[0],
            said,
            permanent=not diagnostics.can_be_retried(errors),
            diagnostics=errors,
        )
