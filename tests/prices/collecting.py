"""Collectors with the shipped mapping."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from provisioner.domain.price_import import Collector, PriceList
from provisioner.domain.price_import_mapping import read_mapping

MAPPING = Path(__file__).resolve().parents[2] / "provisioner" / "prices" / "aws.toml"
RULES = read_mapping(tomllib.loads(MAPPING.read_text()))


def collector(head: PriceList, **changes: Any) -> Collector:
    """Return a collector for us-east-1."""
    return Collector(head, RULES, **{"region": "us-east-1", "name": "index.json", **changes})
