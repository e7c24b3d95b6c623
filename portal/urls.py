"""All addresses: pages, the REST API and its description, health, metrics."""

from django.contrib import admin
from django.urls import include, path, re_path

from portal import health, metrics
from portal.api import description, unknown
from portal.api import urls as portal_api
from provisioner.api import urls as provisioner_api

handler400 = unknown.bad_request
handler403 = unknown.permission_denied
handler404 = unknown.page_not_found
handler500 = unknown.server_error

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
    path("api/schema/", description.SchemaView.as_view(), name="api-schema"),
    path("api/docs/", description.docs, name="api-docs"),
    path("api/v1/", include(([*provisioner_api.urlpatterns, *portal_api.urlpatterns], "api"))),
    re_path(r"^api/", unknown.unknown_path),
    path("admin/", admin.site.urls),
    path("", include("provisioner.web.urls")),
]
