"""Price models of Amazon EC2 behind an Auto Scaling group, https://aws.amazon.com/ec2/pricing/on-demand/."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from provisioner.domain.pricing import HOURS_PER_MONTH, PricedResource, PriceModel, Rows, Sheet

_VOLUME_TYPE = "gp3"  # the only one that the book has prices for
_UNLIMITED = "t4g."  # these run on beyond what they earned unless a template says otherwise


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
    yield sheet.line(
        resource, "machines", "ec2", f"linux.{template.text('instance_type')}", machines * HOURS_PER_MONTH
    )
    if (template.text("instance_type") or "").startswith(_UNLIMITED):
        what = "CPU above the baseline of burstable machines"
        yield sheet.usage(resource, "surplus credits", what, "ec2", "linux.t4g.surplus-credits")
    yield from _volumes(resource, template, machines, sheet)
    if any(block.get("enabled") is True for block in _blocks(template.attributes, "monitoring")):
        what = "detailed monitoring: the metrics of each machine are custom metrics"
        yield sheet.usage(resource, "detailed monitoring", what, "cloudwatch", "metric.custom")
    most = resource.number("max_size")
    if most is not None and most > machines:
        yield sheet.usage(resource, "scaling", f"machines above {machines:f}, up to {most:f}, while they run")


def _volumes(resource: PricedResource, template: PricedResource, machines: Decimal, sheet: Sheet) -> Rows:
    for mapping in _blocks(template.attributes, "block_device_mappings"):
        for volume in _blocks(mapping, "ebs"):
            size = PricedResource("", "", volume).number("volume_size")
            if size is None or volume.get("volume_type") != _VOLUME_TYPE:
                reason = "Only gp3 volumes of a known size have a price here."
                yield sheet.unpriced(resource, "volumes", reason)
            else:
                yield sheet.line(resource, "volumes", "ebs", "gp3.storage", machines * size)


def _template(resource: PricedResource, sheet: Sheet) -> PricedResource | None:
    """Find the group's launch template by name or id; the only one there is, where neither is known yet."""
    templates = sheet.of_type("aws_launch_template")
    for named in _blocks(resource.attributes, "launch_template"):
        for key in ("name", "id"):
            value = named.get(key)
            found = [one for one in templates if value and one.attributes.get(key) == value]
            if found:
                return found[0]
    return templates[0] if len(templates) == 1 else None


def _blocks(attributes: Mapping[str, object], name: str) -> Iterator[Mapping[str, object]]:
    value = attributes.get(name)
    if isinstance(value, list | tuple):
        yield from (item for item in value if isinstance(item, Mapping))


def _vault(resource: PricedResource, sheet: Sheet) -> Rows:
    yield sheet.usage(resource, "backups", "backups kept, by size and what is backed up; restores by size")


MODELS: dict[str, PriceModel] = {
    "aws_autoscaling_group": _group,
    "aws_backup_vault": _vault,
}

FREE_TYPES: frozenset[str] = frozenset(
    {
        "aws_autoscaling_policy",
        "aws_autoscaling_schedule",
        "aws_backup_plan",
        "aws_backup_selection",  # what it selects is counted by the vault
        "aws_scheduler_schedule",  # 14 million calls a month are free
        "aws_launch_template",  # what it starts is counted by the group
        "aws_ssm_parameter",  # of the standard tier
    }
)
