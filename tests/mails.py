"""The mails that are on their way: what the queue holds, delivered as the worker would."""

from __future__ import annotations

from celery import current_app
from django.core import mail
from django.core.mail import EmailMessage

from provisioner import notify


def forget() -> None:
    """Drop what waits to be sent and what was sent."""
    with current_app.connection_for_write() as connection:
        connection.default_channel.queue_purge(notify.QUEUE)
    mail.outbox = []


def sent() -> list[EmailMessage]:
    """Send what waits and return everything sent since `forget`, oldest first."""
    with current_app.connection_for_read() as connection:
        queue = connection.SimpleQueue(current_app.amqp.queues[notify.QUEUE])
        while True:
            try:
                message = queue.get(block=False)
            except queue.Empty:
                break
            message.ack()
            if message.headers["task"] == notify.SEND:
                notify.deliver(**message.payload[1])
        queue.close()
    return list(mail.outbox)


def subjects() -> list[str]:
    """Return the subjects of what was sent, without the prefix that all share."""
    return [one.subject.removeprefix("[Drawbridge] ") for one in sent()]
