"""What people do all day, through the REST API as a script does it: order, change, destroy, cancel, retry, decide."""

from __future__ import annotations

import random
import threading
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

# A script tries this long to get an answer, then does something else.
PATIENCE_S = 40.0
PAUSE_S = 1.0
# Runs that wait for a worker or have one, above which nobody orders more: two cores do not plan faster.
MOST_BUSY = 7
RECOVERY_RULE = "interrupted-apply"
UNAVAILABLE = frozenset({500, 502, 503, 504, 429})
BUSY = frozenset(
    {"pending", "plan_queued", "planning", "planned", "confirmed", "apply_queued", "applying", "interrupted"}
)


@dataclass
class Book:
    """What was done and answered; shared by all users."""

    counts: Counter[str] = field(default_factory=Counter)
    acknowledged: set[str] = field(default_factory=set)
    server_errors: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, what: str) -> None:
        with self.lock:
            self.counts[what] += 1

    def taken(self, run_id: str) -> None:
        with self.lock:
            self.acknowledged.add(run_id)

    def failed(self, text: str) -> None:
        with self.lock:
            self.server_errors.append(text)


class Caller:
    """One person's token, and the patience to ask again with the same Idempotency-Key."""

    def __init__(self, url: str, who: str, token: str, book: Book, stop: threading.Event) -> None:
        self.who = who
        self._book = book
        self._stop = stop
        self._http = httpx.Client(
            base_url=f"{url}/api/v1/",
            timeout=20,
            trust_env=False,
            headers={"Authorization": f"Bearer {token}"},
        )

    def get(self, path: str, **query: str | int) -> Any:
        """Return the document, None when there was no good answer in time."""
        answer = self._ask("GET", path, None, dict(query))
        return answer.json() if answer is not None and answer.status_code == httpx.codes.OK else None

    def every(self, path: str, **query: str | int) -> list[Any]:
        """Return a list's first page."""
        page = self.get(path, page_size=100, **query)
        return [] if page is None else list(page["results"])

    def post(self, path: str, body: Mapping[str, object], what: str) -> Any:
        """Ask for something; return the document when it was taken, None when it was refused or never answered."""
        answer = self._ask("POST", path, body, {})
        if answer is None:
            self._book.note(f"{what}: no answer")
            return None
        if answer.is_success:
            self._book.note(what)
            document = answer.json()
            if answer.status_code == httpx.codes.CREATED and "workspace_id" in document:
                self._book.taken(document["id"])
            return document
        self._book.note(f"{what}: refused ({answer.json().get('code', answer.status_code)})")
        return None

    def _ask(
        self, method: str, path: str, body: Mapping[str, object] | None, query: dict[str, str | int]
    ) -> httpx.Response | None:
        headers = {} if body is None else {"Idempotency-Key": str(uuid.uuid4())}
        waited = 0.0
        while True:
            try:
                answer = self._http.request(method, path, json=body, params=query, headers=headers)
                if answer.status_code not in UNAVAILABLE and not _is_in_progress(answer):
                    return answer
                self._book.note(f"answers {answer.status_code}")
                if answer.status_code == httpx.codes.INTERNAL_SERVER_ERROR:
                    self._book.failed(f"{method} {path}: {answer.text[:300]}")
            except httpx.HTTPError as error:
                self._book.note(f"no connection ({type(error).__name__})")
            waited += PAUSE_S
            if waited > PATIENCE_S or self._stop.wait(PAUSE_S):
                return None


def _is_in_progress(answer: httpx.Response) -> bool:
    """Whether the portal says to ask again: the first call with this key is being worked on, or died a moment ago."""
    return (
        answer.status_code == httpx.codes.CONFLICT and answer.json().get("code") == "idempotency_in_progress"
    )


class Orderer(threading.Thread):
    """Somebody of a team who orders, and looks after what the team has."""

    def __init__(
        self,
        caller: Caller,
        services: Mapping[str, str],
        choices: random.Random,
        book: Book,
        stop: threading.Event,
    ) -> None:
        super().__init__(name=f"user-{caller.who}", daemon=True)
        self._caller = caller
        self._services = dict(services)  # environment -> service
        self._choices = choices
        self._book = book
        self._stop_asked = stop
        self._ordered = 0

    def run(self) -> None:
        while not self._stop_asked.wait(self._choices.uniform(0.5, 2.5)):
            self._do_something()

    def _do_something(self) -> None:
        runs = self._caller.every("runs/")
        if not runs and self._ordered:
            return
        newest = {run["workspace_id"]: run for run in reversed(runs)}
        busy = [run for run in newest.values() if run["status"] in BUSY]
        if busy and self._choices.random() < 0.03:
            self._act(self._choices.choice(busy), "cancel")
            return
        if len(busy) >= MOST_BUSY // 2 + 1:
            return
        failed = [run for run in newest.values() if run["status"] in ("errored", "canceled")]
        if failed and self._choices.random() < 0.5:
            self._act(self._choices.choice(failed), "retry")
            return
        idle = [run for run in newest.values() if run["terminal"] and self._is_there(run)]
        if len(idle) > 3 and self._choices.random() < 0.6:
            self._change(self._choices.choice(idle))
            return
        self._order()

    @staticmethod
    def _is_there(run: Mapping[str, Any]) -> bool:
        return run["status"] in ("applied", "planned_and_finished", "errored") and run["kind"] != "destroy"

    def _act(self, run: Mapping[str, Any], verb: str) -> None:
        self._caller.post(f"runs/{run['id']}/{verb}/", {}, verb)

    def _order(self) -> None:
        self._ordered += 1
        environment = "production" if self._choices.random() < 0.25 else "development"
        if environment not in self._services:
            environment = "development"
        item = "message-queue" if self._choices.random() < 0.2 else "chain"
        name = f"{self._caller.who}-{self._ordered:03d}"
        self._caller.post(
            "requests/",
            {
                "item": item,
                "service": self._services[environment],
                "environment": environment,
                "name": name,
                "parameters": {} if item == "message-queue" else {"links": self._choices.randint(4, 6)},
                "justification": "needed by a test",
            },
            f"order {item}",
        )

    def _change(self, run: Mapping[str, Any]) -> None:
        path = f"workspaces/{run['workspace_id']}/runs/"
        if self._choices.random() < 0.35:
            self._caller.post(path, {"kind": "destroy", "justification": "no longer needed"}, "destroy")
            return
        parameters: dict[str, object] = {"visibility_timeout_s": self._choices.randint(20, 90)}
        if run["item"] == "chain":
            parameters = {
                "links": self._choices.randint(2, 6),
                "note": f"note {self._choices.randint(1, 999)}",
            }
        self._caller.post(
            path, {"kind": "update", "parameters": parameters, "justification": "needs a change"}, "update"
        )


class Approver(threading.Thread):
    """Somebody of a group that decides; what an interrupted apply asks is left to wait for a while."""

    def __init__(
        self, caller: Caller, choices: random.Random, stop: threading.Event, *, recoveries: bool
    ) -> None:
        super().__init__(name=f"user-{caller.who}", daemon=True)
        self._caller = caller
        self._choices = choices
        self._stop_asked = stop
        self._recoveries = recoveries
        self._seen: Counter[int] = Counter()

    def run(self) -> None:
        while not self._stop_asked.wait(self._choices.uniform(1.5, 3)):
            for step in self._caller.every("approvals/", decidable="true"):
                if RECOVERY_RULE in step["rule"]:
                    self._seen[step["step"]] += 1
                    if not self._recoveries or self._seen[step["step"]] < 20:
                        continue
                decide(self._caller, step, reject=self._choices.random() < 0.12)


def decide(caller: Caller, step: Mapping[str, Any], *, reject: bool = False) -> Any:
    """Take one decision as the queue shows the step."""
    body = {
        "step": step["step"],
        "verdict": "reject" if reject else step["verdict_needed"],
        "comment": "looked at it",
        "plan_digest": step["plan_digest"],
    }
    run_id = step["run"]["id"]
    what = "decide on an interrupted apply" if RECOVERY_RULE in step["rule"] else body["verdict"]
    return caller.post(f"runs/{run_id}/approvals/", body, str(what))
