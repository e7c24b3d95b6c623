"""What was ordered and what became of it."""

from provisioner.models.audit import AuditEvent
from provisioner.models.ledger import RunEstimate
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
    "Override",
    "OverrideUse",
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
