"""A message for a Slack incoming webhook: Block Kit, with a text for notifications.

Limits as Slack documents them: 50 blocks, 3,000 characters of text in a section, 150 in a header, 10 fields of 2,000
(https://docs.slack.dev/reference/block-kit/blocks). The sum is kept far below what is refused as too long.
`&`, `<` and `>` are escaped (https://docs.slack.dev/messaging/formatting-message-text), so that no text of a person
becomes a mention or a link; `verbatim` keeps Slack from making links and channels of words.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from provisioner.domain.notification import Message

BLOCKS_MAX = 50
SECTION_MAX = 3000
HEADER_MAX = 150
FIELD_MAX = 2000
FIELDS_MAX = 10
TEXT_MAX = 10_000

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def render(message: Message) -> bytes:
    """Return the JSON body."""
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": escaped(message.subject, HEADER_MAX)}}
    ]
    blocks += [_section(escaped(text, 1500)) for text in message.paragraphs]
    facts = message.all_facts()[:FIELDS_MAX]
    if facts:
        blocks.append(
            {
                "type": "section",
                "fields": [
                    _text(f"*{escaped(fact.label, 100)}*\n{escaped(fact.value, 500)}") for fact in facts
                ],
            }
        )
    if message.reasons:
        blocks.append(_list("Why", (escaped(reason, 400) for reason in message.reasons)))
    if message.findings:
        blocks.append(
            _list(
                "What the rules say",
                (
                    f"{one.level.value}: {escaped(f'{one.what} {one.why} {one.fix}', 500)}"
                    for one in message.findings
                ),
            )
        )
    for section in message.sections:
        lines = [_link(one.address, one.text) for one in section.entries]
        if section.left_out:
            lines.append(f"and {section.left_out} more")
        blocks.append(_list(escaped(section.title, 150), lines))
    last = _section(" · ".join(_link(one.address, one.label) for one in (message.link, *message.more_links)))
    body = {"text": escaped(message.subject, 300), "blocks": [*_bounded(blocks), last]}
    return json.dumps(body, ensure_ascii=False).encode()


def escaped(text: str, limit: int) -> str:
    """Escape text of people, ending before `limit` characters without cutting an entity in two."""
    size = 0
    kept: list[str] = []
    for char in text:
        part = _ENTITIES.get(char, char)
        if size + len(part) > limit - 1:
            return "".join(kept) + "…"
        kept.append(part)
        size += len(part)
    return "".join(kept)


def _link(address: str, label: str) -> str:
    target = address.replace("&", "&amp;").replace("<", "%3C").replace(">", "%3E").replace("|", "%7C")
    return f"<{target}|{escaped(label, 250).replace('|', '/')}>"


def _text(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _text(text)}


def _list(title: str, items: Iterable[str]) -> dict[str, Any]:
    """Write a list as one section, leaving out whole items that do not fit."""
    lines, size = [f"*{title}*"], len(title) + 2
    given = list(items)
    for number, item in enumerate(given):
        line = f"• {item}"
        if size + len(line) + 1 > SECTION_MAX - 40:
            lines.append(f"• and {len(given) - number} more")
            break
        lines.append(line)
        size += len(line) + 1
    return _section("\n".join(lines))


def _bounded(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep the blocks that fit with one to come."""
    kept: list[dict[str, Any]] = []
    size = 0
    for block in blocks[: BLOCKS_MAX - 1]:
        size += len(json.dumps(block, ensure_ascii=False))
        if size > TEXT_MAX:
            break
        kept.append(block)
    return kept
