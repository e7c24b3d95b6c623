"""Sizes, instance families and regions that are allowed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from provisioner.domain.context import Context
from provisioner.domain.finding import Finding
from provisioner.domain.guardrails_answer import label, objection, place, show, unjudged, unknown
from provisioner.domain.guardrails_subject import Attribute, Subject
from provisioner.domain.policy.guardrail_rules import GuardrailRule
from provisioner.domain.policy.guardrail_settings import Families, Names

# Where a type says how large its machines are. Source: the resources' documentation at
# https://registry.terraform.io/providers/hashicorp/aws/latest/docs
SIZES: Mapping[str, Attribute] = {
    "aws_db_instance": Attribute("instance_class"),
    "aws_dms_replication_instance": Attribute("replication_instance_class"),
    "aws_docdb_cluster_instance": Attribute("instance_class"),
    "aws_eks_node_group": Attribute("instance_types.*", optional=True),
    "aws_elasticache_cluster": Attribute("node_type"),
    "aws_elasticache_replication_group": Attribute("node_type"),
    "aws_instance": Attribute("instance_type"),
    "aws_launch_template": Attribute("instance_type"),
    "aws_memorydb_cluster": Attribute("node_type"),
    "aws_mq_broker": Attribute("host_instance_type"),
    "aws_msk_cluster": Attribute("broker_node_group_info.*.instance_type"),
    "aws_neptune_cluster_instance": Attribute("instance_class"),
    "aws_opensearch_domain": Attribute("cluster_config.*.instance_type", optional=True),
    "aws_rds_cluster": Attribute("db_cluster_instance_class"),
    "aws_rds_cluster_instance": Attribute("instance_class"),
    "aws_redshift_cluster": Attribute("node_type"),
    "aws_sagemaker_notebook_instance": Attribute("instance_type"),
    "aws_spot_instance_request": Attribute("instance_type"),
}

_PREFIXES = frozenset({"cache", "dax", "db", "dms", "kafka", "ml", "mq"})
_SUFFIXES = frozenset({"elasticsearch", "search"})
_RANKS = ("nano", "micro", "small", "medium", "large", "xlarge")


@dataclass(frozen=True)
class Size:
    """A machine size in its parts: db.r6g.large is prefix db, family r6g, step large."""

    prefix: str
    family: str
    step: str
    suffix: str

    @property
    def rank(self) -> int:
        """Return its place from small to large; -1 when the step is not known."""
        if self.step in _RANKS:
            return _RANKS.index(self.step)
        many = re.fullmatch(r"(\d{1,3})xlarge", self.step)
        return len(_RANKS) - 1 + int(many[1]) if many else -1

    def in_family(self, family: str) -> str:
        """Spell the same step of another family."""
        return ".".join(part for part in (self.prefix, family, self.step, self.suffix) if part)


def parse(name: str) -> Size:
    """Take a size apart; one of a single word, such as db.serverless, is a family without a step."""
    parts = name.split(".")
    prefix = parts.pop(0) if len(parts) > 1 and parts[0] in _PREFIXES else ""
    suffix = parts.pop() if len(parts) > 1 and parts[-1] in _SUFFIXES else ""
    return Size(prefix, parts[0], ".".join(parts[1:]), suffix)


def allowed_sizes(rule: GuardrailRule, subject: Subject, context: Context) -> Iterator[Finding]:
    """Find a size that the environment does not allow, with the nearest that it allows."""
    settings = rule.settings
    assert isinstance(settings, Names)
    allowed = settings.allowed.at(context.environment)
    if (
        allowed is None
        or subject.type not in SIZES
        or (settings.types and subject.type not in settings.types)
    ):
        return
    for value in subject.read(SIZES[subject.type]):
        if value.unknown:
            yield unknown(rule, subject, value)
        elif isinstance(value.value, str) and not _matches(value.value, allowed):
            nearest = nearest_size(value.value, allowed)
            yield objection(
                rule,
                place(subject, value),
                f"{label(subject, value)} is {show(value.value)}, but {_here(context)} allows only: "
                f"{', '.join(allowed)}.",
                f"Choose {nearest}." if nearest else f"Choose one of: {', '.join(allowed)}.",
                suggested=nearest,
            )


def nearest_size(name: str, allowed: tuple[str, ...]) -> str | None:
    """Return the allowed size that is nearest: in the same family if it can be, else the smaller. None if none is."""
    wanted = parse(name)
    spelled = [(parse(one), one) for one in allowed if not re.search(r"[*?\[]", one)]
    fitting = [
        (abs(size.rank - wanted.rank), size.family != wanted.family, size.rank, one)
        for size, one in spelled
        if size.prefix == wanted.prefix and size.suffix == wanted.suffix and size.rank >= 0
    ]
    return min(fitting, key=lambda found: found[:3])[3] if fitting and wanted.rank >= 0 else None


def instance_family(rule: GuardrailRule, subject: Subject, context: Context) -> Iterator[Finding]:
    """Find a machine of a family that is not allowed, with the same size of another if the rule names it."""
    settings = rule.settings
    assert isinstance(settings, Families)
    allowed = settings.allowed.at(context.environment)
    if subject.type not in SIZES or (settings.types and subject.type not in settings.types):
        return
    for value in subject.read(SIZES[subject.type]):
        if value.unknown:
            yield unknown(rule, subject, value)
            continue
        if not isinstance(value.value, str):
            continue
        size = parse(value.value)
        forbidden = _matches(size.family, settings.forbidden)
        if not forbidden and (allowed is None or _matches(size.family, allowed)):
            continue
        other = settings.instead.get(size.family) or (allowed[0] if allowed and len(allowed) == 1 else "")
        suggested = size.in_family(other) if other and "*" not in other else None
        said = (
            f"{_here(context)} forbids the family {size.family}"
            if forbidden
            else f"{_here(context)} allows only the families: {', '.join(allowed or ())}"
        )
        choice = f"Choose one of the families: {', '.join(allowed)}." if allowed else "Choose another family."
        yield objection(
            rule,
            place(subject, value),
            f"{label(subject, value)} is {show(value.value)}, but {said}.",
            f"Choose {suggested}." if suggested else choice,
            suggested=suggested,
        )


def allowed_regions(
    rule: GuardrailRule, subjects: tuple[Subject, ...], context: Context
) -> Iterator[Finding]:
    """Find regions that are not allowed: of the order, and of single resources that lie elsewhere."""
    settings = rule.settings
    assert isinstance(settings, Names)
    allowed = settings.allowed.at(context.environment)
    if allowed is None:
        return
    names = ", ".join(allowed)
    seen = bool(context.region)
    fix = f"Order it in one of: {names}."
    if context.region and not _matches(context.region, allowed):
        yield objection(
            rule, "region", f"The region is {context.region}, but {_here(context)} allows only: {names}.", fix
        )
    for subject in subjects:
        region = region_of(subject)
        if region is None:
            continue
        seen = True
        if region != context.region and not _matches(region, allowed):
            yield objection(
                rule,
                subject.address,
                f"{subject.address} lies in {region}, but {_here(context)} allows only: {names}.",
                f"Place it in one of: {names}.",
            )
    if not seen:
        yield unjudged(
            rule,
            "region",
            "Neither the order nor a resource says its region, so",
            "Say the region, or set it on the resources.",
        )


_ZONE = re.compile(r"([a-z]{2}(?:-[a-z]+)+-\d)[a-z]")


def region_of(subject: Subject) -> str | None:
    """Return the region that a resource says itself: its own, or that of its zone."""
    for attribute in ("region", "availability_zone"):
        for value in subject.read(Attribute(attribute, optional=True)):
            if not isinstance(value.value, str) or not value.value:
                continue
            zone = _ZONE.fullmatch(value.value)
            if attribute == "region":
                return value.value
            if zone:
                return zone[1]
    return None


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _here(context: Context) -> str:
    return context.environment or "the policy"
