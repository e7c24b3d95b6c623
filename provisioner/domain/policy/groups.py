"""The list `groups`: the groups that rules may ask, so that a typo never asks nobody."""

from __future__ import annotations

import difflib

from provisioner.domain.policy.section import Section, show

# Where the file does not say.
GROUPS = ("finops", "sre", "platform")
_NAME_MAX = 64


def read(section: Section) -> tuple[str, ...]:
    """Read the list of groups."""
    names = section.names(GROUPS)
    if section.present and not names:
        section.problem("No group is named.", "Name the groups that rules may ask, such as [finops, sre].")
    for name in names:
        if len(name) > _NAME_MAX or "," in name:
            section.problem(
                f"{show(name)} cannot be the name of a group.",
                f"Use at most {_NAME_MAX} characters and no comma.",
            )
    return names


def one(section: Section, known: tuple[str, ...], default: str = "") -> str:
    """Read one group's name; note one that the list does not have."""
    name = section.text(default)
    check(section, (name,) if section.present else (), known)
    return name


def several(section: Section, known: tuple[str, ...]) -> tuple[str, ...]:
    """Read one group's name or several; note those that the list does not have."""
    names = section.names()
    check(section, names, known)
    return names


def check(section: Section, names: tuple[str, ...], known: tuple[str, ...]) -> None:
    """Note every name that is not a known group."""
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name[:100], known, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            section.problem(
                f"There is no group {name[:100]}.",
                f"Use one of {', '.join(known)}, or add it to the list groups.{hint}",
            )
