"""How the sweeper, the dispatch and the views of the queue behave beside very many finished runs, on PostgreSQL.

Two databases of its own are made, filled with few and with many, measured in turns by a process of its own, and
dropped.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import statistics
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from portal.bench.tell import Verdict, say, table

AIM = 1.25
FEW = 1_000
_CONNECT_S = 3


def measure(server: str, many: int) -> list[Verdict]:
    """Measure beside `FEW` and beside `many` finished runs on the server at this URL, and print what came of it."""
    say(f"\ngrowth by finished runs: PostgreSQL, {FEW:,} and {many:,} of them in turns")
    try:
        with _databases(server) as urls:
            times_ms = _in_own_process(urls, many)
    except psycopg.Error as error:
        say(f"  left out: databases cannot be made there ({' '.join(str(error).split())}); see POSTGRES=")
        return []
    if times_ms is None:
        return []
    medians = {what: tuple(map(statistics.median, times)) for what, times in times_ms.items()}
    ratios = {what: after / before for what, (before, after) in medians.items()}
    table(
        ["milliseconds", f"beside {FEW:,}", f"beside {many:,}", "ratio", "middle half of the ratios"],
        [
            [what, f"{before:.1f}", f"{after:.1f}", f"{ratios[what]:.2f}", _middle(*times_ms[what])]
            for what, (before, after) in medians.items()
        ],
    )
    worst = max(ratios, key=lambda what: ratios[what])
    return [Verdict(f"growth by finished runs, worst ({worst})", ratios[worst], AIM)]


def _middle(before: list[float], after: list[float]) -> str:
    low, _, high = statistics.quantiles([b / a for a, b in zip(before, after, strict=True)], n=4)
    return f"{low:.2f} to {high:.2f}"


@contextlib.contextmanager
def _databases(server: str) -> Iterator[list[str]]:
    """Make two databases, yield their URLs, drop them. Raises psycopg.Error."""
    names = [f"drawbridge_bench_{secrets.token_hex(4)}" for _ in range(2)]
    with psycopg.connect(server, autocommit=True, connect_timeout=_CONNECT_S) as connection:
        for name in names:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield [urlsplit(server)._replace(path=f"/{name}").geturl() for name in names]
        finally:
            for name in names:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _in_own_process(urls: list[str], many: int) -> dict[str, tuple[list[float], list[float]]] | None:
    """Return the milliseconds of everything that is measured, beside few and beside many, in turns."""
    few_url, many_url = urls
    ended = subprocess.run(
        [sys.executable, "-m", "portal.bench.rows", many_url, str(FEW), str(many)],
        env={**os.environ, "DATABASE_URL": few_url, "DRAWBRIDGE_BROKER_URL": "memory://"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=False,
    )
    if ended.returncode != 0:
        say(f"  left out: the process that measures ended with {ended.returncode}")
        return None
    found: dict[str, tuple[list[float], list[float]]] = json.loads(ended.stdout)
    return found
