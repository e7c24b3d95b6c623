"""Take over what Terraform made before the portal was there: a state becomes a workspace, all of it or nothing."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from catalog.content import files_of_content
from catalog.models import CatalogItemVersion
from catalog.resources import DeclaredResources, declared_resources
from provisioner import crypto, selectors
from provisioner.domain.adoption import MODULE_ADDRESS, Adopted, Held, NotAdoptable, adopt
from provisioner.domain.errors import Refusal
from provisioner.domain.plan_json import PlanFormatError, read_document
from provisioner.domain.run import RunKind
from provisioner.domain.state import StateFormatError, parse_state
from provisioner.models import Run, StateVersion, Workspace, WorkspaceResource
from provisioner.services import audit, record, submit
from provisioner.services.ask import Ask
from provisioner.services.evaluate import derived_tags, evaluate


class StateNotTaken(Refusal):
    """The state cannot become this workspace's."""

    code = "state_not_taken"
    status = 422
    title = "The state cannot be taken over"


def adopt_state(ask: Ask, content: bytes, *, module_address: str, requester: User, now: datetime) -> Run:
    """Make a workspace from a Terraform state and order the update that shows how it differs from the golden path.

    `content` is the state file, `module_address` the module in it that becomes the workspace, "" for its root. The
    update goes through guardrails and approvals like any other. Raises StateNotTaken, InvalidAsk, NotYourService,
    GuardrailRefused and NameTaken; then nothing was written.
    """
    evaluation = evaluate(ask, requester=requester, now=now)
    submit.refuse_bad(evaluation)
    resolved = evaluation.resolved
    adopted = _read(content, module_address)
    _refuse_foreign(adopted, resolved.version)
    workspace_id, request_id = uuid.uuid4(), uuid.uuid4()
    workspace = Workspace(
        id=workspace_id,
        item=resolved.item,
        item_version=resolved.version,
        service=resolved.service,
        environment=resolved.environment,
        name=ask.name,
        origin_request_id=request_id,
        created_by=requester,
        created_at=now,
        # It is there: what was ordered is what it is compared with from now on.
        applied_at=now,
        variables=dict(resolved.filled.variables),
        parameters=resolved.filled.given,
        tags=derived_tags(resolved, workspace_id=str(workspace_id), request_id=str(request_id)),
    )
    try:
        with transaction.atomic():
            workspace.save(force_insert=True)
            _store(workspace, adopted, now)
            record.inventory(workspace.pk)
            _refuse_taken(workspace, adopted)
            run = submit.start(workspace, evaluation, ask, RunKind.UPDATE, requester, now, request_id)
            audit.record(
                "workspace.adopted",
                object_type="workspace",
                object_id=workspace.pk,
                actor=requester,
                now=now,
                detail={
                    "name": workspace.name,
                    "lineage": adopted.document["lineage"],
                    "resources": len(adopted.resources),
                    "sha256": hashlib.sha256(content).hexdigest(),
                },
            )
            return run
    except IntegrityError as error:
        raise submit.name_taken(workspace, requester) from error


def _read(content: bytes, module_address: str) -> Adopted:
    if len(content) > settings.DRAWBRIDGE_STATE_MAX_BYTES:
        raise StateNotTaken(
            f"The state is larger than {settings.DRAWBRIDGE_STATE_MAX_BYTES:,} bytes (DRAWBRIDGE_STATE_MAX_BYTES)."
        )
    if module_address and not MODULE_ADDRESS.fullmatch(module_address):
        raise StateNotTaken(
            f"{module_address!r:.100} is no module address. Give one as terraform state list shows it: module.database."
        )
    try:
        document = read_document(content)
        if "encrypted_data" in document:
            raise StateNotTaken(
                "The state is encrypted. Pull it decrypted first: tofu state pull > state.tfstate."
            )
        parse_state(document)
        return adopt(document, module_address, _providers())
    except PlanFormatError as error:
        text = str(error).replace("terraform show -json", "terraform state pull")
        raise StateNotTaken(f"The file is no Terraform state: {text}") from error
    except (StateFormatError, NotAdoptable) as error:
        raise StateNotTaken(str(error)) from error


def _providers() -> frozenset[str]:
    return frozenset(name.lower() for name in settings.DRAWBRIDGE_MODULE_PROVIDERS)


def _refuse_foreign(adopted: Adopted, version: CatalogItemVersion) -> None:
    """Refuse resources that the module does not declare: the plan would destroy them."""
    declared = declared_resources(files_of_content(bytes(version.content)))
    problems = [problem for held in adopted.resources if (problem := _foreign(held, declared))]
    if problems:
        more = f" And {len(problems) - 3} more." if len(problems) > 3 else ""
        raise StateNotTaken(
            f"{version.item.name} {version.version} would destroy what it does not know. {' '.join(problems[:3])}{more}"
        )


def _foreign(held: Held, declared: DeclaredResources) -> str:
    for call in held.calls:
        if call not in declared.modules:
            return f"{held.address}: the module calls no module {call}; move the resource in the state first."
        inside = declared.modules[call]
        if inside is None:
            return ""  # fetched from elsewhere: the plan says what it is
        declared = inside
    if (held.type, held.name) in declared.resources:
        return ""
    names = declared.names_of(held.type)
    if not names:
        return f"{held.address}: the module has no {held.type}; leave it in a state of its own."
    there = " or ".join(f"{held.type}.{name}" for name in names[:5])
    return f"{held.address}: the module calls it {there}; rename it first with terraform state mv."


def _store(workspace: Workspace, adopted: Adopted, now: datetime) -> None:
    body = json.dumps(adopted.document, separators=(",", ":")).encode()
    serial = adopted.document["serial"]
    assert isinstance(serial, int)
    StateVersion.objects.create(
        workspace=workspace,
        serial=serial,
        lineage=str(adopted.document["lineage"]),
        terraform_version=str(adopted.document.get("terraform_version", ""))[:32],
        sha256=hashlib.sha256(body).hexdigest(),
        size_bytes=len(body),
        content=crypto.seal(body, identity=selectors.state_identity(workspace.pk, serial)),
        created_at=now,
    )


def _refuse_taken(workspace: Workspace, adopted: Adopted) -> None:
    """Refuse what another open workspace has, by the state's lineage or by an object's ARN."""
    others = Workspace.objects.filter(closed_at__isnull=True).exclude(pk=workspace.pk)
    same = others.filter(states__lineage=adopted.document["lineage"]).first()
    if same is not None:
        raise StateNotTaken(
            f"The state belongs to the workspace {same.name} ({same.pk}) already: it has the same lineage. "
            "Look at that one; a part of a state needs a lineage of its own (terraform state mv -state-out=…)."
        )
    arns = set(workspace.resources.exclude(arn="").values_list("arn", flat=True))
    for some in _batches(sorted(arns), 500):
        taken = (
            WorkspaceResource.objects.filter(workspace__in=others, arn__in=some)
            .select_related("workspace")
            .first()
        )
        if taken is not None:
            raise StateNotTaken(
                f"{taken.arn} belongs to the workspace {taken.workspace.name} ({taken.workspace_id}) already. Two "
                "states must not manage one object: take it out of one of them."
            )


def _batches(rows: list[str], size: int) -> Iterable[list[str]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))
