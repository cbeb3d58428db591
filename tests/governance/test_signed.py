"""Votes and delegations by signature, relayed only when they would succeed."""

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from chain.abi import contract
from chain.models import Intent
from governance import delegate, propose, vote
from governance.models import Delegation, RelayedCall, Support, Vote
from governance.relay import LimitReached, NotRelayed
from tests.factories import make_user
from tests.governance.conftest import LAM, Assembly

# A wallet contract (EIP-1271) that accepts exactly one signature: 32 bytes of 0xab.
ACCEPTED = b"\xab" * 32
WALLET_CODE = "0x6064357f" + ACCEPTED.hex() + "14631626ba7e60e01b025f5260205ff3"


@pytest.fixture
def proposal(assembly):
    draft = propose.draft(
        calls=[propose.Call(assembly.chain.address("Registry"), 0, b"\1\2\3\4")],
        title="Anything",
        body="",
        proposer=assembly.holders[0].address,
    )
    return assembly.propose(draft)


def sign(account, typed_data: dict) -> bytes:
    message = encode_typed_data(full_message=vote.exact(typed_data))
    return bytes(account.sign_message(message).signature)


def ballot(account, proposal, **fields) -> dict:
    """Arguments of a relayed vote for, signed by the account."""
    asked = {"proposal": proposal, "support": int(Support.FOR), "voter": account.address, **fields}
    return {**asked, "signature": sign(account, vote.typed_data(**asked))}


def test_a_signed_vote_is_cast_and_counted_once(assembly, proposal) -> None:
    user = make_user()
    asked = ballot(assembly.holders[1], proposal)
    first = vote.relay_vote(user=user, **asked)
    assert vote.relay_vote(user=user, **asked).pk == first.pk
    assembly.follow()
    assert Vote.objects.get().for_wei == 30 * LAM
    assert Intent.objects.get().state == Intent.State.DONE
    with pytest.raises(NotRelayed):
        vote.relay_vote(user=user, **ballot(assembly.holders[1], proposal))


@pytest.mark.parametrize(
    "extra",
    [
        {"reason": "because"},
        {
            "support": int(Support.SPLIT),
            "params": vote.split_params(against_wei=LAM, for_wei=2 * LAM, abstain_wei=0),
        },
    ],
    ids=["with a reason", "split"],
)
def test_a_signed_vote_says_more(assembly, proposal, extra) -> None:
    vote.relay_vote(user=make_user(), **ballot(assembly.holders[1], proposal, **extra))
    assembly.follow()
    assert Vote.objects.get().support == extra.get("support", Support.FOR)


def test_the_votes_of_one_holder_on_two_proposals_do_not_wait_for_each_other(assembly) -> None:
    drafts = [
        propose.draft(
            calls=[propose.Call(assembly.chain.address("Registry"), 0, bytes([each]))],
            title=f"Number {each}",
            body="",
            proposer=assembly.holders[0].address,
        )
        for each in (1, 2)
    ]
    proposals = [assembly.propose(each) for each in drafts]
    asked = [ballot(assembly.holders[1], each) for each in proposals]
    for each in reversed(asked):
        vote.relay_vote(user=make_user(), **each)
    assembly.follow()
    assert Vote.objects.count() == 2


def test_a_wallet_contract_votes_by_signature(assembly, proposal) -> None:
    chain, wallet = assembly.chain, Account.create().address
    chain.rpc("anvil_setCode", wallet, WALLET_CODE)
    give_votes(assembly, wallet)
    draft = propose.draft(
        calls=[propose.Call(chain.address("Registry"), 0, b"\7")],
        title="Later",
        body="",
        proposer=assembly.holders[0].address,
    )
    later = assembly.propose(draft)
    asked = {"proposal": later, "support": int(Support.AGAINST), "voter": wallet}
    with pytest.raises(NotRelayed, match="signature"):
        vote.relay_vote(user=make_user(), signature=b"\0" * 32, **asked)
    vote.relay_vote(user=make_user(), signature=ACCEPTED, **asked)
    assembly.follow()
    assert Vote.objects.get(voter=wallet).against_wei == 5 * LAM


def give_votes(assembly: Assembly, wallet: str) -> None:
    chain = assembly.chain
    assembly.call(assembly.holders[0], "LAMToken", "transfer", wallet, 5 * LAM)
    assembly.play(wallet, contract("LAMToken").encode_call("delegate", wallet))
    chain.advance(2)


def test_a_signature_of_somebody_else_or_for_something_else_is_refused(assembly, proposal) -> None:
    voter, other = assembly.holders[1], assembly.holders[2]
    asked = {"proposal": proposal, "support": int(Support.FOR), "voter": voter.address}
    typed = vote.typed_data(**asked)
    forged = [
        sign(other, typed),
        sign(voter, {**typed, "message": {**typed["message"], "support": 0}}),
    ]
    forged += [sign(voter, typed)[:-1], b"", b"\0" * 65]
    elsewhere = {**typed, "domain": {**typed["domain"], "chainId": 1}}
    forged.append(sign(voter, elsewhere))
    for signature in forged:
        with pytest.raises(NotRelayed, match="signature"):
            vote.relay_vote(user=make_user(), signature=signature, **asked)
    assert not Intent.objects.exists()


def test_a_vote_that_cannot_count_is_not_paid_for(assembly, proposal) -> None:
    assembly.end_voting()
    for account, why in ((assembly.holders[1], "would fail"), (Account.create(), "0 LAM")):
        with pytest.raises(NotRelayed, match=why):
            vote.relay_vote(user=make_user(), **ballot(account, proposal))
    assert not Intent.objects.exists()
    assert not RelayedCall.objects.exists()


def test_a_wallet_that_burns_gas_is_not_paid_for(assembly, proposal, settings) -> None:
    settings.RELAY_GAS_MAX = 50_000
    with pytest.raises(NotRelayed, match="gas"):
        vote.relay_vote(user=make_user(), **ballot(assembly.holders[1], proposal))


def test_an_account_has_only_so_many_calls_a_day(assembly, proposal, settings) -> None:
    settings.RELAY_CALLS_PER_DAY = 1
    user = make_user()
    vote.relay_vote(user=user, **ballot(assembly.holders[1], proposal))
    with pytest.raises(LimitReached):
        vote.relay_vote(user=user, **ballot(assembly.holders[2], proposal))
    vote.relay_vote(user=make_user(), **ballot(assembly.holders[2], proposal))
    assert RelayedCall.objects.count() == 2


def delegation(account, delegatee: str) -> dict:
    typed = delegate.typed_data(delegator=account.address, delegatee=delegatee)
    message = typed["message"]
    return {
        "delegator": account.address,
        "delegatee": delegatee,
        "nonce": int(message["nonce"]),
        "expiry": int(message["expiry"]),
        "signature": sign(account, typed),
    }


def test_a_signed_delegation_moves_the_votes(assembly) -> None:
    first, second, _ = assembly.holders
    delegate.relay_delegation(user=make_user(), **delegation(second, first.address))
    assembly.follow()
    assert Delegation.objects.get(pk=second.address).delegate == first.address
    assert assembly.read("LAMToken", "getVotes", first.address) == 90 * LAM


def test_a_delegation_that_is_stale_or_forged_is_refused(assembly) -> None:
    first, second, third = assembly.holders
    good = delegation(second, first.address)
    wrong = [
        {**good, "delegator": third.address},
        {**good, "delegatee": third.address},
        {**good, "nonce": good["nonce"] + 1},
    ]
    for asked in wrong:
        with pytest.raises(NotRelayed, match="signature"):
            delegate.relay_delegation(user=make_user(), **asked)
    assembly.chain.advance(2 * delegate.VALID_SECONDS)
    with pytest.raises(NotRelayed, match="would fail"):
        delegate.relay_delegation(user=make_user(), **good)
    assert not Intent.objects.exists()
