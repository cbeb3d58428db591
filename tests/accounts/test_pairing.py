"""Pairing a device: only who asked gets a token, once, in time, and never an account's powers."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import pairing, tokens
from accounts.models import ApiToken, Pairing, Scope
from tests import factories

pytestmark = pytest.mark.django_db
API = "/api/v1"
# The example of RFC 7636, appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.fixture
def user():
    return factories.make_user()


def agree(user, **changes):
    body = {"challenge": CHALLENGE, "label": "Laptop", **changes}
    return APIClient().post(
        f"{API}/pairings", body, format="json", headers=factories.bearer(user, Scope.ACCOUNT)
    )


def exchange(code, verifier=VERIFIER):
    body = {"code": code, "verifier": verifier}
    return APIClient().post(f"{API}/pairings/exchange", body, format="json")


def test_the_challenge_is_that_of_the_standard():
    assert pairing.challenge_of(VERIFIER) == CHALLENGE


def test_the_device_that_asked_gets_a_token_of_its_person(user):
    answer = exchange(agree(user).json()["code"])
    assert answer.status_code == 201
    secret = answer.json()["token"]
    me = APIClient().get(f"{API}/me", headers={"Authorization": f"Bearer {secret}"})
    assert me.json()["id"] == user.pk
    assert me.json()["scopes"] == ["automate", "contribute", "read"]
    assert answer.json()["label"] == "Laptop"


def test_another_device_is_refused_and_the_one_that_asked_still_gets_in(user):
    code = agree(user).json()["code"]
    stolen = exchange(code, "x" * 43)
    assert stolen.status_code == 400
    assert stolen.json()["errors"][0]["code"] == "pairing_refused"
    assert not ApiToken.objects.filter(label="Laptop").exists()
    assert exchange(code).status_code == 201


def test_a_code_is_good_once(user):
    code = agree(user).json()["code"]
    exchange(code)
    assert exchange(code).status_code == 400
    assert ApiToken.objects.filter(label="Laptop").count() == 1


def test_a_code_is_good_for_minutes(user):
    code = agree(user).json()["code"]
    Pairing.objects.update(
        agreed_at=timezone.now() - timedelta(minutes=9),
        expires_at=timezone.now() - timedelta(seconds=1),
    )
    assert exchange(code).status_code == 400


def test_a_code_of_a_closed_account_is_worth_nothing(user):
    code = agree(user).json()["code"]
    user.is_active = False
    user.save()
    assert exchange(code).status_code == 400


def test_a_code_that_never_was_is_refused():
    assert exchange("never").status_code == 400


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"challenge": "short"}, "/challenge"),
        ({"challenge": "x" * 42 + "!"}, "/challenge"),
        ({"label": ""}, "/label"),
        ({"label": "x" * 81}, "/label"),
    ],
)
def test_a_wrong_field_is_named(user, changes, pointer):
    answer = agree(user, **changes)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert not Pairing.objects.exists()


def test_nobody_agrees_for_a_person_but_they_themselves(user):
    body = {"challenge": CHALLENGE, "label": "x"}
    scopes = [scope for scope in Scope.values if scope != Scope.ACCOUNT]
    for headers in ({}, factories.bearer(user, *scopes)):
        answer = APIClient().post(f"{API}/pairings", body, format="json", headers=headers)
        assert answer.status_code in (401, 403)
    assert not Pairing.objects.exists()


def test_a_paired_device_cannot_pair_another(user):
    secret = exchange(agree(user).json()["code"]).json()["token"]
    body = {"challenge": CHALLENGE, "label": "x"}
    headers = {"Authorization": f"Bearer {secret}"}
    for path, sent in (("pairings", body), ("tokens", {"label": "x", "scopes": ["read"]})):
        answer = APIClient().post(f"{API}/{path}", sent, format="json", headers=headers)
        assert answer.status_code == 403


def test_codes_are_stored_as_digests(user):
    code = agree(user).json()["code"]
    assert Pairing.objects.get().code_digest == tokens.digest(code) != code


def test_old_pairings_are_swept(user):
    pairing.agree(user=user, challenge=CHALLENGE, label="new")
    pairing.agree(user=user, challenge=CHALLENGE, label="old")
    past = timezone.now() - timedelta(days=2)
    Pairing.objects.filter(label="old").update(agreed_at=past - pairing.LIFETIME, expires_at=past)
    assert pairing.sweep() == 1
    assert Pairing.objects.get().label == "new"


def test_the_database_refuses_a_challenge_that_is_none(user):
    with pytest.raises((IntegrityError, ValidationError)):
        pairing.agree(user=user, challenge="x" * 42 + " ", label="x")
