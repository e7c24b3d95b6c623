"""Documents as the API writes them; test_documents holds them against docs/openapi.json."""

from __future__ import annotations

from typing import Any

RUN_ID = "0b6e3f0e-0000-4000-8000-000000000001"
WORKSPACE_ID = "0b6e3f0e-0000-4000-8000-000000000002"
DIGEST = "d" * 64
AT = "2026-11-24T12:00:00Z"

FINDING: dict[str, Any] = {
    "rule": "instance-class-by-environment",
    "level": "hard-mandatory",
    "where": "instance_class",
    "what": "instance_class is db.r6g.16xlarge.",
    "why": "The class is most of the bill.",
    "fix": "Choose db.t4g.large.",
    "suggested": "db.t4g.large",
    "override_group": None,
}
STEP: dict[str, Any] = {
    "step": 7,
    "group": "finops",
    "rule": "finops-above-limit",
    "reason": "It adds 378.30 USD a month.",
    "verdict_needed": "approve",
    "plan_digest": DIGEST,
    "created_at": AT,
    "groups": ["finops"],
    "escalated_to": "",
    "quorum": 1,
    "decided": 0,
    "settled_at": None,
    "settled_how": "",
    "decisions": [],
    "decision": None,
    "review": None,
}
RUN: dict[str, Any] = {
    "target": "sandbox",
    "id": RUN_ID,
    "kind": "provision",
    "status": "needs_approval",
    "status_at": AT,
    "terminal": False,
    "request_id": WORKSPACE_ID,
    "retry_of": None,
    "workspace_id": WORKSPACE_ID,
    "name": "orders-db",
    "item": "postgres",
    "version": "1.1.0",
    "service": "orders",
    "team": "payments",
    "environment": "production",
    "on_hold": False,
    "requester": "developer",
    "created_at": AT,
    "finished_at": None,
    "estimate_usd_month": "378.30",
    "delta_usd_month": "378.30",
    "error_summary": "",
}
RUN_DETAIL: dict[str, Any] = RUN | {
    "parameters": {"size": "medium"},
    "tags": {"service": "orders"},
    "justification": "Go-live",
    "findings": [],
    "usage_usd_month": "0.00",
    "line_items": [],
    "unpriced": [],
    "plan": {
        "digest": DIGEST, "counts": {"create": 1}, "module_digest": "m" * 64, "variables_digest": "v" * 64,
        "state_serial": None, "engine_name": "Terraform", "engine_version": "1.11.4", "created_at": AT,
    },
    "progress": None,
    "queue": None,
    "approvals": [STEP],
    "error_detail": "",
    "attempts": 1,
    "stop_requested_at": None,
    "recovery": None,
    "cancelable": True,
    "discardable": True,
    "retryable": False,
}  # fmt: skip
PLAN: dict[str, Any] = RUN_DETAIL["plan"] | {
    "target": "sandbox",
    "run_id": RUN_ID,
    "changes": [
        {
            "address": "module.this.aws_db_instance.this", "type": "aws_db_instance", "verb": "update",
            "previous_address": "", "action_reason": "",
            "attributes": [
                {"path": "multi_az", "before": "false", "after": "true", "unknown": False, "forces_replace": False}
            ],
        }
    ],
    "drift": [],
    "output_names": ["endpoint"],
}  # fmt: skip
WAITING_STEP: dict[str, Any] = {
    **{name: value for name, value in STEP.items() if name not in ("decision", "review")},
    "target": "sandbox",
    "run": RUN,
    "criticality": "tier-1",
    "counts": {"create": 1},
    "unpriced_count": 0,
    "findings": [],
    "justification": "Go-live",
    "can_decide": True,
    "barred": None,
    "on_behalf_of": None,
}
WORKSPACE: dict[str, Any] = {
    "target": "sandbox",
    "id": WORKSPACE_ID,
    "name": "orders-db",
    "item": "postgres",
    "version": "1.1.0",
    "newest_version": None,
    "service": "orders",
    "team": "payments",
    "cost_center": "cc-100",
    "criticality": "tier-1",
    "environment": "production",
    "created_by": "developer",
    "created_at": AT,
    "applied_at": AT,
    "expires_at": None,
    "closed_at": None,
    "drift_checked_at": None,
    "drifted_at": None,
    "hold": None,
    "orphaned": False,
    "expiry_obstacle": "",
    "estimate_usd_month": "378.30",
    "unpriced_count": 2,
    "active_run": None,
}
WORKSPACE_DETAIL: dict[str, Any] = WORKSPACE | {
    "origin_request_id": WORKSPACE_ID,
    "parameters": {"size": "medium"},
    "tags": {"service": "orders"},
    "outputs": [
        {"name": "endpoint", "sensitive": False, "value": "db.example"},
        {"name": "password", "sensitive": True, "value": None},
        {"name": "port", "sensitive": False, "value": 5432},
        {"name": "readers", "sensitive": False, "value": ["a", "b"]},
    ],
    "resources": [
        {"address": "module.this.aws_db_instance.this", "type": "aws_db_instance", "provider_id": "db-1",
         "arn": "", "tags": {}},
    ],
    "transfer": None,
    "state_lock": None,
}  # fmt: skip
ITEM: dict[str, Any] = {
    "target": "sandbox",
    "slug": "postgres",
    "name": "Postgres",
    "summary": "A database.",
    "category": "database",
    "owner": "data",
    "lifecycle": "published",
    "maturity": "production",
    "deprecation": None,
    "latest_version": "1.1.0",
}
ITEM_DETAIL: dict[str, Any] = ITEM | {
    "versions": [
        {
            "version": "1.1.0", "module_digest": "m" * 64, "published_at": AT, "git_url": None, "git_ref": None,
            "git_subpath": None, "git_commit": None, "lifecycle": "published", "maturity": "production",
            "deprecation": None,
        }
    ],
    "environments": [
        {"slug": "development", "name": "Development", "is_production": False, "sizes": ["small"],
         "default_size": "small"}
    ],
    "approvals": [{"text": "FinOps approves.", "group": "finops"}],
    "changelog": [{"version": "1.1.0", "notes": "Copies."}],
    "region": "us-east-1",
    "readme_html": "",
}  # fmt: skip
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "size": {"type": "string", "enum": ["small"], "default": "small", "description": "Fills in several."},
        "replicas": {"type": "integer", "minimum": 0, "maximum": 5},
        "multi_az": {"type": "boolean"},
    },
}
EVALUATION: dict[str, Any] = {
    "target": "sandbox",
    "item": "postgres",
    "version": "1.1.0",
    "service": "orders",
    "environment": "production",
    "name": "orders-db",
    "orderable": False,
    "parameters": {"size": "medium", "engine_version": "17"},
    "tags": {"service": "orders"},
    "problems": [],
    "findings": [FINDING],
    "estimate_usd_month": "378.30",
    "usage_usd_month": "5.20",
    "line_items": [
        {
            "address": "module.this.aws_db_instance.this", "component": "instance", "sku_key": "db", "quantity": "730",
            "unit": "hour", "unit_price_usd": "0.45", "usd_month": "328.50", "source": "list",
        }
    ],
    "unpriced": [
        {
            "address": "module.this.aws_sns_topic.this", "type": "aws_sns_topic", "component": "messages",
            "reason": "By number.", "usage_based": True,
        }
    ],
    "approvals_expected": [
        {"group": "finops", "rule": "limit", "reason": "It adds 378.30 USD.", "verdict_needed": "approve"}
    ],
    "unit_cost_effect": None,
}  # fmt: skip
CALLER: dict[str, Any] = {
    "target": "sandbox",
    "username": "developer",
    "email": "developer@example.com",
    "teams": [{"slug": "payments", "name": "Payments"}],
    "groups": ["finops"],
    "token": {
        "id": 1, "name": "laptop", "prefix": "0123456789ab", "scopes": ["catalog:read"], "created_at": AT,
        "expires_at": "2027-11-24T12:00:00Z", "last_used_at": None, "revoked_at": None,
    },
}  # fmt: skip
LOG: dict[str, Any] = {
    "lines": [
        {"sequence": 1, "at": AT, "phase": "plan", "level": "info", "address": "", "text": "planning"},
        {"sequence": 2, "at": AT, "phase": "plan", "level": "error", "address": "", "text": "it broke"},
    ],
    "next_after": 2,
    "complete": True,
}


def page(*rows: dict[str, Any], next_page: str | None = None) -> dict[str, Any]:
    """Return a page of a list."""
    return {"next": next_page, "previous": None, "results": list(rows)}


def problem(status: int, code: str, title: str = "Not like this", **more: Any) -> dict[str, Any]:
    """Return a problem document."""
    return {
        "type": f"urn:drawbridge:problem:{code}", "title": title, "status": status, "detail": "Because.", "code": code,
        **more,
    }  # fmt: skip


# What is there before anything is done.
BY_PATH: dict[str, Any] = {
    "me/": CALLER,
    "catalog/items/": page(ITEM),
    "catalog/items/postgres/": ITEM_DETAIL,
    "catalog/items/postgres/versions/1.1.0/schema/": SCHEMA,
    "runs/": page(RUN),
    f"runs/{RUN_ID}/": RUN_DETAIL,
    f"runs/{RUN_ID}/plan/": PLAN,
    f"runs/{RUN_ID}/logs/": LOG,
    "approvals/": page(WAITING_STEP),
    "workspaces/": page(WORKSPACE),
    f"workspaces/{WORKSPACE_ID}/": WORKSPACE_DETAIL,
}
# What a portal may not have yet.
NOT_THERE = ("costs/summary/", "export/backstage/")
# Each document and the component of docs/openapi.json that describes it.
COMPONENTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("Caller", CALLER),
    ("Item", ITEM),
    ("ItemDetail", ITEM_DETAIL),
    ("Run", RUN),
    ("RunDetail", RUN_DETAIL),
    ("Plan", PLAN),
    ("Log", LOG),
    ("WaitingStep", WAITING_STEP),
    ("Workspace", WORKSPACE),
    ("WorkspaceDetail", WORKSPACE_DETAIL),
    ("Evaluation", EVALUATION),
)
