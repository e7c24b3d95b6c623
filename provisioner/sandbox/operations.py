"""The methods of Terraform's plugin protocol 5 that deal with values, bytes in and bytes out."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from provisioner.sandbox import (
    lifecycle,
    planning,
    protobuf,
    schema,
    sources,
    validation,
    values,
)
from provisioner.sandbox.cloud import Attributes, Cloud
from provisioner.sandbox.facts import Facts
from provisioner.sandbox.faults import CloudError
from provisioner.sandbox.schema import Schemas
from provisioner.sandbox.session import Session

Message = protobuf.Message

_ERROR, _WARNING = 1, 2
_NOTICE = "Sandbox: no AWS account is touched"


class Shared:
    """What the provider instances of one process share."""

    def __init__(self, home: str) -> None:
        self.schemas = Schemas()
        self.facts = Facts()
        self.cloud = Cloud(home)


class Operations:
    """One provider instance."""

    def __init__(self, shared: Shared) -> None:
        self.session = Session(shared.schemas, shared.facts, shared.cloud)
        # Each method with the field of its response that carries diagnostics.
        self._methods: dict[str, tuple[Callable[[Message], bytes], int]] = {
            "GetMetadata": (self._get_metadata, 2),
            "PrepareProviderConfig": (self._prepare_provider_config, 2),
            "Configure": (self._configure, 1),
            "Stop": (self._stop, 1),
            "ValidateResourceTypeConfig": (self._validate_resource, 1),
            "ValidateDataSourceConfig": (self._validate_data_source, 1),
            "UpgradeResourceState": (self._upgrade_state, 2),
            "ReadResource": (self._read_resource, 2),
            "PlanResourceChange": (self._plan, 4),
            "ApplyResourceChange": (self._apply, 3),
            "ImportResourceState": (self._import, 2),
            "ReadDataSource": (self._read_data_source, 2),
            "GetFunctions": (self._get_functions, 2),
        }

    def call(self, method: str, body: bytes) -> bytes:
        """Answer a call; every failure becomes an error diagnostic. Raises KeyError on an unknown method."""
        answer, diagnostics_field = self._methods[method]
        try:
            return answer(protobuf.parse(body))
        except CloudError as error:
            return protobuf.message(diagnostics_field, _diagnostic(error))
        except Exception as error:
            import traceback  # slow to import and hardly ever needed

            bug = CloudError(f"Sandbox provider: {type(error).__name__}: {error}", traceback.format_exc())
            return protobuf.message(diagnostics_field, _diagnostic(bug))

    def _get_metadata(self, _request: Message) -> bytes:
        schemas = self.session.schemas
        data_sources = b"".join(protobuf.message(3, protobuf.text(1, name)) for name in schemas.data_sources)
        resources = b"".join(protobuf.message(4, protobuf.text(1, name)) for name in schemas.resources)
        return protobuf.message(1, protobuf.integer(2, 1)) + data_sources + resources

    def _prepare_provider_config(self, request: Message) -> bytes:
        return protobuf.message(1, protobuf.last_bytes(request, 1))

    def _configure(self, request: Message) -> bytes:
        session = self.session
        session.configure(_value(request, 2) or {})
        detail = f"Account {session.account}, region {session.region}; objects are kept in cloud.db of the sandbox."
        return protobuf.message(1, _diagnostic(CloudError(_NOTICE, detail), _WARNING))

    def _stop(self, _request: Message) -> bytes:
        self.session.stopping.set()
        return b""

    def _validate_resource(self, request: Message) -> bytes:
        name, config = _type_name(request), _value(request, 2) or {}
        block = self.session.schemas.resource(name)
        found = validation.problems(block, self.session.facts.of(name), config)
        problems = b"".join(protobuf.message(1, _diagnostic(problem)) for problem in found)
        return problems + _warnings(validation.deprecations(block, config))

    def _validate_data_source(self, request: Message) -> bytes:
        name, config = _type_name(request), _value(request, 2) or {}
        return _warnings(validation.deprecations(self.session.schemas.data_source(name), config))

    def _upgrade_state(self, request: Message) -> bytes:
        raw = protobuf.parse(protobuf.last_bytes(request, 3))
        state = json.loads(protobuf.last_bytes(raw, 1) or b"null")
        return _dynamic(1, schema.conform(self.session.schemas.resource(_type_name(request)), state))

    def _read_resource(self, request: Message) -> bytes:
        name, state = _type_name(request), _value(request, 2)
        found = lifecycle.read(self.session, name, state) if state else None
        return _dynamic(1, found) + protobuf.text(3, protobuf.last_bytes(request, 3))

    def _plan(self, request: Message) -> bytes:
        name = _type_name(request)
        planned, replaced = planning.plan(
            self.session, name, _value(request, 2), _value(request, 3), _value(request, 4) or {}
        )
        paths = b"".join(protobuf.message(2, _path(path)) for path in replaced)
        private = protobuf.text(3, protobuf.last_bytes(request, 5))
        return _dynamic(1, planned) + paths + private + protobuf.integer(5, self._is_legacy(name))

    def _apply(self, request: Message) -> bytes:
        name, prior = _type_name(request), _value(request, 2)
        try:
            new, trouble = lifecycle.apply(self.session, name, prior, _value(request, 3))
        except CloudError as error:  # nothing was done: the state stays what it was
            new, trouble = prior, error
        diagnostics = protobuf.message(3, _diagnostic(trouble)) if trouble else b""
        private = protobuf.text(2, protobuf.last_bytes(request, 5))
        return _dynamic(1, new) + private + diagnostics + protobuf.integer(4, self._is_legacy(name))

    def _import(self, request: Message) -> bytes:
        name = _type_name(request)
        found = lifecycle.import_(self.session, name, protobuf.last_bytes(request, 2).decode())
        return protobuf.message(1, protobuf.text(1, name) + _dynamic(2, found))

    def _read_data_source(self, request: Message) -> bytes:
        return _dynamic(1, sources.read(self.session, _type_name(request), _value(request, 2) or {}))

    def _get_functions(self, _request: Message) -> bytes:
        return b""

    def _is_legacy(self, name: str) -> bool:
        """Say whether the type is written with the older SDK, whose plans Terraform checks less strictly."""
        return not self.session.facts.of(name).framework


def _type_name(request: Message) -> str:
    return protobuf.last_bytes(request, 1).decode()


def _value(request: Message, field: int) -> Any:
    return values.decode(protobuf.parse(protobuf.last_bytes(request, field))) if field in request else None


def _dynamic(field: int, value: Attributes | None) -> bytes:
    return protobuf.message(field, protobuf.message(1, values.encode(value)))


def _warnings(found: Iterable[CloudError]) -> bytes:
    """Encode the diagnostics of a validation, which have field 1, as warnings."""
    return b"".join(protobuf.message(1, _diagnostic(warning, _WARNING)) for warning in found)


def _diagnostic(error: CloudError, severity: int = _ERROR) -> bytes:
    about = protobuf.message(4, _path(error.path)) if error.path else b""
    return (
        protobuf.integer(1, severity)
        + protobuf.text(2, error.summary)
        + protobuf.text(3, error.detail)
        + about
    )


def _path(path: Sequence[str | int]) -> bytes:
    """Encode an AttributePath: steps by attribute name (field 1) or by list position (field 3)."""
    return b"".join(protobuf.message(1, _step(step)) for step in path)


def _step(step: str | int) -> bytes:
    if isinstance(step, int):
        return protobuf.varint(3 << 3) + protobuf.varint(step)  # written even when 0: it is in a oneof
    return protobuf.message(1, step.encode())
