"""Signing in with a wallet."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from eth_account import Account

from accounts import sign_in
from accounts.models import Referral, SignInNonce, User, Wallet
from accounts.sign_in import SignInError
from config import embedded
from tests import factories
from tests.accounts.signing import message_for, sign

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("manifest")]


@pytest.fixture
def wallet():
    return Account.create()


def refused(code, *, message, signature, **extra):
    before = (User.objects.count(), SignInNonce.objects.filter(used_at__isnull=False).count())
    with pytest.raises(SignInError) as error:
        sign_in.verify(message=message, signature=signature, **extra)
    assert error.value.code == code
    after = (User.objects.count(), SignInNonce.objects.filter(used_at__isnull=False).count())
    assert after == before
    return error.value


def test_a_known_wallet_signs_in_without_an_invite():
    user = factories.make_user()
    message = message_for(factories.key_of(user))
    signed = sign(factories.key_of(user), message)
    assert sign_in.verify(message=message, signature=signed) == user


def test_a_new_wallet_with_an_invite_becomes_a_user_with_a_primary_wallet(wallet):
    invite = factories.make_invite()
    message = message_for(wallet)
    user = sign_in.verify(message=message, signature=sign(wallet, message), invite=invite.code)
    assert list(Wallet.objects.values_list("user", "address", "is_primary")) == [
        (user.pk, wallet.address, True)
    ]
    assert user.redemption.invite == invite
    assert not user.has_usable_password()
    assert not Referral.objects.exists()


def test_the_invites_creator_becomes_the_referrer(wallet):
    creator = factories.make_user()
    invite = factories.make_invite(creator=creator)
    message = message_for(wallet)
    user = sign_in.verify(message=message, signature=sign(wallet, message), invite=invite.code)
    assert user.referral.referrer == creator


def test_a_new_wallet_without_an_invite_is_refused_and_may_try_again(wallet):
    message = message_for(wallet)
    refused("invite_required", message=message, signature=sign(wallet, message))
    invite = factories.make_invite()
    assert sign_in.verify(message=message, signature=sign(wallet, message), invite=invite.code)


def test_an_invite_lets_in_as_many_as_it_says(wallet):
    invite = factories.make_invite(uses=1, uses_allowed=1)
    message = message_for(wallet)
    signature = sign(wallet, message)
    refused("invite_invalid", message=message, signature=signature, invite=invite.code)
    refused("invite_invalid", message=message, signature=signature, invite="unknown")


def test_an_expired_invite_is_refused(wallet):
    invite = factories.make_invite(expires_at=timezone.now() - timedelta(seconds=1))
    message = message_for(wallet)
    refused("invite_invalid", message=message, signature=sign(wallet, message), invite=invite.code)


def test_a_message_signs_in_once():
    user = factories.make_user()
    message = message_for(factories.key_of(user))
    signature = sign(factories.key_of(user), message)
    sign_in.verify(message=message, signature=signature)
    refused("replayed", message=message, signature=signature)


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("wrong_domain", {"domain": "evil.example"}),
        ("wrong_uri", {"uri": "http://evil.example/"}),
        ("wrong_uri", {"uri": "http://127.0.0.1:80001"}),
        ("wrong_chain_id", {"chain_id": 1}),
        ("unknown_nonce", {"nonce": "a" * 32}),
        ("expired", {"expiration_time": timezone.now() - timedelta(seconds=1)}),
        ("not_yet_valid", {"issued_at": timezone.now() + timedelta(hours=1)}),
    ],
)
def test_a_message_that_is_not_for_here_and_now_is_refused(code, changes):
    key = factories.key_of(factories.make_user())
    message = message_for(key, **changes)
    refused(code, message=message, signature=sign(key, message))


def test_a_message_before_its_time_is_refused():
    key = factories.key_of(factories.make_user())
    later = (timezone.now() + timedelta(hours=1)).isoformat()
    message = message_for(key) + f"\nNot Before: {later}"
    refused("not_yet_valid", message=message, signature=sign(key, message))


def test_an_expired_nonce_is_refused():
    key = factories.key_of(factories.make_user())
    message = message_for(key)
    past = timezone.now() - timedelta(hours=1)
    SignInNonce.objects.update(issued_at=past, expires_at=past + timedelta(minutes=1))
    refused("expired", message=message, signature=sign(key, message))


def test_a_text_that_is_no_message_is_refused():
    refused("bad_message", message="let me in", signature="0x00")


def test_a_signature_of_another_key_another_text_or_no_signature_is_refused(node, settings):
    settings.ETH_RPC_URL = node.url
    key, other = factories.key_of(factories.make_user()), Account.create()
    message = message_for(key)
    for signature in (sign(other, message), sign(key, message + " "), "0x" + "00" * 65, "0xzz"):
        refused("wrong_signature", message=message, signature=signature)


# Code that answers every call with the magic value of EIP-1271, and code that answers zero.
AGREES = "0x631626ba7e60e01b60005260206000f3"
DISAGREES = "0x600060005260206000f3"


@pytest.mark.parametrize(("code", "signs_in"), [(AGREES, True), (DISAGREES, False)])
def test_a_contract_wallet_signs_in_by_its_own_rule(node, settings, code, signs_in):
    settings.ETH_RPC_URL = node.url
    contract = Account.create()
    embedded.rpc(node.url, "anvil_setCode", contract.address, code)
    Wallet.objects.create(
        user=factories.make_user(wallet=False), address=contract.address, is_primary=True
    )
    message = message_for(contract)
    if signs_in:
        assert sign_in.verify(message=message, signature="0x1234").name.startswith("person-")
    else:
        refused("wrong_signature", message=message, signature="0x1234")


def test_a_closed_account_is_refused():
    user = factories.make_user(is_active=False)
    message = message_for(factories.key_of(user))
    refused("deactivated", message=message, signature=sign(factories.key_of(user), message))


@pytest.mark.django_db(transaction=True)
def test_a_message_sent_eight_times_at_once_signs_in_once():
    user = factories.make_user()
    message = message_for(factories.key_of(user))
    signature = sign(factories.key_of(user), message)

    def attempt(_):
        try:
            sign_in.verify(message=message, signature=signature)
            return "in"
        except SignInError as error:
            return error.code
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(attempt, range(8)))
    assert sorted(outcomes) == ["in"] + ["replayed"] * 7


@pytest.mark.django_db(transaction=True)
def test_an_invite_for_one_lets_in_one_of_eight_at_once():
    invite = factories.make_invite()
    wallets = [Account.create() for _ in range(8)]
    messages = [message_for(wallet) for wallet in wallets]

    def attempt(index):
        try:
            signature = sign(wallets[index], messages[index])
            sign_in.verify(message=messages[index], signature=signature, invite=invite.code)
            return "in"
        except SignInError as error:
            return error.code
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(attempt, range(8)))
    assert sorted(outcomes) == ["in"] + ["invite_invalid"] * 7
    assert User.objects.count() == 1


def test_only_nonces_long_past_are_swept():
    sign_in.issue_nonce()
    past = timezone.now() - timedelta(days=2)
    SignInNonce.objects.create(nonce="b" * 32, issued_at=past, expires_at=past + timedelta(hours=1))
    assert sign_in.sweep_nonces() == 1
    assert SignInNonce.objects.count() == 1
