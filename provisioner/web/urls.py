"""Addresses of the pages."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from provisioner.web import (
    approvals,
    catalog,
    drift,
    holds,
    home,
    order,
    policy_check,
    queue,
    renewals,
    run_log,
    runs,
    session,
    states,
    transfers,
    upgrades,
    workspaces,
)

urlpatterns = [
    path("", home.home, name="home"),
    path("login/", session.SignIn.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("catalog/", catalog.catalog, name="catalog"),
    path("catalog/<slug:slug>/", catalog.item, name="catalog-item"),
    path("catalog/<slug:slug>/order/", order.order, name="order"),
    path("catalog/<slug:slug>/order/live/", order.order_live, name="order-live"),
    path("runs/", runs.runs, name="runs"),
    path("runs/<uuid:run_id>/", runs.run, name="run"),
    path("runs/<uuid:run_id>/live/", runs.run_live, name="run-live"),
    path("runs/<uuid:run_id>/log/", run_log.run_log, name="run-log"),
    path("runs/<uuid:run_id>/log.txt", run_log.run_log_text, name="run-log-text"),
    path("runs/<uuid:run_id>/cancel/", runs.cancel, name="run-cancel"),
    path("runs/<uuid:run_id>/discard/", runs.discard, name="run-discard"),
    path("runs/<uuid:run_id>/retry/", runs.retry, name="run-retry"),
    path("runs/<uuid:run_id>/decide/", approvals.decide, name="run-decide"),
    path("queue/", queue.queue, name="queue"),
    path("policy/check/", policy_check.check, name="policy-check"),
    path("approvals/", approvals.approvals, name="approvals"),
    path("workspaces/", workspaces.workspaces, name="workspaces"),
    path("workspaces/<uuid:workspace_id>/", workspaces.workspace, name="workspace"),
    path("workspaces/<uuid:workspace_id>/update/", workspaces.update, name="workspace-update"),
    path("workspaces/<uuid:workspace_id>/update/live/", workspaces.update_live, name="workspace-update-live"),
    path("workspaces/<uuid:workspace_id>/upgrade/", upgrades.upgrade, name="workspace-upgrade"),
    path(
        "workspaces/<uuid:workspace_id>/upgrade/live/", upgrades.upgrade_live, name="workspace-upgrade-live"
    ),
    path("workspaces/<uuid:workspace_id>/drift/", drift.drift, name="workspace-drift"),
    path("workspaces/<uuid:workspace_id>/drift/check/", drift.check, name="workspace-check-drift"),
    path("workspaces/<uuid:workspace_id>/destroy/", workspaces.destroy, name="workspace-destroy"),
    path("workspaces/<uuid:workspace_id>/hold/", holds.hold, name="workspace-hold"),
    path("workspaces/<uuid:workspace_id>/release/", holds.release, name="workspace-release"),
    path("workspaces/<uuid:workspace_id>/renew/", renewals.renew, name="workspace-renew"),
    path("workspaces/<uuid:workspace_id>/transfer/", transfers.offer, name="workspace-transfer"),
    path("transfers/<int:transfer_id>/", transfers.transfer, name="transfer"),
    path("transfers/<int:transfer_id>/<slug:act>/", transfers.answer, name="transfer-answer"),
    path("workspaces/<uuid:workspace_id>/states/", states.states, name="workspace-states"),
    path("workspaces/<uuid:workspace_id>/states/compare/", states.compare, name="workspace-states-compare"),
    path(
        "workspaces/<uuid:workspace_id>/states/<int:serial>/download/",
        states.download,
        name="workspace-state-download",
    ),
    path(
        "workspaces/<uuid:workspace_id>/states/<int:serial>/restore/",
        states.restore,
        name="workspace-state-restore",
    ),
    path(
        "workspaces/<uuid:workspace_id>/state-lock/force-unlock/",
        states.force_unlock,
        name="workspace-state-force-unlock",
    ),
]
