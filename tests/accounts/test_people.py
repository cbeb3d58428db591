"""Invites, referrals, tokens and wallets."""

import itertools
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import invites, referrals, tokens, wallets
from accounts.models import ApiToken, Invite, Referral, Wallet
from tests import factories

pytestmark = pytest.mark.django_db


def test_a_person_can_invite_only_a_few(settings):
    settings.INVITES_PER_PERSON = 3
    person = factories.make_user()
    invites.create(creator=person, uses_allowed=2)
    invites.create(creator=person)
    with pytest.raises(invites.InviteLimit):
        invites.create(creator=person)
    assert Invite.objects.count() == 2


def test_staff_can_invite_any_number(settings):
    settings.INVITES_PER_PERSON = 0
    staff = factories.make_user(wallet=False, is_staff=True)
    assert invites.create(creator=staff, uses_allowed=900).uses_allowed == 900


def test_the_operator_creates_invites_from_a_shell():
    out = StringIO()
    call_command("create_invite", "--uses", "856", "--days", "2", stdout=out)
    invite = Invite.objects.get(code=out.getvalue().strip())
    assert (invite.creator, invite.uses_allowed) == (None, 856)
    assert timedelta(days=1) < invite.expires_at - timezone.now() < timedelta(days=3)


def test_the_database_refuses_an_invite_used_too_often():
    with pytest.raises(IntegrityError), transaction.atomic():
        factories.make_invite(uses_allowed=1, uses=2)


def test_the_first_referrer_stays():
    one, two, newcomer = (factories.make_user() for _ in range(3))
    referrals.record(referred=newcomer, referrer=one)
    assert referrals.record(referred=newcomer, referrer=two).referrer == one


def test_nobody_refers_themselves():
    one = factories.make_user()
    with pytest.raises(IntegrityError), transaction.atomic():
        Referral.objects.create(referred=one, referrer=one)


def test_referrers_come_nearest_first_and_only_so_many():
    people = [factories.make_user() for _ in range(5)]
    for above, below in itertools.pairwise(people):
        referrals.record(referred=below, referrer=above)
    ids = [person.pk for person in people]
    assert referrals.chain_of([ids[4], ids[1], ids[0]]) == {
        ids[4]: [ids[3], ids[2], ids[1]],
        ids[1]: [ids[0]],
        ids[0]: [],
    }


def test_a_token_is_found_by_its_secret_which_is_not_stored():
    user = factories.make_user()
    token, secret = tokens.issue(user=user, label="laptop", scopes=["read"])
    assert tokens.find(secret) == token
    assert secret not in str(ApiToken.objects.values().get())
    assert tokens.find(secret + "x") is None


def test_a_revoked_expired_or_closed_accounts_token_is_not_found():
    user = factories.make_user()
    revoked, revoked_secret = tokens.issue(user=user)
    assert tokens.revoke(user=user, token_id=revoked.pk)
    assert not tokens.revoke(user=user, token_id=revoked.pk)
    expired, expired_secret = tokens.issue(user=user)
    past = timezone.now() - timedelta(days=2)
    ApiToken.objects.filter(pk=expired.pk).update(
        created_at=past, expires_at=past + timedelta(days=1)
    )
    _, closed_secret = tokens.issue(user=factories.make_user(is_active=False))
    assert [tokens.find(s) for s in (revoked_secret, expired_secret, closed_secret)] == [None] * 3


def test_nobody_revokes_anothers_token():
    token, secret = tokens.issue(user=factories.make_user())
    assert not tokens.revoke(user=factories.make_user(), token_id=token.pk)
    assert tokens.find(secret) == token


def test_the_primary_wallet_is_where_rewards_go():
    user = factories.make_user()
    address = factories.key_of(user).address
    assert wallets.primary(user) == address
    assert wallets.primaries([user.pk]) == {user.pk: address}
    with pytest.raises(wallets.NoWallet):
        wallets.primary(factories.make_user(wallet=False))


def test_the_database_refuses_two_primaries_and_an_address_in_another_case():
    user = factories.make_user()
    address = factories.key_of(user).address
    other = factories.make_user(wallet=False)
    for row in (
        Wallet(user=user, address="0x" + "1" * 40, is_primary=True),
        Wallet(user=other, address="0x" + address[2:].upper()),
        Wallet(user=other, address="0x12"),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            row.save()
