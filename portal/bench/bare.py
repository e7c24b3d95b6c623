"""Terraform by itself: the same root module, variables, provider, binary and state backend as a run has."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from celery import current_app
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from provisioner.domain.run import RunStatus
from provisioner.engine import discovery, environment, module_interface, providers, root_module
from provisioner.engine.terraform import configured_engine
from provisioner.engine.types import RunSpec
from provisioner.models import Run
from provisioner.services import lease, record, runspec, submit, transition
from provisioner.services.ask import Ask
from provisioner.services.lease import Claim

STEPS: Mapping[str, tuple[str, ...]] = {
    "init": ("init", "-input=false", "-no-color"),
    "plan": ("plan", "-input=false", "-no-color", "-out=plan.bin"),
    "show": ("show", "-json", "plan.bin"),
    "apply": ("apply", "-input=false", "-no-color", "plan.bin"),
}
WORKER = "make bench"
_LEASE = timedelta(hours=1)


class BareFailed(Exception):
    """A command of the bare Terraform failed; the text is what it said."""


@dataclass(frozen=True)
class Seat:
    """A run that bare Terraform does the work of: it has the run's credential, state and lock."""

    run: Run
    claim: Claim
    spec: RunSpec


def ring_nowhere() -> None:
    """Keep what this process queues to itself: the workers are to see only what is ordered over the API."""
    current_app.conf.update(broker_url="memory://")


def take_seat(ask: Ask, requester: User) -> Seat:
    """Order and claim for ourselves, up to the moment at which a worker would start Terraform's apply.

    All in one transaction, so that no worker ever sees the run waiting. Every move is the services' own, and the
    credential is the one of any run that applies: it reads, locks and writes the workspace's state.
    """
    now = timezone.now()
    with transaction.atomic():
        run_id = submit.submit(ask, requester=requester, now=now).pk
        planning = _claim(run_id, RunStatus.PLAN_QUEUED, RunStatus.PLANNING)
        steps = (RunStatus.PLANNING, RunStatus.PLANNED, RunStatus.CONFIRMED, RunStatus.APPLY_QUEUED)
        for frm, to in itertools.pairwise(steps):
            transition.move(
                run_id, frm, to, now=now, holding=planning.fencing_token, reason="for bare Terraform"
            )
        claim = _claim(run_id, RunStatus.APPLY_QUEUED, RunStatus.APPLYING)
        # Nobody renews it: a heartbeat would be work that bare Terraform does not have.
        Run.objects.filter(pk=run_id).update(lease_expires_at=lease.database_now() + _LEASE)
    run = Run.objects.select_related("item_version__item", "workspace", "request").get(pk=run_id)
    return Seat(run, claim, runspec.spec_of(run, claim))


def _claim(run_id: uuid.UUID, frm: RunStatus, to: RunStatus) -> Claim:
    claim = lease.claim(run_id, frm, to, worker=WORKER, now=timezone.now())
    if claim is None:
        raise BareFailed(f"Run {run_id} could not be claimed for bare Terraform.")
    return claim


def leave_seat(seat: Seat) -> None:
    """End the run as applied, which its Terraform has done."""
    now = timezone.now()
    with transaction.atomic():
        transition.move(
            seat.run.pk,
            RunStatus.APPLYING,
            RunStatus.APPLIED,
            now=now,
            holding=seat.claim.fencing_token,
            reason="by bare Terraform",
        )
        record.applied(seat.run, now=now)


class Bare:
    """The Terraform of the workers, without anything of the portal around it."""

    def __init__(self) -> None:
        engine = configured_engine()
        self._config = engine.config
        self._cli_config = providers.write_cli_config(engine.config)
        variables = environment.base_environment(engine.config, self._cli_config, os.environ)
        binary = discovery.find(engine.config.terraform, variables)
        providers.ensure_sandbox(engine.config, binary.name, variables, threading.Event())
        self._prefix = binary.prefix
        self.label = binary.label

    def lay_out(self, seat: Seat, folder: Path) -> None:
        """Write what a run's directory holds before `init`."""
        shutil.copytree(settings.DRAWBRIDGE_MODULES_DIR / seat.run.item_version.item.slug, folder / "module")
        interface = module_interface.read(folder / "module")
        (folder / "main.tf.json").write_text(root_module.root_module(interface, list(seat.spec.variables)))
        (folder / "terraform.tfvars.json").write_text(root_module.variable_values(interface, seat.spec))

    def times_s(self, seat: Seat, folder: Path) -> dict[str, float]:
        """Run every step and return the seconds each took."""
        took_s = {}
        for step, arguments in STEPS.items():
            began = time.perf_counter()
            self.output(seat, folder, arguments)
            took_s[step] = time.perf_counter() - began
        return took_s

    def output(self, seat: Seat, folder: Path, arguments: Sequence[str]) -> str:
        """Run a command and return what it wrote. Raises BareFailed."""
        ended = subprocess.run(
            [*self._prefix, *arguments],
            cwd=folder,
            env=environment.run_environment(self._config, seat.spec, self._cli_config, os.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        if ended.returncode != 0:
            said = (ended.stderr or ended.stdout).decode(errors="replace")[-2000:]
            raise BareFailed(f"terraform {arguments[0]} ended with {ended.returncode}: {said}")
        return ended.stdout.decode(errors="replace")
