"""`manage.py sync_catalog`: publish the modules of folders and Git repositories."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from catalog.git import GitLimits, checked_out
from catalog.problems import ManifestProblem
from catalog.sources import LOCAL_NAME, FolderSource, GitSource, Origin, UnfitSource, git_source, read_sources
from catalog.sync import SyncReport, sync_catalog
from catalog.yaml_file import UnreadableFile


class Command(BaseCommand):
    """Publish every module that has a catalog.yaml; exit with 1 when one was refused."""

    help = (
        "Publish the modules of a folder or of a Git repository as catalog item versions. Without --path, --git and "
        "--source: those of DRAWBRIDGE_MODULES_DIR and of every source in DRAWBRIDGE_CATALOG_SOURCES. Safe to repeat; "
        "exits with 1 when something is refused."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--path", type=Path, help="folder of the modules")
        which.add_argument("--git", metavar="URL", help="https:// or ssh:// address of a Git repository")
        which.add_argument(
            "--source", metavar="NAME", help="one source of DRAWBRIDGE_CATALOG_SOURCES, or local"
        )
        parser.add_argument("--ref", help="with --git: the branch, tag or full commit id")
        parser.add_argument("--subpath", help="with --git: the folder of the modules in the repository")
        parser.add_argument(
            "--retire-missing",
            action="store_true",
            help="no longer offer items of the same source whose folder is gone",
        )
        parser.add_argument(
            "--adopt",
            action="store_true",
            help="with --path, --git or --source: take over items that another source offers",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        refused = 0
        for source in self._sources(options):
            report = _sync(source, retire_missing=options["retire_missing"], adopt=options["adopt"])
            self._print(report)
            refused += len(report.refused)
        if refused:
            self.stderr.write(f"{refused} problem(s); what was published before stays as it is.")
            sys.exit(1)

    def _sources(self, options: dict[str, Any]) -> list[GitSource | FolderSource]:
        if options["git"] is None and (options["ref"] is not None or options["subpath"] is not None):
            raise CommandError("--ref and --subpath belong to --git")
        if options["git"] is not None:
            if options["ref"] is None:
                raise CommandError("--git needs --ref: the branch, tag or full commit id to publish")
            try:
                return [git_source(options["git"], options["ref"], options["subpath"] or "")]
            except UnfitSource as error:
                raise CommandError(str(error)) from error
        if options["path"] is not None:
            return [FolderSource(LOCAL_NAME, options["path"].resolve())]
        try:
            configured = _configured()
        except UnreadableFile as error:
            raise CommandError("\n".join(str(problem) for problem in error.problems)) from error
        everything = [FolderSource(LOCAL_NAME, Path(settings.DRAWBRIDGE_MODULES_DIR)), *configured]
        if options["source"] is not None:
            named = [source for source in everything if source.name == options["source"]]
            if not named:
                known = ", ".join(source.name for source in everything)
                raise CommandError(
                    f"there is no source {options['source']} in DRAWBRIDGE_CATALOG_SOURCES ({known})"
                )
            return named
        if options["adopt"]:
            raise CommandError("--adopt needs one source: give --path, --git or --source with it")
        return everything

    def _print(self, report: SyncReport) -> None:
        for name in report.created:
            self.stdout.write(f"published {name}")
        for name in report.unchanged:
            self.stdout.write(f"unchanged {name}")
        for what in report.moved:
            self.stdout.write(f"moved     {what}")
        for slug in report.retired:
            self.stdout.write(f"retired   {slug}")
        for problem in report.refused:
            self.stderr.write(str(problem))


def _configured() -> tuple[GitSource | FolderSource, ...]:
    """Return the sources of the settings. Raises UnreadableFile."""
    name = settings.DRAWBRIDGE_CATALOG_SOURCES
    if not name:
        return ()
    try:
        text = Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = f"cannot be read ({type(error).__name__}); DRAWBRIDGE_CATALOG_SOURCES names it"
        raise UnreadableFile(ManifestProblem(name, 0, reason)) from error
    return read_sources(text, name)


def _sync(source: GitSource | FolderSource, *, retire_missing: bool, adopt: bool) -> SyncReport:
    """Publish one source; one that cannot be reached is a problem of its own and retires nothing."""
    if isinstance(source, FolderSource):
        origin = Origin(source.name)
        return sync_catalog(
            source.path, timezone.now(), retire_missing=retire_missing, origin=origin, adopt=adopt
        )
    limits = GitLimits(
        timeout_s=settings.DRAWBRIDGE_GIT_TIMEOUT_S,
        max_bytes=settings.DRAWBRIDGE_GIT_MAX_MIB * 1024 * 1024,
        allow_file=settings.DRAWBRIDGE_GIT_ALLOW_FILE,
    )
    try:
        with checked_out(source, limits) as checkout:
            return sync_catalog(
                checkout.path,
                timezone.now(),
                retire_missing=retire_missing,
                origin=checkout.origin,
                adopt=adopt,
            )
    except UnfitSource as error:
        return SyncReport(refused=(ManifestProblem(f"source {source.name}", 0, str(error)),))
