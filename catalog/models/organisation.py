"""Who owns things: teams, services, cost centers and the environments they run in."""

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import CheckConstraint, Q

# Slugs end up as tag values, Backstage names and parts of resource names: lower case, digits and single words.
# `\A` and `\Z` mean the same in Python (SQLite's REGEXP) and in PostgreSQL; `$` does not.
SLUG_PATTERN = r"\A[a-z0-9]([a-z0-9-]*[a-z0-9])?\Z"
SLUG_MAX_LENGTH = 63

validate_slug = RegexValidator(
    SLUG_PATTERN, "Use lower-case letters, digits and hyphens; begin and end with a letter or a digit."
)


class Criticality(models.TextChoices):
    """How much it matters that a service stays up; tier 1 matters most."""

    TIER_1 = "tier-1", "Tier 1: customers notice at once"
    TIER_2 = "tier-2", "Tier 2: customers notice within hours"
    TIER_3 = "tier-3", "Tier 3: internal or easily done without"


class Team(models.Model):
    """A group of people that owns services."""

    slug = models.CharField(max_length=SLUG_MAX_LENGTH, unique=True, validators=[validate_slug])
    name = models.CharField(max_length=120)
    email = models.EmailField(blank=True)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="teams", blank=True)

    class Meta:
        ordering = ["slug"]
        constraints = [CheckConstraint(name="team_slug_pattern", condition=Q(slug__regex=SLUG_PATTERN))]

    def __str__(self) -> str:
        return self.name


class CostCenter(models.Model):
    """The account in the books that pays."""

    slug = models.CharField(max_length=SLUG_MAX_LENGTH, unique=True, validators=[validate_slug])
    name = models.CharField(max_length=120)

    class Meta:
        ordering = ["slug"]
        constraints = [
            CheckConstraint(name="cost_center_slug_pattern", condition=Q(slug__regex=SLUG_PATTERN))
        ]

    def __str__(self) -> str:
        return self.name


class TargetAccount(models.Model):
    """A cloud account that runs are applied in; at most `max_running` runs work in it at once."""

    slug = models.CharField(max_length=SLUG_MAX_LENGTH, unique=True, validators=[validate_slug])
    name = models.CharField(max_length=120)
    max_running = models.PositiveSmallIntegerField(default=10)

    class Meta:
        ordering = ["slug"]
        constraints = [
            CheckConstraint(name="target_account_slug_pattern", condition=Q(slug__regex=SLUG_PATTERN)),
            CheckConstraint(name="target_account_runs_something", condition=Q(max_running__gte=1)),
        ]

    def __str__(self) -> str:
        return self.name


class Environment(models.Model):
    """A stage on the way to customers, such as development or production; lowest position first."""

    slug = models.CharField(max_length=SLUG_MAX_LENGTH, unique=True, validators=[validate_slug])
    name = models.CharField(max_length=120)
    position = models.PositiveSmallIntegerField(default=0)
    is_production = models.BooleanField(default=False)
    # Without one, the only limit is the number of workers.
    account = models.ForeignKey(
        TargetAccount, on_delete=models.PROTECT, null=True, blank=True, related_name="environments"
    )

    class Meta:
        ordering = ["position", "slug"]
        constraints = [
            CheckConstraint(name="environment_slug_pattern", condition=Q(slug__regex=SLUG_PATTERN))
        ]

    def __str__(self) -> str:
        return self.name


class Service(models.Model):
    """A piece of software in operation: it has one owner team, one cost center and a criticality."""

    slug = models.CharField(max_length=SLUG_MAX_LENGTH, unique=True, validators=[validate_slug])
    name = models.CharField(max_length=120)
    owner_team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="services")
    cost_center = models.ForeignKey(CostCenter, on_delete=models.PROTECT, related_name="services")
    criticality = models.CharField(max_length=6, choices=Criticality.choices, default=Criticality.TIER_3)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["slug"]
        constraints = [
            CheckConstraint(name="service_slug_pattern", condition=Q(slug__regex=SLUG_PATTERN)),
            CheckConstraint(
                name="service_criticality_known", condition=Q(criticality__in=Criticality.values)
            ),
        ]

    def __str__(self) -> str:
        return self.name
