"""The order form without JavaScript, and what it answers while one types."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from django.test import Client
from django.urls import reverse

from catalog.models import CatalogItemVersion
from catalog.spec import Condition, ParameterSpec
from provisioner.models import Request, Run
from provisioner.services.submit import submit
from tests.conftest import Organisation
from tests.web.conftest import Order, SignIn, fields

ADDRESS = "/catalog/postgres/order/"
LIVE = f"{ADDRESS}live/"

HOSTILE = "<script>alert(1)</script>\"'{{ 7|add:7 }}${path.module}%{ if true }😀‮"


@pytest.fixture
def developer(sign_in: SignIn, postgres: CatalogItemVersion) -> Client:
    return sign_in("developer")


def filled_in(client: Client, environment: str = "development", **typed: str) -> dict[str, str]:
    """Return the form's fields as shown for an environment, with what a person types."""
    shown = fields(client.get(ADDRESS, {"environment": environment, "service": "orders"}))
    return {**shown, "name": "orders-db", "action": "order", **typed}


class TestTheForm:
    def test_is_filled_in_for_the_environment(self, developer: Client) -> None:
        development = filled_in(developer)
        production = filled_in(developer, "production")
        assert (development["size"], production["size"]) == ("small", "medium")
        assert "multi_az" not in development
        assert production["multi_az"] == "on"
        assert production["instance_class"] == "db.r6g.large"

    def test_says_what_a_name_may_be_as_the_module_does(self, developer: Client) -> None:
        text = developer.get(ADDRESS).content.decode()
        assert "Unique among these in its environment. The name must be lower-case letters" in text
        assert "3 to 40 characters, so that every derived AWS name stays within its limit" in text

    def test_shows_derived_tags_cost_and_who_will_be_asked(self, developer: Client) -> None:
        text = developer.get(ADDRESS, {"environment": "production", "service": "orders"}).content.decode()
        assert "cc-100" in text
        assert "tier-1" in text
        assert "a month" in text
        assert "<strong>finops</strong>" in text
        assert "<strong>sre</strong>" in text

    def test_offers_only_services_of_the_persons_teams(self, developer: Client) -> None:
        assert b'value="ads"' not in developer.get(ADDRESS).content
        assert b'value="receipts"' in developer.get(ADDRESS).content

    def test_tells_who_owns_nothing_what_to_do(self, sign_in: SignIn, postgres: object) -> None:
        answer = sign_in("finops").get(ADDRESS)
        assert answer.status_code == 200
        assert b"Ask a platform engineer" in answer.content

    def test_fills_in_again_for_another_environment_and_keeps_what_was_decided(
        self, developer: Client
    ) -> None:
        sent = filled_in(developer, backup_retention_days="9")
        answer = developer.post(ADDRESS, {**sent, "environment": "production", "action": "refresh"})
        assert answer.status_code == 200
        again = fields(answer)
        assert again["size"] == "medium"
        assert again["multi_az"] == "on"
        assert again["backup_retention_days"] == "9"
        assert not Run.objects.exists()


class TestAnOrder:
    def test_becomes_a_run(self, developer: Client) -> None:
        answer = developer.post(ADDRESS, filled_in(developer, justification="for orders"))
        run = Run.objects.get()
        assert (answer.status_code, answer["Location"]) == (302, reverse("run", args=[run.pk]))
        assert run.request.justification == "for orders"

    def test_is_the_same_as_through_the_api(self, developer: Client, order: Order) -> None:
        developer.post(
            ADDRESS, filled_in(developer, "production", name="by-form", size="large", replica_count="0")
        )
        order("production", name="by-api", size="large", to="queued")
        by_form, by_api = (Run.objects.get(workspace__name=name) for name in ("by-form", "by-api"))
        assert by_form.parameters == by_api.parameters
        assert {**by_form.variables, "name": ""} == {**by_api.variables, "name": ""}

    def test_that_is_sent_twice_gives_one_run_and_leads_to_it(self, developer: Client) -> None:
        sent = filled_in(developer)
        first, second = developer.post(ADDRESS, sent), developer.post(ADDRESS, sent, follow=True)
        assert Run.objects.count() == 1
        assert second.redirect_chain == [(first["Location"], 302)]
        assert b"taken already" in second.content

    def test_whose_name_another_order_has_is_refused_at_the_name(self, developer: Client) -> None:
        developer.post(ADDRESS, filled_in(developer))
        answer = developer.post(ADDRESS, filled_in(developer, justification="something else"))
        assert answer.status_code == 409
        assert answer.context["form"].errors["name"]
        assert b"look at its run" in answer.content
        assert Run.objects.count() == 1

    def test_against_a_hard_guardrail_is_refused_beside_the_field(self, developer: Client) -> None:
        answer = developer.post(ADDRESS, filled_in(developer, instance_class="db.r6g.16xlarge"))
        text = answer.content.decode()
        assert answer.status_code == 422
        assert "instance-class-by-environment" in text
        assert "db.t4g.large" in text, "the nearest allowed value"
        assert not Run.objects.exists()
        assert fields(answer)["instance_class"] == "db.r6g.16xlarge", "nothing typed is lost"

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("name", ""),
            ("name", "UPPER"),
            ("name", "a" * 200),
            ("name", HOSTILE),
            ("name", "nul\0"),
            ("size", "gigantic"),
            ("backup_retention_days", "many"),
            ("backup_retention_days", "-1"),
            ("database_name", HOSTILE),
            ("environment", "moon"),
            ("service", "no-such-service"),
            ("justification", "x" * 5000),
        ],
    )
    def test_with_a_bad_field_is_a_form_error_at_that_field(
        self, developer: Client, field: str, value: str
    ) -> None:
        answer = developer.post(ADDRESS, {**filled_in(developer), field: value})
        assert answer.status_code == 422
        errors = {**answer.context["form"].errors, **answer.context["parameters"].form.errors}
        assert field in errors
        assert b"<script>alert(1)" not in answer.content
        assert not Run.objects.exists()
        assert not Request.objects.exists()

    def test_for_another_teams_service_is_forbidden(self, developer: Client) -> None:
        answer = developer.post(ADDRESS, filled_in(developer, service="ads"))
        assert answer.status_code == 403
        assert b"belongs to Growth" in answer.content
        assert not Run.objects.exists()

    def test_of_a_megabyte_is_refused_without_effect(self, developer: Client) -> None:
        answer = developer.post(ADDRESS, filled_in(developer, justification="x" * 1_100_000))
        assert 400 <= answer.status_code < 500
        assert not Run.objects.exists()

    def test_with_hostile_words_is_shown_as_words(self, developer: Client) -> None:
        answer = developer.post(ADDRESS, filled_in(developer, justification=HOSTILE), follow=True)
        text = answer.content.decode()
        assert answer.status_code == 200
        assert "<script>alert" not in text
        assert "{{ 7|add:7 }}" in text
        assert Run.objects.get().request.justification == HOSTILE


class TestAGroup:
    def test_says_what_only_terraform_can_judge(
        self, developer: Client, postgres: CatalogItemVersion
    ) -> None:
        spec = ParameterSpec.from_json(postgres.parameter_spec)
        rule = Condition(
            "length(setunion(var.allowed_security_group_ids, [])) < 9", "<b>Nine</b> are too many"
        )
        changed = [
            replace(one, conditions=(*one.conditions, rule)) if one.name == "instance_class" else one
            for one in spec
        ]
        CatalogItemVersion.objects.update(parameter_spec=ParameterSpec(tuple(changed)).to_json())
        text = developer.get(ADDRESS).content.decode()
        assert "Checked when it is planned" in text
        assert "<li>&lt;b&gt;Nine&lt;/b&gt; are too many.</li>" in text


class TestTheLiveAnswer:
    def test_to_a_choice_is_the_whole_form_filled_in_again(self, developer: Client) -> None:
        answer = developer.post(LIVE, {**filled_in(developer), "environment": "production"})
        assert answer.status_code == 200
        assert fields(answer)["size"] == "medium"
        assert b"<html" not in answer.content

    def test_to_typing_is_cost_and_the_notes_of_each_field(self, developer: Client) -> None:
        sent = filled_in(developer, instance_class="db.r6g.16xlarge", name="")
        answer = developer.post(LIVE, {**sent, "part": "answer"})
        text = answer.content.decode()
        assert answer.status_code == 200
        assert "Would be refused" in text
        assert re.search(r'id="id_instance_class-notes"\s+hx-swap-oob="true"', text)
        assert "instance-class-by-environment" in text
        assert "<input" not in text, "what is being typed is left alone"

    def test_to_what_cannot_be_read_says_so_at_the_field(self, developer: Client) -> None:
        answer = developer.post(
            LIVE, {**filled_in(developer, backup_retention_days="many"), "part": "answer"}
        )
        assert answer.status_code == 200
        assert b"Some fields cannot be taken" in answer.content
        assert b"Write a number" in answer.content

    def test_to_fields_that_contradict_each_other_says_the_modules_own_words_at_one_of_them(
        self, developer: Client
    ) -> None:
        sent = filled_in(developer, office_start_hour="9", office_end_hour="8", name="")
        text = developer.post(LIVE, {**sent, "part": "answer"}).content.decode()
        note = re.search(r'id="id_office_end_hour-notes".*?</div>\s*</div>', text, re.DOTALL)
        assert note is not None
        assert "invalid-feedback" in note[0]

    def test_has_no_effect(self, developer: Client) -> None:
        developer.post(LIVE, {**filled_in(developer), "part": "answer"})
        assert not Request.objects.exists()


class TestTwoClicksAtOnce:
    def test_end_at_the_same_run_when_the_second_meets_the_first_in_the_database(
        self, developer: Client, org: Organisation, order: Order, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sent = filled_in(developer)
        raced: list[Run] = []

        def raced_by_its_twin(ask: object, **kwargs: object) -> Run:
            raced.append(submit(ask, **kwargs))  # type: ignore[arg-type]
            return submit(ask, **kwargs)  # type: ignore[arg-type]

        monkeypatch.setattr("provisioner.services.submit.submit", raced_by_its_twin)
        answer = developer.post(ADDRESS, sent)
        assert answer["Location"] == reverse("run", args=[raced[0].pk])
        assert Run.objects.count() == 1
