"""The demo organisation."""

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from catalog.models import CostCenter, Environment, Service, TargetAccount, Team
from portal.demo import organisation
from provisioner import selectors

pytestmark = pytest.mark.django_db


def counts() -> list[int]:
    return [model.objects.count() for model in (User, Team, CostCenter, TargetAccount, Environment, Service)]


class TestSeedDemo:
    def test_makes_everyone_who_has_a_part_in_an_order(self) -> None:
        call_command("seed_demo", verbosity=0)
        developer = User.objects.get(username="developer")
        assert {service.slug for service in selectors.orderable_services(developer)} == {"orders", "receipts"}
        assert Service.objects.get(slug="orders").criticality == "tier-1"
        assert set(Team.objects.get(slug="payments").members.values_list("username", flat=True)) == {
            "developer",
            "teammate",
        }
        assert {
            group
            for user in ("finops", "sre")
            for group in selectors.groups_of(User.objects.get(username=user))
        } == {
            "finops",
            "sre",
        }
        platform = User.objects.get(username="platform")
        assert platform.is_superuser
        assert selectors.is_platform(platform)
        account = TargetAccount.objects.get()
        assert {environment.account for environment in Environment.objects.all()} == {account}
        assert account.max_running > 1

    def test_lets_everyone_sign_in(self, client: object) -> None:
        call_command("seed_demo", verbosity=0)
        for login in organisation.LOGINS:
            assert client.login(username=login.username, password=organisation.DEMO_PASSWORD)  # type: ignore[attr-defined]

    def test_changes_nothing_the_second_time(self) -> None:
        call_command("seed_demo", verbosity=0)
        before = counts()
        developer = User.objects.get(username="developer")
        developer.set_password("changed meanwhile")
        developer.save()
        Team.objects.filter(slug="payments").update(name="Money")
        call_command("seed_demo", verbosity=0)
        assert counts() == before
        assert User.objects.get(username="developer").check_password("changed meanwhile")
        assert Team.objects.get(slug="payments").name == "Money"

    @pytest.mark.parametrize("options", [{}, {"force": True}, {"password": "long enough to be safe"}])
    def test_refuses_where_orders_reach_an_account(
        self, settings: object, options: dict[str, object]
    ) -> None:
        settings.DRAWBRIDGE_TARGET = "aws"  # type: ignore[attr-defined]
        with pytest.raises(CommandError, match="real infrastructure"):
            call_command("seed_demo", **options)
        assert not User.objects.exists()

    def test_seeds_an_account_when_forced_with_a_password_of_its_own(self, settings: object) -> None:
        settings.DRAWBRIDGE_TARGET = "aws"  # type: ignore[attr-defined]
        call_command("seed_demo", force=True, password="long enough to be safe", verbosity=0)
        assert User.objects.get(username="sre").check_password("long enough to be safe")
