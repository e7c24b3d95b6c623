"""Terraform state v4, as the http backend receives it, read into frozen types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


class StateFormatError(ValueError):
    """The document is not a Terraform state that we can read; the text says why."""


@dataclass(frozen=True)
class Output:
    """A root module output. `type` is Terraform's type as JSON: "string" or ["list", "string"]."""

    value: object
    sensitive: bool
    type: object


@dataclass(frozen=True)
class StateResource:
    """One instance of a managed resource; sensitive attributes are already replaced by "(sensitive)"."""

    address: str
    module_address: str
    type: str
    name: str
    id: str
    arn: str
    tags: Mapping[str, str]
    attributes: Mapping[str, object]


@dataclass(frozen=True)
class StateView:
    """What a state version holds."""

    serial: int
    lineage: str
    terraform_version: str
    outputs: Mapping[str, Output]
    resources: tuple[StateResource, ...]
