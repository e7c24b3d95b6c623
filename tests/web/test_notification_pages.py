"""The pages of notifications: one's own mail, channels, the log."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from catalog.models import CatalogItemVersion
from provisioner import notify
from provisioner.domain.notification import EVENTS
from provisioner.models import NotificationChannel, NotificationDelivery, NotificationPreference, Run
from tests.api.rows import make_run, make_version
from tests.conftest import NOW, Organisation
from tests.web.conftest import SignIn, fields

pytestmark = pytest.mark.django_db

NEW = {
    "name": "Tickets <b>",
    "kind": "webhook",
    "owner": "group:platform",
    "address": "https://tickets.example.com/hook",
    "mode": "at_once",
    "digest_hour": "7",
    "events": ["run.applied"],
}


@pytest.fixture
def run(org: Organisation) -> Run:
    version: CatalogItemVersion = make_version()
    return make_run(org, version)


@pytest.fixture
def platform(sign_in: SignIn) -> Client:
    return sign_in("platform")


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


class TestOnesOwnMail:
    address = "/notifications/preferences/"

    def test_is_chosen_on_a_form(self, sign_in: SignIn, org: Organisation) -> None:
        developer = sign_in("developer")
        page = developer.get(self.address)
        assert all(event.label in page.content.decode() for event in EVENTS.values())
        given = {**fields(page), "run.applied": "daily", "digest_hour": "5"}
        assert developer.post(self.address, given)["Location"] == self.address
        chosen = NotificationPreference.objects.get(user=org.developer)
        assert (chosen.modes["run.applied"], chosen.digest_hour) == ("daily", 5)
        assert "workspace.expired" not in chosen.modes
        assert fields(developer.get(self.address))["run.applied"] == "daily"

    def test_cannot_be_switched_off_where_it_matters(self, sign_in: SignIn, org: Organisation) -> None:
        developer = sign_in("developer")
        page = text(developer.get(self.address))
        assert "At once, always" in page
        given = {**fields(developer.get(self.address)), "workspace.expiring": "never"}
        assert developer.post(self.address, given).status_code == 422
        given |= {"workspace.expiring": "daily", "workspace.expired": "never"}
        developer.post(self.address, given)
        assert "workspace.expired" not in NotificationPreference.objects.get(user=org.developer).modes

    def test_says_when_there_is_no_address(self, sign_in: SignIn, org: Organisation) -> None:
        org.developer.email = ""
        org.developer.save()
        assert "You have no mail address" in text(sign_in("developer").get(self.address))


class TestAChannel:
    def test_is_made_and_its_secret_shown_once(self, platform: Client) -> None:
        answer = platform.post("/notifications/channels/new/", NEW)
        [secret] = re.findall(r"whsec_[A-Za-z0-9+/=]{40,}", answer.content.decode())
        assert "no-store" in answer["Cache-Control"]
        assert "The secret of Tickets &lt;b&gt;" in text(answer)
        channel = NotificationChannel.objects.get()
        page = platform.get(f"/notifications/channels/{channel.pk}/").content.decode()
        assert secret not in page
        assert "tickets.example.com/hook" not in page
        assert fields(platform.get(f"/notifications/channels/{channel.pk}/"))["name"] == "Tickets <b>"

    def test_is_changed_keeping_its_address(self, platform: Client) -> None:
        platform.post("/notifications/channels/new/", NEW)
        channel = NotificationChannel.objects.get()
        before = bytes(channel.address)
        page = f"/notifications/channels/{channel.pk}/"
        platform.post(page, {**NEW, "address": "", "mode": "hourly", "name": "Other"})
        channel.refresh_from_db()
        assert (channel.name, channel.mode, bytes(channel.address)) == ("Other", "hourly", before)

    def test_gets_another_secret(self, platform: Client) -> None:
        platform.post("/notifications/channels/new/", NEW)
        channel = NotificationChannel.objects.get()
        answer = platform.post(f"/notifications/channels/{channel.pk}/rotate-secret/")
        assert "whsec_" in answer.content.decode()
        assert "The one before signs too until" in text(answer)
        assert "no-store" in answer["Cache-Control"]

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"address": "https://127.0.0.1/"}, "an address that is not public"),
            ({"owner": ""}, "This field is required"),
            ({"owner": "team:none"}, "There is no such team"),
            ({"kind": "fax"}, "The kind is one of"),
        ],
    )
    def test_that_cannot_be_says_why_at_its_field(
        self, platform: Client, changes: dict[str, Any], said: str
    ) -> None:
        answer = platform.post("/notifications/channels/new/", {**NEW, **changes})
        assert answer.status_code == 422
        assert said in text(answer)
        assert not NotificationChannel.objects.exists()

    def test_is_tried_disabled_enabled_and_deleted(self, platform: Client) -> None:
        platform.post("/notifications/channels/new/", NEW)
        channel = NotificationChannel.objects.get()
        page = f"/notifications/channels/{channel.pk}/"
        assert "The test is on its way" in text(platform.post(f"{page}test/", follow=True))
        assert "is disabled" in text(platform.post(f"{page}disable/", follow=True))
        assert platform.post(f"{page}test/").status_code == 409
        assert "is used again" in text(platform.post(f"{page}enable/", follow=True))
        assert platform.post(f"{page}nonsense/").status_code == 404
        assert "The channel is deleted" in text(platform.post(f"{page}delete/", follow=True))
        assert not NotificationChannel.objects.exists()

    def test_of_a_team_is_made_by_its_members(self, sign_in: SignIn) -> None:
        developer = sign_in("developer")
        page = developer.get("/notifications/channels/new/").content.decode()
        assert "Team Payments" in page
        assert "Group finops" not in page
        mine = {**NEW, "kind": "slack", "owner": "team:payments"}
        assert developer.post("/notifications/channels/new/", mine).status_code == 302
        assert developer.post("/notifications/channels/new/", {**NEW, "name": "x"}).status_code == 403
        channel = NotificationChannel.objects.get()
        outsider = sign_in("outsider")
        for address in ("", "test/", "disable/", "rotate-secret/", "delete/"):
            assert outsider.post(f"/notifications/channels/{channel.pk}/{address}").status_code == 404
        assert "Tickets" not in text(outsider.get("/notifications/channels/"))


class TestTheLog:
    address = "/notifications/deliveries/"

    def test_shows_what_became_of_each(self, run: Run, platform: Client, sign_in: SignIn) -> None:
        run.workspace.name = "<script>x</script>"
        notify.run_applied(run, now=NOW)
        NotificationDelivery.objects.filter(person__isnull=False).update(
            status="failed", attempts=2, last_error="It answered 503.", next_attempt_at=NOW
        )
        page = text(platform.get(self.address))
        assert "failed, is tried again" in page
        assert "It answered 503." in page
        assert "<script>x" not in page
        assert "It answered 503." in text(sign_in("developer").get(self.address))
        assert "Nothing was sent yet" in text(sign_in("outsider").get(self.address))

    def test_is_narrowed_by_state_event_and_channel(self, run: Run, platform: Client) -> None:
        platform.post("/notifications/channels/new/", NEW)
        channel = NotificationChannel.objects.get()
        notify.run_applied(run, now=NOW)
        notify.plan_expired(run, days=14, now=NOW)

        def rows(query: str) -> int:
            return len(platform.get(f"{self.address}?{query}").context["page"].rows)

        assert rows("") == 5
        assert rows("event=run.applied") == 3
        assert rows(f"channel={channel.pk}") == 1
        assert rows("status=sent") == 0
        assert rows("status=nonsense&event=%00&channel=99999999999999999999") == 5

    def test_is_paged(self, run: Run, platform: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        for number in range(26):
            notify.run_applied(run, now=NOW + timedelta(hours=number))
        first = platform.get(self.address).context["page"]
        second = platform.get(self.address, {"before": first.older}).context["page"]
        assert (len(first.rows), len(second.rows), second.older) == (50, 2, None)

    def test_asks_as_often_however_many_rows_there_are(
        self, run: Run, platform: Client, django_assert_max_num_queries: Any
    ) -> None:
        for number in range(20):
            notify.run_applied(run, now=NOW + timedelta(hours=number))
        with django_assert_max_num_queries(8):
            platform.get(self.address)

    def test_sends_again(self, run: Run, sign_in: SignIn) -> None:
        notify.run_applied(run, now=NOW)
        NotificationDelivery.objects.update(status="gave_up")
        mine = NotificationDelivery.objects.get(person__isnull=False)
        address = reverse("notification-redeliver", args=[mine.pk])
        assert sign_in("outsider").post(address).status_code == 404
        assert "is sent again" in text(sign_in("developer").post(address, follow=True))
        mine.refresh_from_db()
        assert (mine.status, mine.attempts) == ("pending", 0)
