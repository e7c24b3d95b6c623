"""What every page knows: the target cloud, so that a sandbox is never taken for an account."""

from django.conf import settings
from django.http import HttpRequest


def portal(request: HttpRequest) -> dict[str, object]:
    """Return the template variables `target` and `is_sandbox`."""
    return {"target": settings.DRAWBRIDGE_TARGET, "is_sandbox": settings.DRAWBRIDGE_TARGET == "sandbox"}
