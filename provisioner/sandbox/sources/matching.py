"""Choosing objects as the EC2 data sources do: by arguments, by tags and by filter blocks."""

import fnmatch
from typing import Any

from provisioner.sandbox.cloud import Attributes
from provisioner.sandbox.faults import CloudError

_FILTERS = {
    "vpc-id": "vpc_id",
    "subnet-id": "id",
    "group-id": "id",
    "group-name": "name",
    "cidr": "cidr_block",
    "cidr-block": "cidr_block",
    "is-default": "default",
    "isDefault": "default",
    "availability-zone": "availability_zone",
    "availabilityZone": "availability_zone",
    "default-for-az": "default_for_az",
    "owner-id": "owner_id",
    "state": "state",
}


def matching(rows: list[Attributes], config: Attributes, arguments: tuple[str, ...]) -> list[Attributes]:
    """Return the rows that fit every given argument, tag and filter. Raises CloudError on an unknown filter."""
    return [row for row in rows if _fits(row, config, arguments)]


def only(rows: list[Attributes], what: str) -> Attributes:
    """Return the one row. Raises CloudError when there is none or more than one."""
    if not rows:
        raise CloudError(
            f"no matching {what} found",
            "The sandbox cloud has one default VPC with three private and three public subnets (tag Tier) and what"
            " Terraform made in it.",
        )
    if len(rows) > 1:
        raise CloudError(
            f"multiple {what}s matched; use additional constraints to reduce matches to a single {what}"
        )
    return rows[0]


def _fits(row: Attributes, config: Attributes, arguments: tuple[str, ...]) -> bool:
    for name in arguments:
        wanted = config.get(name)
        if wanted not in (None, "", False) and row.get(name) != wanted:
            return False
    tags = row.get("tags_all") or row.get("tags") or {}
    if any(tags.get(name) != value for name, value in (config.get("tags") or {}).items()):
        return False
    return all(_passes(row, tags, part["name"], part["values"]) for part in config.get("filter") or [])


def _passes(row: Attributes, tags: Attributes, name: str, wanted: list[str]) -> bool:
    have: Any
    if name == "tag-key":
        return any(fnmatch.fnmatchcase(key, pattern) for key in tags for pattern in wanted)
    if name.startswith("tag:"):
        have = tags.get(name.removeprefix("tag:"))
    elif name in _FILTERS:
        have = row.get(_FILTERS[name])
    else:
        raise CloudError(
            f"InvalidParameterValue: The filter '{name}' is invalid",
            f"The sandbox knows tag:…, tag-key, {', '.join(sorted(_FILTERS))}.",
        )
    if isinstance(have, bool):
        have = "true" if have else "false"
    return have is not None and any(fnmatch.fnmatchcase(str(have), pattern) for pattern in wanted)
