"""`make bench`: orders through the running portal and bare Terraform in turns, on this machine, in this run.

An order is timed from the moment its POST is sent to the instant at which its run is recorded as applied. Both
sides use the same module, variables, provider, binary and disk; medians of the pairs are compared.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import django

from portal.embedded import home, port

PAIRS = 7
AIM = 1.25


def main() -> int:
    """Set up a portal of its own in a temporary folder, measure, print; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=PAIRS, help=f"pairs to measure (default {PAIRS})")
    pairs = parser.parse_args().pairs
    with tempfile.TemporaryDirectory(prefix="drawbridge-bench-") as folder:
        home.make_home(Path(folder) / "home")
        os.environ |= {
            "DRAWBRIDGE_HOME": str(Path(folder) / "home"),
            "PORT": str(port.free_port()),
            "DRAWBRIDGE_TARGET": "sandbox",
        }
        for inherited in (
            "DATABASE_URL",
            "DRAWBRIDGE_BROKER_URL",
            "DRAWBRIDGE_URL",
            "DRAWBRIDGE_INTERNAL_URL",
        ):
            os.environ.pop(inherited, None)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
        django.setup()
        from portal.embedded import stack  # noqa: PLC0415 - needs Django set up

        try:
            return measure(Path(folder), pairs)
        except KeyboardInterrupt:
            return 130
        except stack.StackFailed as error:
            sys.stderr.write(f"{error}\n")
            return 1


def measure(folder: Path, pairs: int) -> int:
    """Start the portal, warm both sides up, measure the pairs and print the result."""
    from django.conf import settings  # noqa: PLC0415

    from portal.bench.bare import STEPS, Bare  # noqa: PLC0415
    from portal.demo.__main__ import demo_tokens  # noqa: PLC0415
    from portal.demo.client import Api  # noqa: PLC0415
    from portal.embedded import runtime  # noqa: PLC0415

    runtime.prepare()
    orders: list[dict[str, float]] = []
    bares: list[dict[str, float]] = []
    with (
        (folder / "processes.log").open("w") as log,
        runtime.running(log),
        demo_tokens(["developer"]) as tokens,
        Api(settings.DRAWBRIDGE_URL, tokens) as api,
    ):
        first_run, _ = order(api, "bench-warm")
        bare = Bare.like(first_run)
        bare.times_s(folder / "bare-warm", "bare-warm")
        runtime.say(
            f"{bare.label}; a development Postgres that nobody has to approve; {pairs} pairs in turns"
        )
        for number in range(1, pairs + 1):
            orders.append(order(api, f"bench-{number}")[1])
            bares.append(bare.times_s(folder / f"bare-{number}", f"bare-{number}"))
            runtime.say(f"  {number}: order {total(orders[-1]):6.2f} s   bare {total(bares[-1]):6.2f} s")
    ratio = median_total(orders) / median_total(bares)
    runtime.say(f"\nMedian of an order, from POST to applied: {median_total(orders):.2f} s")
    for name in orders[0]:
        runtime.say(f"  {name:<28} {statistics.median(row[name] for row in orders):6.2f} s")
    runtime.say(f"Median of bare Terraform:                 {median_total(bares):.2f} s")
    for name, _ in STEPS:
        runtime.say(f"  {name:<28} {statistics.median(row[name] for row in bares):6.2f} s")
    runtime.say(f"\nRatio {ratio:.3f} (aim: at most {AIM})")
    return 0


def order(api: Any, name: str) -> tuple[str, dict[str, float]]:
    """Order a database in development, wait until it is applied, return the run's id and where the time went."""
    ask = {
        "item": "postgres",
        "service": "receipts",
        "environment": "development",
        "name": name,
        "parameters": {},
    }
    sent_at = time.time()
    run = api.post("developer", "requests/", ask).expect(201)
    run = api.wait("developer", run["id"], "terminal")
    if run["status"] != "applied":
        raise SystemExit(
            f"Run {run['id']} ended {run['status']}: {run['error_summary']} {run['error_detail']}"
        )
    history = api.get("developer", f"runs/{run['id']}/history/", page_size=200)["results"]
    return run["id"], dict(stays(sent_at, history))


def stays(sent_at: float, history: list[Any]) -> Iterator[tuple[str, float]]:
    """Yield how long the order was in each place, from its POST to the instant it was applied."""
    instants = [datetime.fromisoformat(move["at"]).timestamp() for move in history]
    yield "POST to recorded", instants[0] - sent_at
    for move, begin, end in zip(history, instants, instants[1:], strict=False):
        yield move["to_status"].replace("_", " "), end - begin


def total(row: dict[str, float]) -> float:
    return sum(row.values())


def median_total(rows: list[dict[str, float]]) -> float:
    return statistics.median(total(row) for row in rows)


if __name__ == "__main__":
    sys.exit(main())
