"""Which rules of a policy apply to an order, what they say, and which ones say nothing."""

from __future__ import annotations

from datetime import datetime

from catalog import manifest as catalog_manifest
from catalog import selectors as catalog_selectors
from catalog.models import CatalogItem, Environment, Service
from catalog.parameters import fill_parameters
from provisioner.domain import judging
from provisioner.domain.errors import Refusal
from provisioner.domain.judging import Judgement
from provisioner.domain.policy.document import Policy
from provisioner.domain.run import RunKind
from provisioner.rulebook.explain import RuleWords, explain
from provisioner.rulebook.file import Loaded
from provisioner.services import judge, system


class NothingOffered(Refusal):
    """The item has no version."""

    code = "not_found"
    status = 404
    title = "Not found"


def judged_order(
    policy: Policy,
    *,
    item: CatalogItem,
    environment: Environment,
    service: Service,
    kind: RunKind,
    now: datetime,
) -> Judgement:
    """Return what a policy says to the newest version of an item as its environment fills it in."""
    version = catalog_selectors.find_version(item, None)
    if version is None:
        raise NothingOffered(f"{item.slug} has no version that is offered.")
    manifest = catalog_manifest.from_json(version.manifest)
    filled = fill_parameters(version, environment.slug, "example", {})
    return judging.judge_parameters(
        filled.shown,
        judge.skeleton(manifest, filled.variables),
        context=judge.context_of(
            kind,
            item=item,
            version=version,
            service=service,
            environment=environment,
            region=manifest.region,
            requester=system.account(),
            workspace=None,
            ttl_days=None,
            now=now,
        ),
        policy=policy,
        rules=judge.parameter_rules(manifest),
        tools=judge.tools_for(manifest),
    )


def quiet(loaded: Loaded, said: Judgement) -> tuple[RuleWords, ...]:
    """Return the rules with a name of their own that say nothing."""
    spoke = {finding.rule for finding in said.findings}
    spoke |= {rule for step in said.steps for rule in step.rule.split(", ")}
    return tuple(rule for rule in explain(loaded) if rule.name and rule.name not in spoke)
