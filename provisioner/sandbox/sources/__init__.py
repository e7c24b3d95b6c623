"""Data sources: what the configuration can look up in the stand-in cloud."""

from collections.abc import Callable
from typing import Any

from provisioner.sandbox import schema
from provisioner.sandbox.cloud import Attributes
from provisioner.sandbox.faults import CloudError
from provisioner.sandbox.session import Session
from provisioner.sandbox.sources import account, keys, network, policy_document

Reader = Callable[[Session, Attributes], Attributes]

_READERS: dict[str, Reader] = {
    "aws_availability_zones": network.read_availability_zones,
    "aws_caller_identity": account.read_caller_identity,
    "aws_default_tags": account.read_default_tags,
    "aws_iam_policy_document": policy_document.read,
    "aws_kms_alias": keys.read_alias,
    "aws_kms_key": keys.read_key,
    "aws_partition": account.read_partition,
    "aws_region": account.read_region,
    "aws_route53_zone": network.read_zone,
    "aws_security_group": network.read_security_group,
    "aws_subnet": network.read_subnet,
    "aws_subnets": network.read_subnets,
    "aws_vpc": network.read_vpc,
    "aws_vpcs": network.read_vpcs,
}


def names() -> list[str]:
    """List the data sources that are modelled."""
    return sorted(_READERS)


def read(session: Session, type_name: str, config: Attributes) -> Attributes:
    """Read a data source. Raises CloudError when nothing (or too much) matches."""
    block = session.schemas.data_source(type_name)
    given: dict[str, Any] = dict(config)
    if "region" in schema.attributes(block) and given.get("region") is None:
        given["region"] = session.region
    fault = session.cloud.take_fault(f"data.{type_name}", "read")
    if fault is not None:
        raise CloudError(f"reading {type_name}: {fault.message}", "Injected with `sandbox fail`.")
    return schema.conform(block, {**given, **_READERS[type_name](session, given)})
