"""Routes of the API under /api/v1/; each noun keeps its own list."""

from typing import Any

from django.urls import path

from provisioner.api import (
    after_approvals,
    approvals,
    catalog,
    drift,
    evaluations,
    notifications,
    organisation,
    policies,
    policy_check,
    price_books,
    requests,
    runs,
    states,
    transfers,
    workspaces,
)
from provisioner.api.state import StateView

urlpatterns: list[Any] = [
    *catalog.urlpatterns,
    *evaluations.urlpatterns,
    *requests.urlpatterns,
    *runs.urlpatterns,
    *approvals.urlpatterns,
    *after_approvals.urlpatterns,
    *workspaces.urlpatterns,
    *drift.urlpatterns,
    *transfers.urlpatterns,
    *states.urlpatterns,
    *organisation.urlpatterns,
    *price_books.urlpatterns,
    *notifications.urlpatterns,
    *policy_check.urlpatterns,
    *policies.urlpatterns,
    path("state/<uuid:workspace_id>/", StateView.as_view(), name="state"),
]
