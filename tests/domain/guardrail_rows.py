"""What the tables of the policy's guardrails are made of: rules, resources that are planned or promised, and answers."""
# ruff: noqa: E501  (tables: a row a line)

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from provisioner.domain import guardrails_policy
from provisioner.domain.context import Context, Facts
from provisioner.domain.cost import Estimate, PricedResource
from provisioner.domain.finding import Finding, Level
from provisioner.domain.guardrails_own import Answer, Evaluator, no_evaluator
from provisioner.domain.guardrails_policy import Matter
from provisioner.domain.guardrails_subject import planned, promised
from provisioner.domain.plan import Path, parse_plan
from provisioner.domain.policy import document
from provisioner.domain.policy.guardrail_rules import GuardrailRule
from provisioner.domain.run import RunKind
from tests.domain.documents import change, estimate_with, plan_of

APPROVALS = {
    "rules": [
        {"rule": "cost-limit", "groups": "finops", "when": {"delta_above_usd_month": "1"}},
        {"rule": "unpriced", "groups": "finops", "when": {"unpriced": True}},
    ],
}
CONTEXT = Context(
    item="postgres",
    version="1.0.0",
    service="orders",
    team="payments",
    cost_center="cc-1",
    environment="production",
    is_production=True,
    criticality="tier-1",
    region="us-east-1",
    requester="dev",
    ttl_known=True,
    facts=Facts(
        team_workspaces=4,
        item_workspaces=2,
        team_usd_month=Decimal("900.00"),
        environment_usd_month=Decimal("400.00"),
    ),
)


def read(*rules: Mapping[str, object], **section: object) -> tuple[GuardrailRule, ...]:
    """Read rules as a policy file has them; raises PolicyError. Leaves out the rule that is always there."""
    data = {"version": 1, "approvals": APPROVALS, "guardrails": {"rules": list(rules), **section}}
    policy = document.read(data, digest="d")
    return tuple(rule for rule in policy.guardrails.rules if rule.place)


def rule(kind: str, with_: Mapping[str, object] | None = None, **fields: object) -> GuardrailRule:
    (found,) = read(
        {
            "rule": "a-rule",
            "kind": kind,
            "level": "hard-mandatory",
            "why": "Because.",
            "with": with_ or {},
            **fields,
        }
    )
    return found


def soft(kind: str, with_: Mapping[str, object] | None = None, **fields: object) -> GuardrailRule:
    return rule(kind, with_, level="soft-mandatory", override_group="sre", **fields)


def matter(
    *resources: Mapping[str, object],
    context: Context = CONTEXT,
    parameters: Mapping[str, object] | None = None,
    promises: Sequence[PricedResource] = (),
    sources: Mapping[str, Mapping[Path, str]] | None = None,
    estimate: Estimate | None = None,
    delta: str = "0.00",
    plan: bool = True,
    kind: RunKind | None = None,
) -> Matter:
    """Return what is judged: entries of a plan, or with plan=False an order that promises resources."""
    raw = plan_of(*resources)  # type: ignore[arg-type]
    read_plan = parse_plan(raw) if plan else None
    given = parameters or {}
    return Matter(
        context=context if kind is None else replace(context, kind=kind),
        parameters=given,
        promises=promised(promises, sources or {}, given),
        estimate=estimate or estimate_with(),
        delta_usd_month=Decimal(delta),
        plan=read_plan,
        planned=() if read_plan is None else planned(read_plan),
        document=raw if plan else None,
    )


def has(type_: str, *, unknown: object = None, **after: object) -> dict[str, object]:
    """Return the entry of a resource that is created with these attributes; `unknown` is its after_unknown."""
    return change(["create"], None, after, kind=type_, after_unknown=unknown or {})


def say(a_rule: GuardrailRule, what: Matter, *, evaluate: Evaluator = no_evaluator) -> tuple[Finding, ...]:
    """Return what one rule says, and let nothing break unseen."""

    def on_broken(name: str, error: Exception) -> None:
        raise AssertionError(name) from error

    return guardrails_policy.check([a_rule], what, evaluate=evaluate, on_broken=on_broken)


def answers(*given: Answer) -> Evaluator:
    """Return an evaluator that gives these answers, in order."""

    def evaluate(
        _: GuardrailRule, base: Mapping[str, object], items: Sequence[Mapping[str, object]]
    ) -> Sequence[Answer]:
        return given

    return evaluate


def objects(
    what: str,
    fix: str,
    *,
    where: str,
    suggested: object = None,
    level: Level = Level.HARD_MANDATORY,
    group: str | None = None,
) -> Finding:
    """Return the whole finding of `rule`."""
    return Finding("a-rule", level, where, what, "Because.", fix, suggested, group)


def advice(what: str, fix: str, *, where: str) -> Finding:
    """Return the whole finding of a rule that could not be judged."""
    return objects(what, fix, where=where, level=Level.ADVISORY)


def later(path: str, address: str) -> Finding:
    """Return that a value is known only after the apply."""
    return advice(
        f"Terraform knows {path} of {address} only after the apply, or keeps it secret, so a-rule could not be judged.",
        "Set it to a value that is known when it is planned.",
        where=address,
    )
