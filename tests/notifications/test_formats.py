"""A message as mail, Slack, Teams and webhooks take it: within their limits, hostile texts harmless."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from provisioner.domain.finding import Finding, Level
from provisioner.domain.notification import About, Cost, Entry, Fact, Link, Message, Section
from provisioner.domain.notification_document import from_document, to_document
from provisioner.notify.formats import mail, slack, teams, webhook

HOSTILE = (
    "<!channel> <@U1> <https://evil.example|bank> *b* [x](https://evil.example) {{DATE(2020-01-01,SHORT)}} ${1} "
    '<script>alert(1)</script> "><img src=x onerror=y> \u202egnp & done'
)
LINK = Link("Decide", "https://portal.example/runs/1/?a=1&b=2")


def message(**changes: Any) -> Message:
    """Return a message as the outbox keeps it."""
    given: dict[str, Any] = {
        "event": "run.needs_approval",
        "subject": HOSTILE,
        "about": About("run", "1", HOSTILE),
        "link": LINK,
        "paragraphs": (HOSTILE,),
        "facts": (Fact("Why", HOSTILE),),
        "cost": Cost(Decimal("351.50"), Decimal("51.50"), 1),
        "reasons": (HOSTILE,),
        "findings": (Finding("multi-az", Level.SOFT_MANDATORY, "multi_az", HOSTILE, "Why.", "Fix."),),
        "changes": (("create", 2), ("replace", 1)),
        "sections": (Section("Runs", (Entry(HOSTILE, LINK.address, "2026-11-24"),), 2),),
    }
    return from_document(to_document(Message(**{**given, **changes})))


LONG = message(
    paragraphs=("&<>" * 3000,) * 20,
    facts=tuple(Fact("l" * 300, "v" * 5000) for _ in range(40)),
    reasons=("r" * 3000,) * 30,
    findings=(Finding("r", Level.ADVISORY, "w", "&" * 3000, "y" * 3000, "f" * 3000),) * 30,
    sections=tuple(
        Section("S" * 300, tuple(Entry("e" * 300, LINK.address, "") for _ in range(25))) for _ in range(10)
    ),
)


def texts(value: Any) -> list[str]:
    """Return every text inside a JSON value."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for one in inner for text in texts(one)]


class TestAMail:
    rendered = mail.render(message(), preferences="https://portal.example/notifications/preferences/")

    def test_says_cost_changes_reasons_findings_and_where(self) -> None:
        for part in (
            "Cost: $351.50 a month (+$51.50), 1 not priced",
            "Changes: 2 to create, 1 to replace",
            "soft-mandatory: ",
            "Decide: https://portal.example/runs/1/?a=1&b=2",
            "https://portal.example/notifications/preferences/",
            "and 2 more",
        ):
            assert part in self.rendered.text

    def test_has_no_markup_of_people_in_its_html(self) -> None:
        assert "<script" not in self.rendered.html
        assert "<img" not in self.rendered.html
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in self.rendered.html
        assert 'href="https://portal.example/runs/1/?a=1&amp;b=2"' in self.rendered.html

    @pytest.mark.parametrize("subject", ["a\r\nBcc: x@example.com", "a\nb", "a\x00\u2028b"])
    def test_has_a_subject_of_one_line(self, subject: str) -> None:
        made = mail.render(message(subject=subject), preferences="").subject
        assert made.startswith("[Drawbridge] a")
        assert len(made.splitlines()) == 1


class TestSlack:
    body = json.loads(slack.render(message()))

    def test_says_it_in_blocks_and_in_a_text(self) -> None:
        assert [block["type"] for block in self.body["blocks"]][:3] == ["header", "section", "section"]
        said = "\n".join(texts(self.body["blocks"]))
        assert "$351.50 a month (+$51.50)" in said
        assert "2 to create, 1 to replace" in said
        assert "<https://portal.example/runs/1/?a=1&amp;b=2|Decide>" in said
        assert self.body["text"]

    def test_makes_no_mention_and_no_link_of_what_people_wrote(self) -> None:
        for text in texts(self.body):
            assert "<!" not in text
            assert "<@" not in text
            assert "<https://evil" not in text
            # What is in angle brackets is ours.
            assert all(part.startswith("https://portal.example/") for part in text.split("<")[1:])

    def test_leaves_words_as_words(self) -> None:
        marked = [
            block["text"] for block in self.body["blocks"] if block.get("text", {}).get("type") == "mrkdwn"
        ]
        assert all(text["verbatim"] is True for text in marked)

    def test_stays_within_the_limits(self) -> None:
        blocks = json.loads(slack.render(LONG))["blocks"]
        assert len(blocks) <= 50
        for block in blocks:
            limit = 150 if block["type"] == "header" else 3000
            assert len(block.get("text", {"text": ""})["text"]) <= limit
            assert len(block.get("fields", [])) <= 10
            assert all(len(field["text"]) <= 2000 for field in block.get("fields", []))
        assert "Decide" in blocks[-1]["text"]["text"]
        assert sum(len(text) for text in texts(blocks)) < 13_000

    @pytest.mark.parametrize(
        ("text", "limit", "said"),
        [("a&b", 10, "a&amp;b"), ("&&&", 12, "&amp;&amp;…"), ("abc", 4, "abc"), ("abcd", 4, "abc…")],
    )
    def test_cuts_no_entity_in_two(self, text: str, limit: int, said: str) -> None:
        assert slack.escaped(text, limit) == said
        assert len(said) <= limit or "&" in text


class TestTeams:
    sent = json.loads(teams.render(message()))
    card = sent["attachments"][0]["content"]

    def test_is_a_message_with_one_card(self) -> None:
        assert self.sent["type"] == "message"
        assert self.sent["attachments"][0]["contentType"] == "application/vnd.microsoft.card.adaptive"
        assert (self.card["type"], self.card["version"]) == ("AdaptiveCard", "1.4")
        assert self.card["actions"][0] == {"type": "Action.OpenUrl", "title": "Decide", "url": LINK.address}

    def test_says_cost_and_changes(self) -> None:
        said = " ".join(texts(self.card["body"]))
        assert "$351.50 a month (+$51.50)" in said
        assert "2 to create, 1 to replace" in said

    def test_has_texts_of_people_where_no_markdown_is_read(self) -> None:
        assert {block["type"] for block in self.card["body"]} == {"RichTextBlock"}
        said = " ".join(texts(self.card))
        assert "{{" not in said
        assert "${" not in said

    def test_stays_below_what_teams_takes(self) -> None:
        body = teams.render(LONG)
        assert len(body) < 28_000
        assert "The rest is in the portal." in body.decode()


class TestAWebhook:
    def test_is_the_same_bytes_every_time(self) -> None:
        document = to_document(message())
        at = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
        first, second = (webhook.render(document, target="sandbox", at=at) for _ in range(2))
        assert first == second
        body = json.loads(first)
        assert (body["type"], body["timestamp"]) == ("run.needs_approval", "2026-11-24T12:00:00.000Z")
        assert body["data"]["target"] == "sandbox"
        assert body["data"]["cost"] == {"usd_month": "351.50", "delta_usd_month": "51.50", "unpriced": 1}
        assert body["data"]["object"]["id"] == "1"
