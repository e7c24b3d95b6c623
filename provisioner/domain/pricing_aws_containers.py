"""Price models of Amazon ECS on Fargate and its load balancer, https://aws.amazon.com/fargate/pricing/."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from provisioner.domain.pricing import HOURS_PER_MONTH, PricedResource, PriceModel, Rows, Sheet

_UNITS_PER_VCPU = Decimal(1024)
_MIB_PER_GB = Decimal(1024)


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
    architecture = "x86_64"  # what Fargate takes when nothing is said
    for platform in _blocks(definition.attributes, "runtime_platform"):
        architecture = str(platform.get("cpu_architecture") or architecture).lower()
    hours = tasks * HOURS_PER_MONTH
    yield sheet.line(resource, "vCPU", "fargate", f"linux.{architecture}.vcpu", hours * cpu / _UNITS_PER_VCPU)
    yield sheet.line(resource, "memory", "fargate", f"linux.{architecture}.gb", hours * memory / _MIB_PER_GB)


def _scaling(resource: PricedResource, sheet: Sheet) -> Rows:
    least, most = resource.number("min_capacity"), resource.number("max_capacity")
    if least is not None and most is not None and most > least:
        yield sheet.usage(resource, "scaling", f"tasks above {least:f}, up to {most:f}, while they run")


def _cluster(resource: PricedResource, sheet: Sheet) -> Rows:
    for setting in _blocks(resource.attributes, "setting"):
        if setting.get("name") == "containerInsights" and setting.get("value") in ("enabled", "enhanced"):
            what = "Container Insights: metrics and logs of each task"
            yield sheet.usage(resource, "container insights", what, "cloudwatch", "metric.custom")


def _load_balancer(resource: PricedResource, sheet: Sheet) -> Rows:
    """Price the hours; capacity units follow connections, requests and bytes."""
    if resource.text("load_balancer_type") not in ("", "application"):
        yield sheet.unpriced(resource, "hours", "Only application load balancers have a price here.")
        return
    yield sheet.line(resource, "hours", "elb", "alb.hour", HOURS_PER_MONTH)
    yield sheet.usage(resource, "capacity", "connections, requests and bytes", "elb", "alb.lcu")
    if not resource.flag("internal"):
        # AWS adds addresses as the load balancer grows, so their number is not known before.
        what = "public IPv4 addresses, at least one in each zone"
        yield sheet.usage(resource, "addresses", what, "vpc", "ipv4.hour")


def _on_fargate(service: PricedResource, definition: PricedResource) -> bool:
    """Tell whether AWS runs the tasks; what says nothing about it is taken for one that it does."""
    compatible = definition.attributes.get("requires_compatibilities")
    elsewhere = isinstance(compatible, list | tuple) and compatible and "FARGATE" not in compatible
    return not elsewhere and service.text("launch_type") in ("", "FARGATE")


def _definition(resource: PricedResource, sheet: Sheet) -> PricedResource | None:
    """Find the service's task definition by family or ARN; the only one there is, where the ARN is not known yet."""
    definitions = sheet.of_type("aws_ecs_task_definition")
    named = resource.text("task_definition")
    found = [one for one in definitions if named and named in (one.text("family"), one.text("arn"))]
    if found:
        return found[0]
    return definitions[0] if len(definitions) == 1 else None


def _blocks(attributes: Mapping[str, object], name: str) -> Iterator[Mapping[str, object]]:
    value = attributes.get(name)
    if isinstance(value, list | tuple):
        yield from (item for item in value if isinstance(item, Mapping))


MODELS: dict[str, PriceModel] = {
    "aws_appautoscaling_target": _scaling,
    "aws_ecs_cluster": _cluster,
    "aws_ecs_service": _service,
    "aws_lb": _load_balancer,
}

FREE_TYPES: frozenset[str] = frozenset(
    {
        "aws_acm_certificate",  # public ones
        "aws_acm_certificate_validation",
        "aws_appautoscaling_policy",
        "aws_appautoscaling_scheduled_action",
        "aws_ecs_cluster_capacity_providers",
        "aws_ecs_task_definition",  # what it starts is counted by the service
        "aws_lb_listener",
        "aws_lb_target_group",
        "aws_route53_record",  # queries of aliases are free; the zone is not the module's
    }
)
