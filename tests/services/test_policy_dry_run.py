"""What a changed policy would have decided on what was ordered lately."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured
from django.core.management import CommandError, call_command

from provisioner import policy, selectors
from provisioner.models import Run, RunPlan
from provisioner.rulebook import file as policy_file
from provisioner.services import policy_dry_run, submit
from provisioner.services.policy_dry_run import DryRun
from tests.conftest import Organisation
from tests.fakes import FakeEngine
from tests.services.conftest import Order, ask, now, planned

SHIPPED = Path(configured.DRAWBRIDGE_POLICY_FILE).read_text()
STRICT = SHIPPED.replace('development: "100"', 'development: "1"')


def run(text: str, **changed: Any) -> DryRun:
    ticks = count()
    words: dict[str, Any] = {
        "runs": selectors.all_runs(),
        "now": now(),
        "clock": lambda: next(ticks),
        "budget_s": 1000,
        **changed,
    }
    return policy_dry_run.dry_run(policy_file.read(text.encode()), policy.current(), **words)


@pytest.fixture
def two_runs(order: Order, org: Organisation, fake: FakeEngine) -> list[Run]:
    """Return a planned run and one that waits for its plan."""
    first = planned(order(), fake)
    return [first, submit.submit(ask(name="other-db"), requester=org.developer, now=now())]


class TestDryRun:
    def test_says_whom_it_newly_asks_for_plans_and_for_parameters(self, two_runs: list[Run]) -> None:
        result = run(STRICT)
        assert (result.looked_at, result.newly_asked, result.newly_refused) == (2, {"finops": 2}, 0)
        assert {(effect.run.pk, effect.planned) for effect in result.differing} == {
            (two_runs[0].pk, True),
            (two_runs[1].pk, False),
        }
        documents = policy_dry_run.documents(result)
        assert documents["runs"][0]["newly_asked"][0]["rule"] == "cost-limit"
        assert documents["runs"][0]["judged_then_by"] == policy.current().digest

    def test_finds_nothing_where_only_comments_differ(self, two_runs: list[Run]) -> None:
        result = run(SHIPPED + "# a word\n")
        assert (result.looked_at, result.differing) == (2, [])

    def test_says_whom_it_no_longer_asks(self, order: Order, fake: FakeEngine) -> None:
        planned(order("production"), fake)
        result = run(SHIPPED.replace("criticalities: [tier-1]", "criticalities: [tier-9]"))
        assert result.no_longer_asked == {"sre": 1}

    def test_judges_by_the_stored_estimate(self, two_runs: list[Run], settings: Any) -> None:
        estimate = two_runs[0].estimate
        estimate.usd_month = estimate.delta_usd_month = "777.77"
        estimate.save()
        assert run(SHIPPED.replace('development: "100"', 'development: "800"')).no_longer_asked == {
            "finops": 1
        }

    def test_stops_at_its_time_and_says_so(self, two_runs: list[Run]) -> None:
        result = run(STRICT, budget_s=1)
        assert result.looked_at == 1
        assert "stopped after 1 s" in result.stopped

    def test_looks_at_the_newest_alone_and_not_at_drift_checks(self, two_runs: list[Run]) -> None:
        assert run(STRICT, last=1).differing[0].run.pk == two_runs[1].pk
        Run.objects.filter(pk=two_runs[1].pk).update(kind="drift_check")
        assert run(STRICT).looked_at == 1

    def test_names_a_run_that_cannot_be_judged_and_goes_on(self, two_runs: list[Run]) -> None:
        RunPlan.objects.filter(run=two_runs[0]).update(document=b"garbled")
        result = run(STRICT)
        assert result.looked_at == 1
        assert str(two_runs[0].pk) in result.unreadable[0]

    def test_reads_some_runs_at_a_time(self, two_runs: list[Run], django_assert_max_num_queries: Any) -> None:
        with django_assert_max_num_queries(8):
            run(STRICT)


class TestDigests:
    def test_are_stored_with_what_they_decided(
        self, order: Order, fake: FakeEngine, tmp_path: Path, settings: Any
    ) -> None:
        ordered = order("production")
        first = policy.current().digest
        assert ordered.policy_digest == first
        settings.DRAWBRIDGE_POLICY_FILE = tmp_path / "policy.yaml"
        settings.DRAWBRIDGE_POLICY_FILE.write_text(STRICT)
        run = planned(ordered, fake)
        second = policy.current().digest
        assert run.policy_digest == second != first
        assert {step.policy_digest for step in selectors.steps_of(run)} == {second}


class TestCommand:
    @pytest.fixture
    def strict(self, tmp_path: Path) -> str:
        path = tmp_path / "strict.yaml"
        path.write_text(STRICT)
        return str(path)

    def test_checks(self, org: Organisation, strict: str, tmp_path: Path, capsys: Any) -> None:
        call_command("policy", "check", strict)
        assert "digest" in capsys.readouterr().out
        misspelt = tmp_path / "misspelt.yaml"
        misspelt.write_text(STRICT.replace('production: "', 'prodution: "'))
        call_command("policy", "check", str(misspelt))
        assert ".when.delta_above_usd_month.prodution" in capsys.readouterr().err
        bad = tmp_path / "bad.yaml"
        bad.write_text(
            STRICT.replace("  override_group:", "  overide_group:").replace(
                "recovery_group: sre", "recovery_group: 3"
            )
        )
        with pytest.raises(SystemExit) as ended:
            call_command("policy", "check", str(bad))
        said = capsys.readouterr().err
        assert ended.value.code == 1
        assert "approvals.overide_group" in said
        assert "approvals.recovery_group" in said
        assert "line " in said

    def test_tells_what_differs(self, org: Organisation, strict: str, capsys: Any) -> None:
        with pytest.raises(SystemExit):
            call_command("policy", "diff", str(configured.DRAWBRIDGE_POLICY_FILE), strict)
        said = capsys.readouterr().out
        assert "approvals.rules[cost-limit] changed" in said
        assert "development 100" in said
        assert "development 1," in said

    def test_explains_rules_a_run_and_an_order(self, two_runs: list[Run], strict: str, capsys: Any) -> None:
        call_command("policy", "explain")
        assert "above the {limit} USD that {environment} allows unasked" in capsys.readouterr().out
        call_command("policy", "explain", strict, "--run", str(two_runs[0].pk))
        assert "asks finops to approve: cost-limit" in capsys.readouterr().out
        call_command(
            "policy", "explain", "--item", "postgres", "--environment", "production", "--service", "orders"
        )
        assert "asks sre to approve: production-criticality" in capsys.readouterr().out
        for wrong in (["--item", "postgres"], ["--run", "x"]):
            with pytest.raises(CommandError):
                call_command("policy", "explain", *wrong)

    def test_runs_unit_tests(self, org: Organisation, strict: str, capsys: Any) -> None:
        call_command("policy", "test")
        assert ", 0 failed" in capsys.readouterr().out
        with pytest.raises(SystemExit):
            call_command("policy", "test", strict)
        said = capsys.readouterr().out
        assert "FAIL approvals.yaml:" in said
        assert "unexpected finops asked to approve by cost-limit" in said

    def test_dry_runs(self, two_runs: list[Run], strict: str, capsys: Any) -> None:
        call_command("policy", "dry-run", strict, "--last", "10")
        said = capsys.readouterr().out
        assert "2 runs judged by both policies" in said
        assert "newly asks finops: 2" in said

    def test_activates_with_a_reason_and_lists(
        self, org: Organisation, strict: str, settings: Any, capsys: Any
    ) -> None:
        before = policy.current().digest
        call_command("policy", "activate", strict, "--reason", "incident 12")
        after = policy.current().digest
        assert after != before
        call_command("policy", "list")
        assert f"* {after[:12]}" in capsys.readouterr().out
        call_command("policy", "activate", before[:12], "--reason", "over")
        assert policy.current().digest == before
        with pytest.raises(CommandError):
            call_command("policy", "activate", "0" * 12, "--reason", "x")
