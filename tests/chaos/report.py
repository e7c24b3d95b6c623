"""What the suite says: a summary for the terminal and a Markdown file."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from provisioner.domain.run import TERMINAL
from tests.chaos import witness
from tests.chaos.evidence import Evidence
from tests.chaos.load import Book
from tests.chaos.trouble import APPLYING, Done
from tests.chaos.witness import FAILING, Verdict

MOST_SHOWN = 20
TURNS = frozenset(
    {"applying", "interrupted", "plan_queued", "needs_approval", *(str(status) for status in TERMINAL)}
)
OUTAGES = frozenset(
    {"OperationalError", "AdminShutdown", "InterfaceError", "ConnectionError", "ConnectionRefusedError"}
)
NOTICED_WITHIN_S = 120.0


@dataclass(frozen=True)
class Told:
    """Everything that is told about one run of the suite."""

    seed: int
    seconds: float
    took_s: float
    machine: str
    done: Sequence[Done]
    duplicates: int
    stubborn: int
    send_failures: Sequence[str]
    book: Book
    evidence: Evidence
    verdict: Verdict
    at_rest: bool
    defects: Counter[str]

    @property
    def good(self) -> bool:
        return self.verdict.good and self.at_rest


def markdown(told: Told) -> str:
    """Return the report."""
    return "\n".join(_lines(told)) + "\n"


def summary(told: Told) -> str:
    """Return the short form for the terminal: totals, and every finding that makes it fail."""
    width = max(len(name) for name, _ in _totals(told))
    lines = [f"  {name.ljust(width)}  {value}" for name, value in _totals(told)]
    for kind in FAILING:
        found = told.verdict[kind]
        lines += [f"{kind}:"] * bool(found) + [f"  {text}" for text in found[:MOST_SHOWN]]
    return "\n".join(lines)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _totals(told: Told) -> list[tuple[str, str]]:
    kills = [one for one in told.done if one.is_kill]
    doing = Counter(one.doing for one in kills if one.doing)
    evidence, verdict = told.evidence, told.verdict
    waits = sorted(noticed_after_s(told.done, evidence))
    statuses = Counter(run.status for run in evidence.runs)
    verdicts = Counter(run.verdict for run in evidence.runs if run.verdict)
    return [
        ("seed", str(told.seed)),
        ("took", f"{told.took_s:.0f} s, {told.seconds:.0f} s of them in trouble"),
        ("runs", f"{len(evidence.runs)}: " + ", ".join(f"{n} {name}" for name, n in statuses.most_common())),
        ("changes in the cloud", str(len(evidence.events))),
        ("disturbances", str(len(told.done))),
        ("kills", f"{len(kills)}: " + ", ".join(f"{n} {name}" for name, n in doing.most_common())),
        ("messages delivered twice", str(told.duplicates)),
        ("interruptions", str(len(witness.interruptions(evidence)))),
        ("continued by itself", str(witness.continued_by_itself(evidence))),
        ("a person was asked", str(sum(run.decision_asked for run in evidence.runs))),
        (
            "what recovery decided last",
            ", ".join(f"{n} {what}" for what, n in verdicts.most_common()) or "nothing",
        ),
        ("suspects named", str(sum(len(run.suspects) for run in evidence.runs))),
        ("suspects that exist", str(len(verdict["suspects"]))),
        (witness.DECIDED_TWICE, str(len(verdict[witness.DECIDED_TWICE]))),
        (witness.LATE, str(len(verdict[witness.LATE]))),
        (
            "killed to interrupted",
            f"median {statistics.median(waits):.1f} s, most {waits[-1]:.1f} s ({len(waits)})"
            if waits
            else "none",
        ),
        *((kind, str(len(verdict[kind]))) for kind in FAILING),
        ("came to rest", "yes" if told.at_rest else "NO"),
    ]


def noticed_after_s(done: Sequence[Done], evidence: Evidence) -> Iterator[float]:
    """Yield how long it took from the kill of a worker that applied to `interrupted` in the run's history."""
    runs = {run.id: run for run in evidence.runs}
    for one in done:
        if not one.is_kill or one.doing != APPLYING:
            continue
        for run_id in one.runs[:1]:
            run = runs.get(run_id)
            after = [move for move in run.moves if move.at > one.at] if run else []
            if after and after[0].to == "interrupted":
                waited = (after[0].at - one.at).total_seconds()
                if waited < NOTICED_WITHIN_S:
                    yield waited


def _lines(told: Told) -> Iterator[str]:
    yield "# Chaos report"
    yield ""
    yield f"{'Passed' if told.good else 'FAILED'}. {told.machine}. Repeat the choices with `--seed {told.seed}`."
    yield ""
    yield "| | |"
    yield "|---|---|"
    yield from (f"| {name} | {value} |" for name, value in _totals(told))
    yield ""
    yield "## Disturbances"
    yield ""
    yield "| what | times | met while applying | planning | idle |"
    yield "|---|---|---|---|---|"
    for card, times in Counter(one.card for one in told.done).most_common():
        met = Counter(one.doing for one in told.done if one.card == card)
        yield f"| {card} | {times} | {met['applying']} | {met['planning']} | {met['idle']} |"
    yield from _section("What users did", [f"{n} × {what}" for what, n in sorted(told.book.counts.items())])
    ends = Counter((run.status, run.error) for run in told.evidence.runs if run.error)
    yield from _section(
        "How runs failed", [f"{n} × {status}: {error}" for (status, error), n in ends.most_common()]
    )
    for kind, found in sorted(told.verdict.found.items(), key=lambda entry: entry[0] not in FAILING):
        yield from _section(f"{kind[0].upper()}{kind[1:]}", found)
    yield from _section("Answers 500", told.book.server_errors)
    yield from _section("Messages that could not be sent, other than refused", told.send_failures)
    yield from _section(
        "Exceptions in the processes' logs", [f"{n} × {text}" for text, n in told.defects.most_common()]
    )
    yield from _section("Interrupted runs", list(_interrupted(told.evidence)))
    if told.stubborn:
        yield from _section("Processes that did not end on SIGTERM and were killed", [str(told.stubborn)])


def _interrupted(evidence: Evidence) -> Iterator[str]:
    """Tell the way of every run that was interrupted."""
    for run in evidence.runs:
        if any(move.to == "interrupted" for move in run.moves):
            way = ", ".join(f"{move.to} {move.at:%H:%M:%S}" for move in run.moves if move.to in TURNS)
            yield f"{run.id} of workspace {run.workspace} ({run.kind}; {len(run.suspects)} suspects): {way}"


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if not lines:
        return
    yield ""
    yield f"## {title}"
    yield ""
    yield from (f"- {line}" for line in lines[:MOST_SHOWN])
    if len(lines) > MOST_SHOWN:
        yield f"- … and {len(lines) - MOST_SHOWN} more"


def defects(log: Path) -> Counter[str]:
    """Count the last lines of the tracebacks in the processes' logs."""
    found: Counter[str] = Counter()
    for path in sorted(log.glob("*.log")):
        in_traceback = False
        for line in path.read_text(errors="replace").splitlines():
            if line.startswith("Traceback (most recent call last)"):
                in_traceback = True
            elif in_traceback and line and not line.startswith(" "):
                name = path.stem.rstrip("0123456789")
                what = "the database or the broker was away" if _is_outage(line) else line[:200]
                found[f"{name}: {what}"] += 1
                in_traceback = False
    return found


def _is_outage(line: str) -> bool:
    """Whether the last line of a traceback says that a connection failed, as it is meant to here."""
    return line.partition(":")[0].rpartition(".")[2] in OUTAGES
