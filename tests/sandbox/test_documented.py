"""The facts and the schema against what the provider's pages and source say of each attribute of a postgres plan."""

from pathlib import Path
from typing import NamedTuple

import pytest

from provisioner.sandbox import schema
from provisioner.sandbox.facts import Facts
from provisioner.sandbox.schema import Block, Schemas

SCHEMAS = Schemas()
FACTS = Facts()

# Where the sandbox differs from what was read, and why it is left so; docs/sandbox.md tells the same.
OTHER_IN_THE_SCHEMA = {
    "aws_cloudwatch_metric_alarm.comparison_operator",
    "aws_cloudwatch_metric_alarm.evaluation_periods",
    "aws_db_instance.apply_immediately",
}
DEFAULTS_NOT_READ = {
    "aws_db_instance.dedicated_log_volume",
    "aws_db_proxy_default_target_group.connection_pool_config",
}


class Documented(NamedTuple):
    """What is said of an attribute: required, optional, computed; whether a change forces a new resource; a default."""

    kind: str
    new: bool
    default: str | None


def documented() -> dict[str, dict[str, Documented]]:
    """Return the list of what was read: type, attribute, statement."""
    types: dict[str, dict[str, Documented]] = {}
    attributes: dict[str, Documented] = {}
    text = (Path(__file__).parent / "documented" / "postgres.txt").read_text()
    for line in text.splitlines():
        if line.startswith("  "):
            name, _, said = line.strip().partition(" ")
            words, equals, default = said.partition("=")
            kind, *rest = words.split()
            attributes[name] = Documented(kind, rest == ["new"], default if equals else None)
        elif line and not line.startswith("#"):
            attributes = types[line] = {}
    return types


def kind_of(block: Block, path: str) -> str | None:
    """Return R, O, C or OC as the schema has it, None for a nested block."""
    first, _, rest = path.partition(".")
    if rest:
        return kind_of(schema.nested_blocks(block)[first]["block"], rest)
    if first in schema.nested_blocks(block):
        return None
    part = schema.attributes(block)[first]
    return (
        "R" if part.get("required") else "O" * bool(part.get("optional")) + "C" * bool(part.get("computed"))
    )


DOCUMENTED = documented()


@pytest.mark.parametrize("name", sorted(DOCUMENTED))
class TestWhatWasRead:
    def test_is_what_the_schema_has(self, name: str) -> None:
        block = SCHEMAS.resource(name)
        kinds = {path: kind_of(block, path) for path in DOCUMENTED[name]}
        other = {
            f"{name}.{path}"
            for path, said in DOCUMENTED[name].items()
            if not said.kind.endswith("?") and kinds[path] not in (None, said.kind)
        }
        assert other == {path for path in OTHER_IN_THE_SCHEMA if path.startswith(f"{name}.")}

    def test_forces_a_new_object_where_the_facts_say_so(self, name: str) -> None:
        forcing = {path for path, said in DOCUMENTED[name].items() if said.new}
        # The block is not said to force a new instance, but each of its arguments is.
        by_their_arguments = {"s3_import"} if name == "aws_db_instance" else set()
        assert forcing | by_their_arguments == set(FACTS.of(name).force_new)

    def test_has_the_defaults_of_the_facts(self, name: str) -> None:
        said = {path: s.default for path, s in DOCUMENTED[name].items() if s.default is not None}
        facts = {
            path: str(value).lower() if isinstance(value, bool) else str(value)
            for path, value in FACTS.of(name).defaults.items()
            if f"{name}.{path}" not in DEFAULTS_NOT_READ
        }
        assert said == facts
