"""Price models of Amazon ECS on Fargate and its load balancer, https://aws.amazon.com/fargate/pricing/."""

from __future__ import annotations

from decimal import Decimal

from provisioner.domain.pricing import HOURS_PER_MONTH, TIMES, PricedResource, plain
from provisioner.domain.pricing_sheet import ByUse, PriceModel, Rows, Sheet
from provisioner.domain.pricing_table import Fixed, PriceTable, models, sources, usage_keys

_UNITS_PER_VCPU = Decimal(1024)
_MIB_PER_GB = Decimal(1024)
_ARCHITECTURE = "X86_64"  # what Fargate takes when nothing is said
_INCLUDED_STORAGE_GB = Decimal(20)  # https://aws.amazon.com/fargate/pricing/

# What one capacity unit is enough for, by usage key: https://aws.amazon.com/elasticloadbalancing/pricing/
# Connections and rule evaluations are those of a second or minute, bytes those of an hour.
_UNITS = {
    "application": {
        "new_connections": Decimal(25),
        "active_connections": Decimal(3000),
        "processed_bytes_gb": HOURS_PER_MONTH,
        "rule_evaluations": Decimal(1000),
    },
    "network": {
        "new_connections": Decimal(800),
        "active_connections": Decimal(100_000),
        "processed_bytes_gb": HOURS_PER_MONTH,
    },
}
_SKUS = {"application": "alb", "network": "nlb"}


def _service(resource: PricedResource, sheet: Sheet) -> Rows:
    """Price the tasks that the service starts with, on demand and at all hours; the rest is said, not guessed."""
    tasks = resource.number("desired_count") or Decimal(0)
    definition = _definition(resource, sheet)
    cpu = definition.number("cpu") if definition else None
    memory = definition.number("memory") if definition else None
    if definition is None or cpu is None or memory is None:
        yield sheet.unpriced(resource, "tasks", "The task definition has no CPU and memory that are known.")
        return
    if not _on_fargate(resource, definition):
        yield sheet.unpriced(resource, "tasks", "Only tasks on Fargate have a price here.")
        return
    platform = definition.block("runtime_platform")
    architecture = (platform.text("cpu_architecture") or _ARCHITECTURE).lower()
    each_vcpu, each_gb = cpu / _UNITS_PER_VCPU, memory / _MIB_PER_GB
    for component, sku, each, unit in (("vCPU", "vcpu", each_vcpu, "vCPU"), ("memory", "gb", each_gb, "GB")):
        basis = f"{plain(tasks)} {TIMES} {plain(each)} {unit} {TIMES} {HOURS_PER_MONTH} hours a month"
        quantity = tasks * each * HOURS_PER_MONTH
        yield sheet.line(resource, component, "fargate", f"linux.{architecture}.{sku}", quantity, basis=basis)
    storage_gb = definition.block("ephemeral_storage").number("size_in_gib") or _INCLUDED_STORAGE_GB
    extra = storage_gb - _INCLUDED_STORAGE_GB
    if extra > 0:
        basis = f"{plain(tasks)} {TIMES} {plain(extra)} GB above {plain(_INCLUDED_STORAGE_GB)}"
        yield sheet.line(
            resource, "ephemeral storage", "fargate", "ephemeral-storage", tasks * extra, basis=basis
        )


def _scaling(resource: PricedResource, sheet: Sheet) -> Rows:
    least, most = resource.number("min_capacity"), resource.number("max_capacity")
    if least is not None and most is not None and most > least:
        yield sheet.usage(resource, "scaling", f"tasks above {least:f}, up to {most:f}, while they run")


def _cluster(resource: PricedResource, sheet: Sheet) -> Rows:
    for setting in resource.blocks("setting"):
        if setting.text("name") == "containerInsights" and setting.text("value") in ("enabled", "enhanced"):
            what = "Container Insights: metrics and logs of each task"
            yield sheet.usage(resource, "container insights", what, "cloudwatch", "metric.custom")


def _load_balancer(resource: PricedResource, sheet: Sheet) -> Rows:
    """Price the hours; capacity units follow connections, requests and bytes."""
    kind = resource.text("load_balancer_type") or "application"
    if kind not in _SKUS:
        reason = "Only application and network load balancers have a price here."
        yield sheet.unpriced(resource, "hours", reason)
        return
    yield sheet.hours(resource, "hours", "elb", f"{_SKUS[kind]}.hour", noun="load balancer")
    yield from _capacity(resource, sheet, kind)
    if not resource.flag("internal"):
        # AWS adds addresses as the load balancer grows, so their number is not known before.
        what = "public IPv4 addresses, at least one in each zone"
        yield sheet.usage(resource, "addresses", what, "vpc", "ipv4.hour")


def _capacity(resource: PricedResource, sheet: Sheet, kind: str) -> Rows:
    """Price the capacity units by the dimension that needs most of them, which is how they are charged."""
    sku_key = f"{_SKUS[kind]}.lcu"
    needs = [
        (amount.value / enough_for, key, amount)
        for key, enough_for in _UNITS[kind].items()
        if (amount := sheet.amount(resource, key)) is not None
    ]
    if not needs:
        yield sheet.usage(resource, "capacity", "connections, requests and bytes", "elb", sku_key)
        return
    units, key, amount = max(needs, key=lambda need: need[0])
    part = ByUse("capacity", "", "elb", sku_key, key)
    basis = (
        f"{plain(amount.value)} ({key}) ÷ {plain(_UNITS[kind][key])} {TIMES} {HOURS_PER_MONTH} hours a month"
    )
    yield from sheet.used(resource, part, units * HOURS_PER_MONTH, basis, amount.profile)


def _on_fargate(service: PricedResource, definition: PricedResource) -> bool:
    """Tell whether AWS runs the tasks; what says nothing about it is taken for one that it does."""
    compatible = definition.attributes.get("requires_compatibilities")
    elsewhere = isinstance(compatible, list | tuple) and compatible and "FARGATE" not in compatible
    return not elsewhere and service.text("launch_type") in ("", "FARGATE")


def _definition(resource: PricedResource, sheet: Sheet) -> PricedResource | None:
    """Find the service's task definition by family or ARN; the only one there is, where the ARN is not known yet."""
    named = sheet.named("aws_ecs_task_definition", resource.text("task_definition"), "family", "arn")
    return named or sheet.only("aws_ecs_task_definition")


_ELB = "https://aws.amazon.com/elasticloadbalancing/pricing/"
_TABLE = {
    "aws_eks_cluster": PriceTable(
        "https://aws.amazon.com/eks/pricing/", (Fixed("cluster", "eks", "cluster.hour", hours=True),)
    ),
    "aws_elb": PriceTable(
        _ELB,
        (
            Fixed("hours", "elb", "classic.hour", hours=True),
            ByUse("data", "data processed, by size", "elb", "classic.data", "monthly_data_processed_gb"),
        ),
    ),
}

MODELS: dict[str, PriceModel] = {
    "aws_alb": _load_balancer,
    "aws_appautoscaling_target": _scaling,
    "aws_ecs_cluster": _cluster,
    "aws_ecs_service": _service,
    "aws_lb": _load_balancer,
    **models(_TABLE),
}

SOURCES: dict[str, str] = {
    "aws_alb": _ELB,
    "aws_appautoscaling_target": "https://aws.amazon.com/autoscaling/pricing/",
    "aws_ecs_cluster": "https://aws.amazon.com/cloudwatch/pricing/",
    "aws_ecs_service": "https://aws.amazon.com/fargate/pricing/",
    "aws_lb": _ELB,
    **sources(_TABLE),
}

USAGE_KEYS: dict[str, tuple[str, ...]] = {
    "aws_alb": tuple(_UNITS["application"]),
    "aws_lb": tuple(_UNITS["application"]),
    **usage_keys(_TABLE),
}

FREE_TYPES: frozenset[str] = frozenset(
    {
        "aws_acm_certificate",  # public ones
        "aws_acm_certificate_validation",
        "aws_appautoscaling_policy",
        "aws_appautoscaling_scheduled_action",
        "aws_ecs_cluster_capacity_providers",
        "aws_eks_access_entry",
        "aws_eks_access_policy_association",
        "aws_eks_addon",
        "aws_eks_identity_provider_config",
        "aws_eks_pod_identity_association",
        "aws_ecs_capacity_provider",
        "aws_ecs_task_definition",  # what it starts is counted by the service
        "aws_alb_listener",
        "aws_alb_listener_rule",
        "aws_alb_target_group",
        "aws_lb_cookie_stickiness_policy",
        "aws_lb_listener",
        "aws_lb_listener_certificate",
        "aws_lb_listener_rule",
        "aws_lb_target_group",
        "aws_lb_target_group_attachment",
    }
)
