"""One configured provider: what the provider block says, and the stop signal."""

import os
import re
import threading
from typing import Any

from provisioner.sandbox import values
from provisioner.sandbox.cloud import Attributes, Cloud, Key
from provisioner.sandbox.facts import Facts, TypeFacts
from provisioner.sandbox.faults import CloudError
from provisioner.sandbox.schema import Schemas

DEFAULT_REGION = "us-east-1"
DEFAULT_ACCOUNT = "123456789012"


class Session:
    """The state of one provider instance (each alias has its own)."""

    def __init__(self, schemas: Schemas, facts: Facts, cloud: Cloud) -> None:
        self.schemas = schemas
        self.facts = facts
        self.cloud = cloud
        self.region = DEFAULT_REGION
        self.account = DEFAULT_ACCOUNT
        self.default_tags: dict[str, Any] = {}
        self.ignored_tags: frozenset[str] = frozenset()
        self.stopping = threading.Event()
        self.delay_s = float(os.environ.get("DRAWBRIDGE_SANDBOX_DELAY_S") or 0)

    def configure(self, config: dict[str, Any]) -> None:
        """Take over the provider block. Raises CloudError when it forbids the account."""
        region = config.get("region")
        from_environment = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        self.region = region if isinstance(region, str) else from_environment or DEFAULT_REGION
        for block in config.get("default_tags") or []:
            self.default_tags = block.get("tags") or {}
        for block in config.get("ignore_tags") or []:
            self.ignored_tags = frozenset(block.get("keys") or [])
        for block in config.get("assume_role") or []:
            match = re.match(r"arn:aws[\w-]*:iam::(\d{12}):", str(block.get("role_arn") or ""))
            if match:
                self.account = match.group(1)
        allowed, forbidden = config.get("allowed_account_ids"), config.get("forbidden_account_ids")
        if (allowed and self.account not in allowed) or (forbidden and self.account in forbidden):
            raise CloudError(
                f"AWS account ID not allowed: {self.account}",
                "The provider block allows or forbids accounts and the sandbox account is not among the allowed ones.",
            )

    def key(self, facts: TypeFacts, attributes: Attributes) -> Key:
        """Return the identity of an object of a type."""
        return self.key_of_id(facts, attributes["id"], attributes.get("region"))

    def key_of_id(self, facts: TypeFacts, identity: str, region: Any = None) -> Key:
        """Return the identity of an object with an id."""
        return Key(facts.name, identity, self.region_of(facts, region), self.account)

    def region_of(self, facts: TypeFacts, region: Any = None) -> str:
        """Return the region a type's objects live in; empty for a global type."""
        return "" if facts.is_global else region or self.region

    def all(self, type_name: str, region: Any = None) -> list[Attributes]:
        """Return every object of a type in a region (the provider's unless given)."""
        return self.cloud.all(type_name, self.region_of(self.facts.of(type_name), region), self.account)

    def tags_all(self, tags: Any) -> Any:
        """Merge the default tags with a resource's own; unknown while any part is."""
        if values.is_unknown(tags) or values.is_unknown(self.default_tags):
            return values.UNKNOWN
        merged = {**self.default_tags, **(tags or {})}
        merged = {name: value for name, value in merged.items() if value is not None}
        return values.UNKNOWN if values.has_unknown(merged) else merged

    def event_tags(self, attributes: Attributes) -> Attributes:
        """Return the tags a log entry carries: the object's, or the default tags of a type without tags."""
        tags = attributes.get("tags_all")
        if isinstance(tags, dict):
            return tags
        return {} if values.has_unknown(self.default_tags) else dict(self.default_tags)
