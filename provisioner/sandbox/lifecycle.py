"""ApplyResourceChange, ReadResource and ImportResourceState: objects made, changed, found and removed."""

import os
from typing import Any

from provisioner.sandbox import documents, references, schema, templates, values
from provisioner.sandbox.cloud import Attributes, Fault
from provisioner.sandbox.facts import TypeFacts
from provisioner.sandbox.faults import CloudError
from provisioner.sandbox.schema import Block
from provisioner.sandbox.session import Session


def apply(
    session: Session, type_name: str, prior: Attributes | None, planned: Attributes | None
) -> tuple[Attributes | None, CloudError | None]:
    """Carry out a planned change; return the new state and what went wrong after the cloud had acted.

    Raises CloudError when nothing was done.
    """
    facts = session.facts.of(type_name)
    if planned is None:
        return _delete(session, facts, prior or {})
    block = session.schemas.resource(type_name)
    if prior is None:
        return _create(session, facts, block, planned)
    return _update(session, facts, block, prior, planned)


def read(session: Session, type_name: str, state: Attributes) -> Attributes | None:
    """Return an object as the cloud has it now, None when it is gone."""
    facts, block = session.facts.of(type_name), session.schemas.resource(type_name)
    _fail(session.cloud.take_fault(type_name, "read"), session, "reading", facts, state)
    found = session.cloud.get(session.key(facts, state))
    if found is None:
        return None
    for name in (*facts.kept_from_state, *schema.secret_attributes(block), "timeouts"):
        found[name] = state.get(name)
    for name in facts.json:  # the same document in the spelling that Terraform knows
        there, known = found.get(name), state.get(name)
        if isinstance(there, str) and isinstance(known, str) and documents.same_json(there, known):
            found[name] = known
    if schema.is_taggable(block):
        _read_tags(session, found, state)
    return schema.conform(block, found)


def import_(session: Session, type_name: str, identity: str) -> Attributes:
    """Return the object that `terraform import` names. Raises CloudError when there is none."""
    facts, block = session.facts.of(type_name), session.schemas.resource(type_name)
    for found in session.all(type_name):
        if identity in (templates.expand(facts.import_by, found, session), found["id"]):
            if schema.is_taggable(block):
                _read_tags(session, found, {})
            found.update(
                {name: facts.import_as.get(name, facts.defaults.get(name)) for name in facts.kept_from_state}
            )
            return schema.conform(block, found)
    raise CloudError(
        "Cannot import non-existent remote object",
        f"The sandbox cloud has no {facts.label} {identity!r} in {session.region}. List what it has with"
        f" `python -m provisioner.sandbox list --type {type_name}`.",
    )


def _create(
    session: Session, facts: TypeFacts, block: Block, planned: Attributes
) -> tuple[Attributes, CloudError | None]:
    fault = session.cloud.take_fault(facts.name, "create")
    if fault is None or fault.kind != "error-after":
        _fail(fault, session, "creating", facts, planned)
    references.check_existing(session, facts, planned)
    new = settle(session, facts, block, _inherited(session, facts, planned))
    unique = tuple(facts.unique or ["id"])
    if not session.cloud.insert(
        session.key(facts, new), _stored(block, new), unique, session.event_tags(new)
    ):
        named = ", ".join(f"{name} {new.get(name)}" for name in unique)
        raise CloudError(
            f"creating {facts.label} ({new.get(unique[0])}): AlreadyExists: one with this {named} exists already",
            "The sandbox cloud has such an object that this state does not know. Import it, choose another name, or"
            " remove it with `python -m provisioner.sandbox drift --delete`.",
        )
    if fault is not None:
        return new, CloudError(
            f"waiting for {facts.label} ({new['id']}) create: {fault.message}", created=True
        )
    return new, _wait(session, facts, "create", new)


def _update(
    session: Session, facts: TypeFacts, block: Block, prior: Attributes, planned: Attributes
) -> tuple[Attributes, CloudError | None]:
    fault = session.cloud.take_fault(facts.name, "update")
    if fault is None or fault.kind != "error-after":
        _fail(fault, session, "updating", facts, prior)
    references.check_existing(session, facts, planned)
    new = settle(session, facts, block, planned)
    tags = session.event_tags(new)
    if not session.cloud.update(session.key(facts, new), _stored(block, new), tags, old_id=prior["id"]):
        raise CloudError(
            f"updating {facts.label} ({prior['id']}): NotFound: it is not in the sandbox cloud any more"
        )
    if fault is not None:
        return new, CloudError(
            f"waiting for {facts.label} ({new['id']}) update: {fault.message}", created=True
        )
    return new, _wait(session, facts, "update", new)


def _delete(
    session: Session, facts: TypeFacts, prior: Attributes
) -> tuple[Attributes | None, CloudError | None]:
    _fail(session.cloud.take_fault(facts.name, "delete"), session, "deleting", facts, prior)
    key = session.key(facts, prior)
    found = session.cloud.get(key)
    if found is None:
        return None, None
    if prior.get("skip_destroy"):  # the object stays; only Terraform forgets it
        return None, None
    references.check_deletable(session, facts, found)
    _take_final_snapshot(session, facts, prior)
    session.cloud.delete(key, session.event_tags(found))
    stopped = _wait(session, facts, "delete", prior)
    return (prior, stopped) if stopped else (None, None)


def settle(
    session: Session,
    facts: TypeFacts,
    block: Block,
    value: Attributes,
    path: str = "",
    top: Attributes | None = None,
) -> Attributes:
    """Replace every unknown by what the cloud answers, templates in the order they need one another."""
    out = dict(value)
    seen = out if top is None else top
    if top is None and values.is_unknown(out.get("tags_all")):
        out["tags_all"] = session.tags_all(out.get("tags"))
    kinds = {name: part["type"] for name, part in schema.attributes(block).items()}
    open_names = {name for name in kinds if values.is_unknown(out.get(name))}
    waiting = {name: facts.computed[path + name] for name in open_names if path + name in facts.computed}
    for name in open_names - set(waiting):
        if name == "id":
            waiting[name] = f"{facts.name.removeprefix('aws_')}-{{hex16}}"
        elif name == "arn":
            waiting[name] = f"arn:aws:sandbox:{{region}}:{{account}}:{facts.name}/{{id}}"
        else:
            out[name] = values.empty(kinds[name])
    while waiting:
        ready = [name for name, part in waiting.items() if not templates.names(part) & set(waiting)]
        for name in ready or sorted(waiting)[:1]:
            out[name] = values.conform(kinds[name], templates.expand(waiting.pop(name), seen, session))
    for name, part in schema.nested_blocks(block).items():
        inner = out.get(name)
        if isinstance(inner, list):
            out[name] = [
                settle(session, facts, part["block"], item, f"{path}{name}.", seen) for item in inner
            ]
        elif isinstance(inner, dict):
            out[name] = settle(session, facts, part["block"], inner, f"{path}{name}.", seen)
    return out


def _inherited(session: Session, facts: TypeFacts, planned: Attributes) -> Attributes:
    """Take over from its source what a copy (a read replica) does not say itself."""
    inherit = facts.inherit
    if inherit is None or not templates.is_set(planned.get(inherit["attribute"])):
        return planned
    named = planned[inherit["attribute"]]
    for source in session.all(facts.name, planned.get("region")):
        if named in (source.get(key) for key in inherit["keys"]):
            taken = {n: source.get(n) for n in inherit["take"] if values.is_unknown(planned.get(n))}
            return {**planned, **taken}
    return planned


def _stored(block: Block, attributes: Attributes) -> Attributes:
    """Return what goes into the cloud's file: no secrets, and nothing that only Terraform knows."""
    secrets = schema.secret_attributes(block)
    return {name: value for name, value in attributes.items() if name not in secrets and name != "timeouts"}


def _read_tags(session: Session, found: Attributes, state: Attributes) -> None:
    """Split the cloud's tags into a resource's own and the provider's default ones, as the provider does."""
    everything = {k: v for k, v in (found.get("tags_all") or {}).items() if k not in session.ignored_tags}
    found["tags_all"] = everything
    own = state.get("tags")
    if state.get("tags_all") == everything:
        found["tags"] = own
        return
    defaults = session.default_tags if isinstance(session.default_tags, dict) else {}
    tags = {k: v for k, v in everything.items() if defaults.get(k) != v or k in (own or {})}
    found["tags"] = tags or (None if own is None else {})


def _take_final_snapshot(session: Session, facts: TypeFacts, prior: Attributes) -> None:
    """Make the last snapshot of a data store. Raises CloudError when it is asked for and has no name, or one taken."""
    rule = facts.final_snapshot
    if rule is None or any(templates.is_set(prior.get(name)) for name in rule["never_for"]):
        return
    name = prior.get(rule["name"])
    if prior.get(rule["skip"]) if "skip" in rule else not name:
        return
    if not name:
        raise CloudError(
            f"{rule['name']} is required when {rule['skip']} is false",
            f"Deleting {facts.label} {prior.get('identifier') or prior['id']} would lose its data. Set {rule['name']}"
            f" or {rule['skip']} = true, apply, then destroy.",
        )
    snapshot = {"id": name, "source": prior["id"], **{k: prior.get(k) for k in rule["copy"]}}
    key = session.key_of_id(facts, name, prior.get("region"))._replace(type=rule["type"])
    if not session.cloud.insert(key, snapshot, ("id",), session.event_tags(prior)):
        raise CloudError(
            f"deleting {facts.label} ({prior['id']}): final snapshot: {rule['taken'].replace('{name}', name)}",
        )


def _wait(session: Session, facts: TypeFacts, operation: str, attributes: Attributes) -> CloudError | None:
    """Take the time a real cloud takes; Terraform's Stop ends the wait.

    What is slow in AWS (a database) is then not finished, as with the real provider, which returns an error and keeps
    the object in the state; anything else is finished by now.
    """
    seconds = max(session.delay_s, session.cloud.delay_s(facts.name, operation))
    if seconds and session.stopping.wait(seconds) and facts.slow:
        return CloudError(
            f"waiting for {facts.label} ({attributes['id']}) {operation}: context canceled",
            "Terraform was asked to stop while the cloud was still working.",
            created=True,
        )
    return None


def _fail(
    fault: Fault | None, session: Session, doing: str, facts: TypeFacts, attributes: Attributes
) -> None:
    """Show an injected fault."""
    if fault is None:
        return
    if fault.kind == "crash":
        os._exit(70)
    if fault.kind == "hang":
        session.stopping.wait()
    known: list[Any] = [attributes.get(name) for name in (*facts.unique, "id", "name")]
    named = next((value for value in known if isinstance(value, str) and value), "new")
    raise CloudError(f"{doing} {facts.label} ({named}): {fault.message}", "Injected with `sandbox fail`.")
