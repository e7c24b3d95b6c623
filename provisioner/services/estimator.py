"""Estimates by infracost, where it is chosen; the price book stands in for it, and says so."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from django.conf import settings

from provisioner.domain import cost, infracost
from provisioner.domain import plan as plans
from provisioner.domain.cost import Estimate
from provisioner.domain.finding import Finding, Level
from provisioner.domain.run import RunKind
from provisioner.engine import infracost as program
from provisioner.engine.types import PlanOutcome
from provisioner.models import Run
from provisioner.services.lease import Claim

log = structlog.get_logger(__name__)

RULE = "cost-backend"
BOOK, INFRACOST = "book", "infracost"


@dataclass(frozen=True)
class Outside:
    """An estimate that was made outside of the price book, or the finding that says why there is none."""

    estimate: Estimate | None
    estimated_by: str = BOOK
    before: Estimate | None = None  # what exists before the apply, as infracost says
    finding: Finding | None = None


NOBODY = Outside(None)


def outside(run: Run, result: PlanOutcome, claim: Claim) -> Outside:
    """Ask infracost what a plan costs, if the settings say so. The caller holds the lease and no transaction."""
    if settings.DRAWBRIDGE_COST_BACKEND != INFRACOST or run.kind == RunKind.DRIFT_CHECK.value:
        return NOBODY
    document = plans.redact_plan(result.document)
    try:
        output = program.breakdown(
            document,
            executable=settings.DRAWBRIDGE_INFRACOST,
            work_dir=settings.DRAWBRIDGE_WORK_DIR,
            limit_s=settings.DRAWBRIDGE_INFRACOST_TIMEOUT_S,
            stop=claim.stop,
        )
        resources = cost.resources_from_plan(plans.parse_plan(document))
        made = infracost.read(output.content, resources, source=output.name)
    except (program.InfracostFailed, infracost.OutputError) as error:
        log.warning("estimate.infracost_failed", run_id=str(run.pk), reason=str(error))
        return Outside(None, finding=_stands_in(str(error)))
    return Outside(made.estimate, output.name, made.before)


def _stands_in(reason: str) -> Finding:
    return Finding(
        rule=RULE,
        level=Level.ADVISORY,
        where="the estimate",
        what=f"The estimate is the price book's, because infracost was not used: {reason}.",
        why="The portal is set up to estimate plans with infracost.",
        fix="Nothing needs to be done for this run. Platform engineers look at the worker's infracost.",
    )
