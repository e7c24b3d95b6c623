"""Tell people what happens: one function an event, each called inside the transaction that makes it true.

They write the outbox (models/notification.py); services/notifications.py delivers. Nothing is lost when broker, worker
or mail server are away, and nothing is sent about what was rolled back.
"""

from provisioner.domain.notification import About, Cost, Entry, Fact, Link, Message, Section
from provisioner.notify.approvals import (
    approval_decided,
    approval_escalated,
    approval_needed,
    approval_reminder,
    changes_requested,
    glass_broken,
    review_overdue,
)
from provisioner.notify.outbox import DELIVER, Recipients, ring, send_ring, tell
from provisioner.notify.runs import apply_interrupted, plan_expired, run_applied, run_errored
from provisioner.notify.transfers import transfer_decided, transfer_offered
from provisioner.notify.words import about_run, about_workspace, address, owners, run_cost
from provisioner.notify.workspaces import expiry_blocked, workspace_expired, workspace_expiring

__all__ = [
    "DELIVER",
    "About",
    "Cost",
    "Entry",
    "Fact",
    "Link",
    "Message",
    "Recipients",
    "Section",
    "about_run",
    "about_workspace",
    "address",
    "apply_interrupted",
    "approval_decided",
    "approval_escalated",
    "approval_needed",
    "approval_reminder",
    "changes_requested",
    "expiry_blocked",
    "glass_broken",
    "owners",
    "plan_expired",
    "review_overdue",
    "ring",
    "run_applied",
    "run_cost",
    "run_errored",
    "send_ring",
    "tell",
    "transfer_decided",
    "transfer_offered",
    "workspace_expired",
    "workspace_expiring",
]
