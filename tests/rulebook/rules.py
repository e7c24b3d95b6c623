"""Policies for the tests of what evaluates own rules: read as a file is read."""

from __future__ import annotations

import json
from pathlib import Path

from provisioner.domain.policy.guardrail_rules import GuardrailRule
from provisioner.domain.policy.section import PolicyError
from provisioner.rulebook import file

HEAD = """\
version: 1
approvals:
  rules:
  - {rule: cost-limit, groups: finops, when: {any: [{delta_above_usd_month: "1"}, {unpriced: true}]}}
guardrails:
  rules:
"""


def text(kind: str, **with_: object) -> str:
    """Return a policy with one own rule; JSON is YAML."""
    rule = {"rule": "own", "kind": kind, "level": "hard-mandatory", "why": "Because.", "with": with_}
    return f"{HEAD}    - {json.dumps(rule)}\n"


def own(kind: str, *, beside: Path | None = None, **with_: object) -> GuardrailRule:
    """Read one own rule."""
    policy = file.read(text(kind, **with_).encode(), beside=beside)
    (rule,) = (rule for rule in policy.guardrails.rules if rule.rule == "own")
    return rule


def problem(kind: str, *, beside: Path | None = None, **with_: object) -> str:
    """Return the one problem with an own rule."""
    try:
        own(kind, beside=beside, **with_)
    except PolicyError as error:
        (found,) = error.problems
        return str(found)
    return ""
