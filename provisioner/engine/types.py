"""What goes into the engine and what comes out."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from provisioner.domain.errors import EngineError
from provisioner.domain.recovery import CloudObject

Phase = Literal["init", "plan", "show", "apply"]
LogLevel = Literal["info", "warn", "error"]


@dataclass(frozen=True)
class RunSpec:
    """Everything that Terraform needs for one run.

    `module_content` is a tar.gz of the module's files. `sensitive_values` are texts to keep out of every
    line beside the state password and the values of the module's sensitive variables. `refresh_only` asks what
    changed behind Terraform's back; its plan would write that into the state and change nothing else.
    """

    run_id: str
    workspace_id: str
    fencing_token: int
    module_digest: str
    module_content: bytes = field(repr=False)
    variables: Mapping[str, object] = field(repr=False)
    default_tags: Mapping[str, str]
    region: str
    state_address: str
    state_username: str
    state_password: str = field(repr=False)
    destroy: bool
    sensitive_values: tuple[str, ...] = field(default=(), repr=False)
    refresh_only: bool = False


@dataclass(frozen=True)
class LogLine:
    """One line for people: redacted, without control characters, of bounded length.

    `change_done`: Terraform has made one more change; a line without text says nothing else. `left_out`: the lines
    and bytes that this line stands for.
    """

    phase: Phase
    level: LogLevel
    text: str
    address: str = ""
    at: datetime | None = None
    change_done: bool = False
    left_out: tuple[int, int] = (0, 0)


OnLine = Callable[[LogLine], None]
# Called several times a second while a command runs, also when it says nothing.
OnTick = Callable[[], None]


@dataclass(frozen=True)
class PlanOutcome:
    """A saved plan. `document` is raw `terraform show -json`: the caller redacts it before storing it.

    `sensitive_values` are the texts that it marks sensitive; given to the apply's RunSpec they stay out of its
    lines, also where a provider writes them into an error. `correction` belongs to a refresh-only plan that found
    something: the document of the ordinary plan, which says what of it would be put back.
    """

    plan_file: bytes = field(repr=False)
    document: Mapping[str, object] = field(repr=False)
    engine_version: str
    engine_name: str
    lock_file: bytes = field(repr=False)
    sensitive_values: tuple[str, ...] = field(default=(), repr=False)
    correction: Mapping[str, object] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class ApplyOutcome:
    """A finished apply. `errored_state` is state that Terraform could not hand to the backend."""

    engine_version: str
    errored_state: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Diagnostic:
    """One error or warning in Terraform's own words; `file` is relative to the module."""

    level: LogLevel
    summary: str
    detail: str = ""
    address: str = ""
    file: str = ""
    line: int = 0


class EngineFailure(EngineError):
    """Terraform did not do what was asked.

    `errored_state` is the state that it could not save, if it left one. `graceful` is False when it had to
    be killed, so that objects may exist which no state knows.
    """

    def __init__(
        self,
        summary: str,
        detail: str,
        permanent: bool,
        *,
        diagnostics: tuple[Diagnostic, ...] = (),
        errored_state: bytes | None = None,
        graceful: bool = True,
    ) -> None:
        super().__init__(summary, detail, permanent=permanent)
        self.diagnostics = diagnostics
        self.errored_state = errored_state
        self.graceful = graceful


class Stopped(EngineFailure):
    """The stop event was set; Terraform was asked to end and has ended."""


class TimedOut(EngineFailure):
    """The phase took longer than its limit; Terraform was asked to end and has ended."""


class Engine(Protocol):
    """Plans and applies. Both raise EngineError, `Stopped` when `stop` was set.

    `on_line` and `on_tick` are called in the calling thread.
    A state that an apply could not save stays on disk until `forget_rescued_state`, whatever becomes of the caller.
    """

    def version(self) -> tuple[str, str]: ...

    def is_busy(self, run_id: str) -> bool: ...

    def rescued_state(self, run_id: str) -> bytes | None: ...

    def forget_rescued_state(self, run_id: str) -> None: ...

    def objects_of(self, workspace_id: str) -> tuple[CloudObject, ...] | None: ...

    def plan(
        self, spec: RunSpec, *, on_line: OnLine, stop: threading.Event, on_tick: OnTick | None = None
    ) -> PlanOutcome: ...

    def apply(
        self,
        spec: RunSpec,
        plan_file: bytes,
        lock_file: bytes,
        *,
        on_line: OnLine,
        stop: threading.Event,
        on_tick: OnTick | None = None,
    ) -> ApplyOutcome: ...
