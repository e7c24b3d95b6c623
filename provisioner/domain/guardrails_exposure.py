"""What anybody on the internet could reach."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from provisioner.domain.context import Context
from provisioner.domain.finding import Finding
from provisioner.domain.guardrails_answer import label, objection, place, show, unknown
from provisioner.domain.guardrails_subject import Attribute, Subject, Value
from provisioner.domain.policy.guardrail_rules import GuardrailRule
from provisioner.domain.policy.guardrail_settings import PORT_MAX, Exposure

# A range that is half of all addresses or more is everybody: two halves are the well-known way around a check for /0.
EVERYBODY_PREFIX = 1
_ALL_PROTOCOLS = ("-1", "all", "")

# Attributes that make a thing reachable from outside:
# https://registry.terraform.io/providers/hashicorp/aws/latest/docs
PUBLIC: Mapping[str, Attribute] = {
    "aws_db_instance": Attribute("publicly_accessible", False),
    "aws_dms_replication_instance": Attribute("publicly_accessible", False),
    "aws_mq_broker": Attribute("publicly_accessible", False),
    "aws_rds_cluster_instance": Attribute("publicly_accessible", False),
    "aws_redshift_cluster": Attribute("publicly_accessible", False),
}
BUCKET_BLOCKS = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
PUBLIC_ACLS = frozenset({"authenticated-read", "public-read", "public-read-write"})
_GROUPS = frozenset({"aws_default_security_group", "aws_security_group"})
_SEPARATE = frozenset(
    {
        "aws_security_group_rule",
        "aws_vpc_security_group_egress_rule",
        "aws_vpc_security_group_ingress_rule",
    }
)


@dataclass(frozen=True)
class Opening:
    """One ingress: from where to which ports. `prefix` is where it stands in the resource."""

    ranges: tuple[Value, ...]
    first: Value
    last: Value
    protocol: Value


def has_separate_rules(subjects: Iterable[Subject]) -> bool:
    """Tell whether rules of security groups are resources of their own, which groups with rules inside cannot have."""
    return any(subject.type in _SEPARATE for subject in subjects)


def public_exposure(
    rule: GuardrailRule, subject: Subject, context: Context, *, separate_rules: bool = False
) -> Iterator[Finding]:
    """Find what the internet could reach: open ports, public databases and buckets, load balancers that face it.

    With `separate_rules`, a group whose rules are all unknown has none inside it: they are judged where they stand.
    """
    settings = rule.settings
    assert isinstance(settings, Exposure)
    for opening in _openings(subject):
        if separate_rules and opening.first.path == "ingress":
            continue
        yield from _open(rule, subject, opening, settings)
    if subject.type in PUBLIC:
        yield from _must_be(rule, subject, PUBLIC[subject.type], False)
    elif subject.type in ("aws_s3_bucket_public_access_block", "aws_s3_account_public_access_block"):
        for name in BUCKET_BLOCKS:
            yield from _must_be(rule, subject, Attribute(name, False), True)
    elif subject.type in ("aws_s3_bucket_acl", "aws_s3_bucket"):
        yield from _acl(rule, subject)
    elif subject.type in ("aws_lb", "aws_alb", "aws_elb") and not settings.load_balancers:
        yield from _must_be(rule, subject, Attribute("internal", False), True)


def _must_be(rule: GuardrailRule, subject: Subject, attribute: Attribute, wanted: bool) -> Iterator[Finding]:
    for value in subject.read(attribute):
        if value.unknown:
            yield unknown(rule, subject, value)
        elif value.value is not wanted:
            yield objection(
                rule,
                place(subject, value),
                f"{label(subject, value)} is {show(value.value)}, so the internet can reach it.",
                f"Set it to {show(wanted)}.",
                suggested=wanted,
            )


def _acl(rule: GuardrailRule, subject: Subject) -> Iterator[Finding]:
    for value in subject.read(Attribute("acl", optional=True)):
        if value.value in PUBLIC_ACLS:
            yield objection(
                rule,
                place(subject, value),
                f"{label(subject, value)} is {show(value.value)}, so the internet can read it.",
                "Set it to private.",
                suggested="private",
            )


def _openings(subject: Subject) -> Iterator[Opening]:
    if subject.type in _GROUPS:
        blocks = subject.attributes.get("ingress")
        unknown_blocks = subject.unknown.get("ingress") if isinstance(subject.unknown, Mapping) else None
        if subject.unknown is True or unknown_blocks is True:
            yield _opening(subject, "ingress", ("cidr_blocks",), "protocol")
            return
        count = len(blocks) if isinstance(blocks, list | tuple) else 0
        for index in range(count):
            yield _opening(_block(subject, index), "", ("cidr_blocks", "ipv6_cidr_blocks"), "protocol")
    elif subject.type == "aws_security_group_rule":
        if subject.attributes.get("type") != "egress":
            yield _opening(subject, "", ("cidr_blocks", "ipv6_cidr_blocks"), "protocol")
    elif subject.type == "aws_vpc_security_group_ingress_rule":
        yield _opening(subject, "", ("cidr_ipv4", "cidr_ipv6"), "ip_protocol")


def _block(subject: Subject, index: int) -> Subject:
    """Return one ingress block as a subject of its own, at the address of its group."""
    blocks = subject.attributes.get("ingress")
    later = subject.unknown.get("ingress") if isinstance(subject.unknown, Mapping) else None
    block = blocks[index] if isinstance(blocks, list | tuple) else None
    unknown_ = later[index] if isinstance(later, list) and index < len(later) else None
    return Subject(
        subject.address,
        subject.type,
        block if isinstance(block, Mapping) else {},
        unknown_ if isinstance(unknown_, Mapping) else unknown_ is True,
    )


def _opening(subject: Subject, whole: str, ranges: tuple[str, ...], protocol: str) -> Opening:
    if whole:
        later = Value(None, whole, unknown=True)
        return Opening((later,), later, later, later)
    found: list[Value] = []
    for name in ranges:
        held = subject.attributes.get(name)
        several = isinstance(held, list | tuple) or (
            isinstance(subject.unknown, Mapping) and isinstance(subject.unknown.get(name), list)
        )
        found.extend(subject.read(Attribute(f"{name}.*" if several else name, optional=True)))
    first, last, spoken = (_one(subject, name) for name in ("from_port", "to_port", protocol))
    return Opening(tuple(found), first, last, spoken)


def _one(subject: Subject, name: str) -> Value:
    return next(iter(subject.read(Attribute(name))), Value(None, name))


def _open(rule: GuardrailRule, subject: Subject, opening: Opening, settings: Exposure) -> Iterator[Finding]:
    everybody = [value for value in opening.ranges if is_everybody(value.value)]
    later = [value for value in opening.ranges if value.unknown]
    parts = (opening.protocol, opening.first, opening.last)
    if not everybody:
        if later:
            yield unknown(rule, subject, later[0])
        return
    unsure = next((value for value in parts if value.unknown), None)
    if unsure is not None:
        yield unknown(rule, subject, unsure)
        return
    ports = _ports(opening)
    if ports is not None and any(low <= ports[0] and ports[1] <= high for low, high in settings.ports):
        return
    spelled = (
        "every port"
        if ports is None
        else f"port {ports[0]}"
        if ports[0] == ports[1]
        else f"ports {ports[0]}-{ports[1]}"
    )
    names = ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in settings.ports)
    allowed = f"only for: {names}" if names else "for no port"
    yield objection(
        rule,
        subject.address,
        f"{subject.address} opens {spelled} to {', '.join(_spelled(everybody))}; that is allowed {allowed}.",
        "Name the addresses or security groups that need it instead of everybody.",
    )


def _spelled(values: Iterable[Value]) -> list[str]:
    return [str(value.value) for value in values]


def _ports(opening: Opening) -> tuple[int, int] | None:
    """Return the ports; None for all of them. What cannot be read as ports is all of them."""
    if str(opening.protocol.value if opening.protocol.value is not None else "").lower() in _ALL_PROTOCOLS:
        return None
    first, last = opening.first.value, opening.last.value
    if (
        not isinstance(first, int)
        or not isinstance(last, int)
        or isinstance(first, bool)
        or isinstance(last, bool)
    ):
        return None
    if first < 0 or last < first or (first, last) == (0, PORT_MAX):
        return None
    return first, last


def is_everybody(value: object) -> bool:
    """Tell whether a CIDR block is all addresses, or half of them."""
    if not isinstance(value, str):
        return False
    try:
        return ipaddress.ip_network(value, strict=False).prefixlen <= EVERYBODY_PREFIX
    except ValueError:
        return False
