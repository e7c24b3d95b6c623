"""A message as JSON values and back: what the outbox keeps and webhooks carry. Money is decimal strings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from provisioner.domain.finding import Finding, Level
from provisioner.domain.notification import (
    About,
    Cost,
    Entry,
    Fact,
    Link,
    Message,
    Section,
    one_line,
    plain,
)

LISTED_MAX = 20  # reasons, findings and facts of one message


def to_document(message: Message) -> dict[str, Any]:
    """Return the message as JSON values, its texts cleaned and bounded."""
    cost = message.cost
    return {
        "event": message.event,
        "subject": one_line(message.subject),
        "object": {
            "type": message.about.type,
            "id": message.about.id,
            "name": one_line(message.about.name),
        },
        "link": asdict(message.link),
        "paragraphs": [plain(text) for text in message.paragraphs],
        "facts": [
            {"label": one_line(fact.label), "value": plain(fact.value)} for fact in message.facts[:LISTED_MAX]
        ],
        "cost": None
        if cost is None
        else {
            "usd_month": _money(cost.usd_month),
            "delta_usd_month": _money(cost.delta_usd_month),
            "unpriced": cost.unpriced,
        },
        "reasons": [plain(reason) for reason in message.reasons[:LISTED_MAX]],
        "findings": [
            {
                "rule": finding.rule,
                "level": finding.level.value,
                "where": one_line(finding.where),
                "what": plain(finding.what),
                "why": plain(finding.why),
                "fix": plain(finding.fix),
            }
            for finding in message.findings[:LISTED_MAX]
        ],
        "changes": dict(message.changes),
        "more_links": [asdict(link) for link in message.more_links],
        "sections": [
            {
                "title": section.title,
                "entries": [
                    {"text": one_line(entry.text), "address": entry.address, "at": entry.at}
                    for entry in section.entries
                ],
                "left_out": section.left_out,
            }
            for section in message.sections
        ],
    }


def from_document(document: Mapping[str, Any]) -> Message:
    """Return the message that `to_document` wrote."""
    cost = document["cost"]
    return Message(
        event=document["event"],
        subject=document["subject"],
        about=About(**document["object"]),
        link=Link(**document["link"]),
        paragraphs=tuple(document["paragraphs"]),
        facts=tuple(Fact(**fact) for fact in document["facts"]),
        cost=None
        if cost is None
        else Cost(_decimal(cost["usd_month"]), _decimal(cost["delta_usd_month"]), cost["unpriced"]),
        reasons=tuple(document["reasons"]),
        findings=tuple(Finding(**{**one, "level": Level(one["level"])}) for one in document["findings"]),
        changes=tuple(document["changes"].items()),
        more_links=tuple(Link(**link) for link in document["more_links"]),
        sections=tuple(
            Section(one["title"], tuple(Entry(**entry) for entry in one["entries"]), one["left_out"])
            for one in document["sections"]
        ),
    )


def _money(amount: Decimal | None) -> str | None:
    return None if amount is None else format(amount.quantize(Decimal("0.01")), "f")


def _decimal(amount: str | None) -> Decimal | None:
    return None if amount is None else Decimal(amount)
