"""Price models of EC2 machines, alone, in groups or under Kubernetes, https://aws.amazon.com/ec2/pricing/on-demand/."""

from __future__ import annotations

from decimal import Decimal

from provisioner.domain.pricing import HOURS_PER_MONTH, TIMES, PricedResource, counted, plain
from provisioner.domain.pricing_aws_volumes import volume
from provisioner.domain.pricing_sheet import ByUse, PriceModel, Rows, Sheet

_ONE = Decimal(1)

# Burstable machines that run on beyond what they earned unless somebody says otherwise.
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/burstable-performance-instances-unlimited-mode.html
_UNLIMITED = ("t3.", "t3a.", "t4g.")
_BURSTABLE = ("t2.", *_UNLIMITED)

_CREDITS = "monthly_cpu_credit_hrs"  # vCPU-hours above the baseline, of each machine
_INSTANCES = "instances"  # how many machines of a group run on average

# What the provider takes when nothing is said:
# https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/eks_node_group
_NODE_TYPE = "t3.medium"
_NODE_DISK_GB = Decimal(20)


def _instance(resource: PricedResource, sheet: Sheet) -> Rows:
    """Price a machine with its volumes, on demand and with Linux."""
    if resource.text("tenancy") in ("dedicated", "host"):
        yield sheet.unpriced(resource, "machine", "Dedicated machines have no price here.")
    else:
        yield from _machine(resource, resource, _ONE, sheet)
    yield from _monitoring(resource, sheet, watched=resource.flag("monitoring"))
    if not resource.blocks("root_block_device"):
        # It has the size of the image's unless somebody says otherwise.
        yield sheet.unpriced(
            resource, "root volume", resource.missing("root_block_device", "root volume's size")
        )
    for block in resource.blocks("root_block_device"):
        yield from volume(resource, block, _ONE, sheet, "root volume")
    for number, block in enumerate(resource.blocks("ebs_block_device"), start=1):
        yield from volume(resource, block, _ONE, sheet, f"volume {number}")


def _machine(resource: PricedResource, template: PricedResource, machines: Decimal, sheet: Sheet) -> Rows:
    instance_type = template.text("instance_type")
    if not instance_type:
        yield sheet.unpriced(resource, "machines", template.missing("instance_type", "instance type"))
        return
    yield sheet.hours(resource, "machines", "ec2", f"linux.{instance_type}", machines, "machine")
    yield from _surplus(resource, template, instance_type, machines, sheet)


def _surplus(
    resource: PricedResource, template: PricedResource, instance_type: str, machines: Decimal, sheet: Sheet
) -> Rows:
    if not instance_type.startswith(_BURSTABLE):
        return
    mode = template.block("credit_specification").text("cpu_credits")
    if mode == "standard" or (not mode and not instance_type.startswith(_UNLIMITED)):
        return
    sku_key = f"linux.{instance_type.partition('.')[0]}.surplus-credits"
    part = ByUse("surplus credits", "CPU above the baseline of burstable machines", "ec2", sku_key, _CREDITS)
    used = sheet.amount(resource, _CREDITS)
    if used is None:
        yield from sheet.by_use(resource, part)
    else:
        basis = f"{plain(used.value)} ({_CREDITS}) {TIMES} {plain(machines)}"
        yield from sheet.used(resource, part, used.value * machines, basis, used.profile)


def _monitoring(resource: PricedResource, sheet: Sheet, *, watched: bool) -> Rows:
    if watched:
        what = "detailed monitoring: the metrics of each machine are custom metrics"
        yield sheet.usage(resource, "detailed monitoring", what, "cloudwatch", "metric.custom")


def _group(resource: PricedResource, sheet: Sheet) -> Rows:
    """Price the machines that the group starts with, at all hours; schedules and scaling are said, not guessed."""
    machines = resource.number("desired_capacity")
    if machines is None:
        machines = resource.number("min_size") or Decimal(0)
    template = _template(resource, sheet)
    if template is None:
        yield sheet.unpriced(
            resource, "machines", "The launch template of the group is not among the resources."
        )
        return
    yield from _machine(resource, template, machines, sheet)
    yield from _template_volumes(resource, template, machines, sheet)
    yield from _monitoring(
        resource, sheet, watched=any(block.flag("enabled") for block in template.blocks("monitoring"))
    )
    yield from _scaling(resource, template, machines, sheet)


def _scaling(resource: PricedResource, template: PricedResource, machines: Decimal, sheet: Sheet) -> Rows:
    most = resource.number("max_size")
    if most is None or most <= machines:
        return
    what = f"machines above {plain(machines)}, up to {plain(most)}, while they run"
    expected = sheet.amount(resource, _INSTANCES)
    if expected is None:
        yield sheet.usage(resource, "scaling", what)
        return
    more = min(max(Decimal(0), expected.value - machines), most - machines)
    part = ByUse("scaling", what, "ec2", f"linux.{template.text('instance_type')}", _INSTANCES)
    basis = f"{counted(more, 'machine')} above {plain(machines)} {TIMES} {HOURS_PER_MONTH} hours a month"
    yield from sheet.used(resource, part, more * HOURS_PER_MONTH, basis, expected.profile)


def _template_volumes(
    resource: PricedResource, template: PricedResource, machines: Decimal, sheet: Sheet
) -> Rows:
    volumes = [ebs for mapping in template.blocks("block_device_mappings") for ebs in mapping.blocks("ebs")]
    for number, ebs in enumerate(volumes):
        named = "volumes" if number == 0 else f"volumes {number + 1}"
        yield from volume(resource, ebs, machines, sheet, named)


def _template(resource: PricedResource, sheet: Sheet) -> PricedResource | None:
    """Find the group's launch template by name or id; the only one there is, where neither is known yet."""
    mixed = resource.block("mixed_instances_policy").block("launch_template")
    for named in (*resource.blocks("launch_template"), *mixed.blocks("launch_template_specification")):
        for given, attribute in (
            ("name", "name"),
            ("id", "id"),
            ("launch_template_name", "name"),
            ("launch_template_id", "id"),
        ):
            found = sheet.named("aws_launch_template", named.text(given), attribute)
            if found is not None:
                return found
    return sheet.only("aws_launch_template")


def _node_group(resource: PricedResource, sheet: Sheet) -> Rows:
    """Price the machines of a Kubernetes node group: https://aws.amazon.com/eks/pricing/."""
    machines = resource.block("scaling_config").number("desired_size")
    if machines is None:
        yield sheet.unpriced(
            resource, "machines", "How many machines there are is not known before the apply."
        )
        return
    template = _template(resource, sheet) if resource.blocks("launch_template") else None
    if resource.text("capacity_type") == "SPOT":
        yield sheet.usage(resource, "machines", "spot machines, at a price that changes by the hour")
    else:
        types = resource.attributes.get("instance_types")
        first = types[0] if isinstance(types, list | tuple) and types else None
        instance_type = first or (template.text("instance_type") if template else "") or _NODE_TYPE
        if "instance_types" in resource.unknown or not isinstance(instance_type, str):
            reason = resource.missing("instance_types", "instance type")
            yield sheet.unpriced(resource, "machines", reason)
        else:
            asked = PricedResource(
                resource.address,
                resource.type,
                {**(template.attributes if template else {}), "instance_type": instance_type},
            )
            yield from _machine(resource, asked, machines, sheet)
    if template is not None:
        yield from _template_volumes(resource, template, machines, sheet)
    else:
        disk = {"volume_type": "gp2", "volume_size": resource.number("disk_size") or _NODE_DISK_GB}
        yield from volume(resource, PricedResource("", "", disk), machines, sheet, "volumes")


def _fargate_profile(resource: PricedResource, sheet: Sheet) -> Rows:
    yield sheet.usage(
        resource, "pods", "vCPU and memory of the pods that run under the profile, by the second"
    )


MODELS: dict[str, PriceModel] = {
    "aws_autoscaling_group": _group,
    "aws_eks_fargate_profile": _fargate_profile,
    "aws_eks_node_group": _node_group,
    "aws_instance": _instance,
}

SOURCES: dict[str, str] = {
    "aws_autoscaling_group": "https://aws.amazon.com/ec2/pricing/on-demand/",
    "aws_eks_fargate_profile": "https://aws.amazon.com/fargate/pricing/",
    "aws_eks_node_group": "https://aws.amazon.com/eks/pricing/",
    "aws_instance": "https://aws.amazon.com/ec2/pricing/on-demand/",
}

USAGE_KEYS: dict[str, tuple[str, ...]] = {
    "aws_autoscaling_group": (_CREDITS, _INSTANCES),
    "aws_eks_node_group": (_CREDITS,),
    "aws_instance": (_CREDITS,),
}

FREE_TYPES: frozenset[str] = frozenset(
    {
        "aws_autoscaling_attachment",
        "aws_autoscaling_lifecycle_hook",
        "aws_autoscaling_policy",
        "aws_autoscaling_schedule",
        "aws_ami_launch_permission",
        "aws_key_pair",
        "aws_launch_template",  # what it starts is counted by the group
        "aws_placement_group",
        "aws_scheduler_schedule",  # 14 million calls a month are free
        "aws_scheduler_schedule_group",
        "aws_ssm_parameter",  # of the standard tier
        "aws_volume_attachment",
    }
)
