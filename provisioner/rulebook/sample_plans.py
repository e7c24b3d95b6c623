"""Plans of any size in the shape that Terraform writes them, for measurements."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

_PROVIDER = "registry.terraform.io/hashicorp/aws"
_TAGS = {
    "service": "orders",
    "team-owner": "shop",
    "cost-center": "cc-100",
    "environment": "production",
    "criticality": "tier-1",
}


def _database(number: int) -> tuple[dict[str, object], dict[str, object]]:
    after: dict[str, object] = {
        "allocated_storage": 100,
        "allow_major_version_upgrade": None,
        "apply_immediately": False,
        "auto_minor_version_upgrade": True,
        "backup_retention_period": 14,
        "copy_tags_to_snapshot": True,
        "db_subnet_group_name": f"orders-{number}",
        "deletion_protection": True,
        "enabled_cloudwatch_logs_exports": ["postgresql", "upgrade"],
        "engine": "postgres",
        "engine_version": "17.5",
        "final_snapshot_identifier": f"orders-{number}-final",
        "iam_database_authentication_enabled": True,
        "identifier": f"orders-{number}",
        "instance_class": "db.t4g.medium",
        "max_allocated_storage": 1000,
        "monitoring_interval": 60,
        "multi_az": True,
        "password": f"a generated password {number:06}",
        "performance_insights_enabled": True,
        "port": 5432,
        "publicly_accessible": False,
        "skip_final_snapshot": False,
        "storage_encrypted": True,
        "storage_type": "gp3",
        "timeouts": {"create": None, "delete": None, "update": None},
        "username": "orders",
    }
    unknown: dict[str, object] = dict.fromkeys(
        ("address", "arn", "availability_zone", "ca_cert_identifier", "endpoint", "hosted_zone_id", "id"),
        True,
    )
    return after, {**unknown, "enabled_cloudwatch_logs_exports": [False, False], "timeouts": {}}


def _bucket(number: int) -> tuple[dict[str, object], dict[str, object]]:
    return {"bucket": f"orders-data-{number}", "force_destroy": False, "timeouts": None}, dict.fromkeys(
        ("acceleration_status", "acl", "arn", "bucket_domain_name", "grant", "id", "logging", "versioning"),
        True,
    )


def _queue(number: int) -> tuple[dict[str, object], dict[str, object]]:
    return {
        "content_based_deduplication": False,
        "delay_seconds": 0,
        "fifo_queue": False,
        "max_message_size": 262144,
        "message_retention_seconds": 345600,
        "name": f"orders-{number}",
        "receive_wait_time_seconds": 20,
        "sqs_managed_sse_enabled": True,
        "visibility_timeout_seconds": 30,
    }, dict.fromkeys(("arn", "id", "policy", "url", "redrive_policy"), True)


_KINDS = (("aws_db_instance", _database), ("aws_s3_bucket", _bucket), ("aws_sqs_queue", _queue))


def sample_plan(resources: int, *, untagged_every: int = 10) -> Iterator[bytes]:
    """Yield, in pieces, a plan that makes so many resources in modules of a hundred.

    A third each are databases, buckets and queues; every `untagged_every`-th lacks two tags.
    """
    yield b'{"format_version":"1.2","terraform_version":"1.11.4","planned_values":{"root_module":{"child_modules":['
    for start in range(0, resources, 100):
        rows = [_planned(each, untagged_every) for each in range(start, min(start + 100, resources))]
        module = {"resources": rows, "address": f'module.part["{start // 100}"]'}
        yield (b"," if start else b"") + _bytes(module)
    yield b']}},"resource_changes":['
    for number in range(resources):
        yield (b"," if number else b"") + _bytes(_changed(number, untagged_every))
    yield b'],"configuration":' + _bytes(_configuration()) + b',"errored":false}'


def _configuration() -> dict[str, object]:
    calls = [
        {
            "address": f"{kind}.this",
            "mode": "managed",
            "type": kind,
            "name": "this",
            "provider_config_key": "aws",
            "expressions": {"tags": {"references": ["var.tags"]}},
            "schema_version": 0,
            "for_each_expression": {"references": ["var.names"]},
        }
        for kind, _ in _KINDS
    ]
    module = {"resources": calls, "variables": {"names": {}, "tags": {}}}
    return {
        "provider_config": {
            "aws": {
                "name": "aws",
                "full_name": _PROVIDER,
                "expressions": {"region": {"constant_value": "us-east-1"}},
            }
        },
        "root_module": {"module_calls": {"part": {"source": "./part", "expressions": {}, "module": module}}},
    }


def _identity(number: int) -> dict[str, object]:
    kind = _KINDS[number % len(_KINDS)][0]
    return {
        "address": f'module.part["{number // 100}"].{kind}.this["{number}"]',
        "mode": "managed",
        "type": kind,
        "name": "this",
        "index": str(number),
        "provider_name": _PROVIDER,
    }


def _tags(number: int, untagged_every: int) -> Mapping[str, str]:
    tags = {**_TAGS, "Name": f"orders-{number}"}
    if number % untagged_every == 0:
        del tags["cost-center"], tags["criticality"]
    return tags


def _planned(number: int, untagged_every: int) -> dict[str, object]:
    after, _ = _KINDS[number % len(_KINDS)][1](number)
    tags = _tags(number, untagged_every)
    return {
        **_identity(number),
        "schema_version": 2,
        "values": {**after, "tags": tags, "tags_all": tags},
        "sensitive_values": {"tags": {}, "tags_all": {}},
    }


def _changed(number: int, untagged_every: int) -> dict[str, object]:
    after, unknown = _KINDS[number % len(_KINDS)][1](number)
    tags = _tags(number, untagged_every)
    return {
        **_identity(number),
        "module_address": f'module.part["{number // 100}"]',
        "change": {
            "actions": ["create"],
            "before": None,
            "after": {**after, "tags": tags, "tags_all": tags},
            "after_unknown": {**unknown, "tags": {}, "tags_all": {}},
            "before_sensitive": False,
            "after_sensitive": {
                "tags": {},
                "tags_all": {},
                **({"password": True} if "password" in after else {}),
            },
        },
    }


def _bytes(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
