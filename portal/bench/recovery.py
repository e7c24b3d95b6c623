"""The process that applies is killed: how long until the portal knows, and until the order is applied all the same."""

from __future__ import annotations

import os
import random
import signal
import statistics
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings
from django.core.management import call_command
from django.db.models import F

from portal.bench import orders
from portal.bench.orders import WHO, BenchFailed, Portal, Posted
from portal.bench.tell import Verdict, say, spread, table
from provisioner.models import Run

AIM_S = 90.0
# Twice as many as Terraform makes at a time, so that some are left to do after the kill.
QUEUES = 20
DELAY_S = 2.0
_LOOK_S = 0.05
_LIMIT_S = 300.0

Found = TypeVar("Found")


def measure(portal: Portal, item: str, kills: int) -> Verdict:
    """Kill the process behind `kills` applies, one after the other, and print when each was noticed and was done."""
    say(
        f"\nrecovery: SIGKILL of the process that applies {QUEUES} objects of {DELAY_S:g} s each, {kills} times; lease "
        f"{settings.DRAWBRIDGE_LEASE_S} s, heartbeat {settings.DRAWBRIDGE_HEARTBEAT_S} s, "
        f"sweep {settings.DRAWBRIDGE_SWEEP_S} s"
    )
    _wait_until_steady(portal)
    call_command("sandbox", "delay", "--seconds", str(DELAY_S))
    try:
        killed = []
        for _ in range(kills):
            posted = portal.post(item, queues=QUEUES)
            killed.append((posted, _kill_while_applying(posted)))
            # So that kills fall at different moments between two sweeps.
            time.sleep(random.uniform(0, settings.DRAWBRIDGE_SWEEP_S / 2))  # noqa: S311 - no secret
        histories = [_history_when_over(portal, posted) for posted, _ in killed]
    finally:
        call_command("sandbox", "delay", "--clear")
    noticed_s = [
        orders.reached_at(history, "interrupted") - at
        for (_, at), history in zip(killed, histories, strict=True)
    ]
    done_s = [
        orders.instant(history[-1]) - at if history[-1]["to_status"] == "applied" else None
        for (_, at), history in zip(killed, histories, strict=True)
    ]
    table(
        ["", "interrupted after s", "ended after s", "ended"],
        [
            [str(number), f"{noticed:.1f}", f"{orders.instant(history[-1]) - at:.1f}", _ending(history[-1])]
            for number, ((_, at), history, noticed) in enumerate(
                zip(killed, histories, noticed_s, strict=True), start=1
            )
        ],
    )
    say(f"  interrupted: median {statistics.median(noticed_s):.1f} s, {spread(noticed_s, '.1f')} s")
    alone = [s for s in done_s if s is not None]
    if alone:
        say(f"  applied by itself, {len(alone)} of {kills}: {spread(alone, '.1f')} s after the kill")
    return Verdict("recovery: worst SIGKILL to interrupted", max(noticed_s), AIM_S, unit=" s")


def _ending(move: Mapping[str, Any]) -> str:
    return str(move["to_status"]).replace("_", " ")


def _wait_until_steady(portal: Portal) -> None:
    """Wait until the portal has run for longer than a lease: its sweeper takes nobody for lost before that."""
    needed_s = settings.DRAWBRIDGE_LEASE_S + 2 * settings.DRAWBRIDGE_SWEEP_S
    left_s = portal.ready_at + needed_s - time.monotonic()
    if left_s > 0:
        say(f"  waiting {left_s:.0f} s: the sweeper takes nobody for lost before it has watched for a lease")
        time.sleep(left_s)


def _kill_while_applying(posted: Posted) -> float:
    """Wait until Terraform makes objects, kill the process of the pool that runs it, return when."""
    run = _when(
        "applying",
        lambda: Run.objects.filter(
            pk=posted.run_id, status="applying", lock_taken_token=F("fencing_token")
        ).first(),
    )
    time.sleep(random.uniform(0, DELAY_S))  # noqa: S311 - no secret
    pid = int(run.worker.rpartition(":")[2])
    if b"celery" not in Path(f"/proc/{pid}/cmdline").read_bytes():
        raise BenchFailed(f"Process {pid} of run {posted.run_id} is no worker.")
    killed_at = time.time()
    os.kill(pid, signal.SIGKILL)
    return killed_at


def _history_when_over(portal: Portal, posted: Posted) -> list[Any]:
    """Return the history of a run that has ended, or that waits for a decision after it was interrupted."""

    def over() -> list[Any] | None:
        history: list[Any] = portal.api.get(WHO, f"runs/{posted.run_id}/history/", page_size=200)["results"]
        seen = {move["to_status"] for move in history}
        last = history[-1]["to_status"]
        if "interrupted" not in seen:
            if last in {"applied", "errored", "canceled"}:
                raise BenchFailed(f"Run {posted.run_id} was {last} before anybody noticed the kill.")
            return None
        return history if last in {"applied", "errored", "canceled", "needs_approval"} else None

    return _when("over", over)


def _when(what: str, look: Callable[[], Found | None]) -> Found:
    """Look until something is found; wait longer between looks when it takes long."""
    began = time.monotonic()
    while time.monotonic() - began < _LIMIT_S:
        if (found := look()) is not None:
            return found
        time.sleep(_LOOK_S if time.monotonic() - began < 15 else 1.0)
    raise BenchFailed(f"A run was not {what} within {timedelta(seconds=_LIMIT_S)}.")
