"""The pages of the policy, without scripts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured
from django.contrib.auth.models import Group, User
from django.test import Client

from provisioner import policy
from provisioner.models import PolicyProposal
from tests.conftest import Organisation
from tests.web.conftest import Order, SignIn, fields

SHIPPED = Path(configured.DRAWBRIDGE_POLICY_FILE).read_text()
CHANGED = SHIPPED.replace('development: "100"', 'development: "1"')


def text_of(response: Any) -> str:
    """Return a page's words, spaces made one."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


@pytest.fixture
def edited_here(org: Organisation, settings: Any) -> None:
    settings.DRAWBRIDGE_POLICY_SOURCE = "edited"
    policy.current()
    org.users["second"] = User.objects.create_user("second")
    Group.objects.get(name="platform").user_set.add(org.users["second"])


@pytest.fixture
def author(edited_here: None, sign_in: SignIn) -> Client:
    return sign_in("platform")


@pytest.fixture
def other(edited_here: None, sign_in: SignIn) -> Client:
    return sign_in("second")


def proposed(client: Client, text: str = CHANGED) -> PolicyProposal:
    """Propose a text as a browser does; return what was made of it."""
    typed = fields(client.get("/policy/try/"))
    assert typed["text"].replace("\r\n", "\n") == policy_text()
    sent = {**typed, "text": text.replace("\n", "\r\n"), "reason": "less spend", "act": "propose"}
    answer = client.post("/policy/try/", sent)
    proposal = PolicyProposal.objects.latest("pk")
    assert (answer.status_code, answer["Location"]) == (302, f"/policy/proposals/{proposal.pk}/")
    return proposal


def policy_text() -> str:
    return SHIPPED


class TestThePolicy:
    def test_is_told_to_everybody_in_words(self, sign_in: SignIn) -> None:
        page = text_of(sign_in("outsider").get("/policy/"))
        assert (
            "groups: finops; when: (delta above usd month (development 100, staging 250, production 300"
            in page
        )
        assert policy.current().digest[:12] in page
        assert "Try a change" not in page
        assert "Try a change" in text_of(sign_in("finops").get("/policy/"))

    def test_says_what_is_wrong_with_a_newer_edit(
        self, org: Organisation, sign_in: SignIn, tmp_path: Path, settings: Any
    ) -> None:
        policy.current()
        settings.DRAWBRIDGE_POLICY_FILE = tmp_path / "policy.yaml"
        settings.DRAWBRIDGE_POLICY_FILE.write_text(SHIPPED.replace("unpriced: true", "unpriced: maybe"))
        page = text_of(sign_in("developer").get("/policy/"))
        line = next(i for i, text in enumerate(SHIPPED.splitlines(), 1) if "unpriced: true" in text)
        assert "A newer edit cannot be used" in page
        assert f"Line {line} approvals.rules[1].when.unpriced" in page

    def test_is_linked_from_a_run_that_it_judged(self, sign_in: SignIn, order: Order) -> None:
        run = order()
        page = sign_in("developer").get(f"/runs/{run.pk}/").content.decode()
        assert f'href="/policy/versions/{run.policy_digest}/"' in page
        version = sign_in("developer").get(f"/policy/versions/{run.policy_digest}/")
        assert "unpriced: true" in version.content.decode()

    def test_is_not_found_by_a_digest_of_nothing(self, sign_in: SignIn) -> None:
        assert sign_in("developer").get(f"/policy/versions/{'0' * 64}/").status_code == 404


class TestTrying:
    def test_is_for_those_who_decide(self, sign_in: SignIn) -> None:
        assert sign_in("developer").get("/policy/try/").status_code == 403
        page = text_of(sign_in("sre").get("/policy/try/"))
        assert "edit its file" in page
        assert "Propose" not in page

    def test_shows_problems_beside_their_lines(self, author: Client) -> None:
        typed = fields(author.get("/policy/try/"))
        bad = SHIPPED.replace("unpriced: true", "unpriced: maybe")
        answer = author.post("/policy/try/", {**typed, "text": bad, "act": "propose"})
        page = text_of(answer)
        line = next(i for i, text in enumerate(SHIPPED.splitlines(), 1) if "unpriced: true" in text)
        assert answer.status_code == 422
        assert f"{line} unpriced: maybe approvals.rules[1].when.unpriced" in page
        assert "unpriced: maybe" in fields(answer)["text"]  # what was typed stays
        assert not PolicyProposal.objects.exists()

    def test_shows_what_it_changes_its_tests_and_a_dry_run(self, author: Client, order: Order) -> None:
        order()
        typed = fields(author.get("/policy/try/"))
        page = text_of(author.post("/policy/try/", {**typed, "text": CHANGED, "act": "dry-run"}))
        assert "(development 1, staging 250" in page
        assert "1 run judged by both policies" in page
        assert "Newly asks finops 1" in page
        assert "failed a small database in development asks nobody" in page

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"reason": ""}, "Say why"),
            ({"base": "0" * 64}, "changed since this was written"),
            ({"text": SHIPPED}, "This is the policy in force"),
            ({"text": ""}, "This field is required"),
        ],
    )
    def test_keeps_what_was_typed_when_it_is_refused(
        self, author: Client, change: dict[str, str], says: str
    ) -> None:
        typed = {
            **fields(author.get("/policy/try/")),
            "text": CHANGED,
            "reason": "x",
            "act": "propose",
            **change,
        }
        answer = author.post("/policy/try/", typed)
        assert answer.status_code in (409, 422)
        assert says in text_of(answer)
        assert fields(answer)["text"].strip() == change.get("text", CHANGED).strip()


class TestAProposal:
    def test_is_approved_by_another_and_then_in_force(self, author: Client, other: Client) -> None:
        proposal = proposed(author)
        address = f"/policy/proposals/{proposal.pk}/"
        assert "another platform engineer approves it" in text_of(author.get(address))
        page = other.get(address)
        assert "(development 1, staging 250" in text_of(page)
        sent = {"digest": fields(page)["digest"], "comment": "agreed"}
        own = author.post(f"{address}approve/", sent)
        assert (own.status_code, "You cannot approve your own" in text_of(own)) == (403, True)
        assert other.post(f"{address}approve/", sent)["Location"] == "/policy/"
        assert policy.current().digest == proposal.digest
        page = text_of(other.get("/policy/"))
        assert "approved by second: less spend" in page
        late = other.post(f"{address}reject/", {"comment": "no"})
        assert (late.status_code, "Already decided" in text_of(late)) == (409, True)

    def test_is_rejected_with_a_comment_which_is_kept_when_missing(
        self, author: Client, other: Client
    ) -> None:
        address = f"/policy/proposals/{proposed(author).pk}/"
        silent = other.post(f"{address}reject/", {"comment": ""})
        assert (silent.status_code, "Say why" in text_of(silent)) == (422, True)
        assert other.post(f"{address}reject/", {"comment": "too low"})["Location"] == address
        assert "too low" in text_of(author.get(address))

    def test_is_stale_after_another_came_into_force_and_is_mended(
        self, author: Client, other: Client
    ) -> None:
        stale = proposed(author)
        first = proposed(author, SHIPPED.replace("expire_after_days: 14", "expire_after_days: 7"))
        other.post(f"/policy/proposals/{first.pk}/approve/", {"digest": first.digest})
        page = other.get(f"/policy/proposals/{stale.pk}/")
        assert "Another policy came into force" in text_of(page)
        assert "A plan waits 7 days" in text_of(page)
        assert "Approve: it comes into force" not in text_of(page)
        assert (
            other.post(f"/policy/proposals/{stale.pk}/approve/", {"digest": stale.digest}).status_code == 409
        )
        edit = f"/policy/proposals/{stale.pk}/edit/"
        both = CHANGED.replace("expire_after_days: 14", "expire_after_days: 7")
        assert (
            author.post(edit, {**fields(author.get(edit)), "text": both, "act": "propose"}).status_code == 302
        )
        stale.refresh_from_db()
        other.post(f"/policy/proposals/{stale.pk}/approve/", {"digest": stale.digest})
        assert policy.current().digest == stale.digest

    def test_brings_an_older_version_back(self, author: Client, other: Client) -> None:
        before = policy.current().digest
        first = proposed(author)
        other.post(f"/policy/proposals/{first.pk}/approve/", {"digest": first.digest})
        version = author.get(f"/policy/versions/{before}/")
        assert "Bring it back" in text_of(version)
        typed = fields(author.get(f"/policy/try/?from={before}"))
        author.post("/policy/try/", {**typed, "reason": "back", "act": "propose"})
        back = PolicyProposal.objects.latest("pk")
        other.post(f"/policy/proposals/{back.pk}/approve/", {"digest": back.digest})
        assert policy.current().digest == before

    def test_is_withdrawn_and_dry_run(self, author: Client, other: Client, order: Order) -> None:
        order()
        address = f"/policy/proposals/{proposed(author).pk}/"
        assert "Newly asks finops 1" in text_of(other.post(f"{address}dry-run/"))
        assert author.post(f"{address}withdraw/")["Location"] == address
        assert "withdrawn" in text_of(other.get("/policy/proposals/"))
        assert other.post(f"{address}publish/").status_code == 404

    @pytest.mark.parametrize("name", ["developer", "finops"])
    def test_is_closed_to_others(self, author: Client, sign_in: SignIn, name: str) -> None:
        number = proposed(author).pk
        client = sign_in(name)
        for address in (
            "/policy/proposals/",
            f"/policy/proposals/{number}/",
            f"/policy/proposals/{number}/edit/",
        ):
            assert client.get(address).status_code == 403
        assert client.post(f"/policy/proposals/{number}/approve/", {}).status_code == 403
