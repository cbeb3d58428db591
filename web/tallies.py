"""The tallies and states of a page of proposals, in a constant number of queries."""

from collections.abc import Iterable
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery, Sum

from chain.clock import clock
from chain.deployment import NotDeployed
from governance.models import Proposal, QuorumNumerator, Supply, Vote
from governance.state import State, Tally, state

LATEST = ("-block_number", "-log_index")


def with_quorum(proposals: QuerySet[Proposal]) -> QuerySet[Proposal]:
    """Adds the supply and the quorum's percentage as of when each proposal's voting began."""
    supply = Supply.objects.filter(since__lte=OuterRef("vote_start")).order_by(*LATEST)
    numerator = QuorumNumerator.objects.filter(since__lte=OuterRef("vote_start")).order_by(*LATEST)
    return proposals.annotate(
        supply_wei=Subquery(supply.values("total_wei")[:1]),
        numerator=Subquery(numerator.values("numerator")[:1]),
    )


def states(proposals: Iterable[Any]) -> list[tuple[Proposal, Tally, State]]:
    """Each proposal of `with_quorum` with its tally and state; empty when nothing is deployed."""
    found = list(proposals)
    cast = Vote.objects.filter(proposal__in=found).values("proposal")
    sums = cast.annotate(a=Sum("against_wei"), f=Sum("for_wei"), n=Sum("abstain_wei"))
    votes = {row["proposal"]: (int(row["a"]), int(row["f"]), int(row["n"])) for row in sums}
    try:
        now = clock()
    except NotDeployed:
        return []
    rows = []
    for proposal in found:
        against, in_favour, abstain = votes.get(proposal.pk, (0, 0, 0))
        quorum = int(proposal.supply_wei or 0) * int(proposal.numerator or 0) // 100
        counted = Tally(against, in_favour, abstain, quorum)
        rows.append((proposal, counted, state(proposal, counted, now)))
    return rows
