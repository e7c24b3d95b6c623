"""PlanResourceChange: what will be, from what is and what is asked."""

from typing import Any

from provisioner.sandbox import documents, schema, values
from provisioner.sandbox.cloud import Attributes
from provisioner.sandbox.facts import TypeFacts
from provisioner.sandbox.schema import Block
from provisioner.sandbox.session import Session
from provisioner.sandbox.values import UNKNOWN

Path = list[Any]


def plan(
    session: Session,
    type_name: str,
    prior: Attributes | None,
    proposed: Attributes | None,
    config: Attributes,
) -> tuple[Attributes | None, list[Path]]:
    """Return the planned object and the paths whose change forces a new one."""
    if proposed is None:
        return None, []
    block, facts = session.schemas.resource(type_name), session.facts.of(type_name)
    planned = _fill(block, proposed, prior, facts, "")
    if prior is None and values.is_unknown(planned.get("region")):
        planned["region"] = session.region
    if schema.is_taggable(block):
        planned["tags_all"] = session.tags_all(planned.get("tags"))
    if prior is None:
        return planned, []
    _keep_equal_json(facts, prior, planned)
    _forget_what_follows(block, facts, prior, planned, config)
    return planned, _replaced(block, facts, prior, planned)


def _fill(
    block: Block, value: Attributes, prior: Attributes | None, facts: TypeFacts, path: str
) -> Attributes:
    """Settle what the configuration leaves null: defaults, else the prior value, else unknown where computed."""
    out = dict(value)
    for name, part in schema.attributes(block).items():
        if part.get("write_only"):
            out[name] = None
        elif out.get(name) is None:
            if path + name in facts.defaults:
                out[name] = facts.defaults[path + name]
            elif part.get("computed"):
                out[name] = UNKNOWN if prior is None else prior.get(name)
    for name, part in schema.nested_blocks(block).items():
        inner, before = out.get(name), (prior or {}).get(name)
        if not inner and path + name in facts.defaults:
            inner = [schema.conform(part["block"], item) for item in facts.defaults[path + name]]
        if isinstance(inner, dict):
            known = before if isinstance(before, dict) else None
            out[name] = _fill(part["block"], inner, known, facts, f"{path}{name}.")
        elif isinstance(inner, list):
            out[name] = _fill_items(
                part, inner, before if isinstance(before, list) else [], facts, f"{path}{name}."
            )
    return out


def _fill_items(
    part: dict[str, Any], items: list[Any], before: list[Any], facts: TypeFacts, path: str
) -> list[Any]:
    """Fill each item of a nested block from its counterpart: by position in a list, by likeness in a set."""
    block, filled, unused = part["block"], [], list(before)
    for position, item in enumerate(items):
        if not isinstance(item, dict):
            filled.append(item)
            continue
        counterpart: Attributes | None = None
        if part["nesting_mode"] == "list":
            counterpart = before[position] if position < len(before) else None
        else:
            counterpart = next((old for old in unused if _alike(block, item, old, facts, path)), None)
            if counterpart is not None:
                unused.remove(counterpart)
        filled.append(_fill(block, item, counterpart, facts, path))
    return filled


def _alike(block: Block, item: Any, old: Any, facts: TypeFacts, path: str) -> bool:
    """Say whether an item of a set is the old one, as far as the configuration says anything."""
    return bool(
        schema.comparable(block, _fill(block, item, old, facts, path)) == schema.comparable(block, old)
    )


def _keep_equal_json(facts: TypeFacts, prior: Attributes, planned: Attributes) -> None:
    """Keep the prior text of a JSON document that only changed in spelling, as the provider does."""
    for name in facts.json:
        before, after = prior.get(name), planned.get(name)
        if (
            isinstance(before, str)
            and isinstance(after, str)
            and before != after
            and documents.same_json(before, after)
        ):
            planned[name] = before


def _forget_what_follows(
    block: Block, facts: TypeFacts, prior: Attributes, planned: Attributes, config: Attributes
) -> None:
    """Make computed attributes unknown that depend on a changed one."""
    for trigger, followers in facts.unknown_on_change.items():
        changed = (
            not _all_same(block, facts, prior, planned)
            if trigger == "*"
            else not schema.same(block, trigger, prior, planned)
        )
        if changed:
            for name in followers:
                if config.get(name) is None:
                    planned[name] = UNKNOWN


def _all_same(block: Block, facts: TypeFacts, prior: Attributes, planned: Attributes) -> bool:
    """Say whether nothing changes but what Terraform or the tags of the object itself are about."""
    own = {"tags", "tags_all", "timeouts", *facts.kept_from_state}
    names = [*schema.attributes(block), *schema.nested_blocks(block)]
    return all(name in own or schema.same(block, name, prior, planned) for name in names)


def _replaced(block: Block, facts: TypeFacts, prior: Attributes, planned: Attributes) -> list[Path]:
    """Return the paths that changed and cannot be changed in place."""
    paths: list[Path] = []
    for names in facts.force_new_on_switch:
        before, after = ([name for name in names if side.get(name) is not None] for side in (prior, planned))
        if before != after:
            paths += [[name] for name in names if name in before or name in after]
    implied = ["region"] if "region" in schema.attributes(block) else []
    for dotted in [*facts.force_new, *implied]:
        first, _, rest = dotted.partition(".")
        if schema.same(block, first, prior, planned):
            continue
        if not rest:
            paths.append([first])
            continue
        inner = schema.nested_blocks(block)[first]["block"]
        old_items, new_items = prior.get(first) or [], planned.get(first) or []
        if len(old_items) != len(new_items):
            paths.append([first])
        paths += [
            [first, position, rest]
            for position, (old, new) in enumerate(zip(old_items, new_items, strict=False))
            if not schema.same(inner, rest, old, new)
        ]
    return paths
