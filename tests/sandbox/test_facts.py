"""The facts under types/ against the schema: no slip of the pen stays unseen."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provisioner.sandbox import schema, sources, templates
from provisioner.sandbox.facts import Facts, TypeFacts
from provisioner.sandbox.schema import Schemas

DATA = Path(schema.PATH).parent
SCHEMAS = Schemas()
FACTS = Facts()
PLACES = {"account", "region", "uuid", "now"}


def has(block: schema.Block, path: str) -> bool:
    """Say whether a dotted path leads to an attribute or nested block."""
    first, _, rest = path.partition(".")
    if rest:
        return first in schema.nested_blocks(block) and has(schema.nested_blocks(block)[first]["block"], rest)
    return first in schema.attributes(block) or first in schema.nested_blocks(block)


def paths(facts: TypeFacts) -> Iterator[str]:
    """Yield every path that a type's facts name."""
    yield from [*facts.force_new, *facts.defaults, *facts.computed, *facts.checks, *facts.json, *facts.unique]
    yield from [*facts.kept_from_state, *facts.import_as]
    yield from (name for name in facts.unknown_on_change if name != "*")
    for names in [
        *facts.force_new_on_switch,
        *facts.conflicts,
        *facts.one_of,
        *facts.unknown_on_change.values(),
    ]:
        yield from names
    yield from (reference.attribute for reference in facts.references)
    yield from (rule["attribute"] for rule in facts.refuse_delete)
    if facts.inherit:
        yield from [facts.inherit["attribute"], *facts.inherit["keys"], *facts.inherit["take"]]
    if facts.final_snapshot:
        yield from (facts.final_snapshot[key] for key in ("skip", "name") if key in facts.final_snapshot)
        yield from facts.final_snapshot["copy"]


@pytest.mark.parametrize("name", FACTS.names())
class TestTheFactsOfAType:
    def test_are_about_a_type_that_is_served(self, name: str) -> None:
        assert name in SCHEMAS.resources

    def test_name_attributes_that_exist(self, name: str) -> None:
        block = SCHEMAS.resource(name)
        assert [path for path in paths(FACTS.of(name)) if not has(block, path)] == []

    def test_say_what_was_read_for_them(self, name: str) -> None:
        pages = FACTS.of(name).documentation
        assert all(re.fullmatch(r"(website/docs/r|internal/service)/.+", page) for page in pages)
        assert pages

    def test_fill_in_attributes_that_exist(self, name: str) -> None:
        block, facts = SCHEMAS.resource(name), FACTS.of(name)
        read: set[str] = set().union(
            *map(templates.names, facts.computed.values()), templates.names(facts.import_by)
        )
        unknown = {n for n in read - PLACES if not n.lower().startswith("hex") and not has(block, n)}
        assert unknown == set()

    def test_compute_only_what_the_schema_calls_computed(self, name: str) -> None:
        block = SCHEMAS.resource(name)
        top = [path for path in FACTS.of(name).computed if "." not in path]
        assert [path for path in top if not schema.attributes(block)[path].get("computed")] == []

    def test_give_a_default_only_to_what_has_none_in_the_schema(self, name: str) -> None:
        attributes: dict[str, Any] = schema.attributes(SCHEMAS.resource(name))
        assert [n for n in FACTS.of(name).defaults if attributes.get(n, {}).get("computed")] == []

    def test_refer_to_types_that_are_served(self, name: str) -> None:
        for reference in FACTS.of(name).references:
            assert all(has(SCHEMAS.resource(reference.type), key) for key in reference.keys)


class TestEveryServedType:
    def test_is_named_in_the_list_the_schema_is_cut_by(self) -> None:
        lines = (DATA / "types.txt").read_text().splitlines()
        served = [*SCHEMAS.resources, *(f"data.{name}" for name in SCHEMAS.data_sources)]
        assert sorted(served) == sorted(line for line in lines if not line.startswith("#"))

    def test_is_in_the_list_of_taggable_types_when_it_takes_tags(self) -> None:
        taggable = set(json.loads((DATA.parent.parent / "taggable.json").read_text()))
        served = {name for name in SCHEMAS.resources if schema.is_taggable(SCHEMAS.resource(name))}
        assert served == taggable & set(SCHEMAS.resources)

    def test_marks_its_secrets(self) -> None:
        assert schema.secret_attributes(SCHEMAS.resource("aws_db_instance")) == {"password", "password_wo"}

    def test_has_facts(self) -> None:
        assert sorted(SCHEMAS.resources) == FACTS.names()

    def test_is_read_when_it_is_a_data_source(self) -> None:
        assert sorted(SCHEMAS.data_sources) == sources.names()

    def test_refuses_facts_that_nothing_reads(self) -> None:
        with pytest.raises(ValueError, match="unknown facts \\['forcenew'\\]"):
            TypeFacts("aws_thing", {"forcenew": []})
