"""The commands, one module per noun; importing this package adds all of them to the root."""

from portal.cli.commands import (
    access,
    approvals,
    catalog,
    completion,
    costs,
    export,
    orders,
    policy,
    runs,
    workspaces,
)

__all__ = [
    "access",
    "approvals",
    "catalog",
    "completion",
    "costs",
    "export",
    "orders",
    "policy",
    "runs",
    "workspaces",
]
