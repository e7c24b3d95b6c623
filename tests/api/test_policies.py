"""The policy through the API: read by everybody, tried by approvers, changed by two platform engineers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured
from django.contrib.auth.models import Group, User

from provisioner import policy
from provisioner.models import AuditEvent
from tests.api.conftest import small
from tests.conftest import Organisation

SHIPPED = Path(configured.DRAWBRIDGE_POLICY_FILE).read_text()
CHANGED = SHIPPED.replace('development: "100"', 'development: "1"')
POLICY = "/api/v1/policy/"


@pytest.fixture
def second(org: Organisation, settings: Any) -> User:
    settings.DRAWBRIDGE_POLICY_SOURCE = "edited"
    policy.current()
    made = User.objects.create_user("second")
    Group.objects.get(name="platform").user_set.add(made)
    return made


class TestReading:
    def test_tells_everybody_what_is_in_force_in_words(self, org: Organisation, with_token: Any) -> None:
        answer = with_token(org.outsider, "catalog:read").get(POLICY).json()
        assert answer["digest"] == policy.current().digest
        assert (answer["source"], answer["comes_from"], answer["refused"]) == ("file", "file", None)
        assert answer["text"] == SHIPPED
        assert any(
            "groups: finops; when: (delta above usd month (development 100" in rule["words"]
            for rule in answer["rules"]
        )

    def test_tells_what_is_wrong_with_a_refused_edit(
        self, org: Organisation, with_token: Any, tmp_path: Path, settings: Any
    ) -> None:
        policy.current()
        settings.DRAWBRIDGE_POLICY_FILE = tmp_path / "policy.yaml"
        settings.DRAWBRIDGE_POLICY_FILE.write_text(SHIPPED.replace("unpriced: true", "unpriced: maybe"))
        answer = with_token(org.developer).get(POLICY).json()
        (problem,) = answer["refused"]["problems"]
        assert (problem["place"], problem["line"] > 0) == ("approvals.rules[1].when.unpriced", True)

    def test_lists_versions_and_finds_one_by_its_first_digits(
        self, org: Organisation, with_token: Any
    ) -> None:
        digest = policy.current().digest
        client = with_token(org.developer)
        assert [row["digest"] for row in client.get(f"{POLICY}versions/").json()["results"]] == [digest]
        found = client.get(f"{POLICY}versions/{digest[:12]}/").json()
        assert (found["digest"], found["in_force"], len(found["activations"])) == (digest, True, 1)
        for wrong in ("0" * 64, digest[:3], "x" * 12):
            assert client.get(f"{POLICY}versions/{wrong}/").status_code == 404

    def test_names_the_policy_of_an_evaluation_and_of_a_run(
        self, org: Organisation, postgres: Any, with_token: Any
    ) -> None:
        client, digest = with_token(org.developer), policy.current().digest
        assert client.post("/api/v1/evaluations/", small(), format="json").json()["policy_digest"] == digest
        made = client.post("/api/v1/requests/", small(), format="json")
        run = client.get("/api/v1/runs/").json()["results"][0]
        assert (made.status_code, run["policy_digest"]) == (201, digest)


class TestTrying:
    def test_previews_a_text(self, org: Organisation, with_token: Any) -> None:
        client = with_token(org.developer, "policy:check")
        answer = client.post(f"{POLICY}preview/", {"text": CHANGED}, format="json").json()
        assert [change["key"] for change in answer["changes"]] == ["approvals.rules[cost-limit]"]
        assert (answer["usable"], answer["problems"]) == (True, [])
        assert any(test["failures"] for test in answer["tests"])
        bad = client.post(f"{POLICY}preview/", {"text": "version: 2\n"}, format="json").json()
        assert (bad["usable"], bad["problems"][0]["line"]) == (False, 1)

    def test_dry_runs_for_those_who_decide(self, org: Organisation, postgres: Any, with_token: Any) -> None:
        with_token(org.developer).post("/api/v1/requests/", small(), format="json")
        answer = with_token(org.finops).post(f"{POLICY}dry-run/", {"text": CHANGED}, format="json").json()
        assert (answer["looked_at"], answer["newly_asked"]) == (1, {"finops": 1})
        assert answer["runs"][0]["name"] == "receipts-db"
        assert answer["facts"] == "as known now"
        refused = with_token(org.developer).post(f"{POLICY}dry-run/", {"text": CHANGED}, format="json")
        assert (refused.status_code, refused.json()["code"]) == (403, "approvers_only")

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({"text": "approvals: ["}, 400),
            ({"text": CHANGED, "last": 0}, 400),
            ({"text": CHANGED, "last": "5"}, 400),
            ({"text": CHANGED, "runs": 5}, 400),
            ({"text": "#" * 300_000}, 400),
            ({"text": "#" * 10_000_000}, 413),
            ('{"text": "\\ud800"}', 400),
            ({}, 400),
        ],
    )
    def test_refuses_bad_input(
        self, org: Organisation, with_token: Any, body: dict[str, Any] | str, status: int
    ) -> None:
        raw = body if isinstance(body, str) else json.dumps(body)
        answer = with_token(org.sre).post(f"{POLICY}dry-run/", raw, content_type="application/json")
        assert answer.status_code == status, answer.content[:300]
        assert answer["Content-Type"] == "application/problem+json"


class TestProposals:
    def body(self, **changes: Any) -> dict[str, Any]:
        return {"text": CHANGED, "reason": "less spend", "base": policy.current().digest, **changes}

    def test_go_from_one_platform_engineer_to_another_into_force(
        self, org: Organisation, second: User, with_token: Any
    ) -> None:
        author, other = with_token(org.platform), with_token(second)
        made = author.post(f"{POLICY}proposals/", self.body(), format="json")
        assert made.status_code == 201, made.content
        proposal = made.json()
        assert [change["kind"] for change in proposal["changes"]] == ["changed"]
        address = f"{POLICY}proposals/{proposal['id']}/"
        own = author.post(f"{address}approve/", {"digest": proposal["digest"]}, format="json")
        assert (own.status_code, own.json()["code"]) == (403, "self_approval")
        wrong = other.post(f"{address}approve/", {"digest": "0" * 64}, format="json")
        assert (wrong.status_code, wrong.json()["code"]) == (409, "proposal_changed")
        done = other.post(
            f"{address}approve/", {"digest": proposal["digest"], "comment": "yes"}, format="json"
        )
        assert (done.status_code, done.json()["state"]) == (200, "approved")
        assert policy.current().digest == proposal["digest"]
        late = other.post(f"{address}reject/", {"comment": "no"}, format="json")
        assert (late.status_code, late.json()["code"]) == (409, "already_decided")
        assert author.get(f"{POLICY}proposals/").json()["results"][0]["decided_by"] == "second"

    def test_are_edited_rejected_and_withdrawn(
        self, org: Organisation, second: User, with_token: Any
    ) -> None:
        author, other = with_token(org.platform), with_token(second)
        addresses = [
            f"{POLICY}proposals/{author.post(f'{POLICY}proposals/', self.body(), format='json').json()['id']}/"
            for _ in range(2)
        ]
        edited = author.put(addresses[0], self.body(text=CHANGED + "# more\n"), format="json")
        assert (edited.status_code, edited.json()["text"]) == (200, CHANGED + "# more\n")
        assert other.put(addresses[0], self.body(), format="json").json()["code"] == "self_approval"
        silent = other.post(f"{addresses[0]}reject/", {}, format="json")
        assert (silent.status_code, silent.json()["errors"][0]["field"]) == (400, "comment")
        rejected = other.post(f"{addresses[0]}reject/", {"comment": "no"}, format="json")
        assert rejected.json()["state"] == "rejected"
        assert author.post(f"{addresses[1]}withdraw/", {}, format="json").json()["state"] == "withdrawn"

    def test_say_every_problem_of_a_text(self, org: Organisation, second: User, with_token: Any) -> None:
        text = SHIPPED.replace("unpriced: true", "unpriced: maybe").replace("version: 1", "version: 3")
        answer = with_token(org.platform).post(f"{POLICY}proposals/", self.body(text=text), format="json")
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_policy")
        messages = [error["message"] for error in answer.json()["errors"]]
        assert len(messages) == 2
        assert all(message.startswith("line ") for message in messages)

    def test_are_closed_to_others(self, org: Organisation, second: User, with_token: Any) -> None:
        made = with_token(org.platform).post(f"{POLICY}proposals/", self.body(), format="json").json()
        for name in ("developer", "finops"):
            client = with_token(getattr(org, name))
            for answer in (
                client.get(f"{POLICY}proposals/"),
                client.get(f"{POLICY}proposals/{made['id']}/"),
                client.post(f"{POLICY}proposals/", self.body(), format="json"),
                client.post(
                    f"{POLICY}proposals/{made['id']}/approve/", {"digest": made["digest"]}, format="json"
                ),
            ):
                assert (answer.status_code, answer.json()["code"]) == (403, "platform_only")
        assert not AuditEvent.objects.filter(action="policy.activate").exists()

    def test_are_refused_where_a_file_decides(self, org: Organisation, with_token: Any) -> None:
        answer = with_token(org.platform).post(f"{POLICY}proposals/", self.body(), format="json")
        assert (answer.status_code, answer.json()["code"]) == (409, "policy_edited_elsewhere")
