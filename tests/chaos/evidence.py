"""What is looked at in the end, as plain values: runs with their history, states, the cloud and its log."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Move:
    """One line of a run's history."""

    sequence: int
    frm: str
    to: str
    at: datetime
    reason: str = ""
    by_person: bool = False


@dataclass(frozen=True)
class Suspect:
    """An object that the portal says may exist without being in a state."""

    type: str
    address: str
    ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunSeen:
    """A run as the database has it."""

    id: str
    workspace: str
    kind: str
    status: str
    created_at: datetime
    moves: tuple[Move, ...]
    suspects: tuple[Suspect, ...] = ()
    decision_asked: bool = False  # a step of the rule for interrupted applies was made
    verdict: str = ""  # of recovery, on the newest interruption
    error: str = ""


@dataclass(frozen=True)
class StateSeen:
    """One version of a state. `objects` are (type, id)s, known of the newest one only."""

    workspace: str
    serial: int
    lineage: str
    at: datetime
    objects: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True)
class ObjectSeen:
    """An object in the cloud. `name` is the same for what is made twice."""

    workspace: str
    type: str
    id: str
    name: str


@dataclass(frozen=True)
class EventSeen:
    """What was really done in the cloud, in the order of `number`."""

    number: int
    at: datetime
    operation: str
    workspace: str
    type: str
    id: str
    name: str
    process: int


@dataclass(frozen=True)
class Evidence:
    """Everything."""

    runs: Sequence[RunSeen]
    states: Sequence[StateSeen]
    objects: Sequence[ObjectSeen]
    events: Sequence[EventSeen]
    acknowledged: frozenset[str] = frozenset()  # runs that the portal answered to have taken
    rescued: Mapping[str, int] = field(
        default_factory=dict
    )  # run -> serial of a state left on a worker's disk
    left_over: Sequence[str] = ()  # processes that should be gone

    def of_workspace(self) -> Mapping[str, list[RunSeen]]:
        """Return each workspace's runs, oldest first."""
        found: dict[str, list[RunSeen]] = defaultdict(list)
        for run in sorted(self.runs, key=lambda run: run.created_at):
            found[run.workspace].append(run)
        return found


def gather(
    sandbox_home: Path, work_dir: Path, acknowledged: frozenset[str], left_over: Sequence[str]
) -> Evidence:
    """Read database, cloud and worker's disk. Django is set up and the database is there."""
    from provisioner.sandbox.cloud import Cloud

    cloud = Cloud(str(sandbox_home))
    try:
        objects = [
            ObjectSeen(
                row["workspace"], row["type"], row["id"], _name(row["attributes"].get("tags_all"), row["id"])
            )
            for row in cloud.objects()
        ]
        events = [
            EventSeen(
                row["number"],
                datetime.fromisoformat(row["at"]),
                row["operation"],
                row["workspace"],
                row["type"],
                row["id"],
                _name(row["tags"], row["id"]),
                row["process"],
            )
            for row in cloud.events()
        ]
    finally:
        cloud.close()
    return Evidence(
        runs=list(_runs()),
        states=list(_states()),
        objects=objects,
        events=events,
        acknowledged=acknowledged,
        rescued=_rescued(work_dir),
        left_over=left_over,
    )


def _name(tags: Any, identity: str) -> str:
    return str((tags or {}).get("Name") or identity)


def _runs() -> list[RunSeen]:
    from provisioner.models import Run

    runs = Run.objects.prefetch_related("transitions", "approval_steps").order_by("created_at")
    return [
        RunSeen(
            id=str(run.pk),
            workspace=str(run.workspace_id),
            kind=run.kind,
            status=run.status,
            created_at=run.created_at,
            moves=tuple(
                Move(
                    line.sequence,
                    line.from_status,
                    line.to_status,
                    line.at,
                    line.reason,
                    line.actor_id is not None,
                )
                for line in sorted(run.transitions.all(), key=lambda line: line.sequence)
            ),
            suspects=tuple(
                Suspect(one.get("type", ""), one.get("address", ""), tuple(one.get("ids") or ()))
                for one in (run.recovery or {}).get("suspects") or ()
            ),
            decision_asked=any("interrupted-apply" in step.rule for step in run.approval_steps.all()),
            verdict=(run.recovery or {}).get("verdict", ""),
            error=run.error_summary,
        )
        for run in runs
    ]


def _states() -> list[StateSeen]:
    import json

    from provisioner import selectors
    from provisioner.domain.state import parse_state
    from provisioner.models import StateVersion

    found = []
    newest: set[str] = set()
    for version in StateVersion.objects.order_by("workspace_id", "-serial"):
        workspace = str(version.workspace_id)
        objects: frozenset[tuple[str, str]] = frozenset()
        if workspace not in newest:
            newest.add(workspace)
            view = parse_state(json.loads(selectors.state_content(version)))
            objects = frozenset((one.type, one.id) for one in view.resources)
        found.append(StateSeen(workspace, version.serial, version.lineage, version.created_at, objects))
    return found


def _rescued(work_dir: Path) -> dict[str, int]:
    """Return the serial of every state that only a worker's disk holds, by run."""
    import json

    found = {}
    for path in [*work_dir.glob("rescue/*.tfstate"), *work_dir.glob("runs/*/errored.tfstate")]:
        run = path.stem if path.parent.name == "rescue" else path.parent.name
        try:
            found[run] = int(json.loads(path.read_bytes())["serial"])
        except (OSError, ValueError, KeyError):
            found[run] = -1
    return found
