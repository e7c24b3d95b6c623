"""A whole policy, read from the data of its file.

What a section may hold stands in three places: its module here, its schema for editors
(portal/policy/schema/<section>.schema.json; tests/rulebook/test_schema.py compares both), and its words
(rulebook/explain.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from provisioner.domain.policy import (
    approval_rules,
    groups,
    guardrail_rules,
    lifetime,
    tag_rules,
    usage_rules,
)
from provisioner.domain.policy.approval_rules import ApprovalPolicy
from provisioner.domain.policy.guardrail_rules import GuardrailPolicy
from provisioner.domain.policy.lifetime import LifetimePolicy
from provisioner.domain.policy.section import Outside, Place, PolicyError, Reading, Section
from provisioner.domain.policy.tag_rules import TagPolicy
from provisioner.domain.policy.usage_rules import UsagePolicy

VERSION = 1

# What a policy that lies in several files may hold in one of them.
FILES_MAX_CHARACTERS = 256 * 1024


@dataclass(frozen=True)
class Policy:
    """One version of the policy. `digest` is the SHA-256 hex of the bytes that it was read from."""

    digest: str
    groups: tuple[str, ...] = groups.GROUPS  # those that rules may ask
    tags: TagPolicy = field(default_factory=TagPolicy)
    guardrails: GuardrailPolicy = field(default_factory=GuardrailPolicy)
    approvals: ApprovalPolicy = field(default_factory=ApprovalPolicy)
    usage: UsagePolicy = field(default_factory=UsagePolicy)
    lifetime: LifetimePolicy = field(default_factory=LifetimePolicy)


def read(
    data: object,
    *,
    digest: str,
    lines: Mapping[Place, int] | None = None,
    outside: Outside | None = None,
) -> Policy:
    """Read a policy. Raises PolicyError with everything that is wrong, each with its place.

    `lines` gives the line of each part, for the problems' sake; `outside` compiles expressions and reads files.
    """
    reading = Reading(lines or {}, outside=outside or Outside())
    root = Section(data, (), reading)
    root.keys(
        "version",
        "groups",
        "tags",
        "guardrails",
        "approvals",
        "usage",
        "time_to_live",
        "files",
        required=["version", "approvals"],
    )
    version = root.at("version")
    if version.present and (version.value != VERSION or isinstance(version.value, bool)):
        version.problem("This version of the file's format is not known.", f"Write version: {VERSION}.")
    known = groups.read(root.at("groups"))
    overriding = root.at("guardrails").at("destructive_override_group")
    if overriding.present:
        groups.one(overriding, known)
    for _, enclosed in root.at("files").each():
        enclosed.text(maximum=FILES_MAX_CHARACTERS)
    policy = Policy(
        digest=digest,
        groups=known,
        tags=tag_rules.read(root.at("tags")),
        guardrails=guardrail_rules.read(root.at("guardrails")),
        approvals=approval_rules.read(root.at("approvals"), known),
        usage=usage_rules.read(root.at("usage")),
        lifetime=lifetime.read(root.at("time_to_live")),
    )
    for place, name in policy.guardrails.groups():
        if (part := root.inner(place)).present:  # what no file names is a default
            groups.check(part, (name,), known)
    if reading.problems:
        raise PolicyError(*sorted(reading.problems, key=lambda problem: problem.line))
    return policy
