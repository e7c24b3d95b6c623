"""Runs and workspaces by what people call them: an id, its beginning, or a workspace's name."""

from __future__ import annotations

import re
from itertools import islice

from portal.cli.client import Client, is_id
from portal.cli.documents import Run, Workspace
from portal.cli.failures import NotFound
from portal.cli.terminal import harmless

SHORT_ID = 8
_LOOKED_THROUGH = 200
_BEGINNING = re.compile(r"[0-9a-f]{8}[0-9a-f-]*", re.IGNORECASE)


def run_id(client: Client, given: str) -> str:
    """Return the id of the run that is meant; a workspace's name means its newest run. Raises NotFound."""
    if is_id(given):
        return given
    if _BEGINNING.fullmatch(given):
        newest: list[Run] = list(islice(client.runs(page_size="200"), _LOOKED_THROUGH))
        found = _beginning_with(given, [run.id for run in newest])
        if found:
            return found
    workspaces = list(islice(client.workspaces(name=given), 20))
    if not workspaces:
        raise NotFound(
            f"There is no run or workspace {harmless(given)[:80]} that you can see",
            fix="See drawbridge runs list. Of older runs, give the whole id.",
        )
    workspace = _one(given, workspaces)
    newest_run = next(client.runs(workspace=workspace.id, page_size="1"), None)
    if newest_run is None:
        raise NotFound(
            f"The workspace {harmless(workspace.name)} has no run", fix="See drawbridge runs list."
        )
    return newest_run.id


def workspace_id(
    client: Client, given: str, *, service: str | None = None, environment: str | None = None
) -> str:
    """Return the id of the workspace that is meant: open ones come before closed ones. Raises NotFound."""
    if is_id(given):
        return given
    filters = {"service": service, "environment": environment}
    if _BEGINNING.fullmatch(given):
        newest: list[Workspace] = list(islice(client.workspaces(page_size="200", **filters), _LOOKED_THROUGH))
        found = _beginning_with(given, [workspace.id for workspace in newest])
        if found:
            return found
    workspaces = list(islice(client.workspaces(name=given, **filters), 20))
    if not workspaces:
        raise NotFound(
            f"There is no workspace {harmless(given)[:80]} that you can see",
            fix="See drawbridge workspaces list. Other teams' workspaces are not shown.",
        )
    return _one(given, workspaces).id


def _beginning_with(given: str, ids: list[str]) -> str | None:
    found = [known for known in ids if known.startswith(given.lower())]
    if len(found) > 1:
        raise NotFound(f"Several ids begin with {given}", fix=f"Give more of it: {', '.join(found[:5])}.")
    return found[0] if found else None


def _one(given: str, workspaces: list[Workspace]) -> Workspace:
    still_there = [workspace for workspace in workspaces if workspace.closed_at is None]
    if len(still_there) > 1:
        where = ", ".join(
            f"{w.id} ({harmless(w.service)}, {harmless(w.environment)})" for w in still_there[:5]
        )
        raise NotFound(
            f"Several workspaces are called {harmless(given)[:80]}",
            fix=f"Say which with --service and --environment, or by id: {where}.",
        )
    return still_there[0] if still_there else workspaces[0]
