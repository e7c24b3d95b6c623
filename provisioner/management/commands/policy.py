"""`manage.py policy`: check, explain, compare, test, dry-run and activate policies."""

import argparse
import sys
import time
import uuid
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from catalog.models import CatalogItem, Environment, Service
from provisioner import policy, policy_store, selectors
from provisioner.domain.errors import Refusal
from provisioner.domain.judging import Judgement
from provisioner.domain.policy.section import PolicyError
from provisioner.domain.run import RunKind
from provisioner.models import PolicyActivation, PolicyVersion, Run
from provisioner.rulebook import unit_test_file, unit_tests
from provisioner.rulebook.diff import diff
from provisioner.rulebook.explain import RuleWords, explain
from provisioner.rulebook.file import Loaded
from provisioner.services import policies, policy_dry_run, policy_explain
from provisioner.services.policy_dry_run import Effect


class Command(BaseCommand):
    """Work on policies: read-only but for `activate` and `refresh`."""

    help = (
        "Check, explain, compare, test, dry-run and activate policies: a file, a folder, or a digest of one."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        check = acts.add_parser("check", help="say all that is wrong with a policy, with its lines; 0 or 1")
        check.add_argument("policy")
        explained = acts.add_parser("explain", help="say in words what each rule does, or which ones apply")
        explained.add_argument("policy", nargs="?", help="the one in force when left out")
        explained.add_argument("--run", help="id of a run: what the policy says to it")
        explained.add_argument("--item", help="slug of a catalog item; with --environment and --service")
        explained.add_argument("--environment")
        explained.add_argument("--service")
        compared = acts.add_parser("diff", help="say which rules differ, before and after; 0 none, 1 some")
        compared.add_argument("before")
        compared.add_argument("after")
        tested = acts.add_parser("test", help="run unit tests on a policy; 0 or 1")
        tested.add_argument("policy", nargs="?", help="the one in force when left out")
        tested.add_argument("--tests", action="append", type=Path, help="file or folder of tests; repeatable")
        dry = acts.add_parser("dry-run", help="say what a policy would have decided on the newest runs")
        dry.add_argument("policy")
        dry.add_argument("--last", type=int, default=policy_dry_run.LAST)
        dry.add_argument("--seconds", type=float, default=120, help="stop after so long")
        acts.add_parser("list", help="list the versions that were ever in force")
        active = acts.add_parser("activate", help="put a policy into force without review; needs a reason")
        active.add_argument("policy")
        active.add_argument("--reason", required=True)
        acts.add_parser(
            "refresh", help="look at the policy's source now, and switch to it when it was set anew"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        act = getattr(self, f"_{options['act'].replace('-', '_')}")
        try:
            failed = act(options)
        except Refusal as refusal:
            for error in refusal.errors:
                self.stderr.write(error.message)
            raise CommandError(refusal.detail) from refusal
        if failed:
            sys.exit(1)

    def _check(self, options: dict[str, Any]) -> bool:
        """Return whether the policy has problems."""
        try:
            found = _read(options["policy"])
        except PolicyError as error:
            for problem in error.problems:
                self.stderr.write(f"{options['policy']}: {problem}")
            self.stderr.write(f"{len(error.problems)} problem(s).")
            return True
        checked = policies.check(found.text)
        problems = checked.problems
        for problem in problems:
            self.stderr.write(f"{options['policy']}: {problem}")
        for warning in checked.warnings:
            self.stderr.write(f"{options['policy']}: warning: {warning}")
        if not problems:
            self.stdout.write(
                f"{options['policy']}: {len(explain(found))} rules, digest {found.policy.digest}"
            )
        return bool(problems)

    def _explain(self, options: dict[str, Any]) -> None:
        found = self._policy(options["policy"])
        if options["run"]:
            run = _run(options["run"])
            kept = policy_dry_run.stored(run, now=timezone.now())
            self.stdout.write(
                f"{run.kind} of {run.workspace.name}, judged by its {'plan' if kept.planned else 'parameters'}; "
                "facts as known now"
            )
            self._said(found, kept.judged_by(found.policy))
        elif options["item"]:
            self._said(found, _judged_order(found, options))
        else:
            section = ""
            for rule in explain(found):
                if rule.section != section:
                    section = rule.section
                    self.stdout.write(section)
                self.stdout.write(f"  {_line(rule)}")

    def _said(self, found: Loaded, said: Judgement) -> None:
        self.stdout.write(
            f"It costs {said.estimate.usd_month} USD a month, {said.delta_usd_month:+} USD against before."
        )
        for finding in said.findings:
            self.stdout.write(
                f"{finding.level.value}: {finding.rule} at {finding.where}\n  {finding.what}\n  {finding.why}\n"
                f"  What to do: {finding.fix}"
            )
        for step in said.steps:
            self.stdout.write(f"asks {step.group} to {step.verdict_needed}: {step.rule}\n  {step.reason}")
        if not said.findings and not said.steps:
            self.stdout.write("No rule objects, and nobody is asked.")
        quiet = policy_explain.quiet(found, said)
        if quiet:
            self.stdout.write("These rules say nothing to it:")
            for rule in quiet:
                self.stdout.write(f"  {_line(rule)}")

    def _diff(self, options: dict[str, Any]) -> bool:
        """Return whether anything differs."""
        found = diff(self._policy(options["before"]), self._policy(options["after"]))
        for change in found:
            self.stdout.write(str(change))
        if not found:
            self.stdout.write("The rules are the same.")
        return bool(found)

    def _test(self, options: dict[str, Any]) -> bool:
        """Return whether a test failed."""
        found = self._policy(options["policy"])
        paths = options["tests"] or [Path(settings.DRAWBRIDGE_POLICY_TESTS)]
        try:
            cases = [case for path in paths for case in unit_test_file.read_path(path)]
        except PolicyError as error:
            raise CommandError(str(error)) from error
        results = list(
            unit_tests.run(cases, found.policy, book=policy.price_book("us-east-1"), taggable=policy.taggable)
        )
        for line in unit_tests.report(results):
            self.stdout.write(line)
        return not results or any(result.failures for result in results)

    def _dry_run(self, options: dict[str, Any]) -> None:
        candidate = self._policy(options["policy"])
        _, in_force = policies.in_force()
        result = policy_dry_run.dry_run(
            candidate.policy,
            in_force.policy,
            runs=selectors.all_runs(),
            last=options["last"],
            now=timezone.now(),
            clock=time.monotonic,
            budget_s=options["seconds"],
            on_effect=self._effect,
        )
        self.stdout.write(
            f"{result.looked_at} runs judged by both policies (facts as known now): "
            f"{len(result.differing)} differ, {result.newly_refused} newly refused, "
            f"{result.newly_allowed} newly allowed, {result.levels_changed} with other levels"
        )
        for group, count in sorted(result.newly_asked.items()):
            self.stdout.write(f"newly asks {group}: {count}")
        for group, count in sorted(result.no_longer_asked.items()):
            self.stdout.write(f"no longer asks {group}: {count}")
        for reason in result.unreadable:
            self.stderr.write(f"not judged: {reason}")
        if result.stopped:
            self.stderr.write(result.stopped)

    def _effect(self, effect: Effect) -> None:
        if not effect.differs:
            return
        run = effect.run
        self.stdout.write(f"{run.pk} {run.kind} {run.workspace.name} in {run.workspace.environment.slug}")
        if effect.newly_refused:
            self.stdout.write("  newly refused")
        if effect.newly_allowed:
            self.stdout.write("  newly allowed")
        for finding in effect.new_findings:
            self.stdout.write(f"  + {finding.level.value} {finding.rule} at {finding.where}: {finding.what}")
        for finding in effect.gone_findings:
            self.stdout.write(f"  - {finding.level.value} {finding.rule} at {finding.where}: {finding.what}")
        for level in effect.levels:
            self.stdout.write(f"  {level.rule} at {level.where}: {level.before} -> {level.after}")
        for step in effect.newly_asked:
            self.stdout.write(f"  newly asks {step.group} to {step.verdict_needed}: {step.reason}")
        for step in effect.no_longer_asked:
            self.stdout.write(f"  no longer asks {step.group} to {step.verdict_needed}: {step.reason}")

    def _list(self, options: dict[str, Any]) -> None:
        standing, _ = policies.in_force()
        for version in PolicyVersion.objects.select_related("author"):
            mark = "*" if version.pk == standing.version_id else " "
            origin = version.origin
            where = origin.get("commit") or origin.get("path") or f"proposal {origin.get('proposal', '')}"
            last = PolicyActivation.objects.filter(version=version).first()
            since = f"in force from {last.at:%Y-%m-%d %H:%M}" if last else "never in force"
            self.stdout.write(f"{mark} {version.digest[:12]} {version.source:6} {since} {where}")
        for problem in standing.refused.get("problems", ()):
            self.stderr.write(f"refused: line {problem['line']}: {problem['what']} {problem['fix']}")

    def _activate(self, options: dict[str, Any]) -> None:
        found = self._policy(options["policy"])
        standing, _ = policies.in_force()
        if found.policy.digest == standing.version.digest:
            self.stdout.write(f"{found.policy.digest[:12]} is in force already.")
            return
        now = timezone.now()
        policies.refuse_bad(found.text)
        path = Path(options["policy"])
        origin = {"path": str(path.resolve())} if path.exists() else {}
        version = policy_store.keep(found.text, source=policy_store.EDITED, origin=origin, now=now)
        policies.activate(version, instead_of=standing.version_id, reason=options["reason"], now=now)
        self.stdout.write(f"{version.digest[:12]} is in force instead of {standing.version.digest[:12]}.")

    def _refresh(self, options: dict[str, Any]) -> bool:
        """Return whether what is at the source cannot be used."""
        result = policies.refresh(now=timezone.now(), switch=True)
        for problem in result.problems:
            self.stderr.write(str(problem))
        self.stdout.write(
            f"{result.digest[:12]} is in force{' since now' if result.changed else ', as before'}."
        )
        return bool(result.problems)

    def _policy(self, named: str | None) -> Loaded:
        """Return the policy of a file, a folder or a digest; the one in force when none is named."""
        if named is None:
            return policies.in_force()[1]
        try:
            return _read(named)
        except PolicyError as error:
            raise CommandError(f"{named} cannot be used:\n{error}") from error


def _read(named: str) -> Loaded:
    path = Path(named)
    if path.exists() or path.suffix:
        return policy.read_policy(path)
    return policy_store.loaded(policies.version_named(named).digest)


def _line(rule: RuleWords) -> str:
    where = f"line {rule.line}: " if rule.line else ""
    level = f" ({rule.level})" if rule.level else ""
    return f"{where}{rule.title}{level}: {rule.words}"


def _run(run_id: str) -> Run:
    try:
        found = selectors.all_runs().filter(pk=uuid.UUID(run_id)).first()
    except ValueError:
        found = None
    if found is None:
        raise CommandError(f"There is no run {run_id}.")
    return found


def _judged_order(found: Loaded, options: dict[str, Any]) -> Judgement:
    rows: dict[str, Any] = {}
    for name, model in (("item", CatalogItem), ("environment", Environment), ("service", Service)):
        slug = options[name]
        if not slug:
            raise CommandError("--item needs --environment and --service.")
        rows[name] = model.objects.filter(slug=slug).first()
        if rows[name] is None:
            raise CommandError(f"There is no {name} {slug}.")
    return policy_explain.judged_order(found.policy, kind=RunKind.PROVISION, now=timezone.now(), **rows)
