"""The API of people, and everybody who may not call it."""

from datetime import timedelta

import pytest
from django.utils import timezone
from eth_account import Account
from rest_framework.test import APIClient

from accounts import sign_in, tokens
from accounts.models import ApiToken, Consent, Invite, User, WaitlistEntry
from accounts.throttling import AddressThrottle
from tests import factories
from tests.accounts.signing import message_for, sign

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("manifest")]
API = "/api/v1"


@pytest.fixture
def client():
    return APIClient()


@pytest.fixture
def user():
    return factories.make_user()


def signed_body(account, **extra):
    message = message_for(account)
    return {"message": message, "signature": sign(account, message), **extra}


def test_a_wallet_signs_in_by_the_api_alone(client):
    wallet, invite = Account.create(), factories.make_invite()
    challenge = client.post(f"{API}/auth/nonce")
    assert challenge.status_code == 201
    message = message_for(wallet, sign_in.Challenge(**challenge.json()))
    body = {"message": message, "signature": sign(wallet, message), "invite": invite.code}
    answer = client.post(f"{API}/auth/verify", body, format="json")
    assert answer.status_code == 200
    assert answer.json()["address"] == wallet.address
    me = client.get(f"{API}/me", headers={"Authorization": f"Bearer {answer.json()['token']}"})
    assert me.json()["address"] == wallet.address
    assert me.json()["scopes"] == ["account", "automate", "contribute", "read"]


def test_a_browser_signs_in_with_a_session(client, user):
    body = signed_body(factories.key_of(user), session=True)
    answer = client.post(f"{API}/auth/verify", body, format="json")
    assert answer.json()["token"] is None
    assert client.get(f"{API}/me").json()["id"] == user.pk
    assert client.post(f"{API}/auth/sign-out").status_code == 204
    assert client.get(f"{API}/me").status_code == 401
    assert not ApiToken.objects.exists()


def test_a_session_request_without_csrf_token_is_refused(user):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(user)
    answer = client.post(f"{API}/invites", {}, format="json")
    assert answer.status_code == 403
    assert not Invite.objects.exists()


def test_a_refused_sign_in_names_the_field_and_the_reason(client, user):
    body = signed_body(factories.key_of(user))
    client.post(f"{API}/auth/verify", body, format="json")
    again = client.post(f"{API}/auth/verify", body, format="json")
    assert again.status_code == 400
    assert again["Content-Type"] == "application/problem+json"
    assert again.json()["errors"] == [
        {
            "pointer": "/message",
            "detail": "This message has already been used.",
            "code": "replayed",
        }
    ]


@pytest.mark.parametrize("body", [{}, {"message": "x"}, {"message": "x", "signature": "nope"}])
def test_a_malformed_sign_in_is_refused_by_field(client, body):
    answer = client.post(f"{API}/auth/verify", body, format="json")
    assert answer.status_code == 400
    assert answer.json()["errors"]


def test_sign_ins_are_limited_per_address(client, monkeypatch):
    monkeypatch.setattr(
        "accounts.throttling.api_settings.DEFAULT_THROTTLE_RATES", {"auth": "3/day"}
    )
    address = {"REMOTE_ADDR": f"198.51.100.{timezone.now().microsecond % 250}"}
    url = f"{API}/auth/nonce"
    statuses = [client.post(url, **address).status_code for _ in range(5)]
    assert statuses == [201, 201, 201, 429, 429]
    # The header is not believed unless proxies of ours are configured.
    forged = client.post(url, headers={"X-Forwarded-For": "203.0.113.9"}, **address)
    assert forged.status_code == 429
    assert int(forged["Retry-After"]) > 0
    assert client.post(url, REMOTE_ADDR="203.0.113.77").status_code == 201


def test_an_empty_rate_limits_nobody(client, monkeypatch):
    monkeypatch.setattr("accounts.throttling.api_settings.DEFAULT_THROTTLE_RATES", {"auth": ""})
    assert {client.post(f"{API}/auth/nonce").status_code for _ in range(5)} == {201}
    assert AddressThrottle().wait() is None


def test_signing_out_revokes_this_devices_token_only(client, user):
    this, other = factories.bearer(user), factories.bearer(user)
    assert client.post(f"{API}/auth/sign-out", headers=this).status_code == 204
    assert client.get(f"{API}/me", headers=this).status_code == 401
    assert client.get(f"{API}/me", headers=other).status_code == 200


def test_a_device_gets_a_token_with_less(client, user):
    body = {"label": "extension", "scopes": ["contribute", "read"]}
    answer = client.post(f"{API}/tokens", body, format="json", headers=factories.bearer(user))
    assert answer.status_code == 201
    device = {"Authorization": f"Bearer {answer.json()['token']}"}
    assert client.get(f"{API}/me", headers=device).status_code == 200
    assert client.get(f"{API}/consents", headers=device).status_code == 403
    listed = client.get(f"{API}/tokens", headers=factories.bearer(user)).json()
    assert "extension" in [row["label"] for row in listed]
    assert not any("token" in row or "digest" in row for row in listed)


def test_a_token_cant_give_more_than_it_has(client, user):
    body = {"label": "x", "scopes": ["automate"]}
    answer = client.post(
        f"{API}/tokens", body, format="json", headers=factories.bearer(user, "account")
    )
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/scopes"
    assert ApiToken.objects.count() == 1


def test_ones_own_token_is_revoked_and_nobody_elses(client, user):
    token, secret = tokens.issue(user=user)
    stranger = factories.bearer(factories.make_user())
    assert client.delete(f"{API}/tokens/{token.pk}", headers=stranger).status_code == 404
    assert tokens.find(secret)
    own = factories.bearer(user)
    assert client.delete(f"{API}/tokens/{token.pk}", headers=own).status_code == 204
    assert tokens.find(secret) is None


def test_consents_are_read_given_and_withdrawn(client):
    user = factories.make_user(consent=False)
    headers = factories.bearer(user)
    texts = client.get(f"{API}/consents", headers=headers).json()
    assert [(row["scope"], row["given_at"]) for row in texts] == [
        ("contribute", None),
        ("train", None),
    ]
    body = {"scope": "contribute", "version": 1}
    given = client.post(f"{API}/consents", body, format="json", headers=headers)
    assert given.status_code == 201
    again = client.post(f"{API}/consents", body, format="json", headers=headers)
    assert (given.status_code, again.status_code) == (201, 200)
    assert again.json() == given.json()
    assert client.get(f"{API}/consents", headers=headers).json()[0]["given_at"]
    assert client.delete(f"{API}/consents/contribute", headers=headers).status_code == 204
    assert client.delete(f"{API}/consents/contribute", headers=headers).status_code == 404
    wrong = client.post(
        f"{API}/consents", {"scope": "train", "version": 9}, format="json", headers=headers
    )
    assert wrong.json()["errors"][0]["pointer"] == "/version"


def test_invites_are_ones_own_and_few(client, user, settings):
    settings.INVITES_PER_PERSON = 1
    headers = factories.bearer(user)
    made = client.post(f"{API}/invites", {}, format="json", headers=headers)
    assert made.status_code == 201
    refused = client.post(f"{API}/invites", {}, format="json", headers=headers)
    assert refused.status_code == 409
    assert refused.json()["type"].endswith("invite_limit")
    assert [i["code"] for i in client.get(f"{API}/invites", headers=headers).json()] == [
        made.json()["code"]
    ]
    stranger = factories.bearer(factories.make_user())
    assert client.get(f"{API}/invites", headers=stranger).json() == []


def test_the_waitlist_does_not_tell_who_is_on_it(client):
    body = {"email": "someone@example.org"}
    answers = [client.post(f"{API}/waitlist", body, format="json") for _ in range(2)]
    assert [a.status_code for a in answers] == [202, 202]
    assert answers[0].content == answers[1].content
    assert WaitlistEntry.objects.count() == 1
    wrong = client.post(f"{API}/waitlist", {"email": "nobody"}, format="json")
    assert wrong.json()["errors"][0]["pointer"] == "/email"


CLOSED = [
    ("get", "/me", "read"),
    ("get", "/tokens", "account"),
    ("post", "/tokens", "account"),
    ("delete", "/tokens/1", "account"),
    ("get", "/consents", "account"),
    ("post", "/consents", "account"),
    ("delete", "/consents/contribute", "account"),
    ("get", "/invites", "account"),
    ("post", "/invites", "account"),
]


@pytest.mark.parametrize(("method", "path", "scope"), CLOSED)
def test_nobody_gets_in_without_a_token_of_the_right_scope(client, user, method, path, scope):
    others = [s for s in ("read", "contribute", "automate", "account") if s != scope]
    revoked, revoked_secret = tokens.issue(user=user)
    tokens.revoke(user=user, token_id=revoked.pk)
    expired, expired_secret = tokens.issue(user=user)
    past = timezone.now() - timedelta(days=9)
    ApiToken.objects.filter(pk=expired.pk).update(
        created_at=past, expires_at=past + timedelta(days=1)
    )
    before = (Consent.objects.count(), Invite.objects.count(), ApiToken.objects.count())
    call = getattr(client, method)
    assert call(API + path).status_code == 401
    for secret in ("", "nonsense", revoked_secret, expired_secret, "two words"):
        answer = call(API + path, headers={"Authorization": f"Bearer {secret}"})
        assert answer.status_code == 401
        assert answer["Content-Type"] == "application/problem+json"
        assert answer["WWW-Authenticate"] == "Bearer"
    limited = factories.bearer(user, *others)
    assert call(API + path, headers=limited).status_code == 403
    after = (Consent.objects.count(), Invite.objects.count(), ApiToken.objects.count() - 1)
    assert after == before


def test_signing_out_needs_a_sign_in(client):
    assert client.post(f"{API}/auth/sign-out").status_code == 401


def test_query_counts_do_not_grow(client, user, django_assert_num_queries):
    headers = factories.bearer(user)
    for path, queries in (("/me", 4), ("/tokens", 2), ("/invites", 2), ("/consents", 2)):
        for _ in range(2):
            with django_assert_num_queries(queries):
                client.get(API + path, headers=headers)
            factories.make_invite(creator=user)
            factories.make_token(user)


def test_auditors_read_people_in_the_admin_and_change_nothing(client):
    auditor = User.objects.create_superuser("auditor", "a long passphrase")
    user = factories.make_user()
    client.force_login(auditor)
    for model in ("user", "wallet", "apitoken", "invite", "referral", "consent", "waitlistentry"):
        assert client.get(f"/admin/accounts/{model}/").status_code == 200
        assert client.get(f"/admin/accounts/{model}/add/").status_code == 403
    assert client.get(f"/admin/accounts/user/{user.pk}/change/").status_code == 200
    answer = client.post(f"/admin/accounts/user/{user.pk}/change/", {"name": "changed"})
    assert answer.status_code == 403
    assert (
        client.post(f"/admin/accounts/user/{user.pk}/delete/", {"post": "yes"}).status_code == 403
    )
    user.refresh_from_db()
    assert user.name != "changed"
