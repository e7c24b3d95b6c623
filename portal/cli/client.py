"""The REST API as a typed client, usable without the command line:

with Client("https://drawbridge.example.com", token) as portal:
    run = portal.order(Ask("postgres", "orders", "production", "orders-db"), justification="Go-live")
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeVar
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import msgspec

from portal.cli import documents as docs
from portal.cli.failures import Unreachable
from portal.cli.transport import Query, Transport, decoded

WAIT_S, LOG_WAIT_S = 25, 25
LOG_LINES = 1000
PAGE_SIZE_MAX = 200
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

D = TypeVar("D", bound=docs.Document)


@dataclass(frozen=True)
class Ask:
    """What is asked for; `parameters` is only what differs from what the portal fills in."""

    item: str
    service: str
    environment: str
    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    version: str | None = None

    def body(self) -> dict[str, Any]:
        """Return it as the API takes it."""
        body: dict[str, Any] = {
            "item": self.item,
            "service": self.service,
            "environment": self.environment,
            "name": self.name,
            "parameters": dict(self.parameters),
        }
        return body | ({"version": self.version} if self.version else {})


class Client:
    """A portal, called in one caller's name. Every method raises the failures of `Transport.call`."""

    def __init__(self, url: str, token: str, *, transport: Transport | None = None) -> None:
        self.transport = transport or Transport(url, token)

    @property
    def url(self) -> str:
        """The portal's address."""
        return self.transport.url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.transport.close()

    # --- Who and what -------------------------------------------------------------------------------------

    def me(self) -> docs.Caller:
        """Return who calls. Raises NotOffered where the portal is too old to say."""
        response = self.transport.call("GET", "me/", missing="account of its callers")
        return self._read(decoded(response, self.url), docs.Caller)

    def items(self, **filters: str | bool | None) -> Iterator[docs.Item]:
        """Yield the golden paths that may be ordered, by category and name."""
        return self._pages("catalog/items/", docs.Item, filters)

    def item(self, slug: str) -> docs.ItemDetail:
        """Return one golden path."""
        return self._get(f"catalog/items/{part(slug)}/", docs.ItemDetail)

    def schema(self, slug: str, version: str, environment: str | None = None) -> Mapping[str, Any]:
        """Return the JSON Schema of an item's parameters, narrowed to an environment where one is named."""
        path = f"catalog/items/{part(slug)}/versions/{part(version)}/schema/"
        found = decoded(self.transport.call("GET", path, query={"environment": environment}), self.url)
        if not isinstance(found, dict):
            raise self._strange("the schema is no object")
        return found

    # --- Orders -------------------------------------------------------------------------------------------

    def evaluate(self, ask: Ask) -> docs.Evaluation:
        """Return what an order would get, cost and need; nothing happens."""
        response = self.transport.call("POST", "evaluations/", body=ask.body(), repeatable=True)
        return self._read(decoded(response, self.url), docs.Evaluation)

    def order(
        self, ask: Ask, *, justification: str = "", ttl_days: int | None = None, key: str = ""
    ) -> docs.RunDetail:
        """Order; the same `key` within 24 hours gets the same run."""
        body = ask.body() | {"justification": justification} | ({"ttl": ttl_days} if ttl_days else {})
        return self._post("requests/", body, docs.RunDetail, key=key)

    def change(
        self, workspace_id: str, kind: str, *, justification: str = "", key: str = "", **more: Any
    ) -> docs.RunDetail:
        """Order an update, upgrade, destroy or drift_check; `more` are `parameters` and `version`."""
        body = {"kind": kind, "justification": justification, **more}
        return self._post(f"workspaces/{part(workspace_id)}/runs/", body, docs.RunDetail, key=key)

    def evaluate_upgrade(
        self, workspace_id: str, *, version: str | None = None, parameters: Mapping[str, Any] | None = None
    ) -> docs.UpgradeEvaluation:
        """Return what an upgrade would change, cost and need; nothing happens."""
        body = {"parameters": dict(parameters or {})} | ({"version": version} if version else {})
        path = f"workspaces/{part(workspace_id)}/upgrade-evaluations/"
        response = self.transport.call("POST", path, body=body, repeatable=True)
        return self._read(decoded(response, self.url), docs.UpgradeEvaluation)

    # --- Runs ---------------------------------------------------------------------------------------------

    def runs(self, **filters: str | bool | None) -> Iterator[docs.Run]:
        """Yield runs, newest first."""
        return self._pages("runs/", docs.Run, filters)

    def run(self, run_id: str) -> docs.RunDetail:
        """Return one run."""
        return self._get(f"runs/{part(run_id)}/", docs.RunDetail)

    def plan(self, run_id: str) -> docs.Plan:
        """Return a run's current plan."""
        return self._get(f"runs/{part(run_id)}/plan/", docs.Plan)

    def wait(self, run_id: str, until: str = "terminal", *, timeout_s: int = WAIT_S) -> docs.WaitedRun:
        """Return the run when it is over (`terminal`) or needs approval (`needs_approval`), or the time is up."""
        query: Query = {"until": until, "timeout": timeout_s}
        return self._get(f"runs/{part(run_id)}/wait/", docs.WaitedRun, query=query, held_s=timeout_s)

    def log_page(
        self, run_id: str, *, after: int = 0, wait_s: int = 0, limit: int = LOG_LINES
    ) -> docs.LogPage:
        """Return the next lines of a log, waiting up to `wait_s` for new ones."""
        query: Query = {"after": after, "wait": wait_s, "limit": limit}
        return self._get(f"runs/{part(run_id)}/logs/", docs.LogPage, query=query, held_s=wait_s)

    def log(self, run_id: str, *, after: int = 0) -> Iterator[docs.LogLine]:
        """Yield the lines that are there now, a page in memory at a time."""
        while True:
            page = self.log_page(run_id, after=after)
            yield from page.lines
            if page.complete or not page.lines:
                return
            after = page.next_after

    def cancel(self, run_id: str) -> docs.RunDetail:
        """Stop a run."""
        return self._post(f"runs/{part(run_id)}/cancel/", {}, docs.RunDetail)

    def discard(self, run_id: str) -> docs.RunDetail:
        """Drop a plan that waits for a decision."""
        return self._post(f"runs/{part(run_id)}/discard/", {}, docs.RunDetail)

    def retry(self, run_id: str, *, key: str = "") -> docs.RunDetail:
        """Run a failed ask again, as a new run."""
        return self._post(f"runs/{part(run_id)}/retry/", {}, docs.RunDetail, key=key)

    # --- Approvals ----------------------------------------------------------------------------------------

    def approvals(self, **filters: str | bool | None) -> Iterator[docs.WaitingStep]:
        """Yield the steps that wait for a decision, oldest first."""
        return self._pages("approvals/", docs.WaitingStep, filters)

    def decide(
        self,
        run_id: str,
        *,
        step: int,
        verdict: str,
        plan_digest: str,
        comment: str = "",
        keep_days: int | None = None,
    ) -> docs.Decided:
        """Decide on a step of the plan with this digest, and on no other.

        An override stays in force on the workspace for `keep_days`; without, it counts for this run alone.
        """
        body: dict[str, Any] = {
            "step": step,
            "verdict": verdict,
            "plan_digest": plan_digest,
            "comment": comment,
        } | ({"keep_days": keep_days} if keep_days else {})
        return self._post(f"runs/{part(run_id)}/approvals/", body, docs.Decided)

    # --- Workspaces ---------------------------------------------------------------------------------------

    def workspaces(self, **filters: str | bool | None) -> Iterator[docs.Workspace]:
        """Yield workspaces, newest first, closed ones too unless `open` says otherwise."""
        return self._pages("workspaces/", docs.Workspace, filters)

    def workspace(self, workspace_id: str) -> docs.WorkspaceDetail:
        """Return one workspace."""
        return self._get(f"workspaces/{part(workspace_id)}/", docs.WorkspaceDetail)

    def hold(self, workspace_id: str, reason: str) -> docs.WorkspaceDetail:
        """Put a workspace on hold."""
        path = f"workspaces/{part(workspace_id)}/hold/"
        response = self.transport.call("PUT", path, body={"reason": reason})
        return self._read(decoded(response, self.url), docs.WorkspaceDetail)

    def release(self, workspace_id: str) -> docs.WorkspaceDetail:
        """Release a workspace from its hold."""
        response = self.transport.call("DELETE", f"workspaces/{part(workspace_id)}/hold/")
        return self._read(decoded(response, self.url), docs.WorkspaceDetail)

    def renew(
        self, workspace_id: str, ttl_days: int | None, *, justification: str = ""
    ) -> docs.WorkspaceDetail:
        """Let a workspace live so many days from now; None takes the end away."""
        body = {"kind": "renew", "ttl": ttl_days, "justification": justification}
        return self._post(f"workspaces/{part(workspace_id)}/runs/", body, docs.WorkspaceDetail)

    # --- Costs, policy, export ----------------------------------------------------------------------------

    def cost_summary(self, **query: str | None) -> Any:
        """Return the portal's summary of costs as it came. Raises NotOffered where there is none."""
        response = self.transport.call("GET", "costs/summary/", query=query, missing="summary of costs")
        return decoded(response, self.url)

    def check_plan(self, plan: bytes, **query: str | None) -> docs.PlanReport:
        """Return what the policy says about `terraform show -json` of any pipeline. Raises NotOffered."""
        response = self._check(plan, query)
        return self._read(decoded(response, self.url), docs.PlanReport)

    def check_plan_as(self, form: str, plan: bytes, **query: str | None) -> str:
        """Return the same report written as `sarif`, `junit` or `text`. Raises NotOffered."""
        return self._check(plan, {**query, "format": form}).text

    def backstage(self) -> str:
        """Return the inventory as Backstage entities (YAML). Raises NotOffered."""
        return self.transport.call("GET", "export/backstage/", missing="Backstage export").text

    def _check(self, plan: bytes, query: Mapping[str, str | None]) -> httpx.Response:
        return self.transport.call(
            "POST", "policy/check/", query=query, content=plan, repeatable=True, missing="check of plans"
        )

    # --- How answers are read -----------------------------------------------------------------------------

    def _get(self, path: str, kind: type[D], *, query: Query | None = None, held_s: float = 0) -> D:
        return self._read(
            decoded(self.transport.call("GET", path, query=query, held_s=held_s), self.url), kind
        )

    def _post(self, path: str, body: Mapping[str, Any], kind: type[D], *, key: str = "") -> D:
        return self._read(decoded(self.transport.call("POST", path, body=body, key=key), self.url), kind)

    def _pages(self, path: str, kind: type[D], filters: Mapping[str, str | bool | None]) -> Iterator[D]:
        cursor: str | None = None
        while True:
            page = decoded(self.transport.call("GET", path, query={**filters, "cursor": cursor}), self.url)
            rows = page.get("results") if isinstance(page, dict) else None
            if not isinstance(rows, Sequence):
                raise self._strange("a list has no results")
            for row in rows:
                yield self._read(row, kind)
            # The next page is asked of this portal, whatever host the link names.
            before, cursor = cursor, _cursor(page.get("next"))
            if cursor is None or cursor == before:
                return

    def _read(self, document: Any, kind: type[D]) -> D:
        try:
            return replace(msgspec.convert(document, kind), document=document)
        except (msgspec.ValidationError, RecursionError) as error:
            raise self._strange(str(error)) from None

    def _strange(self, why: str) -> Unreachable:
        return Unreachable(
            f"{self.url} answered in a way that this client does not know",
            why=why,
            fix="Client and portal may be too far apart: compare drawbridge --version with the portal's version.",
        )


def part(text: str) -> str:
    """Return text as one part of a path: a slash or a dot in it leads nowhere else."""
    return quote(text, safe="").replace(".", "%2E") if text in (".", "..") else quote(text, safe="")


def is_id(text: str) -> bool:
    """Tell whether text is an id rather than a name."""
    return _UUID.fullmatch(text) is not None


def _cursor(link: Any) -> str | None:
    if not isinstance(link, str):
        return None
    return parse_qs(urlsplit(link).query).get("cursor", [None])[0]
