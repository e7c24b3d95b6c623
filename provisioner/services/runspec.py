"""What Terraform is told about a run, and the credential with which it reaches its state."""

from __future__ import annotations

import hashlib
import hmac

from django.conf import settings
from django.utils.crypto import salted_hmac

from catalog import manifest as catalog_manifest
from provisioner.domain.run import RunKind
from provisioner.engine.types import RunSpec
from provisioner.models import Run
from provisioner.services.lease import Claim


def state_password(run_id: object, fencing_token: int) -> str:
    """Return the run's state credential: bound to the run and its fencing token, nowhere stored."""
    return salted_hmac(
        "provisioner.state-credential", f"{run_id}:{fencing_token}", algorithm="sha256"
    ).hexdigest()


def is_state_password(given: str, run_id: object, fencing_token: int) -> bool:
    """Compare a credential in constant time."""
    expected = hashlib.sha256(state_password(run_id, fencing_token).encode()).digest()
    return hmac.compare_digest(hashlib.sha256(given.encode(errors="replace")).digest(), expected)


def spec_of(run: Run, claim: Claim, *, sensitive_values: tuple[str, ...] = ()) -> RunSpec:
    """Return the run as the engine takes it. `run` has workspace and item_version loaded with their content."""
    manifest = catalog_manifest.from_json(run.item_version.manifest)
    return RunSpec(
        run_id=str(run.pk),
        workspace_id=str(run.workspace_id),
        fencing_token=claim.fencing_token,
        module_digest=run.item_version.module_digest,
        module_content=bytes(run.item_version.content),
        variables=run.variables,
        default_tags=run.tags,
        region=manifest.region,
        state_address=f"{settings.DRAWBRIDGE_INTERNAL_URL}/api/v1/state/{run.workspace_id}/",
        state_username=str(run.pk),
        state_password=state_password(run.pk, claim.fencing_token),
        destroy=run.kind == RunKind.DESTROY.value,
        sensitive_values=sensitive_values,
        refresh_only=run.kind == RunKind.DRIFT_CHECK.value,
    )
