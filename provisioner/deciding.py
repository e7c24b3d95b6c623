"""Who may decide what now, and what hangs on decisions: delegations, overrides in force, reviews that are due."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import F, OuterRef, Q, QuerySet, Subquery

from provisioner import policy, selectors
from provisioner.domain.overrides import KeptOverride
from provisioner.domain.policy.approval_rules import ApprovalPolicy
from provisioner.domain.run import RunStatus
from provisioner.domain.separation import Bar, Delegated, Given, Power, power_to_decide
from provisioner.models import (
    ApprovalDecision,
    ApprovalStep,
    Delegation,
    DueReview,
    Override,
    OverrideUse,
    Run,
    Workspace,
)


@dataclass
class Desk:
    """One person's powers at an instant, read once for many steps. Delegations of those who left the group are void."""

    person: User
    now: datetime
    rules: ApprovalPolicy = field(default_factory=lambda: policy.current().approvals)
    _delegated: tuple[Delegated, ...] | None = None

    @property
    def delegated(self) -> tuple[Delegated, ...]:
        """The decisions that others handed to the person, where those others still have them."""
        if self._delegated is None:
            self._delegated = tuple(
                Delegated(row.group, row.delegator_id)
                for row in in_force(self.now).filter(delegate=self.person)
            )
        return self._delegated

    def power(self, step: ApprovalStep, run: Run, given: Iterable[ApprovalDecision]) -> Power | Bar:
        """Return by which power the person may decide the step, or what bars them. `given`: on the step's plan."""
        return power_to_decide(
            self.person.pk,
            member_of=selectors.groups_of(self.person),
            delegated=self.delegated,
            step=step.pk,
            groups=step.groups,
            asked=step.asked_groups,
            requesters=requesters_of(run),
            given=[_given(decision) for decision in given],
            allow_same_person=self.rules.allow_same_person,
        )

    def may_break(self, run: Run) -> bool:
        """Tell whether the person is one of those who break the glass for the run. Delegation gives no such power."""
        glass = self.rules.break_glass
        return (
            glass is not None
            and glass.reaches(run.workspace.environment.slug)
            and bool(selectors.groups_of(self.person) & set(glass.groups))
            and self.person.pk not in requesters_of(run)
        )


def requesters_of(run: Run) -> frozenset[int]:
    """Return who ordered the run: a retry is ordered by both its own requester and the first one."""
    return frozenset({run.requester_id, run.request.requester_id})


def _given(decision: ApprovalDecision) -> Given:
    people = {decision.approver_id, decision.on_behalf_of_id}
    return Given(decision.step_id, frozenset(decision.step.asked_groups), frozenset(filter(None, people)))


def decisions_on(runs: Iterable[Run]) -> dict[Any, list[ApprovalDecision]]:
    """Return the decisions on the runs' current plans, by run."""
    found: dict[Any, list[ApprovalDecision]] = defaultdict(list)
    rows = (
        ApprovalDecision.objects.filter(run__in=[run.pk for run in runs], plan_digest=F("run__plan__digest"))
        .select_related("step", "approver", "on_behalf_of")
        .order_by("decided_at", "id")
    )
    for decision in rows:
        found[decision.run_id].append(decision)
    return found


@dataclass(frozen=True)
class Waiting:
    """A step that waits, with everything that belongs in front of whoever decides."""

    step: ApprovalStep
    run: Run
    given: tuple[ApprovalDecision, ...]  # on this step
    others: tuple[ApprovalStep, ...]  # further open steps of the same plan
    power: Power | Bar
    on_behalf_of: User | None
    expires_at: datetime | None

    @property
    def decidable(self) -> bool:
        """Whether the reader may decide it."""
        return isinstance(self.power, Power)


def waiting(steps: Sequence[ApprovalStep], desk: Desk) -> list[Waiting]:
    """Lay out open steps for a reader: three queries, however many there are."""
    if not steps:
        return []
    runs = {step.run_id: step.run for step in steps}
    decisions = decisions_on(runs.values())
    open_steps: dict[Any, list[ApprovalStep]] = defaultdict(list)
    for other in ApprovalStep.objects.filter(
        run__in=list(runs), plan_digest=F("run__plan__digest"), settled_at__isnull=True
    ).order_by("position"):
        open_steps[other.run_id].append(other)
    found = []
    for step in steps:
        run = runs[step.run_id]
        power = desk.power(step, run, decisions[run.pk])
        found.append(
            Waiting(
                step=step,
                run=run,
                given=tuple(one for one in decisions[run.pk] if one.step_id == step.pk),
                others=tuple(other for other in open_steps[run.pk] if other.pk != step.pk),
                power=power,
                on_behalf_of=_principal(power),
                expires_at=expires_at(run, desk.rules),
            )
        )
    return found


def _principal(power: Power | Bar) -> User | None:
    if isinstance(power, Power) and power.on_behalf_of is not None:
        return User.objects.get(pk=power.on_behalf_of)
    return None


def expires_at(run: Run, rules: ApprovalPolicy) -> datetime | None:
    """Return when a waiting plan expires; None while its workspace is on hold, or when it does not wait."""
    if run.status != RunStatus.NEEDS_APPROVAL.value or run.workspace.held_at is not None:
        return None
    return run.status_at + timedelta(days=rules.expire_after_days)


def in_force(now: datetime) -> QuerySet[Delegation]:
    """Return the delegations that give power now: neither revoked nor over, by members who can still sign in."""
    member = User.groups.through.objects.filter(
        user=OuterRef("delegator"), group__name=OuterRef("group")
    ).values("pk")[:1]
    return (
        Delegation.objects.filter(
            revoked_at__isnull=True, starts_at__lte=now, ends_at__gt=now, delegator__is_active=True
        )
        .annotate(_membership=Subquery(member))
        .filter(Q(_membership__isnull=False) | Q(group=selectors.PLATFORM, delegator__is_superuser=True))
        .order_by("created_at", "id")
    )


def delegations_of(user: User) -> QuerySet[Delegation]:
    """Return the delegations that a person gave or holds, all of them to platform engineers; newest first."""
    rows = Delegation.objects.select_related("delegator", "delegate", "revoked_by")
    if not selectors.is_platform(user):
        rows = rows.filter(Q(delegator=user) | Q(delegate=user))
    return rows.order_by("-created_at", "-id")


def overrides_visible_to(user: User, now: datetime) -> QuerySet[Override]:
    """Return the overrides in force that the user's groups granted or whose workspaces they may see.

    The first to end first.
    """
    visible = selectors.workspaces_visible_to(user).order_by().values("pk")
    return (
        Override.objects.filter(Q(workspace__in=visible) | Q(group__in=sorted(selectors.groups_of(user))))
        .filter(revoked_at__isnull=True, ends_at__gt=now, workspace__closed_at__isnull=True)
        .select_related("workspace__environment", "workspace__service", "workspace__item", "step__run")
        .prefetch_related("step__decisions__approver", "step__decisions__on_behalf_of")
        .order_by("ends_at", "id")
    )


def kept_overrides(workspace: Workspace | None, now: datetime) -> tuple[KeptOverride, ...]:
    """Return the overrides in force on a workspace, as the rules take them."""
    if workspace is None:
        return ()
    rows = (
        Override.objects.filter(workspace=workspace, revoked_at__isnull=True, ends_at__gt=now)
        .prefetch_related("step__decisions__approver", "step__decisions__on_behalf_of")
        .order_by("id")
    )
    return tuple(
        KeptOverride(
            key=row.pk,
            rule=row.rule,
            where=row.where,
            what=row.what,
            group=row.group,
            until=row.ends_at,
            granted_by=frozenset(granters(row)),
            value=row.value,
            suggested=row.suggested,
        )
        for row in rows
    )


def granters(override: Override) -> list[str]:
    """Return the user names of everybody who had a part in an override."""
    people = [
        person.get_username()
        for decision in override.step.decisions.all()
        for person in (decision.approver, decision.on_behalf_of)
        if person is not None
    ]
    return list(dict.fromkeys(people))


def uses_in(run: Run, plan_digest: str) -> QuerySet[OverrideUse]:
    """Return the overrides that a plan relies on."""
    return (
        OverrideUse.objects.filter(run=run, plan_digest=plan_digest)
        .select_related("override__step")
        .prefetch_related("override__step__decisions__approver", "override__step__decisions__on_behalf_of")
        .order_by("pk")
    )


def reviews_visible_to(user: User) -> QuerySet[DueReview]:
    """Return the reviews of skipped steps, those that are due first, the first due first."""
    rows = DueReview.objects.select_related(
        "step",
        "reviewer",
        "on_behalf_of",
        "run__workspace__environment",
        "run__workspace__service__owner_team",
        "run__workspace__item",
        "run__requester",
        "run__request",
        "run__estimate",
        "run__plan",
    ).defer(
        "run__plan__plan_file", "run__plan__document", "run__plan__approved_document", "run__plan__lock_file"
    )
    if not selectors.groups_of(user) & selectors.SEES_ALL:
        visible = Q(run__workspace__service__owner_team__members=user)
        if groups := selectors.deciding_groups_of(user):
            visible |= selectors.asks(groups, "step__")
        rows = rows.filter(visible).distinct()
    return rows.order_by(F("decided_at").desc(nulls_first=True), "due_at", "id")
