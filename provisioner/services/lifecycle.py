"""What the lifecycle of a version has to say to an order of it."""

from __future__ import annotations

from datetime import date

from catalog.lifecycle import DEPRECATED, Deprecation
from catalog.models import CatalogItem, CatalogItemVersion
from provisioner.domain.finding import Finding, Level
from provisioner.domain.run import RunKind

RULE = "version-lifecycle"


def findings(
    item: CatalogItem, version: CatalogItemVersion, kind: RunKind, *, today: date
) -> tuple[Finding, ...]:
    """Advise against a deprecated version, and refuse it once its last day is over.

    An update changes no version, so it is only advised: a workspace lives on with the one it has.
    """
    standing = version.standing
    deprecation = standing.deprecation
    if standing.lifecycle != DEPRECATED or deprecation is None:
        return ()
    name = f"{item.name} {version.version}"
    if kind is RunKind.UPDATE:
        what = f"{name} is deprecated since {deprecation.since.isoformat()}."
        fix = instead(deprecation, verb="Upgrade to", other="Move to") or "Ask the owners what comes instead."
        return (_finding(Level.ADVISORY, what, deprecation, fix),)
    if deprecation.ended(today):
        assert deprecation.until is not None
        what = f"{name} is deprecated, and could be ordered until {deprecation.until.isoformat()}."
        fix = instead(deprecation) or f"Ask {item.owner}, who keep it, what comes instead."
        return (_finding(Level.HARD_MANDATORY, what, deprecation, fix),)
    until = "" if deprecation.until is None else f", and can be ordered until {deprecation.until.isoformat()}"
    what = f"{name} is deprecated since {deprecation.since.isoformat()}{until}."
    fix = instead(deprecation) or f"Ask {item.owner}, who keep it, what comes instead."
    return (_finding(Level.ADVISORY, what, deprecation, fix),)


def instead(deprecation: Deprecation | None, *, verb: str = "Order", other: str = "") -> str:
    """Say what to take instead, as a sentence; empty when nothing is named.

    `other` replaces the verb where the successor names an item and no version of it.
    """
    if deprecation is None or not deprecation.successor:
        return ""
    item, version = deprecation.successor_item, deprecation.successor_version
    if version:
        return f"{verb} {item} {version} instead."
    return f"{other or verb} {item} instead."


def _finding(level: Level, what: str, deprecation: Deprecation, fix: str) -> Finding:
    why = deprecation.reason or "Whoever keeps it no longer wants it ordered."
    why = why if why.endswith((".", "!", "?")) else f"{why}."
    return Finding(
        rule=RULE,
        level=level,
        where="version",
        what=what,
        why=why,
        fix=fix,
        suggested=deprecation.successor or None,
    )
