"""`/metrics`: what Prometheus scrapes. All is read from the database at the scrape, so every process says the same.

The cost of each workspace carries the labels that its resources carry as tags, so that a dashboard can put it beside
the use that CloudWatch reports. Whoever reads it learns who spends what: without a token, only this machine may.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from ipaddress import ip_address

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db.models import Count, Min
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from provisioner.domain.run import ACTIVE, RunStatus
from provisioner.models import NotificationDelivery, Run, Workspace
from provisioner.models.notification import OPEN

WORKSPACE_LABELS = (
    "workspace",
    "name",
    "item",
    "version",
    "service",
    "team_owner",
    "cost_center",
    "environment",
    "criticality",
)
_QUEUED = {"plan": RunStatus.PLAN_QUEUED, "apply": RunStatus.APPLY_QUEUED}


@require_safe
@never_cache
@login_not_required
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer in the format of Prometheus; 401 without the token that is set, 403 from elsewhere where none is."""
    token = settings.DRAWBRIDGE_METRICS_TOKEN
    if token:
        if not hmac.compare_digest(
            request.headers.get("Authorization", "").encode(), f"Bearer {token}".encode()
        ):
            return _refusal(
                401, "Send the token of DRAWBRIDGE_METRICS_TOKEN as `Authorization: Bearer TOKEN`."
            )
    elif not _from_here(request):
        return _refusal(
            403, "Set DRAWBRIDGE_METRICS_TOKEN to scrape from another machine or through a proxy."
        )
    registry = CollectorRegistry()
    registry.register(_Rows())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class _Rows(Collector):
    def describe(self) -> list[Metric]:
        """Name nothing beforehand: a look at the rows is what a scrape is for."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield each metric from one query."""
        yield _estimates()
        yield _runs()
        yield _queues()
        yield _deliveries()


def _estimates() -> Metric:
    gauge = GaugeMetricFamily(
        "drawbridge_workspace_estimate_usd_month",
        "Estimated cost of an open workspace at list price, in USD a month.",
        labels=WORKSPACE_LABELS,
    )
    columns = (
        "id",
        "name",
        "item__slug",
        "item_version__version",
        "service__slug",
        "service__owner_team__slug",
        "service__cost_center__slug",
        "environment__slug",
        "service__criticality",
        "estimate_usd_month",
    )
    open_ones = Workspace.objects.filter(closed_at=None, applied_at__isnull=False).exclude(
        estimate_usd_month=None
    )
    for *labels, estimate in open_ones.order_by("id").values_list(*columns).iterator(chunk_size=1000):
        gauge.add_metric([str(label) for label in labels], float(estimate))
    return gauge


def _runs() -> Metric:
    """Count the runs that are under way: those that are over only grow, and belong into a counter of a log."""
    gauge = GaugeMetricFamily("drawbridge_runs", "Runs that are not over, by status.", labels=("status",))
    active = Run.objects.filter(status__in=[status.value for status in ACTIVE]).order_by()
    counted = dict(active.values_list("status").annotate(number=Count("id")))
    for status in sorted(ACTIVE):
        gauge.add_metric([status.value], counted.get(status.value, 0))
    return gauge


def _queues() -> Metric:
    gauge = GaugeMetricFamily(
        "drawbridge_queue_oldest_seconds", "How long the longest waiting run has waited.", labels=("queue",)
    )
    for queue, status in _QUEUED.items():
        since = Run.objects.filter(status=status.value).aggregate(first=Min("status_at"))["first"]
        waited = max(0.0, (timezone.now() - since).total_seconds()) if since else 0.0
        gauge.add_metric([queue], waited)
    return gauge


def _deliveries() -> Metric:
    """Count what is still to be told: a mail server or a receiver that is down shows here."""
    gauge = GaugeMetricFamily(
        "drawbridge_notification_deliveries", "Deliveries that are not over, by status.", labels=("status",)
    )
    counted = dict(
        NotificationDelivery.objects.filter(status__in=OPEN)
        .order_by()
        .values_list("status")
        .annotate(number=Count("id"))
    )
    for status in OPEN:
        gauge.add_metric([status], counted.get(status, 0))
    return gauge


def _from_here(request: HttpRequest) -> bool:
    """Tell whether a process of this machine asks; what comes through a proxy is somebody else."""
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def _refusal(status: int, text: str) -> HttpResponse:
    answer = HttpResponse(text + "\n", status=status, content_type="text/plain; charset=utf-8")
    if status == 401:
        answer["WWW-Authenticate"] = "Bearer"
    return answer
