"""How the portal's own time grows with the size of a plan and of a log.

A stand-in for Terraform gives out ready documents, so that what is timed is the portal: engine, stages, database and
state backend. Its start is in every number.
"""

from __future__ import annotations

import itertools
import math
import statistics
import time
from collections.abc import Mapping
from dataclasses import replace

from django.utils import timezone

from portal.bench.orders import WHO, BenchFailed, Portal
from portal.bench.recorded import Recording
from portal.bench.tell import Verdict, say, table
from provisioner.domain.run import RunStatus
from provisioner.engine.terraform import TerraformEngine, configured_engine
from provisioner.models import Run
from provisioner.services import apply, plan, submit

AIM = 1.1
RESOURCES = (100, 300, 1_000, 3_000)
LOG_LINES = (1_000, 10_000, 100_000)
REPEATS = 3
_FEW = 10
_PAGE = 1_000

Points = Mapping[int, float]


def measure(portal: Portal, item: str) -> list[Verdict]:
    """Measure both and print what came of it."""
    recording = Recording.make(portal, item)
    _run(portal, item, recording, _FEW)
    return [*_by_resources(portal, item, recording), *_by_log_lines(portal, item, recording)]


def exponent(points: Points) -> float:
    """Return the slope of a straight line through the logarithms, by least squares: 1 is linear."""
    fit = statistics.linear_regression(
        [math.log(size) for size in points], [math.log(value) for value in points.values()]
    )
    return fit.slope


def steepest(points: Points) -> float:
    """Return the largest exponent between two neighbouring sizes."""
    return max(
        math.log(points[b] / points[a]) / math.log(b / a) for a, b in itertools.pairwise(sorted(points))
    )


def tell(what: str, head: str, series: Mapping[str, Points]) -> list[Verdict]:
    """Print series that were measured at the same sizes; return the verdict on each."""
    sizes = list(next(iter(series.values())))
    table(
        [head, *(f"{size:,}" for size in sizes), "exponent", "steepest"],
        [
            [name, *(f"{points[size]:.2f}" for size in sizes), f"{exponent(points):.2f}", f"{steepest(points):.2f}"]
            for name, points in series.items()
        ],
    )  # fmt: skip
    return [
        Verdict(f"growth, {name} by {what}: exponent", exponent(points), AIM)
        for name, points in series.items()
    ]


def _by_resources(portal: Portal, item: str, recording: Recording) -> list[Verdict]:
    say(f"\ngrowth by resources: seconds of the portal's own for one run, fastest of {REPEATS}")
    planning: dict[int, float] = {}
    applying: dict[int, float] = {}
    for size in RESOURCES:
        times = [_run(portal, item, recording, size) for _ in range(REPEATS)]
        planning[size] = min(took.planning_s for took in times)
        applying[size] = min(took.applying_s for took in times)
    return tell("resources", "resources", {"planning": planning, "applying": applying})


def _by_log_lines(portal: Portal, item: str, recording: Recording) -> list[Verdict]:
    say(f"\ngrowth by lines of the log: seconds, fastest of {REPEATS}")
    applying: dict[int, float] = {}
    reading: dict[int, float] = {}
    last_page: dict[int, float] = {}
    for size in LOG_LINES:
        times = [_run(portal, item, recording, _FEW, size) for _ in range(REPEATS)]
        applying[size] = min(took.applying_s for took in times)
        reading[size], last_page[size] = _read_log(portal, times[0].run_id)
    verdicts = tell("log lines", "lines", {"applying": applying, "reading all of it": reading})
    say(
        f"  the last page of it: {', '.join(f'{1000 * s:.0f} ms' for s in last_page.values())} "
        f"(at {', '.join(f'{size:,}' for size in last_page)} lines)"
    )
    return verdicts


class _Took:
    """One run and the seconds that its two stages took."""

    def __init__(self, run_id: str, planning_s: float, applying_s: float) -> None:
        self.run_id, self.planning_s, self.applying_s = run_id, planning_s, applying_s


def _run(portal: Portal, item: str, recording: Recording, resources: int, log_lines: int = 0) -> _Took:
    """Order in this process, plan and apply with the stand-in, and time the two stages."""
    run_id = submit.submit(portal.ask(item, {}), requester=portal.requester, now=timezone.now()).pk
    run = Run.objects.select_related("workspace").get(pk=run_id)
    terraform = recording.stand_in(portal.folder / "stand-in" / str(run_id), run, resources, log_lines)
    engine = TerraformEngine(replace(configured_engine().config, terraform=str(terraform)))
    engine.version()
    began = time.perf_counter()
    status = plan.plan(run_id, engine=engine, worker="make bench", clock=timezone.now)
    planned = time.perf_counter()
    if status is RunStatus.APPLY_QUEUED:
        status = apply.apply(run_id, engine=engine, worker="make bench", clock=timezone.now)
    applied = time.perf_counter()
    if status is not RunStatus.APPLIED:
        run.refresh_from_db()
        raise BenchFailed(f"Run {run_id} is {run.status}: {run.error_summary} {run.error_detail}")
    return _Took(str(run_id), planned - began, applied - planned)


def _read_log(portal: Portal, run_id: str) -> tuple[float, float]:
    """Return the seconds that reading a whole log over the API took, and those of the last full page alone."""
    began, after, pages = time.perf_counter(), 0, []
    while True:
        page = portal.api.get(WHO, f"runs/{run_id}/logs/", after=after, limit=_PAGE)
        pages.append(page["lines"])
        if page["complete"]:
            break
        after = page["next_after"]
    took_s = time.perf_counter() - began
    began = time.perf_counter()
    portal.api.get(WHO, f"runs/{run_id}/logs/", after=max(0, after - _PAGE), limit=_PAGE)
    return took_s, time.perf_counter() - began
