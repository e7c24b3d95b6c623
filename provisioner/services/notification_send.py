"""Send one delivery once, by the way of its kind."""

from __future__ import annotations

import smtplib
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives

from provisioner import crypto, notify
from provisioner.domain.delivery import Outcome, Verdict
from provisioner.domain.notification import Message
from provisioner.domain.notification_document import from_document
from provisioner.models import NotificationDelivery
from provisioner.notify.formats import mail, slack, teams, webhook
from provisioner.outbound import call, signing
from provisioner.outbound.guard import Guard
from provisioner.services import notification_secrets as sealed

CONSOLE = "django.core.mail.backends.console.EmailBackend"


def send(delivery: NotificationDelivery, *, now: datetime, guard: Guard | None = None) -> Outcome:
    """Send once. Nothing is raised for what a server does; texts hold neither address nor secret."""
    message = from_document(delivery.notification.document)
    if delivery.kind == "email":
        return _mail(delivery, message)
    assert delivery.channel is not None
    try:
        url = sealed.address(delivery.channel)
        secrets = sealed.secrets(delivery.channel, now=now)
    except crypto.CannotOpen:
        return Outcome(
            Verdict.NEVER,
            "The address of the channel cannot be read: its encryption key is missing. Run manage.py doctor.",
        )
    headers = {"Content-Type": "application/json; charset=utf-8"}
    if delivery.kind == "slack":
        body = slack.render(message)
    elif delivery.kind == "teams":
        body = teams.render(message)
    else:
        body = webhook.render(
            delivery.notification.document,
            target=settings.DRAWBRIDGE_TARGET,
            at=delivery.notification.created_at,
        )
        headers |= signing.headers(secrets, message_id=str(delivery.pk), body=body, now=now)
    return call.post(url, body, headers, guard=guard or call.configured_guard())


def _mail(delivery: NotificationDelivery, message: Message) -> Outcome:
    to = _mail_address(delivery)
    if not to:
        return Outcome(Verdict.NEVER, "There is no mail address any more.")
    rendered = mail.render(message, preferences=notify.address("notification-preferences"))
    host = urlsplit(settings.DRAWBRIDGE_URL).hostname or "localhost"
    thread = f"<{message.about.type}.{message.about.id}@{host}>"
    try:
        made = EmailMultiAlternatives(
            rendered.subject,
            rendered.text,
            settings.DEFAULT_FROM_EMAIL,
            [to],
            headers={
                # The same for everybody and in every attempt: who gets it twice can tell.
                "Message-ID": f"<{delivery.notification_id}@{host}>",
                "X-Drawbridge-Delivery": str(delivery.pk),
                "X-Drawbridge-Event": message.event,
                "References": thread,
                "Auto-Submitted": "auto-generated",
            },
        )
        if settings.EMAIL_BACKEND != CONSOLE:  # a person reads it there
            made.attach_alternative(rendered.html, "text/html")
        made.send()
    except smtplib.SMTPRecipientsRefused as error:
        code = next((code for code, _ in error.recipients.values()), 0)
        return _refused(code, "The mail server does not take mail for this address")
    except smtplib.SMTPAuthenticationError:
        return Outcome(Verdict.AGAIN, "The mail server did not let the portal sign in.", all_wait=True)
    except smtplib.SMTPResponseException as error:
        return _refused(error.smtp_code, "The mail server did not take it")
    except (smtplib.SMTPException, OSError) as error:
        return Outcome(
            Verdict.AGAIN, f"The mail server could not be reached ({type(error).__name__}).", all_wait=True
        )
    except ValueError:
        return Outcome(Verdict.NEVER, "The mail address is not one.")
    return Outcome(Verdict.SENT)


def _refused(code: int, why: str) -> Outcome:
    """Judge an SMTP reply: 5xx is for good, 4xx for now (RFC 5321, 4.2.1)."""
    if 500 <= code < 600:
        return Outcome(Verdict.NEVER, f"{why} ({code}).", code)
    return Outcome(Verdict.AGAIN, f"{why} now ({code}).", code)


def _mail_address(delivery: NotificationDelivery) -> str:
    if delivery.person is not None:
        return delivery.person.email if delivery.person.is_active else ""
    if delivery.team is not None:
        return delivery.team.email
    assert delivery.channel is not None
    try:
        return sealed.address(delivery.channel)
    except crypto.CannotOpen:
        return ""
