"""A vote that binds: from a proposal to what the engine follows, without an admin's hand."""

import pytest
from django.core.management import call_command

from chain.models import Intent
from contributions import policy
from contributions.models import Adoption, Document, Kind
from contributions.policy_document import load_policy
from governance import carry_out, propose, vote
from governance.models import Delegation, Power, Proposal, Supply, Support, Vote
from governance.propose import Call
from governance.state import State, power_wei, tally
from lam_core.canonical import content_hash
from points import epochs
from tests.factories import make_user
from tests.governance.conftest import LAM, changed_policy, policy_draft

AGAINST, FOR, ABSTAIN, SPLIT = Support.AGAINST, Support.FOR, Support.ABSTAIN, Support.SPLIT


@pytest.fixture
def draft(assembly):
    """A proposal to change the reward policy from epoch 2 on."""
    return policy_draft(assembly, title="Pay twice as much")


def test_a_passed_vote_changes_the_policy_of_the_next_epochs(assembly, draft) -> None:
    before = load_policy().hash
    assert policy.current(2).hash == before
    proposal = assembly.propose(draft)
    assert assembly.state(proposal) == State.ACTIVE
    assembly.vote(0, proposal, FOR)
    assembly.vote(1, proposal, AGAINST)
    assembly.end_voting()
    assert assembly.state(proposal) == State.SUCCEEDED
    user = make_user()
    carry_out.queue(user=user, proposal=proposal)
    assembly.follow()
    assert assembly.state(proposal) == State.QUEUED
    assembly.chain.advance(5)
    carry_out.execute(user=user, proposal=proposal)
    assembly.follow()
    assert assembly.state(proposal) == State.EXECUTED
    assert (policy.current(1).hash, policy.current(2).hash) == (
        before,
        policy.policy(proposal_hash(proposal)).hash,
    )
    assert policy.current(2).points_per_action_millipoints == 2000
    assert set(Intent.objects.values_list("state", flat=True)) == {"done"}
    call_command("rebuild", "--check")


def proposal_hash(proposal: Proposal) -> str:
    return Adoption.objects.get(transaction_hash=proposal.execution_transaction_hash).hash


def test_the_id_computed_offline_is_the_one_on_chain(assembly, draft) -> None:
    targets, values, calldatas = draft.lists
    on_chain = assembly.read(
        "LAMGovernor",
        "hashProposal",
        targets,
        values,
        calldatas,
        draft.description_hash,
    )
    assert on_chain == draft.proposal_id
    proposal = assembly.propose(draft)
    assert proposal.description == draft.description
    assert carry_out.as_draft(proposal).proposal_id == draft.proposal_id


def test_nobody_else_can_propose_a_published_draft(assembly, draft) -> None:
    receipt = assembly.send(
        assembly.holders[1], assembly.chain.address("LAMGovernor"), draft.calldata
    )
    assert not receipt.succeeded


@pytest.mark.parametrize(
    ("votes", "expected"),
    [
        ([FOR, AGAINST, AGAINST], State.SUCCEEDED),
        ([AGAINST, FOR, FOR], State.DEFEATED),
        ([None, FOR, ABSTAIN], State.SUCCEEDED),
        ([ABSTAIN, None, None], State.DEFEATED),
        ([None, None, None], State.DEFEATED),
    ],
)
def test_states_and_tallies_agree_with_the_contract(assembly, draft, votes, expected) -> None:
    proposal = assembly.propose(draft)
    for number, support in enumerate(votes):
        if support is not None:
            assembly.vote(number, proposal, support)
    assembly.end_voting()
    counted = tally(proposal)
    assert [counted.against_wei, counted.for_wei, counted.abstain_wei] == assembly.read(
        "LAMGovernor", "proposalVotes", proposal.pk
    )
    assert counted.quorum_wei == assembly.read("LAMGovernor", "quorum", proposal.vote_start)
    assert assembly.state(proposal) == expected, counted


def test_a_split_vote_counts_in_parts(assembly, draft) -> None:
    proposal = assembly.propose(draft)
    params = vote.split_params(against_wei=1 * LAM, for_wei=2 * LAM, abstain_wei=3 * LAM)
    holder = assembly.holders[0]
    assembly.send(
        holder,
        assembly.chain.address("LAMGovernor"),
        vote.cast_call(proposal=proposal, support=SPLIT, reason="torn", params=params),
    )
    assembly.vote(0, proposal, FOR)
    assembly.end_voting()
    counted = tally(proposal)
    assert [counted.against_wei, counted.for_wei, counted.abstain_wei] == assembly.read(
        "LAMGovernor", "proposalVotes", proposal.pk
    )
    assert (counted.against_wei, counted.for_wei) == (1 * LAM, 56 * LAM)
    assert Vote.objects.get(support=SPLIT).reason == "torn"


@pytest.mark.parametrize(
    ("against_wei", "for_wei", "abstain_wei", "expected"),
    [
        (0, 3 * LAM, LAM, State.SUCCEEDED),
        (0, 3 * LAM, LAM - 1, State.DEFEATED),
        (5 * LAM, 5 * LAM, 0, State.DEFEATED),
        (5 * LAM, 5 * LAM + 1, 0, State.SUCCEEDED),
    ],
    ids=["just the quorum", "a wei less", "level", "a wei more"],
)
def test_a_wei_decides_as_in_the_contract(
    assembly, draft, against_wei, for_wei, abstain_wei, expected
) -> None:
    proposal = assembly.propose(draft)
    params = vote.split_params(against_wei=against_wei, for_wei=for_wei, abstain_wei=abstain_wei)
    calldata = vote.cast_call(proposal=proposal, support=SPLIT, params=params)
    governor = assembly.chain.address("LAMGovernor")
    assert assembly.send(assembly.holders[0], governor, calldata).succeeded
    assembly.end_voting()
    assert tally(proposal).quorum_wei == 4 * LAM
    assert assembly.state(proposal) == expected


def test_a_canceled_proposal_is_canceled(assembly, draft) -> None:
    assembly.send(assembly.holders[0], assembly.chain.address("LAMGovernor"), draft.calldata)
    assembly.send(
        assembly.holders[0], assembly.chain.address("LAMGovernor"), draft.call_to("cancel")
    )
    assembly.follow()
    assert assembly.state(Proposal.objects.get()) == State.CANCELED


def test_what_is_not_queued_in_time_expires(assembly, draft) -> None:
    proposal = assembly.propose(draft)
    assembly.vote(0, proposal, FOR)
    assembly.end_voting()
    assembly.chain.advance(assembly.read("LAMGovernor", "GRACE_PERIOD") + 60)
    assembly.follow()
    assert assembly.state(proposal) == State.EXPIRED


def nowhere() -> str:
    return "0x" + "5a" * 32


def no_policy() -> str:
    """A document that is known by its hash and is not what it should be."""
    document = changed_policy(points_per_action_millipoints="plenty")
    row = Document.objects.create(
        pk=content_hash(document), kind=Kind.REWARD_POLICY, document=document
    )
    return row.pk


@pytest.mark.parametrize(
    ("make", "why"),
    [(nowhere, "No document with hash"), (no_policy, "points_per_action_millipoints")],
    ids=["unknown", "invalid"],
)
def test_an_unadoptable_document_is_shown_and_the_old_one_stays(
    assembly, client, make, why
) -> None:
    before = policy.current(9).hash
    document_hash = make()
    calldata = propose.contract("Registry").encode_call(
        "adopt", int(Kind.REWARD_POLICY), document_hash, "ipfs://nowhere", 1
    )
    draft = propose.draft(
        calls=[Call(assembly.chain.address("Registry"), 0, calldata)],
        title="A document nobody has",
        body="",
        proposer=assembly.holders[0].address,
    )
    proposal = assembly.propose(draft)
    assembly.vote(0, proposal, FOR)
    assembly.end_voting()
    user = make_user()
    carry_out.queue(user=user, proposal=proposal)
    assembly.follow()
    assembly.chain.advance(5)
    carry_out.execute(user=user, proposal=proposal)
    assembly.follow()
    assert assembly.state(proposal) == State.EXECUTED
    adoption = Adoption.objects.get(hash=document_hash)
    assert not adoption.adoptable
    assert why in adoption.reason
    assert policy.current(9).hash == before
    assert epochs.open_next().policy_hash == before
    for page in (f"/proposals/{proposal.pk}", "/handover"):
        text = client.get(page).content.decode()
        assert "the one before stays in force" in text
        assert "A document nobody has" in text
        assert why in text


def test_power_follows_delegation_and_is_exact_in_the_past(assembly) -> None:
    first, second, third = (holder.address for holder in assembly.holders)
    before = assembly.rpc.header()
    assert before is not None
    assembly.chain.advance(10)
    assembly.call(assembly.holders[2], "LAMToken", "delegate", second)
    assembly.follow()
    assert Power.objects.get(delegate=second, is_current=True).votes_wei == 40 * LAM
    assert Power.objects.get(delegate=third, is_current=True).votes_wei == 0
    assert Delegation.objects.get(pk=third).delegate == second
    assert power_wei(second, before.timestamp) == 30 * LAM
    assert power_wei(first, before.timestamp) == assembly.read(
        "LAMToken", "getPastVotes", first, before.timestamp
    )
    call_command("rebuild", "--check")


def test_power_counts_from_the_second_of_its_checkpoint_on(assembly) -> None:
    row = Power.objects.filter(delegate=assembly.holders[1].address).latest("block_number")
    for at, expected in ((row.since - 1, 0), (row.since, 30 * LAM), (row.since + 1, 30 * LAM)):
        assert power_wei(row.delegate, at) == expected
        assert assembly.read("LAMToken", "getPastVotes", row.delegate, at) == expected


def test_what_is_burned_and_minted_during_a_vote_moves_no_quorum(assembly, draft) -> None:
    proposal = assembly.propose(draft)
    assert assembly.call(assembly.holders[2], "LAMToken", "burn", 10 * LAM).succeeded
    assembly.follow()
    assert assembly.read("LAMToken", "totalSupply") == 90 * LAM
    assert Supply.objects.latest("block_number").total_wei == 90 * LAM
    quorum_wei = assembly.read("LAMGovernor", "quorum", proposal.vote_start)
    assert tally(proposal).quorum_wei == quorum_wei == 4 * LAM
