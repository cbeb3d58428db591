"""Nobody spends the relayer's coin but on what counts, and never more than was set aside."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from eth_account import Account

from accounts.models import User
from chain import outbox
from chain.abi import contract
from chain.models import Intent, Transaction
from chain.relayer import LimitReached, NotRelayed
from governance import carry_out, delegate, propose, vote
from governance.models import RelayedCall, Support, Vote
from tests.conftest import KEYS
from tests.factories import bearer, make_user
from tests.governance.conftest import LAM
from tests.governance.test_signed import ballot, delegation, give_votes

# Wallet contracts (EIP-1271). What ends each returns the magic value for any signature.
ACCEPTS = "631626ba7e60e01b5f5260205ff3"
REFUSES = "5f5ffd"
BURNS_ALL = "5b5f56"
BURNS_2M = "5a5b5a8103621e848011600157" + ACCEPTS
SIGNATURE = b"\x01" * 65


def relayer_wei(assembly) -> int:
    return assembly.rpc.balance_wei(KEYS["relayer"].address)


def anything(assembly, number: int = 0) -> propose.Draft:
    return propose.draft(
        calls=[propose.Call(assembly.chain.address("Registry"), 0, bytes([1, 2, 3, number]))],
        title="Anything",
        body="",
        proposer=assembly.holders[0].address,
    )


@pytest.fixture
def proposal(assembly):
    return assembly.propose(anything(assembly))


def wallet_of(assembly, code: str) -> str:
    """A contract wallet with 5 LAM of votes."""
    address = Account.create().address
    assembly.chain.rpc("anvil_setCode", address, "0x" + code)
    give_votes(assembly, address)
    return address


def vote_of(wallet: str, proposal, user: User | None = None, **fields) -> Intent:
    asked = {"support": int(Support.FOR), "voter": wallet, "signature": SIGNATURE, **fields}
    return vote.relay_vote(user=user or make_user(), proposal=proposal, **asked)


def test_who_has_no_lam_is_not_paid_for_and_reads_why(assembly, proposal, client) -> None:
    nobody = Account.create()
    asked = delegation(nobody, assembly.holders[0].address)
    signature = "0x" + asked.pop("signature").hex()
    body = {**asked, "nonce": str(asked["nonce"]), "expiry": str(asked["expiry"])}
    answer = client.post(
        "/api/v1/delegations/relay",
        {**body, "signature": signature},
        format="json",
        headers=bearer(make_user()),
    )
    assert answer.status_code == 409
    assert answer["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == "urn:action-model:problem:not_relayed"
    assert problem["detail"] == (
        f"{nobody.address} has 0 LAM; the relayer pays from 1 LAM on. "
        "Your own wallet can send it with less."
    )
    with pytest.raises(NotRelayed, match="had the votes of 0 LAM"):
        vote.relay_vote(user=make_user(), **ballot(nobody, proposal))
    assert not Intent.objects.exists()


def test_dust_passed_from_hand_to_hand_is_not_paid_for(assembly) -> None:
    for _ in range(3):
        hand = Account.create()
        assembly.call(assembly.holders[0], "LAMToken", "transfer", hand.address, 1)
        with pytest.raises(NotRelayed, match=r"has 0\.000000000000000001 LAM"):
            delegate.relay_delegation(
                user=make_user(), **delegation(hand, assembly.holders[0].address)
            )


def test_a_delegation_that_changes_nothing_is_not_paid_for(assembly) -> None:
    first = assembly.holders[0]
    with pytest.raises(NotRelayed, match="already"):
        delegate.relay_delegation(user=make_user(), **delegation(first, first.address))


def test_a_holder_who_delegates_to_and_fro_is_bounded_whoever_asks(assembly, settings) -> None:
    settings.RELAY_CALLS_PER_DAY = 4
    first, second, _ = assembly.holders
    for number in range(4):
        target = (first, second)[number % 2].address
        delegate.relay_delegation(user=make_user(), **delegation(second, target))
        assembly.follow()
    with pytest.raises(LimitReached, match="4 calls a day"):
        delegate.relay_delegation(user=make_user(), **delegation(second, first.address))


def test_gas_of_an_account_and_of_all_accounts_is_bounded(assembly, proposal, settings) -> None:
    user = make_user()
    gas = vote.relay_vote(user=user, **ballot(assembly.holders[0], proposal)).gas_max
    settings.RELAY_GAS_PER_ACCOUNT = gas + gas // 2
    with pytest.raises(LimitReached, match="gas a day is paid for one account"):
        vote.relay_vote(user=user, **ballot(assembly.holders[1], proposal))
    settings.RELAY_GAS_PER_DAY = 2 * gas + gas // 2
    vote.relay_vote(user=make_user(), **ballot(assembly.holders[1], proposal))
    # A fresh account for every call gains nothing.
    for _ in range(3):
        with pytest.raises(LimitReached, match="for today is used up"):
            vote.relay_vote(user=make_user(), **ballot(assembly.holders[2], proposal))
    assert Intent.objects.count() == 2
    assembly.follow()
    assert all(row.gas <= row.intent.gas_max for row in Transaction.objects.all())


def test_no_more_is_set_aside_than_is_paid_at_most(assembly, proposal, settings) -> None:
    gas = vote.relay_vote(user=make_user(), **ballot(assembly.holders[0], proposal)).gas_max
    settings.RELAY_GAS_MAX = gas * 3 // 4
    intent = vote.relay_vote(user=make_user(), **ballot(assembly.holders[1], proposal))
    assert intent.gas_max == settings.RELAY_GAS_MAX


@pytest.mark.parametrize("code", [BURNS_ALL, REFUSES])
def test_a_wallet_that_burns_gas_in_its_check_has_not_signed(assembly, code) -> None:
    wallet = wallet_of(assembly, code)
    later = assembly.propose(anything(assembly))
    with pytest.raises(NotRelayed, match="signature"):
        vote_of(wallet, later)
    assert not Intent.objects.exists()


def test_a_wallet_whose_check_is_dear_is_not_paid_for(assembly) -> None:
    wallet = wallet_of(assembly, BURNS_2M)
    later = assembly.propose(anything(assembly))
    with pytest.raises(NotRelayed, match=r"gas|would fail"):
        vote_of(wallet, later)
    assert not Intent.objects.exists()


@pytest.mark.parametrize("code", [REFUSES, BURNS_2M])
def test_a_wallet_that_changes_its_mind_before_it_is_sent_costs_nothing(assembly, code) -> None:
    wallet = wallet_of(assembly, ACCEPTS)
    later = assembly.propose(anything(assembly))
    before = relayer_wei(assembly)
    intent = vote_of(wallet, later)
    assembly.chain.rpc("anvil_setCode", wallet, "0x" + code)
    assembly.follow()
    intent.refresh_from_db()
    assert (intent.state, intent.nonce) == (Intent.State.FAILED, None)
    assert relayer_wei(assembly) == before
    # It cost nothing, so it counts against nobody.
    assembly.chain.rpc("anvil_setCode", wallet, "0x" + ACCEPTS)
    vote_of(wallet, later)
    assembly.follow()
    assert Vote.objects.get(voter=wallet).for_wei == 5 * LAM


def burnt(assembly, wallet: str, proposal, user: User) -> Intent:
    """A vote whose wallet turns round between the last estimate and the block."""
    chain = assembly.chain
    chain.rpc("anvil_setCode", wallet, "0x" + ACCEPTS)
    intent = vote_of(wallet, proposal, user)
    chain.rpc("evm_setAutomine", False)
    try:
        outbox.send("relayer", assembly.rpc)
        chain.rpc("anvil_setCode", wallet, "0x" + BURNS_ALL)
        chain.mine()
    finally:
        chain.rpc("evm_setAutomine", True)
    assembly.follow()
    intent.refresh_from_db()
    return intent


def test_a_wallet_that_turns_round_in_the_block_burns_what_was_set_aside_and_is_done(
    assembly, settings
) -> None:
    wallet = wallet_of(assembly, ACCEPTS)
    later = assembly.propose(anything(assembly))
    user = make_user()
    before = relayer_wei(assembly)
    for _ in range(settings.RELAY_FAILURES_MAX):
        intent = burnt(assembly, wallet, later, user)
        assert intent.state == Intent.State.FAILED
        assert intent.transaction_hash
        assert intent.gas_max <= settings.RELAY_GAS_MAX
    spent = Transaction.objects.get(hash=intent.transaction_hash)
    dearest = settings.RELAY_FAILURES_MAX * intent.gas_max * spent.max_fee_wei
    assert 0 < before - relayer_wei(assembly) <= dearest
    assembly.chain.rpc("anvil_setCode", wallet, "0x" + ACCEPTS)
    # Neither the wallet through others nor the account with other wallets goes on today.
    with pytest.raises(LimitReached, match="failed on the chain today"):
        vote_of(wallet, later)
    with pytest.raises(LimitReached, match="failed on the chain today"):
        vote.relay_vote(user=user, **ballot(assembly.holders[1], later))
    vote.relay_vote(user=make_user(), **ballot(assembly.holders[1], later))


def test_a_signature_that_somebody_else_used_already_is_not_paid_for(assembly, proposal) -> None:
    first, second, _ = assembly.holders
    asked = ballot(second, proposal)
    data = contract("LAMGovernor").encode_call(
        "castVoteBySig", proposal.pk, asked["support"], second.address, asked["signature"]
    )
    assert assembly.send(first, assembly.chain.address("LAMGovernor"), data).succeeded
    with pytest.raises(NotRelayed, match="signature"):
        vote.relay_vote(user=make_user(), **asked)
    # Signed anew for the next nonce, it would be a second vote.
    with pytest.raises(NotRelayed, match="would fail"):
        vote.relay_vote(user=make_user(), **ballot(second, proposal))
    assert not Intent.objects.exists()


def test_of_two_votes_with_one_nonce_only_one_is_paid(assembly, proposal) -> None:
    second = assembly.holders[1]
    pro, con = (ballot(second, proposal, support=int(s)) for s in (Support.FOR, Support.AGAINST))
    vote.relay_vote(user=make_user(), **pro)
    with pytest.raises(NotRelayed, match="under way"):
        vote.relay_vote(user=make_user(), **con)
    assembly.follow()
    assert Vote.objects.get().support == Support.FOR
    assert Intent.objects.get().state == Intent.State.DONE


def in_parallel(*calls) -> list:
    """What each call returned or raised."""

    def run(call):
        try:
            return call()
        except NotRelayed as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


@pytest.mark.django_db(transaction=True)
def test_the_same_vote_from_many_at_once_is_paid_once(assembly, proposal) -> None:
    asked = ballot(assembly.holders[1], proposal)
    users = [make_user() for _ in range(6)]
    found = in_parallel(*(lambda u=u: vote.relay_vote(user=u, **asked) for u in users))
    assert {each.pk for each in found} == {Intent.objects.get().pk}
    assert RelayedCall.objects.count() == 6


@pytest.mark.django_db(transaction=True)
def test_many_signatures_of_one_vote_at_once_are_paid_once(assembly) -> None:
    wallet = wallet_of(assembly, ACCEPTS)
    later = assembly.propose(anything(assembly))
    signatures = [bytes([n]) * 65 for n in range(6)]
    users = [make_user() for _ in signatures]
    found = in_parallel(
        *(
            lambda u=u, s=s: vote_of(wallet, later, u, signature=s)
            for u, s in zip(users, signatures, strict=True)
        )
    )
    assert sum(isinstance(each, Intent) for each in found) == 1
    assert Intent.objects.count() == 1
    assembly.follow()
    assert Intent.objects.get().state == Intent.State.DONE


@pytest.mark.django_db(transaction=True)
def test_the_budget_holds_when_many_ask_at_once(assembly, settings) -> None:
    proposals = [assembly.propose(anything(assembly, number)) for number in range(3)]
    asked = [ballot(holder, each) for holder in assembly.holders for each in proposals]
    gas = vote.relay_vote(user=make_user(), **asked.pop()).gas_max
    settings.RELAY_GAS_PER_DAY = 3 * gas + gas // 2
    users = [make_user() for _ in asked]
    found = in_parallel(
        *(lambda u=u, a=a: vote.relay_vote(user=u, **a) for u, a in zip(users, asked, strict=True))
    )
    assert sum(isinstance(each, LimitReached) for each in found) >= len(asked) - 3
    total = sum(Intent.objects.values_list("gas_max", flat=True))
    assert total <= settings.RELAY_GAS_PER_DAY


def test_carrying_out_is_paid_once_whoever_asks(assembly) -> None:
    draft = propose.draft(
        calls=[
            propose.Call(
                assembly.chain.address("LAMGovernor"),
                0,
                contract("LAMGovernor").encode_call("setVotingDelay", 3),
            )
        ],
        title="Later",
        body="",
        proposer=assembly.holders[0].address,
    )
    made = assembly.propose(draft)
    assembly.vote(0, made, Support.FOR)
    with pytest.raises(NotRelayed, match="would fail"):
        carry_out.queue(user=make_user(), proposal=made)
    assembly.end_voting()
    ids = {carry_out.queue(user=make_user(), proposal=made).pk for _ in range(3)}
    assert len(ids) == 1
