"""The plugin protocol as the transport sees it: bytes in and bytes out for each method.

Terraform starts a provider for its schema alone as often as for anything else: that is answered here, from a cache,
and what it takes to deal with values is loaded at the first call that does.
"""

import threading
from typing import TYPE_CHECKING

from provisioner.sandbox import schema_cache

if TYPE_CHECKING:
    from provisioner.sandbox import operations

METHODS = frozenset(
    {
        "ApplyResourceChange",
        "Configure",
        "GetFunctions",
        "GetMetadata",
        "GetSchema",
        "ImportResourceState",
        "PlanResourceChange",
        "PrepareProviderConfig",
        "ReadDataSource",
        "ReadResource",
        "Stop",
        "UpgradeResourceState",
        "ValidateDataSourceConfig",
        "ValidateResourceTypeConfig",
    }
)


class UnknownMethod(Exception):
    """A method that this provider does not implement; Terraform takes that for "not supported"."""


class Shared:
    """What the provider instances of one process share, loaded when first needed."""

    def __init__(self, home: str) -> None:
        self.home = home
        self._lock = threading.Lock()
        self._loaded: operations.Shared | None = None

    def operations(self) -> "operations.Operations":
        """Return the operations of a new provider instance."""
        from provisioner.sandbox import operations

        with self._lock:
            self._loaded = self._loaded or operations.Shared(self.home)
            return operations.Operations(self._loaded)


class Provider:
    """One provider instance."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._lock = threading.Lock()
        self._operations: operations.Operations | None = None

    def call(self, method: str, body: bytes) -> bytes:
        """Answer a call. Raises UnknownMethod."""
        if method not in METHODS:
            raise UnknownMethod(method)
        if method == "GetSchema":
            return schema_cache.response(self._shared.home)
        with self._lock:
            self._operations = self._operations or self._shared.operations()
        return self._operations.call(method, body)
