"""Routes of the API under /api/v1/; each noun keeps its own list."""

from django.urls import path

from provisioner.api import organisation
from provisioner.api.state import StateView

urlpatterns = [
    path("state/<uuid:workspace_id>/", StateView.as_view(), name="state"),
    *organisation.urlpatterns,
]
