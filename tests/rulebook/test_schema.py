"""The JSON Schema for editors and the reader of the portal say the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from provisioner.domain.policy.section import PolicyError
from provisioner.rulebook import file as policy_file
from provisioner.rulebook.explain import SECTIONS

POLICY = Path(__file__).resolve().parents[2] / "portal" / "policy"
SHIPPED = (POLICY / "default.yaml").read_text()
DOCUMENTS = {path.name: json.loads(path.read_text()) for path in (POLICY / "schema").glob("*.json")}
REGISTRY: Registry[Any] = Registry().with_resources(
    (name, Resource.from_contents(document)) for name, document in DOCUMENTS.items()
)
VALIDATOR = Draft202012Validator(DOCUMENTS["policy.schema.json"], registry=REGISTRY)

GOOD = {
    "the shipped one": ("", ""),
    "a whole amount": ('"300"', "300"),
    "an amount with cents": ('"300"', '"300.50"'),
    "one criticality": ("[tier-1]", "tier-1"),
    "one limit for all": ("unpriced: true", 'total_above_usd_month: "900"'),
    "a quorum": ("- rule: unpriced\n", "- rule: unpriced\n      quorum: 2\n"),
    "a group of conditions": ("unpriced: true", "any: [{unpriced: true}, {first_use: true, teams: payments}]"),
    "a time to live": ("max_days: {}", "max_days: {development: 90, staging: 3650}"),
    "no normalising": ("[case, trim, spaces]", "false"),
    "an exempt type": ("exempt_types: []", "exempt_types: [aws_s3_object, aws_iam_*]"),
    "a tag with a pattern": ("  exempt_types: []", "  optional: {ticket: {pattern: 'OPS-[0-9]+'}}"),
    "an environment of its own": ("  exempt_types: []", "  environments: {production: {required: {owner-mail: {}}}}"),
    "a usage profile": ("profiles: {}", "profiles: {production: {aws_s3_bucket: {standard: {storage_gb: 500}}}}"),
    "a usage override": ("overrides: []", "overrides: [{item: x, usage: {aws_lb: {processed_bytes_gb: 2.5}}}]"),
    "no optional key": ("expire_after_days: 14", "# none"),
}  # fmt: skip
BAD = {
    "another version": ("version: 1", "version: 2"),
    "a version that is text": ("version: 1", 'version: "1"'),
    "a version that is true": ("version: 1", "version: true"),
    "no version": ("version: 1", "# none"),
    "an unknown section": ("guardrails:", "guard_rails:"),
    "an unknown key": ("criticalities:", "criticality:"),
    "a missing key": ("- rule: unpriced\n      groups: finops\n", "- rule: unpriced\n"),
    "a quorum of nobody": ("- rule: unpriced\n", "- rule: unpriced\n      quorum: 0\n"),
    "a list of nothing": ("[tier-1]", "[]"),
    "a condition of nothing": ("unpriced: true", "any: [{}]"),
    "one person at the glass": ("people: 2", "people: 1"),
    "an escalation to nobody": ("  escalate_to: platform\n", ""),
    "a float for money": ('"300"', "300.5"),
    "a negative amount": ('"300"', "-1"),
    "an amount that is no number": ('"300"', '"much"'),
    "an amount that is true": ('"300"', "true"),
    "a flag that is text": ("unpriced: true", "unpriced: sometimes"),
    "no day": ("expire_after_days: 14", "expire_after_days: 0"),
    "too many days": ("expire_after_days: 14", "expire_after_days: 3651"),
    "days as text": ("expire_after_days: 14", 'expire_after_days: "14"'),
    "an empty group": ("recovery_group: sre", 'recovery_group: ""'),
    "a group that is a number": ("recovery_group: sre", "recovery_group: 7"),
    "a list with a number": ("[tier-1]", "[1]"),
    "a section that is a list": ("max_days: {}", "max_days: [1]"),
    "an unknown level": ("level: hard-mandatory", "level: hard"),
    "an unknown way to normalise": ("[case, trim, spaces]", "[accents]"),
    "an unknown reference": ("reference: team,", "reference: person,"),
    "a type with two stars": ("exempt_types: []", "exempt_types: [aws_*_x*]"),
    "a tag that nothing may stand in": ("allowed: [tier-1, tier-2, tier-3]", "allowed: []"),
    "an override for everything": ("overrides: []", "overrides: [{usage: {}}]"),
    "an override without use": ("overrides: []", "overrides: [{item: x}]"),
    "a negative use": ("profiles: {}", "profiles: {production: {aws_lb: {processed_bytes_gb: -1}}}"),
    "a use that is true": ("profiles: {}", "profiles: {production: {aws_lb: {processed_bytes_gb: true}}}"),
    "a section that is text": ("max_days: {}", "max_days: none"),
}


def edited(change: tuple[str, str]) -> str:
    old, new = change
    assert old in SHIPPED, f"the shipped policy no longer has {old}"
    return SHIPPED.replace(old, new, 1) if old else SHIPPED


def reader_takes(text: str) -> bool:
    try:
        policy_file.load(text.encode())
    except PolicyError:
        return False
    return True


def schema_errors(text: str) -> list[str]:
    return [
        f"{error.json_path}: {error.message} (describe the key in portal/policy/schema/)"
        for error in VALIDATOR.iter_errors(yaml.safe_load(text))
    ]


class TestBoth:
    @pytest.mark.parametrize("what", GOOD)
    def test_take(self, what: str) -> None:
        text = edited(GOOD[what])
        assert reader_takes(text)
        assert schema_errors(text) == []

    @pytest.mark.parametrize("what", BAD)
    def test_refuse(self, what: str) -> None:
        text = edited(BAD[what])
        assert not reader_takes(text)
        assert schema_errors(text)


class TestTheSchema:
    @pytest.mark.parametrize("name", DOCUMENTS)
    def test_is_one(self, name: str) -> None:
        Draft202012Validator.check_schema(DOCUMENTS[name])
        assert DOCUMENTS[name]["$id"] == name

    def test_has_a_file_for_each_section(self) -> None:
        sections = DOCUMENTS["policy.schema.json"]["properties"]
        assert set(sections) - {"version"} == set(SECTIONS)
        assert {part["$ref"] for key, part in sections.items() if key != "version"} <= set(DOCUMENTS)

    def test_is_named_by_the_shipped_policy(self) -> None:
        _, _, address = SHIPPED.partition("$schema=")
        assert (POLICY / address.split()[0]).is_file()
