"""Append to the audit trail."""

from provisioner.trail import record

__all__ = ["record"]
