"""The engine: plan and apply with a real Terraform.

The only importer of python_terraform, which builds the command lines and does nothing else here: its own
process handling has no time limit, inherits the whole environment and logs secrets.
"""

import errno
import functools
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import python_terraform
from django.conf import settings

from provisioner.domain.recovery import CloudObject
from provisioner.engine import (
    archive,
    diagnostics,
    discovery,
    environment,
    inventory,
    module_interface,
    providers,
    root_module,
    templates,
    workdir,
)
from provisioner.engine.commands import Commands
from provisioner.engine.config import EngineConfig
from provisioner.engine.discovery import Binary
from provisioner.engine.module_interface import ModuleInterface
from provisioner.engine.places import write_private
from provisioner.engine.redact import Redactor, sensitive_texts, texts_in
from provisioner.engine.stream import LogBudget
from provisioner.engine.types import ApplyOutcome, EngineFailure, OnLine, OnTick, PlanOutcome, RunSpec
from provisioner.engine.workdir import WorkDir

PLAN_FILE = "plan.bin"
CORRECTION_FILE = "correction.bin"
TEMPLATE_UNUSED_S = 30 * 24 * 3600
_DISK_ERRORS = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EROFS,
        errno.EACCES,
        errno.EPERM,
        errno.EIO,
        errno.ENOTDIR,
        errno.EMFILE,
    }
)
_FLAG = python_terraform.IsFlagged


def configured_engine() -> "TerraformEngine":
    """Return the engine that the Django settings describe."""
    mirror = getattr(settings, "DRAWBRIDGE_PROVIDER_MIRROR", "")
    return TerraformEngine(
        EngineConfig(
            work_dir=Path(settings.DRAWBRIDGE_WORK_DIR),
            sandbox_home=Path(settings.DRAWBRIDGE_SANDBOX_HOME),
            target=settings.DRAWBRIDGE_TARGET,
            terraform=str(settings.DRAWBRIDGE_TERRAFORM or ""),
            provider_mirror=Path(mirror) if mirror else None,
            plan_timeout_s=settings.DRAWBRIDGE_PLAN_TIMEOUT_S,
            apply_timeout_s=settings.DRAWBRIDGE_APPLY_TIMEOUT_S,
            stop_grace_s=settings.DRAWBRIDGE_STOP_GRACE_S,
        )
    )


@dataclass(frozen=True)
class _Session:
    """One phase of one run: its directory, its commands, the Terraform that runs it."""

    spec: RunSpec
    binary: Binary
    place: WorkDir
    commands: Commands


class TerraformEngine:
    """Plans and applies runs on this worker, see `types.Engine`."""

    def __init__(self, config: EngineConfig) -> None:
        self.config = config

    def version(self) -> tuple[str, str]:
        """Return name and version of the Terraform that is used. Raises EngineFailure when there is none."""
        binary = self._find()
        return binary.name, binary.version

    def plan(
        self, spec: RunSpec, *, on_line: OnLine, stop: threading.Event, on_tick: OnTick | None = None
    ) -> PlanOutcome:
        """Plan the run (`spec.destroy`: its destruction) and return the saved plan.

        With `spec.refresh_only` the plan says what changed behind Terraform's back; when something did, an ordinary
        plan beside it says what of that would be put back. Raises EngineFailure with Terraform's diagnostics.
        """
        with self._session(spec, on_line, on_tick, stop) as session:
            session = self._lay_out(session)
            plan = functools.partial(self._run_plan, session)
            try:
                plan()
            except EngineFailure as failure:
                if not diagnostics.needs_init(failure.diagnostics):
                    raise
                self._initialise(session)
                templates.discard(self.config, templates.key_of(self.config, session.binary, spec))
                plan()
            plan_file = (session.place.path / PLAN_FILE).read_bytes()
            if not plan_file:
                raise EngineFailure(
                    "The saved plan is empty",
                    "Terraform reported success but wrote no plan, likely because the worker's disk is full."
                    " Free space on the worker, then retry the run.",
                    permanent=False,
                )
            document = self._show(session, PLAN_FILE)
            correction = None
            if spec.refresh_only and document.get("resource_drift"):
                self._run_plan(replace(session, spec=replace(spec, refresh_only=False)), CORRECTION_FILE)
                correction = self._show(session, CORRECTION_FILE)
            return PlanOutcome(
                plan_file=plan_file,
                document=document,
                engine_version=session.binary.version,
                engine_name=session.binary.name,
                lock_file=session.place.lock_file(),
                sensitive_values=sensitive_texts(document),
                correction=correction,
            )

    def apply(
        self,
        spec: RunSpec,
        plan_file: bytes,
        lock_file: bytes,
        *,
        on_line: OnLine,
        stop: threading.Event,
        on_tick: OnTick | None = None,
    ) -> ApplyOutcome:
        """Apply exactly the saved plan, with the providers of `lock_file`.

        Raises EngineFailure with Terraform's diagnostics; state that Terraform could not save is in its
        `errored_state`, and on disk until `forget_rescued_state`.
        """
        if not plan_file:
            detail = "An apply needs the bytes of the plan. Plan again."
            raise EngineFailure("There is no saved plan", detail, permanent=True)
        with self._session(spec, on_line, on_tick, stop) as session:
            session = self._lay_out(session, lock_file)
            path = session.place.path / PLAN_FILE
            write_private(path, plan_file)
            argv = _argv(
                session.binary,
                "apply",
                str(path),
                json=_FLAG,
                input=False,
                no_color=_FLAG,
                lock_timeout=f"{self.config.lock_timeout_s}s",
            )
            try:
                session.commands.run("apply", argv, session.place, self.config.apply_timeout_s, as_json=True)
            except EngineFailure as failure:
                failure.errored_state = session.place.errored_state()
                # Provider calls are not idempotent: once it has begun, an apply is never simply repeated.
                failure.permanent = not diagnostics.is_state_locked(failure.diagnostics)
                raise
            return ApplyOutcome(session.binary.version, session.place.errored_state())

    def is_busy(self, run_id: str) -> bool:
        """Return whether a process on this host works on the run, a Terraform without its worker included."""
        return workdir.is_busy(self.config.work_dir, run_id)

    def rescued_state(self, run_id: str) -> bytes | None:
        """Return the state that the run's Terraform could not save, if it is on this host."""
        return workdir.rescued_state(self.config.work_dir, run_id)

    def objects_of(self, workspace_id: str) -> tuple[CloudObject, ...] | None:
        """Return what exists in the cloud with the workspace's tag, or None where nobody can look."""
        cli_config = providers.write_cli_config(self.config)
        return inventory.tagged(
            self.config, environment.base_environment(self.config, cli_config, os.environ), workspace_id
        )

    def forget_rescued_state(self, run_id: str) -> None:
        """Remove the rescued state, when it has been stored elsewhere."""
        workdir.forget_rescued_state(self.config.work_dir, run_id)

    def remove_leftovers(self) -> tuple[str, ...]:
        """Remove what killed workers left on this host and templates that nobody has used for long.

        Returns the ids of runs with a rescued state.
        """
        templates.prune(self.config, TEMPLATE_UNUSED_S)
        return workdir.remove_leftovers(self.config.work_dir, threading.Event())

    def _find(self) -> Binary:
        cli_config = providers.write_cli_config(self.config)
        return discovery.find(
            self.config.terraform, environment.base_environment(self.config, cli_config, os.environ)
        )

    @contextmanager
    def _session(
        self, spec: RunSpec, on_line: OnLine, on_tick: OnTick | None, stop: threading.Event
    ) -> Iterator[_Session]:
        """Find Terraform and occupy the run's directory; deliver what the log kept back at the end."""
        log = LogBudget(on_line)
        try:
            cli_config = providers.write_cli_config(self.config)
            binary = self._find()
            own = environment.run_environment(self.config, spec, cli_config, os.environ)
            redactor = Redactor([*environment.secrets_of(own), *spec.sensitive_values])
            with workdir.occupied(self.config.work_dir, spec.run_id, stop) as place:
                commands = Commands(self.config, own, redactor, log, on_tick or _nothing, stop)
                yield _Session(spec, binary, place, commands)
        except OSError as problem:
            if problem.errno not in _DISK_ERRORS:
                raise
            raise EngineFailure(
                "The worker's disk failed",
                f"{problem.strerror} ({problem.filename or self.config.work_dir}). Free space on the worker"
                " or correct DRAWBRIDGE_WORK_DIR, then retry the run.",
                permanent=False,
            ) from problem
        finally:
            log.close()

    def _lay_out(self, session: _Session, lock_file: bytes | None = None) -> _Session:
        """Fill the run's directory; return the session whose redactor knows the sensitive variables."""
        spec, place = session.spec, session.place
        commands = session.commands
        providers.ensure_sandbox(self.config, session.binary.name, commands.environment, commands.stop)
        key = templates.key_of(self.config, session.binary, spec)
        build = functools.partial(self._build_template, session)
        template = templates.ensure(self.config, key, build, commands.stop)
        workdir.copy_initialised(template.path, place.path)
        interface = template.interface()
        _write_root(place.path, interface, spec)
        secrets = texts_in(root_module.sensitive_values(interface, spec.variables))
        redactor = Redactor([*environment.secrets_of(commands.environment), *spec.sensitive_values, *secrets])
        session = replace(session, commands=replace(commands, redactor=redactor))
        if lock_file and lock_file != place.lock_file():
            # Another host planned, with other versions of the providers than were newest here.
            (place.path / workdir.LOCK_FILE).write_bytes(lock_file)
            self._initialise(session)
        return session

    def _build_template(self, session: _Session, path: Path) -> ModuleInterface:
        """Unpack the module at `path` and initialise it."""
        archive.check_digest(session.spec.module_content, session.spec.module_digest)
        archive.unpack(session.spec.module_content, path / "module")
        interface = module_interface.read(path / "module")
        (path / "main.tf.json").write_text(
            root_module.root_module(interface, sorted(interface.variables)), "utf-8"
        )
        place = WorkDir(path, session.place.lock_fd)
        self._initialise(replace(session, place=place))
        return interface

    def _initialise(self, session: _Session) -> None:
        argv = _argv(session.binary, "init", input=False, no_color=_FLAG)
        session.commands.run("init", argv, session.place, self.config.init_timeout_s, as_json=False)

    def _show(self, session: _Session, plan_file: str) -> dict[str, object]:
        argv = _argv(session.binary, "show", plan_file, json=_FLAG, no_color=_FLAG)
        return _document(session.commands.read("show", argv, session.place, self.config.plan_timeout_s))

    def _run_plan(self, session: _Session, plan_file: str = PLAN_FILE) -> None:
        argv = _argv(
            session.binary,
            "plan",
            json=_FLAG,
            input=False,
            no_color=_FLAG,
            lock_timeout=f"{self.config.lock_timeout_s}s",
            out=plan_file,
            destroy=_FLAG if session.spec.destroy else python_terraform.IsNotFlagged,
            refresh_only=_FLAG if session.spec.refresh_only else python_terraform.IsNotFlagged,
        )
        session.commands.run("plan", argv, session.place, self.config.plan_timeout_s, as_json=True)


def _nothing() -> None:
    """Do nothing at a tick."""


def _argv(binary: Binary, command: str, *arguments: str, **options: Any) -> list[str]:
    """Let python-terraform build the command line; arguments come last.

    Its object is thrown away at once: any other method of it, and any misspelt one, would run a command.
    A dictionary as an option would become a temporary file that stays; `state` keeps it from reading a state
    file in the worker's current directory.
    """
    assert not any(isinstance(value, dict) for value in options.values())
    builder = python_terraform.Terraform(
        terraform_bin_path=binary.prefix[0], state=f"{os.devnull}/none", is_env_vars_included=False
    )
    argv = cast(list[str], builder.generate_cmd_string(command, *arguments, **options))
    return [*binary.prefix, *argv[1:]]


def _write_root(path: Path, interface: ModuleInterface, spec: RunSpec) -> None:
    """Write the root module and its values; the values are for this user alone."""
    text = root_module.root_module(interface, sorted(spec.variables))
    (path / "main.tf.json").write_text(text, "utf-8")
    write_private(
        path / "terraform.tfvars.json", root_module.variable_values(interface, spec).encode("ascii")
    )


def _document(shown: bytes) -> dict[str, object]:
    """Parse `terraform show -json`. Raises EngineFailure when it is not what it should be."""
    try:
        document = json.loads(shown)
    except (ValueError, RecursionError) as problem:
        raise EngineFailure(
            "The plan cannot be read",
            f"`terraform show -json` did not write one JSON document ({problem}). Retry; if it stays so,"
            " report it.",
            permanent=False,
        ) from problem
    if not isinstance(document, dict) or "format_version" not in document:
        raise EngineFailure(
            "The plan cannot be read",
            "`terraform show -json` wrote a document without format_version. Use a supported Terraform.",
            permanent=True,
        )
    return document
