"""Delegates: their profiles by session or signature, their votes over time, numbers for charts."""

import time

import pytest
from django.test import Client
from eth_account import Account

from accounts.models import User
from governance import profiles, vote
from governance.models import Support
from governance.people_models import DelegateProfile
from tests.factories import bearer, key_of, make_user
from tests.governance.conftest import LAM
from tests.governance.test_api import get, post, titled
from tests.governance.test_signed import sign

SAID = {"name": "Ada", "statement": "I vote for **work** that is real."}


def put(client, address: str, body, headers=None):
    path = f"/api/v1/delegates/{address}/profile"
    return client.put(path, body, format="json", headers=headers or {})


def test_a_profile_is_set_by_the_wallets_owner(client, chain, db) -> None:
    user = make_user()
    address = key_of(user).address
    assert put(client, address, SAID).status_code == 401
    assert put(client, address, SAID, bearer(user, "read")).status_code == 403
    assert put(client, address, SAID, bearer(make_user())).status_code == 403
    assert not DelegateProfile.objects.exists()
    assert put(client, address, SAID, bearer(user)).status_code == 200
    shown = get(client, f"delegates/{address}").json()["profile"]
    assert (shown["name"], shown["signature"]) == ("Ada", "")
    assert "<strong>work</strong>" in shown["statement_html"]


def test_a_profile_is_set_by_signature_through_anyone(client, chain, db) -> None:
    delegate, sender = Account.create(), bearer(make_user())
    path = f"delegates/{delegate.address}/profile/typed-data"
    typed = post(client, path, SAID).json()["typed_data"]
    signed = {
        **SAID,
        "issued_at": int(typed["message"]["issuedAt"]),
        "signature": "0x" + sign(delegate, typed).hex(),
    }
    forged = [
        {**signed, "statement": "I vote for nobody."},
        {**signed, "issued_at": signed["issued_at"] - 1},
        {**signed, "signature": "0x" + sign(Account.create(), typed).hex()},
    ]
    for each in forged:
        assert put(client, delegate.address, each, sender).status_code == 403
    assert not DelegateProfile.objects.exists()
    assert put(client, delegate.address, signed, sender).status_code == 200
    row = DelegateProfile.objects.get()
    assert row.signature == signed["signature"]
    # An old signature does not come back over a newer word.
    assert put(client, delegate.address, signed, sender).status_code == 409


def test_a_profile_from_the_future_or_too_long_is_refused_by_field(client, chain, db) -> None:
    delegate, sender = Account.create(), bearer(make_user())
    later = int(time.time()) + 10_000
    typed = profiles.typed_data(address=delegate.address, issued_at=later, **SAID)
    signed = {**SAID, "issued_at": later, "signature": "0x" + sign(delegate, typed).hex()}
    for fields, pointer in [
        ({}, "/issued_at"),
        ({"name": "x" * 81}, "/name"),
        ({"statement": "x" * 10_001}, "/statement"),
        ({"signature": "0x0"}, "/signature"),
    ]:
        answer = put(client, delegate.address, {**signed, **fields}, sender)
        assert answer.status_code == 400
        assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]
    del signed["issued_at"]
    assert put(client, delegate.address, signed, sender).status_code == 400


def test_an_admin_hides_a_profile_and_everybody_sees_why(client, chain, db) -> None:
    user = make_user()
    address = key_of(user).address
    put(client, address, SAID, bearer(user))
    admin = Client()
    admin.force_login(User.objects.create_superuser("root", "a password of length"))
    page = f"/admin/governance/delegateprofile/{address}/change/"
    assert admin.post(page, {"hidden_reason": "impersonation"}).status_code == 302
    shown = get(client, f"delegates/{address}").json()["profile"]
    assert (shown["name"], shown["statement"], shown["hidden_reason"]) == ("", "", "impersonation")


def test_power_is_counted_at_the_snapshot_and_split_votes_use_it_up(client, assembly) -> None:
    proposal = assembly.propose(titled(assembly, "Anything"))
    voter = assembly.holders[1]
    path = f"proposals/{proposal.pk}/power/{voter.address}"
    assert get(client, path).json()["remaining_wei"] == str(30 * LAM)
    asked = {
        "proposal": str(proposal.pk),
        "support": 255,
        "voter": voter.address,
        "split": {"for_wei": str(7 * LAM), "abstain_wei": str(LAM)},
    }
    call = post(client, "votes/typed-data", asked).json()["transaction"]
    assert assembly.send(voter, call["to"], bytes.fromhex(call["data"][2:])).succeeded
    # Who delegates away afterwards keeps the votes of the snapshot.
    assert assembly.call(voter, "LAMToken", "delegate", assembly.holders[0].address).succeeded
    assembly.follow()
    shown = get(client, path).json()
    assert (shown["power_wei"], shown["cast_wei"], shown["remaining_wei"]) == (
        str(30 * LAM),
        str(8 * LAM),
        str(22 * LAM),
    )
    cast = get(client, f"votes?voter={voter.address}").json()["results"][0]
    assert (cast["support"], cast["for_wei"], cast["abstain_wei"]) == (
        "split",
        str(7 * LAM),
        str(LAM),
    )
    assert get(client, f"proposals/1/power/{voter.address}").status_code == 404
    assert get(client, f"proposals/{proposal.pk}/power/me").status_code == 400


@pytest.mark.parametrize("split", [{}, {"for_wei": "0"}, {"for_wei": str(2**128)}])
def test_a_split_of_nothing_or_of_too_much_is_refused(client, assembly, split) -> None:
    asked = {"proposal": "1", "support": 255, "voter": assembly.holders[1].address}
    answer = post(client, "votes/typed-data", {**asked, "split": split})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] in {"/split", "/params"}


def test_split_parts_and_packed_parameters_are_the_same(client, assembly) -> None:
    proposal = assembly.propose(titled(assembly, "Anything"))
    asked = {"proposal": str(proposal.pk), "support": 255, "voter": assembly.holders[1].address}
    parts = {"against_wei": 1, "for_wei": 2, "abstain_wei": 3}
    packed = post(client, "votes/typed-data", {**asked, "params": vote.split_params(**parts)})
    named = {name: str(value) for name, value in parts.items()}
    assert post(client, "votes/typed-data", {**asked, "split": named}).json() == packed.json()


def test_the_spread_of_votes_and_the_turnout_are_exact(client, assembly) -> None:
    make = DelegateProfile.objects.create
    make(address=assembly.holders[0].address, name="Ada", issued_at=1)
    shown = get(client, "voting-power").json()
    assert (shown["supply_wei"], shown["delegated_wei"]) == (str(100 * LAM), str(100 * LAM))
    assert (shown["delegates"], shown["delegators"], shown["majority"]) == (3, 3, 1)
    assert [(each["name"], each["share_bp"]) for each in shown["top"]] == [
        ("Ada", 6000),
        ("", 3000),
        ("", 1000),
    ]
    assert get(client, "delegates").json()["results"][0]["name"] == "Ada"
    first = assembly.propose(titled(assembly, "First"))
    assembly.vote(1, first, Support.FOR)
    assembly.propose(titled(assembly, "Second"))
    found = get(client, "participation").json()["results"]
    assert [(each["title"], each["voters"], each["turnout_bp"]) for each in found] == [
        ("Second", 0, 0),
        ("First", 1, 3000),
    ]
    assert {each["quorum_bp"] for each in found} == {400}
    one = get(client, f"delegates/{assembly.holders[1].address}").json()
    assert (one["could_vote"], one["voted"]) == (2, 1)
