"""The states a proposal has gone through so far, with the second of each, computed anew each time.

What feeds and notifications tell; the same rules as governance.state.
"""

from collections.abc import Iterator

from chain.clock import Clock
from governance.models import Proposal
from governance.state import State, Tally, grace_seconds


def history(proposal: Proposal, counted: Tally, now: Clock) -> Iterator[tuple[State, int]]:
    """(state, seconds since 1970) in their order, as of the last block followed."""
    ended = proposal.executed_at or proposal.canceled_at
    canceled = proposal.canceled_at
    yield State.PENDING, proposal.created_at
    if now.head > proposal.vote_start and (canceled is None or canceled > proposal.vote_start):
        yield State.ACTIVE, proposal.vote_start
    decided = now.final > proposal.deadline or proposal.queued_at or proposal.executed_at
    if decided and (canceled is None or canceled > proposal.deadline):
        yield State.SUCCEEDED if counted.passing else State.DEFEATED, proposal.deadline
    if proposal.queued_at is not None:
        yield State.QUEUED, proposal.queued_at
    if proposal.executed_at is not None:
        yield State.EXECUTED, proposal.executed_at
    if canceled is not None:
        yield State.CANCELED, canceled
    lapse = (proposal.eta or proposal.deadline) + grace_seconds()
    if ended is None and counted.passing and now.final > lapse:
        yield State.EXPIRED, lapse
