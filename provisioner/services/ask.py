"""What is asked for, and what its words mean: item, service, environment, parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from django.contrib.auth.models import User
from django.db.models import QuerySet

from catalog import manifest as catalog_manifest
from catalog import selectors as catalog_selectors
from catalog.lifecycle import RETIRED
from catalog.models import CatalogItem, CatalogItemVersion, Environment, Service
from catalog.parameters import Filled, fill_parameters
from provisioner import selectors
from provisioner.domain.errors import FieldError, Refusal
from provisioner.domain.run import RunKind
from provisioner.services import lifecycle, system

Row = TypeVar("Row", Service, Environment)

JUSTIFICATION_MAX = 4000
TTL_DAYS_MAX = 3650


class InvalidAsk(Refusal):
    """Fields of the ask name nothing we know, or hold what they must not."""

    code = "invalid_input"
    status = 400
    title = "The order cannot be taken as it is"


class NotYourService(Refusal):
    """The person may not order for this service."""

    code = "not_your_service"
    status = 403
    title = "Not your service"


@dataclass(frozen=True)
class Ask:
    """An order as it was written. `version` None is the newest offered; `ttl_days` None is "until destroyed"."""

    item: str
    service: str
    environment: str
    name: str
    parameters: Mapping[str, object] = field(default_factory=dict)
    version: str | None = None
    justification: str = ""
    ttl_days: int | None = None


@dataclass(frozen=True)
class Resolved:
    """An ask whose words are known things, with the parameters filled in (or their problems)."""

    item: CatalogItem
    version: CatalogItemVersion
    manifest: catalog_manifest.Manifest
    service: Service
    environment: Environment
    filled: Filled


def resolve(ask: Ask, *, requester: User, kind: RunKind = RunKind.PROVISION) -> Resolved:
    """Look up what the ask names. Raises InvalidAsk (every unknown name at once) and NotYourService.

    An update stays on the version that it names, offered or not; anything else takes what the person may order.
    """
    item, version, errors = _version(ask, requester, kind)
    service = _by_slug(Service.objects.select_related("owner_team", "cost_center"), ask.service)
    if service is None or service.archived_at is not None:
        errors.append(
            FieldError(
                "service",
                "unknown_service",
                f"There is no service {_quote(ask.service)}, or it is archived. Name a service that your team owns.",
            )
        )
    environment = _by_slug(Environment.objects.all(), ask.environment)
    if environment is None:
        known = ", ".join(Environment.objects.order_by("position").values_list("slug", flat=True))
        errors.append(
            FieldError(
                "environment",
                "unknown_environment",
                f"There is no environment {_quote(ask.environment)}. Choose one of: {known}.",
            )
        )
    errors.extend(_ask_problems(ask))
    if errors or item is None or version is None or service is None or environment is None:
        raise InvalidAsk("The order names something that is not there; see each field.", errors=tuple(errors))
    if not selectors.owns(requester, service) and not system.is_portal(requester):
        raise NotYourService(
            f"The service {service.slug} belongs to {service.owner_team.name}, and you are not a member of that team. "
            "Ask a member to order, or ask a platform engineer to add you to the team."
        )
    manifest = catalog_manifest.from_json(version.manifest)
    return Resolved(
        item=item,
        version=version,
        manifest=manifest,
        service=service,
        environment=environment,
        filled=fill_parameters(version, environment.slug, ask.name, ask.parameters, manifest=manifest),
    )


def _version(
    ask: Ask, requester: User, kind: RunKind
) -> tuple[CatalogItem | None, CatalogItemVersion | None, list[FieldError]]:
    """Return the item and its version, or the errors that say why there is none to be had."""
    if kind is RunKind.UPDATE:
        item = CatalogItem.objects.filter(slug=ask.item).first()
        version = catalog_selectors.find_version(item, ask.version) if item is not None else None
        assert version is not None, "a workspace's version is never deleted"
        return item, version, []
    item, retired = None, None
    if _clean(ask.item):
        item = catalog_selectors.item_by_slug(ask.item, drafts=selectors.is_platform(requester))
        retired = CatalogItem.objects.filter(slug=ask.item, retired_at__isnull=False).first()
    if item is None and retired is not None:
        newest = next(iter(catalog_selectors.versions_of(retired)), None)
        why = _retired(retired.slug, newest) + " Workspaces that have it live on."
        return None, None, [FieldError("item", "retired_item", why)]
    if item is None:
        unknown = f"The catalog has no item {_quote(ask.item)}. Choose one of the catalog."
        return None, None, [FieldError("item", "unknown_item", unknown)]
    version = catalog_selectors.find_version(item, ask.version) if _clean(ask.version or "") else None
    if version is None:
        unknown = f"{item.slug} has no version {_quote(ask.version or '')}. Leave it out to get the newest."
        return item, None, [FieldError("version", "unknown_version", unknown)]
    if version.lifecycle == RETIRED:
        why = _retired(f"{item.slug} {version.version}", version)
        return item, None, [FieldError("version", "retired_version", why)]
    return item, version, []


def _retired(name: str, version: CatalogItemVersion | None) -> str:
    deprecation = None if version is None else version.standing.deprecation
    fix = lifecycle.instead(deprecation) or "Choose another of the catalog."
    return f"{name} is retired and no longer offered. {fix}"


def text_problems(field: str, label: str, text: str, *, required: bool = False) -> list[FieldError]:
    """Return what is wrong with a text that stays with what it explains."""
    problems = []
    if required and not text.strip():
        problems.append(FieldError(field, "required", f"Say why: the {label} is needed."))
    if len(text) > JUSTIFICATION_MAX:
        problems.append(
            FieldError(
                field,
                "too_long",
                f"The {label} has {len(text):,} characters; at most {JUSTIFICATION_MAX:,} fit.",
            )
        )
    if not _clean(text):
        problems.append(
            FieldError(
                field,
                "control_characters",
                f"The {label} holds a NUL or half of a surrogate pair. Remove it.",
            )
        )
    return problems


def _ask_problems(ask: Ask) -> list[FieldError]:
    problems = text_problems("justification", "justification", ask.justification)
    if ask.ttl_days is not None and not 1 <= ask.ttl_days <= TTL_DAYS_MAX:
        problems.append(
            FieldError("ttl", "out_of_range", f"The time to live must be between 1 and {TTL_DAYS_MAX} days.")
        )
    return problems


def _by_slug(rows: QuerySet[Row], slug: str) -> Row | None:
    return rows.filter(slug=slug).first() if _clean(slug) else None


def _clean(text: str) -> bool:
    """Tell whether a database can compare the text: no NUL, no lone surrogate."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _quote(text: str) -> str:
    """Show a name back to its author, short and with nothing unprintable."""
    shown = text if len(text) <= 60 else text[:57] + "..."
    return '"' + "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in shown) + '"'
