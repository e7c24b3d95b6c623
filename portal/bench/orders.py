"""Orders over the API of the running portal, and what their own history says of them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User

from portal.bench.bare import Bare, Seat, take_seat
from portal.demo.client import Api
from portal.embedded.stack import Stack
from provisioner.services.ask import Ask

WHO = "developer"
SERVICE, ENVIRONMENT = "receipts", "development"


class BenchFailed(Exception):
    """Something went another way than a measurement needs; the text tells what."""


@dataclass(frozen=True)
class Portal:
    """A portal that runs on this machine, and what to measure it with."""

    api: Api
    processes: Stack
    folder: Path
    requester: User
    bare: Bare
    ready_at: float  # monotonic
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def new_name(self) -> str:
        """Return a name that nothing has yet."""
        return f"bench-{next(self._numbers)}"

    def post(self, item: str, **parameters: object) -> Posted:
        """Order something over the API."""
        body = {
            "item": item,
            "service": SERVICE,
            "environment": ENVIRONMENT,
            "name": self.new_name(),
            "parameters": parameters,
        }
        sent_at = time.time()
        run = self.api.post(WHO, "requests/", body).expect(201)
        return Posted(run["id"], sent_at)

    def ask(self, item: str, parameters: Mapping[str, object]) -> Ask:
        """Return the same order as it is made without the API."""
        return Ask(item, SERVICE, ENVIRONMENT, self.new_name(), parameters)

    def wait_applied(self, posted: Posted) -> list[Any]:
        """Wait until an order is applied; return its history. Raises BenchFailed when it ends otherwise."""
        run = self.api.wait(WHO, posted.run_id, "terminal")
        if run["status"] != "applied":
            raise BenchFailed(
                f"Run {run['id']} ended {run['status']}: {run['error_summary']} {run['error_detail']}"
            )
        history: list[Any] = self.api.get(WHO, f"runs/{posted.run_id}/history/", page_size=200)["results"]
        return history

    def take_seat(self, item: str, folder: Path, **parameters: object) -> Seat:
        """Order the same for bare Terraform, and lay its directory out."""
        seat = take_seat(self.ask(item, parameters), self.requester)
        self.bare.lay_out(seat, folder)
        return seat


@dataclass(frozen=True)
class Posted:
    """An order that was sent; `sent_at` in seconds since the epoch, before the POST."""

    run_id: str
    sent_at: float


def reached_at(history: list[Any], status: str) -> float:
    """Return when a run first came to a status, in seconds since the epoch."""
    return next(instant(move) for move in history if move["to_status"] == status)


def instant(move: Mapping[str, str]) -> float:
    return datetime.fromisoformat(move["at"]).timestamp()


def stays(posted: Posted, history: list[Any]) -> Mapping[str, float]:
    """Return how long an order was in each place, from its POST to the instant it was applied."""
    found = {"POST to recorded": instant(history[0]) - posted.sent_at}
    for move, after in itertools.pairwise(history):
        name = move["to_status"].replace("_", " ")
        found[name] = found.get(name, 0.0) + instant(after) - instant(move)
    return found
