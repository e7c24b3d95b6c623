"""A small organisation to try Drawbridge with: two teams, their services, and everyone who has a part in an order."""

from dataclasses import dataclass

from django.contrib.auth.models import Group, User
from django.db import transaction

from catalog.models import CostCenter, Environment, Service, TargetAccount, Team

# Known to everyone who reads this file: it opens nothing but a sandbox on one's own machine.
DEMO_PASSWORD = "drawbridge-demo"  # noqa: S105


@dataclass(frozen=True)
class Login:
    """A person of the demo organisation."""

    username: str
    part: str
    group: str = ""
    team: str = ""


LOGINS = (
    Login("developer", "orders databases for the payments team", team="payments"),
    Login("teammate", "is in the same team and sees what it owns", team="payments"),
    Login("outsider", "is in another team and sees none of it", team="discovery"),
    Login("finops", "approves what costs more than an environment's limit", group="finops"),
    Login("sre", "approves production of tier-1 services, lifts protections", group="sre"),
    Login("platform", "administers the portal", group="platform"),
)
_TEAMS = (("payments", "Payments"), ("discovery", "Discovery"))
_COST_CENTERS = (("cc-1001", "Checkout"), ("cc-2002", "Search and recommendations"))
_ENVIRONMENTS = (
    ("development", "Development", 10, False),
    ("staging", "Staging", 20, False),
    ("production", "Production", 30, True),
)
# slug, name, how many runs at once; every environment is in it
_ACCOUNT = ("sandbox", "Sandbox", 4)
# slug, name, owner team, cost center, criticality
_SERVICES = (
    ("orders", "Orders", "payments", "cc-1001", "tier-1"),
    ("receipts", "Receipts", "payments", "cc-1001", "tier-3"),
    ("recommendations", "Recommendations", "discovery", "cc-2002", "tier-2"),
)


@transaction.atomic
def seed(password: str) -> list[Login]:
    """Make what is missing of the demo organisation and return its logins; what exists is left as it is."""
    teams = {
        slug: Team.objects.get_or_create(slug=slug, defaults=_team(slug, name))[0] for slug, name in _TEAMS
    }
    centers = {
        slug: CostCenter.objects.get_or_create(slug=slug, defaults={"name": name})[0]
        for slug, name in _COST_CENTERS
    }
    slug, name, max_running = _ACCOUNT
    account, _ = TargetAccount.objects.get_or_create(
        slug=slug, defaults={"name": name, "max_running": max_running}
    )
    for slug, name, position, is_production in _ENVIRONMENTS:
        Environment.objects.get_or_create(
            slug=slug,
            defaults={
                "name": name,
                "position": position,
                "is_production": is_production,
                "account": account,
            },
        )
    for slug, name, team, center, criticality in _SERVICES:
        Service.objects.get_or_create(
            slug=slug,
            defaults={
                "name": name,
                "owner_team": teams[team],
                "cost_center": centers[center],
                "criticality": criticality,
            },
        )
    for login in LOGINS:
        _person(login, password, teams)
    return list(LOGINS)


def _team(slug: str, name: str) -> dict[str, str]:
    return {"name": name, "email": f"{slug}@example.com"}


def _person(login: Login, password: str, teams: dict[str, Team]) -> None:
    """Make one user with group and team; a user who is there keeps everything, the password too."""
    is_platform = login.group == "platform"
    user, is_new = User.objects.get_or_create(
        username=login.username,
        defaults={
            "email": f"{login.username}@example.com",
            "is_staff": is_platform,
            "is_superuser": is_platform,
        },
    )
    if not is_new:
        return
    user.set_password(password)
    user.save(update_fields=["password"])
    if login.group:
        user.groups.add(Group.objects.get_or_create(name=login.group)[0])
    if login.team:
        teams[login.team].members.add(user)
