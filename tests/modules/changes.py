"""For each module one change that AWS takes in place and one that it does not, and what of the plan shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

KEY_ARN = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@dataclass(frozen=True)
class Changes:
    """Variables to change, and the resource whose verb tells (its address inside the module).

    `new_versions` are types of which every change makes another version: a replacement that loses nothing.
    """

    in_place: Mapping[str, Any]
    updated: str
    replacing: Mapping[str, Any]
    replaced: str
    new_versions: frozenset[str] = frozenset()


CHANGES: Mapping[str, Changes] = {
    "container-service": Changes(
        in_place={"image": "registry.example.com/orders:1.4.3", "health_check_path": "/ready"},
        updated="aws_ecs_service.this",
        replacing={"public": True},
        replaced="aws_lb.this",
        new_versions=frozenset({"aws_ecs_task_definition"}),
    ),
    "message-queue": Changes(
        in_place={"visibility_timeout_s": 90},
        updated="aws_sqs_queue.this",
        replacing={"queue_type": "fifo"},
        replaced="aws_sqs_queue.this",
    ),
    "object-store": Changes(
        in_place={"abort_incomplete_uploads_after_days": 3},
        updated="aws_s3_bucket_lifecycle_configuration.this",
        replacing={"name": "orders-other"},
        replaced="aws_s3_bucket.this",
    ),
    "postgres": Changes(
        in_place={"instance_class": "db.t4g.large", "log_min_duration_ms": 2000},
        updated="aws_db_instance.this",
        replacing={"database_name": "other"},
        replaced="aws_db_instance.this",
    ),
    "redis-cache": Changes(
        in_place={"node_type": "cache.m7g.large"},
        updated="aws_elasticache_replication_group.this",
        replacing={"kms_key_arn": KEY_ARN},
        replaced="aws_elasticache_replication_group.this",
    ),
    "virtual-machine": Changes(
        in_place={"volume_gb": 45},
        updated="aws_autoscaling_group.this",
        replacing={"name": "orders-other"},
        replaced="aws_autoscaling_group.this",
    ),
}
