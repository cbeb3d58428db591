"""News of proposals by e-mail, webhook and feed: each state once, tried until it arrives."""

import base64
import hashlib
import hmac
import json
import re
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from governance import notify, subscribe, webhooks
from governance.models import Support
from governance.people_models import Notification, Subscription
from tests.factories import bearer, make_user
from tests.governance.test_api import get, post, titled

ATOM = "{http://www.w3.org/2005/Atom}"


class Hook:
    """A webhook on this machine: what it got, and what it answers."""

    def __init__(self) -> None:
        self.got: list[tuple[dict, bytes]] = []
        self.status = 204
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                hook.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(hook.status)
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.end_headers()

            def log_message(self, *args) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def hook(settings) -> Iterator[Hook]:
    settings.WEBHOOKS_ALLOW_PRIVATE = True
    running = Hook()
    yield running
    running.server.shutdown()
    running.server.server_close()


@pytest.fixture(autouse=True)
def fresh(settings) -> None:
    cache.clear()
    settings.SITE_URL = "https://site.example"


def tell() -> None:
    notify.plan()
    for pk in notify.due():
        notify.deliver(pk)


def subscribed(client, channel: str, target: str, user=None) -> dict:
    body = {"channel": channel, "target": target}
    return post(client, "subscriptions", body, bearer(user or make_user()))


def link(message, step: str) -> str:
    found = re.search(rf"https://site\.example(/subscriptions/{step}/\S+)", message.body)
    assert found
    return found[1]


def test_an_address_hears_nothing_until_its_owner_says_yes(client, assembly, mailoutbox) -> None:
    assert subscribed(client, "email", "ada@people.example").status_code == 201
    question = mail.outbox.pop()
    assert question.to == ["ada@people.example"]
    assembly.propose(titled(assembly, "Quiet"))
    tell()
    assert mail.outbox == []
    page = link(question, "confirm")
    # A mail scanner that opens the link says nothing for its owner.
    assert Client().get(page).status_code == 200
    assert Subscription.objects.get().confirmed_at is None
    assert Client().post(page).status_code == 200
    # What was before is not told.
    tell()
    assert mail.outbox == []
    proposal = assembly.propose(titled(assembly, "Loud"))
    tell()
    tell()
    assert [each.subject for each in mail.outbox] == [
        "Proposal was made; voting has not started: Loud",
        "Proposal is open for votes: Loud",
    ]
    assert f"https://site.example/proposals/{proposal.pk}" in mail.outbox[0].body
    assert mail.outbox[0].extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_one_click_ends_it_and_forgets_the_address(client, assembly, mailoutbox) -> None:
    subscribed(client, "email", "ada@people.example")
    Client().post(link(mail.outbox.pop(), "confirm"))
    assembly.propose(titled(assembly, "Loud"))
    tell()
    page = link(mail.outbox[0], "end")
    assert Client().get(page).status_code == 200
    assert Subscription.objects.exists()
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(page, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert not Subscription.objects.exists()
    assert not Notification.objects.exists()
    assert strict.post(page).status_code == 200


def test_links_are_good_for_their_purpose_only(client, assembly, mailoutbox) -> None:
    subscribed(client, "email", "ada@people.example")
    token = link(mail.outbox.pop(), "confirm").rsplit("/", 1)[1]
    for path in (f"end/{token}", "end/1:x", "confirm/1:x", f"confirm/2{token}"):
        assert Client().post(f"/subscriptions/{path}").status_code == 404
    row = Subscription.objects.get()
    assert row.confirmed_at is None


def test_a_webhook_gets_each_state_once_signed(client, assembly, hook) -> None:
    made = subscribed(client, "webhook", hook.url).json()
    proposal = assembly.propose(titled(assembly, "Loud"))
    assembly.vote(0, proposal, Support.FOR)
    tell()
    assembly.end_voting()
    tell()
    tell()
    said = [json.loads(body) for _, body in hook.got]
    assert [each["state"] for each in said] == ["pending", "active", "succeeded"]
    assert {each["proposal"] for each in said} == {str(proposal.pk)}
    headers, body = hook.got[0]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(made["secret"].removeprefix("whsec_"))
    mac = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{mac}"
    assert len({headers["webhook-id"] for headers, _ in hook.got}) == 3


def later(minutes: int = 0) -> None:
    """As if so much time had passed since the last attempt."""
    Notification.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))


@pytest.mark.parametrize("status", [500, 404, 302])
def test_a_webhook_that_fails_is_tried_again_under_the_same_id(
    client, assembly, hook, status
) -> None:
    subscribed(client, "webhook", hook.url)
    hook.status = status
    assembly.propose(titled(assembly, "Loud"))
    tell()
    assert len(hook.got) == 2
    tell()
    assert len(hook.got) == 2
    assert set(Notification.objects.values_list("failure", flat=True)) == {
        f"The webhook answered {status}."
    }
    later()
    hook.status = 200
    tell()
    ids = [headers["webhook-id"] for headers, _ in hook.got]
    assert sorted(ids[:2]) == sorted(ids[2:])
    assert Notification.objects.filter(delivered_at__isnull=False, attempts=2).count() == 2


def test_a_webhook_is_given_up_after_many_tries_and_forgotten_when_gone(
    client, assembly, hook
) -> None:
    subscribed(client, "webhook", hook.url)
    assembly.propose(titled(assembly, "Loud"))
    notify.plan()
    first = notify.due()[0]
    hook.status = 500
    for _ in range(notify.ATTEMPTS_MAX + 2):
        later()
        notify.deliver(first)
    assert len(hook.got) == notify.ATTEMPTS_MAX
    assert Notification.objects.get(pk=first).given_up_at is not None
    hook.status = 410
    later()
    tell()
    assert not Subscription.objects.exists()


def test_one_that_is_being_sent_is_not_sent_by_a_second_worker(
    client, assembly, hook, monkeypatch
) -> None:
    subscribed(client, "webhook", hook.url)
    assembly.propose(titled(assembly, "Loud"))
    notify.plan()
    pk = notify.due()[0]
    inner: list[bool] = []
    send = notify._send

    def meanwhile(row) -> None:
        inner.append(notify.deliver(pk))
        send(row)

    monkeypatch.setattr(notify, "_send", meanwhile)
    assert notify.deliver(pk)
    assert inner == [False]
    assert len(hook.got) == 1


FORBIDDEN = [
    "http://93.184.216.34/",
    "https://127.0.0.1/",
    "https://localhost/",
    "https://10.1.2.3/",
    "https://192.168.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[fd00::1]/",
    "https://[2002:7f00:1::]/",
    "https://[2001:0:4136:e378:8000:63bf:80ff:fffe]/",
    "https://224.0.0.1/",
    "https://[ff0e::1]/",
    "https://0.0.0.0/",
    "https://2130706433/",
    "https://user:secret@93.184.216.34/",
    "https:///nowhere",
    "https://93.184.216.34:0/",
    "https://93.184.216.34/a b",
    "ftp://93.184.216.34/",
    "gopher://93.184.216.34/",
    "nonsense",
    "https://93.184.216.34/" + "x" * 500,
]


@pytest.mark.parametrize("url", FORBIDDEN)
def test_a_webhook_reaches_the_public_internet_only(client, chain, db, settings, url) -> None:
    settings.WEBHOOKS_ALLOW_PRIVATE = False
    answer = subscribed(client, "webhook", url)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/target"
    assert not Subscription.objects.exists()


def test_a_name_that_points_home_later_is_not_called(client, assembly, hook, settings) -> None:
    subscribed(client, "webhook", hook.url)
    assembly.propose(titled(assembly, "Loud"))
    settings.WEBHOOKS_ALLOW_PRIVATE = False
    Subscription.objects.update(target=hook.url.replace("http:", "https:"))
    tell()
    assert hook.got == []
    assert "public internet" in Notification.objects.first().failure


def test_the_connection_itself_is_held_to_the_checked_address(settings) -> None:
    settings.WEBHOOKS_ALLOW_PRIVATE = False
    with pytest.raises(webhooks.Forbidden):
        webhooks._CheckedBackend().connect_tcp("localhost", 443)


def resolving(monkeypatch, *answers: list[str]) -> None:
    """Names have these addresses: those of the first answer, then those of the next."""
    left = list(answers)

    def getaddrinfo(host: str, port: int, **_) -> list:
        addresses = left.pop(0) if len(left) > 1 else left[0]
        return [(0, 0, 0, "", (each, port)) for each in addresses]

    monkeypatch.setattr(webhooks.socket, "getaddrinfo", getaddrinfo)


def test_a_name_with_one_address_of_ours_among_others_is_not_called(monkeypatch) -> None:
    resolving(monkeypatch, ["93.184.216.34", "127.0.0.1"])
    with pytest.raises(webhooks.Forbidden, match="public internet"):
        webhooks.check_url("https://people.example/hook")


def test_a_name_is_not_looked_up_again_after_it_was_checked(monkeypatch) -> None:
    resolving(monkeypatch, ["93.184.216.34"], ["127.0.0.1"])
    called: list[str] = []
    monkeypatch.setattr(
        webhooks.httpcore.SyncBackend, "connect_tcp", lambda _, host, *__: called.append(host)
    )
    webhooks._CheckedBackend().connect_tcp("people.example", 443)
    assert called == ["93.184.216.34"]


def test_each_sees_and_ends_their_own(client, assembly, hook) -> None:
    user, other = make_user(), make_user()
    made = subscribed(client, "webhook", hook.url, user).json()
    path = f"subscriptions/{made['id']}"
    assert get(client, "subscriptions").status_code == 401
    assert get(client, "subscriptions", bearer(user, "read")).status_code == 403
    assert get(client, "subscriptions", bearer(other)).json() == []
    assert post(client, "subscriptions", made).status_code == 401
    for headers, status in (({}, 401), (bearer(other), 404), (bearer(user, "read"), 403)):
        assert client.delete(f"/api/v1/{path}", headers=headers).status_code == status
    assert Subscription.objects.exists()
    assert subscribed(client, "webhook", hook.url, user).status_code == 409
    assert client.delete(f"/api/v1/{path}", headers=bearer(user)).status_code == 204
    assert not Subscription.objects.exists()


def test_nobody_fills_a_mailbox_with_questions(client, assembly, mailoutbox) -> None:
    for _ in range(subscribe.QUESTIONS_PER_ADDRESS + 2):
        user = make_user()
        for _ in range(2):
            subscribed(client, "email", "ada@people.example", user)
            Subscription.objects.all().delete()
    assert len(mail.outbox) == subscribe.QUESTIONS_PER_ADDRESS


def test_a_site_without_mail_says_so(client, assembly, settings) -> None:
    settings.EMAIL_ENABLED = False
    answer = subscribed(client, "email", "ada@people.example")
    assert answer.status_code == 409
    assert "no e-mail" in answer.json()["detail"]
    assert subscribed(client, "email", "nobody").status_code == 400


def one(element, name: str) -> str:
    """The text of a child that has to be there once."""
    (found,) = element.findall(f"{ATOM}{name}")
    assert found.text
    return found.text


def test_the_feed_is_valid_atom(client, assembly) -> None:
    """What RFC 4287, 4.1.1 and 4.1.2, requires."""
    for number in range(2):
        assembly.propose(titled(assembly, f"Number {number}"))
    feed = ElementTree.fromstring(client.get("/proposals/feed.atom").content)
    entries = feed.findall(f"{ATOM}entry")
    assert feed.tag == f"{ATOM}feed"
    assert len(entries) == 4
    assert one(feed.find(f"{ATOM}author"), "name") == "Action Model"
    links = {each.get("rel"): each.get("href") for each in feed.findall(f"{ATOM}link")}
    assert links["self"].endswith("/proposals/feed.atom")
    for element in (feed, *entries):
        assert one(element, "title")
        assert urlsplit(one(element, "id")).scheme in {"http", "https", "urn"}
        assert datetime.fromisoformat(one(element, "updated")).tzinfo is not None
    for entry in entries:
        assert urlsplit(entry.find(f"{ATOM}link").get("href")).scheme == "https"
    moments = [datetime.fromisoformat(one(each, "updated")) for each in entries]
    assert moments == sorted(moments, reverse=True)
    assert datetime.fromisoformat(one(feed, "updated")) == moments[0]


def test_the_feed_has_one_entry_for_each_state(client, assembly) -> None:
    proposal = assembly.propose(titled(assembly, "Loud & <clear>"))
    assembly.end_voting()
    answer = client.get("/proposals/feed.atom")
    assert answer["Content-Type"].startswith("application/atom+xml")
    feed = ElementTree.fromstring(answer.content)
    entries = feed.findall(f"{ATOM}entry")
    assert [each.findtext(f"{ATOM}title") for each in entries] == [
        "Loud & <clear>: was defeated",
        "Loud & <clear>: is open for votes",
        "Loud & <clear>: was made; voting has not started",
    ]
    ids = [each.findtext(f"{ATOM}id") for each in entries]
    assert len(set(ids)) == 3
    assert client.get("/proposals/feed.atom").content == answer.content
    assert str(proposal.pk) in ids[0]
