"""News of proposals through a real mail server: delivered, tried again, never told twice."""

import re
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message

import pytest
from aiosmtpd.controller import Controller
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from config.embedded import free_port
from governance import notify
from governance.people_models import Notification
from tests.factories import make_user
from tests.governance.test_api import titled
from tests.governance.test_notify import later, subscribed, tell

# A slow machine is no failure.
READY_SECONDS = 60


class Mailbox:
    """A mail server on this machine: what it took in, and what it answers."""

    def __init__(self) -> None:
        self.got: list[tuple[list[str], Message]] = []
        self.answer = "250 OK"
        self.tried = 0
        self.port = free_port()
        self.start()

    def start(self) -> None:
        """Also again, after it was stopped."""
        self.server = Controller(
            self, hostname="127.0.0.1", port=self.port, ready_timeout=READY_SECONDS
        )
        self.server.start()

    async def handle_DATA(self, server, session, envelope) -> str:
        self.tried += 1
        if self.answer.startswith("250"):
            self.got.append((envelope.rcpt_tos, message_from_bytes(envelope.content)))
        return self.answer


@pytest.fixture
def mailbox(settings) -> Iterator[Mailbox]:
    cache.clear()
    running = Mailbox()
    settings.SITE_URL = "https://site.example"
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", running.port
    settings.EMAIL_USE_TLS = False
    yield running
    running.server.stop()


@pytest.fixture
def subscriber(client, assembly, mailbox) -> Mailbox:
    """Somebody who was asked by mail, and said yes."""
    assert subscribed(client, "email", "ada@people.example", make_user()).status_code == 201
    recipients, question = mailbox.got.pop()
    assert recipients == ["ada@people.example"]
    page = re.search(r"https://site\.example(/subscriptions/confirm/\S+)", text(question))
    assert page
    assert Client().post(page[1]).status_code == 200
    mailbox.tried = 0
    return mailbox


def text(message: Message) -> str:
    return message.get_payload(decode=True).decode()


def test_each_state_arrives_once_and_can_be_unsubscribed(assembly, subscriber) -> None:
    proposal = assembly.propose(titled(assembly, "Lauter Vorschläge"))
    tell()
    tell()
    assert len(subscriber.got) == 2
    (_, first), (_, second) = subscriber.got
    assert first["To"] == "ada@people.example"
    assert f"https://site.example/proposals/{proposal.pk}" in text(first)
    assert "Lauter Vorschläge" in text(first)
    assert first["Message-ID"] != second["Message-ID"]
    page = re.search(r"<https://site\.example(/\S+)>", first["List-Unsubscribe"])
    assert page
    assert Client(enforce_csrf_checks=True).post(page[1]).status_code == 200
    assembly.end_voting()
    tell()
    assert len(subscriber.got) == 2


def test_a_server_that_is_busy_is_tried_again_with_the_same_message(assembly, subscriber) -> None:
    subscriber.answer = "451 Try again later"
    assembly.propose(titled(assembly, "Loud"))
    tell()
    assert (subscriber.tried, subscriber.got) == (2, [])
    assert "Try again later" in Notification.objects.first().failure
    # Not before its time.
    tell()
    assert subscriber.tried == 2
    later()
    subscriber.answer = "250 OK"
    tell()
    assert len(subscriber.got) == 2
    assert Notification.objects.filter(delivered_at__isnull=False, attempts=2).count() == 2


def test_a_server_that_is_away_loses_nothing(assembly, subscriber) -> None:
    subscriber.server.stop()
    assembly.propose(titled(assembly, "Loud"))
    tell()
    waiting = Notification.objects.filter(delivered_at__isnull=True)
    assert waiting.count() == 2
    assert all(row.failure and row.next_attempt_at > timezone.now() for row in waiting)
    subscriber.start()
    later()
    tell()
    assert len(subscriber.got) == 2
    assert notify.due() == []
