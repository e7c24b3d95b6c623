"""The tag policy on a plan from anywhere: every taggable resource that exists after the apply."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from provisioner.domain import tags_shapes
from provisioner.domain.finding import Finding, Level
from provisioner.domain.organisation import Organisation
from provisioner.domain.plan import Plan, ResourceChange
from provisioner.domain.policy.tag_rules import TagPolicy, Unchanged
from provisioner.domain.tags_finding import NOT_JUDGED, TagFinding, listed
from provisioner.domain.tags_modules import Layout
from provisioner.domain.tags_resource import Asked, ResourceTags

__all__ = ["Asked", "TagCheck", "check_plan"]

NOTHING_ASKED = Asked()
NO_LAYOUT = Layout()


@dataclass(frozen=True)
class TagCheck:
    """What was found, and the addresses of the taggable resources that were looked at."""

    findings: tuple[Finding, ...]
    checked: tuple[str, ...]


def check_plan(
    plan: Plan,
    *,
    policy: TagPolicy,
    taggable: Callable[[str], bool],
    asked: Asked = NOTHING_ASKED,
    organisation: Organisation | None = None,
    layout: Layout = NO_LAYOUT,
) -> TagCheck:
    """Judge the tags of every taggable resource that exists after the apply.

    `organisation` None: what tags refer to is not judged, and this is said once.
    """
    findings: list[Finding] = []
    checked: list[str] = []
    foreign: list[ResourceChange] = []
    for change in plan.after_resources():
        if _is_exempt(change.type, policy.exempt_types):
            continue
        look = ResourceTags(change, policy, asked, organisation, layout)
        if taggable(change.type) or _has_tags_all(change):
            checked.append(change.address)
            said = [*look.findings(), *tags_shapes.check(change, look.wanted_keys())]
        elif change.type in tags_shapes.UNTAGGABLE:
            checked.append(change.address)
            said = list(tags_shapes.check(change, look.wanted_keys()))
        else:
            if _tags_of_another_cloud(change):
                foreign.append(change)
            continue
        findings.extend(_weighed(said, change, policy.unchanged))
    if checked and organisation is None:
        findings.extend(_references_not_judged(policy, asked))
    if foreign:
        findings.append(_foreign(foreign))
    return TagCheck(tuple(findings), tuple(checked))


def _is_exempt(kind: str, exempt: Iterable[str]) -> bool:
    return any(kind == name or (name.endswith("*") and kind.startswith(name[:-1])) for name in exempt)


def _has_tags_all(change: ResourceChange) -> bool:
    """Whether a type that the shipped schema does not know shows that it takes tags."""
    unknown = change.after_unknown
    return "tags_all" in (change.after or {}) or (isinstance(unknown, Mapping) and "tags_all" in unknown)


def _tags_of_another_cloud(change: ResourceChange) -> bool:
    return not change.type.startswith("aws_") and bool({"tags", "labels"} & (change.after or {}).keys())


def _weighed(findings: Iterable[Finding], change: ResourceChange, unchanged: Unchanged) -> Iterator[Finding]:
    """Give findings the weight they have where the plan leaves the resource alone."""
    if change.changes_something or unchanged is Unchanged.SAME:
        yield from findings
    elif unchanged is Unchanged.ADVISORY:
        for finding in findings:
            yield replace(
                finding,
                level=Level.ADVISORY,
                what=f"{finding.what} The plan does not change this resource.",
            )


def _references_not_judged(policy: TagPolicy, asked: Asked) -> Iterator[Finding]:
    keys = tuple(key.key for key in policy.keys_of(asked.environment) if key.reference and not key.allowed)
    if keys:
        yield TagFinding(
            rule=NOT_JUDGED,
            level=Level.ADVISORY,
            where="plan",
            what=f"Whether what {listed(keys)} name exists, and fits together, was not judged.",
            why="The organisation's services, teams and cost centers are not known here.",
            fix="Let the portal check the plan (POST /api/v1/tag-policy/check/), or give the checker --organisation.",
            tags=keys,
        )


def _foreign(changes: list[ResourceChange]) -> Finding:
    kinds = sorted({change.type for change in changes})
    more = f" and {len(kinds) - 3} more types" if len(kinds) > 3 else ""
    return TagFinding(
        rule=NOT_JUDGED,
        level=Level.ADVISORY,
        where="plan",
        what=f"Tags were not judged for {len(changes)} of the resources: {', '.join(kinds[:3])}{more}.",
        why="Only what the AWS provider makes is checked.",
        fix="Look at them yourself.",
    )
