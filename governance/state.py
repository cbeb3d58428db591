"""Where a proposal stands, computed from finalized logs and the time of blocks.

The same rules as the Governor's `state`: OpenZeppelin's, plus expiry of what is not queued or
executed within the grace period. The end of voting is judged by the time of the last *final* block,
so that no vote that is still to become final can be missed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.db.models import OuterRef, Subquery, Sum

from chain.clock import Clock, clock
from chain.deployment import deployment
from governance.models import Power, Proposal, QuorumNumerator, Supply, Vote


class State(StrEnum):
    """The Governor's states (IGovernor.ProposalState)."""

    PENDING = "pending"
    ACTIVE = "active"
    CANCELED = "canceled"
    DEFEATED = "defeated"
    SUCCEEDED = "succeeded"
    QUEUED = "queued"
    EXPIRED = "expired"
    EXECUTED = "executed"


@dataclass(frozen=True)
class Tally:
    """Votes so far and what a quorum needs, in LAM wei."""

    against_wei: int
    for_wei: int
    abstain_wei: int
    quorum_wei: int

    @property
    def quorum_reached(self) -> bool:
        """For and abstain count."""
        return self.quorum_wei <= self.for_wei + self.abstain_wei

    @property
    def passing(self) -> bool:
        """Would succeed if voting ended now."""
        return self.quorum_reached and self.for_wei > self.against_wei


def tally(proposal: Proposal) -> Tally:
    """The sums of all final votes."""
    return tallies([proposal])[proposal.pk]


def tallies(proposals: Sequence[Proposal]) -> dict[int, Tally]:
    """The tallies of many proposals by their ids, in one query."""
    rows = Proposal.objects.filter(pk__in=[each.pk for each in proposals]).annotate(
        against_wei=_votes("against_wei"),
        for_wei=_votes("for_wei"),
        abstain_wei=_votes("abstain_wei"),
        supply_wei=_as_of(Supply, "total_wei"),
        numerator=_as_of(QuorumNumerator, "numerator"),
    )
    return {
        row.pk: Tally(
            against_wei=int(row.against_wei or 0),
            for_wei=int(row.for_wei or 0),
            abstain_wei=int(row.abstain_wei or 0),
            quorum_wei=int(row.supply_wei or 0) * (row.numerator or 0) // 100,
        )
        for row in rows
    }


def _votes(column: str) -> Subquery:
    """A sum over the votes of the outer proposal."""
    votes = Vote.objects.filter(proposal=OuterRef("pk")).order_by().values("proposal")
    return Subquery(votes.annotate(sum=Sum(column)).values("sum"))


def _as_of(model: type[Supply] | type[QuorumNumerator], column: str) -> Subquery:
    """A column of the checkpoint that stood when the outer proposal's power was counted."""
    past = model._default_manager.filter(since__lte=OuterRef("vote_start"))
    return Subquery(past.order_by("-block_number", "-log_index").values(column)[:1])


def power_wei(address: str, at: int) -> int:
    """The votes of a delegate as of `at` (seconds since 1970), as ERC-5805's getPastVotes."""
    history = Power.objects.filter(delegate=address, since__lte=at)
    latest = history.order_by("-block_number", "-log_index").first()
    return latest.votes_wei if latest else 0


def grace_seconds() -> int:
    """How long a passed proposal may wait to be queued, and a queued one to be executed."""
    return int(deployment().parameters["grace_period_seconds"])


def state(proposal: Proposal, counted: Tally, now: Clock | None = None) -> State:
    """The proposal's state as of the last block followed."""
    now = now or clock()
    if proposal.executed_at is not None:
        return State.EXECUTED
    if proposal.canceled_at is not None:
        return State.CANCELED
    if now.head <= proposal.vote_start:
        return State.PENDING
    if now.final <= proposal.deadline:
        return State.ACTIVE
    if not counted.passing:
        return State.DEFEATED
    return _passed(proposal, now)


def _passed(proposal: Proposal, now: Clock) -> State:
    if proposal.eta is not None:
        late = now.final > proposal.eta + grace_seconds()
        return State.EXPIRED if late else State.QUEUED
    late = now.final > proposal.deadline + grace_seconds()
    return State.EXPIRED if late else State.SUCCEEDED
