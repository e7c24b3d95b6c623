"""The log of a run: the page's poll, the page, the text file."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET

from provisioner import selectors
from provisioner.domain.errors import Refusal
from provisioner.domain.log import LogEntry
from provisioner.models import Run
from provisioner.web.refusals import answers_refusals
from provisioner.web.run_page import log_context


@require_GET
@answers_refusals
def run_log(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """Answer the log's poll with the lines after `after`; without HTMX, show them as a page."""
    found = selectors.run_visible(request.user, run_id)
    given = request.GET.get("after", "")
    after = int(given) if given.isdecimal() and given.isascii() and len(given) < 10 else 0
    template = "runs/_log.html" if request.headers.get("HX-Request") else "runs/log.html"
    return render(request, template, {**log_context(found, after), "workspace": found.workspace})


@require_GET
@answers_refusals
def run_log_text(request: HttpRequest, run_id: uuid.UUID) -> HttpResponseBase:
    """Send the whole log so far as a text file, bit by bit."""
    run = selectors.run_visible(request.user, run_id)
    selectors.log_lines(run, limit=1)  # a log that cannot be read is refused before the file begins
    answer = StreamingHttpResponse(_text_of(run), content_type="text/plain; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{run.workspace.name}-{run.kind}-{run.pk}.txt"'
    return answer


def _text_of(run: Run) -> Iterator[str]:
    try:
        yield from map(_row, selectors.whole_log(run))
    except Refusal as refusal:  # the archive failed halfway
        yield f"{refusal.title}. {refusal.detail}\n"


def _row(line: LogEntry) -> str:
    return f"{line.at.isoformat(timespec='milliseconds')} {line.phase:<5} {line.level:<5} {line.text}\n"
