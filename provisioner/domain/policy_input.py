"""What own rules see: the documented input of expressions, made here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal

from provisioner.domain.approval_when import Case
from provisioner.domain.context import Context
from provisioner.domain.cost import Estimate
from provisioner.domain.guardrails_subject import Subject
from provisioner.domain.plan import Plan, ResourceChange

PARAMETERS, PLAN, BOTH, EACH, CHANGE = "parameters", "plan", "both", "resource or change", "change"


@dataclass(frozen=True)
class Field:
    """One field of the input: its path, its CEL type, where it is there, and what it says."""

    path: str
    type: str
    at: str
    says: str


FIELDS: tuple[Field, ...] = (
    Field("at", "string", BOTH, "`parameters` or `plan`: when the rule is judged"),
    Field("order.kind", "string", BOTH, "kind of the run: provision, update, upgrade, destroy or drift_check"),
    Field("order.item", "string", BOTH, "catalog item; empty for a pipeline outside the portal"),
    Field("order.version", "string", BOTH, "version of the item"),
    Field("order.service", "string", BOTH, "service that it is for"),
    Field("order.team", "string", BOTH, "team that owns the service"),
    Field("order.cost_center", "string", BOTH, "cost center that pays"),
    Field("order.environment", "string", BOTH, "environment; empty when it is not known"),
    Field("order.is_production", "bool", BOTH, "whether the environment is marked as production"),
    Field("order.criticality", "string", BOTH, "tier-1, tier-2 or tier-3; empty when it is not known"),
    Field("order.region", "string", BOTH, "region that it is ordered in"),
    Field("order.requester", "string", BOTH, "who asks"),
    Field("order.ttl_days", "int or null", BOTH, "days that it is to live; null: no end, or not known"),
    Field("order.ttl_known", "bool", BOTH, "whether a null in ttl_days means that it has no end"),
    Field("facts.first_use_of_item", "bool or null", BOTH, "whether the team has no such item yet; null: not known"),
    Field("facts.team_workspaces", "int or null", BOTH, "open workspaces of the team, without this one"),
    Field("facts.item_workspaces", "int or null", BOTH, "those of this item in this environment, without this one"),
    Field("facts.team_usd_month", "double or null", BOTH, "what the team's open workspaces cost, without this one"),
    Field("facts.environment_usd_month", "double or null", BOTH, "what those of the team in this environment cost"),
    Field("facts.cost_center_usd_month", "double or null", BOTH, "what those of the cost center cost"),
    Field("facts.budget_usd_month", "double or null", BOTH, "the cost center's budget for a month"),
    Field("facts.budget_left_usd_month", "double or null", BOTH, "what is left of it without this order"),
    Field("facts.unit_cost_breached", "bool or null", BOTH, "whether the service's cost per unit is above its target"),
    Field("cost.usd_month", "double or null", BOTH, "the whole estimate, USD a month; null: nothing is priced here"),
    Field("cost.delta_usd_month", "double or null", BOTH, "what the order adds to the bill"),
    Field("cost.without_price", "int or null", BOTH, "parts that have no price and are not in the sum"),
    Field("cost.usage_based", "int or null", BOTH, "parts that are paid by use and are not in the sum"),
    Field("parameters", "map", BOTH, "the parameters by name, filled in; empty for a pipeline outside the portal"),
    Field("resources", "list", BOTH, "with each: plan or parameters, every resource, shaped as resource below"),
    Field("counts.create", "int", PLAN, "resources to create"),
    Field("counts.update", "int", PLAN, "resources to change in place"),
    Field("counts.replace", "int", PLAN, "resources to delete and create anew"),
    Field("counts.delete", "int", PLAN, "resources to delete"),
    Field("counts.no_op", "int", PLAN, "resources that stay as they are"),
    Field("resource.address", "string", EACH, "address in the plan, or in the item's estimate"),
    Field("resource.module_address", "string", EACH, "module that it stands in; empty for the root module"),
    Field("resource.type", "string", EACH, "type, such as aws_db_instance"),
    Field("resource.name", "string", EACH, "name in its module"),
    Field("resource.action", "string", EACH, "create, update, replace, delete, no-op or forget; promise before a plan"),
    Field("resource.after", "map or null", EACH, "attributes after the apply; what is not known yet is missing"),
    Field("resource.after_unknown", "map or bool", EACH, "true where an attribute is known only after the apply"),
    Field("resource.before", "map or null", CHANGE, "attributes before the apply; null for what is created"),
)  # fmt: skip


def base(
    at: str,
    context: Context,
    parameters: Mapping[str, object],
    estimate: Estimate | None,
    delta_usd_month: Decimal,
    plan: Plan | None,
) -> dict[str, object]:
    """Return what every expression sees."""
    order = asdict(context)
    facts = order.pop("facts")
    document: dict[str, object] = {
        "at": at,
        "order": order | {"kind": context.kind.value},
        "facts": facts,
        "cost": {
            "usd_month": None if estimate is None else estimate.usd_month,
            "delta_usd_month": None if estimate is None else delta_usd_month,
            "without_price": None if estimate is None else len(estimate.without_price),
            "usage_based": None if estimate is None else len(estimate.usage_based),
        },
        "parameters": dict(parameters),
    }
    if plan is not None:
        document["counts"] = asdict(plan.counts())
    return document


def of_case(case: Case) -> dict[str, object]:
    """Return what an expression of an approval rule sees: all but parameters and resources."""
    point = "parameters" if case.counts is None else "plan"
    document = base(point, case.context, {}, case.estimate, case.delta_usd_month, None)
    if case.counts is not None:
        document["counts"] = asdict(case.counts)
    return document


def of_change(change: ResourceChange, *, before: bool) -> dict[str, object]:
    """Return a resource of a plan; `before`: with what it was."""
    document: dict[str, object] = {
        "address": change.address,
        "module_address": change.module_address,
        "type": change.type,
        "name": change.name,
        "action": change.verb,
        "after": change.after,
        "after_unknown": change.after_unknown,
    }
    return document | {"before": change.before} if before else document


def of_promise(subject: Subject) -> dict[str, object]:
    """Return a resource that an item promises."""
    return {
        "address": subject.address,
        "module_address": "",
        "type": subject.type,
        "name": subject.address.rpartition(".")[2],
        "action": "promise",
        "after": subject.attributes,
        "after_unknown": {},
    }


def markdown() -> str:
    """Return the table of the documentation."""
    lines = ["| field | type | there at | says |", "| --- | --- | --- | --- |"]
    lines.extend(f"| `{field.path}` | {field.type} | {field.at} | {field.says} |" for field in FIELDS)
    return "\n".join(lines) + "\n"


def paths(document: Mapping[str, object]) -> Iterator[str]:
    """Yield the paths of a document as the table has them: attributes and parameters are not gone into."""
    for key, value in document.items():
        if isinstance(value, Mapping) and key in ("order", "facts", "cost", "counts", "resource"):
            yield from (f"{key}.{inner}" for inner in value)
        else:
            yield key
