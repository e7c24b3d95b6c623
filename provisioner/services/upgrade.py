"""A workspace's way to a newer version of its item: what it would change, and what stands in the way."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from django.contrib.auth.models import User

from catalog import manifest as manifests
from catalog import selectors as catalog_selectors
from catalog.constraints import shown
from catalog.differences import Difference, ParameterDifference, changes_between, compare, parameter_names
from catalog.manifest import Change
from catalog.models import CatalogItemVersion
from catalog.parameters import ParameterProblem
from catalog.spec import ParameterSpec
from catalog.versions import VERSION_PATTERN, version_key
from provisioner.domain.errors import FieldError, Refusal
from provisioner.domain.run import RunKind
from provisioner.models import Workspace
from provisioner.services.ask import Ask, InvalidAsk
from provisioner.services.evaluate import Evaluation, evaluate


class NothingNewer(Refusal):
    """No newer version is published."""

    code = "nothing_newer"
    status = 409
    title = "There is nothing to upgrade to"


@dataclass(frozen=True)
class Upgrade:
    """What an upgrade would do. `ask` holds the parameters that were kept and those that were passed."""

    ask: Ask
    evaluation: Evaluation
    before: str
    differences: tuple[ParameterDifference, ...]
    changelog: tuple[Change, ...]

    @property
    def version(self) -> CatalogItemVersion:
        """The version to which it leads."""
        return self.evaluation.resolved.version


def newest_for(workspace: Workspace) -> CatalogItemVersion | None:
    """Return the newest published version when it is newer than the workspace's, else None."""
    newest = catalog_selectors.newest_published(workspace.item_id)
    if newest is None or version_key(newest.version) <= version_key(workspace.item_version.version):
        return None
    return newest


def preview(
    workspace: Workspace,
    *,
    version: str | None,
    parameters: Mapping[str, object],
    requester: User,
    now: datetime,
    justification: str = "",
) -> Upgrade:
    """Tell what an upgrade to `version` (None: the newest published one) would change, without any effect.

    Parameters that were given at the last order are kept, those in `parameters` replace them, and None sets one back
    to what the new version fills in. Problems with parameters are part of the answer. Raises NothingNewer, InvalidAsk
    and NotYourService.
    """
    ask = Ask(
        item=workspace.item.slug,
        version=_target(workspace, version),
        service=workspace.service.slug,
        environment=workspace.environment.slug,
        name=workspace.name,
        parameters={
            key: value for key, value in {**workspace.parameters, **parameters}.items() if value is not None
        },
        justification=justification,
    )
    evaluation = evaluate(
        ask,
        requester=requester,
        now=now,
        kind=RunKind.UPGRADE,
        workspace=workspace,
    )
    old, new = _read(workspace.item_version), _read(evaluation.resolved.version)
    before, after = workspace.item_version.version, evaluation.resolved.version.version
    differences = compare(old, new, workspace.environment.slug, workspace.parameters)
    kept = {key: value for key, value in workspace.parameters.items() if key not in parameters}
    added = {one.name for one in differences if one.difference is Difference.ADDED}
    problems = tuple(
        _explained(problem, kept, parameter_names(*new), added, after) for problem in evaluation.problems
    )
    return Upgrade(
        ask=ask,
        # Tags stay as they are over a workspace's life (docs/adr/0006-tags-are-stable.md).
        evaluation=replace(evaluation, problems=problems, tags=workspace.tags),
        before=before,
        differences=differences,
        changelog=changes_between(new[0], before, after),
    )


def _target(workspace: Workspace, version: str | None) -> str:
    current = workspace.item_version.version
    if version is None:
        newest = newest_for(workspace)
        if newest is None:
            raise NothingNewer(
                f"{workspace.name} has {workspace.item.name} {current}, and no newer version is published. "
                "Change its parameters with an update."
            )
        return newest.version
    if re.match(VERSION_PATTERN, version) and version_key(version) <= version_key(current):
        problem = (
            f"{workspace.name} has {current}; an upgrade leads to a newer version. "
            "Change its parameters with an update."
        )
        raise InvalidAsk(problem, errors=(FieldError("version", "not_newer", problem),))
    return version


def _read(version: CatalogItemVersion) -> tuple[manifests.Manifest, ParameterSpec]:
    return manifests.from_json(version.manifest), ParameterSpec.from_json(version.parameter_spec)


def _explained(
    problem: ParameterProblem,
    kept: Mapping[str, object],
    known: frozenset[str],
    added: set[str],
    version: str,
) -> ParameterProblem:
    """Say where a value came from that nobody passed now, and how to pass another."""
    name = re.split(r"[.\[]", problem.field, maxsplit=1)[0]
    said = problem.message.rstrip(".")
    if name in kept and name not in known:
        return replace(
            problem,
            code="removed_parameter",
            message=(
                f"was given as {shown(kept[name])} at the last order, and {version} has no such parameter: {said}. "
                "Pass null for it through `parameters`, and what takes its place."
            ),
        )
    if name in kept:
        more = (
            f"It was kept from the last order as {shown(kept[name])}. Pass another value through `parameters`, "
            "or null for what is filled in."
        )
        return replace(problem, message=f"{said}. {more}")
    if name in added and problem.code == "required":
        return replace(problem, message=f"{said}. It is new in {version}.")
    return problem
