"""A message as a mail: plain text, and the same as simple HTML."""

from __future__ import annotations

from dataclasses import dataclass

from django.template.loader import render_to_string

from provisioner.domain.notification import Message, one_line

PREFIX = "[Drawbridge]"


@dataclass(frozen=True)
class Mail:
    """Subject and both bodies."""

    subject: str
    text: str
    html: str


def render(message: Message, *, preferences: str) -> Mail:
    """Write the mail; `preferences` is the address where its reader chooses what comes."""
    return Mail(
        f"{PREFIX} {one_line(message.subject)}",
        _text(message, preferences),
        render_to_string("mail/notification.html", {"message": message, "preferences": preferences}),
    )


def _text(message: Message, preferences: str) -> str:
    parts = list(message.paragraphs)
    if facts := message.all_facts():
        parts.append("\n".join(f"{fact.label}: {fact.value}" for fact in facts))
    if message.reasons:
        parts.append("\n".join(["Why:", *(f"- {reason}" for reason in message.reasons)]))
    if message.findings:
        parts.append(
            "\n".join(
                [
                    "What the rules say:",
                    *(f"- {one.level.value}: {one.what} {one.why} {one.fix}" for one in message.findings),
                ]
            )
        )
    for section in message.sections:
        lines = [f"{section.title}:", *(f"- {one.text}\n  {one.address}" for one in section.entries)]
        if section.left_out:
            lines.append(f"- and {section.left_out} more")
        parts.append("\n".join(lines))
    parts.append("\n".join(f"{link.label}: {link.address}" for link in (message.link, *message.more_links)))
    parts.append(f"-- \nWhat comes by mail, and when: {preferences}")
    return "\n\n".join(parts) + "\n"
