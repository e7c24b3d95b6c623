"""Objects that name one another: what must exist before, and what must be gone before."""

from typing import Any

from provisioner.sandbox import values
from provisioner.sandbox.cloud import Attributes
from provisioner.sandbox.facts import Reference, TypeFacts
from provisioner.sandbox.faults import CloudError
from provisioner.sandbox.session import Session


def check_existing(session: Session, facts: TypeFacts, attributes: Attributes) -> None:
    """Raise CloudError when an object names another that the cloud does not have."""
    for reference in facts.references:
        if reference.missing is None:
            continue
        for named in _named(reference, attributes):
            if not _find(session, reference, named, attributes.get("region")):
                raise CloudError(reference.missing.replace("{value}", named), path=[reference.attribute])


def check_deletable(session: Session, facts: TypeFacts, found: Attributes) -> None:
    """Raise CloudError when an object protects itself or another still needs it."""
    for rule in facts.refuse_delete:
        if found.get(rule["attribute"]) == rule["equals"]:
            raise CloudError(_fill(rule["summary"], found), _fill(rule.get("detail", ""), found))
    for other, reference in session.facts.referring_to(facts.name):
        identities = {found.get(key) for key in reference.keys}
        for user in session.all(other.name, found.get("region")):
            if identities & set(_named(reference, user)):
                summary = (reference.in_use or "").replace(
                    "{user}", str(user.get(_name_of(other)) or user["id"])
                )
                raise CloudError(f"deleting {facts.label} ({found['id']}): {summary}")


def _named(reference: Reference, attributes: Attributes) -> list[str]:
    """List the objects that an attribute names, without those the cloud has from the start."""
    value: Any = attributes.get(reference.attribute)
    items = value if isinstance(value, list) else [value]
    prefix = reference.unless_prefix
    return [
        item
        for item in items
        if isinstance(item, str)
        and item
        and not values.is_unknown(item)
        and not (prefix and item.startswith(prefix))
    ]


def _find(session: Session, reference: Reference, named: str, region: Any) -> bool:
    return any(
        named in (found.get(key) for key in reference.keys) for found in session.all(reference.type, region)
    )


def _name_of(facts: TypeFacts) -> str:
    return facts.unique[0] if facts.unique else "id"


def _fill(text: str, attributes: Attributes) -> str:
    for name, value in attributes.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text
