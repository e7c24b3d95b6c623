"""The door of Terraform's http backend: GET, POST, DELETE, LOCK and UNLOCK on one address per workspace."""

import base64
import binascii
import hashlib
import uuid

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from provisioner.domain.errors import Refusal
from provisioner.services import state_backend


def _credential(request: HttpRequest) -> tuple[str, str]:
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        username, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return username, password


@method_decorator([csrf_exempt, login_not_required], name="dispatch")
class StateView(View):
    """Read and write one workspace's state with the credential of the run that works on it."""

    http_method_names = ["get", "post", "delete", "lock", "unlock"]

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        try:
            response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        except Refusal as refusal:
            response = self._refused(refusal)
        response["Cache-Control"] = "no-store"
        return response

    def get(self, request: HttpRequest, workspace_id: uuid.UUID) -> HttpResponse:
        state_backend.authenticate(workspace_id, *_credential(request))
        content = state_backend.read(workspace_id)
        if content is None:
            return HttpResponse(status=404)
        return HttpResponse(content, content_type="application/json")

    def post(self, request: HttpRequest, workspace_id: uuid.UUID) -> HttpResponse:
        holder = state_backend.authenticate(workspace_id, *_credential(request))
        state_backend.write(
            workspace_id,
            holder,
            self._body(request),
            lock_id=request.GET.get("ID", ""),
            now=timezone.now(),
        )
        return HttpResponse(status=200)

    def delete(self, request: HttpRequest, workspace_id: uuid.UUID) -> HttpResponse:
        """Refuse: Terraform never deletes the default workspace's state, and history is kept."""
        state_backend.authenticate(workspace_id, *_credential(request))
        raise state_backend.StateWriteRefused("States are kept. Destroy the workspace instead of its state.")

    def lock(self, request: HttpRequest, workspace_id: uuid.UUID) -> HttpResponse:
        holder = state_backend.authenticate(workspace_id, *_credential(request))
        state_backend.lock(workspace_id, holder, self._body(request), now=timezone.now())
        return HttpResponse(status=200)

    def unlock(self, request: HttpRequest, workspace_id: uuid.UUID) -> HttpResponse:
        holder = state_backend.authenticate(workspace_id, *_credential(request))
        state_backend.unlock(workspace_id, holder, self._body(request))
        return HttpResponse(status=200)

    @staticmethod
    def _body(request: HttpRequest) -> bytes:
        """Read the body past Django's form limit, up to the state limit, and check that all of it came."""
        limit = settings.DRAWBRIDGE_STATE_MAX_BYTES
        body = request.read(limit + 1)
        declared = request.headers.get("Content-Length", "")
        if len(body) > limit:
            raise state_backend.StateTooLarge(f"The state is larger than {limit:,} bytes.")
        if declared.isdigit() and int(declared) != len(body):
            raise state_backend.BadState(
                f"The body was cut short: {len(body):,} of {int(declared):,} bytes came."
            )
        md5 = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        if request.headers.get("Content-MD5", md5) != md5:
            raise state_backend.BadState(
                "The body does not match its Content-MD5: it was changed on the way."
            )
        return body

    @staticmethod
    def _refused(refusal: Refusal) -> HttpResponse:
        if isinstance(refusal, state_backend.Locked):
            return JsonResponse(dict(refusal.info), status=423)
        response = JsonResponse(
            {
                "type": "about:blank",
                "title": refusal.title,
                "status": refusal.status,
                "code": refusal.code,
                "detail": refusal.detail,
            },
            status=refusal.status,
            content_type="application/problem+json",
        )
        if refusal.status == 401:
            response["WWW-Authenticate"] = 'Basic realm="drawbridge state"'
        return response
