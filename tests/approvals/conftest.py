"""Plans that wait for several people, policies of the test's own, and both doors to decide through."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings as configured
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from catalog.models import CatalogItemVersion
from portal import tokens
from provisioner import selectors
from provisioner.models import ApprovalStep, Delegation, Run
from provisioner.services import plan, submit
from provisioner.services.ask import Ask
from tests.conftest import Organisation
from tests.fakes import FakeEngine

SHIPPED: dict[str, Any] = yaml.safe_load(Path(configured.DRAWBRIDGE_POLICY_FILE).read_bytes())

WritePolicy = Callable[..., None]
Order = Callable[..., Run]
Person = Callable[..., User]


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def write_policy(tmp_path: Path, settings: Any) -> WritePolicy:
    """Return a function that puts the shipped policy in force with other approvals."""
    path = tmp_path / "policy.yaml"
    written: dict[str, Any] = copy.deepcopy(SHIPPED)

    def write(
        groups: list[str] | None = None, guardrails: dict[str, Any] | None = None, **approvals: Any
    ) -> None:
        written["guardrails"] = written["guardrails"] if guardrails is None else guardrails
        written["groups"] = groups or written["groups"]
        written["approvals"] |= approvals
        path.write_text(yaml.safe_dump(written, sort_keys=False))
        settings.DRAWBRIDGE_POLICY_FILE = path

    return write


@pytest.fixture
def person(org: Organisation) -> Person:
    """Return a function that makes one more user, a member of these groups."""

    def make(name: str, *groups: str) -> User:
        org.users[name] = User.objects.create_user(name, f"{name}@example.com")
        for group in groups:
            org.users[name].groups.add(Group.objects.get_or_create(name=group)[0])
        return org.users[name]

    return make


@pytest.fixture
def fake() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def order(org: Organisation, postgres: CatalogItemVersion, fake: FakeEngine) -> Order:
    """Return a function that orders a database in production and has it planned."""

    def make(
        name: str = "orders-db", by: str = "developer", environment: str = "production", **given: Any
    ) -> Run:
        run = submit.submit(
            Ask("postgres", "orders", environment, name, given), requester=org.users[by], now=now()
        )
        plan.plan(run.pk, engine=fake, worker="w1", clock=now)
        return fresh(run)

    return make


def fresh(run: Run) -> Run:
    """Read a run anew."""
    return Run.objects.select_related("workspace__environment", "request", "requester").get(pk=run.pk)


def step_of(run: Run, group: str) -> ApprovalStep:
    """Return the step of the run's current plan that asks a group, one that is open before one that is settled."""
    asked = [step for step in selectors.steps_of(run) if group in step.groups]
    return min(asked, key=lambda step: step.settled_at is not None)


def delegate_to(delegate: User, delegator: User, group: str, **changed: Any) -> Delegation:
    """Write a delegation that is in force."""
    at = now()
    words = {"starts_at": at - timedelta(days=1), "ends_at": at + timedelta(days=1), **changed}
    return Delegation.objects.create(
        delegator=delegator, delegate=delegate, group=group, reason="Holidays", created_at=at, **words
    )


@dataclass(frozen=True)
class Answer:
    """What a door said: its status, the refusal's code (API) and its text."""

    status: int
    code: str
    text: str

    @property
    def taken(self) -> bool:
        """Whether it did what was asked."""
        return self.status in (200, 201, 302)


class Api:
    """The API, with a token of the person."""

    name = "api"

    def decide(
        self, user: User, run: Run, step: int, digest: str, verdict: str = "approve", **more: Any
    ) -> Answer:
        body = {"step": step, "verdict": verdict, "plan_digest": digest, **more}
        return self._post(user, f"/api/v1/runs/{run.pk}/approvals/", body)

    def decide_several(
        self, user: User, run: Run, step: int, digest: str, verdict: str = "approve"
    ) -> Answer:
        one = {"run": str(run.pk), "step": step, "verdict": verdict, "plan_digest": digest, "comment": "all"}
        answer = self._client(user).post("/api/v1/approvals/bulk/", {"decisions": [one]}, format="json")
        if answer.status_code != 200:  # refused as a whole
            return Answer(answer.status_code, answer.json()["code"], answer.content.decode())
        (result,) = answer.json()["results"]
        problem = result["problem"] or {}
        return Answer(result["status"], problem.get("code", ""), problem.get("detail", ""))

    def break_glass(self, user: User, run: Run, digest: str, reason: str = "Down") -> Answer:
        body = {"plan_digest": digest, "reason": reason}
        return self._post(user, f"/api/v1/runs/{run.pk}/break-glass/", body)

    def review(self, user: User, review: int, verdict: str, comment: str = "") -> Answer:
        return self._post(user, f"/api/v1/reviews/{review}/", {"verdict": verdict, "comment": comment})

    def comment(self, user: User, run: Run, text: str) -> Answer:
        return self._post(user, f"/api/v1/runs/{run.pk}/comments/", {"text": text})

    def delegate(
        self, user: User, group: str, to: str, start: datetime, end: datetime, reason: str
    ) -> Answer:
        body = {
            "group": group,
            "to": to,
            "starts_at": start.isoformat(),
            "ends_at": end.isoformat(),
            "reason": reason,
        }
        return self._post(user, "/api/v1/delegations/", body)

    def revoke(self, user: User, what: str, key: int) -> Answer:
        return self._post(user, f"/api/v1/{what}s/{key}/revoke/", {})

    def _client(self, user: User) -> APIClient:
        _, secret = tokens.issue(user, "test", list(tokens.SCOPES), 1, now=now())
        return APIClient(HTTP_AUTHORIZATION=f"Bearer {secret}")

    def _post(self, user: User, address: str, body: Any) -> Answer:
        answer = self._client(user).post(address, body, format="json")
        document = answer.json()
        return Answer(answer.status_code, document.get("code", ""), answer.content.decode())


class Page:
    """The pages, as a browser sends their forms."""

    name = "page"

    def decide(
        self, user: User, run: Run, step: int, digest: str, verdict: str = "approve", **more: Any
    ) -> Answer:
        body = {"step": step, "verdict": verdict, "plan_digest": digest, "back": "run", **more}
        return self._post(user, reverse("run-decide", args=[run.pk]), body)

    def decide_several(
        self, user: User, run: Run, step: int, digest: str, verdict: str = "approve"
    ) -> Answer:
        body = {"decision": [f"{run.pk}:{step}:{digest}"], "verdict": verdict, "comment": "all"}
        return self._post(user, reverse("approvals-decide"), body)

    def break_glass(self, user: User, run: Run, digest: str, reason: str = "Down") -> Answer:
        body = {"plan_digest": digest, "reason": reason}
        return self._post(user, reverse("run-break-glass", args=[run.pk]), body)

    def review(self, user: User, review: int, verdict: str, comment: str = "") -> Answer:
        return self._post(user, reverse("review", args=[review]), {"verdict": verdict, "comment": comment})

    def comment(self, user: User, run: Run, text: str) -> Answer:
        return self._post(user, reverse("run-comment", args=[run.pk]), {"text": text})

    def delegate(
        self, user: User, group: str, to: str, start: datetime, end: datetime, reason: str
    ) -> Answer:
        days = {"starts_on": start.date().isoformat(), "ends_on": end.date().isoformat()}
        body = {"group": group, "to": to, "reason": reason, **days}
        return self._post(user, reverse("delegations"), body)

    def revoke(self, user: User, what: str, key: int) -> Answer:
        return self._post(user, reverse(f"{what}-revoke", args=[key]), {})

    def _post(self, user: User, address: str, body: Any) -> Answer:
        client = Client()
        client.force_login(user)
        answer = client.post(address, body)
        return Answer(answer.status_code, "", answer.content.decode())


Door = Api | Page


@pytest.fixture(params=[Api, Page], ids=["api", "page"])
def door(request: pytest.FixtureRequest) -> Door:
    """Return one of the two doors."""
    made: Door = request.param()
    return made
