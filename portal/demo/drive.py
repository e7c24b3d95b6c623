"""The main job, through the REST API alone: refuse, evaluate, order, plan, approve, apply, look, destroy."""

import re
import uuid
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from portal.demo.client import Api, DemoFailed
from portal.demo.tell import Teller

ITEM, SERVICE = "postgres", "orders"
REQUESTER = "developer"
_NAME = re.compile(r"orders-db-(\d+)")


def drive(api: Api, tell: Teller) -> None:
    """Do the main job and tell it. Raises DemoFailed when anything goes another way."""
    name = free_name(api)
    refuse(api, tell, name)
    ask = {"item": ITEM, "service": SERVICE, "environment": "production", "name": name, "parameters": {}}
    evaluate(api, tell, ask)
    run = order(api, tell, ask)
    run = planned(api, tell, run)
    refuse_own_approval(api, tell, run)
    applied(api, tell, run)
    workspace = look(api, tell, run["workspace_id"])
    refuse_destroy(api, tell, workspace)
    unprotect(api, tell, workspace)
    destroy(api, tell, workspace)
    tell.close()


def free_name(api: Api) -> str:
    """Return orders-db-<n> with the first n above every one that was ever used."""
    page = api.get(REQUESTER, "workspaces/", service=SERVICE, page_size=200)
    numbers = [int(match[1]) for row in page["results"] if (match := _NAME.fullmatch(row["name"]))]
    return f"orders-db-{max(numbers, default=0) + 1}"


def refuse(api: Api, tell: Teller, name: str) -> None:
    """Show that a guardrail refuses, says why and names the nearest allowed value."""
    tell.step("The developer asks for a db.r6g.16xlarge in development")
    ask = {
        "item": ITEM,
        "service": SERVICE,
        "environment": "development",
        "name": name,
        "parameters": {"instance_class": "db.r6g.16xlarge"},
    }
    problem = api.post(REQUESTER, "requests/", ask).expect(422, "guardrail_refused")
    tell.line(f"{problem['status']} {problem['code']}: {problem['title']}")
    for finding in problem["findings"]:
        tell.line(f"{finding['where']} ({finding['rule']}, {finding['level']})")
        tell.line(f"  what: {finding['what']}")
        tell.line(f"  why:  {finding['why']}")
        tell.line(f"  fix:  {finding['fix']}")
    if not any(finding["suggested"] for finding in problem["findings"]):
        raise DemoFailed("No finding of the refusal names the nearest allowed value.")


def evaluate(api: Api, tell: Teller, ask: Mapping[str, object]) -> None:
    """Show what an order would get, cost and need, without placing it."""
    tell.step(f"What would a production Postgres for {SERVICE} be? (a dry run: nothing is made)")
    answer = api.post(REQUESTER, "evaluations/", ask).expect(200)
    tell.line(
        f"Size {answer['parameters'].get('size', 'default')}, version {answer['item']}@{answer['version']}"
    )
    tell.line("Tags that every resource will carry:")
    tell.table((tag, value) for tag, value in answer["tags"].items())
    tell.line(f"Estimate: {usd(answer['estimate_usd_month'])} a month")
    tell.line("Approvals to expect:")
    tell.table((step["group"], step["reason"]) for step in answer["approvals_expected"])
    findings(tell, answer)


def order(api: Api, tell: Teller, ask: Mapping[str, object]) -> Any:
    """Place the order, twice under one key as a script with a broken connection would; return its one run."""
    tell.step("The developer orders it; the script sends the order twice under one Idempotency-Key")
    body = {**ask, "justification": "The orders service goes live and keeps its orders here."}
    key = str(uuid.uuid4())
    run = api.post(REQUESTER, "requests/", body, key=key).expect(201)
    again = api.post(REQUESTER, "requests/", body, key=key).expect(201)
    if again["id"] != run["id"]:
        raise DemoFailed(f"Two runs from one order: {run['id']} and {again['id']}.")
    tell.line(f"One run: {run['id']} ({words(run['status'])}), target {run['target']}")
    return run


def planned(api: Api, tell: Teller, run: Any) -> Any:
    """Wait for the plan; show its changes, its cost and what has no price."""
    tell.step("A worker plans it with Terraform")
    run = ended_well(api, api.wait(REQUESTER, run["id"], "needs_approval"), {"needs_approval"})
    plan = api.get(REQUESTER, f"runs/{run['id']}/plan/")
    tell.line(f"{plan['engine_name']} {plan['engine_version']}: {counted(plan['counts'])}")
    kinds = Counter((change["verb"], change["type"]) for change in plan["changes"])
    tell.table(
        ((str(count), f"{verb} {kind}") for (verb, kind), count in sorted(kinds.items())),
        right=frozenset({0}),
    )
    tell.line(f"Monthly cost: {usd(run['estimate_usd_month'])}")
    tell.table(
        (
            (
                item["usd_month"],
                item["component"],
                item["address"],
                f"{item['quantity']} {item['unit']} at {item['unit_price_usd']}",
            )
            for item in run["line_items"]
        ),
        right=frozenset({0}),
    )
    if run["unpriced"]:
        tell.line("Not priced, and therefore not in the sum:")
        tell.table((row["component"], row["address"], row["reason"]) for row in run["unpriced"])
    findings(tell, run)
    return run


def refuse_own_approval(api: Api, tell: Teller, run: Any) -> None:
    """Show that nobody decides on an order of their own."""
    tell.step("The developer tries to approve the order")
    problem = api.post(REQUESTER, f"runs/{run['id']}/approvals/", decision(run["approvals"][0])).expect(
        403, "self_approval"
    )
    tell.line(f"{problem['status']} {problem['code']}: {problem['detail']}")


def applied(api: Api, tell: Teller, run: Any) -> Any:
    """Have every pending step decided by its group, and wait until the plan is applied."""
    while pending := [step for step in run["approvals"] if step["decision"] is None]:
        step = pending[0]
        tell.step(f"{step['group']} decides")
        tell.line(f"asked because: {step['reason']}")
        decided = api.post(step["group"], f"runs/{run['id']}/approvals/", decision(step)).expect(201)
        tell.line(f"{decided['approver']}: {decided['verdict']}, for plan {decided['plan_digest'][:12]}…")
        run = api.get(REQUESTER, f"runs/{run['id']}/")
    tell.step("A worker applies exactly that plan")
    run = ended_well(api, api.wait(REQUESTER, run["id"], "terminal"), {"applied"})
    tell.line(f"{words(run['kind'])} run {run['id']}: {run['status']}")
    tell.table(timings(api, run["id"]), right=frozenset({1}))
    return run


def look(api: Api, tell: Teller, workspace_id: str) -> Any:
    """Show what is there now, whose it is and what it costs."""
    tell.step("What the developer has now")
    workspace = api.get(REQUESTER, f"workspaces/{workspace_id}/")
    tell.line(
        f"{workspace['name']} in {workspace['environment']}: "
        f"service {workspace['service']} ({workspace['criticality']}), "
        f"owned by team {workspace['team']}, paid by {workspace['cost_center']}"
    )
    tell.line(
        f"Monthly cost: {usd(workspace['estimate_usd_month'])}, {workspace['unpriced_count']} component(s) unpriced"
    )
    if not workspace["outputs"] or not workspace["resources"]:
        raise DemoFailed("The workspace has no outputs or no resources after its apply.")
    tell.line("Outputs:")
    tell.table((output["name"], shown(output)) for output in workspace["outputs"])
    tell.line(f"Resources ({len(workspace['resources'])}):")
    tell.table((resource["address"], resource["provider_id"]) for resource in workspace["resources"])
    instance = next((row for row in workspace["resources"] if row["type"] == "aws_db_instance"), None)
    if instance is not None:
        tell.line(f"Tags of {instance['address']}, as the cloud has them:")
        tell.table(sorted(instance["tags"].items()))
    return workspace


def refuse_destroy(api: Api, tell: Teller, workspace: Any) -> None:
    """Show that protection holds, and that the refusal says what to do."""
    tell.step("The developer orders the destruction; deletion protection is on")
    body = {"kind": "destroy", "justification": "The demo is over."}
    problem = api.post(REQUESTER, f"workspaces/{workspace['id']}/runs/", body).expect(
        409, "deletion_protected"
    )
    tell.line(f"{problem['status']} {problem['code']}: {problem['detail']}")


def unprotect(api: Api, tell: Teller, workspace: Any) -> None:
    """Take the protection off by an update of its own."""
    tell.step("So the developer orders an update first: deletion_protection = false")
    body = {
        "kind": "update",
        "parameters": {"deletion_protection": False},
        "justification": "This database is about to be destroyed.",
    }
    change(api, tell, workspace, body)


def destroy(api: Api, tell: Teller, workspace: Any) -> None:
    """Destroy it and see that nothing is left."""
    tell.step("Now the destruction")
    change(api, tell, workspace, {"kind": "destroy", "justification": "The demo is over."})
    left = api.get(REQUESTER, f"workspaces/{workspace['id']}/")
    if left["closed_at"] is None or left["resources"]:
        raise DemoFailed(f"Something is left of {left['name']}: {len(left['resources'])} resource(s).")
    tell.line(
        f"{left['name']} is closed since {left['closed_at']}; nothing is left of it, and the name is free."
    )


def change(api: Api, tell: Teller, workspace: Any, body: Mapping[str, object]) -> None:
    """Order a run on a workspace and see it applied, approved by whoever must."""
    run = api.post(REQUESTER, f"workspaces/{workspace['id']}/runs/", body).expect(201)
    run = ended_well(api, api.wait(REQUESTER, run["id"], "needs_approval"), {"needs_approval", "applied"})
    plan = api.get(REQUESTER, f"runs/{run['id']}/plan/")
    tell.line(f"planned: {counted(plan['counts'])}; cost {usd(run['delta_usd_month'], sign=True)} a month")
    findings(tell, run)
    applied(api, tell, run)


def ended_well(api: Api, run: Any, statuses: set[str]) -> Any:
    """Return the run when its status is one of `statuses`. Raises DemoFailed with its error and last lines."""
    if run["status"] in statuses:
        return run
    log = api.get(REQUESTER, f"runs/{run['id']}/logs/")
    last = "\n".join(f"  {line['phase']}: {line['text']}" for line in log["lines"][-15:])
    found = "\n".join(f"  {finding['where']}: {finding['what']}" for finding in run["findings"])
    raise DemoFailed(
        f"Run {run['id']} ended {words(run['status'])}: {run['error_summary']}\n{run['error_detail']}\n{found}\n{last}"
    )


def timings(api: Api, run_id: str) -> list[tuple[str, str]]:
    """Return how long the run stayed in each status that took a while."""
    moves = api.get(REQUESTER, f"runs/{run_id}/history/", page_size=200)["results"]
    instants = [datetime.fromisoformat(move["at"]) for move in moves]
    stays = zip(moves, instants, instants[1:], strict=False)
    return [
        (words(move["to_status"]), f"{(end - begin).total_seconds():.2f} s") for move, begin, end in stays
    ]


def decision(step: Any) -> dict[str, object]:
    """Return the decision that a step asks for."""
    return {
        "step": step["step"],
        "verdict": step["verdict_needed"],
        "plan_digest": step["plan_digest"],
        "comment": "Looked at plan and cost; this is what was agreed.",
    }


def findings(tell: Teller, document: Any) -> None:
    """Tell the findings of an evaluation or a run, when there are any."""
    if document["findings"]:
        tell.line("Findings:")
        tell.table((finding["level"], finding["where"], finding["what"]) for finding in document["findings"])


def counted(counts: Mapping[str, int]) -> str:
    """Return plan counts as words."""
    return (
        ", ".join(f"{count} to {verb}" for verb, count in counts.items() if count and verb != "no_op")
        or "no changes"
    )


def shown(output: Any) -> str:
    """Return an output's value on one line; a sensitive one stays hidden."""
    return "(sensitive)" if output["sensitive"] else " ".join(str(output["value"]).split())


def usd(amount: str | None, *, sign: bool = False) -> str:
    """Return an amount as people write it; None is said, never shown as 0."""
    if amount is None:
        return "unknown"
    return f"{'+' if sign and not amount.startswith('-') else ''}{amount} USD"


def words(status: str) -> str:
    """Return a status as words."""
    return status.replace("_", " ")
