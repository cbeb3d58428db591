"""What people agree to."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, connection, transaction

from accounts import consent
from accounts.models import Consent, ConsentScope
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    return factories.make_user(consent=False)


def test_consent_is_given_once_and_counts(user):
    assert not consent.given(user, "contribute")
    first = consent.give(user=user, scope="contribute", version=1)
    assert consent.give(user=user, scope="contribute", version=1) == first
    assert consent.given(user, "contribute")
    assert not consent.given(user, "train")
    consent.require(user, "contribute")


def test_every_scope_has_a_text():
    assert set(consent.TEXTS) == set(ConsentScope)


def test_agreeing_to_a_text_that_is_not_current_is_refused(user):
    with pytest.raises(consent.WrongVersion):
        consent.give(user=user, scope="contribute", version=2)
    assert not Consent.objects.exists()


def test_a_new_text_ends_what_was_agreed_before(user, monkeypatch):
    consent.give(user=user, scope="train", version=1)
    monkeypatch.setitem(consent.TEXTS, "train", consent.Text(version=2, text="More."))
    assert not consent.given(user, "train")
    consent.give(user=user, scope="train", version=2)
    old, new = Consent.objects.order_by("version")
    assert old.withdrawn_at is not None
    assert new.withdrawn_at is None


def test_withdrawing_keeps_the_history(user):
    consent.give(user=user, scope="contribute", version=1)
    assert consent.withdraw(user=user, scope="contribute")
    assert not consent.withdraw(user=user, scope="contribute")
    with pytest.raises(consent.ConsentMissing):
        consent.require(user, "contribute")
    consent.give(user=user, scope="contribute", version=1)
    assert Consent.objects.filter(user=user).count() == 2


def test_the_database_refuses_two_consents_in_force(user):
    consent.give(user=user, scope="contribute", version=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        Consent.objects.create(user=user, scope="contribute", version=1)


@pytest.mark.django_db(transaction=True)
def test_giving_at_once_gives_once():
    user = factories.make_user(consent=False)

    def give(_):
        try:
            return consent.give(user=user, scope="contribute", version=1).pk
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(give, range(6)))) == 1
    assert Consent.objects.count() == 1
