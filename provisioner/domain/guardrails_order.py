"""Guardrails over the order as a whole: how long it lives, what it costs, how many there are."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from provisioner.domain.context import Context
from provisioner.domain.cost import Estimate
from provisioner.domain.finding import Finding
from provisioner.domain.guardrails_answer import objection, unjudged
from provisioner.domain.policy.guardrail_rules import GuardrailRule
from provisioner.domain.policy.guardrail_settings import BudgetLeft, CountLimit, MonthlyCost, TimeToLive
from provisioner.domain.run import RunKind

TTL = "ttl"  # the field of the order form and of the API
COST = "cost"
COUNT = "count"


def time_to_live(rule: GuardrailRule, context: Context) -> Iterator[Finding]:
    """Find an order that does not say how long it lives, or says too long, with the most days."""
    settings = rule.settings
    assert isinstance(settings, TimeToLive)
    most = settings.maximum_days.at(context.environment)
    if not context.ttl_known:
        if settings.required or most is not None:
            yield unjudged(
                rule, TTL, "How long it is to live is not known here, so", "Order it in the portal."
            )
        return
    here = context.environment or "the policy"
    if context.ttl_days is None:
        if settings.required or most is not None:
            limit = f" of at most {most} days" if most is not None else ""
            yield objection(
                rule,
                TTL,
                f"It has no time to live, but {here} asks for one{limit}.",
                f"Set the time to live to {most} days or less."
                if most
                else "Say after how many days it is destroyed.",
                suggested=most,
            )
    elif most is not None and context.ttl_days > most:
        yield objection(
            rule,
            TTL,
            f"Its time to live is {context.ttl_days} days, but {here} allows at most {most}.",
            f"Set it to {most}; it can be renewed before it ends.",
            suggested=most,
        )


def monthly_cost(
    rule: GuardrailRule, context: Context, estimate: Estimate | None, delta_usd_month: Decimal
) -> Iterator[Finding]:
    """Find what costs more than a cap. What has no price is said where the rest is within it."""
    settings = rule.settings
    assert isinstance(settings, MonthlyCost)
    cap = settings.maximum_usd_month.at(context.environment)
    if cap is None:
        return
    if estimate is None:
        yield _unpriced(rule)
        return
    others = {
        "order": Decimal(0),
        "increase": Decimal(0),
        "team": context.facts.team_usd_month,
        "environment": context.facts.environment_usd_month,
    }[settings.of]
    if others is None:
        yield unjudged(
            rule,
            COST,
            "What the team's other workspaces cost is not known here, so",
            "Order it in the portal.",
        )
        return
    total = others + (delta_usd_month if settings.of == "increase" else estimate.usd_month)
    who = {
        "order": "It",
        "increase": "What it adds",
        "team": f"With it, all of {context.team or 'the team'}",
        "environment": f"With it, all of {context.team or 'the team'} in {context.environment or 'the environment'}",
    }[settings.of]
    if total > cap:
        yield objection(
            rule,
            COST,
            f"{who} costs {_usd(total)} USD a month, above the cap of {_usd(cap)}.",
            f"Choose something smaller, by {_usd(total - cap)} USD a month at least"
            + (", or destroy what is no longer used." if others else "."),
        )
    elif estimate.without_price:
        count = len(estimate.without_price)
        yield unjudged(
            rule,
            COST,
            f"{count} part{'s' if count > 1 else ''} of it {'have' if count > 1 else 'has'} no price; "
            f"the rest costs {_usd(total)} USD a month of at most {_usd(cap)}. So",
            "Have the price imported, or ask finops.",
        )


def budget_left(rule: GuardrailRule, context: Context, estimate: Estimate | None) -> Iterator[Finding]:
    """Find what costs more than the cost center's budget has left for it."""
    settings = rule.settings
    assert isinstance(settings, BudgetLeft)
    left, budget = context.facts.budget_left_usd_month, context.facts.budget_usd_month
    if left is None or (settings.keep_percent and budget is None):
        yield unjudged(
            rule,
            COST,
            "The budget of the cost center is not known here, so",
            "Set a budget for the cost center.",
        )
        return
    if estimate is None:
        yield _unpriced(rule)
        return
    keep = (budget or Decimal(0)) * settings.keep_percent / 100
    free = max(left - keep, Decimal(0))
    if estimate.usd_month > free:
        kept = f", of which {_usd(keep)} must stay free" if keep else ""
        yield objection(
            rule,
            COST,
            f"It costs {_usd(estimate.usd_month)} USD a month, but the budget of "
            f"{context.cost_center or 'its cost center'} has {_usd(left)} left{kept}.",
            "Choose something smaller, destroy what is no longer used, or have the budget raised.",
        )


def count_limit(rule: GuardrailRule, context: Context) -> Iterator[Finding]:
    """Find one workspace more than a team may have."""
    settings = rule.settings
    assert isinstance(settings, CountLimit)
    most = settings.maximum.at(context.environment)
    if most is None:
        return
    there = context.facts.team_workspaces if settings.per == "team" else context.facts.item_workspaces
    if there is None:
        yield unjudged(rule, COUNT, "How many there are is not known here, so", "Order it in the portal.")
        return
    total = there + (context.kind is RunKind.PROVISION)
    if total > most:
        team = context.team or "The team"
        of = (
            "workspaces"
            if settings.per == "team"
            else f"workspaces of {context.item or 'the item'} in {context.environment or 'the environment'}"
        )
        yield objection(
            rule,
            COUNT,
            f"{team} would have {total} {of}, but may have {most}.",
            "Destroy one that is no longer used, or use one that is there.",
        )


def _unpriced(rule: GuardrailRule) -> Finding:
    return unjudged(rule, COST, "Nothing is priced here, so", "Check it where there is a price book.")


def _usd(amount: Decimal) -> str:
    return f"{amount:.2f}"
