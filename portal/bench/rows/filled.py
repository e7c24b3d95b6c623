"""Fill a database with finished runs, and time what must not feel them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connection, connections, models, transaction
from django.test import Client
from django.utils import timezone

from catalog.models import Environment
from catalog.sync import sync_catalog
from portal.bench import module
from portal.demo import organisation
from provisioner import waiting
from provisioner.domain.run import RunStatus
from provisioner.engine.terraform import configured_engine
from provisioner.models import ApprovalStep, Request, Run, RunEstimate, RunPlan, Workspace
from provisioner.services import lease, recover, submit, sweep
from provisioner.services.ask import Ask

TIMES, WARM_UP = 25, 5
RUNS_OF_A_WORKSPACE = 4
# What is not over beside all that is: status and how many.
ACTIVE: Mapping[str, int] = {
    "plan_queued": 20,
    "apply_queued": 10,
    "planning": 4,
    "applying": 6,
    "needs_approval": 10,
}
_FIRST_ACTIVE = 1_000_000_001


def measure(other_url: str, few: int, many: int) -> dict[str, tuple[list[float], list[float]]]:
    """Return the milliseconds of everything that is measured, beside few and beside many, in turns."""
    first = connections[DEFAULT_DB_ALIAS]
    second = first.copy()
    second.settings_dict["NAME"] = urlsplit(other_url).path.removeprefix("/")
    actions = []
    for database, count in ((first, few), (second, many)):
        connections[DEFAULT_DB_ALIAS] = database
        template = prepare()
        add_finished(template, count)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
        actions.append(_actions())
    found: dict[str, tuple[list[float], list[float]]] = {}
    for what in actions[0]:
        times: tuple[list[float], list[float]] = ([], [])
        for turn in range(WARM_UP + TIMES):
            for database, mine, its_actions in zip((first, second), times, actions, strict=True):
                connections[DEFAULT_DB_ALIAS] = database
                took_ms = _time_ms(its_actions[what])
                if turn >= WARM_UP:
                    mine.append(took_ms)
        found[what] = times
    return found


def _actions() -> Mapping[str, Callable[[], object]]:
    """Return what is measured, by the name it is told under."""
    engine = configured_engine()
    developer, sre = _client("developer"), _client("sre")
    next_run = Run.objects.filter(status="plan_queued").values_list("pk", flat=True)[0]

    def claim() -> None:
        with transaction.atomic():
            now = timezone.now()
            if (
                lease.claim(next_run, RunStatus.PLAN_QUEUED, RunStatus.PLANNING, worker="bench", now=now)
                is None
            ):
                raise AssertionError("the run does not wait")
            transaction.set_rollback(True)

    return {
        "sweep": lambda: sweep.sweep(now=timezone.now()),
        "recovery": lambda: recover.recover(now=timezone.now(), engine=engine),
        "line: whose turn it is": lambda: next(iter(waiting.read_line().may_start())),
        "claim": claim,
        "page: queue": lambda: _get(sre, "/queue/"),
        "page: runs": lambda: _get(sre, "/runs/"),
        "page: runs under way": lambda: _get(sre, "/runs/?state=active"),
        "page: runs of one team": lambda: _get(developer, "/runs/"),
        "page: approvals": lambda: _get(sre, "/approvals/"),
        "page: workspaces": lambda: _get(sre, "/workspaces/"),
        "API: runs under way": lambda: _get(sre, "/api/v1/runs/?active=true"),
    }


def _client(username: str) -> Client:
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(User.objects.get(username=username))
    return client


def _get(client: Client, path: str) -> None:
    answer = client.get(path)
    if answer.status_code != 200:
        raise AssertionError(f"{path} was answered with {answer.status_code}")


def _time_ms(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return 1000 * (time.perf_counter() - began)


def prepare() -> uuid.UUID:
    """Make tables, people and catalog, one run to copy and those that are not over; return the run's id."""
    call_command("migrate", interactive=False, verbosity=0)
    sync_catalog(settings.DRAWBRIDGE_MODULES_DIR, timezone.now())
    organisation.seed(organisation.DEMO_PASSWORD)
    Environment.objects.update(
        account=None
    )  # an account with a limit would let none start beside those that run
    now = timezone.now()
    ask = Ask(item=module.SLUG, service="receipts", environment="development", name="template")
    run = submit.submit(ask, requester=User.objects.get(username="developer"), now=now)
    RunEstimate.objects.create(
        run=run,
        usd_month=1,
        delta_usd_month=1,
        line_items=[],
        unpriced=[],
        price_book_digest="0",
        created_at=now,
    )
    ApprovalStep.objects.create(
        run=run,
        plan_digest="0" * 64,
        group="sre",
        position=1,
        rule="bench",
        reason="To measure.",
        verdict_needed="approve",
        created_at=now,
    )
    number = _FIRST_ACTIVE  # above those of all finished runs
    for status, count in ACTIVE.items():
        numbers = f"generate_series({number}, {number + count - 1})"
        leased = "now() + interval '1 day'" if status in ("planning", "applying") else "NULL"
        _copy_all(
            run.pk,
            numbers,
            status=f"'{status}'",
            per_workspace=1,
            finished=False,
            lease=leased,
            steps_every=1,
        )
        number += count
    for asking in Run.objects.filter(status="needs_approval"):
        RunPlan.objects.create(
            run=asking,
            digest="0" * 64,
            module_digest="",
            variables_digest="",
            engine_name="Terraform",
            engine_version="0",
            plan_file=b"",
            document=b"",
            sensitive_values=b"",
            created_at=now,
        )
    return run.pk


def add_finished(template: uuid.UUID, count: int) -> None:
    """Insert finished runs: of twenty, eighteen are applied; a quarter asked somebody; one every 40 seconds."""
    status = "CASE mod(g, 20) WHEN 0 THEN 'errored' WHEN 1 THEN 'rejected' ELSE 'applied' END"
    _copy_all(
        template,
        f"generate_series(1, {count})",
        status=status,
        per_workspace=RUNS_OF_A_WORKSPACE,
        finished=True,
        lease="NULL",
        steps_every=4,
    )


def _copy_all(
    template: uuid.UUID,
    numbers: str,
    *,
    status: str,
    per_workspace: int,
    finished: bool,
    lease: str,
    steps_every: int,
) -> None:
    """Insert a run for each of `numbers` (SQL), with its request, estimate and steps, and workspaces for them."""
    run = Run.objects.get(pk=template)
    created = (
        f"now() - interval '{timedelta(minutes=5)}' - g * interval '40 seconds'" if finished else "now()"
    )
    workspace_id = f"md5('workspace ' || (g - 1) / {per_workspace})::uuid"
    request_id = "md5('request ' || g)::uuid"
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        if cursor.fetchone()[0]:
            # Rows that refer to each other are made here: to look each reference up would take most of the time.
            cursor.execute("SET session_replication_role = replica")
        _copy(
            Workspace,
            run.workspace_id,
            numbers,
            one_of=per_workspace,
            id=workspace_id,
            name="'row-' || g",
            origin_request_id=request_id,
            created_at=created,
            applied_at=created,
        )
        _copy(
            Request,
            run.request_id,
            numbers,
            id=request_id,
            workspace_id=workspace_id,
            created_at=created,
        )
        _copy(
            Run,
            run.pk,
            numbers,
            id="md5('run ' || g)::uuid",
            workspace_id=workspace_id,
            request_id=request_id,
            status=status,
            status_at=created,
            created_at=created,
            finished_at=created if finished else "NULL",
            lease_expires_at=lease,
        )
        run_id = "md5('run ' || g)::uuid"
        _copy(RunEstimate, RunEstimate.objects.get(run=run).pk, numbers, run_id=run_id)
        step = ApprovalStep.objects.get(run=run)
        _copy(ApprovalStep, step.pk, numbers, one_of=steps_every, run_id=run_id)
        cursor.execute("RESET ALL")


def _copy(
    model: type[models.Model], template: object, numbers: str, *, one_of: int = 1, **changed: str
) -> None:
    """Insert a copy of a row for each of `numbers`, or for the first of each `one_of`, as `g`.

    `changed` columns have these SQL expressions.
    """
    quote = connection.ops.quote_name
    key, *others = [str(field.column) for field in model._meta.concrete_fields]
    columns = [key, *others] if key in changed else others  # else it is numbered by the database
    values = [changed.get(column, f"t.{quote(column)}") for column in columns]
    table = quote(model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(map(quote, columns))}) "  # noqa: S608 - all of it is written here
            f"SELECT {', '.join(values)} FROM {numbers} g, {table} t "
            f"WHERE t.{quote(key)} = %s AND mod(g - 1, {one_of}) = 0",
            [str(template)],
        )
