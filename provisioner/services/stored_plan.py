"""Keep a plan: the file that is applied byte for byte, its document, and everything it binds to."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

from provisioner import crypto, selectors
from provisioner.domain.plan import PlanCounts
from provisioner.engine.types import PlanOutcome
from provisioner.models import Run, RunPlan


def store(
    run: Run,
    result: PlanOutcome,
    document: Mapping[str, object],
    *,
    digest: str,
    variables_digest: str,
    counts: PlanCounts,
    serial: int | None,
    lineage: str,
    now: datetime,
) -> None:
    """Write the run's plan, in place of an earlier one. `document` is redacted. The caller holds the transaction."""
    packed = gzip.compress(json.dumps(document, default=str).encode(), mtime=0)
    RunPlan.objects.update_or_create(
        run=run,
        defaults={
            "digest": digest,
            "module_digest": run.item_version.module_digest,
            "variables_digest": variables_digest,
            "state_serial": serial,
            "state_lineage": lineage,
            "engine_name": result.engine_name,
            "engine_version": result.engine_version,
            "lock_file": result.lock_file.decode(errors="replace"),
            "plan_file": crypto.seal(result.plan_file, identity=selectors.plan_identity(run.pk, "file")),
            "document": crypto.seal(packed, identity=selectors.plan_identity(run.pk, "document")),
            "sensitive_values": crypto.seal(
                json.dumps(result.sensitive_values).encode(),
                identity=selectors.plan_identity(run.pk, "sensitive-values"),
            ),
            "counts": asdict(counts),
            "created_at": now,
        },
    )
