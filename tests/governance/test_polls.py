"""Polls: who may open and vote, which ballot counts, and what can never be stored."""

import pytest
from django.db import IntegrityError, transaction
from eth_account import Account

from chain.signatures import typed_data_digest
from governance import poll_bundle, polls, tally, tasks
from governance.ballots import Ballot, InvalidBallot, InvalidRules, digest, typed_data
from governance.counting import Method
from governance.poll_models import Poll, PollBallot
from governance.polls import BallotRefused, PollError, PowersDiffer
from tests.factories import make_user
from tests.governance.balloting import OPTIONS, bundle_of, person_of, publish, signed, vote
from tests.governance.conftest import LAM
from tests.governance.test_signed import ACCEPTED, WALLET_CODE, give_votes


def test_the_scheduler_publishes_polls(settings) -> None:
    scheduled = settings.CELERY_BEAT_SCHEDULE["publish-polls"]["task"]
    assert scheduled == tasks.publish_polls.name


def test_the_digest_is_the_one_every_wallet_signs(assembly, open_poll) -> None:
    for method, choice in ((Method.SINGLE, [2]), (Method.WEIGHTED, [1, 0, 2**32 - 1])):
        poll = open_poll(method)
        ballot = signed(poll, assembly.holders[1], choice)
        rules = polls.rules_of(poll)
        data = typed_data(rules, voter=ballot.voter, choice=choice, issued_at=ballot.issued_at)
        data["message"]["issuedAt"] = ballot.issued_at
        assert digest(rules, ballot) == typed_data_digest(data)


@pytest.mark.parametrize(
    ("method", "choices", "totals", "winners"),
    [
        (Method.SINGLE, ([0], [1], [1]), [60, 40, 0], [0]),
        (Method.APPROVAL, ([0], [1, 2], [0, 1]), [70, 40, 30], [0]),
        (Method.RANKED, ([2, 1], [1], [0, 1]), [10, 30, 60], [2]),
        (Method.WEIGHTED, ([1, 1, 2], [0, 1, 0], [1, 0, 0]), [25, 45, 30], [1]),
    ],
)
def test_a_poll_is_opened_answered_published_and_recomputed(
    assembly, open_poll, settings, method, choices, totals, winners
) -> None:
    poll = open_poll(method)
    for account, choice in zip(assembly.holders, choices, strict=True):
        vote(poll, account, choice)
    expected = tuple(each * LAM for each in totals)
    assert polls.interim(poll).totals_wei == expected
    poll = publish(assembly, poll)
    assert poll.result["totals_wei"] == [str(each) for each in expected]
    assert poll.result["winners"] == winners
    path = bundle_of(poll, settings)
    found = tally.check(path, rpc=assembly.rpc, expected_hash=poll.bundle_hash)
    assert found.mismatches == []
    assert (found.hash, found.outcome.totals_wei) == (poll.bundle_hash, expected)
    tasks.publish_polls()
    assert Poll.objects.get().bundle_hash == poll.bundle_hash
    assert [each.name for each in settings.BUNDLES_DIR.iterdir()] == [path.name]


def test_power_is_what_it_was_whatever_happens_afterwards(assembly, open_poll, settings) -> None:
    first, second, third = assembly.holders
    poll = open_poll()
    for _ in range(3):
        assembly.call(first, "LAMToken", "transfer", third.address, 10 * LAM)
        assembly.chain.advance(2)
    assembly.call(second, "LAMToken", "delegate", third.address)
    assembly.follow()
    vote(poll, first, [0])
    vote(poll, second, [1])
    poll = publish(assembly, poll)
    assert poll.result["totals_wei"] == [str(60 * LAM), str(30 * LAM), "0"]
    found = poll_bundle.read(bundle_of(poll, settings))
    delegates = {power.voter: power.delegate for power in found.powers}
    assert delegates == {first.address: first.address, second.address: third.address}
    assert tally.check(bundle_of(poll, settings), rpc=assembly.rpc).mismatches == []


def test_power_may_be_counted_as_of_an_earlier_time(assembly, open_poll) -> None:
    before = assembly.rpc.header(assembly.rpc.header().number).timestamp
    assembly.chain.advance(10)
    assembly.call(assembly.holders[0], "LAMToken", "transfer", assembly.holders[2].address, LAM)
    assembly.chain.advance(10)
    assembly.follow()
    poll = open_poll(power_at=before)
    assert vote(poll, assembly.holders[0], [0]).power_wei == 60 * LAM
    assert vote(open_poll(), assembly.holders[0], [0]).power_wei == 59 * LAM
    with pytest.raises(InvalidRules, match="already final"):
        open_poll(power_at=before + 10**6)
    with pytest.raises(BallotRefused, match="no votes"):
        vote(open_poll(power_at=5), assembly.holders[0], [0])


def test_the_latest_ballot_counts_and_the_earlier_ones_stay_on_record(
    assembly, open_poll, settings
) -> None:
    voter = assembly.holders[1]
    poll = open_poll()
    vote(poll, voter, [0])
    vote(poll, voter, [1])
    last = vote(poll, voter, [2])
    assert polls.interim(poll).totals_wei == (0, 0, 30 * LAM)
    assert PollBallot.objects.filter(is_latest=True).get() == last
    poll = publish(assembly, poll)
    assert poll.result["totals_wei"] == ["0", "0", str(30 * LAM)]
    assert poll.result["voters"] == 1
    assert len(poll_bundle.read(bundle_of(poll, settings)).ballots) == 3
    assert tally.check(bundle_of(poll, settings)).mismatches == []


def test_an_earlier_ballot_handed_in_again_changes_nothing(assembly, open_poll) -> None:
    voter = assembly.holders[1]
    poll = open_poll()
    first = signed(poll, voter, [0])
    stored = polls.cast(poll=poll, ballot=first)
    vote(poll, voter, [1])
    assert polls.cast(poll=poll, ballot=first) == stored
    assert polls.interim(poll).totals_wei == (0, 30 * LAM, 0)
    older = signed(poll, voter, [2], issued_at=first.issued_at)
    with pytest.raises(BallotRefused, match="later ballot"):
        polls.cast(poll=poll, ballot=older)
    last = PollBallot.objects.get(is_latest=True)
    another = signed(poll, voter, [2], issued_at=last.issued_at)
    with pytest.raises(BallotRefused, match="later ballot"):
        polls.cast(poll=poll, ballot=another)
    assert PollBallot.objects.count() == 2


def test_a_ballot_counts_for_its_poll_its_choice_and_its_voter_alone(assembly, open_poll) -> None:
    voter, other = assembly.holders[1], assembly.holders[2]
    poll, another = open_poll(), open_poll(title="Another question")
    good = signed(poll, voter, [0])
    hostile = [
        (another, good),
        (poll, Ballot(voter.address, (1,), good.issued_at, good.signature)),
        (poll, Ballot(voter.address, (0,), good.issued_at + 1, good.signature)),
        (poll, Ballot(other.address, (0,), good.issued_at, good.signature)),
        (poll, Ballot(voter.address, (0,), good.issued_at, b"")),
        (poll, Ballot(voter.address, (0,), good.issued_at, b"\0" * 65)),
        (poll, signed(poll, other, [0], voter=voter.address)),
    ]
    for target, ballot in hostile:
        with pytest.raises(BallotRefused, match="signature"):
            polls.cast(poll=target, ballot=ballot)
    assert not PollBallot.objects.exists()


def test_a_ballot_that_does_not_fit_names_the_field(assembly, open_poll) -> None:
    poll = open_poll()
    voter = assembly.holders[1]
    for choice in ([], [3], [0, 1]):
        with pytest.raises(InvalidBallot, match=r"^choice"):
            vote(poll, voter, choice)
    for second in (poll.opens_at - 1, poll.closes_at, 0):
        with pytest.raises(InvalidBallot, match=r"^issued_at"):
            vote(poll, voter, [0], issued_at=second)
    with pytest.raises(BallotRefused, match="has not reached"):
        vote(poll, voter, [0], issued_at=poll.closes_at - 1)


def test_who_had_no_votes_takes_no_part(assembly, open_poll) -> None:
    with pytest.raises(BallotRefused, match="no votes"):
        vote(open_poll(), Account.create(), [0])


def test_late_ballots_are_refused_and_an_open_poll_is_not_closed(assembly, open_poll) -> None:
    poll = open_poll()
    ballot = signed(poll, assembly.holders[1], [0])
    with pytest.raises(PollError, match="still open"):
        polls.close(poll)
    with pytest.raises(PollError, match="not closed"):
        polls.publish(poll)
    assembly.chain.advance(301)
    assembly.follow()
    with pytest.raises(BallotRefused, match="closed"):
        polls.cast(poll=poll, ballot=ballot)
    assert publish(assembly, poll).result["voters"] == 0


def test_a_poll_closed_meanwhile_takes_nothing_in(assembly, open_poll) -> None:
    poll = open_poll()
    ballot = signed(poll, assembly.holders[1], [0])
    # The row that a request has read may be older than the closing.
    Poll.objects.update(closed_at="2030-01-01T00:00:00Z")
    with pytest.raises(BallotRefused, match="closed"):
        polls.cast(poll=poll, ballot=ballot)


def test_a_vote_is_changed_only_so_often(assembly, open_poll, monkeypatch) -> None:
    monkeypatch.setattr(polls, "CHANGES_MAX", 2)
    poll = open_poll()
    for number in range(3):
        vote(poll, assembly.holders[1], [number])
    with pytest.raises(BallotRefused, match="at most 2 times"):
        vote(poll, assembly.holders[1], [0])


def test_opening_takes_votes_and_ends(assembly, open_poll, settings) -> None:
    settings.POLLS_OPEN_MAX = 2
    user = person_of(assembly.holders[1])
    asked = {"options": OPTIONS, "method": Method.SINGLE, "duration_seconds": 300}
    with pytest.raises(PollError, match="votes"):
        polls.open_poll(user=make_user(), title="?", **asked)
    with pytest.raises(PollError, match="wallet"):
        polls.open_poll(user=make_user(wallet=False), title="?", **asked)
    first = polls.open_poll(user=user, title="1", **asked)
    assert polls.open_poll(user=user, title="1", **asked) == first
    polls.open_poll(user=user, title="2", **asked)
    with pytest.raises(PollError, match="open polls"):
        polls.open_poll(user=user, title="3", **asked)
    assembly.chain.advance(400)
    assembly.follow()
    polls.open_poll(user=user, title="3", **asked)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"options": ["one"]}, "options"),
        ({"options": ["one", "one"]}, "options"),
        ({"options": ["one", ""]}, "options"),
        ({"options": [str(n) for n in range(21)]}, "options"),
        ({"duration_seconds": 59}, "duration_seconds"),
        ({"duration_seconds": 10**9}, "duration_seconds"),
        ({"body": "\ud800"}, "body"),
        ({"body": "a\0b"}, "body"),
    ],
)
def test_rules_that_cannot_be_name_the_field(open_poll, fields, field) -> None:
    with pytest.raises(InvalidRules) as error:
        open_poll(**fields)
    assert error.value.field == field
    assert not Poll.objects.exists()


def test_a_wallet_contract_votes_and_is_attested_until_a_node_is_asked(
    assembly, open_poll, settings
) -> None:
    wallet = Account.create().address
    assembly.chain.rpc("anvil_setCode", wallet, WALLET_CODE)
    give_votes(assembly, wallet)
    assembly.chain.mine(3)
    assembly.follow()
    poll = open_poll()
    second = polls.next_second(poll, wallet)
    with pytest.raises(BallotRefused, match="signature"):
        polls.cast(poll=poll, ballot=Ballot(wallet, (1,), second, b"\0" * 32))
    row = polls.cast(poll=poll, ballot=Ballot(wallet, (1,), second, ACCEPTED))
    assert row.attested
    vote(poll, assembly.holders[1], [0])
    poll = publish(assembly, poll)
    assert poll.result["attested_wei"] == str(5 * LAM)
    path = bundle_of(poll, settings)
    assert tally.check(path).attested == [wallet]
    assert tally.check(path, rpc=assembly.rpc).mismatches == []
    assembly.chain.rpc("anvil_setCode", wallet, "0x600160e01b5f5260205ff3")
    found = tally.check(path, rpc=assembly.rpc)
    assert [wallet in line for line in found.mismatches] == [True]


def test_powers_that_the_chain_does_not_prove_are_never_published(assembly, open_poll) -> None:
    poll = open_poll()
    vote(poll, assembly.holders[1], [0])
    PollBallot.objects.update(power_wei=31 * LAM)
    assembly.chain.advance(400)
    assembly.follow()
    poll = polls.close(poll)
    with pytest.raises(PowersDiffer):
        polls.publish(poll)
    tasks.publish_polls()
    assert Poll.objects.get().bundle_hash == ""
    PollBallot.objects.update(power_wei=30 * LAM)
    tasks.publish_polls()
    assert Poll.objects.get().bundle_hash


def test_a_node_that_is_away_delays_the_result(assembly, open_poll, settings) -> None:
    poll = open_poll()
    assembly.chain.advance(400)
    assembly.follow()
    url, settings.ETH_RPC_URL = settings.ETH_RPC_URL, "http://127.0.0.1:9"
    tasks.publish_polls()
    poll.refresh_from_db()
    assert poll.closed_at
    assert not poll.bundle_hash
    settings.ETH_RPC_URL = url
    tasks.publish_polls()
    assert Poll.objects.get().bundle_hash


@pytest.mark.parametrize(
    "change",
    [
        {"bundle_hash": "0x" + "1" * 64},
        {"result": {}},
        {"block_number": 5},
        {"closes_at": 0},
        {"method": "loudest"},
        {"author": "nobody"},
    ],
)
def test_rows_that_make_no_sense_are_impossible(open_poll, change) -> None:
    open_poll()
    with pytest.raises(IntegrityError), transaction.atomic():
        Poll.objects.update(**change)


# The bundle as a stranger gets it.
