"""Who gets in, and what every page has in common."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.db import OperationalError
from django.test import Client
from django.urls import reverse

from tests.conftest import PASSWORD, Organisation
from tests.web.conftest import Order, SignIn

TEMPLATES = sorted(Path(settings.BASE_DIR, "templates").rglob("*.html"))


class TestSigningIn:
    def test_is_asked_for_on_every_page(self, db: None) -> None:
        for name in ("home", "catalog", "runs", "approvals", "workspaces"):
            answer = Client().get(reverse(name))
            assert answer.status_code == 302
            assert answer["Location"].startswith(reverse("login"))

    def test_leads_to_the_page_that_was_asked_for(self, org: Organisation) -> None:
        answer = Client().post(
            reverse("login"), {"username": "developer", "password": PASSWORD, "next": "/runs/"}
        )
        assert (answer.status_code, answer["Location"]) == (302, "/runs/")

    @pytest.mark.parametrize("next_", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
    def test_never_leads_to_another_host(self, org: Organisation, next_: str) -> None:
        answer = Client().post(
            reverse("login"), {"username": "developer", "password": PASSWORD, "next": next_}
        )
        assert (answer.status_code, answer["Location"]) == (302, reverse("home"))

    def test_begins_a_session_of_another_name_so_that_none_can_be_foisted(self, org: Organisation) -> None:
        client = Client()
        session = client.session
        session["foisted"] = True
        session.save()
        before = session.session_key
        client.cookies[settings.SESSION_COOKIE_NAME] = before or ""
        client.post(reverse("login"), {"username": "developer", "password": PASSWORD})
        assert client.cookies[settings.SESSION_COOKIE_NAME].value not in ("", before)
        assert not client.session.__class__(before).exists(before)

    def test_with_a_wrong_password_shows_the_form_again(self, org: Organisation) -> None:
        answer = Client().post(reverse("login"), {"username": "developer", "password": "wrong"})
        assert answer.status_code == 422
        assert b"correct username and password" in answer.content

    def test_ends_by_post_only(self, sign_in: SignIn) -> None:
        client = sign_in("developer")
        assert client.get(reverse("logout")).status_code == 405
        assert client.post(reverse("logout"))["Location"] == reverse("login")
        assert client.get(reverse("home")).status_code == 302

    def test_that_has_expired_takes_a_background_request_to_the_whole_page(self, db: None) -> None:
        answer = Client().get(
            reverse("login"),
            headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/runs/?state=active"},
        )
        assert answer.status_code == 204
        assert answer["HX-Redirect"] == "/login/?next=%2Fruns%2F%3Fstate%3Dactive"


class TestEveryPage:
    def test_says_that_the_target_is_the_sandbox(self, sign_in: SignIn) -> None:
        client = sign_in("developer")
        for name in ("home", "catalog", "runs", "approvals", "workspaces"):
            assert b"no AWS account is touched" in client.get(reverse(name)).content
        assert b"no AWS account is touched" in Client().get(reverse("login")).content

    def test_says_nothing_of_a_sandbox_on_aws(self, sign_in: SignIn, settings: object) -> None:
        settings.DRAWBRIDGE_TARGET = "aws"  # type: ignore[attr-defined]
        assert b"Sandbox" not in sign_in("developer").get(reverse("home")).content

    def test_allows_scripts_and_styles_of_its_own_only(self, sign_in: SignIn) -> None:
        policy = sign_in("developer").get(reverse("home"))["Content-Security-Policy"]
        assert "script-src 'self'" in policy
        assert "style-src 'self'" in policy
        assert "unsafe" not in policy

    @pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
    def test_has_no_inline_script_style_or_handler(self, template: Path) -> None:
        text = template.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|hx-on", text)

    def test_that_is_not_there_is_answered_in_our_look(self, sign_in: SignIn) -> None:
        answer = sign_in("developer").get("/no/such/page/")
        assert answer.status_code == 404
        assert b"Drawbridge" in answer.content
        assert b"nothing at this address" in answer.content

    def test_refuses_a_form_without_its_token_in_our_look(self, org: Organisation) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(org.developer)
        answer = client.post(reverse("logout"))
        assert answer.status_code == 403
        assert b"This form has grown old" in answer.content

    def test_that_breaks_says_so_and_names_the_sandbox(
        self, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: object, **__: object) -> None:
            raise RuntimeError("out of order")

        monkeypatch.setattr("provisioner.selectors.runs_visible_to", broken)
        client = sign_in("developer")
        client.raise_request_exception = False
        answer = client.get(reverse("runs"))
        assert answer.status_code == 500
        assert b"Something broke on our side" in answer.content
        assert b"no AWS account is touched" in answer.content

    def test_that_cannot_reach_the_database_asks_to_come_back(
        self, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(*_: object, **__: object) -> None:
            raise OperationalError("connection refused on 10.0.0.7")

        monkeypatch.setattr("provisioner.selectors.runs_visible_to", away)
        client = sign_in("developer")
        client.raise_request_exception = False
        answer = client.get(reverse("runs"))
        assert answer.status_code == 503
        assert int(answer["Retry-After"]) > 0
        assert b"cannot reach its database" in answer.content
        assert b"10.0.0.7" not in answer.content


class TestAnotherTeam:
    @pytest.mark.parametrize("name", ["run", "run-live", "run-log", "run-log-text"])
    def test_gets_404_for_a_run(self, sign_in: SignIn, order: Order, name: str) -> None:
        address = reverse(name, args=[order().pk])
        assert sign_in("outsider").get(address).status_code == 404
        assert sign_in("teammate").get(address).status_code == 200
        assert sign_in("finops").get(address).status_code == 200

    @pytest.mark.parametrize("name", ["run-cancel", "run-discard", "run-retry", "run-decide"])
    def test_gets_404_for_what_may_be_done_to_a_run(self, sign_in: SignIn, order: Order, name: str) -> None:
        assert sign_in("outsider").post(reverse(name, args=[order().pk])).status_code == 404

    @pytest.mark.parametrize("name", ["workspace", "workspace-update", "workspace-destroy"])
    def test_gets_404_for_a_workspace(self, sign_in: SignIn, order: Order, name: str) -> None:
        address = reverse(name, args=[order(to="applied").workspace_id])
        assert sign_in("outsider").get(address).status_code == 404
        assert sign_in("teammate").get(address).status_code == 200

    def test_sees_nothing_of_it_in_its_lists(self, sign_in: SignIn, order: Order) -> None:
        order("production")
        client = sign_in("outsider")
        for name in ("home", "runs", "workspaces", "approvals"):
            assert b"orders-db" not in client.get(reverse(name)).content
