"""Start a portal, measure the chosen sections on it, stop it."""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User

from catalog.models import Environment
from portal.bench import bare, growth, module, order, orders, policy, recovery, rows, throughput
from portal.bench.orders import WHO, Portal
from portal.bench.tell import Verdict, say
from portal.demo.__main__ import demo_tokens
from portal.demo.client import Api, DemoFailed
from portal.embedded import runtime

# As many as the Procfile gives the worker.
WORKERS = 2
CANNOT_MEASURE = (runtime.CannotStart, orders.BenchFailed, bare.BareFailed, DemoFailed)


def measure(folder: Path, options: argparse.Namespace) -> list[Verdict]:
    """Measure what `options.only` names. Raises one of CANNOT_MEASURE."""
    verdicts: list[Verdict] = []
    began = time.monotonic()
    with _running(folder) as portal:
        say(
            f"{portal.bare.label}, Python {platform.python_version()}, {os.cpu_count()} cores, "
            f"{settings.DATABASES['default']['ENGINE'].rpartition('.')[2]} and the embedded broker, "
            f"load {os.getloadavg()[0]:.1f} at the start"
        )
        if "order" in options.only:
            verdicts.append(order.measure(portal, module.SLUG, options.pairs))
            if options.database_pairs > 0:
                verdicts.append(order.measure(portal, "postgres", options.database_pairs))
        if "throughput" in options.only:
            verdicts.append(throughput.measure(portal, module.SLUG, options.orders, options.rounds, WORKERS))
        if "growth" in options.only:
            verdicts += growth.measure(portal, module.SLUG)
        if "policy" in options.only:
            verdicts += policy.measure(portal)
        if "recovery" in options.only:
            verdicts.append(recovery.measure(portal, module.SLUG, options.kills))
    if "growth" in options.only:
        verdicts += rows.measure(options.postgres, options.rows)
    say(f"\nMeasured in {time.monotonic() - began:.0f} s, load {os.getloadavg()[0]:.1f} at the end")
    return verdicts


@contextlib.contextmanager
def _running(folder: Path) -> Iterator[Portal]:
    """Start a portal of its own; everything that it says goes to a file in the folder."""
    runtime.prepare()
    # Both sides work for one account at the same time: it has no limit here.
    Environment.objects.update(account=None)
    bare.ring_nowhere()
    log = folder / "processes.log"
    with log.open("w") as output:
        try:
            with (
                runtime.running(output) as processes,
                demo_tokens([WHO]) as tokens,
                Api(settings.DRAWBRIDGE_URL, tokens) as api,
            ):
                requester = User.objects.get(username=WHO)
                yield Portal(api, processes, folder, requester, bare.Bare(), time.monotonic())
        except CANNOT_MEASURE:
            sys.stderr.write("".join(log.read_text().splitlines(keepends=True)[-30:]))
            raise
