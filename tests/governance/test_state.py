"""To the second: when a state begins and ends, and by which block's time."""

import pytest

from chain.clock import Clock
from governance.models import Proposal
from governance.state import State, Tally, grace_seconds, state

START, END = 1_000, 2_000
PASSING = Tally(against_wei=1, for_wei=2, abstain_wei=0, quorum_wei=2)
FAILING = Tally(against_wei=2, for_wei=2, abstain_wei=0, quorum_wei=2)


def at(head: int, final: int, counted: Tally = PASSING, **fields: int) -> State:
    proposal = Proposal(vote_start=START, vote_end=END, **fields)
    return state(proposal, counted, Clock(head=head, final=final))


@pytest.mark.usefixtures("chain")
@pytest.mark.parametrize(
    ("head", "final", "expected"),
    [
        (START, START, State.PENDING),
        (START + 1, START - 5, State.ACTIVE),
        (END, END, State.ACTIVE),
        # A last vote could still become final.
        (END + 60, END, State.ACTIVE),
        (END + 60, END + 1, State.SUCCEEDED),
    ],
)
def test_voting_begins_by_the_latest_block_and_ends_by_the_final_one(head, final, expected) -> None:
    assert at(head, final) == expected


@pytest.mark.usefixtures("chain")
def test_an_extension_and_objections_move_the_end() -> None:
    assert at(END + 9, END + 9, extended_end=END + 9) == State.ACTIVE
    assert at(END + 9, END + 9, extended_end=END + 5, objection_end=END + 9) == State.ACTIVE
    assert at(END + 10, END + 10, FAILING, extended_end=END + 9) == State.DEFEATED


@pytest.mark.usefixtures("chain")
def test_what_passed_expires_after_the_grace_period() -> None:
    late = END + grace_seconds()
    assert at(late + 9, late) == State.SUCCEEDED
    assert at(late + 9, late + 1) == State.EXPIRED
    eta = END + 500
    late = eta + grace_seconds()
    assert at(late + 9, late, queued_at=END + 1, eta=eta) == State.QUEUED
    assert at(late + 9, late + 1, queued_at=END + 1, eta=eta) == State.EXPIRED


@pytest.mark.usefixtures("chain")
def test_what_was_executed_or_canceled_stays_so() -> None:
    later = END + 10 * grace_seconds()
    assert at(later, later, executed_at=END + 9) == State.EXECUTED
    assert at(START, START, canceled_at=START) == State.CANCELED
