"""Who and where: aws_caller_identity, aws_region, aws_partition, aws_default_tags."""

from provisioner.sandbox.cloud import Attributes
from provisioner.sandbox.session import Session


def read_caller_identity(session: Session, _config: Attributes) -> Attributes:
    """Answer with the sandbox's account."""
    return {
        "id": session.account,
        "account_id": session.account,
        "arn": f"arn:aws:sts::{session.account}:assumed-role/sandbox/terraform",
        "user_id": "AROASANDBOXSANDBOX00:terraform",
    }


def read_region(session: Session, config: Attributes) -> Attributes:
    """Answer with the region asked for, or the provider's."""
    region = config.get("name") or config.get("region") or session.region
    return {
        "id": region,
        "region": region,
        "name": region,
        "endpoint": f"ec2.{region}.amazonaws.com",
        "description": f"Sandbox ({region})",
    }


def read_partition(_session: Session, _config: Attributes) -> Attributes:
    """Answer with the commercial partition."""
    return {
        "id": "aws",
        "partition": "aws",
        "dns_suffix": "amazonaws.com",
        "reverse_dns_prefix": "com.amazonaws",
    }


def read_default_tags(session: Session, _config: Attributes) -> Attributes:
    """Answer with the tags that the provider puts on everything."""
    tags = session.default_tags if isinstance(session.default_tags, dict) else {}
    return {"id": "aws", "tags": dict(tags)}
