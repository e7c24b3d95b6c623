"""The tags every resource carries: who owns it, who pays, and where it came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from provisioner.domain.finding import Finding, Level
from provisioner.domain.plan import Plan, ResourceChange

REQUIRED = ("service", "team-owner", "cost-center", "environment", "criticality")
PROVENANCE = ("managed-by", "drawbridge-workspace", "drawbridge-request", "catalog-item")

_RULE = "required-tags"
_WHY = (
    "Cost showback, ownership and incident routing read these tags; "
    "a resource without them belongs to nobody."
)
_FIX = (
    "Leave the tag to the provider's default_tags: remove it from the resource in the module, and do not set "
    "the provider's ignore_tags for it."
)


def derive_tags(
    *,
    service: str,
    team: str,
    cost_center: str,
    environment: str,
    criticality: str,
    workspace_id: str,
    request_id: str,
    item: str,
    version: str,
) -> dict[str, str]:
    """Make the tags of a workspace's resources.

    `request_id` is the request that provisioned the workspace, not the current one, so that no later run
    changes tags.
    """
    return {
        "service": service,
        "team-owner": team,
        "cost-center": cost_center,
        "environment": environment,
        "criticality": criticality,
        "managed-by": "drawbridge",
        "drawbridge-workspace": workspace_id,
        "drawbridge-request": request_id,
        "catalog-item": f"{item}@{version}",
    }


def check_tags(
    plan: Plan, expected: Mapping[str, str], taggable: Callable[[str], bool]
) -> tuple[Finding, ...]:
    """Find resources that would exist after the apply without the expected tags.

    Looks at `tags_all`, what the provider will really set. Missing or different is hard-mandatory; a tags_all
    that is unknown until the apply cannot be judged and is advisory. `taggable(type)` says whether the type
    takes tags at all.
    """
    findings: list[Finding] = []
    for change in plan.after_resources():
        if taggable(change.type):
            findings.extend(_check_change(change, expected))
    return tuple(findings)


def _check_change(change: ResourceChange, expected: Mapping[str, str]) -> list[Finding]:
    unknown = change.after_unknown
    unknown_tags = unknown.get("tags_all") if isinstance(unknown, Mapping) else unknown
    if unknown_tags is True:
        return [_unknown(change, "its tags")]
    tags = (change.after or {}).get("tags_all")
    if not isinstance(tags, Mapping):
        tags = {}
    unknown_keys = unknown_tags if isinstance(unknown_tags, Mapping) else {}
    findings: list[Finding] = []
    for key, wanted in expected.items():
        if unknown_keys.get(key) is True:
            findings.append(_unknown(change, f"the tag {key}"))
            continue
        found = tags.get(key)
        if found == wanted:
            continue
        what = (
            f"The tag {key} is missing."
            if found in (None, "")
            else f"The tag {key} is {found!r}, not {wanted!r}."
        )
        findings.append(
            Finding(
                rule=_RULE,
                level=Level.HARD_MANDATORY,
                where=change.address,
                what=what,
                why=_WHY,
                fix=f"{_FIX} Expected: {key} = {wanted}.",
                suggested=wanted,
            )
        )
    return findings


def _unknown(change: ResourceChange, what: str) -> Finding:
    return Finding(
        rule=_RULE,
        level=Level.ADVISORY,
        where=change.address,
        what=f"Terraform knows {what} only after the apply, so it could not be checked.",
        why=_WHY,
        fix="Make the tags of this resource from values that are known at plan time.",
    )
