"""Settle what a drift check found: put it back, or take it over as parameters. Both are updates like any other."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User

from provisioner import selectors
from provisioner.domain.errors import Refusal
from provisioner.models import Run, Workspace
from provisioner.services import submit

GONE = "It is gone. Either way it is made anew."


class NotDrifted(Refusal):
    """The newest check found the workspace in sync, or there was none."""

    code = "not_drifted"
    status = 409
    title = "Nothing has drifted"


class NothingToAccept(Refusal):
    """No difference can be taken over by a parameter."""

    code = "nothing_to_accept"
    status = 409
    title = "Nothing of it can be accepted"


@dataclass(frozen=True)
class Row:
    """One difference. `parameter` would take it over as `value`; without one, `obstacle` says why none can."""

    address: str
    path: str
    before: str | None
    after: str | None
    parameter: str
    value: object
    obstacle: str


@dataclass(frozen=True)
class Acceptance:
    """What accepting would do: the parameters it orders, what they take over, and what is put back all the same."""

    parameters: Mapping[str, object]
    accepted: tuple[Row, ...]
    put_back: tuple[Row, ...]


def acceptance(workspace: Workspace) -> Acceptance:
    """Tell what accepting the workspace's drift would do."""
    rows = [row for resource in workspace.drift for row in _rows(resource)]
    accepted = tuple(row for row in rows if row.parameter)
    return Acceptance(
        parameters={row.parameter: row.value for row in accepted},
        accepted=accepted,
        put_back=tuple(row for row in rows if not row.parameter),
    )


def correct(workspace_id: uuid.UUID | str, *, justification: str, requester: User, now: datetime) -> Run:
    """Order an update with the present parameters: its plan brings reality back.

    Raises NotDrifted and what `submit.submit_update` raises.
    """
    _drifted(workspace_id, requester)
    return submit.submit_update(
        workspace_id, parameters={}, justification=justification, requester=requester, now=now
    )


def accept(
    workspace_id: uuid.UUID | str,
    *,
    justification: str,
    requester: User,
    now: datetime,
    parameters: Mapping[str, object] | None = None,
) -> Run:
    """Order an update whose parameters take over what was found, as far as parameters can; the rest is put back.

    `parameters` are changed with it, where what was found alone breaks a rule. Guardrails judge it like any order.
    Raises NotDrifted, NothingToAccept and what `submit.submit_update` raises.
    """
    wanted = acceptance(_drifted(workspace_id, requester))
    if wanted.put_back and not wanted.accepted:
        raise NothingToAccept(
            f"{wanted.put_back[0].address}: {wanted.put_back[0].obstacle} "
            "No parameter can take over any of what was found. Order a correction instead."
        )
    return submit.submit_update(
        workspace_id,
        parameters={**wanted.parameters, **(parameters or {})},
        justification=justification,
        requester=requester,
        now=now,
    )


def _drifted(workspace_id: uuid.UUID | str, requester: User) -> Workspace:
    workspace = selectors.workspace_visible(requester, workspace_id)
    if not workspace.drift and selectors.owns(requester, workspace.service):
        raise NotDrifted(
            f"The newest check found {workspace.name} as it was ordered, or there was none. "
            "Have it checked first if you think otherwise."
        )
    return workspace


def _rows(resource: Mapping[str, Any]) -> list[Row]:
    if not resource["differences"]:
        return [Row(resource["address"], "", None, None, "", None, GONE)]
    return [Row(address=resource["address"], **difference) for difference in resource["differences"]]
