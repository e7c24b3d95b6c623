"""Many orders at once: the portal's workers against as many bare Terraforms at a time."""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from django.db.models import Max

from portal.bench import bare
from portal.bench.bare import Seat
from portal.bench.orders import BenchFailed, Portal
from portal.bench.tell import Verdict, say, spread, table
from provisioner.domain.run import ACTIVE, RunStatus
from provisioner.models import Run, RunTransition

AIM = 0.95
_LOOK_S = 0.2
_ROUND = ("portal", "bare", "bare", "portal")


def measure(portal: Portal, item: str, count: int, rounds: int, workers: int) -> Verdict:
    """Let both sides do `count` orders, portal bare bare portal in each of `rounds`, and print what came of it."""
    say(
        f"\nthroughput: {count} orders of {item}, {workers} at a time on either side, "
        f"{' '.join(_ROUND)} {rounds} times"
    )
    _through_portal(portal, item, workers)
    _by_bare(portal, item, workers, workers)
    took_s: dict[str, list[float]] = {"portal": [], "bare": []}
    for _ in range(rounds):
        for side in _ROUND:
            if side == "portal":
                took_s[side].append(_through_portal(portal, item, count))
            else:
                took_s[side].append(_by_bare(portal, item, count, workers))
    medians = {side: statistics.median(values) for side, values in took_s.items()}
    table(
        ["", "median s", "orders a minute"],
        [[side, f"{s:.1f}", f"{60 * count / s:.1f}"] for side, s in medians.items()],
    )
    for side, values in took_s.items():
        say(f"  {side}: {spread(values, '.1f')} s")
    ratio = medians["bare"] / medians["portal"]
    return Verdict(f"throughput, {item}: portal / bare Terraform", ratio, AIM, at_most=False)


def _through_portal(portal: Portal, item: str, count: int) -> float:
    """Post all orders one after the other; return the seconds from the first POST to the last one applied."""
    posted = [portal.post(item) for _ in range(count)]
    runs = Run.objects.filter(pk__in=[order.run_id for order in posted])
    # One look for all of them: asking the portal for each would be work beside the orders.
    while runs.filter(status__in=sorted(ACTIVE)).exists():
        time.sleep(_LOOK_S)
    if failed := runs.exclude(status=RunStatus.APPLIED.value).first():
        raise BenchFailed(
            f"Run {failed.pk} ended {failed.status}: {failed.error_summary} {failed.error_detail}"
        )
    applied = RunTransition.objects.filter(run__in=runs, to_status=RunStatus.APPLIED.value)
    last_at = applied.aggregate(last=Max("at"))["last"]
    return float(last_at.timestamp()) - posted[0].sent_at


def _by_bare(portal: Portal, item: str, count: int, at_a_time: int) -> float:
    """Run bare Terraforms, so many at a time; return the seconds that all of them took."""
    seats: list[tuple[Seat, Path]] = []
    for _ in range(count):
        folder = portal.folder / "bare" / portal.new_name()
        seats.append((portal.take_seat(item, folder), folder))
    with ThreadPoolExecutor(at_a_time) as pool:
        began = time.perf_counter()
        for ended in [pool.submit(portal.bare.times_s, seat, folder) for seat, folder in seats]:
            ended.result()
        took_s = time.perf_counter() - began
    for seat, _ in seats:
        bare.leave_seat(seat)
    return took_s
