"""Publish the modules of a folder: one immutable version per content, good ones while broken ones are reported."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import IntegrityError, transaction

from catalog import manifest as manifests
from catalog.content import PackedModule, UnfitContent, files_of_content, pack_module
from catalog.lifecycle import DEPRECATED, DRAFT, LIFECYCLES, RETIRED, Standing, without_lifecycle
from catalog.manifest import Manifest
from catalog.manifest_check import ReadManifest, environment_problems, read_manifest
from catalog.models import CatalogItem, CatalogItemVersion, Environment
from catalog.models.organisation import SLUG_PATTERN, validate_slug
from catalog.problems import ManifestProblem
from catalog.safety import Rules, check_module
from catalog.selectors import latest_version, versions_of
from catalog.sources import LOCAL, Origin
from catalog.spec import ParameterSpec
from catalog.variables import read_variables, variable_blocks
from catalog.versions import version_key

MANIFEST_FILE: Final = "catalog.yaml"
VARIABLES_FILE: Final = "variables.tf"
README_FILE: Final = "README.md"

_MISSING: Final = {
    MANIFEST_FILE: "without a manifest the catalog knows neither name nor version. `manage.py new_module` writes one",
    VARIABLES_FILE: "declare the module's variables there, the form is made from it",
}


@dataclass(frozen=True)
class SyncReport:
    """What a sync did; versions are named `slug@version`, retired items by slug.

    moved: versions of which the manifest now says something else, as "bucket@1.0.0 is deprecated".
    """

    created: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    refused: tuple[ManifestProblem, ...] = ()
    retired: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()


@dataclass
class _Progress:
    created: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    refused: list[ManifestProblem] = field(default_factory=list)
    retired: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Reading:
    environments: list[str]
    origin: Origin
    rules: Rules
    judged: frozenset[tuple[str, str]]

    def unsafe(
        self, slug: str, packed: PackedModule, prefix: str, manifest: Manifest | None
    ) -> list[ManifestProblem]:
        """Judge content that is not published yet; what is published never changes and was judged then."""
        if (slug, packed.module_digest) in self.judged:
            return []
        if manifest is not None:
            stored = CatalogItemVersion.objects.filter(item__slug=slug, version=manifest.version).first()
            if stored is not None and _same_content(packed, stored):
                return []
        return check_module(packed.files, prefix, self.rules)


@dataclass(frozen=True)
class _Module:
    slug: str
    file: str
    manifest: Manifest
    spec: ParameterSpec
    read: ReadManifest
    packed: PackedModule
    origin: Origin


def sync_catalog(
    path: Path,
    now: datetime,
    *,
    retire_missing: bool = False,
    origin: Origin = LOCAL,
    rules: Rules | None = None,
    adopt: bool = False,
) -> SyncReport:
    """Publish every module below `path` that has a catalog.yaml.

    Running it again changes nothing. A module that is broken, or that changed without raising its version, is refused
    and what was published before stays as it is; a draft may change, and a manifest's lifecycle is no content. With
    `retire_missing`, this source's items without a folder are no longer offered (their workspaces live on); a folder
    that comes back offers its item again.

    `origin` says which source the folder is and is recorded on new versions. An item that another source offers is
    refused, unless `adopt` says that it goes over to this one. `rules` are the settings' where none are given.
    """
    progress = _Progress()
    if not path.is_dir():
        problem = ManifestProblem(
            str(path), 0, "there is no such folder; give the folder that holds the modules"
        )
        return SyncReport(refused=(problem,))
    environments = list(Environment.objects.values_list("slug", flat=True))
    folders = [
        entry
        for entry in sorted(path.iterdir())
        if (entry.is_dir() or (entry.is_symlink() and re.search(SLUG_PATTERN, entry.name)))
        and not entry.name.startswith((".", "_"))
    ]
    rules = rules or rules_of_settings()
    judged = frozenset(CatalogItemVersion.objects.values_list("item__slug", "module_digest"))
    for folder in folders:
        module = _read_module(path, folder, _Reading(environments, origin, rules, judged), progress.refused)
        if module is not None:
            _publish(module, now, progress, adopt=adopt)
    if retire_missing:
        _retire({folder.name for folder in folders}, now, progress, origin)
    return SyncReport(
        tuple(progress.created),
        tuple(progress.unchanged),
        tuple(progress.refused),
        tuple(progress.retired),
        tuple(progress.moved),
    )


def rules_of_settings() -> Rules:
    """Return what this installation lets modules do."""
    return Rules(
        providers=frozenset(name.lower() for name in settings.DRAWBRIDGE_MODULE_PROVIDERS),
        module_hosts=frozenset(name.lower() for name in settings.DRAWBRIDGE_MODULE_SOURCE_HOSTS),
        allow_code=settings.DRAWBRIDGE_ALLOW_CODE_IN_MODULES,
    )


def _read_module(
    root: Path, folder: Path, reading: _Reading, refused: list[ManifestProblem]
) -> _Module | None:
    prefix = f"{root.name}/{folder.name}"
    manifest_file = f"{prefix}/{MANIFEST_FILE}"
    if not re.search(SLUG_PATTERN, folder.name):
        refused.append(
            ManifestProblem(prefix, 0, f"the folder's name is the item's slug: {validate_slug.message}")
        )
        return None
    if folder.is_symlink():
        refused.append(
            ManifestProblem(prefix, 0, "is a link, and a link may lead anywhere; copy the module's folder")
        )
        return None
    try:
        packed = pack_module(folder)
    except UnfitContent as error:
        refused.append(ManifestProblem(f"{prefix}/{error.path}".rstrip("/"), 0, error.reason))
        return None
    texts: dict[str, str] = {}
    for name in (MANIFEST_FILE, VARIABLES_FILE, README_FILE):
        try:
            texts[name] = packed.files.get(name, b"").decode("utf-8").removeprefix("\ufeff")
        except UnicodeDecodeError:
            refused.append(ManifestProblem(f"{prefix}/{name}", 0, "is not UTF-8 text"))
            return None
    missing = [name for name in (MANIFEST_FILE, VARIABLES_FILE) if name not in packed.files]
    if missing:
        refused.extend(
            ManifestProblem(f"{prefix}/{name}", 0, f"is missing; {_MISSING[name]}") for name in missing
        )
        return None
    variables_file = f"{prefix}/{VARIABLES_FILE}"
    variables = read_variables(texts[VARIABLES_FILE], variables_file)
    read = read_manifest(
        texts[MANIFEST_FILE], variables, slug=folder.name, file=manifest_file, variables_file=variables_file
    )
    problems = list(read.problems) + _stray_variables(prefix, packed.files)
    if "\0" in texts[README_FILE]:
        problems.append(ManifestProblem(f"{prefix}/{README_FILE}", 0, "holds a NUL character"))
    if read.manifest is not None and read.document is not None and reading.environments:
        problems.extend(environment_problems(read.document, reading.environments))
    places = {(problem.file, problem.line) for problem in problems}
    unsafe = reading.unsafe(folder.name, packed, prefix, read.manifest)
    problems.extend(problem for problem in unsafe if (problem.file, problem.line) not in places)
    if problems or read.manifest is None or read.spec is None:
        refused.extend(problems)
        return None
    return _Module(folder.name, manifest_file, read.manifest, read.spec, read, packed, reading.origin)


def _stray_variables(prefix: str, files: Mapping[str, bytes]) -> list[ManifestProblem]:
    """Refuse variables that are declared elsewhere: the form would not know them."""
    found: list[ManifestProblem] = []
    for name, data in files.items():
        if "/" in name or not name.endswith(".tf") or name == VARIABLES_FILE:
            continue
        for line, variable in variable_blocks(data.decode("utf-8", "replace")):
            found.append(
                ManifestProblem(
                    f"{prefix}/{name}", line, f"variable {variable} must be declared in {VARIABLES_FILE}"
                )
            )
    return found


def _publish(module: _Module, now: datetime, progress: _Progress, *, adopt: bool = False) -> None:
    manifest = module.manifest
    name = f"{module.slug}@{manifest.version}"
    # What is said of one module is reported when all of it is stored.
    said = _Progress()
    try:
        with transaction.atomic():
            item, _ = CatalogItem.objects.get_or_create(
                slug=module.slug,
                defaults={
                    **_shown_fields(manifest, manifest.standing),
                    "created_at": now,
                    "source": module.origin.source,
                },
            )
            if not _claim(item, module, adopt=adopt):
                progress.refused.append(_taken(item, module))
                return
            stored = item.versions.filter(version=manifest.version).defer("content", "readme").first()
            if stored is None:
                CatalogItemVersion.objects.create(
                    item=item,
                    version=manifest.version,
                    **_content(module, now),
                    **_standing_columns(manifest.standing),
                )
                said.created.append(name)
            elif not _same_content(module.packed, stored):
                _redraft(module, stored, now, said)
            else:
                _move(stored, manifest.standing, name, now, said, _at(module, ("lifecycle",)))
            if not said.refused:
                _move_earlier(item, module, now, said)
            _offer(item, now)
    except IntegrityError:
        # Another sync published at the same moment; what it wrote decides.
        won = CatalogItemVersion.objects.filter(item__slug=module.slug, version=manifest.version).first()
        if won is None:
            raise
        said = _Progress()
        if _same_content(module.packed, won):
            said.unchanged.append(name)
        else:
            said.refused.append(_changed(module, won.module_digest))
    for kind in ("created", "unchanged", "refused", "moved"):
        getattr(progress, kind).extend(getattr(said, kind))


def _claim(item: CatalogItem, module: _Module, *, adopt: bool) -> bool:
    """Tell whether the module's source may publish the item; one that nobody offers any more goes over to it."""
    if item.source == module.origin.source:
        return True
    if item.retired_at is None and not adopt:
        return False
    CatalogItem.objects.filter(pk=item.pk).update(source=module.origin.source)
    return True


def _taken(item: CatalogItem, module: _Module) -> ManifestProblem:
    return ManifestProblem(
        module.file.rpartition("/")[0],
        0,
        f"the source {module.origin.source} has a module {module.slug}, and so has the source {item.source}, which "
        "published it first; rename this one, or retire it there, or sync this source alone with --adopt to take over",
    )


def _content(module: _Module, now: datetime) -> dict[str, Any]:
    return {
        "module_digest": module.packed.module_digest,
        "manifest": manifests.to_json(module.manifest),
        "parameter_spec": module.spec.to_json(),
        "content": module.packed.content,
        "readme": module.packed.files.get(README_FILE, b"").decode("utf-8").removeprefix("\ufeff"),
        "published_at": now,
        **module.origin.version_fields(),
    }


def _same_content(packed: PackedModule, stored: CatalogItemVersion) -> bool:
    """Tell whether the module is what is stored, but for what its manifest says of the lifecycle."""
    if stored.module_digest == packed.module_digest:
        return True
    return _without_lifecycle(files_of_content(bytes(stored.content))) == _without_lifecycle(packed.files)


def _without_lifecycle(files: Mapping[str, bytes]) -> dict[str, bytes]:
    text = files[MANIFEST_FILE].decode("utf-8").removeprefix("\ufeff")
    return {**files, MANIFEST_FILE: without_lifecycle(text).encode()}


def _redraft(module: _Module, stored: CatalogItemVersion, now: datetime, said: _Progress) -> None:
    """Store a draft's new content; refuse that of any other version."""
    rewritten = CatalogItemVersion.objects.filter(
        pk=stored.pk, module_digest=stored.module_digest, lifecycle=DRAFT
    ).update(**_content(module, now), **_standing_columns(module.manifest.standing))
    if rewritten:
        said.moved.append(
            f"{module.slug}@{module.manifest.version} is rewritten and {module.manifest.standing.lifecycle}"
        )
    else:
        said.refused.append(_changed(module, stored.module_digest))


def _move(
    stored: CatalogItemVersion,
    wanted: Standing,
    name: str,
    now: datetime,
    said: _Progress,
    at: Callable[[str], ManifestProblem],
) -> None:
    """Let the stored version stand as the manifest wants it; its lifecycle moves forward only."""
    standing = stored.standing
    if wanted.lifecycle == RETIRED and wanted.deprecation is None:
        wanted = replace(wanted, deprecation=standing.deprecation)
    if wanted == standing:
        said.unchanged.append(name)
        return
    if not standing.may_become(wanted.lifecycle):
        said.refused.append(
            at(
                f"{name} is already {standing.lifecycle}, and a version moves only forward: {', '.join(LIFECYCLES)}"
            )
        )
        return
    columns = _standing_columns(wanted)
    if standing.lifecycle == DRAFT:
        columns["published_at"] = now
    CatalogItemVersion.objects.filter(pk=stored.pk).update(**columns)
    if wanted.lifecycle != standing.lifecycle or wanted.deprecation != standing.deprecation:
        said.moved.append(f"{name} is {wanted.lifecycle}")
    else:
        said.moved.append(f"{name} is {wanted.maturity}")


def _move_earlier(item: CatalogItem, module: _Module, now: datetime, said: _Progress) -> None:
    """Move the earlier versions that the manifest names, and all of them when the newest one is given up.

    A deprecated or retired newest version takes the earlier ones with it, unless it names one of them as what to
    order instead: nobody should be sent back to 1.0.0 because 1.1.0 is no longer wanted.
    """
    manifest = module.manifest
    standing = manifest.standing
    key = version_key(manifest.version)
    others = list(item.versions.exclude(version=manifest.version).defer("content", "readme"))
    newer = any(o.lifecycle != DRAFT and version_key(o.version) > key for o in others)
    successor = standing.deprecation
    goes_back = (
        successor is not None
        and successor.successor_item == module.slug
        and version_key(successor.successor_version) < key
    )
    all_of_them = standing.lifecycle in (DEPRECATED, RETIRED) and not newer and not goes_back
    for other in others:
        if version_key(other.version) > key:
            continue
        named = manifest.earlier_versions.get(other.version)
        if named is None and all_of_them and other.standing.may_become(standing.lifecycle):
            named = standing
        if named is None:
            continue
        name = f"{module.slug}@{other.version}"
        wanted = replace(named, maturity=other.maturity)
        earlier = _Progress()
        at = _at(module, ("earlier_versions", other.version, "lifecycle"))
        _move(other, wanted, name, now, earlier, at)
        said.moved.extend(earlier.moved)
        said.refused.extend(earlier.refused)


def _standing_columns(standing: Standing) -> dict[str, Any]:
    deprecation = standing.deprecation
    return {
        "lifecycle": standing.lifecycle,
        "maturity": standing.maturity,
        "deprecated_since": None if deprecation is None else deprecation.since,
        "deprecated_until": None if deprecation is None else deprecation.until,
        "successor": "" if deprecation is None else deprecation.successor,
        "deprecation_reason": "" if deprecation is None else deprecation.reason,
    }


def _at(module: _Module, path: tuple[str | int, ...]) -> Callable[[str], ManifestProblem]:
    document = module.read.document
    assert document is not None
    return partial(document.problem, path)


def _changed(module: _Module, published_digest: str) -> ManifestProblem:
    return _at(module, ("version",))(
        f"{module.manifest.version} is already published with other content (digest {published_digest[:12]}, here "
        f"{module.packed.module_digest[:12]}); a published version never changes, so raise the version"
    )


def _offer(item: CatalogItem, now: datetime) -> None:
    """Show the item as the version describes it that is ordered by default; offer it while one can be ordered."""
    shown = latest_version(item) or next(iter(versions_of(item)), None)
    if shown is None:
        return
    wanted: dict[str, Any] = _shown_fields(manifests.from_json(shown.manifest), shown.standing)
    wanted["retired_at"] = (item.retired_at or now) if shown.lifecycle == RETIRED else None
    changed = {name: value for name, value in wanted.items() if getattr(item, name) != value}
    if changed:
        CatalogItem.objects.filter(pk=item.pk).update(**changed)


def _shown_fields(manifest: Manifest, standing: Standing) -> dict[str, str]:
    shown = {name: getattr(manifest, name) for name in ("name", "summary", "category", "owner")}
    return {**shown, "lifecycle": standing.lifecycle, "maturity": standing.maturity}


def _retire(present: set[str], now: datetime, progress: _Progress, origin: Origin) -> None:
    offered = CatalogItem.objects.filter(retired_at__isnull=True, source=origin.source)
    gone = offered.exclude(slug__in=present)
    for slug in list(gone.values_list("slug", flat=True)):
        if CatalogItem.objects.filter(slug=slug, retired_at__isnull=True).update(
            retired_at=now, lifecycle=RETIRED
        ):
            progress.retired.append(slug)
