"""Messages: what is said of cost and changes, what is cleaned away, who gets them how."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from provisioner.domain.finding import Finding, Level
from provisioner.domain.notification import (
    EVENTS,
    About,
    Cost,
    Entry,
    Fact,
    Link,
    Message,
    Mode,
    Section,
    changes_text,
    cost_text,
    mode_for,
    one_line,
    plain,
)
from provisioner.domain.notification_document import LISTED_MAX, from_document, to_document

FULL = Message(
    event="run.needs_approval",
    subject="finops must decide",
    about=About("run", "1", "provision orders-db"),
    link=Link("Decide", "https://portal.example/runs/1/"),
    paragraphs=("It waits.",),
    facts=(Fact("Service", "Orders"),),
    cost=Cost(Decimal("351.5"), Decimal("-12"), 2),
    reasons=("Above 300.",),
    findings=(Finding("multi-az", Level.ADVISORY, "multi_az", "It is off.", "Zones fail.", "Turn it on."),),
    changes=(("create", 2), ("replace", 1)),
    more_links=(Link("All", "https://portal.example/approvals/"),),
    sections=(Section("Runs", (Entry("a", "https://portal.example/", "2026-11-24"),), 3),),
)


class TestTheDocument:
    def test_gives_the_message_back(self) -> None:
        document = json.loads(json.dumps(to_document(FULL)))
        assert from_document(document) == FULL

    def test_holds_money_as_decimal_strings(self) -> None:
        assert to_document(FULL)["cost"] == {
            "usd_month": "351.50",
            "delta_usd_month": "-12.00",
            "unpriced": 2,
        }

    def test_is_bounded_and_clean(self) -> None:
        finding = FULL.findings[0]
        long = Message(
            event="x", subject="a\r\nBcc: b@example.com\x00" + "s" * 500, about=About("run", "1", "n\nm"),
            link=FULL.link, paragraphs=("p" * 9000,), findings=(finding,) * 50, reasons=("r",) * 50,
        )  # fmt: skip
        document = to_document(long)
        assert document["subject"].startswith("a Bcc: b@example.comsss")
        assert len(document["subject"]) == 200
        assert document["object"]["name"] == "n m"
        assert len(document["paragraphs"][0]) == 4000
        assert len(document["findings"]) == len(document["reasons"]) == LISTED_MAX


class TestTheFacts:
    def test_begin_with_cost_and_changes(self) -> None:
        assert [(fact.label, fact.value) for fact in FULL.all_facts()] == [
            ("Cost", "$351.50 a month (-$12.00), 2 not priced"),
            ("Changes", "2 to create, 1 to replace"),
            ("Service", "Orders"),
        ]

    @pytest.mark.parametrize(
        ("cost", "text"),
        [
            (Cost(None, None), "not known yet"),
            (Cost(Decimal("1234.5"), None), "$1,234.50 a month"),
            (Cost(Decimal(5), Decimal(5)), "$5.00 a month (+$5.00)"),
            (Cost(Decimal(5), Decimal(0)), "$5.00 a month (±$0.00)"),
        ],
    )
    def test_say_what_is_not_known(self, cost: Cost, text: str) -> None:
        assert cost_text(cost) == text

    def test_leave_out_what_changes_nothing(self) -> None:
        assert changes_text((("create", 0), ("no-op", 4), ("read", 1))) == "none"


class TestCleaning:
    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            ("a\u202eb\u2066c", "abc"),  # directional overrides
            ("a\x00b\x1bc", "abc"),
            ("a\r\nb\tc", "a\nb c"),
            ("👩\u200d💻 می\u200cخواهم", "👩\u200d💻 می\u200cخواهم"),
            ("\ud800x", "x"),
            ("a\u2028b\x85c", "a b c"),
        ],
    )
    def test_removes_what_no_text_needs(self, given: str, kept: str) -> None:
        assert plain(given) == kept

    def test_cuts_visibly(self) -> None:
        assert plain("abcdef", 4) == "abc…"
        assert one_line("  a \n\n b  ", 10) == "a b"


class TestTheMode:
    @pytest.mark.parametrize(
        ("event", "chosen", "urgent", "mode"),
        [
            ("run.applied", None, False, Mode.AT_ONCE),
            ("run.applied", "daily", False, Mode.DAILY),
            ("run.applied", "daily", True, Mode.AT_ONCE),
            ("run.applied", "never", True, Mode.NEVER),
            ("run.applied", "hourly", False, Mode.AT_ONCE),  # not for persons
            ("workspace.expired", "never", False, Mode.AT_ONCE),  # cannot be switched off
            ("workspace.expiring", "never", False, Mode.AT_ONCE),
            ("workspace.expiring", "daily", False, Mode.DAILY),
        ],
    )
    def test_is_as_chosen_where_it_may_be_chosen(
        self, event: str, chosen: str | None, urgent: bool, mode: Mode
    ) -> None:
        assert mode_for(EVENTS[event], chosen, urgent=urgent) is mode

    def test_of_every_event_is_one_that_it_allows(self) -> None:
        assert all(event.default in event.modes for event in EVENTS.values())
