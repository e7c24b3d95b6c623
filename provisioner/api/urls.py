"""Routes of the API under /api/v1/; each noun keeps its own list."""

from provisioner.api import organisation

urlpatterns = [*organisation.urlpatterns]
