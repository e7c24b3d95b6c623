"""The pages about pipelines and tags: their examples are read by what they are written for."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import yaml

from provisioner.domain.policy import tag_rules
from provisioner.domain.policy.section import Reading, Section
from provisioner.domain.tags_finding import (
    KEYS,
    LIMITS,
    MISSING,
    NORMAL_FORM,
    NOT_JUDGED,
    REFERENCES,
    SHAPES,
    UNKNOWN,
    VALUES,
)
from provisioner.rulebook.command import _arguments
from provisioner.rulebook.rule_texts import TEXTS

DOCS = Path(__file__).parents[2] / "docs"
PIPELINES = (DOCS / "pipelines.md").read_text()
TAG_POLICY = (DOCS / "tag-policy.md").read_text()


def example(text: str, first_line: str = "") -> Any:
    (block,) = [
        part for part in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if part.startswith(first_line)
    ]
    return yaml.safe_load(block)


def commands(lines: list[str]) -> list[list[str]]:
    return [shlex.split(line)[1:] for line in lines if line.startswith("drawbridge-policy ")]


class TestTheExampleForGithub:
    def test_runs_the_command_as_it_takes_its_options(self) -> None:
        workflow = example(PIPELINES, "# .github/")
        steps = workflow["jobs"]["plan"]["steps"]
        (check,) = commands([step.get("run", "") for step in steps])
        wanted = _arguments().parse_args(check)
        assert (wanted.plan, wanted.format, wanted.output) == ("plan.json", "sarif", "policy.sarif")
        (upload,) = [step for step in steps if "upload-sarif" in step.get("uses", "")]
        assert (upload["with"]["sarif_file"], upload["if"]) == (wanted.output, "always()")
        assert workflow["permissions"]["security-events"] == "write"


class TestTheExampleForGitlab:
    def test_runs_the_command_as_it_takes_its_options(self) -> None:
        pipeline = example(PIPELINES, "# .gitlab-ci.yml")
        (check,) = commands(pipeline["policy"]["script"])
        wanted = _arguments().parse_args(check)
        assert (wanted.format, wanted.output) == (
            "junit",
            pipeline["policy"]["artifacts"]["reports"]["junit"],
        )
        assert wanted.plan in pipeline["plan"]["artifacts"]["paths"]
        assert {pipeline["plan"]["stage"], pipeline["policy"]["stage"]} == set(pipeline["stages"])


class TestTheOptions:
    def test_are_all_told(self) -> None:
        (subparsers,) = [action for action in _arguments()._actions if action.dest == "command"]
        choices: Any = subparsers.choices
        options = {
            name for action in choices["check"]._actions for name in action.option_strings if name[:2] == "--"
        }
        assert options - {"--help"} == set(re.findall(r"`(--[a-z-]+)", PIPELINES.split("exit code")[0])) - {
            "--format json"
        }


class TestThePageAboutTags:
    def test_has_an_example_that_is_a_policy(self) -> None:
        reading = Reading()
        policy = tag_rules.read(Section(example(TAG_POLICY)["tags"], ("tags",), reading))
        assert reading.problems == []
        assert [key.key for key in policy.keys_of("production") if key.required][-1] == "data-class"

    def test_tells_every_rule(self) -> None:
        rules = {KEYS, LIMITS, MISSING, NORMAL_FORM, NOT_JUDGED, REFERENCES, SHAPES, UNKNOWN, VALUES}
        assert (
            set(re.findall(r"^\| `([a-z-]+)` \|", TAG_POLICY.split("## What is found")[1], re.MULTILINE))
            == rules
        )
        assert rules <= TEXTS.keys()
