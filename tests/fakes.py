"""A Terraform that plans what it is told, for tests of what happens around it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from provisioner.domain.errors import EngineError
from provisioner.domain.recovery import CloudObject
from provisioner.engine.types import ApplyOutcome, LogLine, OnLine, OnTick, PlanOutcome, RunSpec
from provisioner.models import Run
from provisioner.services import state_backend

LINEAGE = "5d1d9c1e-0000-4000-8000-000000000001"


def change(
    address: str, resource_type: str, actions: list[str], after: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return one resource change of a plan document."""
    return {
        "address": address,
        "module_address": "module.this",
        "mode": "managed",
        "type": resource_type,
        "name": address.rsplit(".", 1)[-1],
        "provider_name": "registry.terraform.io/hashicorp/aws",
        "change": {
            "actions": actions,
            "before": None if actions == ["create"] else {"id": "x"},
            "after": after,
            "after_unknown": {},
            "before_sensitive": {},
            "after_sensitive": {},
        },
    }


def plan_document(changes: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a plan document with these changes."""
    return {
        "format_version": "1.2",
        "terraform_version": "1.11.4",
        "resource_changes": changes,
        "output_changes": {},
        "applyable": bool(changes),
        "complete": True,
    }


@dataclass
class FakeEngine:
    """Plans one small database with the run's tags and stores a state when it applies.

    `document` replaces the plan; `plan_error` and `apply_error` are raised; `during_plan` and `during_apply` run in
    the middle of the phase; an apply also says `lines`.
    """

    document: Callable[[RunSpec], dict[str, Any]] | None = None
    plan_error: EngineError | None = None
    apply_error: EngineError | None = None
    during_plan: Callable[[RunSpec, threading.Event], None] | None = None
    during_apply: Callable[[RunSpec, threading.Event], None] | None = None
    lines: list[LogLine] = field(default_factory=list)
    planned: list[RunSpec] = field(default_factory=list)
    applied: list[bytes] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    busy: set[str] = field(default_factory=set)
    rescued: dict[str, bytes] = field(default_factory=dict)
    objects: tuple[CloudObject, ...] | None = ()
    engine_version: str = "1.11.4"

    def plan(
        self, spec: RunSpec, *, on_line: OnLine, stop: threading.Event, on_tick: OnTick | None = None
    ) -> PlanOutcome:
        self.planned.append(spec)
        on_line(LogLine(phase="plan", level="info", text="planning"))
        if self.during_plan:
            self.during_plan(spec, stop)
        if self.plan_error:
            raise self.plan_error
        return PlanOutcome(
            plan_file=b"plan of " + spec.run_id.encode(),
            document=(self.document or _one_database)(spec),
            engine_version=self.engine_version,
            engine_name="Terraform",
            lock_file=b"# lock",
        )

    def version(self) -> tuple[str, str]:
        return "Terraform", self.engine_version

    def is_busy(self, run_id: str) -> bool:
        return run_id in self.busy

    def rescued_state(self, run_id: str) -> bytes | None:
        return self.rescued.get(run_id)

    def forget_rescued_state(self, run_id: str) -> None:
        self.forgotten.append(run_id)
        self.rescued.pop(run_id, None)

    def objects_of(self, workspace_id: str) -> tuple[CloudObject, ...] | None:
        return self.objects

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
        self.applied.append(plan_file)
        on_line(LogLine(phase="apply", level="info", text="applying"))
        if self.during_apply:
            self.during_apply(spec, stop)
        for line in self.lines:
            on_line(line)
        if self.apply_error:
            raise self.apply_error
        store_state(spec)
        return ApplyOutcome(engine_version=self.engine_version)


def state_document(spec: RunSpec, serial: int) -> dict[str, Any]:
    """Return a state with one database, or an empty one for a destroy."""
    database = {
        "mode": "managed",
        "module": "module.this",
        "type": "aws_db_instance",
        "name": "this",
        "provider": 'provider["registry.terraform.io/hashicorp/aws"]',
        "instances": [
            {
                "schema_version": 0,
                "attributes": {"id": "db-1", "arn": "arn:aws:rds:1", "tags_all": dict(spec.default_tags)},
            }
        ],
    }
    return {
        "version": 4,
        "terraform_version": "1.11.4",
        "serial": serial,
        "lineage": LINEAGE,
        "outputs": {} if spec.destroy else {"endpoint": {"value": "db.example", "type": "string"}},
        "resources": [] if spec.destroy else [database],
    }


def store_state(spec: RunSpec) -> None:
    """Store the next state of the run's workspace, as Terraform would through the backend."""
    run = Run.objects.get(pk=spec.run_id)
    newest = run.workspace.states.order_by("-serial").first()
    body = json.dumps(state_document(spec, newest.serial + 1 if newest else 1)).encode()
    now = datetime.now(UTC)
    holder = state_backend.authenticate(run.workspace_id, spec.state_username, spec.state_password)
    info = json.dumps({"ID": f"lock-{spec.run_id}"}).encode()
    state_backend.lock(run.workspace_id, holder, info, now=now)
    state_backend.write(run.workspace_id, holder, body, lock_id=f"lock-{spec.run_id}", now=now)
    state_backend.unlock(run.workspace_id, holder, info)


def _one_database(spec: RunSpec) -> dict[str, Any]:
    after = {
        "engine": "postgres",
        "instance_class": spec.variables.get("instance_class"),
        "multi_az": spec.variables.get("multi_az"),
        "allocated_storage": spec.variables.get("allocated_storage_gb"),
        "storage_type": "gp3",
        "storage_encrypted": True,
        "backup_retention_period": spec.variables.get("backup_retention_days"),
        "deletion_protection": spec.variables.get("deletion_protection"),
        "tags_all": dict(spec.default_tags),
    }
    if spec.destroy:
        return plan_document(
            [change("module.this.aws_db_instance.this", "aws_db_instance", ["delete"], None)]
        )
    return plan_document([change("module.this.aws_db_instance.this", "aws_db_instance", ["create"], after)])
