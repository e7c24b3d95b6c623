"""What was ordered and what became of it."""

from provisioner.models.audit import AuditEvent
from provisioner.models.ledger import RunEstimate
from provisioner.models.notification import (
    Notification,
    NotificationChannel,
    NotificationDelivery,
    NotificationPreference,
)
from provisioner.models.policy import PolicyActivation, PolicyProposal, PolicyStanding, PolicyVersion
from provisioner.models.prices import PriceBookActivation, PriceBookVersion, PriceRow
from provisioner.models.queue import QueueTurn, WorkerSeen
from provisioner.models.request import Request
from provisioner.models.review import (
    ApprovalComment,
    ApprovalDecision,
    ApprovalStep,
    Delegation,
    DueReview,
    GlassBreak,
    Override,
    OverrideUse,
)
from provisioner.models.run import Run, RunLogChunk, RunPlan, RunTransition
from provisioner.models.state import StateLock, StateVersion
from provisioner.models.workspace import Workspace, WorkspaceResource, WorkspaceTransfer

__all__ = [
    "ApprovalComment",
    "ApprovalDecision",
    "ApprovalStep",
    "AuditEvent",
    "Delegation",
    "DueReview",
    "GlassBreak",
    "Notification",
    "NotificationChannel",
    "NotificationDelivery",
    "NotificationPreference",
    "Override",
    "OverrideUse",
    "PolicyActivation",
    "PolicyProposal",
    "PolicyStanding",
    "PolicyVersion",
    "PriceBookActivation",
    "PriceBookVersion",
    "PriceRow",
    "QueueTurn",
    "Request",
    "Run",
    "RunEstimate",
    "RunLogChunk",
    "RunPlan",
    "RunTransition",
    "StateLock",
    "StateVersion",
    "WorkerSeen",
    "Workspace",
    "WorkspaceResource",
    "WorkspaceTransfer",
]
