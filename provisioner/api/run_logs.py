"""The log of a run: by pages, and followed while the run goes on."""

import threading
import time
import uuid
from typing import ClassVar

from django.db import close_old_connections, connection
from drf_spectacular.utils import extend_schema

from provisioner import selectors
from provisioner.api.serializers import runs as documents
from provisioner.api.view import ApiView, Request, Response
from provisioner.domain.run import TERMINAL, RunStatus

# A waiting reader occupies one of the process's threads, which Terraform needs too to save its states: beyond this
# many, readers get their answer at once.
_WAITING_AT_MOST = 6
_waiting = threading.BoundedSemaphore(_WAITING_AT_MOST)


class RunLog(ApiView):
    """Redacted lines of Terraform's output; ask again with `after` until `complete`.

    With `wait`, the answer is held back until there are new lines, the run is over or the time is up. It may come early
    and without lines when many wait at once: pause for a second then.
    """

    required_scopes: ClassVar[dict[str, str]] = {"GET": "workspaces:read"}
    serializer_class = documents.LogSerializer
    query_serializer_class = documents.LogQuerySerializer

    @extend_schema(operation_id="runs_logs", parameters=[documents.LogQuerySerializer])
    def get(self, request: Request, run_id: uuid.UUID) -> Response:
        wanted = self.query(request)
        run = selectors.run_visible(request.user, run_id)
        if wanted["wait"] and run.log_last_sequence <= wanted["after"] and run.status not in TERMINAL:
            wait_for_lines(run.pk, wanted["after"], timeout_s=wanted["wait"])
            run = selectors.run_visible(request.user, run_id)  # the caller may not see it any more
        lines = selectors.log_lines(run, after=wanted["after"], limit=wanted["limit"])
        next_after = lines[-1].sequence if lines else wanted["after"]
        document = {
            "lines": lines,
            "next_after": next_after,
            # Both were read together: a run that was over then writes no more.
            "complete": RunStatus(run.status) in TERMINAL and next_after >= run.log_last_sequence,
        }
        return Response(documents.LogSerializer(document).data)


def wait_for_lines(run_id: uuid.UUID, after: int, *, timeout_s: float) -> None:
    """Return when the run has lines above `after` or is over, when the time is up, or when too many wait already."""
    if not _waiting.acquire(blocking=False):
        return
    try:
        end = time.monotonic() + timeout_s
        while True:
            last_sequence, over = selectors.log_end(run_id)
            left_s = end - time.monotonic()
            if last_sequence > after or over or left_s <= 0:
                return
            if not connection.in_atomic_block:  # a caller in a transaction keeps its connection
                close_old_connections()
            time.sleep(min(selectors.LOG_LOOK_S, left_s))
    finally:
        _waiting.release()
