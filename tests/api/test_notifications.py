"""Notifications by the API: the same answers as on the pages, and secrets given once."""

from __future__ import annotations

from typing import Any

import pytest

from catalog.models import CatalogItemVersion
from provisioner import notify
from provisioner.models import NotificationChannel, NotificationDelivery
from tests.api.rows import make_run
from tests.conftest import NOW, Organisation

CHANNELS = "/api/v1/notification-channels/"
DELIVERIES = "/api/v1/notification-deliveries/"
PREFERENCES = "/api/v1/notification-preferences/"
NEW = {"name": "Tickets", "kind": "webhook", "address": "https://tickets.example.com/hook", "group": "sre"}


class TestChannels:
    def test_are_made_read_changed_and_deleted(self, org: Organisation, with_token: Any) -> None:
        client = with_token(org.platform)
        made = client.post(CHANNELS, NEW, format="json")
        assert made.status_code == 201
        assert made.json()["secret"].startswith("whsec_")
        one = f"{CHANNELS}{made.json()['id']}/"
        read = client.get(one).json()
        assert "secret" not in read
        assert "address" not in read
        assert (read["address_hint"], read["group"], read["team"]) == (
            "https://tickets.example.com/…",
            "sre",
            None,
        )
        changed = client.put(one, {**NEW, "address": "", "mode": "daily"}, format="json")
        assert (changed.status_code, changed.json()["mode"]) == (200, "daily")
        assert client.get(CHANNELS, {"group": "sre", "kind": "webhook", "disabled": "false"}).json()[
            "results"
        ]
        assert client.get(CHANNELS, {"disabled": "true"}).json()["results"] == []
        assert client.delete(one).status_code == 204
        assert client.get(one).status_code == 404

    def test_give_their_secret_once_even_to_a_repeated_call(self, org: Organisation, with_token: Any) -> None:
        client = with_token(org.platform)
        answers = [
            client.post(CHANNELS, NEW, format="json", HTTP_IDEMPOTENCY_KEY="k").json() for _ in range(2)
        ]
        assert [bool(answer["secret"]) for answer in answers] == [True, False]
        assert NotificationChannel.objects.count() == 1
        rotate = f"{CHANNELS}{answers[0]['id']}/rotate-secret/"
        rotated = [client.post(rotate, {}, format="json", HTTP_IDEMPOTENCY_KEY="r").json() for _ in range(2)]
        assert [bool(answer["secret"]) for answer in rotated] == [True, False]
        assert rotated[0]["previous_secret_until"]

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"address": "https://10.0.0.1/"}, "address"),
            ({"events": ["nothing"]}, "events.0"),
            ({"team": "payments"}, "group"),
            ({"secret": "whsec_mine"}, "secret"),
            ({"digest_hour": "7"}, "digest_hour"),
        ],
    )
    def test_that_cannot_be_are_refused_by_field(
        self, org: Organisation, with_token: Any, changes: dict[str, Any], field: str
    ) -> None:
        answer = with_token(org.platform).post(CHANNELS, {**NEW, **changes}, format="json")
        assert answer.status_code == 400
        assert field in {error["field"] for error in answer.json()["errors"]}

    def test_of_groups_are_not_for_others(self, org: Organisation, with_token: Any) -> None:
        answer = with_token(org.developer).post(CHANNELS, NEW, format="json")
        assert (answer.status_code, answer.json()["code"]) == (403, "not_your_channel")

    def test_are_tried_disabled_and_enabled(self, org: Organisation, with_token: Any) -> None:
        client = with_token(org.platform)
        one = f"{CHANNELS}{client.post(CHANNELS, NEW, format='json').json()['id']}/"
        tried = client.post(f"{one}test/", {}, format="json")
        assert (tried.status_code, tried.json()["status"]) == (202, "pending")
        assert client.get(f"{DELIVERIES}{tried.json()['id']}/").json()["event"] == "test"
        assert client.post(f"{one}disable/", {}, format="json").json()["disabled_at"]
        refused = client.post(f"{one}test/", {}, format="json")
        assert (refused.status_code, refused.json()["code"]) == (409, "channel_disabled")
        assert client.post(f"{one}enable/", {}, format="json").json()["disabled_at"] is None


class TestDeliveries:
    @pytest.fixture(autouse=True)
    def _told(self, org: Organisation, published: CatalogItemVersion) -> None:
        run = make_run(org, published)
        notify.run_applied(run, now=NOW)

    def test_are_those_that_one_may_see(self, org: Organisation, with_token: Any) -> None:
        def seen(name: str, **query: str) -> list[Any]:
            return list(with_token(org.users[name]).get(DELIVERIES, query).json()["results"])

        assert [row["person"] or row["team"] for row in seen("teammate")] == ["payments"]
        assert len(seen("platform")) == 2
        assert seen("outsider") == []
        assert len(seen("developer", status="pending", event="run.applied")) == 2
        assert seen("developer", status="sent") == []

    def test_are_sent_again(self, org: Organisation, with_token: Any) -> None:
        row = NotificationDelivery.objects.get(person=org.developer)
        NotificationDelivery.objects.update(status="gave_up")
        again = f"{DELIVERIES}{row.pk}/redeliver/"
        assert with_token(org.outsider).post(again, {}, format="json").status_code == 404
        answer = with_token(org.developer).post(again, {}, format="json")
        assert (answer.status_code, answer.json()["status"]) == (202, "pending")
        NotificationDelivery.objects.update(status="digested")
        answer = with_token(org.developer).post(again, {}, format="json")
        assert (answer.status_code, answer.json()["code"]) == (409, "not_redeliverable")


class TestOnesOwnMail:
    def test_is_read_and_chosen(self, org: Organisation, with_token: Any) -> None:
        client = with_token(org.developer)
        assert client.get(PREFERENCES).json()["modes"]["run.applied"] == "at_once"
        answer = client.patch(
            PREFERENCES, {"modes": {"run.applied": "never"}, "digest_hour": 6}, format="json"
        )
        assert answer.json()["digest_hour"] == 6
        assert client.get(PREFERENCES).json()["modes"]["run.applied"] == "never"
        assert client.patch(PREFERENCES, {}, format="json").json()["digest_hour"] == 6

    def test_cannot_be_switched_off_where_it_matters(self, org: Organisation, with_token: Any) -> None:
        answer = with_token(org.developer).patch(
            PREFERENCES, {"modes": {"workspace.expired": "never"}}, format="json"
        )
        assert answer.status_code == 400
        assert [error["field"] for error in answer.json()["errors"]] == ["modes.workspace.expired"]
