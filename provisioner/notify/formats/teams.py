"""A message for a Teams channel: an Adaptive Card for a Workflows webhook.

The webhook takes a message with one attachment whose content is the card
(https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using).
Texts of people stand in RichTextBlocks, which know no Markdown
(https://learn.microsoft.com/adaptive-cards/authoring-cards/text-features), and the `{{DATE(…)}}` function is
taken apart.
Teams refuses messages above 28 KB, so the lists are cut before.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from provisioner.domain.notification import Message

CONTENT_TYPE = "application/vnd.microsoft.card.adaptive"
VERSION = "1.4"
BODY_MAX_BYTES = 20_000
ACTIONS_MAX = 6


def render(message: Message) -> bytes:
    """Return the JSON body."""
    title = {**_rich([_run(message.subject, 200, weight="Bolder", size="Medium")]), "spacing": "None"}
    body: list[dict[str, Any]] = [title]
    body += [_rich([_run(text, 1500)]) for text in message.paragraphs]
    body += [
        _rich([_run(f"{fact.label}: ", 100, isSubtle=True), _run(fact.value, 500)], spacing="Small")
        for fact in message.all_facts()
    ]
    body += _list("Why", message.reasons)
    body += _list(
        "What the rules say",
        (f"{one.level.value}: {one.what} {one.why} {one.fix}" for one in message.findings),
    )
    for section in message.sections:
        lines = [one.text for one in section.entries]
        if section.left_out:
            lines.append(f"and {section.left_out} more")
        body += _list(section.title, lines)
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": VERSION,
        "msteams": {"width": "Full"},
        "body": _bounded(body),
        "actions": [
            {"type": "Action.OpenUrl", "title": _harmless(link.label, 60), "url": link.address}
            for link in (message.link, *message.more_links)[:ACTIONS_MAX]
        ],
    }
    attachment = {"contentType": CONTENT_TYPE, "contentUrl": None, "content": card}
    return json.dumps({"type": "message", "attachments": [attachment]}, ensure_ascii=False).encode()


def _harmless(text: str, limit: int) -> str:
    """Cut, and keep braces from being read as a function of the card or of a template."""
    cut = text if len(text) <= limit else f"{text[: limit - 1]}…"
    return cut.replace("{{", "{\u200b{").replace("${", "$\u200b{")


def _run(text: str, limit: int, **style: object) -> dict[str, Any]:
    return {"type": "TextRun", "text": _harmless(text, limit), **style}


def _rich(runs: list[dict[str, Any]], **style: object) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": runs, **style}


def _list(title: str, items: Iterable[str]) -> list[dict[str, Any]]:
    lines = [_rich([_run(f"• {item}", 500)], spacing="Small") for item in items]
    return [_rich([_run(title, 150, weight="Bolder")]), *lines] if lines else []


def _bounded(body: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep what fits, and say when something was left out."""
    kept: list[dict[str, Any]] = []
    size = 0
    for block in body:
        size += len(json.dumps(block, ensure_ascii=False).encode())
        if size > BODY_MAX_BYTES:
            return [*kept, _rich([_run("The rest is in the portal.", 60, isSubtle=True)])]
        kept.append(block)
    return kept
