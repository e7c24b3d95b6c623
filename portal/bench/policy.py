"""Rules over parameters and plans: how long they take, how much they hold, and beside other checkers.

Parameters are judged in this process, as the form and the dry run of the API do it. Plans are judged by the offline
command in a process of its own, from its start to its end, with everything that it does: reading, tags, guardrails,
cost, report. The others get the same plan in the same run, and do what they do.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from portal.bench.orders import BenchFailed, Portal
from portal.bench.tell import Verdict, say, spread, table
from provisioner.rulebook.sample_plans import sample_plan
from provisioner.services import evaluate

PARAMETERS_MS, MEMORY_TIMES = 10.0, 3.0
PLANS = {1_000: 1.0, 10_000: 10.0}  # resources -> seconds
ITEM = "postgres"
WARM_UP, EVALUATIONS, REPEATS = 20, 300, 5
MIB = 1024 * 1024

# What conftest's users write: https://www.conftest.dev, over `terraform show -json`.
REGO = """package main

import rego.v1

required := {"service", "team-owner", "cost-center", "environment", "criticality"}

deny contains message if {
    some change in input.resource_changes
    some key in required
    not change.change.after.tags_all[key]
    message := sprintf("%s: the tag %s is missing", [change.address, key])
}

deny contains message if {
    some change in input.resource_changes
    change.type == "aws_db_instance"
    change.change.after.storage_encrypted != true
    message := sprintf("%s: its storage is not encrypted", [change.address])
}

deny contains message if {
    some change in input.resource_changes
    change.change.after.publicly_accessible == true
    message := sprintf("%s: it can be reached from everywhere", [change.address])
}
"""

RUN_REGO = """
import pathlib, sys, regopy
rego = regopy.Interpreter()
rego.add_module("policy", pathlib.Path(sys.argv[1]).read_text())
rego.set_input_term(pathlib.Path(sys.argv[2]).read_text())
found = rego.query("data.main.deny")
print(len(str(found)))
"""


@dataclass(frozen=True)
class Took:
    """One run of a program: seconds from start to end, and the most memory (bytes) that it held."""

    seconds: float
    peak_bytes: int


def measure(portal: Portal) -> list[Verdict]:
    """Measure all of it and print what came of it."""
    return [_parameters(portal), *_plans(portal.folder)]


def _parameters(portal: Portal) -> Verdict:
    requester = User.objects.get(pk=portal.requester.pk)
    times_ms = []
    for number in range(WARM_UP + EVALUATIONS):
        ask = portal.ask(ITEM, {"size": ("small", "medium", "large")[number % 3]})
        began = time.perf_counter()
        evaluate.evaluate(ask, requester=requester, now=timezone.now())
        if number >= WARM_UP:
            times_ms.append(1000 * (time.perf_counter() - began))
    say(f"\npolicy: a dry run of {ITEM} with its estimate, in this process: {spread(times_ms, '.1f')} ms")
    return Verdict("policy, parameters with estimate: p50", statistics.median(times_ms), PARAMETERS_MS, " ms")


def _plans(folder: Path) -> list[Verdict]:
    verdicts: list[Verdict] = []
    rows: list[list[str]] = []
    nothing = _checked(_written(folder, 1))
    for size, aim_s in PLANS.items():
        plan = _written(folder, size)
        took = [_checked(plan) for _ in range(REPEATS)]
        seconds = statistics.median(one.seconds for one in took)
        length = plan.stat().st_size
        times = max(0, max(one.peak_bytes for one in took) - nothing.peak_bytes) / length
        rows.append(
            ["drawbridge-policy", f"{size:,}", f"{length / MIB:.1f}", f"{seconds:.2f}", f"{times:.2f}", ""]
        )
        for name, other in _others(folder, plan).items():
            rows.append(
                [
                    name,
                    f"{size:,}",
                    f"{length / MIB:.1f}",
                    f"{other.seconds:.2f}",
                    f"{max(0, other.peak_bytes - nothing.peak_bytes) / length:.2f}",
                    f"{other.seconds / seconds:.1f}",
                ]
            )
        verdicts.append(Verdict(f"policy, a plan of {size:,} resources", seconds, aim_s, " s"))
        verdicts.append(
            Verdict(
                f"policy, memory beyond a small plan's, in sizes of the file, {size:,}", times, MEMORY_TIMES
            )
        )
    say(f"\npolicy: plans from the start of the program to its end, median of {REPEATS}; others once")
    table(["program", "resources", "MiB", "seconds", "memory / file", "times as long"], rows)
    return verdicts


def _written(folder: Path, resources: int) -> Path:
    path = folder / f"plan-{resources}.json"
    path.write_bytes(b"".join(sample_plan(resources)))
    return path


def _checked(plan: Path) -> Took:
    prices = Path(settings.DRAWBRIDGE_PRICES_DIR) / "us-east-1.csv"
    return _run(
        [
            *(sys.executable, "-m", "provisioner.rulebook", "check", str(plan)),
            *("--environment", "production", "--prices", str(prices), "--format", "json"),
        ],
        codes=(0, 1),
    )


def _others(folder: Path, plan: Path) -> dict[str, Took]:
    """Run what else looks through plans, where it is installed."""
    found = {}
    policy = folder / "policy.rego"
    policy.write_text(REGO)
    rego = [sys.executable, "-c", RUN_REGO, str(policy), str(plan)]
    if (
        subprocess.run([sys.executable, "-c", "import regopy"], capture_output=True, check=False).returncode
        == 0
    ):
        found["Rego (rego-cpp), three rules"] = _run(rego, codes=(0,))
    checkov = Path(".venv/checkov/bin/checkov")
    if checkov.exists():
        found["checkov"] = _run(
            [
                *(str(checkov), "--file", str(plan), "--framework", "terraform_plan"),
                *("--skip-download", "--quiet", "--compact", "--soft-fail"),
            ],
            codes=(0,),
        )
    return found


def _run(argv: Sequence[str], *, codes: tuple[int, ...]) -> Took:
    """Run a program to its end. Raises BenchFailed when it ends in another way than it should."""
    began = time.perf_counter()
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as program:
        assert program.stderr is not None
        said = program.stderr.read()
        _, status, used = os.wait4(program.pid, 0)
        program.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    if program.returncode not in codes:
        raise BenchFailed(
            f"{' '.join(argv)} ended with {program.returncode}: {said.decode(errors='replace')[-500:]}"
        )
    return Took(seconds, _peak_bytes(used))


def _peak_bytes(used: resource.struct_rusage) -> int:
    return used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
