"""The judge: nothing lost, nothing applied twice. Pure: from evidence to findings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from provisioner.domain.run import ACTIVE, TERMINAL, RunStatus, can_move
from tests.chaos.evidence import EventSeen, Evidence, Move, ObjectSeen, RunSeen, StateSeen, Suspect

# What may stand still: a person is asked, and it says so. An interrupted run goes on: recovery takes it up.
WAITING = frozenset({RunStatus.NEEDS_APPROVAL.value})
# Nobody is to wait for: work goes on by itself.
BUSY = frozenset(status.value for status in ACTIVE) - WAITING
DECIDED_TWICE = "made twice as a person decided"
LATE = "changes after the run had moved on"
# In these a Terraform may change the cloud; `interrupted`, until recovery takes the run, is its time to end.
_CHANGES = frozenset({RunStatus.APPLYING.value, RunStatus.INTERRUPTED.value})
# Operations that a person did in the cloud, not a run.
_BEHIND = ("drift", "drift-delete")

FAILING = (
    "double applies",
    "two at once",
    "lost objects",
    "phantom objects",
    "lost states",
    "broken state chains",
    "stuck runs",
    "lost orders",
    "broken histories",
    "two active runs",
    "processes left over",
)


@dataclass
class Verdict:
    """What was found, by kind; what makes it fail is in FAILING, the rest is told."""

    found: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def __getitem__(self, kind: str) -> list[str]:
        return self.found.get(kind, [])

    @property
    def good(self) -> bool:
        """Whether nothing of what must not be is there."""
        return not any(self.found.get(kind) for kind in FAILING)


def judge(evidence: Evidence) -> Verdict:
    """Look at everything."""
    verdict = Verdict()
    for kind, texts in (
        ("stuck runs", _stuck(evidence)),
        ("lost orders", _lost_orders(evidence)),
        ("broken histories", _broken_histories(evidence)),
        ("two active runs", _two_active(evidence)),
        ("broken state chains", _broken_chains(evidence)),
        ("lost states", _lost_states(evidence)),
        ("two at once", _two_at_once(evidence)),
        (LATE, _late_changes(evidence)),
        ("processes left over", iter(evidence.left_over)),
    ):
        verdict.found[kind] += texts
    _double_applies(evidence, verdict)
    _compare_cloud_with_states(evidence, verdict)
    return verdict


# --- Runs ---------------------------------------------------------------------------------------------------


def _stuck(evidence: Evidence) -> Iterator[str]:
    for run in evidence.runs:
        if run.status in BUSY:
            yield f"run {run.id} ({run.kind}) is {run.status} since {run.moves[-1].at:%H:%M:%S}"


def _lost_orders(evidence: Evidence) -> Iterator[str]:
    """Every run that somebody was told to have ordered is there."""
    there = {run.id for run in evidence.runs}
    for run in sorted(evidence.acknowledged - there):
        yield f"run {run} was answered with 201 and is not there"


def _broken_histories(evidence: Evidence) -> Iterator[str]:
    for run in evidence.runs:
        before = ""
        for position, move in enumerate(run.moves, start=1):
            if move.sequence != position or move.frm != before:
                yield f"run {run.id}: line {position} is {move.sequence}: {move.frm} -> {move.to}, after {before!r}"
            elif move.frm and not can_move(RunStatus(move.frm), RunStatus(move.to)):
                yield f"run {run.id}: {move.frm} -> {move.to} is in no table"
            before = move.to
        if before != run.status:
            yield f"run {run.id} is {run.status}, and its history ends with {before!r}"


def _two_active(evidence: Evidence) -> Iterator[str]:
    for workspace, runs in evidence.of_workspace().items():
        active = [run.id for run in runs if RunStatus(run.status) in ACTIVE]
        if len(active) > 1:
            yield f"workspace {workspace}: {', '.join(active)}"


# --- States -------------------------------------------------------------------------------------------------


def _chains(evidence: Evidence) -> dict[str, list[StateSeen]]:
    chains: dict[str, list[StateSeen]] = defaultdict(list)
    for state in sorted(evidence.states, key=lambda state: state.serial):
        chains[state.workspace].append(state)
    return chains


def _broken_chains(evidence: Evidence) -> Iterator[str]:
    """One lineage, each version written after the one below it; a number may be left out by a write that failed."""
    for workspace, chain in _chains(evidence).items():
        for lower, upper in pairwise(chain):
            if lower.lineage != upper.lineage:
                yield f"workspace {workspace}: serial {upper.serial} has another lineage than {lower.serial}"
            if upper.at < lower.at:
                yield f"workspace {workspace}: serial {upper.serial} was written before {lower.serial}"


def _lost_states(evidence: Evidence) -> Iterator[str]:
    """What was applied has a state, and no worker's disk holds a newer state than the database."""
    chains = _chains(evidence)
    for run in evidence.runs:
        if run.status == RunStatus.APPLIED.value and run.workspace not in chains:
            yield f"run {run.id} is applied, and its workspace {run.workspace} has no state"
        serial = evidence.rescued.get(run.id)
        newest = chains[run.workspace][-1].serial if run.workspace in chains else -1
        if serial is not None and serial > newest:
            yield f"run {run.id}: serial {serial} is on a worker's disk only; the database has {newest}"


# --- The cloud ----------------------------------------------------------------------------------------------


def _suspects(evidence: Evidence) -> dict[str, list[Suspect]]:
    found: dict[str, list[Suspect]] = defaultdict(list)
    for run in evidence.runs:
        found[run.workspace] += run.suspects
    return found


def _is_suspected(suspects: list[Suspect], kind: str, identity: str, name: str) -> bool:
    """Tell whether the portal names the object: by its id, or by an address of its type and name."""
    for suspect in suspects:
        if suspect.type != kind:
            continue
        if suspect.ids:
            if identity in suspect.ids:
                return True
        # `aws_kms_key.one[0]`; where the name is not the address's, the type has to do
        elif name in suspect.address.replace("[", ".").split(".") or "-" in name:
            return True
    return False


def _double_applies(evidence: Evidence, verdict: Verdict) -> None:
    """Replay the log: what is made while it is there already, or changed twice by one run, was applied twice.

    A second one is told, not held against the portal, when a person wanted it who had the first one named as a suspect.
    """
    living: dict[tuple[str, str, str], dict[str, EventSeen]] = defaultdict(dict)
    changed: dict[tuple[str, str, str], EventSeen] = {}
    runs = evidence.of_workspace()
    for event in evidence.events:
        same = living[event.workspace, event.type, event.name]
        if event.operation == "create":
            for other in same.values():
                text = (
                    f"{event.type} {event.name} of workspace {event.workspace}: {other.id} at {other.at:%H:%M:%S} by "
                    f"process {other.process}, {event.id} at {event.at:%H:%M:%S} by process {event.process}"
                )
                decided = _decision_between(runs.get(event.workspace, []), other, event)
                kind = DECIDED_TWICE if decided else "double applies"
                verdict.found[kind].append(
                    f"{text}; {decided or 'nobody who was told of the first decided on it'}"
                )
            same[event.id] = event
        elif event.operation in ("delete", "drift-delete"):
            same.pop(event.id, None)
        elif event.operation == "update":
            run = _run_at(runs.get(event.workspace, []), event.at)
            key = (run.id if run else "", event.type, event.id)
            before = changed.get(key)
            if run is not None and before is not None and before.process != event.process:
                verdict.found["double applies"].append(
                    f"{event.type} {event.id} was updated twice by run {run.id}: at {before.at:%H:%M:%S} and "
                    f"{event.at:%H:%M:%S}"
                )
            changed[key] = event


def _decision_between(runs: list[RunSeen], first: EventSeen, second: EventSeen) -> str:
    """Return what a person decided after the first object was named and before the second was made; "" if nothing.

    What counts is to approve a plan or to order another run. A name that comes after the second is no warning.
    """
    named = [
        move.at
        for run in runs
        if _is_suspected(list(run.suspects), first.type, first.id, first.name)
        for move in run.moves
        if (move.frm == RunStatus.INTERRUPTED.value or RunStatus(move.to) in TERMINAL) and move.at > first.at
    ]
    decisions = [(run.created_at, f"run {run.id} ({run.kind}) was ordered") for run in runs]
    decisions += [
        (move.at, f"run {run.id} was approved")
        for run in runs
        for move in run.moves
        if move.by_person and move.to == RunStatus.CONFIRMED.value
    ]
    for at, told in sorted(decisions):
        if any(moment <= at < second.at for moment in named):
            return f"{told} at {at:%H:%M:%S}"
    return ""


def _run_at(runs: list[RunSeen], at: datetime) -> RunSeen | None:
    """Return the run that was the workspace's newest at an instant."""
    begun = [run for run in runs if run.created_at <= at]
    return begun[-1] if begun else None


def _two_at_once(evidence: Evidence) -> Iterator[str]:
    """No two Terraforms change one workspace in turns: the first one is over before the second begins."""
    order: dict[str, list[EventSeen]] = defaultdict(list)
    for event in evidence.events:
        if event.operation not in _BEHIND:
            order[event.workspace].append(event)
    for workspace, events in order.items():
        seen: list[int] = []
        for event in events:
            if event.process in seen[:-1]:
                yield (
                    f"workspace {workspace}: process {event.process} was still at work at {event.at:%H:%M:%S} "
                    f"({event.operation} {event.type}), after process {seen[-1]} had begun"
                )
                break
            if event.process not in seen:
                seen.append(event.process)


def _late_changes(evidence: Evidence) -> Iterator[str]:
    """Name what was changed while no run of the workspace applied. A Terraform that is out of reach may do so."""
    runs = evidence.of_workspace()
    for event in evidence.events:
        spans = [span for run in runs.get(event.workspace, []) for span in _spans_of_change(run)]
        if event.operation not in _BEHIND and not any(begin <= event.at <= end for begin, end in spans):
            ends = [end for _, end in spans if end < event.at]
            late = f"{(event.at - max(ends)).total_seconds():.1f} s" if ends else "before any apply"
            yield f"{event.operation} {event.type} {event.id} of workspace {event.workspace}: {late}"


def _spans_of_change(run: RunSeen) -> Iterator[tuple[datetime, datetime]]:
    """Yield the stretches in which the run's Terraform may change something."""
    for move, after in zip(run.moves, (*run.moves[1:], None), strict=True):
        if move.to in _CHANGES:
            yield move.at, after.at if after else datetime.max.replace(tzinfo=move.at.tzinfo)


def _compare_cloud_with_states(evidence: Evidence, verdict: Verdict) -> None:
    """Every object is in the newest state or named as a suspect; every one in a state is there or was deleted."""
    newest = {workspace: chain[-1] for workspace, chain in _chains(evidence).items()}
    suspects = _suspects(evidence)
    there = {(one.workspace, one.type, one.id) for one in evidence.objects}
    deleted = {
        (e.workspace, e.type, e.id) for e in evidence.events if e.operation in ("delete", "drift-delete")
    }
    for one in evidence.objects:
        state = newest.get(one.workspace)
        if state is not None and (one.type, one.id) in state.objects:
            continue
        kind = "suspects" if _names(suspects, one) else "lost objects"
        verdict.found[kind].append(
            f"{one.type} {one.id} ({one.name}) of workspace {one.workspace} is in no state"
        )
    for workspace, state in newest.items():
        for kind, identity in sorted(state.objects):
            if (workspace, kind, identity) in there:
                continue
            told = (
                "deleted, and still in the state"
                if (workspace, kind, identity) in deleted
                else "phantom objects"
            )
            verdict.found[told].append(
                f"{kind} {identity} of workspace {workspace} is in the state and not there"
            )


def _names(suspects: dict[str, list[Suspect]], one: ObjectSeen) -> bool:
    return _is_suspected(suspects[one.workspace], one.type, one.id, one.name)


# --- Counts for the report ----------------------------------------------------------------------------------


def interruptions(evidence: Evidence) -> list[tuple[RunSeen, Move]]:
    """Return every move to `interrupted`."""
    return [
        (run, move) for run in evidence.runs for move in run.moves if move.to == RunStatus.INTERRUPTED.value
    ]


def continued_by_itself(evidence: Evidence) -> int:
    """Count interruptions after which the run was confirmed without a person."""
    count = 0
    for run in evidence.runs:
        open_ = False
        for move in run.moves:
            if move.to == RunStatus.INTERRUPTED.value:
                open_ = True
            elif open_ and move.to == RunStatus.CONFIRMED.value:
                count += not move.by_person
                open_ = False
            elif move.to == RunStatus.NEEDS_APPROVAL.value:
                open_ = False
    return count
