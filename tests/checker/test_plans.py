"""Plans that the portal did not make, by real Terraform: every finding of each of the three shapes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from provisioner.domain.context import Context
from provisioner.domain.cost import parse_price_book
from provisioner.domain.finding import Level
from provisioner.domain.organisation import Organisation, ServiceFacts
from provisioner.rulebook import command, file, plan_file
from provisioner.rulebook.checker import Checker
from provisioner.rulebook.report import Report
from tests.data.plans import __main__ as plans
from tests.domain.documents import PRICES

DATA = Path(__file__).parents[1] / "data" / "plans"
ROOT = Path(__file__).parents[2]
TAGGABLE = frozenset(json.loads((ROOT / "provisioner" / "taggable.json").read_text()))
ORGANISATION = Organisation(
    services={
        "orders": ServiceFacts("shop", "cc-100", "tier-1"),
        "ledger": ServiceFacts("payments", "cc-200", "tier-1"),
        "events": ServiceFacts("shop", "cc-100", "tier-3"),
    },
    teams=frozenset({"shop", "payments"}),
    cost_centers=frozenset({"cc-100", "cc-200"}),
    environments=frozenset({"staging", "production"}),
)
HARD, ADVISORY = Level.HARD_MANDATORY, Level.ADVISORY
ALL = "service, team-owner, cost-center, environment and criticality"


def report(name: str, organisation: Organisation | None = ORGANISATION) -> Report:
    policy = file.read(command.shipped_policy())
    with (DATA / f"{name}.json").open("rb") as stream:
        read = plan_file.read(stream)
    book = parse_price_book(PRICES.read_text(), "us-east-1")
    checker = Checker(policy=policy, taggable=TAGGABLE.__contains__, organisation=organisation, book=book)
    return checker.check(read, Context())


def told(name: str) -> list[tuple[str, str, Level, str]]:
    return [
        (f.where, f.rule, f.level, f.what)
        for f in report(name).findings
        if f.rule.startswith(("tag", "required"))
    ]


class TestPlainResources:
    def test_have_these_findings(self) -> None:
        assert told("plain") == [
            (
                "aws_autoscaling_group.workers",
                "tag-shapes",
                ADVISORY,
                "The Auto Scaling group has no tag block for cost-center, environment, criticality.",
            ),
            (
                "aws_autoscaling_group.workers",
                "tag-shapes",
                ADVISORY,
                "Instances of the Auto Scaling group would not get team-owner.",
            ),
            (
                "aws_cloudwatch_log_group.unknown",
                "tags-unknown",
                ADVISORY,
                f"Terraform knows the tags {ALL} only after the apply, so what stands there could not be checked.",
            ),
            (
                "aws_kms_key.wrong",
                "tag-values",
                HARD,
                'The tag criticality is "tier-9", which is not allowed.',
            ),
            ("aws_kms_key.wrong", "required-tags", HARD, "The tag environment is missing."),
            (
                "aws_launch_template.workers",
                "tag-shapes",
                ADVISORY,
                "What the launch template makes of kind volume would not get "
                "service, team-owner, cost-center, environment, criticality.",
            ),
            (
                "aws_s3_bucket.almost",
                "tag-keys",
                HARD,
                'The tag "CostCenter" stands for cost-center, which is missing.',
            ),
            (
                "aws_s3_bucket.almost",
                "tag-keys",
                HARD,
                'The tag "env" stands for environment, which is missing.',
            ),
            (
                "aws_s3_bucket.almost",
                "tag-normal-form",
                ADVISORY,
                'The tag criticality is "Tier 1"; its normal form is "tier-1".',
            ),
            (
                "aws_sns_topic.forgotten",
                "required-tags",
                HARD,
                "The tags cost-center, environment and criticality are missing.",
            ),
        ]

    def test_are_all_looked_at_but_those_without_tags(self) -> None:
        found = report("plain")
        assert (found.resources, len(found.checked), found.passed) == (9, 8, False)
        assert "aws_kms_alias.untaggable" not in found.checked

    def test_are_priced_and_say_what_is_not(self) -> None:
        cost = report("plain").cost
        assert cost is not None
        assert (cost.region, cost.delta_usd_month) == ("us-east-1", cost.estimate.usd_month)
        assert {item.address for item in cost.estimate.line_items} >= {
            "aws_kms_key.wrong",
            "aws_secretsmanager_secret.later",
        }


class TestNestedModules:
    def test_have_these_findings(self) -> None:
        missing = "The tags team-owner, cost-center, environment and criticality are missing."
        by_rule: dict[str, list[tuple[str, str]]] = {}
        for where, rule, level, what in told("nested"):
            assert level is HARD
            by_rule.setdefault(rule, []).append((where, what))
        assert by_rule["required-tags"] == [
            ('module.app["billing"].aws_s3_bucket.replica', f"The tags {ALL} are missing."),
            ('module.app["billing"].aws_s3_bucket.this', "The tag cost-center is missing."),
            ('module.app["orders"].aws_s3_bucket.replica', f"The tags {ALL} are missing."),
            ('module.app["orders"].aws_s3_bucket.this', "The tag cost-center is missing."),
            ("module.events.aws_cloudwatch_metric_alarm.depth[0]", missing),
            ('module.events.aws_sqs_queue.this["failed"]', missing),
            ('module.events.aws_sqs_queue.this["main"]', missing),
        ]
        assert set(by_rule) == {"required-tags", "tag-references"}
        assert {what for _, what in by_rule["tag-references"]} == {
            'The tag criticality is "tier-2", but the criticality of the service "orders" is "tier-1".'
        }
        assert len(by_rule["tag-references"]) == 11

    def test_name_the_module_that_is_not_edited_here_and_the_provider(self) -> None:
        fixes = {f.where: f.fix for f in report("nested").findings if f.rule == "required-tags"}
        assert fixes['module.events.aws_sqs_queue.this["main"]'] == (
            "module.events comes from registry.example.com/platform/queue/aws and is not edited here: add team-owner, "
            "cost-center, environment and criticality to the default_tags of the provider aws, or pass tags to "
            'module.events. Here: team-owner = "shop". Here: cost-center = "cc-100". Here: criticality = "tier-3".'
        )
        assert fixes['module.app["orders"].aws_s3_bucket.replica'] == (
            f"Add {ALL} to the default_tags of the provider aws.replica, or to the tags of aws_s3_bucket.replica."
        )

    def test_are_all_looked_at(self) -> None:
        found = report("nested")
        assert (found.resources, len(found.checked)) == (16, 16)


class TestADataHeavyPlan:
    def test_has_these_findings(self) -> None:
        stays = "The plan does not change this resource."
        normal = f'The tag cost-center is "CC-200"; its normal form is "cc-200". {stays}'
        missing = f"The tag criticality is missing. {stays}"
        archive = "aws_s3_bucket.archive[0]"
        assert sorted(told("data_heavy")) == sorted(
            [
                *(
                    (address, "tag-normal-form", ADVISORY, normal)
                    for address in (
                        'aws_iam_policy.read["invoices"]',
                        'aws_iam_policy.read["receipts"]',
                        'aws_iam_policy.read["statements"]',
                        "aws_iam_role.reader",
                        "aws_kms_key.ledger",
                        "aws_s3_bucket.existing",
                    )
                ),
                *(
                    (address, "required-tags", ADVISORY, missing)
                    for address in (
                        'aws_iam_policy.read["invoices"]',
                        'aws_iam_policy.read["receipts"]',
                        'aws_iam_policy.read["statements"]',
                        "aws_s3_bucket.existing",
                    )
                ),
                (
                    archive,
                    "tag-normal-form",
                    ADVISORY,
                    'The tag cost-center is "CC-200"; its normal form is "cc-200".',
                ),
                (
                    archive,
                    "tag-references",
                    HARD,
                    'The tag criticality is "tier-3", but the criticality of the service "ledger" is "tier-1".',
                ),
            ]
        )

    def test_counts_no_data_sources(self) -> None:
        found = report("data_heavy")
        assert (found.resources, len(found.checked)) == (7, 7)

    def test_passes_where_the_organisation_is_not_known(self) -> None:
        found = report("data_heavy", organisation=None)
        assert found.passed
        assert [f.where for f in found.findings if f.rule == "tags-not-judged"] == ["plan"]


@pytest.mark.thorough
class TestThePlansBesideTheirConfigurations:
    @pytest.mark.parametrize("name", list(plans.PLANS))
    def test_are_what_terraform_makes_of_them(self, name: str, tmp_path: Path) -> None:
        terraform = shutil.which("terraform") or shutil.which("tofu")
        if terraform is None:
            pytest.skip("neither terraform nor tofu is on PATH")
        made = plans.make(name, terraform, tmp_path)
        kept = json.loads((DATA / f"{name}.json").read_text())
        assert [
            (row["address"], row["change"]["actions"], row["change"]["after_unknown"])
            for row in made["resource_changes"]  # type: ignore[attr-defined]
        ] == [
            (row["address"], row["change"]["actions"], row["change"]["after_unknown"])
            for row in kept["resource_changes"]
        ]
